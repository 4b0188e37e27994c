import Algorithms
internal import CVectorKernels
import NeuralEngine
import Synchronization

/// Extents of one lift-splat node: `depth` `[cameras, depths, pixels]`, `context` `[cameras, channels, pixels]`.
struct PoolingShape: Sendable {
  let cameras: Int, depths: Int, channels: Int, pixels: Int
  let cells: Int
  /// Entries that points and weights have room for.
  let capacity: Int

  var pointCount: Int { cameras * depths * pixels }
  /// Floats of a channels-last row.
  var stride: Int { CellTile.stride(channels) }

  /// The extents in the types of the inputs depth, context, points, starts.
  init(depth: TensorType, context: TensorType, points: TensorType, starts: TensorType) {
    cameras = depth.shape[0]
    depths = depth.shape[1]
    pixels = depth.shape[2] * depth.shape[3]
    channels = context.shape[1]
    cells = starts.count - 1
    capacity = points.count
  }

  /// Throws unless starts rise from 0 or more to `capacity` or less.
  func check(starts: UnsafePointer<Int64>) throws {
    var last: Int64 = 0
    for cell in 0...cells {
      let start = starts[cell]
      guard start >= last, start <= Int64(capacity) else {
        throw EngineError(
          file: "lift-splat", field: "starts[\(cell)]", found: "\(start)",
          expected: "\(last) to \(capacity)")
      }
      last = start
    }
  }

  /// The error of a point that names no depth element.
  func wrongPoint() -> EngineError {
    EngineError(
      file: "lift-splat", field: "points", found: "an entry outside the depth tensor",
      expected: "0 to \(pointCount - 1)")
  }
}

/// Pools lifted pixels into BEV cells: `bev[c, cell] = Σ weight[e] · depth[point(e)] · context[pixel(e), c]` over the
/// entries `e` of the cell, in their order.
///
/// Context is first put channels last. Then each tile of cells is summed in cache and written to the planes once;
/// threads take tiles in turns, so the bytes are the same at any thread count.
/// - Complexity: O(entries × channels + cells × channels); no allocation.
/// - Source: Philion and Fidler, Lift, Splat, Shoot, ECCV 2020; Huang and Huang, BEVPoolv2, arXiv 2211.17111.
struct PoolingKernel {
  /// Entries whose places and factors are found before channels are summed.
  private static let batch = 256
  /// Tiles that a thread takes at once.
  private static let tilesPerTurn = 2

