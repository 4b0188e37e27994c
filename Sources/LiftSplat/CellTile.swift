import Algorithms
internal import CVectorKernels
import NeuralEngine
import Synchronization

/// Features of up to 256 neighbouring cells, channels last, on their way to or from planes `[channel, cell]`.
///
/// A row of a tile is padded to whole vectors of 16 channels. 256 cells make lines of 1 KiB in each plane, long enough
/// for the memory, and a tile of 64 to 128 channels stays in the second-level cache.
enum CellTile {
  /// Cells of a tile.
  static let cells = 256

  /// Floats of a row: channels, padded to whole vectors.
  static func stride(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }

  /// Floats of a tile.
  static func count(_ channels: Int) -> Int { cells * stride(channels) }

  /// Tiles that cover so many cells.
  static func tiles(_ cells: Int) -> Int { (cells + CellTile.cells - 1) / CellTile.cells }

  /// Cells that are written, or left empty, together.
  static let group = 8
  /// Groups of a tile.
  static let groups = cells / group

  /// Writes the first `cells` rows of a tile to planes that lie `plane` floats apart.
  ///
  /// - Parameter filled: first cells of the groups that are not empty, rising; rows of others are not read, and their
  ///   places become 0.
  static func write(
    _ tile: UnsafePointer<Float>, channels: Int, cells: Int, filled: UnsafeBufferPointer<Int32>,
    to target: UnsafeMutablePointer<Float>, plane: Int
  ) {
    if filled.count * group < cells {
      for c in 0..<channels { (target + c * plane).update(repeating: 0, count: cells) }
    }
    guard let first = filled.baseAddress, let last = filled.last else { return }
    let stride = stride(channels), isCut = Int(last) + group > cells
    apus_transpose_groups(
      target, Int64(plane), tile, Int64(stride), Int64(channels), first,
      Int64(isCut ? filled.count - 1 : filled.count))
    guard isCut else { return }
    for c in 0..<channels {
      for k in Int(last)..<cells { target[c * plane + k] = tile[k * stride + c] }
    }
  }

  /// Reads planes that lie `plane` floats apart into the first `cells` rows of a tile, whose padding becomes 0.
  @inline(never)
  static func read(
    _ source: UnsafePointer<Float>, plane: Int, channels: Int, cells: Int,
    into tile: UnsafeMutablePointer<Float>
  ) {
    let stride = stride(channels)
    var c = 0
    while c + 4 <= channels {
      let line = source + c * plane
      var k = 0
      while k + 4 <= cells {
        let rows = transpose(line + k, plane)
        let row = tile + k * stride + c
        store(rows.0, row)
        store(rows.1, row + stride)
        store(rows.2, row + 2 * stride)
        store(rows.3, row + 3 * stride)
        k += 4
      }
      while k < cells {
        for r in 0..<4 { tile[k * stride + c + r] = line[r * plane + k] }
        k += 1
      }
      c += 4
    }
    while c < stride {
      for k in 0..<cells { tile[k * stride + c] = c < channels ? source[c * plane + k] : 0 }
      c += 1
    }
  }

  /// Four rows of four floats, `stride` apart, as their columns.
  @inline(__always)
  private static func transpose(
    _ rows: UnsafePointer<Float>, _ stride: Int
  ) -> (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>, SIMD4<Float>) {
    let a = load4(rows), b = load4(rows + stride), c = load4(rows + 2 * stride), d = load4(rows + 3 * stride)
    return (
      SIMD4(a.x, b.x, c.x, d.x), SIMD4(a.y, b.y, c.y, d.y), SIMD4(a.z, b.z, c.z, d.z),
      SIMD4(a.w, b.w, c.w, d.w)
    )
  }
}

@inline(__always)
func load4(_ p: UnsafePointer<Float>) -> SIMD4<Float> {
  UnsafeRawPointer(p).loadUnaligned(as: SIMD4<Float>.self)
}

@inline(__always)
func load16(_ p: UnsafePointer<Float>) -> SIMD16<Float> {
  UnsafeRawPointer(p).loadUnaligned(as: SIMD16<Float>.self)
}

@inline(__always)
func store(_ v: SIMD4<Float>, _ p: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD4<Float>.self)
}

@inline(__always)
func store(_ v: SIMD16<Float>, _ p: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD16<Float>.self)
}

extension KernelContext {
  /// Calls `body` for every chunk of `0..<count` once; threads take the next chunk when they are done with one.
  ///
  /// What a chunk writes must depend on the chunk alone, not on the thread.
  /// - Parameter body: gets the chunk and which of `threads` workers runs it, for memory of its own.
  func takeTurns(_ count: Int, _ body: (_ chunk: Int, _ worker: Int) -> Void) {
    let next = Atomic<Int>(0)
    parallel(threads) { workers in
      while true {
        let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard chunk < count else { return }
        body(chunk, workers.lowerBound)
      }
    }
  }
}

/// Scratch memory handed out piece by piece, each aligned to 64 bytes.
struct ScratchLayout {
  private(set) var byteCount = 0

  /// Takes `count` elements and tells where they begin.
  mutating func take<T>(_ count: Int, _: T.Type) -> Int {
    let start = byteCount
    byteCount += (count * MemoryLayout<T>.stride + 63) / 64 * 64
    return start
  }
}

extension KernelContext {
  /// The scratch memory from a byte on.
  ///
  /// - Precondition: the operator asked for memory.
  func memory<T>(_ offset: Int, _: T.Type) -> UnsafeMutablePointer<T> {
    guard let base = scratch.baseAddress else { preconditionFailure("no scratch memory") }
    return (base + offset).assumingMemoryBound(to: T.self)
  }
}

/// Division of numbers below 2³¹ by a fixed divisor: a multiplication and a shift.
///
/// - Source: Granlund and Montgomery, PLDI 1994, theorem 4.2.
struct FastDivision {
  private let factor: UInt64, shift: UInt64

  /// Division by `divisor`, which is 1 to 2³¹ - 1.
  init(by divisor: Int) {
    let bits = divisor <= 1 ? 0 : Int.bitWidth - (divisor - 1).leadingZeroBitCount
    shift = UInt64(31 + bits)
    factor = ((1 << shift) + UInt64(divisor) - 1) / UInt64(divisor)
  }

  @inline(__always)
  func quotient(_ n: Int) -> Int { Int((UInt64(truncatingIfNeeded: n) &* factor) &>> shift) }
}
