import Dispatch
import Synchronization

/// The results of `body(0)`, `body(1)`, ... in order, computed on so many threads; which thread does what changes nothing.
/// - Throws: the error of the lowest index that failed.
package func parallelMap<Result: Sendable>(
  _ count: Int, threads: Int, _ body: @Sendable (Int) throws -> Result
) throws -> [Result] {
  if threads <= 1 || count <= 1 { return try (0..<count).map(body) }
  return try parallel(count, threads: threads) { k in Swift.Result { try body(k) } }.map { try $0.get() }
}

/// `parallelMap` of what cannot fail.
package func parallel<Result: Sendable>(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Result)
  -> [Result]
{
  if threads <= 1 || count <= 1 { return (0..<count).map(body) }
  let next = Atomic<Int>(0)
  let slots = Mutex<[Result?]>(Array(repeating: nil, count: count))
  DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
    while true {
      let k = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard k < count else { return }
      let result = body(k)
      slots.withLock { $0[k] = result }
    }
  }
  return slots.withLock { $0.compactMap { $0 } }
}
