import Algorithms
import Testing

@Suite struct SparseAssignmentTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {  // SplitMix64
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private struct Problem {
    var pairs: [AssignmentPair]
    var rows: Int
    var columns: Int

    /// The whole matrix; of pairs named twice the least.
    var matrix: [Double] {
      var result = [Double](repeating: .infinity, count: rows * columns)
      for pair in pairs where pair.cost.isFinite {
        let at = pair.row * columns + pair.column
        result[at] = min(result[at], pair.cost)
      }
      return result
    }

    /// - Parameter averageDegree: pairs of a row, on average.
    init(
      rows: Int, columns: Int, averageDegree: Double, _ random: inout Generator,
      cost: (inout Generator) -> Double
    ) {
      (self.rows, self.columns, pairs) = (rows, columns, [])
      for row in 0..<rows {
        for column in 0..<columns where .random(in: 0..<1, using: &random) * Double(columns) < averageDegree {
          pairs.append(AssignmentPair(row: row, column: column, cost: cost(&random)))
        }
      }
      pairs.shuffle(using: &random)
    }
  }

  private typealias Solver = (_ pairs: [AssignmentPair], _ rows: Int, _ columns: Int) -> [Int?]

  /// Pairs and total cost of an assignment; nil where it is none.
  private func value(_ result: [Int?], _ problem: Problem) -> (pairs: Int, cost: Double)? {
    let matrix = problem.matrix
    let used = result.compactMap(\.self)
    guard result.count == problem.rows, Set(used).count == used.count else { return nil }
    let costs = result.enumerated().compactMap { r, c in c.map { matrix[r * problem.columns + $0] } }
    return costs.allSatisfy(\.isFinite) ? (costs.count, costs.reduce(0, +)) : nil
  }

  /// What is wrong with a solver, held against the dense one: whole costs, so that sums are exact, with many ties.
  private func fault(of solver: Solver, seed: UInt64) -> String? {
    var random = Generator(state: seed)
    for trial in 0..<300 {
      let problem = Problem(
        rows: .random(in: 0...40, using: &random), columns: .random(in: 0...40, using: &random),
        averageDegree: .random(in: 0.3...5, using: &random), &random
      ) { Double(Int.random(in: -3...9, using: &$0)) }
      let (rows, columns) = (problem.rows, problem.columns)
      let dense = value(
        linearAssignment(cost: problem.matrix, rows: rows, columns: columns), problem)
      let sparse = value(solver(problem.pairs, rows, columns), problem)
      guard let dense, let sparse, dense == sparse else {
        return
          "trial \(trial): \(rows) x \(columns): \(String(describing: sparse)), not \(String(describing: dense))"
      }
    }
    return nil
  }

  private func solve(_ problem: Problem) -> [Int?] {
    linearAssignment(pairs: problem.pairs, rows: problem.rows, columns: problem.columns)
  }

  @Test func ofSeveralOptimaOneIsFound() {
    #expect(fault(of: { linearAssignment(pairs: $0, rows: $1, columns: $2) }, seed: 11) == nil)
  }

  /// The check above finds solvers that split wrongly, or solve a part wrongly.
  @Test func aWrongSplittingIsCaught() {
    // Pairs between the first and the second half are dropped.
    let halves: Solver = { pairs, rows, columns in
      linearAssignment(
        pairs: pairs.filter { ($0.row < rows / 2) == ($0.column < columns / 2) }, rows: rows, columns: columns
      )
    }
    // One pair alone is dropped.
    let missesOne: Solver = { pairs, rows, columns in
      linearAssignment(pairs: Array(pairs.dropLast()), rows: rows, columns: columns)
    }
    // The cheapest pair first.
    let greedy: Solver = { pairs, rows, columns in
      var result = [Int?](repeating: nil, count: rows)
      var used = Set<Int>()
      for pair in pairs.sorted(by: { $0.cost < $1.cost })
      where result[pair.row] == nil && used.insert(pair.column).inserted {
        result[pair.row] = pair.column
      }
      return result
    }
    // Columns are given twice where rows are solved one by one.
    let rowByRow: Solver = { pairs, rows, _ in
      (0..<rows).map { row in pairs.filter { $0.row == row }.min { $0.cost < $1.cost }?.column }
    }
    for (name, solver) in [
      ("halves", halves), ("misses one", missesOne), ("greedy", greedy), ("row by row", rowByRow),
    ] {
      #expect(fault(of: solver, seed: 11) != nil, "\(name)")
    }
  }

