import Algorithms
import Geometry
import Scenes

/// Picks the measurements that belong to each keyframe of a scene.
///
/// The keyframe's LiDAR sweep sets the reference time; each camera gives at most one image, the nearest within the
/// tolerance of its nominal offset from that time; each measurement is used once, and the pairs of a channel are the
/// best there are (`matchMoments`). What is missing or late is named in the frame, and the frame goes on with what it
/// has. A measurement without an ego pose of its own time takes an interpolated one, or is left out.
///
/// - Throws: `SyncError` for timestamps that are no microseconds, and for a clock that jumps back (by policy).
/// - Complexity: O(n log n) over the scene's measurements.
public func synchronize(_ scene: Scene, policy: SyncPolicy = SyncPolicy()) throws -> SyncedScene {
  try checkTimestamps(of: scene)
  var synchronizer = try FrameSynchronizer(scene: scene, policy: policy)
  synchronizer.matchLidar()
  synchronizer.matchCameras()
  return synchronizer.finish()
}

private struct FrameSynchronizer {
  /// What a channel gives to one keyframe.
  enum Pick {
    case measurement(SensorData)
    case late(Int64)
    case missing
    case withoutPose(EgoPoseTrack.Lookup)
  }

  let scene: Scene
  let policy: SyncPolicy
  let poses: EgoPoseTrack
  let lidarChannel: String
  let cameraChannels: [String]
  /// The part of the recording that each keyframe lies in: one unless the clock jumps back.
  let partOfKeyframe: [Int]
  var streams: [String: ChannelStream] = [:]
  /// Each channel's picks, one a keyframe.
  var picks: [String: [Pick]] = [:]
  /// Each keyframe's reference time: its LiDAR sweep's, else its own.
  var references: [Int64]

  init(scene: Scene, policy: SyncPolicy) throws {
    self.scene = scene
    self.policy = policy
    poses = EgoPoseTrack(scene.egoPoses, maximumGapMicroseconds: policy.maximumPoseGapMicroseconds)
    var byChannel: [String: [SensorData]] = [:]
    for measurement in scene.measurements {
      byChannel[measurement.sensor.channel, default: []].append(measurement)
    }
    let lidar = scene.referenceLidar(preferred: policy.lidarChannel) ?? policy.lidarChannel
    let cameras = byChannel.filter { $0.value[0].sensor.modality == .camera }.map(\.key)
    let named = policy.channels.keys.filter { byChannel[$0] == nil && $0 != lidar }
    lidarChannel = lidar
    cameraChannels = Set(cameras + named).sorted()
    var part = 0
    partOfKeyframe = scene.keyframes.indices.map { k in
      if k > 0 {
        let step =
          scene.keyframes[k - 1].timestampMicroseconds - scene.keyframes[k].timestampMicroseconds
        if step > policy.backwardJumpMicroseconds { part += 1 }
      }
      return part
    }
    references = scene.keyframes.map(\.timestampMicroseconds)
    var sampleOrder: [String: Int] = [:]
    for (k, keyframe) in scene.keyframes.enumerated() { sampleOrder[keyframe.token] = k }
    for channel in cameraChannels + [lidarChannel] {
      streams[channel] = try ChannelStream(
        name: channel, measurements: byChannel[channel] ?? [], sampleOrder: sampleOrder, scene: scene.name,
        policy: policy)
    }
  }

  // MARK: Matching

  mutating func matchLidar() {
    match(channel: lidarChannel) { measurements in
      let keyframes = measurements.filter(\.isKeyframe)
      return keyframes.isEmpty ? measurements : keyframes
    }
    for (k, pick) in (picks[lidarChannel] ?? []).enumerated() {
      if case .measurement(let sweep) = pick { references[k] = sweep.timestampMicroseconds }
    }
  }

  mutating func matchCameras() {
    for channel in cameraChannels { match(channel: channel) { $0 } }
  }

