import Synchronization

/// Large values that stages are done with, for the next frames: in a drive's steady state no frame allocates them anew.
///
/// Few are ever here: as many as frames are in flight.
package final class Spares<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  /// None yet.
  package init() {}

  /// One that is spare; nil where there is none.
  package func take() -> Value? { values.withLock { $0.popLast() } }

  /// Keeps one for later.
  package func give(_ value: consuming Value) {
    let value = value
    values.withLock { $0.append(value) }
  }
}
