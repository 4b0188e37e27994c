/// Solves the linear assignment problem: rows to columns, each used once, at the least total cost.
///
/// Shortest augmenting paths with potentials (Jonker and Volgenant; the "Hungarian" method), for any rectangular cost
/// matrix. `cost` is row-major, `rows` x `columns`; `.infinity` forbids a pair. As many pairs as possible are made,
/// at the least cost among those.
/// - Returns: for each row its column, or nil.
/// - Complexity: O(n² m) for n the smaller side and m the larger.
/// - Source: Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 2016.
public func linearAssignment(cost: [Double], rows: Int, columns: Int) -> [Int?] {
  precondition(cost.count == rows * columns, "\(cost.count) costs for \(rows) x \(columns)")
  if rows > columns {
    var transposed = [Double](repeating: 0, count: cost.count)
    for r in 0..<rows { for c in 0..<columns { transposed[c * rows + r] = cost[r * columns + c] } }
    var result = [Int?](repeating: nil, count: rows)
    for (c, r) in linearAssignment(cost: transposed, rows: columns, columns: rows).enumerated() {
      if let r { result[r] = c }
    }
    return result
  }
  guard rows > 0 else { return [] }
  // A forbidden pair costs more than any set of allowed ones, so it is used only where nothing else is left.
  let magnitude = cost.reduce(0.0) { $1.isFinite ? max($0, abs($1)) : $0 }
  let forbidden = (magnitude + 1) * Double(2 * rows + 2)
  var rowPotential = [Double](repeating: 0, count: rows + 1)
  var columnPotential = [Double](repeating: 0, count: columns + 1)
  var rowOfColumn = [Int](repeating: 0, count: columns + 1)  // 1-based; 0: free
  var previous = [Int](repeating: 0, count: columns + 1)
  var slack = [Double](repeating: .infinity, count: columns + 1)
  var used = [Bool](repeating: false, count: columns + 1)
  for row in 1...rows {
    rowOfColumn[0] = row
    var column = 0
    for c in 0...columns { (slack[c], used[c]) = (.infinity, false) }
    repeat {
      used[column] = true
      let r = rowOfColumn[column]
      var delta = Double.infinity
      var next = 0
      for c in 1...columns where !used[c] {
        let raw = cost[(r - 1) * columns + c - 1]
        let reduced = (raw.isFinite ? raw : forbidden) - rowPotential[r] - columnPotential[c]
        if reduced < slack[c] {
          slack[c] = reduced
          previous[c] = column
        }
        if slack[c] < delta {
          delta = slack[c]
          next = c
        }
      }
      for c in 0...columns {
        if used[c] {
          rowPotential[rowOfColumn[c]] += delta
          columnPotential[c] -= delta
        } else {
          slack[c] -= delta
        }
      }
      column = next
    } while rowOfColumn[column] != 0
    while column != 0 {
      rowOfColumn[column] = rowOfColumn[previous[column]]
      column = previous[column]
    }
  }
  var result = [Int?](repeating: nil, count: rows)
  for c in 1...columns where rowOfColumn[c] != 0 {
    let r = rowOfColumn[c] - 1
    if cost[r * columns + c - 1].isFinite { result[r] = c - 1 }
  }
  return result
}
