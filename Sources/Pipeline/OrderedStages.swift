import Dispatch
import Foundation
import Synchronization

/// Runs items, told by their numbers, through five stages: `load` ahead of time; `prepare`, `compute` and `conclude` in
/// the order of the items; `store` behind. At most `depth` items are between `load` and the end of `store`, and nothing
/// is kept of the others, so memory does not grow with their number.
///
/// With one thread everything runs one after the other on the caller. With more, the stages overlap: `prepare` and
/// `conclude` have a thread of their own each, `compute` is on the caller, `load` and `store` run on `depth` others, and at most
/// `threads` of them work at any time. The stages in order see the items in order either way, so results do not depend on
/// `threads`.
/// - Parameter depth: items in flight, at least 1.
/// - Throws: `ThreadError` before anything is begun where the threads cannot be made; the first error in the order of the items; nothing new is begun after an error, and all work that was begun
///   has ended when this returns.
package func runInOrder<
  Loaded: Sendable, Prepared: Sendable, Computed: Sendable, Concluded: Sendable
>(
  _ items: Range<Int>, threads: Int, depth: Int,
  load: @escaping @Sendable (_ item: Int) throws -> Loaded,
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
  let queue = JobQueue(), givers = Atomic<Int>(2)
  let workers = DispatchSemaphore(value: threads)
  let places = DispatchSemaphore(value: depth)
  let loaded = Handover<Loaded>(), prepared = Handover<Prepared>(), computed = Handover<Computed>()
  let failure = FirstFailure()
  // The feeder and the thread that concludes give work; after both have ended no more comes.
  @Sendable func endGiving() {
    if givers.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { queue.close(workers: depth) }
  }

  // One feeder keeps the order of loads; it waits for places, never the caller.
  @Sendable func feed() {
    defer { endGiving() }
    for item in items {
      places.wait()
      if failure.hasHappened {
        loaded.set(item, .failure(CancellationError()))
        places.signal()
        continue
      }
      queue.add { loaded.set(item, workers.during { Result { try load(item) } }) }
    }
  }
  @Sendable func prepareAll() {
    for item in items {
      let value = loaded.take(item)
      prepared.set(
        item,
        failure.hasHappened
          ? .failure(CancellationError()) : workers.during { Result { try prepare(value.get()) } })
    }
  }
  @Sendable func concludeAll() {
    defer { endGiving() }
    for item in items {
      let value = computed.take(item)
      do {
        // After a failure the rest only give their places back, so that the feeder comes to its end.
        if failure.hasHappened { throw CancellationError() }
        let concluded = try workers.during { try conclude(value.get()) }
        queue.add {
          do { try workers.during { try store(concluded) } } catch { failure.happened(error, at: item) }
          places.signal()
        }
      } catch {
        failure.happened(error, at: item)
        places.signal()
      }
    }
  }
  // An item in flight has one job at most, so `depth` threads for loads and stores never let one wait.
  let all = try StageThreads(
    [feed, prepareAll, concludeAll] + Array(repeating: { queue.work() }, count: depth))
  for item in items {
    do {
      let value = try prepared.take(item).get()
      computed.set(item, .success(try workers.during { try compute(value) }))
    } catch {
      failure.happened(error, at: item)
    }
    if failure.hasHappened {
      computed.callOff()
      break
    }
  }
  all.join()
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

extension DispatchSemaphore {
  /// Does work while holding one of the semaphore's places.
  fileprivate func during<Value>(_ work: () throws -> Value) rethrows -> Value {
    wait()
    defer { signal() }
    return try work()
  }
}

/// Values by item, set in any order by any thread and taken in the items' order by one.
private final class Handover<Value: Sendable>: Sendable {
  private struct State {
    var values: [Int: Result<Value, any Error>] = [:]
    var isCalledOff = false
  }
  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)

  /// Sets an item's value, once.
  func set(_ item: Int, _ value: Result<Value, any Error>) {
    state.withLock { $0.values[item] = value }
    news.signal()
  }

  /// No more values come: who waits for one gets a `CancellationError`.
  func callOff() {
    state.withLock { $0.isCalledOff = true }
    news.signal()
  }

  /// Waits for an item's value.
  func take(_ item: Int) -> Result<Value, any Error> {
    while true {
      let value = state.withLock { state in
        state.values.removeValue(forKey: item)
          ?? (state.isCalledOff ? .failure(CancellationError()) : nil)
      }
      if let value { return value }
      news.wait()
    }
  }
}
