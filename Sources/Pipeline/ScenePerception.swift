import Drawing
import FrameInput
import Geometry
import Models
import NeuralEngine
import Perception
import PointClouds
import Results
import Scenes
import Synchronization

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

/// A frame whose images the network's image branch has looked at.
struct PreparedFrame: Sendable {
  var loaded: LoadedFrame
  /// Nil without a network that sees.
  var features: ImageFeatures?
}

/// A frame between perception and its trajectories.
struct SeenFrame: Sendable {
  var index: Int
  var frame: Frame
  /// Nil for a skipped frame.
  var sight: Sight?
  var pictures: [PreviewCamera]
  /// The keyframe's own points in the ego frame, for the preview.
  var points = PointCloud()
  /// What is worth saying of the frame and no loss.
  var notes: [String] = []
  var clock: StageClock
}

/// A frame between trajectories and its files.
struct PerceivedFrame: Sendable {
  var index: Int
  var frame: Frame
  /// Nil for a skipped frame.
  var prediction: FramePrediction?
  var pictures: [PreviewCamera]
  var points: PointCloud
  var notes: [String]
  var clock: StageClock

  init(_ seen: SeenFrame) {
    index = seen.index
    frame = seen.frame
    pictures = seen.pictures
    points = seen.points
    notes = seen.notes
    clock = seen.clock
  }
}

extension Replay {
  /// Runs a scene's frames through perception and writes its files, whole or not at all.
  func perceive(
    _ frames: [Frame], of scene: Scene, with stages: NetworkStages?, _ network: DescribedNetwork?,
    writer: SceneWriter,
    shouldStop: @Sendable () -> Bool, report: (ReplayEvent) -> Void
  ) throws {
    let finished = Mutex<[(output: FrameOutput, record: FrameRecord)?]>(frames.map { _ in nil })
    var done = 0
    try perceive(frames, of: scene, with: stages, network) {
      if shouldStop() { throw ReplayInterrupted() }
      done += 1
      report(.progress(done: done, total: frames.count, scene: scene.name))
    } store: { perceived in
      let result = try store(perceived, scene: scene.name, writer: writer)
      finished.withLock { $0[perceived.index] = result }
    }
    let all = finished.withLock { $0.compactMap { $0 } }
    precondition(all.count == frames.count, "\(all.count) of \(frames.count) frames were stored")
    try writer.finish(all.map(\.output), frames: all.map(\.record))
  }

  /// Runs a scene's frames through reading, the network's image branch and perception, to `store`.
  ///
  /// - Parameter willCompute: called on the caller before each frame is perceived.
  func perceive(
    _ frames: [Frame], of scene: Scene, with stages: NetworkStages?, _ network: DescribedNetwork? = nil,
    willCompute: () throws -> Void,
    store: @escaping @Sendable (PerceivedFrame) throws -> Void
  ) throws {
    let loader = FrameLoader(dataset, request: stages?.request(for: scene)), images = stages?.images
    var perceiver = ScenePerceiver(
      withholdKeyframeSweep: options.withholdKeyframeSweep, threads: options.threads, stages: stages,
      network: network, loader: loader)
    stages?.begin()
    let follower = Mutex(
      TrajectoryStage(
        scene, stages: stages, network: network,
        roads: stages?.refiner == nil ? [] : try dataset.roadLines(location: scene.location)))
    let features = Spares<[Float]>()
    var index = 0
    try runInOrder(
      frames.indices, threads: options.threads, depth: Self.flightDepth,
      load: { loader.load($0, of: frames) },
      prepare: { loaded in
        var prepared = PreparedFrame(loaded: loaded)
        guard let images, let planes = loaded.images?.planes, loaded.frame.skipReason == nil else {
          return prepared
        }
        prepared.features = try prepared.loaded.clock.measure("image branch") { try images.run(planes) }
        return prepared
      },
      compute: { prepared in
        try willCompute()
        defer { index += 1 }
        let seen = try perceiver.perceive(prepared, index: index, spareFeatures: features.take() ?? [])
        loader.recycle(prepared.loaded.images)
        return seen
      },
      conclude: { seen in
        let perceived = try follower.withLock { try $0.follow(seen) }
        if let sight = seen.sight { features.give(sight.features) }
        return perceived
      }, store: store)
  }

