import Dispatch
import Foundation
import Synchronization

/// Runs a list of items through four stages: `load` ahead of time, `prepare` and `compute` in the order of the items,
/// `store` behind. At most `depth` items are between `load` and the end of `store`, so memory does not grow with the
/// list.
///
/// With one thread everything runs one after the other on the caller. With more, the stages overlap: `prepare` has a
/// thread of its own, `compute` is on the caller, `load` and `store` run on others, and at most `threads` of them work
/// at any time. `prepare` and `compute` see the items in order either way, so results do not depend on `threads`.
/// - Parameter depth: items in flight, at least 1.
/// - Throws: the first error in the order of the items; nothing new is begun after an error, and all work that was begun
///   has ended when this returns.
package func runInOrder<Item: Sendable, Loaded: Sendable, Prepared: Sendable, Computed: Sendable>(
  _ items: [Item], threads: Int, depth: Int,
  load: @escaping @Sendable (Item) throws -> Loaded,
  prepare: @escaping @Sendable (Loaded) throws -> Prepared,
  compute: (Prepared) throws -> Computed,
  store: @escaping @Sendable (Computed) throws -> Void
) throws {
  precondition(depth >= 1, "a pipeline of depth \(depth)")
  guard threads > 1 else {
    for item in items { try store(compute(prepare(load(item)))) }
    return
  }
  let queue = DispatchQueue(label: "apus.stages", attributes: .concurrent)
  let workers = DispatchSemaphore(value: threads)
  let places = DispatchSemaphore(value: depth)
  let all = DispatchGroup()
  let loaded = items.map { _ in Slot<Loaded>() }
  let prepared = items.map { _ in Slot<Prepared>() }
  let storeFailure = Mutex<(index: Int, error: any Error)?>(nil)
  let stop = Atomic<Bool>(false)

  // One feeder keeps the order of loads; it waits for places, never the caller.
  inThread(named: "apus.feeder", all) {
    for (index, item) in items.enumerated() {
      places.wait()
      if stop.load(ordering: .acquiring) {
        loaded[index].set(.failure(CancellationError()))
        places.signal()
        continue
      }
      all.enter()
      queue.async {
        loaded[index].set(workers.during { Result { try load(item) } })
        all.leave()
      }
    }
  }
  inThread(named: "apus.prepare", all) {
    for index in items.indices {
      let item = loaded[index].take()
      prepared[index].set(
        stop.load(ordering: .acquiring)
          ? .failure(CancellationError()) : workers.during { Result { try prepare(item.get()) } })
    }
  }
  var failure: (any Error)?
  for index in items.indices {
    do {
      let item = try prepared[index].take().get()
      let computed = try workers.during { try compute(item) }
      all.enter()
      queue.async {
        do { try workers.during { try store(computed) } } catch {
          storeFailure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
          stop.store(true, ordering: .releasing)
        }
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

/// Runs `body` on a thread of its own, as part of a group.
private func inThread(named name: String, _ group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
  group.enter()
  let thread = Thread {
    body()
    group.leave()
  }
  thread.name = name
  thread.stackSize = 8 << 20
  thread.start()
}

extension DispatchSemaphore {
  /// Does work while holding one of the semaphore's places.
  fileprivate func during<Value>(_ work: () throws -> Value) rethrows -> Value {
    wait()
    defer { signal() }
    return try work()
  }
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
