import Geometry
import PointClouds
import Scenes

/// What classical perception sees in one frame.
public struct ClassicalFrame: Sendable {
  /// Objects in the global frame, by falling score.
  public var detections: [Detection]
  /// Occupancy in the ego frame.
  public var bev: BEVLayers
  /// The semantic volume in the ego frame.
  public var volume: OccupancyVolume
  /// The ground that all heights are above.
  public var ground: GroundModel
}

/// Perception without weights: ground, clusters, shapes and ray-cast occupancy, frame after frame of one scene.
///
/// The occupancy map is what is kept between frames; detections come from the keyframe's sweep alone. A value is one
/// scene's: make a new one (or `reset`) for the next. The result is the same at any number of threads.
public struct ClassicalPerception: Sendable {
  /// What a frame is made of.
  public struct Configuration: Sendable, Hashable {
    /// The occupancy map's evidence.
    public var occupancy = OccupancyMap.Configuration()
    /// Detections below this score are left out.
    public var minimumScore = 0.02
    /// Boxes at or above this score fill the volume.
    public var volumeScore = 0.5
    /// Occupancy (map and volume) from earlier sweeps alone, for evaluation.
    public var withholdsKeyframeSweep = false
    /// The number of threads.
    public var threads = 1

    /// The defaults.
    public init() {}
  }

  /// The configuration.
  public let configuration: Configuration
  private var map: OccupancyMap
  private var columns = ObstacleColumns()
  private var volume = SemanticVolume()

  /// Perception for one scene.
  public init(configuration: Configuration = Configuration(), grid: BEVGrid = .standard) {
    self.configuration = configuration
    map = OccupancyMap(grid: grid, configuration: configuration.occupancy)
  }

  /// Forgets the scene; keeps memory.
  public mutating func reset() { map.reset() }

  /// Perceives a frame.
  ///
  /// - Parameter cloud: the keyframe's sweep and the sweeps before it (those of the frame before may come again: each
  ///   sweep counts once), filtered, in the ego frame at the keyframe.
  /// - Throws: where PCL fails.
  /// - Complexity: O(points + cells).
  public mutating func perceive(_ cloud: AccumulatedCloud) throws -> ClassicalFrame {
    let threads = configuration.threads
    let ground = try GroundModel(fitting: cloud.points)
    let heights = ground.heightsAboveGround(cloud.points, threads: threads)
    map.update(
      with: cloud, heights: heights, ground: ground,
      withholdingKeyframe: configuration.withholdsKeyframeSweep, threads: threads)
    let objects = detect(cloud, heights: heights, ground: ground)
    let sources = cloud.sources.filter { !(configuration.withholdsKeyframeSweep && $0.isKeyframe) }
    let sure = objects.filter {
      $0.score >= configuration.volumeScore && !configuration.withholdsKeyframeSweep
    }
    let filled = volume.fill(
      cloud.points, ranges: sources.map(\.range), heights: heights, boxes: sure.map { ($0.box, $0.name) })
    return ClassicalFrame(
      detections: objects.map { object in
        var detection = object
        detection.box = object.box.transformed(by: cloud.globalFromEgo)
        return detection
      }, bev: map.layers(), volume: filled, ground: ground)
  }

  /// Objects in the keyframe's sweep (the newest where it is missing), in the ego frame, by falling score.
  private mutating func detect(
    _ cloud: AccumulatedCloud, heights: [Float], ground: GroundModel
  ) -> [Detection] {
    guard
      let source = cloud.sources.first(where: \.isKeyframe)
        ?? cloud.sources.max(by: { $0.timestampMicroseconds < $1.timestampMicroseconds })
    else { return [] }
    columns.collect(cloud.points, range: source.range, heights: heights)
    let proposals = ObjectProposals(columns: columns, sensor: SIMD2(source.origin.x, source.origin.y))
    return proposals.proposals().compactMap { proposal in
      let score = Self.confidence(of: proposal)
      guard score >= configuration.minimumScore else { return nil }
      let height = max(proposal.top, proposal.shape.size.z * 0.8)
      let base = ground.height(proposal.center.x, proposal.center.y)
      let box = Box3D(
        center: SIMD3(Double(proposal.center.x), Double(proposal.center.y), Double(base + height / 2)),
        size: SIMD3(Double(proposal.width), Double(proposal.length), Double(height)),
        rotation: Quaternion(yaw: forwards(Double(proposal.yaw))))
      return Detection(
        name: proposal.shape.name, box: box, velocity: .zero, score: score,
        attribute: attributeName(for: proposal.shape.name, speed: 0))
    }
  }

  /// How likely a proposal is right, by how well it fits its class.
  ///
  /// A vehicle's shape says much, a post's or a pedestrian's little: many things are as narrow. On the one labelled
  /// drive at hand a vehicle's fit of 0.1 is right about half of the time and one of 0.3 four times in five, which the
  /// square root follows from below; what is narrow is right far less often than it fits.
  private static func confidence(of proposal: ObjectProposal) -> Double {
    let fit = Double(proposal.score)
    return proposal.shape.isVehicle ? fit.squareRoot() : fit / 2
  }

  /// Of a heading and its opposite, the one nearer to the ego's own: more often right than chance.
  private func forwards(_ yaw: Double) -> Double {
    let wrapped = wrapAngle(yaw)
    return abs(wrapped) <= .pi / 2 ? wrapped : wrapAngle(wrapped + .pi)
  }
}