  private func store(
    _ perceived: PerceivedFrame, scene: String, writer: SceneWriter
  ) throws -> (output: FrameOutput, record: FrameRecord) {
    var clock = perceived.clock
    guard let prediction = perceived.prediction else {
      let output = try writer.skipped(perceived.frame.keyframe.token)
      return (output, try record(perceived.frame, scene: scene, clock: clock))
    }
    let picture = clock.measure("preview") {
      Preview().draw(
        prediction, scene: scene, timestampMicroseconds: perceived.frame.timestampMicroseconds,
        cameras: perceived.pictures, points: perceived.points)
    }
    let output = try clock.measure("write") { try writer.write(prediction, preview: picture) }
    return (
      output,
      try record(
        perceived.frame, scene: scene, flags: output.flags, notes: perceived.notes + output.notes,
        clock: clock)
    )
  }
}

/// What perception keeps between the frames of one scene: recent sweeps, and what its way of perceiving remembers.
private struct ScenePerceiver {
  private let stages: NetworkStages?
  private let network: DescribedNetwork?
  private let loader: FrameLoader
  private var classical: ClassicalPerception
  private var sweeps = SweepCache()

  init(
    withholdKeyframeSweep: Bool, threads: Int, stages: NetworkStages?, network: DescribedNetwork?,
    loader: FrameLoader
  ) {
    self.loader = loader
    self.network = network
    var configuration = ClassicalPerception.Configuration()
    configuration.withholdsKeyframeSweep = withholdKeyframeSweep
    configuration.threads = threads
    classical = ClassicalPerception(configuration: configuration)
    self.stages = stages
  }

  /// - Parameter spareFeatures: features of an earlier frame that are no longer needed, whose memory is used again.
  mutating func perceive(
    _ prepared: PreparedFrame, index: Int, spareFeatures: consuming [Float]
  ) throws -> SeenFrame {
    let loaded = prepared.loaded, frame = loaded.frame
    var result = SeenFrame(index: index, frame: frame, pictures: loaded.pictures, clock: loaded.clock)
    sweeps.add(loaded)
    guard frame.skipReason == nil, stages != nil || frame.lidar != nil else { return result }
    let cloud = result.clock.measure("accumulate") { sweeps.accumulate(frame, for: loader) }
    defer { sweeps.recycle(cloud) }
    if let cloud { result.points = Self.keyframePoints(cloud) }
    if let stages {
      let seen = try stages.perceive(
        prepared.features, cameras: loaded.images?.cameras ?? [], cloud: cloud, frame: frame)
      for stage in seen.milliseconds { result.clock.add(stage.stage, stage.milliseconds) }
      result.notes += seen.notes
      result.sight = Sight(
        detections: seen.detections, bev: seen.bev, volume: seen.volume, lines: seen.lines,
        features: stages.trajectoryFeatures(reusing: spareFeatures))
    } else if let cloud {
      let seen = try result.clock.measure("perceive") { try classical.perceive(cloud) }
      var detections = seen.detections
      if let network {
        detections = try result.clock.measure("network") { try network.perceive(sweeps.sweeps(of: frame)) }
      }
      result.sight = Sight(detections: detections, bev: seen.bev, volume: seen.volume)
    }
    return result
  }

  /// The points of the keyframe's own sweep.
  private static func keyframePoints(_ cloud: AccumulatedCloud) -> PointCloud {
    guard let range = cloud.sources.first(where: \.isKeyframe)?.range else { return PointCloud() }
    let all = cloud.points
    return PointCloud(
      x: Array(all.x[range]), y: Array(all.y[range]), z: Array(all.z[range]),
      intensity: Array(all.intensity[range]),
      ring: Array(all.ring[range]), age: Array(all.age[range]))
  }
}