  /// Fills `picks[channel]` and its counts.
  private mutating func match(channel: String, candidates: ([SensorData]) -> [SensorData]) {
    guard var stream = streams[channel] else { return }
    let partCount = (partOfKeyframe.last ?? 0) + 1
    let parts = (0..<partCount).map { candidates(stream.part($0)) }
    let offset = policy.nominalOffsetsMicroseconds[channel] ?? medianOffset(parts: parts)
    stream.counts.nominalOffsetMicroseconds = offset
    var result: [Pick] = []
    for (part, measurements) in parts.enumerated() {
      let keyframes = partOfKeyframe.indices.filter { partOfKeyframe[$0] == part }
      result += matchPart(keyframes, measurements, offset: offset)
    }
    // `matchPart` keeps the keyframes' order, and parts follow one another.
    for pick in result {
      switch pick {
      case .measurement(let m):
        stream.counts.matched += 1
        switch poses.lookup(m.timestampMicroseconds) {
        case .interpolated: stream.counts.posesInterpolated += 1
        case .outside: stream.counts.posesNamed += 1
        case .recorded, .gap, .none: break
        }
      case .late: stream.counts.late += 1
      case .missing: stream.counts.missing += 1
      case .withoutPose: stream.counts.withoutPose += 1
      }
    }
    picks[channel] = result
    streams[channel] = stream
  }

  private func matchPart(_ keyframes: [Int], _ measurements: [SensorData], offset: Int64) -> [Pick] {
    let order = keyframes.sorted { (references[$0], $0) < (references[$1], $1) }
    let times = measurements.map(\.timestampMicroseconds)
    let matches = matchMoments(
      order.map { references[$0] + offset }, to: times, tolerance: policy.toleranceMicroseconds)
    var used = [Bool](repeating: false, count: measurements.count)
    for case let match? in matches { used[match] = true }
    var linked: [String: [Int]] = [:]
    for (m, measurement) in measurements.enumerated() where measurement.isKeyframe && !used[m] {
      linked[measurement.sampleToken, default: []].append(m)
    }
    let hasLinks = measurements.contains(where: \.isKeyframe)
    var picks: [Int: Pick] = [:]
    for (k, match) in zip(order, matches) {
      if let match {
        picks[k] = withPose(measurements[match])
        continue
      }
      let moment = references[k] + offset
      let others =
        hasLinks ? linked[scene.keyframes[k].token] ?? [] : neighbours(of: moment, times).filter { !used[$0] }
      let errors = others.map { abs(times[$0] - moment) }.filter { $0 > policy.toleranceMicroseconds }
      picks[k] = errors.min().map { .late($0) } ?? .missing
    }
    return keyframes.map { picks[$0] ?? .missing }
  }

  /// The measurements within a quarter of a second: where nothing links a measurement to a keyframe, the nearest of
  /// these is the one that came too late.
  private func neighbours(of moment: Int64, _ times: [Int64]) -> Range<Int> {
    firstIndex(in: times, atOrAfter: moment - 250_000)..<firstIndex(in: times, atOrAfter: moment + 250_001)
  }

  /// The measurement with an ego pose of its own time.
  private func withPose(_ measurement: SensorData) -> Pick {
    switch poses.lookup(measurement.timestampMicroseconds) {
    case .recorded: return .measurement(measurement)
    case .interpolated(let pose):
      var moved = measurement
      moved.globalFromEgo = pose
      return .measurement(moved)
    case .outside(let distance) where distance <= policy.namedPoseMicroseconds:
      return .measurement(measurement)
    case let lookup: return .withoutPose(lookup)
    }
  }

  /// The median over keyframes of the time from the reference to the channel's measurement: the one linked to the
  /// keyframe, else the nearest. Of an even number the lower one, so that it is a time that occurred.
  private func medianOffset(parts: [[SensorData]]) -> Int64 {
    var linked: [String: [Int64]] = [:]
    for measurement in parts.joined() where measurement.isKeyframe {
      linked[measurement.sampleToken, default: []].append(measurement.timestampMicroseconds)
    }
    var offsets: [Int64] = []
    for (k, keyframe) in scene.keyframes.enumerated() {
      let reference = references[k]
      let nearest = { (a: Int64, b: Int64) in (abs(a - reference), a) < (abs(b - reference), b) }
      if let time = linked[keyframe.token]?.min(by: nearest) { offsets.append(time - reference) }
    }
    if offsets.isEmpty {
      for (part, measurements) in parts.enumerated() where !measurements.isEmpty {
        let times = measurements.map(\.timestampMicroseconds)
        for k in partOfKeyframe.indices where partOfKeyframe[k] == part {
          offsets.append(nearestTime(in: times, to: references[k]) - references[k])
        }
      }
    }
    offsets.sort()
    return offsets.isEmpty ? 0 : offsets[(offsets.count - 1) / 2]
  }

