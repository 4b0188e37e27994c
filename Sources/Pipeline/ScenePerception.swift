import Geometry
import Perception
import PointClouds
import Results
import Scenes
import Synchronization

/// A frame between perception and its files.
private struct PerceivedFrame: Sendable {
  var index: Int
  var frame: Frame
  /// Nil for a skipped frame.
  var prediction: FramePrediction?
  var pictures: [PreviewCamera]
  /// The keyframe's own points in the ego frame, for the preview.
  var points: PointCloud
  var clock: StageClock
}

extension Replay {
  /// The width that a camera has in the preview, in pixels.
  static let previewWidth = 400

  /// Runs a scene's frames through perception and writes its files, whole or not at all.
  func perceive(
    _ frames: [Frame], of scene: Scene, writer: SceneWriter, shouldStop: @Sendable () -> Bool,
    report: (ReplayEvent) -> Void
  ) throws {
    let dataset = dataset
    let finished = Mutex<[(output: FrameOutput, record: FrameRecord)?]>(frames.map { _ in nil })
    var perceiver = ScenePerceiver(
      scene: scene.name, withholdKeyframeSweep: options.withholdKeyframeSweep, threads: options.threads)
    var done = 0
    try runInOrder(
      FrameToLoad.list(frames), threads: options.threads, depth: Self.flightDepth,
      load: { loadFrame($0, from: dataset, previewWidth: Self.previewWidth) },
      compute: { loaded in
        if shouldStop() { throw ReplayInterrupted() }
        defer { done += 1 }
        let perceived = try perceiver.perceive(loaded, index: done)
        report(.progress(done: done + 1, total: frames.count, scene: scene.name))
        return perceived
      },
      store: { perceived in
        let result = try store(perceived, scene: scene.name, writer: writer)
        finished.withLock { $0[perceived.index] = result }
      })
    let all = finished.withLock { $0.compactMap { $0 } }
    precondition(all.count == frames.count, "\(all.count) of \(frames.count) frames were stored")
    try writer.finish(all.map(\.output), frames: all.map(\.record))
  }

  private func store(
    _ perceived: PerceivedFrame, scene: String, writer: SceneWriter
  ) throws -> (output: FrameOutput, record: FrameRecord) {
    var clock = perceived.clock
    guard let prediction = perceived.prediction else {
      let output = writer.skipped(perceived.frame.keyframe.token)
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
      try record(perceived.frame, scene: scene, flags: output.flags, notes: output.notes, clock: clock)
    )
  }
}

/// What perception keeps between the frames of one scene: recent sweeps, occupancy, tracks and the ego's past.
private struct ScenePerceiver {
  private var classical: ClassicalPerception
  private var tracker: Tracker
  private var sweeps: [String: Sweep] = [:]
  private var egoPoses: [EgoPose] = []

  init(scene: String, withholdKeyframeSweep: Bool, threads: Int) {
    classical = ClassicalPerception(withholdKeyframeSweep: withholdKeyframeSweep, threads: threads)
    tracker = Tracker(idPrefix: "\(scene)-")
  }

  mutating func perceive(_ loaded: LoadedFrame, index: Int) throws -> PerceivedFrame {
    let frame = loaded.frame
    var clock = loaded.clock
    sweeps.merge(loaded.newSweeps) { $1 }
    var result = PerceivedFrame(
      index: index, frame: frame, prediction: nil, pictures: loaded.pictures, points: PointCloud(), clock: clock)
    guard frame.skipReason == nil, let lidar = frame.lidar else { return result }
    let wanted = [lidar.token] + frame.earlierSweeps.map(\.token)
    sweeps = sweeps.filter { wanted.contains($0.key) }
    let cloud = clock.measure("accumulate") {
      AccumulatedCloud(
        sweeps: wanted.compactMap { sweeps[$0] }, globalFromEgo: frame.globalFromEgo,
        timestampMicroseconds: frame.timestampMicroseconds)
    }
    egoPoses.append(
      EgoPose(timestampMicroseconds: frame.timestampMicroseconds, globalFromEgo: frame.globalFromEgo))
    egoPoses = egoPoses.suffix(8)
    _ = cloud
    result.clock = clock
    return result
  }
}
private struct ClassicalPerception { init(withholdKeyframeSweep: Bool, threads: Int) {} }
