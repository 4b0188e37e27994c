import Geometry
import LiftSplat
import Scenes

/// What a perception network is made of: everything that its graphs and decoders are built from.
///
/// As YAML or JSON every key may be absent, and then has the value below; an unknown key is an error. `PerceptionNetwork`
/// checks that the parts fit.
public struct NetworkConfiguration: Codable, Hashable, Sendable {
  /// What the network sees with.
  public enum Sensor: String, Codable, Hashable, Sendable, CaseIterable {
    case camera, lidar
  }

  /// What the network tells.
  public enum Head: String, Codable, Hashable, Sendable, CaseIterable {
    /// Boxes with velocities and attributes.
    case detection
    /// Roads, crossings, walkways and dividers from above.
    case map
    /// What is occupied and what was seen, from above.
    case occupancy
    /// Occ3D's volume of classes.
    case volume
    /// Features for trajectories to be made from.
    case trajectories
  }

  /// The sensors; one of them may still be missing at run time.
  public var sensors = Sensor.allCases
  /// The grid that sensors are joined on, in the ego frame.
  public var grid = BEVGrid(minimumX: -51.2, minimumY: -51.2, cellSize: 0.8, countX: 128, countY: 128)
  /// The grid of map and occupancy: the same area in cells that divide the first grid's.
  public var resultGrid = BEVGrid.standard
  /// From images to BEV.
  public var camera = CameraBranch()
  /// From points to BEV.
  public var lidar = LidarBranch()
  /// How the sensors and the frame before are joined.
  public var fusion = FusionMethod.concatenation
  /// Channels that are kept for the next frame; 0: no memory.
  public var memoryChannels = 16
  /// What all heads share.
  public var backbone = Backbone()
  /// The heads that are built.
  public var heads = Head.allCases
  /// Of the head of the same name, as below.
  public var detection = Detection()
  /// Of the map.
  public var map = Map()
  /// Of occupancy from above.
  public var occupancy = Occupancy()
  /// Of the volume.
  public var volume = Volume()
  /// Of the trajectories' features.
  public var trajectories = TrajectoryFeatures()

  /// The defaults.
  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case sensors, grid, resultGrid, camera, lidar, fusion, memoryChannels, backbone, heads
    case detection, map, occupancy, volume, trajectories
  }

  /// Reads a configuration; absent keys keep their defaults.
  /// - Throws: `DecodingError` for unknown keys and values of another type.
  public init(from decoder: any Decoder) throws {
    let section = try ConfigurationSection(decoder, CodingKeys.self)
    try section.read(.sensors, &sensors)
    let gridKeys = ["minimumX", "minimumY", "cellSize", "countX", "countY"]
    try section.read(.grid, &grid, keys: gridKeys)
    try section.read(.resultGrid, &resultGrid, keys: gridKeys)
    try section.read(.camera, &camera)
    try section.read(.lidar, &lidar)
    try section.read(.fusion, &fusion)
    try section.read(.memoryChannels, &memoryChannels)
    try section.read(.backbone, &backbone)
    try section.read(.heads, &heads)
    try section.read(.detection, &detection)
    try section.read(.map, &map)
    try section.read(.occupancy, &occupancy)
    try section.read(.volume, &volume)
    try section.read(.trajectories, &trajectories)
  }
}

extension NetworkConfiguration {
  /// What a stage of a backbone repeats.
  public enum Block: String, Codable, Hashable, Sendable {
    /// ResNet's basic block: two dense 3x3 convolutions.
    case residual
    /// MobileNet's inverted residual with squeeze and excitation.
    case invertedResidual
  }

  /// How levels of different strides become one.
  public enum Neck: String, Codable, Hashable, Sendable {
    /// Feature pyramid: 1x1 convolutions, sums, and a 3x3 convolution at the finest level.
    case pyramid
    /// UNet: concatenation and two 3x3 convolutions a level.
    case unet
  }

  /// Blocks at one stride.
  public struct Stage: Codable, Hashable, Sendable {
    /// What is repeated.
    public var block = Block.residual
    /// Channels.
    public var channels = 64
    /// Blocks; the first takes the stride.
    public var depth = 1
    /// 1 or 2.
    public var stride = 2
    /// Of inverted residuals: hidden channels per channel.
    public var expansion = 4

