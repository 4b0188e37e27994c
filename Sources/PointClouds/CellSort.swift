/// Sorts points by cell, stably: a radix sort of `key << bits | place` in few, long digits.
///
/// Keeps its memory from cloud to cloud. The order is that of a stable sort by key, whatever way it was reached.
struct CellSort: Sendable {
  /// The key of a point that belongs to no cell; it is left out.
  static let absent = UInt64.max

  /// One key a point: filled by the caller.
  var keys: [UInt64] = []
  private var entries: [UInt64] = []
  private var spare: [UInt64] = []
  /// The digits' counts: `[pass, digit]`.
  private var histogram: [Int32] = []

  /// After `sort`: the number of cells, and of points that have one.
  private(set) var cellCount = 0, pointCount = 0
  /// After `sort`, `cellCount` ascending keys.
  private(set) var cells: [UInt64] = []
  /// After `sort`, where each cell's points begin, and `pointCount` after the last.
  private(set) var starts: [Int32] = []
  /// After `sort`, `pointCount` places of points, cell by cell.
  private(set) var points: [Int32] = []

  /// Makes room for `n` points.
  mutating func prepare(_ n: Int) {
    if keys.count < n {
      keys = [UInt64](repeating: 0, count: n)
      entries = keys
      spare = keys
      cells = keys
      points = [Int32](repeating: 0, count: n)
      starts = [Int32](repeating: 0, count: n + 1)
    }
  }

  /// Finds the cells, the starts of their points and the points' places, for the first `n` keys.
  /// - Precondition: keys other than `absent` are below `bound`.
  /// - Complexity: O(n) for bounds below 2³².
  mutating func sort(_ n: Int, bound: UInt64) {
    let placeBits = max(1, Int.bitWidth - n.leadingZeroBitCount)
    let keyBits = UInt64.bitWidth - bound.leadingZeroBitCount
    guard n > 0, keyBits + placeBits <= 64 else { return sortByComparison(n) }
    pointCount = fillEntries(n, placeBits: placeBits)
    sortEntries(pointCount, from: placeBits, to: placeBits + keyBits)
    group(placeBits: placeBits)
  }

  /// The starts and places after `sort`, without bounds checks, for kernels.
  @inline(__always)
  func withGroups(_ body: (UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>) -> Void) {
    starts.withUnsafeBufferPointer { starts in points.withUnsafeBufferPointer { body(starts, $0) } }
  }

  private mutating func fillEntries(_ n: Int, placeBits: Int) -> Int {
    keys.withUnsafeBufferPointer { keys in
      entries.withUnsafeMutableBufferPointer { entries in
        var kept = 0
        for p in 0..<n {
          entries[kept] = keys[p] << UInt64(placeBits) | UInt64(truncatingIfNeeded: p)
          kept += keys[p] == Self.absent ? 0 : 1
        }
        return kept
      }
    }
  }

  /// Least significant digit first; a digit has at most 15 bits, so that its counts stay in the cache.
  private mutating func sortEntries(_ count: Int, from low: Int, to high: Int) {
    let passes = max(1, (high - low + 14) / 15)
    let bits = (high - low + passes - 1) / passes
    if histogram.count < passes << bits { histogram = [Int32](repeating: 0, count: passes << bits) }
    let mask = UInt64(1) << UInt64(bits) - 1
    entries.withUnsafeBufferPointer { entries in
      histogram.withUnsafeMutableBufferPointer { histogram in
        histogram.update(repeating: 0)
        for pass in 0..<passes {
          let shift = UInt64(low + bits * pass)
          for e in 0..<count { histogram[pass << bits | Int((entries[e] >> shift) & mask)] += 1 }
        }
      }
    }
    for pass in 0..<passes { scatter(count, pass: pass, low: low, bits: bits) }
  }

  private mutating func scatter(_ count: Int, pass: Int, low: Int, bits: Int) {
    let shift = UInt64(low + bits * pass)
    let mask = UInt64(1) << UInt64(bits) - 1
    entries.withUnsafeBufferPointer { entries in
      spare.withUnsafeMutableBufferPointer { spare in
        histogram.withUnsafeMutableBufferPointer { histogram in
          let digits = UnsafeMutableBufferPointer(rebasing: histogram[pass << bits..<(pass + 1) << bits])
          var sum: Int32 = 0
          for d in 0..<digits.count {
            let c = digits[d]
            digits[d] = sum
            sum &+= c
          }
          for e in 0..<count {
            let entry = entries[e]
            let d = Int((entry >> shift) & mask)
            spare[Int(digits[d])] = entry
            digits[d] &+= 1
          }
        }
      }
    }
    swap(&entries, &spare)
  }

  private mutating func group(placeBits: Int) {
    let mask = UInt64(1) << UInt64(placeBits) - 1
    let count = pointCount
    cellCount = entries.withUnsafeBufferPointer { entries in
      points.withUnsafeMutableBufferPointer { points in
        starts.withUnsafeMutableBufferPointer { starts in
          cells.withUnsafeMutableBufferPointer { cells in
            var distinct = 0
            var previous = UInt64.max
            for e in 0..<count {
              let entry = entries[e]
              points[e] = Int32(truncatingIfNeeded: entry & mask)
              // Written for every point, kept for the first of a cell.
              starts[distinct] = Int32(truncatingIfNeeded: e)
              cells[distinct] = entry >> UInt64(placeBits)
              distinct += (entry ^ previous) > mask ? 1 : 0
              previous = entry
            }
            starts[distinct] = Int32(truncatingIfNeeded: count)
            return distinct
          }
        }
      }
    }
  }

  /// For keys too long to share a word with a place.
  private mutating func sortByComparison(_ n: Int) {
    let order = (0..<n).filter { keys[$0] != Self.absent }.sorted { (keys[$0], $0) < (keys[$1], $1) }
    (pointCount, cellCount) = (order.count, 0)
    for (k, p) in order.enumerated() {
      points[k] = Int32(truncatingIfNeeded: p)
      guard cellCount == 0 || cells[cellCount - 1] != keys[p] else { continue }
      cells[cellCount] = keys[p]
      starts[cellCount] = Int32(truncatingIfNeeded: k)
      cellCount += 1
    }
    if !starts.isEmpty { starts[cellCount] = Int32(truncatingIfNeeded: order.count) }
  }
}
