import Algorithms
internal import CVectorKernels
import NeuralEngine

/// Gradients of `PoolingKernel`, with `g` the gradient of the BEV features:
/// `∂depth[p] = Σ weight[e] · (g[cell(e)] · context[pixel(p)])` over the entries `e` of point `p`, and
/// `∂context[pixel] = Σ weight[e] · depth[point(e)] · g[cell(e)]` over the entries of the pixel.
///
/// Entries are sorted by pixel, cells rising; a pixel is one thread's, so the bytes are the same at any thread count.
/// - Complexity: O(entries × channels + cells × channels); no allocation.
struct PoolingGradientKernel {
  let shape: PoolingShape
  private let contextOffset: Int, gradientOffset: Int, startOffset: Int, entryOffset: Int, tileOffset: Int,
    groupOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  /// An entry of a pixel.
  private struct Entry {
    var point: Int32, cell: Int32, weight: Float
  }

  init(_ shape: PoolingShape, threads: Int) {
    self.shape = shape
    var layout = ScratchLayout()
    contextOffset = layout.take(shape.cameras * shape.pixels * shape.stride, Float.self)
    gradientOffset = layout.take(shape.cells * shape.stride, Float.self)
    startOffset = layout.take(shape.cameras * shape.pixels + 1, Int.self)
    entryOffset = layout.take(shape.capacity, Entry.self)
    tileOffset = layout.take(threads * CellTile.count(shape.channels), Float.self)
    groupOffset = layout.take(CellTile.groups, Int32.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs depth, context, points, starts, perhaps weights, and the gradient `[1, channels, i, j]`; outputs the
  /// gradients of depth and context.
  func run(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws {
    try shape.check(starts: inputs[3].integers)
    try sortByPixel(
      points: inputs[2].integers, starts: inputs[3].integers,
      weights: inputs.count > 5 ? inputs[4].floats : nil, context)
    PoolingKernel.channelsLast(
      inputs[1].floats, groups: shape.cameras, channels: shape.channels, plane: shape.pixels,
      to: context.memory(contextOffset, Float.self), context)
    PoolingKernel.channelsLast(
      inputs[inputs.count - 1].floats, groups: 1, channels: shape.channels, plane: shape.cells,
      to: context.memory(gradientOffset, Float.self), context)
    let depthGradient = outputs[0].floats
    context.parallel(shape.pointCount, grain: 1 << 14) { range in
      (depthGradient + range.lowerBound).update(repeating: 0, count: range.count)
    }
    let groups = context.memory(groupOffset, Int32.self)
    for k in 0..<CellTile.groups { groups[k] = Int32(CellTile.group * k) }
    let tiles = CellTile.tiles(shape.pixels), depth = inputs[0].floats
    context.takeTurns(shape.cameras * tiles) { chunk, worker in
      let camera = chunk / tiles, first = chunk % tiles * CellTile.cells
      let count = min(CellTile.cells, shape.pixels - first)
      let tile = context.memory(tileOffset, Float.self) + worker * CellTile.count(shape.channels)
      for k in 0..<count {
        gather(camera * shape.pixels + first + k, depth, depthGradient, tile + k * shape.stride, context)
      }
      CellTile.write(
        tile, channels: shape.channels, cells: count,
        filled: UnsafeBufferPointer(start: groups, count: (count + CellTile.group - 1) / CellTile.group),
        to: outputs[1].floats + camera * shape.channels * shape.pixels + first, plane: shape.pixels)
    }
  }

  /// One pixel's gradients: its depths' at their places, its context's into a row.
  private func gather(
    _ pixel: Int, _ depth: UnsafePointer<Float>, _ depthGradient: UnsafeMutablePointer<Float>,
    _ row: UnsafeMutablePointer<Float>, _ context: KernelContext
  ) {
    let starts = context.memory(startOffset, Int.self), entries = context.memory(entryOffset, Entry.self)
    let gradients = UnsafePointer(context.memory(gradientOffset, Float.self))
    let features = UnsafePointer(context.memory(contextOffset, Float.self)) + pixel * shape.stride
    row.update(repeating: 0, count: shape.stride)
    for e in starts[pixel]..<starts[pixel + 1] {
      let entry = entries[e], gradient = gradients + Int(entry.cell) * shape.stride
      let product = apus_dot_and_add(
        row, gradient, features, depth[Int(entry.point)] * entry.weight, Int64(shape.stride))
      depthGradient[Int(entry.point)] += product * entry.weight
    }
  }

  /// Sorts the entries by pixel; of each, entries stay in the order of cells.
  private func sortByPixel(
    points: UnsafePointer<Int64>, starts: UnsafePointer<Int64>, weights: UnsafePointer<Float>?,
    _ context: KernelContext
  ) throws {
    let pixels = shape.cameras * shape.pixels, perCamera = shape.depths * shape.pixels
    let places = context.memory(startOffset, Int.self), entries = context.memory(entryOffset, Entry.self)
    func pixel(_ point: Int) -> Int { point / perCamera * shape.pixels + point % shape.pixels }
    places.update(repeating: 0, count: pixels + 1)
    for e in Int(starts[0])..<Int(starts[shape.cells]) {
      guard points[e] >= 0, points[e] < Int64(shape.pointCount) else { throw shape.wrongPoint() }
      places[pixel(Int(points[e])) + 1] += 1
    }
    var sum = 0
    for p in 1...pixels {
      let count = places[p]
      places[p] = sum
      sum += count
    }
    for cell in 0..<shape.cells {
      for e in Int(starts[cell])..<Int(starts[cell + 1]) {
        let point = Int(points[e]), p = pixel(point) + 1
        entries[places[p]] = Entry(
          point: Int32(point), cell: Int32(cell), weight: weights.map { $0[e] } ?? 1)
        places[p] += 1
      }
    }
  }
}