  private func nearestTime(in sorted: [Int64], to moment: Int64) -> Int64 {
    let after = firstIndex(in: sorted, atOrAfter: moment)
    if after == sorted.count { return sorted[after - 1] }
    if after == 0 { return sorted[0] }
    return moment - sorted[after - 1] <= sorted[after] - moment ? sorted[after - 1] : sorted[after]
  }

  // MARK: Frames

  mutating func finish() -> SyncedScene {
    var report = SyncReport(channels: [])
    let frames = scene.keyframes.indices.map { frame($0) }
    report.frames = frames.count
    report.skipped = frames.count { $0.skipReason != nil }
    report.degraded = frames.count { $0.skipReason == nil && !$0.degradations.isEmpty }
    report.ok = frames.count - report.skipped - report.degraded
    report.channels = (cameraChannels + [lidarChannel]).sorted().compactMap { streams[$0]?.counts }
    return SyncedScene(frames: frames, report: report)
  }

  private mutating func frame(_ k: Int) -> Frame {
    let keyframe = scene.keyframes[k]
    var frame = Frame(
      keyframe: keyframe, lidar: nil, earlierSweeps: [], cameras: [], globalFromEgo: .identity,
      timestampMicroseconds: references[k])
    for channel in [lidarChannel] + cameraChannels {
      guard let pick = picks[channel]?[k] else { continue }
      if case .measurement(let measurement) = pick {
        if channel == lidarChannel { frame.lidar = measurement } else { frame.cameras.append(measurement) }
        continue
      }
      let standard: ChannelPolicy = channel == lidarChannel ? .required : .expected
      switch policy.channels[channel] ?? standard {
      case .required: frame.skipReason = frame.skipReason ?? sentence(channel, pick)
      case .expected: frame.degradations.append(sentence(channel, pick))
      case .optional: break
      }
    }
    if let lidar = frame.lidar {
      frame.globalFromEgo = lidar.globalFromEgo
      frame.earlierSweeps = earlierSweeps(before: lidar, part: partOfKeyframe[k])
    } else if let pose = poses.lookup(references[k]).pose {
      frame.globalFromEgo = pose
    } else if frame.skipReason == nil {
      frame.skipReason = sentence("the keyframe", .withoutPose(poses.lookup(references[k])))
    }
    return frame
  }

  private func sentence(_ channel: String, _ pick: Pick) -> String {
    switch pick {
    case .measurement: "\(channel) is there"
    case .missing: "\(channel) is missing"
    case .late(let error):
      "\(channel) is \(milliseconds(error)) ms off (at most \(milliseconds(policy.toleranceMicroseconds)))"
    case .withoutPose(.gap(let gap)):
      "\(channel) lies in a gap of \(seconds(gap)) s between ego poses "
        + "(at most \(seconds(policy.maximumPoseGapMicroseconds)))"
    case .withoutPose(.outside(let distance)):
      "\(channel) lies \(milliseconds(distance)) ms outside the ego poses"
    case .withoutPose: "\(channel) has no ego pose"
    }
  }

  /// The sweeps before the keyframe's, newest first; of several at one time the first recorded.
  private mutating func earlierSweeps(before lidar: SensorData, part: Int) -> [SensorData] {
    guard let stream = streams[lidarChannel], policy.earlierSweepCount > 0 else { return [] }
    let sweeps = stream.part(part)
    let now = lidar.timestampMicroseconds
    var k = firstIndex(in: sweeps, atOrAfter: now, time: \.timestampMicroseconds) - 1
    var result: [SensorData] = []
    while k >= 0, result.count < policy.earlierSweepCount {
      let time = sweeps[k].timestampMicroseconds
      guard now - time <= policy.earlierSweepMicroseconds else { break }
      let isDuplicate = k > 0 && sweeps[k - 1].timestampMicroseconds == time
      if !isDuplicate, case .measurement(let sweep) = withPose(sweeps[k]) { result.append(sweep) }
      k -= 1
    }
    return result
  }
}

private func firstIndex(in sorted: [Int64], atOrAfter moment: Int64) -> Int {
  firstIndex(in: sorted, atOrAfter: moment, time: \.self)
}

private func firstIndex<T>(in sorted: [T], atOrAfter moment: Int64, time: (T) -> Int64) -> Int {
  partitionPoint(of: sorted.indices) { time(sorted[$0]) >= moment }
}
