import Dispatch
import Foundation
import Synchronization

/// Runs a list of items through three stages: `load` ahead of time, `compute` in order on the calling thread, `store`
/// behind. At most `depth` items are between `load` and the end of `store`, so memory does not grow with the list.
///
/// With one thread everything runs one after the other on the caller. With more, `load` and `store` run on
/// `threads - 1` others. `compute` sees the items in order either way, so results do not depend on `threads`.
/// - Parameter depth: items in flight, at least 1.
/// - Throws: the first error in the order of the items; nothing new is begun after an error, and all work that was begun
///   has ended when this returns.
package func runInOrder<Item: Sendable, Loaded: Sendable, Computed: Sendable>(
  _ items: [Item], threads: Int, depth: Int,
  load: @escaping @Sendable (Item) throws -> Loaded,
  compute: (Loaded) throws -> Computed,
  store: @escaping @Sendable (Computed) throws -> Void
) throws {
  precondition(depth >= 1, "a pipeline of depth \(depth)")
  guard threads > 1 else {
    for item in items { try store(compute(load(item))) }
    return
  }
  let queue = DispatchQueue(label: "apus.stages", attributes: .concurrent)
  let workers = DispatchSemaphore(value: threads - 1)
  let places = DispatchSemaphore(value: depth)
  let all = DispatchGroup()
  let slots = items.map { _ in Slot<Loaded>() }
  let storeFailure = Mutex<(index: Int, error: any Error)?>(nil)
  let stop = Atomic<Bool>(false)

  // One feeder keeps the order of loads; it waits for places, never the caller.
  let feeder = DispatchQueue(label: "apus.feeder")
  all.enter()
  feeder.async {
    defer { all.leave() }
    for (index, item) in items.enumerated() {
      places.wait()
      if stop.load(ordering: .acquiring) {
        slots[index].set(.failure(CancellationError()))
        places.signal()
        continue
      }
      workers.wait()
      all.enter()
      queue.async {
        slots[index].set(Result { try load(item) })
        workers.signal()
        all.leave()
      }
    }
  }
  var failure: (any Error)?
  for index in items.indices {
    do {
      let computed = try compute(slots[index].take().get())
      workers.wait()
      all.enter()
      queue.async {
        do { try store(computed) } catch {
          storeFailure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
          stop.store(true, ordering: .releasing)
        }
        workers.signal()
        places.signal()
        all.leave()
      }
    } catch {
      failure = error
      stop.store(true, ordering: .releasing)
    }
    if stop.load(ordering: .acquiring) { break }
  }
  if stop.load(ordering: .acquiring) {
    // What was loaded and will not be computed gives its place back, so that the feeder comes to its end.
    for _ in items { places.signal() }
  }
  all.wait()
  if let error = storeFailure.withLock({ $0?.error }) { throw error }
  if let failure { throw failure }
}

/// A value that one thread sets and another takes once.
private final class Slot<Value: Sendable>: Sendable {
  private let value = Mutex<Result<Value, any Error>?>(nil)
  private let ready = DispatchSemaphore(value: 0)

  func set(_ result: Result<Value, any Error>) {
    value.withLock { $0 = result }
    ready.signal()
  }

  func take() -> Result<Value, any Error> {
    ready.wait()
    return value.withLock { stored in
      defer { stored = nil }
      return stored ?? .failure(CancellationError())
    }
  }
}
