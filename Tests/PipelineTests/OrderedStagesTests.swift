import Foundation
import Pipeline
import Synchronization
import Testing

/// Stages joined in order: nothing is lost, reordered or left running, whatever fails.
struct OrderedStagesTests {
  struct Failure: Error, Equatable { let item: Int }

  @Test(arguments: [1, 2, 3, 8]) func everyItemIsComputedInOrderAndStoredOnce(threads: Int) throws {
    let stored = Mutex<[Int]>([])
    var computed: [Int] = []
    try runInOrder(
      0..<200, threads: threads, depth: 3, load: { $0 * 2 }, prepare: { $0 },
      compute: {
        computed.append($0)
        return $0 + 1
      }, conclude: { $0 }, store: { value in stored.withLock { $0.append(value) } })
    #expect(computed == (0..<200).map { $0 * 2 })
    #expect(stored.withLock { $0.sorted() } == (0..<200).map { $0 * 2 + 1 })
  }

  @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 8], [0, 1, 17, 99])
  func anErrorOfAnyStageEndsTheRunAndIsThrown(
    threads: Int, bad: Int
  ) throws {
    for stage in 0..<5 {
      let started = Mutex(0)
      #expect(throws: Failure(item: bad)) {
        try runInOrder(
          0..<100, threads: threads, depth: 4,
          load: {
            started.withLock { $0 += 1 }
            if stage == 0, $0 == bad { throw Failure(item: bad) }
            return $0
          },
          prepare: {
            if stage == 3, $0 == bad { throw Failure(item: bad) }
            return $0
          },
          compute: {
            if stage == 1, $0 == bad { throw Failure(item: bad) }
            return $0
          },
          conclude: {
            if stage == 4, $0 == bad { throw Failure(item: bad) }
            return $0
          },
          store: { if stage == 2, $0 == bad { throw Failure(item: bad) } })
      }
      // At most what was in flight is begun after the failure.
      #expect(started.withLock { $0 } <= bad + 10)
    }
  }

  @Test func noMoreThanDepthItemsAreAlive() throws {
    let alive = Mutex((now: 0, most: 0))
    try runInOrder(
      0..<300, threads: 6, depth: 3,
      load: {
        alive.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
        return $0
      }, prepare: { $0 }, compute: { $0 }, conclude: { $0 },
      store: { _ in alive.withLock { $0.now -= 1 } })
    #expect(alive.withLock { $0.most } <= 3)
    #expect(alive.withLock { $0.now } == 0)
  }

  @Test func preparationSeesTheItemsInOrderOnOneThread() throws {
    let seen = Mutex<[Int]>([])
    let threads = Mutex<Set<pthread_t>>([])
    try runInOrder(
      0..<100, threads: 4, depth: 4, load: { $0 },
      prepare: { item in
        seen.withLock { $0.append(item) }
        threads.withLock { _ = $0.insert(pthread_self()) }
        return item
      }, compute: { $0 }, conclude: { $0 }, store: { _ in })
    #expect(seen.withLock { $0 } == Array(0..<100))
    #expect(threads.withLock { $0.count } == 1)
    #expect(!threads.withLock { $0.contains(pthread_self()) })
  }

  @Test func noMoreStagesWorkAtOnceThanThereAreThreads() throws {
    let working = Mutex((now: 0, most: 0))
    @Sendable func work(_ item: Int) -> Int {
      working.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      Thread.sleep(forTimeInterval: 0.0005)
      working.withLock { $0.now -= 1 }
      return item
    }
    try runInOrder(
      0..<60, threads: 2, depth: 6, load: work, prepare: work, compute: work, conclude: work,
      store: { _ = work($0) })
    #expect(working.withLock { $0.most } == 2)
  }
}
