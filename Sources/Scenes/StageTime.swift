/// A stage of a frame's way and the time that it took.
public struct StageTime: Sendable, Hashable {
  /// The stage's name: `read`, `decode`, ...
  public var stage: String
  /// Its milliseconds.
  public var milliseconds: Double
  /// The stage with its time.
  public init(stage: String, milliseconds: Double) {
    self.stage = stage
    self.milliseconds = milliseconds
  }
}
