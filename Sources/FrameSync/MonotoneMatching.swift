/// Matches moments to measurements on the line of time: as many pairs as possible, each used once, at the least total
/// distance among those.
///
/// Both lists are sorted, so some optimum does not cross (uncrossing two pairs lengthens neither the longer distance
/// nor the sum), and a dynamic programme over prefixes finds it: `best[i, j]` over the first `i` moments and the first
/// `j` measurements. Only measurements within the tolerance of moment `i` are held in row `i`. Among equal optima, the
/// last moment takes the earliest measurement it can, then the one before it, and so on.
///
/// - Parameters:
///   - moments: when measurements are wanted, in microseconds, sorted.
///   - measurements: when they were taken, in microseconds, sorted.
///   - tolerance: the greatest distance of a pair, in microseconds.
/// - Returns: for each moment its measurement, or nil.
/// - Precondition: values lie within ±2⁶¹, so that no difference overflows.
/// - Complexity: O(moments + measurements + pairs within the tolerance) in time and memory.
public func matchMoments(_ moments: [Int64], to measurements: [Int64], tolerance: Int64) -> [Int?] {
  var rows: [MatchRow] = [MatchRow(first: 0, values: [MatchValue()])]
  rows.reserveCapacity(moments.count + 1)
  var low = 0
  var high = 0
  for moment in moments {
    while low < measurements.count, measurements[low] < moment - tolerance { low += 1 }
    high = max(high, low)
    while high < measurements.count, measurements[high] <= moment + tolerance { high += 1 }
    let above = rows[rows.count - 1]
    var row = MatchRow(first: low, values: [above[low]])
    row.values.reserveCapacity(high - low + 1)
    for j in low..<high {
      let pair = above[j].adding(abs(measurements[j] - moment))
      row.values.append(max(max(row[j], above[j + 1]), pair))
    }
    rows.append(row)
  }
  return traceMatches(rows, count: moments.count)
}

/// Pairs made and their total distance; more pairs are better, then less distance.
private struct MatchValue: Comparable {
  var pairs = 0
  var distance: Int64 = 0

  func adding(_ d: Int64) -> MatchValue { MatchValue(pairs: pairs + 1, distance: distance + d) }
  static func < (a: MatchValue, b: MatchValue) -> Bool { (a.pairs, b.distance) < (b.pairs, a.distance) }
}

/// `best[i, j]` for `j` from `first`: below it the row above holds, beyond the end the last value does.
private struct MatchRow {
  var first: Int
  var values: [MatchValue]
  var last: Int { first + values.count - 1 }
  subscript(j: Int) -> MatchValue { values[min(j, last) - first] }
}

/// Walks back from the last moment; a measurement is left out wherever that costs nothing.
private func traceMatches(_ rows: [MatchRow], count: Int) -> [Int?] {
  var matches = [Int?](repeating: nil, count: count)
  var j = rows[count].last
  for i in stride(from: count, to: 0, by: -1) {
    let row = rows[i]
    j = min(j, row.last)
    guard j >= row.first else { continue }
    while j > row.first, row[j - 1] == row[j] { j -= 1 }
    if rows[i - 1][j] == row[j] { continue }
    j -= 1
    matches[i - 1] = j
  }
  return matches
}
