import Dispatch
import Foundation
import Synchronization

/// Runs a list of items through five stages: `load` ahead of time; `prepare`, `compute` and `conclude` in the order of
/// the items; `store` behind. At most `depth` items are between `load` and the end of `store`, so memory does not grow
/// with the list.
///
/// With one thread everything runs one after the other on the caller. With more, the stages overlap: `prepare` and
/// `conclude` have a thread of their own each, `compute` is on the caller, `load` and `store` run on others, and at most
/// `threads` of them work at any time. The stages in order see the items in order either way, so results do not depend on
/// `threads`.
/// - Parameter depth: items in flight, at least 1.
/// - Throws: the first error in the order of the items; nothing new is begun after an error, and all work that was begun
///   has ended when this returns.
package func runInOrder<
  Item: Sendable, Loaded: Sendable, Prepared: Sendable, Computed: Sendable, Concluded: Sendable
>(
  _ items: [Item], threads: Int, depth: Int,
  load: @escaping @Sendable (Item) throws -> Loaded,
  prepare: @escaping @Sendable (Loaded) throws -> Prepared,
  compute: (Prepared) throws -> Computed,
  conclude: @escaping @Sendable (Computed) throws -> Concluded,
  store: @escaping @Sendable (Concluded) throws -> Void
) throws {
  precondition(depth >= 1, "a pipeline of depth \(depth)")
  guard threads > 1 else {
    for item in items { try store(conclude(compute(prepare(load(item))))) }
    return
  }
  let queue = DispatchQueue(label: "apus.stages", attributes: .concurrent)
  let workers = DispatchSemaphore(value: threads)
  let places = DispatchSemaphore(value: depth)
  let all = DispatchGroup()
  let loaded = items.map { _ in Slot<Loaded>() }
  let prepared = items.map { _ in Slot<Prepared>() }
  let computed = items.map { _ in Slot<Computed>() }
  let failure = FirstFailure()

  // One feeder keeps the order of loads; it waits for places, never the caller.
  inThread(named: "apus.feeder", all) {
    for (index, item) in items.enumerated() {
      places.wait()
      if failure.hasHappened {
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
        failure.hasHappened
          ? .failure(CancellationError()) : workers.during { Result { try prepare(item.get()) } })
    }
  }
  inThread(named: "apus.conclude", all) {
    for index in items.indices {
      let item = computed[index].take()
      do {
        // After a failure the rest only give their places back, so that the feeder comes to its end.
        if failure.hasHappened { throw CancellationError() }
        let concluded = try workers.during { try conclude(item.get()) }
        all.enter()
        queue.async {
          do { try workers.during { try store(concluded) } } catch { failure.happened(error, at: index) }
          places.signal()
          all.leave()
        }
      } catch {
        failure.happened(error, at: index)
        places.signal()
      }
    }
  }
  for index in items.indices {
    do {
      let item = try prepared[index].take().get()
      computed[index].set(.success(try workers.during { try compute(item) }))
    } catch {
      failure.happened(error, at: index)
    }
    if failure.hasHappened {
      for later in computed[index...] { later.set(.failure(CancellationError())) }
      break
    }
  }
  all.wait()
  try failure.rethrow()
}

/// The failure of the earliest item.
private final class FirstFailure: Sendable {
  private let first = Mutex<(index: Int, error: any Error)?>(nil)
  private let flag = Atomic<Bool>(false)

  var hasHappened: Bool { flag.load(ordering: .acquiring) }

  /// Notes a failure; work that was called off is none.
  func happened(_ error: any Error, at index: Int) {
    if error is CancellationError { return }
    first.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
    flag.store(true, ordering: .releasing)
  }

  func rethrow() throws {
    if let error = first.withLock({ $0?.error }) { throw error }
  }
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
  private let isSet = Atomic<Bool>(false)

  /// Sets the value; once there is one, further ones count for nothing.
  func set(_ result: Result<Value, any Error>) {
    guard !isSet.exchange(true, ordering: .acquiringAndReleasing) else { return }
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
