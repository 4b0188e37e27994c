import Algorithms
internal import CVectorKernels
import NeuralEngine

/// Extents of one pillar node, its weights laid out for vectors of outputs, and which pillar each cell has.
struct PillarShape: Sendable {
  /// `features` are a point's own, `shared` those that a pillar's points have in common.
  let points: Int, features: Int, shared: Int, pillars: Int, outputs: Int, cells: Int
  /// Features that an output is made from.
  var depth: Int { features + shared }
  /// Floats of a row of outputs.
  var stride: Int { CellTile.stride(outputs) }

  /// The extents in the types of points, starts, cells, weight.
  init(_ inputs: [TensorType], cells: Int) {
    points = inputs[0].shape[0]
    features = inputs[0].shape[1]
    pillars = inputs[2].count
    outputs = inputs[3].shape[0]
    shared = inputs[3].shape[1] - features
    self.cells = cells
  }

  /// Throws unless the used pillars have cells of their own and points that exist.
  func check(
    starts: UnsafePointer<Int64>, cells indices: UnsafePointer<Int64>, pillarOf: UnsafeMutablePointer<Int32>
  ) throws {
    func fault(_ field: String, _ found: Int64, _ expected: String) -> EngineError {
      EngineError(file: "pillar encoder", field: field, found: "\(found)", expected: expected)
    }
    pillarOf.update(repeating: -1, count: cells)
    for v in 0..<pillars {
      let cell = indices[v]
      guard cell >= -1, cell < Int64(cells) else {
        throw fault("cells[\(v)]", cell, "-1 to \(cells - 1)")
      }
      if cell < 0 { continue }
      guard starts[v] >= 0, starts[v] <= starts[v + 1], starts[v + 1] <= Int64(points) else {
        throw fault("starts[\(v)]", starts[v], "rising, 0 to \(points)")
      }
      guard pillarOf[Int(cell)] < 0 else { throw fault("cells[\(v)]", cell, "a cell no other pillar has") }
      pillarOf[Int(cell)] = Int32(v)
    }
  }

  /// Weights `[output, feature]` as blocks `[block of 16 outputs, feature, 16]`, and the bias padded by zeros after them.
  func pack(
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, to packed: UnsafeMutablePointer<Float>
  ) {
    for o in 0..<stride {
      let block = packed + o / 16 * 16 * depth + o % 16
      for f in 0..<depth { block[f * 16] = o < outputs ? weight[o * depth + f] : 0 }
      packed[stride * depth + o] = o < outputs ? bias[o] : 0
    }
  }

  /// Floats that `pack` writes.
  var packedCount: Int { stride * (depth + 1) }
}

/// Encodes pillars: a linear layer, ReLU and the maximum over each pillar's points, written to planes.
///
/// Threads take tiles of cells in turns; within a tile each pillar's points pass the weights of 16 outputs at a time,
/// four points together, with the maximum in registers. As rounding is monotone, what the points share, the bias and ReLU
/// come after the maximum, once a pillar.
struct PillarKernel {
  private static let tilesPerTurn = 4

