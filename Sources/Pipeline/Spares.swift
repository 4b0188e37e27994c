import Synchronization

/// Large values that stages are done with, for the next frames: in a drive's steady state no frame allocates them anew.
///
/// Few are ever here: as many as frames are in flight.
final class Spares<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  /// One that is spare; nil where there is none.
  func take() -> Value? { values.withLock { $0.popLast() } }

  /// Keeps one for later.
  func give(_ value: consuming Value) {
    let value = value
    values.withLock { $0.append(value) }
  }
}
