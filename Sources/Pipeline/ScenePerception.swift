import Geometry
import NeuralEngine
import Perception
import PointClouds
import Results
import Scenes
import Synchronization

/// A frame between perception and its files.
struct PerceivedFrame: Sendable {
  var index: Int
  var frame: Frame
  /// Nil for a skipped frame.
  var prediction: FramePrediction?
  var pictures: [PreviewCamera]
  /// The keyframe's own points in the ego frame, for the preview.
  var points = PointCloud()
  /// What is worth saying of the frame and no loss.
  var notes: [String] = []
  var clock: StageClock
}

extension Replay {
  /// The width that a camera has in the preview, in pixels.
  static let previewWidth = 400

  /// Runs a scene's frames through perception and writes its files, whole or not at all.
  func perceive(
    _ frames: [Frame], of scene: Scene, with stages: NetworkStages?, writer: SceneWriter,
    shouldStop: @Sendable () -> Bool, report: (ReplayEvent) -> Void
  ) throws {
    let finished = Mutex<[(output: FrameOutput, record: FrameRecord)?]>(frames.map { _ in nil })
    var done = 0
    try perceive(frames, of: scene, with: stages) {
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
    _ frames: [Frame], of scene: Scene, with stages: NetworkStages?, willCompute: () throws -> Void,
    store: @escaping @Sendable (PerceivedFrame) throws -> Void
  ) throws {
    let dataset = dataset, images = stages?.images
    let request = stages?.request(for: scene)
    // What sees with cameras alone goes on without a LiDAR.
    let needsLidar = request == nil
    var perceiver = ScenePerceiver(
      scene: scene.name, withholdKeyframeSweep: options.withholdKeyframeSweep, threads: options.threads,
      stages: stages)
    try stages?.begin(scene, roads: dataset.roadLines(location: scene.location))
    var index = 0
    try runInOrder(
      FrameToLoad.list(frames), threads: options.threads, depth: Self.flightDepth,
      load: {
        loadFrame(
          $0, from: dataset, previewWidth: Self.previewWidth, request: request, needsLidar: needsLidar)
      },
      prepare: { loaded in
        guard let images, let planes = loaded.images?.planes, loaded.frame.skipReason == nil else {
          return loaded
        }
        var prepared = loaded
        prepared.features = try prepared.clock.measure("image branch") { try images.run(planes) }
        prepared.images?.planes = []
        return prepared
      },
      compute: { loaded in
        try willCompute()
        defer { index += 1 }
        return try perceiver.perceive(loaded, index: index)
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

/// The sweeps of recent frames: each is loaded once, and used by all frames that it belongs to.
struct SweepCache {
  private var sweeps: [String: Sweep] = [:]

  /// Keeps what a frame has loaded.
  mutating func add(_ loaded: LoadedFrame) { sweeps.merge(loaded.newSweeps) { $1 } }

  /// A frame's sweeps in its ego frame, nil where there is none; forgets those that it does not want.
  mutating func accumulate(_ frame: Frame) -> AccumulatedCloud? {
    let wanted = ([frame.lidar].compactMap { $0 } + frame.earlierSweeps).map(\.token)
    sweeps = sweeps.filter { wanted.contains($0.key) }
    let found = wanted.compactMap { sweeps[$0] }
    guard !found.isEmpty else { return nil }
    return AccumulatedCloud(
      sweeps: found, globalFromEgo: frame.globalFromEgo, timestampMicroseconds: frame.timestampMicroseconds)
  }
}

/// What perception keeps between the frames of one scene: recent sweeps, occupancy, tracks and the ego's past.
private struct ScenePerceiver {
  private let stages: NetworkStages?
  private var classical: ClassicalPerception
  private var tracker: Tracker
  private var sweeps = SweepCache()
  private var egoPoses: [EgoPose] = []

  init(scene: String, withholdKeyframeSweep: Bool, threads: Int, stages: NetworkStages?) {
    var configuration = ClassicalPerception.Configuration()
    configuration.withholdsKeyframeSweep = withholdKeyframeSweep
    configuration.threads = threads
    classical = ClassicalPerception(configuration: configuration)
    self.stages = stages
    tracker = Tracker(
      configuration: TrackerConfiguration(usesDetectedVelocity: stages != nil), idPrefix: "\(scene)-")
  }

  mutating func perceive(_ loaded: LoadedFrame, index: Int) throws -> PerceivedFrame {
    let frame = loaded.frame
    var result = PerceivedFrame(
      index: index, frame: frame, prediction: nil, pictures: loaded.pictures, clock: loaded.clock)
    sweeps.add(loaded)
    guard frame.skipReason == nil, stages != nil || frame.lidar != nil else { return result }
    let cloud = result.clock.measure("accumulate") { sweeps.accumulate(frame) }
    if let cloud { result.points = Self.keyframePoints(cloud) }
    egoPoses.append(
      EgoPose(timestampMicroseconds: frame.timestampMicroseconds, globalFromEgo: frame.globalFromEgo))
    egoPoses = egoPoses.suffix(8)
    if let stages {
      try perceive(loaded, cloud, with: stages, &result)
    } else if let cloud {
      try perceiveClassically(frame, cloud, &result)
    }
    return result
  }

  private mutating func perceiveClassically(
    _ frame: Frame, _ cloud: AccumulatedCloud, _ result: inout PerceivedFrame
  ) throws {
    let seen = try result.clock.measure("perceive") { try classical.perceive(cloud) }
    let tracked = result.clock.measure("track") {
      tracker.update(seen.detections, timestampMicroseconds: frame.timestampMicroseconds)
    }
    let poses = egoPoses
    result.prediction = result.clock.measure("forecast") {
      FramePrediction(
        keyframe: frame.keyframe, globalFromEgo: frame.globalFromEgo,
        detections: withMotion(seen.detections, of: tracked), tracks: tracked.tracks, bev: seen.bev,
        volume: seen.volume, egoTrajectories: forecastEgo(poses: poses),
        agents: tracked.tracks.map { forecastTrajectories(of: $0) })
    }
  }

  private mutating func perceive(
    _ loaded: LoadedFrame, _ cloud: AccumulatedCloud?, with stages: NetworkStages,
    _ result: inout PerceivedFrame
  ) throws {
    let frame = loaded.frame
    let seen = try stages.perceive(
      loaded.features, cameras: loaded.images?.cameras ?? [], cloud: cloud, frame: frame)
    for stage in seen.milliseconds { result.clock.add(stage.stage, stage.milliseconds) }
    result.notes += seen.notes
    let tracked = result.clock.measure("track") {
      tracker.update(seen.detections, timestampMicroseconds: frame.timestampMicroseconds)
    }
    let refined = try result.clock.measure("trajectories") {
      try stages.forecast(tracked.tracks, lines: seen.lines, frame: frame)
    }
    result.notes += [refined?.note].compactMap { $0 }
    result.prediction = FramePrediction(
      keyframe: frame.keyframe, globalFromEgo: frame.globalFromEgo, detections: seen.detections,
      tracks: tracked.tracks, bev: seen.bev, volume: seen.volume,
      egoTrajectories: refined?.ego ?? forecastEgo(poses: egoPoses),
      agents: tracked.tracks.map { track in
        refined?.agents[track.id].map { AgentTrajectories(track: track, trajectories: $0) }
          ?? forecastTrajectories(of: track)
      }, mapLines: seen.lines)
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