  let shape: PillarShape
  private let pillarOffset: Int, weightOffset: Int, tileOffset: Int, groupOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  init(_ inputs: [TensorType], cells: Int, threads: Int) {
    shape = PillarShape(inputs, cells: cells)
    var layout = ScratchLayout()
    pillarOffset = layout.take(cells, Int32.self)
    weightOffset = layout.take(shape.packedCount, Float.self)
    tileOffset = layout.take(threads * CellTile.count(shape.outputs), Float.self)
    groupOffset = layout.take(threads * CellTile.groups, Int32.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs points, starts, cells, weight, bias and, where there are any, shared features; output `[1, outputs, i, j]`.
  func run(_ inputs: [TensorView], _ output: MutableTensorView, _ context: KernelContext) throws {
    let pillarOf = context.memory(pillarOffset, Int32.self)
    let packed = context.memory(weightOffset, Float.self)
    try shape.check(starts: inputs[1].integers, cells: inputs[2].integers, pillarOf: pillarOf)
    shape.pack(weight: inputs[3].floats, bias: inputs[4].floats, to: packed)
    let points = inputs[0].floats, starts = inputs[1].integers, target = output.floats
    // Without shared features none is read.
    let shared = shape.shared > 0 ? inputs[5].floats : points
    let tiles = CellTile.tiles(shape.cells), turn = PillarKernel.tilesPerTurn
    context.takeTurns((tiles + turn - 1) / turn) { chunk, worker in
      let tile = context.memory(tileOffset, Float.self) + worker * CellTile.count(shape.outputs)
      let filled = context.memory(groupOffset, Int32.self) + worker * CellTile.groups
      for t in chunk * turn..<min(tiles, (chunk + 1) * turn) {
        let first = t * CellTile.cells, count = min(CellTile.cells, shape.cells - first)
        var filledCount = 0
        for group in Swift.stride(from: 0, to: count, by: CellTile.group) {
          let end = min(group + CellTile.group, count)
          guard hasPillar(pillarOf + first + group, end - group) else { continue }
          filled[filledCount] = Int32(truncatingIfNeeded: group)
          filledCount += 1
          for k in group..<end {
            let pillar = Int(pillarOf[first + k])
            let range = pillar < 0 ? 0..<0 : Int(starts[pillar])..<Int(starts[pillar + 1])
            let row = tile + k * shape.stride
            if range.isEmpty {
              for c in Swift.stride(from: 0, to: shape.stride, by: 16) { store(SIMD16<Float>.zero, row + c) }
            } else {
              apus_encode_pillar(
                row, points + range.lowerBound * shape.features, Int64(range.count), Int64(shape.features),
                shared + pillar * shape.shared, Int64(shape.shared), packed, Int64(shape.stride))
            }
          }
        }
        CellTile.write(
          tile, channels: shape.outputs, cells: count,
          filled: UnsafeBufferPointer(start: filled, count: filledCount), to: target + first,
          plane: shape.cells)
      }
    }
  }
}

/// Whether any of a group's cells has a pillar; the others hold -1, all of whose bits are ones.
@inline(__always)
private func hasPillar(_ pillars: UnsafePointer<Int32>, _ count: Int) -> Bool {
  var bits: Int32 = -1
  for k in 0..<count { bits &= pillars[k] }
  return bits != -1
}

/// Gradients of `PillarKernel` with respect to weight and bias: an output's gradient goes to the first point that has the
/// pillar's maximum, where that is above 0.
///
/// A block of 16 outputs is one thread's and takes pillars in their order: the same bytes at any thread count.
struct PillarGradientKernel {
  let shape: PillarShape
  private let pillarOffset: Int, weightOffset: Int, sumOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  init(_ inputs: [TensorType], cells: Int) {
    shape = PillarShape(inputs, cells: cells)
    var layout = ScratchLayout()
    pillarOffset = layout.take(cells, Int32.self)
    weightOffset = layout.take(shape.packedCount, Float.self)
    sumOffset = layout.take(shape.packedCount, Double.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs points, starts, cells, weight, bias, shared features where there are any, gradient; outputs the gradients of
  /// weight and bias.
  func run(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws {
    let packed = context.memory(weightOffset, Float.self)
    try shape.check(
      starts: inputs[1].integers, cells: inputs[2].integers,
      pillarOf: context.memory(pillarOffset, Int32.self))
    shape.pack(weight: inputs[3].floats, bias: inputs[4].floats, to: packed)
    let sums = context.memory(sumOffset, Double.self)
    sums.update(repeating: 0, count: shape.packedCount)
    let depth = shape.depth
    context.parallel(shape.stride / 16) { blocks in
      for block in blocks {
        for v in 0..<shape.pillars where inputs[2].integers[v] >= 0 {
          accumulate(v, block, inputs, packed, sums)
        }
        for o in block * 16..<min((block + 1) * 16, shape.outputs) {
          for f in 0..<depth { outputs[0].floats[o * depth + f] = Float(sums[o * (depth + 1) + f]) }
          outputs[1].floats[o] = Float(sums[o * (depth + 1) + depth])
        }
      }
    }
  }

  /// Adds one pillar's share to the sums `[output, feature, shared feature and bias]` of a block of outputs.
  private func accumulate(
    _ v: Int, _ block: Int, _ inputs: [TensorView], _ packed: UnsafePointer<Float>,
    _ sums: UnsafeMutablePointer<Double>
  ) {
    let features = shape.features, depth = shape.depth, weights = packed + block * 16 * depth
    var best = SIMD16<Float>(repeating: -.infinity), winner = SIMD16<Int32>(repeating: -1)
    for p in Int(inputs[1].integers[v])..<Int(inputs[1].integers[v + 1]) {
      let point = inputs[0].floats + p * features
      var value = SIMD16<Float>.zero
      for f in 0..<features { value += load16(weights + f * 16) * SIMD16(repeating: point[f]) }
      let isBetter = value .> best
      best.replace(with: value, where: isBetter)
      winner.replace(with: Int32(truncatingIfNeeded: p), where: isBetter)
    }
    // Without shared features none is read.
    let shared = (shape.shared > 0 ? inputs[5].floats : inputs[0].floats) + v * shape.shared
    var rest = load16(packed + shape.stride * depth + block * 16)
    for f in 0..<shape.shared { rest += load16(weights + (features + f) * 16) * SIMD16(repeating: shared[f]) }
    let value = best + rest
    let cell = Int(inputs[2].integers[v]), gradients = inputs[inputs.count - 1].floats
    for lane in 0..<16 where value[lane] > 0 && winner[lane] >= 0 {
      let o = block * 16 + lane
      guard o < shape.outputs else { continue }
      let gradient = Double(gradients[o * shape.cells + cell])
      let point = inputs[0].floats + Int(winner[lane]) * features, sum = sums + o * (depth + 1)
      for f in 0..<features { sum[f] += gradient * Double(point[f]) }
      for f in 0..<shape.shared { sum[features + f] += gradient * Double(shared[f]) }
      sum[depth] += gradient
    }
  }
}
