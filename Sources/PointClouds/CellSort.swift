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

  /// Makes room for `n` points.
  mutating func prepare(_ n: Int) {
    if keys.count < n {
      keys = [UInt64](repeating: 0, count: n)
      entries = keys
      spare = keys
    }
  }

  /// The cells (ascending keys), the starts of their points and the points' places, for the first `n` keys.
  /// - Precondition: keys other than `absent` are below `bound`.
  /// - Complexity: O(n) for bounds below 2³².
  mutating func sorted(_ n: Int, bound: UInt64) -> (cells: [UInt64], starts: [Int32], points: [Int32]) {
    let placeBits = max(1, Int.bitWidth - n.leadingZeroBitCount)
    let keyBits = UInt64.bitWidth - bound.leadingZeroBitCount
    if keyBits + placeBits > 64 { return sortedByComparison(n) }
    let kept = fillEntries(n, placeBits: placeBits)
    sortEntries(kept, from: placeBits, to: placeBits + keyBits)
    return grouped(kept, placeBits: placeBits)
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
    histogram = [Int32](repeating: 0, count: passes << bits)
    let mask = UInt64(1) << UInt64(bits) - 1
    entries.withUnsafeBufferPointer { entries in
      histogram.withUnsafeMutableBufferPointer { histogram in
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

  private func grouped(_ count: Int, placeBits: Int) -> (cells: [UInt64], starts: [Int32], points: [Int32]) {
    let mask = UInt64(1) << UInt64(placeBits) - 1
    return entries.withUnsafeBufferPointer { entries in
      var distinct = 0
      var starts: [Int32] = []
      let points = [Int32](unsafeUninitializedCapacity: count) { points, initialized in
        starts = [Int32](unsafeUninitializedCapacity: count + 1) { starts, initialized in
          var previous = UInt64.max
          for e in 0..<count {
            let entry = entries[e]
            points[e] = Int32(truncatingIfNeeded: entry & mask)
            starts[distinct] = Int32(truncatingIfNeeded: e)
            distinct += (entry ^ previous) > mask ? 1 : 0
            previous = entry
          }
          starts[distinct] = Int32(truncatingIfNeeded: count)
          initialized = distinct + 1
        }
        initialized = count
      }
      let cells = [UInt64](unsafeUninitializedCapacity: distinct) { cells, initialized in
        for v in 0..<distinct { cells[v] = entries[Int(starts[v])] >> UInt64(placeBits) }
        initialized = distinct
      }
      return (cells, starts, points)
    }
  }

  /// For keys too long to share a word with a place.
  private func sortedByComparison(_ n: Int) -> (cells: [UInt64], starts: [Int32], points: [Int32]) {
    let order = (0..<n).filter { keys[$0] != Self.absent }.sorted { (keys[$0], $0) < (keys[$1], $1) }
    var cells: [UInt64] = []
    var starts: [Int32] = []
    for (k, p) in order.enumerated() where cells.last != keys[p] {
      cells.append(keys[p])
      starts.append(Int32(truncatingIfNeeded: k))
    }
    starts.append(Int32(truncatingIfNeeded: order.count))
    return (cells, starts, order.map { Int32(truncatingIfNeeded: $0) })
  }
}
