import Scenes

/// Milliseconds that each stage of one frame took, in the order in which the stages first ran.
public struct StageClock: Sendable {
  /// Stage names and their milliseconds.
  public private(set) var stages: [StageTime] = []

  /// A clock that has measured nothing.
  public init() {}

  /// Runs `work` and adds its time to `stage`.
  public mutating func measure<Value>(_ stage: String, _ work: () throws -> Value) rethrows -> Value {
    let start = ContinuousClock.now
    defer { add(stage, (ContinuousClock.now - start) / .milliseconds(1)) }
    return try work()
  }

  /// Adds time to a stage.
  public mutating func add(_ stage: String, _ milliseconds: Double) {
    if let k = stages.firstIndex(where: { $0.stage == stage }) {
      stages[k].milliseconds += milliseconds
    } else {
      stages.append(.init(stage: stage, milliseconds: milliseconds))
    }
  }
}
