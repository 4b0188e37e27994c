/// Sorts points by cell, stably: a radix sort of `key << placeBits | place` in few, long digits.
///
/// Keeps its memory from cloud to cloud. The order is that of a stable sort by key, whatever way it was reached.
struct CellSort: Sendable {
  /// The entry of a point that belongs to no cell; such points end up last and are left out.
  static let absent = UInt64.max

  /// Before `sort`: `key << placeBits | place` of each point, or `absent`; filled by the caller.
  var entries: [UInt64] = []
  private var spare: [UInt64] = []
  /// The digits' counts: `[pass, digit]`.
  private var histogram: [Int32] = []

  /// After `sort`: the number of cells, and of points that have one.
  private(set) var cellCount = 0, pointCount = 0
  /// After `sort`, where each cell's points begin, and `pointCount` after the last.
  private(set) var starts: [Int32] = []
  /// After `sort`, `pointCount` places of points, cell by cell.
  private(set) var points: [Int32] = []

  /// The bits of an entry that hold the place, for `n` points.
  static func placeBits(_ n: Int) -> Int { max(1, Int.bitWidth - n.leadingZeroBitCount) }

  /// Whether keys below `bound` and the places of `n` points share 63 bits.
  static func fits(_ n: Int, bound: UInt64) -> Bool {
    UInt64.bitWidth - bound.leadingZeroBitCount + placeBits(n) < 64
  }

  /// Makes room for `n` points.
  mutating func prepare(_ n: Int) {
    if entries.count < n {
      entries = [UInt64](repeating: 0, count: n)
      spare = entries
      points = [Int32](repeating: 0, count: n)
      starts = [Int32](repeating: 0, count: n + 1)
    }
  }

  /// Sorts the first `n` entries, and finds the cells, the starts of their points and the points' places.
  /// - Precondition: the entries' keys are below `bound`, and `fits(n, bound: bound)`.
  /// - Complexity: O(n) for bounds below 2³².
  mutating func sort(_ n: Int, bound: UInt64) {
    (pointCount, cellCount) = (0, 0)
    guard n > 0 else { return }
    let low = Self.placeBits(n)
    // Keys are below the bound, so that all ones in these bits is `absent` alone.
    sortEntries(n, from: low, to: low + UInt64.bitWidth - bound.leadingZeroBitCount)
    group(n, placeBits: low)
  }

  /// The key of each cell, ascending.
  func cells(_ n: Int) -> [UInt64] {
    (0..<cellCount).map { entries[Int(starts[$0])] >> UInt64(Self.placeBits(n)) }
  }

  /// The starts and places after `sort`, without bounds checks, for kernels.
  @inline(__always)
  func withGroups(_ body: (UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>) -> Void) {
    starts.withUnsafeBufferPointer { starts in points.withUnsafeBufferPointer { body(starts, $0) } }
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
        for e in 0..<count {
          var rest = entries[e] &>> UInt64(low)
          for pass in 0..<passes {
            histogram[pass &<< bits | Int(truncatingIfNeeded: rest & mask)] &+= 1
            rest &>>= UInt64(bits)
          }
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
            let d = Int(truncatingIfNeeded: (entry &>> shift) & mask)
            spare[Int(digits[d])] = entry
            digits[d] &+= 1
          }
        }
      }
    }
    swap(&entries, &spare)
  }

  private mutating func group(_ n: Int, placeBits: Int) {
    let mask = UInt64(1) << UInt64(placeBits) - 1
    (cellCount, pointCount) = entries.withUnsafeBufferPointer { entries in
      points.withUnsafeMutableBufferPointer { points in
        starts.withUnsafeMutableBufferPointer { starts in
          var kept = n
          while kept > 0, entries[kept - 1] == Self.absent { kept -= 1 }
          var distinct = 0
          var previous = UInt64.max
          for e in 0..<kept {
            let entry = entries[e]
            points[e] = Int32(truncatingIfNeeded: entry & mask)
            // Written for every point, kept for the first of a cell.
            starts[distinct] = Int32(truncatingIfNeeded: e)
            distinct += (entry ^ previous) > mask ? 1 : 0
            previous = entry
          }
          starts[distinct] = Int32(truncatingIfNeeded: kept)
          return (distinct, kept)
        }
      }
    }
  }
}
