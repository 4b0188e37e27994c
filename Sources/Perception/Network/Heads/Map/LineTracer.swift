import Geometry

/// Polylines from a picture of lines: thinned to a skeleton, followed cell by cell, smoothed and simplified.
///
/// Deterministic: cells are taken in the order of their index. A line is in the order that it was followed in, from its
/// end of lower index; lines meet in junctions, which belong to all of them.
/// - Source: thinning by Guo & Hall, Communications of the ACM 32(3), 1989; simplification by Douglas & Peucker, 1973.
public struct LineTracer: Sendable {
  /// Metres to which lines are simplified, and below which they are left out.
  public let tolerance: Double, minimumLength: Double
  private let grid: BEVGrid
  /// With a border of one cell: 1 where a line is, 2 where it has been followed.
  private var cells: [UInt8]
  private var foreground: [Int32] = []
  private var removed: [Int32] = []

  /// Clockwise from the cell before along i (Guo and Hall's P2 to P9).
  private let neighbors: [Int]
  /// Whether a cell with these neighbours (a bit each) goes in the first and second half of a pass: bits 0 and 1.
  private static let removals: [UInt8] = (0..<256).map { removal(UInt8($0)) }

  /// A tracer over a grid.
  public init(grid: BEVGrid, tolerance: Double, minimumLength: Double) {
    self.grid = grid
    self.tolerance = tolerance
    self.minimumLength = minimumLength
    cells = [UInt8](repeating: 0, count: (grid.countX + 2) * (grid.countY + 2))
    let row = grid.countY + 2
    neighbors = [-row, -row + 1, 1, row + 1, row, row - 1, -1, -row - 1]
  }

