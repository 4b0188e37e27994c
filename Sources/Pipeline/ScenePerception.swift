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
      prepare: { $0 },
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
    var configuration = ClassicalPerception.Configuration()
    configuration.withholdsKeyframeSweep = withholdKeyframeSweep
    configuration.threads = threads
    classical = ClassicalPerception(configuration: configuration)
    tracker = Tracker(idPrefix: "\(scene)-")
  }

  mutating func perceive(_ loaded: LoadedFrame, index: Int) throws -> PerceivedFrame {
    let frame = loaded.frame
    sweeps.merge(loaded.newSweeps) { $1 }
    var result = PerceivedFrame(
      index: index, frame: frame, prediction: nil, pictures: loaded.pictures, points: PointCloud(),
      clock: loaded.clock)
    guard frame.skipReason == nil, let lidar = frame.lidar else { return result }
    let wanted = [lidar.token] + frame.earlierSweeps.map(\.token)
    sweeps = sweeps.filter { wanted.contains($0.key) }
    let cloud = result.clock.measure("accumulate") {
      AccumulatedCloud(
        sweeps: wanted.compactMap { sweeps[$0] }, globalFromEgo: frame.globalFromEgo,
        timestampMicroseconds: frame.timestampMicroseconds)
    }
    let seen = try result.clock.measure("perceive") { try classical.perceive(cloud) }
    let tracked = result.clock.measure("track") {
      tracker.update(seen.detections, timestampMicroseconds: frame.timestampMicroseconds)
    }
    egoPoses.append(
      EgoPose(timestampMicroseconds: frame.timestampMicroseconds, globalFromEgo: frame.globalFromEgo))
    egoPoses = egoPoses.suffix(8)
    let poses = egoPoses
    result.prediction = result.clock.measure("forecast") {
      FramePrediction(
        keyframe: frame.keyframe, globalFromEgo: frame.globalFromEgo,
        detections: withMotion(seen.detections, of: tracked), tracks: tracked.tracks, bev: seen.bev,
        volume: seen.volume, egoTrajectories: forecastEgo(poses: poses),
        agents: tracked.tracks.map { forecastTrajectories(of: $0) })
    }
    result.points = Self.keyframePoints(cloud)
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

/// Detections with the velocity, heading and attribute of the tracks they became part of: one sweep shows no motion.
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
