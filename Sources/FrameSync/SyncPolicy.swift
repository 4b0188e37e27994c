import Scenes

/// What a frame does without a channel.
public enum ChannelPolicy: String, Sendable, Hashable, Codable {
  /// The frame is skipped.
  case required
  /// The frame goes on, degraded.
  case expected
  /// The frame goes on and nothing is said.
  case optional
}

/// What a backward jump of a clock inside a scene does.
public enum BackwardJumpPolicy: String, Sendable, Hashable, Codable {
  /// The scene is refused.
  case fail
  /// The recording is cut there: measurements are matched within one part only.
  case split
}

/// How measurements are matched to keyframes.
public struct SyncPolicy: Sendable, Hashable {
  /// The channel of the keyframes' sweeps; where the scene has none of that name, its first LiDAR by name.
  public var lidarChannel: String
  /// How far a measurement may lie from its channel's nominal offset, in microseconds.
  public var toleranceMicroseconds: Int64
  /// Each channel's nominal offset from the LiDAR, in microseconds; a channel not named takes the recording's median.
  public var nominalOffsetsMicroseconds: [String: Int64]
  /// What a frame does without a channel. A channel named here is looked for even where the recording lacks it.
  /// Not named: the LiDAR is required and a camera is expected.
  public var channels: [String: ChannelPolicy]
  /// The widest gap between two ego poses that is interpolated across, in microseconds.
  public var maximumPoseGapMicroseconds: Int64
  /// The most LiDAR sweeps before the keyframe's.
  public var earlierSweepCount: Int
  /// How old an earlier sweep may be, in microseconds.
  public var earlierSweepMicroseconds: Int64
  /// A step back in time longer than this is a jump, in microseconds; a shorter one is a measurement out of order.
  public var backwardJumpMicroseconds: Int64
  /// What a jump does.
  public var backwardJump: BackwardJumpPolicy

  /// The policy with these limits; the defaults are the program's.
  /// - Precondition: no limit is negative.
  public init(
    lidarChannel: String = Scene.usualLidar, toleranceMicroseconds: Int64 = 50_000,
    nominalOffsetsMicroseconds: [String: Int64] = [:], channels: [String: ChannelPolicy] = [:],
    maximumPoseGapMicroseconds: Int64 = 1_000_000, earlierSweepCount: Int = 9,
    earlierSweepMicroseconds: Int64 = 1_000_000, backwardJumpMicroseconds: Int64 = 1_000_000,
    backwardJump: BackwardJumpPolicy = .fail
  ) {
    precondition(
      toleranceMicroseconds >= 0 && maximumPoseGapMicroseconds >= 0 && earlierSweepCount >= 0
        && earlierSweepMicroseconds >= 0 && backwardJumpMicroseconds >= 0,
      "a limit is negative: tolerance \(toleranceMicroseconds), pose gap \(maximumPoseGapMicroseconds), "
        + "sweeps \(earlierSweepCount) in \(earlierSweepMicroseconds), jump \(backwardJumpMicroseconds)")
    self.lidarChannel = lidarChannel
    self.toleranceMicroseconds = toleranceMicroseconds
    self.nominalOffsetsMicroseconds = nominalOffsetsMicroseconds
    self.channels = channels
    self.maximumPoseGapMicroseconds = maximumPoseGapMicroseconds
    self.earlierSweepCount = earlierSweepCount
    self.earlierSweepMicroseconds = earlierSweepMicroseconds
    self.backwardJumpMicroseconds = backwardJumpMicroseconds
    self.backwardJump = backwardJump
  }
}
