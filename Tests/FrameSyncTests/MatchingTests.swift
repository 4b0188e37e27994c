import FrameSync
import Testing

/// A small generator with a printed seed: the same streams everywhere.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: Int) {
    state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct MatchingTests {
  /// Every way to pair moments with measurements, crossing or not.
  private func bruteForce(_ moments: [Int64], _ times: [Int64], _ tolerance: Int64) -> (
    pairs: Int, distance: Int64
  ) {
    var best = (pairs: 0, distance: Int64(0))
    var used = [Bool](repeating: false, count: times.count)
    func visit(_ i: Int, _ pairs: Int, _ distance: Int64) {
      if i == moments.count {
        if pairs > best.pairs || (pairs == best.pairs && distance < best.distance) {
          best = (pairs, distance)
        }
        return
      }
      visit(i + 1, pairs, distance)
      for j in times.indices where !used[j] && abs(times[j] - moments[i]) <= tolerance {
        used[j] = true
        visit(i + 1, pairs + 1, distance + abs(times[j] - moments[i]))
        used[j] = false
      }
    }
    visit(0, 0, 0)
    return best
  }

  @Test func matchesAreAsGoodAsBruteForceOverThousandsOfStreams() {
    for seed in 0..<4000 {
      var random = SeededGenerator(seed)
      // Short ranges make ties, duplicates and contention; every fourth stream is spread out.
      let range: ClosedRange<Int64> = seed % 4 == 0 ? 0...400 : 0...40
      let moments = (0..<Int.random(in: 0...5, using: &random)).map { _ in
        Int64.random(in: range, using: &random)
      }
      .sorted()
      let times = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        Int64.random(in: range, using: &random)
      }
      .sorted()
      let tolerance = Int64.random(in: 0...20, using: &random)
      let matches = matchMoments(moments, to: times, tolerance: tolerance)
      let made = zip(moments, matches).compactMap { m, j in j.map { abs(times[$0] - m) } }
      let used = matches.compactMap(\.self)
      let best = bruteForce(moments, times, tolerance)
      #expect(matches.count == moments.count, "seed \(seed)")
      #expect(Set(used).count == used.count && used == used.sorted(), "seed \(seed)")
      #expect(made.allSatisfy { $0 <= tolerance }, "seed \(seed)")
      #expect(made.count == best.pairs, "seed \(seed): \(moments) \(times) ±\(tolerance)")
      #expect(made.reduce(0, +) == best.distance, "seed \(seed): \(moments) \(times) ±\(tolerance)")
    }
  }

  @Test func aGreedyChoiceThatLosesAPairIsNotMade() {
    // The first moment's nearest is the second's only one.
    #expect(matchMoments([100, 140], to: [70, 110], tolerance: 35) == [0, 1])
  }

  @Test func theEarlierOfTwoEqualMeasurementsIsTaken() {
    #expect(matchMoments([100], to: [90, 110], tolerance: 50) == [0])
    #expect(matchMoments([100], to: [100, 100, 100], tolerance: 50) == [0])
    #expect(matchMoments([100, 100], to: [100, 100, 100], tolerance: 50) == [0, 1])
  }

  @Test func theToleranceItselfIsWithin() {
    #expect(matchMoments([100], to: [150], tolerance: 50) == [0])
    #expect(matchMoments([100], to: [151], tolerance: 50) == [nil])
  }

  @Test func aDayAtTenHertzIsMatchedInASecond() {
    let moments = (0..<172_800).map { Int64($0) * 500_000 }
    let times = (0..<864_000).map { Int64($0) * 100_000 + 37_000 }
    let clock = ContinuousClock()
    let start = clock.now
    let matches = matchMoments(moments, to: times, tolerance: 50_000)
    #expect(matches.allSatisfy { $0 != nil })
    #expect(clock.now - start < .seconds(2))
  }
}
