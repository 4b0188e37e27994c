/// A pair that an assignment may make.
public struct AssignmentPair: Sendable, Hashable {
  /// The row, from 0.
  public var row: Int
  /// The column, from 0.
  public var column: Int
  /// What the pair costs; one that is not finite forbids it.
  public var cost: Double

  /// The pair with this cost.
  public init(row: Int, column: Int, cost: Double) {
    self.row = row
    self.column = column
    self.cost = cost
  }
}

/// Solves the linear assignment problem where few pairs are allowed: as many pairs as possible at the least total cost.
///
/// No pair joins two connected components of the graph of allowed pairs, so the best of the whole is the best of each:
/// a component of one row and one column is that pair, the others are solved by `linearAssignment(cost:rows:columns:)`.
/// Pairs and total cost are those of the dense solver on the whole matrix; where several assignments are equally good
/// the choice between them may be another. The order of `pairs` does not matter.
/// - Parameter pairs: the allowed pairs; all others are forbidden. One that is named twice has the least of its costs.
/// - Returns: for each row its column, or nil.
/// - Precondition: rows and columns of the pairs that are finite lie within `rows` and `columns`.
/// - Complexity: O(pairs + rows + columns) and, for each component, O(n² m) time and O(n m) memory for n its smaller
///   side and m its larger.
public func linearAssignment(pairs: [AssignmentPair], rows: Int, columns: Int) -> [Int?] {
  let pairs = pairs.filter(\.cost.isFinite)
  var components = ConnectedComponents(nodeCount: rows + columns)
  for pair in pairs {
    precondition(
      pair.row >= 0 && pair.row < rows && pair.column >= 0 && pair.column < columns,
      "pair \(pair.row), \(pair.column) of \(rows) x \(columns)")
    components.join(pair.row, rows + pair.column)
  }
  let members = Groups(of: components.numbers())
  let pairsOfRow = Groups(of: pairs.map(\.row), count: rows)
  var result = [Int?](repeating: nil, count: rows)
  var place = [Int](repeating: 0, count: columns)  // of a column within its component
  var cost: [Double] = []
  for component in 0..<members.count {
    let nodes = members[component]  // rows, then columns
    let height = nodes.firstIndex { $0 >= rows }.map { $0 - nodes.startIndex } ?? nodes.count
    let width = nodes.count - height
    guard height > 0, width > 0 else { continue }
    if height == 1, width == 1 {
      result[nodes[nodes.startIndex]] = nodes[nodes.startIndex + 1] - rows
      continue
    }
    for (k, node) in nodes.dropFirst(height).enumerated() { place[node - rows] = k }
    cost.removeAll(keepingCapacity: true)
    cost.append(contentsOf: repeatElement(.infinity, count: height * width))
    for (r, row) in nodes.prefix(height).enumerated() {
      for k in pairsOfRow[row] {
        let at = r * width + place[pairs[k].column]
        cost[at] = min(cost[at], pairs[k].cost)
      }
    }
    for (r, c) in linearAssignment(cost: cost, rows: height, columns: width).enumerated() {
      if let c { result[nodes[nodes.startIndex + r]] = nodes[nodes.startIndex + height + c] - rows }
    }
  }
  return result
}

/// Disjoint sets of nodes; the root of a set is its first node.
/// - Source: Tarjan and van Leeuwen, "Worst-case analysis of set union algorithms", JACM 1984 (path halving).
private struct ConnectedComponents {
  private var parent: [Int]

  init(nodeCount: Int) { parent = Array(0..<nodeCount) }

  private mutating func root(of node: Int) -> Int {
    var node = node
    while parent[node] != node {
      parent[node] = parent[parent[node]]
      node = parent[node]
    }
    return node
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (root(of: a), root(of: b))
    parent[max(a, b)] = min(a, b)
  }

  /// For each node the number of its set, in the order of their first nodes.
  mutating func numbers() -> [Int] {
    var result = [Int](repeating: 0, count: parent.count)
    var next = 0
    for node in parent.indices {
      let root = root(of: node)
      if root == node {
        result[node] = next
        next += 1
      } else {
        result[node] = result[root]
      }
    }
    return result
  }
}

/// Indices by the group that each is in, rising within a group.
private struct Groups {
  private var starts: [Int]
  private var indices: [Int]

  var count: Int { starts.count - 1 }

  /// - Parameters:
  ///   - groups: of each index, from 0.
  ///   - count: of groups; nil: up to the last that is used.
  init(of groups: [Int], count: Int? = nil) {
    starts = [Int](repeating: 0, count: (count ?? (groups.max() ?? -1) + 1) + 1)
    for group in groups { starts[group + 1] += 1 }
    for k in starts.indices.dropFirst() { starts[k] += starts[k - 1] }
    indices = [Int](repeating: 0, count: groups.count)
    var next = starts
    for (k, group) in groups.enumerated() {
      indices[next[group]] = k
      next[group] += 1
    }
  }

  subscript(group: Int) -> ArraySlice<Int> { indices[starts[group]..<starts[group + 1]] }
}
