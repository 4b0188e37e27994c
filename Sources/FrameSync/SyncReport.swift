import Scenes

/// Why a scene cannot be synchronised: `<file>: <field>: <found> (expected ...)`.
public struct SyncError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The table, and the scene where that helps.
  public var file: String
  /// The record and its field.
  public var field: String
  /// What was found.
  public var found: String
  /// What was expected.
  public var expected: String

  /// One line without a line break.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}

/// What synchronisation found in one scene, by channel and counted.
public struct SyncReport: Sendable, Hashable {
  /// The counts of one channel.
  public struct Channel: Sendable, Hashable {
    /// The channel's name.
    public var name: String
    /// Where its measurements lie after the LiDAR's when all is well, in microseconds (negative: before).
    public var nominalOffsetMicroseconds: Int64
    /// Measurements in the recording.
    public var measurements = 0
    /// Keyframes that got one.
    public var matched = 0
    /// Keyframes without any measurement near.
    public var missing = 0
    /// Keyframes whose measurement lay outside the tolerance.
    public var late = 0
    /// Measurements with the timestamp of another of the channel.
    public var duplicates = 0
    /// Measurements earlier than the one recorded before them.
    public var outOfOrder = 0
    /// Those of them that went back by more than the limit.
    public var backwardJumps = 0
    /// Measurements whose ego pose was interpolated, having none of their own time.
    public var posesInterpolated = 0
    /// Measurements shortly before the first or after the last ego pose, taken with the pose that their records name.
    public var posesNamed = 0
    /// Measurements left out for want of an ego pose near enough.
    public var withoutPose = 0

    /// Counts of 0 for a channel.
    init(name: String, nominalOffsetMicroseconds: Int64) {
      self.name = name
      self.nominalOffsetMicroseconds = nominalOffsetMicroseconds
    }
  }

  /// The channels by name.
  public var channels: [Channel]
  /// The keyframes in all; `frames == ok + degraded + skipped`.
  public var frames = 0
  /// Whole frames.
  public var ok = 0
  /// Frames that lack something.
  public var degraded = 0
  /// Frames that cannot be used.
  public var skipped = 0

  /// What was odd but did no harm, a sentence each, by channel.
  public var warnings: [String] {
    channels.flatMap { channel in
      [
        (channel.outOfOrder - channel.backwardJumps, "earlier than the one before it"),
        (channel.backwardJumps, "far earlier than the one before it: a jump of the clock"),
        (channel.duplicates, "with the timestamp of another"),
        (channel.posesInterpolated, "without an ego pose of its own time: interpolated"),
        (
          channel.posesNamed, "outside the ego poses' times: the pose of another moment is taken, as recorded"
        ),
      ]
      .filter { $0.0 > 0 }
      .map { "\(channel.name): \($0.0) measurement\($0.0 == 1 ? "" : "s") \($0.1)" }
    }
  }
}

/// A scene's frames, one a keyframe in the scene's order, and what was found on the way.
public struct SyncedScene: Sendable {
  /// One a keyframe.
  public var frames: [Frame]
  /// Counts and warnings.
  public var report: SyncReport
}