    /// The stage with these values.
    public init(
      _ block: Block = .residual, channels: Int = 64, depth: Int = 1, stride: Int = 2, expansion: Int = 4
    ) {
      self.block = block
      self.channels = channels
      self.depth = depth
      self.stride = stride
      self.expansion = expansion
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case block, channels, depth, stride, expansion }

    /// Reads a stage; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.block, &block)
      try section.read(.channels, &channels)
      try section.read(.depth, &depth)
      try section.read(.stride, &stride)
      try section.read(.expansion, &expansion)
    }
  }

  /// From images to a depth distribution and context features at stride 16.
  public struct CameraBranch: Codable, Hashable, Sendable {
    /// Cameras; missing ones see nothing.
    public var count = 6
    /// The images' size in pixels, multiples of 32.
    public var height = 128, width = 352
    /// Channels of the first 3x3 convolution, of stride 2.
    public var stem = 16
    /// What follows it; the strides lead to 16 and on to 32 in all.
    public var stages = [
      Stage(.residual, channels: 32), Stage(.residual, channels: 48),
      Stage(.invertedResidual, channels: 96, depth: 3), Stage(.invertedResidual, channels: 128, depth: 2),
    ]
    /// How strides 16 and 32 become one level.
    public var neck = Neck.pyramid
    /// That level's channels.
    public var neckChannels = 96
    /// Channels that are lifted into the grid, and of the branch over it.
    public var contextChannels = 48, channels = 32
    /// The distances that a pixel's content may be at.
    public var depth = DepthBins.networkDefault
    /// Metres above the ego's ground between which pixels are lifted.
    public var minimumHeight = -3.0, maximumHeight = 5.0
    /// Whether a lifted pixel is shared among the four nearest cells.
    public var bilinear = false

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case count, height, width, stem, stages, neck, neckChannels, contextChannels, channels, depth,
        minimumHeight
      case maximumHeight, bilinear
    }

    /// Reads a branch; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.count, &count)
      try section.read(.height, &height)
      try section.read(.width, &width)
      try section.read(.stem, &stem)
      try section.read(.stages, &stages)
      try section.read(.neck, &neck)
      try section.read(.neckChannels, &neckChannels)
      try section.read(.contextChannels, &contextChannels)
      try section.read(.channels, &channels)
      try section.read(.depth, &depth, keys: ["spacing", "minimum", "maximum", "count"])
      try section.read(.minimumHeight, &minimumHeight)
      try section.read(.maximumHeight, &maximumHeight)
      try section.read(.bilinear, &bilinear)
    }
  }

  /// From LiDAR points to BEV by pillars.
  public struct LidarBranch: Codable, Hashable, Sendable {
    /// The most points of a frame; of more, the oldest are left out.
    public var pointCapacity = 131_072
    /// Sweeps of a frame, the keyframe's among them.
    public var sweeps = 5
    /// Pillars along a cell's side: 1, 2 or 4.
    public var pillarsPerCell = 2
    /// Features of a pillar.
    public var pillarChannels = 16
    /// Channels of the branch.
    public var channels = 32
    /// Metres above the ego's ground between which points count.
    public var minimumHeight = -3.0, maximumHeight = 5.0

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case pointCapacity, sweeps, pillarsPerCell, pillarChannels, channels, minimumHeight, maximumHeight
    }

    /// Reads a branch; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.pointCapacity, &pointCapacity)
      try section.read(.sweeps, &sweeps)
      try section.read(.pillarsPerCell, &pillarsPerCell)
      try section.read(.pillarChannels, &pillarChannels)
      try section.read(.channels, &channels)
      try section.read(.minimumHeight, &minimumHeight)
      try section.read(.maximumHeight, &maximumHeight)
    }
  }

  /// The backbone over the grid: stages (the first at stride 1) and a neck back to the grid's own cells.
  public struct Backbone: Codable, Hashable, Sendable {
    /// The stages; the first has stride 1, the sensors are joined into its channels.
    public var stages = [
      Stage(.residual, channels: 32, stride: 1), Stage(.residual, channels: 64),
      Stage(.residual, channels: 96, depth: 2),
    ]
    /// How the stages become one level.
    public var neck = Neck.pyramid
    /// Channels that the heads see.
    public var outputs = 48

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case stages, neck, outputs }

    /// Reads a backbone; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.stages, &stages)
      try section.read(.neck, &neck)
      try section.read(.outputs, &outputs)
    }
  }
}
