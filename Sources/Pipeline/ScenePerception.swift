import Drawing
import FrameInput
import Geometry
import NeuralEngine
import Perception
import PointClouds
import Results
import Scenes
import Synchronization

/// A frame whose images the network's image branch has looked at.
struct PreparedFrame: Sendable {
  var loaded: LoadedFrame
  /// Nil without a network that sees.
  var features: ImageFeatures?
}

/// A frame on its way from perception through trajectories to its files.
struct FrameResult: Sendable {
  var index: Int
  var frame: Frame
  /// What perception saw; nil for a skipped frame, and after trajectories were made from it.
  var sight: Sight?
  /// All that was perceived, trajectories included; nil before they are made and for a skipped frame.
  var prediction: FramePrediction?
  var pictures: [PreviewCamera]
  /// The keyframe's own points in the ego frame, for the preview.
  var points = PointCloud()
  /// Remarks on the frame that are no loss.
  var notes: [String] = []
  var clock: StageClock
}

extension Replay {
  /// Runs a scene's frames through perception and writes its files, whole or not at all.
  func perceive(
    _ frames: [Frame], of scene: Scene, with perceiver: Perceiver, writer: SceneWriter,
    shouldStop: @Sendable () -> Bool, report: (ReplayEvent) -> Void
  ) throws {
    let finished = Mutex<[(output: FrameOutput, record: FrameRecord)?]>(frames.map { _ in nil })
    var done = 0
    try perceive(frames, of: scene, with: perceiver) {
      if shouldStop() { throw ReplayInterrupted() }
      done += 1
      report(.progress(done: done, total: frames.count, scene: scene.name))
    } store: { result in
      let stored = try store(result, scene: scene.name, writer: writer)
      finished.withLock { $0[result.index] = stored }
    }
    let all = finished.withLock { $0.compactMap { $0 } }
    precondition(all.count == frames.count, "\(all.count) of \(frames.count) frames were stored")
    try writer.finish(all.map(\.output), frames: all.map(\.record))
  }

  /// Runs a scene's frames through reading, the network's image branch and perception, to `store`.
  ///
  /// - Parameter willCompute: called on the caller before each frame is result.
  func perceive(
    _ frames: [Frame], of scene: Scene, with perceiver: Perceiver, willCompute: () throws -> Void,
    store: @escaping @Sendable (FrameResult) throws -> Void
  ) throws {
    let loader = FrameLoader(dataset, request: perceiver.request(for: scene))
    let images = perceiver.network?.images
    var stage = PerceptionStage(perceiver, loader: loader)
    let follower = Mutex(try TrajectoryStage(scene, perceiver: perceiver, dataset: dataset))
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
        let seen = try stage.perceive(prepared, index: index, spareFeatures: features.take() ?? [])
        loader.recycle(prepared.loaded.images)
        return seen
      },
      conclude: { seen in
        var result = try follower.withLock { try $0.follow(seen) }
        if let sight = seen.sight { features.give(sight.features) }
        result.sight = nil
        return result
      }, store: store)
  }

  private func store(
    _ result: FrameResult, scene: String, writer: SceneWriter
  ) throws -> (output: FrameOutput, record: FrameRecord) {
    var clock = result.clock
    guard let prediction = result.prediction else {
      let output = try writer.skipped(result.frame.keyframe.token)
      return (output, try record(result.frame, scene: scene, clock: clock))
    }
    let picture = clock.measure("preview") {
      Preview().draw(
        prediction, scene: scene, timestampMicroseconds: result.frame.timestampMicroseconds,
        cameras: result.pictures, points: result.points)
    }
    let output = try clock.measure("write") { try writer.write(prediction, preview: picture) }
    return (
      output,
      try record(
        result.frame, scene: scene, flags: output.flags, notes: result.notes + output.notes,
        clock: clock)
    )
  }
}

/// What perception keeps between the frames of one scene: recent sweeps, and what its way of perceiving remembers.
private struct PerceptionStage {
  private var perceiver: ScenePerceiver
  private let needsLidar: Bool
  private let loader: FrameLoader
  private var sweeps = SweepCache()

  init(_ perceiver: Perceiver, loader: FrameLoader) {
    self.perceiver = ScenePerceiver(perceiver)
    needsLidar = perceiver.network == nil
    self.loader = loader
  }

  /// - Parameter spareFeatures: features of an earlier frame that are no longer needed, whose memory is used again.
  mutating func perceive(
    _ prepared: PreparedFrame, index: Int, spareFeatures: consuming [Float]
  ) throws -> FrameResult {
    let loaded = prepared.loaded, frame = loaded.frame
    var result = FrameResult(index: index, frame: frame, pictures: loaded.pictures, clock: loaded.clock)
    sweeps.add(loaded)
    guard frame.skipReason == nil, !needsLidar || frame.lidar != nil else { return result }
    let cloud = result.clock.measure("accumulate") { sweeps.accumulate(frame, for: loader) }
    defer { sweeps.recycle(cloud) }
    if let cloud { result.points = Self.keyframePoints(cloud) }
    result.sight = try perceiver.perceive(
      prepared, cloud: cloud, spareFeatures: spareFeatures, result: &result)
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