  let shape: PoolingShape
  private let contextOffset: Int, tileOffset: Int, placeOffset: Int, factorOffset: Int, groupOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  init(_ shape: PoolingShape, threads: Int) {
    self.shape = shape
    var layout = ScratchLayout()
    contextOffset = layout.take(shape.cameras * shape.pixels * shape.stride, Float.self)
    tileOffset = layout.take(threads * CellTile.count(shape.channels), Float.self)
    placeOffset = layout.take(threads * PoolingKernel.batch, Int64.self)
    factorOffset = layout.take(threads * PoolingKernel.batch, Float.self)
    groupOffset = layout.take(threads * CellTile.groups, Int32.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs depth, context, points, starts and perhaps weights; output `[1, channels, i, j]`.
  func run(_ inputs: [TensorView], _ output: MutableTensorView, _ context: KernelContext) throws {
    try shape.check(starts: inputs[3].integers)
    PoolingKernel.channelsLast(
      inputs[1].floats, groups: shape.cameras, channels: shape.channels, plane: shape.pixels,
      to: context.memory(contextOffset, Float.self), context)
    let plan = Reader(
      shape: shape, depth: inputs[0].floats, points: inputs[2].integers,
      weights: inputs.count > 4 ? inputs[4].floats : nil,
      context: UnsafePointer(context.memory(contextOffset, Float.self)))
    let starts = inputs[3].integers, target = output.floats
    let tiles = CellTile.tiles(shape.cells), turn = PoolingKernel.tilesPerTurn
    let faults = Atomic<Int>(0)
    context.takeTurns((tiles + turn - 1) / turn) { chunk, worker in
      let tile = context.memory(tileOffset, Float.self) + worker * CellTile.count(shape.channels)
      let places = context.memory(placeOffset, Int64.self) + worker * PoolingKernel.batch
      let factors = context.memory(factorOffset, Float.self) + worker * PoolingKernel.batch
      let filled = context.memory(groupOffset, Int32.self) + worker * CellTile.groups
      for t in chunk * turn..<min(tiles, (chunk + 1) * turn) {
        let first = t * CellTile.cells, count = min(CellTile.cells, shape.cells - first)
        var filledCount = 0
        for group in Swift.stride(from: 0, to: count, by: CellTile.group) {
          let end = min(group + CellTile.group, count)
          if starts[first + group] == starts[first + end] { continue }
          filled[filledCount] = Int32(truncatingIfNeeded: group)
          filledCount += 1
          for k in group..<end {
            let entries = Int(starts[first + k])..<Int(starts[first + k + 1])
            let wrong = plan.sum(entries, into: tile + k * shape.stride, places, factors, PoolingKernel.batch)
            if wrong { faults.store(1, ordering: .relaxed) }
          }
        }
        CellTile.write(
          tile, channels: shape.channels, cells: count,
          filled: UnsafeBufferPointer(start: filled, count: filledCount), to: target + first,
          plane: shape.cells)
      }
    }
    if faults.load(ordering: .relaxed) != 0 { throw shape.wrongPoint() }
  }

  /// Planes `[group, channel, place]` as rows `[group, place, padded channel]`.
  static func channelsLast(
    _ source: UnsafePointer<Float>, groups: Int, channels: Int, plane: Int,
    to target: UnsafeMutablePointer<Float>, _ context: KernelContext
  ) {
    let tiles = CellTile.tiles(plane), stride = CellTile.stride(channels)
    context.parallel(groups * tiles) { range in
      for part in range {
        let group = part / tiles, first = part % tiles * CellTile.cells
        CellTile.read(
          source + group * channels * plane + first, plane: plane, channels: channels,
          cells: min(CellTile.cells, plane - first), into: target + (group * plane + first) * stride)
      }
    }
  }

  /// What sums of cells read.
  private struct Reader {
    let depth: UnsafePointer<Float>, points: UnsafePointer<Int64>, weights: UnsafePointer<Float>?
    let context: UnsafePointer<Float>
    let pointCount: Int, pixels: Int, depths: Int, stride: Int
    let byPixels: FastDivision, byDepths: FastDivision

    init(
      shape: PoolingShape, depth: UnsafePointer<Float>, points: UnsafePointer<Int64>,
      weights: UnsafePointer<Float>?, context: UnsafePointer<Float>
    ) {
      self.depth = depth
      self.points = points
      self.weights = weights
      self.context = context
      pointCount = shape.pointCount
      pixels = shape.pixels
      depths = shape.depths
      stride = shape.stride
      byPixels = FastDivision(by: shape.pixels)
      byDepths = FastDivision(by: shape.depths)
    }

    /// Writes a cell's sums to a row; tells whether an entry names no point (it counts nothing).
    @inline(__always)
    func sum(
      _ entries: Range<Int>, into row: UnsafeMutablePointer<Float>, _ places: UnsafeMutablePointer<Int64>,
      _ factors: UnsafeMutablePointer<Float>, _ batch: Int
    ) -> Bool {
      var wrong = false
      var first = entries.lowerBound
      repeat {
        let count = min(batch, entries.upperBound - first)
        for k in 0..<count {
          let point = Int(points[first + k])
          let isPoint = UInt(bitPattern: point) < UInt(bitPattern: pointCount)
          if !isPoint { wrong = true }
          let safe = isPoint ? point : 0
          // The camera's plane of this depth, then the camera: pixel = point - plane · pixels + camera · pixels.
          let plane = byPixels.quotient(safe)
          places[k] = Int64((safe - (plane - byDepths.quotient(plane)) * pixels) &* stride)
          let factor = isPoint ? depth[safe] : 0
          factors[k] = weights.map { factor * $0[first + k] } ?? factor
        }
        apus_add_rows(
          row, context, places, factors, Int64(count), Int64(stride), first == entries.lowerBound ? 1 : 0)
        first += count
      } while first < entries.upperBound
      return wrong
    }
  }
}
