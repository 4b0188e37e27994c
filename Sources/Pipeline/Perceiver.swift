import FrameInput
import FrameSync
import NeuralEngine
import Perception
import PointClouds
import Scenes

/// What perception saw in a frame, before tracks are followed.
struct Sight: Sendable {
  var detections: [Detection]
  var bev: BEVLayers
  var volume: OccupancyVolume
  /// Lines of the map, in the global frame.
  var lines: [MapLayer] = []
  /// What trajectories are made from, `[channel, i, j]` over the network's grid; empty without.
  var features: [Float] = []
}

/// What perceives: chosen once a run, here and nowhere else. Every way gives a `Sight`.
enum Perceiver {
  /// Without weights, from LiDAR.
  case classical(ClassicalPerception.Configuration)
  /// A compiled model.
  case network(NetworkStages)

  /// What these options ask for.
  /// - Throws: what compiling a model throws.
  init(_ options: ReplayOptions) throws {
    if let model = options.model {
      self = .network(try NetworkStages(model, precision: options.precision, threads: options.threads))
    } else {
      var configuration = ClassicalPerception.Configuration()
      configuration.withholdsKeyframeSweep = options.withholdKeyframeSweep
      configuration.threads = options.threads
      self = .classical(configuration)
    }
  }

  /// The compiled model; nil for the classical way.
  var network: NetworkStages? {
    if case .network(let stages) = self { stages } else { nil }
  }

  /// What it takes of a scene's images; nil: nothing.
  func request(for scene: Scene) -> ImageRequest? { network?.request(for: scene) }

  /// How a scene's measurements are matched.
  func policy(for scene: Scene) -> SyncPolicy { network?.policy(for: scene) ?? SyncPolicy() }
}

/// A perceiver at work on one scene: what its way remembers from frame to frame.
struct ScenePerceiver {
  private var classical: ClassicalPerception?
  private let network: NetworkStages?

  /// At the beginning of a scene.
  init(_ perceiver: Perceiver) {
    network = perceiver.network
    network?.begin()
    if case .classical(let configuration) = perceiver {
      classical = ClassicalPerception(configuration: configuration)
    }
  }

  /// Perceives a frame; nil where the classical way has no sweep.
  ///
  /// - Parameters:
  ///   - cloud: the frame's sweeps in its ego frame.
  ///   - spareFeatures: features of an earlier frame that are no longer needed, whose memory is reused.
  ///   - result: gets notes and the times of the stages.
  mutating func perceive(
    _ prepared: PreparedFrame, cloud: AccumulatedCloud?, spareFeatures: consuming [Float],
    result: inout FrameResult
  ) throws -> Sight? {
    if let network {
      let seen = try network.perceive(
        prepared.features, cameras: prepared.loaded.images?.cameras ?? [], cloud: cloud,
        frame: prepared.loaded.frame)
      for stage in seen.milliseconds { result.clock.add(stage.stage, stage.milliseconds) }
      result.notes += seen.notes
      return Sight(
        detections: seen.detections, bev: seen.bev, volume: seen.volume, lines: seen.lines,
        features: network.trajectoryFeatures(reusing: spareFeatures))
    }
    guard let cloud else { return nil }
    return try result.clock.measure("perceive") {
      try classical?.perceive(cloud)
    }.map { Sight(detections: $0.detections, bev: $0.bev, volume: $0.volume) }
  }
}
