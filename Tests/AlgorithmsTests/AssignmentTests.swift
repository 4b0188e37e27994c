import Algorithms
import Testing

/// Most pairs, then least cost, over every way there is.
func bestAssignment(_ cost: [Double], _ rows: Int, _ columns: Int) -> (pairs: Int, cost: Double) {
  var best = (pairs: 0, cost: 0.0)
  var used = [Bool](repeating: false, count: columns)
  func visit(_ row: Int, _ pairs: Int, _ sum: Double) {
    if row == rows {
      if pairs > best.pairs || (pairs == best.pairs && sum < best.cost) { best = (pairs, sum) }
      return
    }
    visit(row + 1, pairs, sum)
    for c in 0..<columns where !used[c] && cost[row * columns + c].isFinite {
      used[c] = true
      visit(row + 1, pairs + 1, sum + cost[row * columns + c])
      used[c] = false
    }
  }
  visit(0, 0, 0)
  return best
}

@Suite struct AssignmentTests {
  @Test func everyAssignmentIsAsGoodAsBruteForce() {
    var state: UInt64 = 3
    func random(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    for trial in 0..<3000 {
      let rows = random(6)
      let columns = random(6)
      // Small whole costs make ties; a third of the pairs is forbidden in two trials of three.
      let cost = (0..<rows * columns).map { _ in
        trial % 3 != 0 && random(3) == 0 ? Double.infinity : Double(random(12) - 4)
      }
      let result = linearAssignment(cost: cost, rows: rows, columns: columns)
      let pairs = result.enumerated().compactMap { r, c in c.map { cost[r * columns + $0] } }
      let used = result.compactMap(\.self)
      let best = bestAssignment(cost, rows, columns)
      #expect(result.count == rows && Set(used).count == used.count)
      #expect(pairs.allSatisfy { $0.isFinite })
      #expect(pairs.count == best.pairs, "trial \(trial): \(rows) x \(columns) \(cost)")
      #expect(pairs.reduce(0, +) == best.cost, "trial \(trial): \(rows) x \(columns) \(cost)")
    }
  }

  @Test func aGreedyChoiceLosesToTheOptimum() {
    #expect(linearAssignment(cost: [1, 2, 2, 9], rows: 2, columns: 2) == [1, 0])
  }

  @Test func emptySidesAndForbiddenRowsGiveNothing() {
    #expect(linearAssignment(cost: [], rows: 0, columns: 4) == [])
    #expect(linearAssignment(cost: [], rows: 3, columns: 0) == [nil, nil, nil])
    #expect(linearAssignment(cost: [.infinity, .nan], rows: 1, columns: 2) == [nil])
    #expect(linearAssignment(cost: [5, .infinity, .infinity, .infinity], rows: 2, columns: 2) == [0, nil])
  }
}
