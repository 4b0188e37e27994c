import Forecasting
import Geometry
import Models
import Perception
import Scenes
import Tracking
import TrajectoryRefiner

/// Follows what perception sees through one scene: tracks, and where they and the ego may go.
///
/// Runs behind perception, frame by frame in order.
struct TrajectoryStage: Sendable {
  private let scene: String
  private let refiner: TrajectoryRefiner?
  private let grid: BEVGrid
  private let roads: [RoadLine]
  private let isClassical: Bool
  private var tracker: Tracker
  private var builder: ConditionBuilder?
  private var egoPoses: [EgoPose] = []

  /// At the beginning of a scene.
  ///
  /// - Parameters:
  ///   - stages: the network's; nil: detections are classical, or of `network`.
  ///   - network: somebody else's, by a description.
  ///   - roads: the location's road lines, for navigation.
  init(_ scene: Scene, stages: NetworkStages?, network: DescribedNetwork? = nil, roads: [RoadLine]) {
    self.scene = scene.name
    self.roads = roads
    refiner = stages?.refiner
    grid = stages?.model.configuration.perception.grid ?? .standard
    isClassical = stages == nil && network == nil
    tracker = Tracker(
      configuration: TrackerConfiguration(usesDetectedVelocity: stages != nil || network?.givesVelocity == true), idPrefix: "\(scene.name)-")
    builder = refiner.map { ConditionBuilder(configuration: $0.configuration, anchors: $0.anchors) }
  }

  /// Agents, the ego among them, that the refiner sees in a frame: two runs of its plan. Those farther away are forecast
  /// by physics.
  private var refinedAgents: Int { 2 * (refiner?.configuration.agentsPerChunk ?? 0) }

  /// Tracks and trajectories of a frame.
  mutating func follow(_ seen: SeenFrame) throws -> PerceivedFrame {
    let frame = seen.frame
    var result = PerceivedFrame(seen)
    guard let sight = seen.sight else { return result }
    egoPoses.append(
      EgoPose(timestampMicroseconds: frame.timestampMicroseconds, globalFromEgo: frame.globalFromEgo))
    egoPoses = egoPoses.suffix(8)
    let tracked = result.clock.measure("track") {
      tracker.update(sight.detections, timestampMicroseconds: frame.timestampMicroseconds)
    }
    let start = ContinuousClock.now
    let refined = try refine(tracked.tracks, sight, frame)
    result.notes += [refined?.note].compactMap { $0 }
    result.prediction = FramePrediction(
      keyframe: frame.keyframe, globalFromEgo: frame.globalFromEgo,
      // One sweep shows no motion; a network tells it itself.
      detections: isClassical ? withMotion(sight.detections, of: tracked) : sight.detections,
      tracks: tracked.tracks, bev: sight.bev, volume: sight.volume,
      egoTrajectories: refined?.ego ?? forecastEgo(poses: egoPoses),
      agents: tracked.tracks.map { track in
        refined?.agents[track.id].map { AgentTrajectories(track: track, trajectories: $0) }
          ?? forecastTrajectories(of: track)
      }, mapLines: sight.lines)
    result.clock.add(
      refiner == nil ? "forecast" : "trajectories", (ContinuousClock.now - start) / .milliseconds(1))
    return result
  }

  /// Trajectories by the network; nil without a refiner.
  ///
  /// - Returns: trajectories of the ego and, by track, of the nearest ones; a note where kinematic limits changed modes.
  private mutating func refine(
    _ tracks: [Track], _ sight: Sight, _ frame: Frame
  ) throws -> (ego: Trajectories, agents: [String: Trajectories], note: String?)? {
    guard let refiner else { return nil }
    let ego = ObservedAgent.ego(frame.globalFromEgo)
    let agents = tracks.map { ObservedAgent($0) }
    builder?.observe([ego] + agents, at: frame.timestampMicroseconds)
    builder?.map = RoadMap(layers: sight.lines, lines: roads, configuration: refiner.configuration)
    // Tracks by distance; equals in their order.
    let nearest = agents.enumerated().sorted {
      (($0.element.position - ego.position).length, $0.offset)
        < (($1.element.position - ego.position).length, $1.offset)
    }
    let chosen = [ego] + nearest.prefix(refinedAgents - 1).map(\.element)
    let conditions = sight.features.withUnsafeBufferPointer { values in
      let channels = refiner.configuration.bevChannels
      let features =
        channels > 0 && !values.isEmpty
        ? BEVFeatures(channels: channels, grid: grid, values: values, globalFromEgo: frame.globalFromEgo)
        : nil
      return builder?.conditions(of: chosen, bev: features) ?? []
    }
    let result = try refiner.refine(
      conditions, scene: scene, timestampMicroseconds: frame.timestampMicroseconds)
    let corrections = result.corrections
    let note =
      corrections.modes > 0
      ? "trajectories: \(corrections.modes) of \(corrections.checked) modes brought within kinematic limits"
      : nil
    let pairs = zip(chosen.dropFirst().map(\.id), result.trajectories.dropFirst())
    return (result.trajectories[0], Dictionary(pairs, uniquingKeysWith: { first, _ in first }), note)
  }
}

/// Detections with the velocity, heading and attribute of the tracks they became part of.
private func withMotion(_ detections: [Detection], of tracked: TrackedFrame) -> [Detection] {
  zip(detections, tracked.trackOfDetection).map { detection, track in
    guard let track else { return detection }
    var moving = detection
    moving.velocity = track.detection.velocity
    moving.box.rotation = track.detection.box.rotation
    moving.attribute = track.detection.attribute
    return moving
  }
}
