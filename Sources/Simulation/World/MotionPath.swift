import Geometry

/// A pose over time: samples in order, linear (spherical in rotation) between them.
public struct MotionPath: Sendable, Hashable {
  /// The samples' times in microseconds, rising.
  public let timestamps: [Int64]
  /// The samples' poses: `globalFromBody`.
  public let poses: [RigidTransform]
  /// Metres travelled up to each sample.
  public let distances: [Double]

  /// The path through these samples.
  /// - Precondition: as many times as poses, at least one, rising.
  public init(timestamps: [Int64], poses: [RigidTransform]) {
    precondition(
      timestamps.count == poses.count && !poses.isEmpty, "\(timestamps.count) times, \(poses.count) poses")
    precondition(zip(timestamps, timestamps.dropFirst()).allSatisfy(<), "a path's times do not rise")
    self.timestamps = timestamps
    self.poses = poses
    var sum = 0.0
    var distances = [0.0]
    for (a, b) in zip(poses, poses.dropFirst()) {
      sum += (b.translation - a.translation).length
      distances.append(sum)
    }
    self.distances = distances
  }

  /// A body that stands still from one time to another.
  public init(standingAt pose: RigidTransform, from start: Int64, to end: Int64) {
    self.init(timestamps: [start, max(end, start + 1)], poses: [pose, pose])
  }

  /// The pose at that moment; the first or last sample's outside the path's time.
  /// - Complexity: O(log n).
  public func pose(at timestampMicroseconds: Int64) -> RigidTransform {
    let (k, fraction) = place(timestampMicroseconds)
    return fraction == 0 ? poses[k] : poses[k].interpolated(to: poses[k + 1], at: fraction)
  }

  /// Metres travelled since the first sample.
  public func distance(at timestampMicroseconds: Int64) -> Double {
    let (k, fraction) = place(timestampMicroseconds)
    return fraction == 0 ? distances[k] : distances[k] + (distances[k + 1] - distances[k]) * fraction
  }

  /// The mean velocity over the sample interval that holds the moment, in m/s; zero outside the path's time.
  public func velocity(at timestampMicroseconds: Int64) -> SIMD3<Double> {
    guard timestamps.count > 1, timestampMicroseconds >= timestamps[0],
      timestampMicroseconds <= timestamps[timestamps.count - 1]
    else { return .zero }
    let k = min(place(timestampMicroseconds).sample, timestamps.count - 2)
    let seconds = Double(timestamps[k + 1] - timestamps[k]) * 1e-6
    return (poses[k + 1].translation - poses[k].translation) / seconds
  }

  /// The last sample not after the moment, and how far the moment lies towards the next.
  private func place(_ t: Int64) -> (sample: Int, fraction: Double) {
    var low = 0
    var high = timestamps.count - 1
    if t <= timestamps[0] { return (0, 0) }
    if t >= timestamps[high] { return (high, 0) }
    while high - low > 1 {
      let middle = (low + high) / 2
      if timestamps[middle] <= t { low = middle } else { high = middle }
    }
    return (low, Double(t - timestamps[low]) / Double(timestamps[high] - timestamps[low]))
  }
}
