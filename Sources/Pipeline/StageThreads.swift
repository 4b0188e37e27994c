import Dispatch
import Foundation
import Synchronization

/// A thread that the system would not make.
public struct ThreadError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Which one of how many, and errno.
  let number: Int, count: Int, code: Int32

  /// One line.
  public var description: String {
    "threads: \(String(cString: strerror(code))) (errno \(code)) at thread \(number) of \(count) "
      + "(expected room for all; ulimit -u and ulimit -v limit them, --threads asks for fewer)"
  }
}

/// Threads with one body each, all made before any of them begins: where one cannot be made, none runs.
///
/// Foundation's threads and Dispatch's queues wait for ever for a thread that the system refuses.
package final class StageThreads {
  /// What a thread runs once all are made.
  private final class Start: Sendable {
    let body: @Sendable () -> Void
    let gate: Gate
    init(_ body: @escaping @Sendable () -> Void, _ gate: Gate) {
      self.body = body
      self.gate = gate
    }
  }

  private final class Gate: Sendable {
    let opened = DispatchSemaphore(value: 0)
    let isCalledOff = Atomic<Bool>(false)
  }

  private var threads: [pthread_t] = []
  private static let stackSize = 8 << 20

  /// Makes the threads and starts them.
  /// - Throws: `ThreadError` where one cannot be made; those made before it have ended then.
  package init(_ bodies: [@Sendable () -> Void]) throws {
    let gate = Gate()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, Self.stackSize)
    var failure: ThreadError?
    for (k, body) in bodies.enumerated() {
      let start = Unmanaged.passRetained(Start(body, gate))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
          start.gate.opened.wait()
          if !start.gate.isCalledOff.load(ordering: .acquiring) { start.body() }
          return nil
        }, start.toOpaque())
      guard code == 0 else {
        start.release()
        failure = ThreadError(number: k + 1, count: bodies.count, code: code)
        break
      }
      threads.append(thread)
    }
    if failure != nil { gate.isCalledOff.store(true, ordering: .releasing) }
    for _ in threads { gate.opened.signal() }
    if let failure {
      join()
      throw failure
    }
  }

  /// Waits for the end of all.
  package func join() {
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  /// Checks that so many threads can be made at once, beside those there are.
  /// - Throws: `ThreadError` where they cannot.
  package static func require(_ count: Int) throws {
    try StageThreads(Array(repeating: {}, count: count)).join()
  }
}

/// Work that any of a few threads may do, in the order in which it was given.
package final class JobQueue: Sendable {
  private struct State {
    var jobs: [@Sendable () -> Void] = []
    var isClosed = false
  }
  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)

  package init() {}

  /// Gives work.
  package func add(_ job: @escaping @Sendable () -> Void) {
    state.withLock { $0.jobs.append(job) }
    news.signal()
  }

  /// Says that no more work comes.
  /// - Parameter workers: how many threads work.
  package func close(workers: Int) {
    state.withLock { $0.isClosed = true }
    for _ in 0..<workers { news.signal() }
  }

  /// Does work until the queue is closed and empty.
  package func work() {
    while true {
      news.wait()
      let job = state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
      if let job {
        job()
      } else if state.withLock({ $0.isClosed && $0.jobs.isEmpty }) {
        return
      }
    }
  }
}
