import Scenes

extension NetworkConfiguration {
  /// How boxes of one object are reduced to one.
  public enum Suppression: String, Codable, Hashable, Sendable {
    /// Every peak stays.
    case none
    /// Of centres nearer than the class's radius the best score stays.
    case circle
    /// Of footprints that overlap by more than `maximumOverlap` the best score stays.
    case rotated
  }

  /// The detection head: CenterPoint's heat maps and regressions (Yin et al., arXiv 2006.11275).
  public struct Detection: Codable, Hashable, Sendable {
    /// The classes, in the order of the heat maps.
    public var classes = DetectionClass.allCases
    /// Channels of its own 3x3 convolution.
    public var hidden = 48
    /// Peaks below this score are left out.
    public var minimumScore = 0.05
    /// Detections of a frame at most.
    public var maximumCount = 300
    /// How boxes of one object are reduced to one.
    public var suppression = Suppression.circle
    /// Of rotated suppression: the overlap (intersection over union) that two objects may have.
    public var maximumOverlap = 0.2

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case classes, hidden, minimumScore, maximumCount, suppression, maximumOverlap
    }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.classes, &classes)
      try section.read(.hidden, &hidden)
      try section.read(.minimumScore, &minimumScore)
      try section.read(.maximumCount, &maximumCount)
      try section.read(.suppression, &suppression)
      try section.read(.maximumOverlap, &maximumOverlap)
    }
  }

  /// A layer of the map, named as in nuScenes.
  public enum MapLayerName: String, Codable, Hashable, Sendable, CaseIterable {
    case drivableArea = "drivable_area", laneDivider = "lane_divider", roadDivider = "road_divider"
    case crossing = "ped_crossing", walkway

    /// Whether the layer is of lines, which are traced as polylines.
    public var isLine: Bool { self == .laneDivider || self == .roadDivider }
  }

  /// The map head.
  public struct Map: Codable, Hashable, Sendable {
    /// The layers, in order.
    public var layers = MapLayerName.allCases
    /// Channels of its own 3x3 convolution.
    public var hidden = 16
    /// Dividers are traced where they are at least this likely.
    public var lineProbability = 0.5
    /// Metres to which a traced line may be simplified, and below which it is left out.
    public var lineTolerance = 0.2, minimumLineLength = 3.0
    /// The width in metres that lines are drawn with for training.
    public var lineWidth = 0.8

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case layers, hidden, lineProbability, lineTolerance, minimumLineLength, lineWidth
    }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.layers, &layers)
      try section.read(.hidden, &hidden)
      try section.read(.lineProbability, &lineProbability)
      try section.read(.lineTolerance, &lineTolerance)
      try section.read(.minimumLineLength, &minimumLineLength)
      try section.read(.lineWidth, &lineWidth)
    }
  }

  /// The head of occupancy from above.
  public struct Occupancy: Codable, Hashable, Sendable {
    /// Channels of its own 3x3 convolution.
    public var hidden = 16
    /// The most log-odds that one frame says about a cell.
    public var evidence: Float = 2

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case hidden, evidence }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.hidden, &hidden)
      try section.read(.evidence, &evidence)
    }
  }

  /// The volume head: each cell's features become its column's classes (FlashOcc's channel-to-height, Yu et al.,
  /// arXiv 2311.12058).
  public struct Volume: Codable, Hashable, Sendable {
    /// Channels of its own 3x3 convolution.
    public var hidden = 32
    /// Columns along a cell's side that are told apart: a divisor of the columns of 0.4 m that fit.
    public var columnsPerCell = 1

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case hidden, columnsPerCell }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.hidden, &hidden)
      try section.read(.columnsPerCell, &columnsPerCell)
    }
  }

  /// The features that trajectories are made from.
  public struct TrajectoryFeatures: Codable, Hashable, Sendable {
    /// Channels.
    public var channels = 32

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case channels }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.channels, &channels)
    }
  }
}
