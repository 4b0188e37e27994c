import Algorithms
import Geometry
import Scenes

/// The ego's poses through a scene, and the poses between them.
public struct EgoPoseTrack: Sendable {
  /// What is known of the ego at a moment.
  public enum Lookup: Sendable, Hashable {
    /// A pose was recorded at that very moment.
    case recorded(RigidTransform)
    /// Between two poses: linear in translation, spherical in rotation.
    case interpolated(RigidTransform)
    /// Between two poses that lie too far apart; the gap in microseconds.
    case gap(Int64)
    /// Before the first or after the last pose by so many microseconds: nothing is extrapolated.
    case outside(Int64)
    /// There are no poses at all.
    case none

    /// The pose, where there is one.
    public var pose: RigidTransform? {
      switch self {
      case .recorded(let pose), .interpolated(let pose): pose
      case .gap, .outside, .none: nil
      }
    }
  }

  private let poses: [EgoPose]
  private let maximumGapMicroseconds: Int64

  /// The track over these poses, in any order; of several at one moment the first holds.
  public init(_ poses: [EgoPose], maximumGapMicroseconds: Int64) {
    let sorted = poses.enumerated().sorted {
      ($0.element.timestampMicroseconds, $0.offset) < ($1.element.timestampMicroseconds, $1.offset)
    }
    var unique: [EgoPose] = []
    unique.reserveCapacity(sorted.count)
    for (_, pose) in sorted where unique.last?.timestampMicroseconds != pose.timestampMicroseconds {
      unique.append(pose)
    }
    self.poses = unique
    self.maximumGapMicroseconds = maximumGapMicroseconds
  }

  /// The ego at a moment, in microseconds.
  /// - Complexity: O(log poses).
  public func lookup(_ moment: Int64) -> Lookup {
    guard let first = poses.first, let last = poses.last else { return .none }
    if moment < first.timestampMicroseconds { return .outside(first.timestampMicroseconds - moment) }
    if moment > last.timestampMicroseconds { return .outside(moment - last.timestampMicroseconds) }
    let next = partitionPoint(of: 0..<poses.count - 1) { poses[$0].timestampMicroseconds >= moment }
    let after = poses[next]
    if after.timestampMicroseconds == moment { return .recorded(after.globalFromEgo) }
    let before = poses[next - 1]
    let gap = after.timestampMicroseconds - before.timestampMicroseconds
    guard gap <= maximumGapMicroseconds else { return .gap(gap) }
    let fraction = Double(moment - before.timestampMicroseconds) / Double(gap)
    return .interpolated(before.globalFromEgo.interpolated(to: after.globalFromEgo, at: fraction))
  }
}
