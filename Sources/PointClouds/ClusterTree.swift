/// Occupied cells of a square grid, joined at growing distances: a tree of clusters, each level's within the next's.
///
/// One distance never fits all: what splits two parked cars also splits one car at its windows. The tree keeps every
/// choice open; whoever knows what objects look like picks a cut through it.
public struct ClusterTree: Sendable, Equatable {
  /// One cluster.
  public struct Node: Sendable, Hashable {
    /// The level at which it formed: an index into the distances.
    public var level: Int
    /// Its cells are `cells[range]` of the tree.
    public var range: Range<Int>
    /// The clusters of finer levels that it joins; empty at the finest.
    public var children: Range<Int>
  }

  /// Places of the occupied cells in the list given, so ordered that every cluster's cells are adjacent.
  public let cells: [Int32]
  /// Clusters, finest level first; a cluster that a coarser level does not grow has no node there.
  public let nodes: [Node]
  /// Places in `nodes`: those that a node's `children` range refers to.
  public let children: [Int32]
  /// The clusters that belong to no other.
  public let roots: [Int32]

  /// Joins cells whose centres lie within each of `distances` (in cells, ascending).
  /// - Parameters:
  ///   - coordinates: the occupied cells, distinct, within a grid of `side` x `side`.
  ///   - distances: in units of a cell; at most 16.
  /// - Complexity: O(cells x distance²).
  public init(coordinates: [SIMD2<Int32>], side: Int, distances: [Float]) {
    precondition(distances == distances.sorted() && (distances.last ?? 0) <= 16, "distances \(distances)")
    var builder = ClusterTreeBuilder(coordinates: coordinates, side: side)
    for (level, distance) in distances.enumerated() {
      let inner = level == 0 ? -1 : distances[level - 1]
      builder.join(beyond: inner, upTo: distance)
      builder.close(level: level)
    }
    let built = builder.finished()
    cells = built.cells
    nodes = built.nodes
    children = built.children
    roots = built.roots
  }
}

/// The tree while it grows: disjoint sets of cells, and the newest node of each set.
private struct ClusterTreeBuilder {
  let coordinates: [SIMD2<Int32>]
  let side: Int
  var cellAt: [Int32]
  var parent: [Int32]
  /// The newest node of the set with this root, or -1.
  var newest: [Int32]
  var levels: [Int] = []
  var parts: [[Int32]] = []
  var owner: [Int32] = []
  /// The finest level's node of each cell.
  var finest: [Int32] = []

  init(coordinates: [SIMD2<Int32>], side: Int) {
    self.coordinates = coordinates
    self.side = side
    cellAt = [Int32](repeating: -1, count: side * side)
    for (k, c) in coordinates.enumerated() { cellAt[Int(c.x) * side + Int(c.y)] = Int32(k) }
    parent = (0..<Int32(coordinates.count)).map { $0 }
    newest = [Int32](repeating: -1, count: coordinates.count)
  }

  mutating func root(_ k: Int32) -> Int32 {
    var r = k
    while parent[Int(r)] != r {
      parent[Int(r)] = parent[Int(parent[Int(r)])]
      r = parent[Int(r)]
    }
    return r
  }

  /// Unites cells at distances in (inner, outer]; the smaller index stays the root, so the order of cells decides all.
  mutating func join(beyond inner: Float, upTo outer: Float) {
    let reach = Int(outer.rounded(.down))
    var offsets: [(Int, Int)] = []
    for di in 0...reach {
      for dj in -reach...reach where di > 0 || dj > 0 {
        let d = Float(di * di + dj * dj).squareRoot()
        if d > inner && d <= outer { offsets.append((di, dj)) }
      }
    }
    for k in 0..<coordinates.count {
      let (i, j) = (Int(coordinates[k].x), Int(coordinates[k].y))
      for (di, dj) in offsets {
        let (a, b) = (i + di, j + dj)
        guard a < side, b >= 0, b < side else { continue }
        let other = cellAt[a * side + b]
        guard other >= 0 else { continue }
        let (p, q) = (root(Int32(k)), root(other))
        if p != q { parent[Int(max(p, q))] = min(p, q) }
      }
    }
  }

  /// Makes a node of every set that is new or has grown at this level.
  mutating func close(level: Int) {
    var members: [[Int32]] = [[Int32]](repeating: [], count: coordinates.count)
    if level == 0 {
      for k in 0..<coordinates.count where root(Int32(k)) == k {
        newest[k] = Int32(levels.count)
        levels.append(level)
        parts.append([])
        owner.append(-1)
      }
      finest = (0..<Int32(coordinates.count)).map { newest[Int(root($0))] }
      return
    }
    // Every earlier node without an owner belongs to the set of one of its cells: its old root.
    for k in 0..<coordinates.count where newest[k] >= 0 {
      members[Int(root(Int32(k)))].append(newest[k])
    }
    for k in 0..<coordinates.count where members[k].count > 1 {
      let node = Int32(levels.count)
      for child in members[k] { owner[Int(child)] = node }
      levels.append(level)
      parts.append(members[k])
      owner.append(-1)
    }
    for k in 0..<coordinates.count where newest[k] >= 0 {
      let r = Int(root(Int32(k)))
      if members[r].count > 1 { newest[k] = r == k ? owner[Int(members[r][0])] : -1 }
    }
  }

  /// Lays cells out so that each node's are adjacent, by a walk from the roots.
  mutating func finished() -> (
    cells: [Int32], nodes: [ClusterTree.Node], children: [Int32], roots: [Int32]
  ) {
    var leafCells = [[Int32]](repeating: [], count: levels.count)
    for k in 0..<coordinates.count { leafCells[Int(finest[k])].append(Int32(k)) }
    var ranges = [Range<Int>](repeating: 0..<0, count: levels.count)
    var cells: [Int32] = []
    cells.reserveCapacity(coordinates.count)
    let roots = (0..<Int32(levels.count)).filter { owner[Int($0)] < 0 }
    var stack: [(node: Int32, start: Int)] = roots.reversed().map { ($0, -1) }
    while let (node, start) = stack.popLast() {
      let n = Int(node)
      if start >= 0 {
        ranges[n] = start..<cells.count
      } else if parts[n].isEmpty {
        ranges[n] = cells.count..<cells.count + leafCells[n].count
        cells += leafCells[n]
      } else {
        stack.append((node, cells.count))
        for child in parts[n].reversed() { stack.append((child, -1)) }
      }
    }
    var children: [Int32] = []
    var nodes: [ClusterTree.Node] = []
    for n in 0..<levels.count {
      let start = children.count
      children += parts[n]
      nodes.append(
        ClusterTree.Node(level: levels[n], range: ranges[n], children: start..<children.count))
    }
    return (cells, nodes, children, roots)
  }
}