  @Test func withoutTiesThePairsAreTheDenseSolvers() {
    var random = Generator(state: 5)
    for trial in 0..<200 {
      let problem = Problem(
        rows: .random(in: 1...80, using: &random), columns: .random(in: 1...80, using: &random),
        averageDegree: .random(in: 0.3...8, using: &random), &random
      ) { .random(in: -10..<20, using: &$0) }
      let dense = linearAssignment(cost: problem.matrix, rows: problem.rows, columns: problem.columns)
      #expect(solve(problem) == dense, "trial \(trial)")
    }
  }

  @Test func smallProblemsAreAsGoodAsBruteForce() {
    var random = Generator(state: 7)
    for trial in 0..<3000 {
      let problem = Problem(
        rows: .random(in: 0...6, using: &random), columns: .random(in: 0...6, using: &random),
        averageDegree: .random(in: 0.5...4, using: &random), &random
      ) { Double(Int.random(in: -4...7, using: &$0)) }
      let best = bestAssignment(problem.matrix, problem.rows, problem.columns)
      let found = value(solve(problem), problem)
      #expect(found?.pairs == best.pairs && found?.cost == best.cost, "trial \(trial): \(problem)")
    }
  }

  @Test func theOrderOfPairsDoesNotMatter() {
    var random = Generator(state: 13)
    for trial in 0..<100 {
      var problem = Problem(rows: 30, columns: 25, averageDegree: 2, &random) {
        Double(Int.random(in: 0...2, using: &$0))
      }
      let first = solve(problem)
      problem.pairs.shuffle(using: &random)
      #expect(solve(problem) == first, "trial \(trial)")
    }
  }

  @Test func aChainIsOneComponentWhoseEndsDecide() {
    // As many pairs as possible, three, though columns 1 and 2 are the cheapest of all rows.
    let chain = [(0, 1, 0), (1, 1, 0), (1, 2, 5), (2, 2, 1), (2, 3, 50)].map {
      AssignmentPair(row: $0.0, column: $0.1, cost: Double($0.2))
    }
    #expect(linearAssignment(pairs: chain, rows: 3, columns: 4) == [1, 2, 3])
    // With column 0 too, row 0 makes way.
    let longer = chain + [AssignmentPair(row: 0, column: 0, cost: 20)]
    #expect(linearAssignment(pairs: longer, rows: 3, columns: 4) == [0, 1, 2])
  }

  @Test func componentsOfVeryDifferentCostsDoNotDisturbOneAnother() {
    let small = [(0, 0, 1e-9), (0, 1, 2e-9), (1, 0, 2e-9), (1, 1, 4e-9)]
    // Of the large ones the diagonal costs 1e12, the other way 2e12.
    let large = [(2, 2, 4e12), (2, 3, 1e12), (3, 2, 1e12), (3, 3, -3e12)]
    let pairs = (small + large).map { AssignmentPair(row: $0.0, column: $0.1, cost: $0.2) }
    #expect(linearAssignment(pairs: pairs, rows: 4, columns: 4) == [1, 0, 2, 3])
  }

  @Test func emptyForbiddenAndRepeatedPairs() {
    #expect(linearAssignment(pairs: [], rows: 0, columns: 0) == [])
    #expect(linearAssignment(pairs: [], rows: 0, columns: 4) == [])
    #expect(linearAssignment(pairs: [], rows: 3, columns: 0) == [nil, nil, nil])
    #expect(linearAssignment(pairs: [], rows: 2, columns: 2) == [nil, nil])
    let forbidden = [Double.nan, .infinity, -.infinity, .signalingNaN].enumerated().map {
      AssignmentPair(row: $0.offset % 2, column: $0.offset / 2, cost: $0.element)
    }
    #expect(linearAssignment(pairs: forbidden, rows: 2, columns: 2) == [nil, nil])
    // A forbidden pair joins nothing and may name what does not exist.
    let beside =
      forbidden + [
        AssignmentPair(row: 1, column: 1, cost: 7), AssignmentPair(row: 9, column: -1, cost: .nan),
      ]
    #expect(linearAssignment(pairs: beside, rows: 2, columns: 2) == [nil, 1])
    let twice = [(0, 0, 9), (0, 1, 5), (1, 0, 5), (1, 1, 4), (0, 0, 2), (1, 1, 30)].map {
      AssignmentPair(row: $0.0, column: $0.1, cost: Double($0.2))
    }
    #expect(linearAssignment(pairs: twice, rows: 2, columns: 2) == [0, 1])
  }
}
