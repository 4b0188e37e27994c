import Scenes

/// One channel's measurements: checked, counted, and cut into parts where its clock jumps back.
struct ChannelStream {
  /// The measurements of each part by (time, sequence); one part unless the clock jumps back.
  var parts: [[SensorData]]
  var counts: SyncReport.Channel

  /// - Throws: `SyncError` where the clock jumps back and the policy is to fail.
  init(
    name: String, measurements: [SensorData], sampleOrder: [String: Int], scene: String, policy: SyncPolicy
  ) throws {
    counts = SyncReport.Channel(name: name, nominalOffsetMicroseconds: 0)
    counts.measurements = measurements.count
    var part: [SensorData] = []
    parts = []
    var previous: SensorData?
    for measurement in arrivalOrder(measurements, sampleOrder: sampleOrder) {
      if let before = previous, measurement.timestampMicroseconds < before.timestampMicroseconds {
        counts.outOfOrder += 1
        let step = before.timestampMicroseconds - measurement.timestampMicroseconds
        if step > policy.backwardJumpMicroseconds {
          counts.backwardJumps += 1
          guard policy.backwardJump == .split else {
            throw SyncError(
              file: "sample_data.json", field: "\(scene), \(name), \(measurement.token).timestamp",
              found: "\(seconds(step)) s before the measurement recorded before it",
              expected: "a step back of at most \(seconds(policy.backwardJumpMicroseconds)) s")
          }
          parts.append(part)
          part = []
        }
      }
      part.append(measurement)
      previous = measurement
    }
    parts.append(part)
    for k in parts.indices {
      parts[k].sort {
        ($0.timestampMicroseconds, $0.sequence, $0.token) < ($1.timestampMicroseconds, $1.sequence, $1.token)
      }
      counts.duplicates += zip(parts[k], parts[k].dropFirst())
        .count { $0.timestampMicroseconds == $1.timestampMicroseconds }
    }
  }

  /// The measurements of a part; none where the channel's clock jumped less often.
  func part(_ k: Int) -> [SensorData] { k < parts.count ? parts[k] : [] }
}

/// The order in which a channel's measurements were recorded: by the keyframe that each names as its own, then by time.
///
/// nuScenes' tables are in no order of time, so their order counts only where a measurement names no keyframe.
func arrivalOrder(_ measurements: [SensorData], sampleOrder: [String: Int]) -> [SensorData] {
  let table = measurements.sorted { ($0.sequence, $0.token) < ($1.sequence, $1.token) }
  let samples = table.compactMap { sampleOrder[$0.sampleToken] }
  guard samples.count == table.count else { return table }
  return table.indices.sorted {
    (samples[$0], table[$0].timestampMicroseconds, $0) < (samples[$1], table[$1].timestampMicroseconds, $1)
  }.map { table[$0] }
}

/// Seconds with a digit after the point, for messages.
func seconds(_ microseconds: Int64) -> String {
  let tenths = (microseconds + 50_000) / 100_000
  return "\(tenths / 10).\(tenths % 10)"
}

/// Milliseconds with a digit after the point, for messages.
func milliseconds(_ microseconds: Int64) -> String {
  let tenths = (microseconds + 50) / 100
  return "\(tenths / 10).\(tenths % 10)"
}

/// Refuses timestamps that are no microseconds: not above 0, or seconds, milliseconds or nanoseconds by their size.
///
/// A recording whose clock starts near 0 is taken as it is: seconds and milliseconds are told from it by keyframes
/// that would lie less than a twentieth of a second apart.
/// - Throws: `SyncError` naming the record.
func checkTimestamps(of scene: Scene) throws {
  for keyframe in scene.keyframes {
    try checkRange(keyframe.timestampMicroseconds, file: "sample.json", token: keyframe.token)
  }
  for measurement in scene.measurements {
    try checkRange(measurement.timestampMicroseconds, file: "sample_data.json", token: measurement.token)
  }
  for (k, pose) in scene.egoPoses.enumerated() {
    try checkRange(pose.timestampMicroseconds, file: "ego_pose.json", token: "\(scene.name), pose \(k)")
  }
  let stamps =
    scene.keyframes.map(\.timestampMicroseconds) + scene.measurements.map(\.timestampMicroseconds)
  guard let least = stamps.min(), let most = stamps.max(), let first = scene.keyframes.first else { return }
  let times = scene.keyframes.map(\.timestampMicroseconds).sorted()
  let steps = zip(times, times.dropFirst()).map { $1 - $0 }.sorted()
  let isDense = steps.isEmpty || steps[steps.count / 2] < 50_000
  let units: [(name: String, scale: Int64, applies: Bool)] = [
    ("seconds", 1, isDense), ("milliseconds", 1_000, isDense), ("nanoseconds", 1_000_000_000, true),
  ]
  // From the year 1998 to 2099.
  for unit in units where unit.applies && least >= 900_000_000 * unit.scale {
    guard most < 4_100_000_000 * unit.scale else { continue }
    throw SyncError(
      file: "sample.json", field: "\(first.token).timestamp", found: "\(first.timestampMicroseconds)",
      expected: "microseconds; all timestamps of \(scene.name) look like \(unit.name)")
  }
  try checkUnits(
    of: scene.measurements.map { ($0.timestampMicroseconds, $0.token) }, of: scene, file: "sample_data.json")
  let poses = scene.egoPoses.enumerated()
  try checkUnits(
    of: poses.map { ($1.timestampMicroseconds, "\(scene.name), pose \($0)") }, of: scene,
    file: "ego_pose.json")
}

/// Refuses a table's timestamps that lie a year from the keyframes as they are, and within a day of them in another unit.
private func checkUnits(of stamps: [(time: Int64, name: String)], of scene: Scene, file: String) throws {
  guard let keyframe = scene.keyframes.first?.timestampMicroseconds, let first = stamps.first else { return }
  let year = 31_557_600_000_000.0, day = 86_400_000_000.0
  let median = stamps.map(\.time).sorted()[stamps.count / 2]
  guard abs(Double(median) - Double(keyframe)) > year else { return }
  for (name, factor) in [("seconds", 1e6), ("milliseconds", 1e3), ("nanoseconds", 1e-3)]
  where abs(Double(median) * factor - Double(keyframe)) < day {
    throw SyncError(
      file: file, field: "\(first.name).timestamp", found: "\(first.time), which looks like \(name)",
      expected: "microseconds, as the keyframes have: \(keyframe)")
  }
}

private func checkRange(_ timestamp: Int64, file: String, token: String) throws {
  guard timestamp > 0, timestamp < 1 << 61 else {
    throw SyncError(
      file: file, field: "\(token).timestamp", found: "\(timestamp)",
      expected: "microseconds above 0 and below 2^61")
  }
}