  /// The lines where `values` `[i, j]` are at least `least`, in metres in the grid's frame.
  public mutating func lines(_ values: UnsafePointer<Float>, least: Float) -> [[SIMD2<Double>]] {
    fill(values, least: least)
    thin()
    return follow().compactMap { path in
      let line = simplified(smoothed(path.map(point)))
      let length = zip(line, line.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0).length }
      return length >= minimumLength ? line : nil
    }
  }

  private mutating func fill(_ values: UnsafePointer<Float>, least: Float) {
    let row = grid.countY + 2
    foreground.removeAll(keepingCapacity: true)
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        let isLine = values[i * grid.countY + j] >= least
        let cell = (i + 1) * row + j + 1
        cells[cell] = isLine ? 1 : 0
        if isLine { foreground.append(Int32(truncatingIfNeeded: cell)) }
      }
    }
  }

  private func point(_ cell: Int) -> SIMD2<Double> {
    grid.center(cell / (grid.countY + 2) - 1, cell % (grid.countY + 2) - 1)
  }

  // MARK: Thinning

  private static func removal(_ bits: UInt8) -> UInt8 {
    func p(_ k: Int) -> Int { Int(bits >> UInt8(k - 2)) & 1 }
    func not(_ k: Int) -> Int { 1 - p(k) }
    let crossings =
      (not(2) & (p(3) | p(4))) + (not(4) & (p(5) | p(6))) + (not(6) & (p(7) | p(8)))
      + (not(8) & (p(9) | p(2)))
    let first = (p(9) | p(2)) + (p(3) | p(4)) + (p(5) | p(6)) + (p(7) | p(8))
    let second = (p(2) | p(3)) + (p(4) | p(5)) + (p(6) | p(7)) + (p(8) | p(9))
    guard crossings == 1, (2...3).contains(min(first, second)) else { return 0 }
    let odd = (p(6) | p(7) | not(9)) & p(8), even = (p(2) | p(3) | not(5)) & p(4)
    return (odd == 0 ? 1 : 0) | (even == 0 ? 2 : 0)
  }

  /// Removes the border of what is thick until nothing is.
  private mutating func thin() {
    var half: UInt8 = 1, idle = 0
    while idle < 2 {
      removed.removeAll(keepingCapacity: true)
      for cell in foreground where Self.removals[Int(neighborBits(Int(cell)))] & half != 0 {
        removed.append(cell)
      }
      for cell in removed { cells[Int(cell)] = 0 }
      if !removed.isEmpty { foreground.removeAll { cells[Int($0)] == 0 } }
      idle = removed.isEmpty ? idle + 1 : 0
      half = 3 - half
    }
  }

  private func neighborBits(_ cell: Int) -> UInt8 {
    var bits: UInt8 = 0
    for k in 0..<8 where cells[cell + neighbors[k]] != 0 { bits |= 1 << UInt8(k) }
    return bits
  }

  // MARK: Following

  /// Neighbours on the skeleton that no side neighbour stands for: a corner cell is reached over its side.
  private func links(_ cell: Int) -> [Int] {
    (0..<8).compactMap { k in
      guard cells[cell + neighbors[k]] != 0 else { return nil }
      let isDiagonal = k % 2 == 1
      let isBridged =
        isDiagonal
        && (cells[cell + neighbors[k - 1 < 0 ? 7 : k - 1]] != 0 || cells[cell + neighbors[(k + 1) % 8]] != 0)
      return isBridged ? nil : cell + neighbors[k]
    }
  }

  /// Paths between ends and junctions, then closed ones.
  private mutating func follow() -> [[Int]] {
    let skeleton = foreground.map { Int($0) }
    let links = Dictionary(uniqueKeysWithValues: skeleton.map { ($0, self.links($0)) })
    var paths: [[Int]] = []
    func isNode(_ cell: Int) -> Bool { links[cell]?.count != 2 }
    for start in skeleton where isNode(start) {
      for next in links[start] ?? [] {
        if isNode(next) {
          if next > start { paths.append([start, next]) }
        } else if cells[next] == 1 {
          paths.append(path(from: start, over: next, links, isNode))
        }
      }
    }
    for start in skeleton where !isNode(start) && cells[start] == 1 {
      cells[start] = 2
      guard let next = links[start]?.first(where: { cells[$0] == 1 }) else { continue }
      paths.append(path(from: start, over: next, links, isNode) + [start])
    }
    return paths
  }

  /// Follows cells of two links until a node or a cell that has been followed.
  private mutating func path(
    from start: Int, over first: Int, _ links: [Int: [Int]], _ isNode: (Int) -> Bool
  ) -> [Int] {
    var path = [start], previous = start, cell = first
    while true {
      path.append(cell)
      if isNode(cell) { return path }
      cells[cell] = 2
      guard let next = links[cell]?.first(where: { $0 != previous && (isNode($0) || cells[$0] == 1) }) else {
        return path
      }
      (previous, cell) = (cell, next)
    }
  }

  // MARK: Smoothing

  /// Each point averaged with its neighbours, twice; the ends stay.
  private func smoothed(_ line: [SIMD2<Double>]) -> [SIMD2<Double>] {
    guard line.count > 2 else { return line }
    var line = line
    for _ in 0..<2 {
      let old = line
      for k in 1..<line.count - 1 { line[k] = (old[k - 1] + 2 * old[k] + old[k + 1]) / 4 }
    }
    return line
  }

  /// Leaves out points that lie within the tolerance of the line without them.
  private func simplified(_ line: [SIMD2<Double>]) -> [SIMD2<Double>] {
    guard line.count > 2 else { return line }
    var isKept = [Bool](repeating: false, count: line.count)
    isKept[0] = true
    isKept[line.count - 1] = true
    var spans = [(0, line.count - 1)]
    while let (first, last) = spans.popLast() {
      guard last - first > 1 else { continue }
      var farthest = first, distance = tolerance
      for k in first + 1..<last {
        let d = Self.distance(line[k], from: line[first], to: line[last])
        if d > distance { (farthest, distance) = (k, d) }
      }
      guard farthest > first else { continue }
      isKept[farthest] = true
      spans.append((first, farthest))
      spans.append((farthest, last))
    }
    return line.indices.filter { isKept[$0] }.map { line[$0] }
  }

  /// From a point to a segment.
  static func distance(_ p: SIMD2<Double>, from a: SIMD2<Double>, to b: SIMD2<Double>) -> Double {
    let edge = b - a, square = edge.dot(edge)
    let t = square > 0 ? min(max((p - a).dot(edge) / square, 0), 1) : 0
    return (p - a - edge * t).length
  }
}
