import Algorithms
import Geometry
import NeuralEngine

/// Where the previous frame saw what is now in a cell.
public enum EgoMotionWarp {
  /// The matrix `[2, 3]`, row-major, that takes the index (i, j, 1) of a cell of the current frame to the index in the
  /// previous frame's grid: whole numbers are cells' centres.
  ///
  /// Heights and tilts are dropped: features lie on the ground plane of both ego frames.
  /// - Parameters:
  ///   - previousGlobalFromEgo: the ego's pose of the frame whose features are warped.
  ///   - globalFromEgo: the ego's pose now.
  public static func motion(
    previousGlobalFromEgo: RigidTransform, globalFromEgo: RigidTransform, grid: BEVGrid
  ) -> [Float] {
    let previousFromCurrent = previousGlobalFromEgo.inverse * globalFromEgo
    let x = previousFromCurrent.rotation.rotate(SIMD3(1, 0, 0)).xy
    let y = previousFromCurrent.rotation.rotate(SIMD3(0, 1, 0)).xy
    // The metres of cell (0, 0), moved, and back to an index.
    let corner = grid.center(0, 0)
    let moved = x * corner.x + y * corner.y + previousFromCurrent.translation.xy
    let start = (moved - corner) / grid.cellSize
    return [Float(x.x), Float(y.x), Float(start.x), Float(x.y), Float(y.y), Float(start.y)]
  }
}

extension Graph {
  /// BEV features of an earlier frame where they are now: bilinear between cells' centres, 0 outside the grid.
  ///
  /// - Parameters:
  ///   - x: `[1, channel, i, j]`.
  ///   - motion: float32 `[2, 3]`, as `EgoMotionWarp.motion` makes it; where it is not finite the result is 0.
  /// - Returns: `[1, channel, i, j]`; the same bytes at any thread count. The gradient goes to x.
  /// - Throws: `EngineError` where shapes do not fit.
  /// - Complexity: O(cells × channels).
  /// - Source: the alignment of Huang and Huang, BEVDet4D, arXiv 2203.17054, section 3.2.
  public mutating func egoMotionWarp(_ x: TensorID, motion: TensorID, name: String) throws -> TensorID {
    try apply(.external(warpOperator()), x, motion, name: name)
  }
}

private func warpOperator() -> ExternalOperator {
  ExternalOperator(
    name: "ego-motion warp",
    shape: { inputs in
      try checkWarp(inputs)
      return [inputs[0]]
    },
    forward: { inputs, outputs, context in
      WarpKernel(inputs[0].type, threads: context.threads).run(inputs, outputs[0], context)
    },
    backward: { graph, inputs, _, gradients in
      guard let gradient = gradients[0] else { return [nil, nil] }
      let result = try graph.apply(
        .external(warpGradient()), gradient, inputs[1], name: "ego-motion warp gradient")
      return [result, nil]
    },
    cost: { _, outputs in 7 * outputs[0].count },
    scratch: { inputs, _, threads in WarpKernel(inputs[0], threads: threads).scratchByteCount })
}

/// Inputs the output's gradient and motion; output the gradient of x.
private func warpGradient() -> ExternalOperator {
  ExternalOperator(
    name: "ego-motion warp gradient",
    shape: { inputs in
      try checkWarp(inputs)
      return [inputs[0]]
    },
    forward: { inputs, outputs, context in
      WarpGradientKernel(inputs[0].type).run(inputs, outputs[0], context)
    },
    cost: { _, outputs in 8 * outputs[0].count },
    scratch: { inputs, _, _ in WarpGradientKernel(inputs[0]).scratchByteCount })
}

private func checkWarp(_ inputs: [TensorType]) throws {
  guard inputs.count == 2 else { throw ShapeError.inputCount(expected: "2 inputs") }
  guard inputs[0].rank == 4, inputs[0].shape[0] == 1, inputs[0].element == .float32, inputs[0].count > 0,
    inputs[0].shape[2] * inputs[0].shape[3] < Int(Int32.max)
  else {
    throw ShapeError.input(0, axis: nil, expected: "float32 [1, channel, i, j]")
  }
  guard inputs[1] == TensorType([2, 3]) else {
    throw ShapeError.input(1, axis: nil, expected: "float32 [2, 3]")
  }
}

/// The four cells that a warped cell reads, with their weights; those outside count 0 and name cell 0.
struct WarpTaps {
  var cells = SIMD4<Int32>.zero
  var weights = SIMD4<Float>.zero

  init() {}

  /// The taps of cell (i, j) in a grid of `rows` x `columns`: upper left, upper right, lower left, lower right.
  init(_ motion: UnsafePointer<Float>, _ i: Int, _ j: Int, rows: Int, columns: Int) {
    let (y, x) = (Float(i), Float(j))
    let u = motion[0] * y + motion[1] * x + motion[2], v = motion[3] * y + motion[4] * x + motion[5]
    guard u > -1, v > -1, u < Float(rows), v < Float(columns) else { return }
    let top = Int(u.rounded(.down)), left = Int(v.rounded(.down))
    let du = u - Float(top), dv = v - Float(left)
    let isRow = (top >= 0, top + 1 < rows), isColumn = (left >= 0, left + 1 < columns)
    let first = top * columns + left
    if isRow.0 && isColumn.0 { set(0, first, (1 - du) * (1 - dv)) }
    if isRow.0 && isColumn.1 { set(1, first + 1, (1 - du) * dv) }
    if isRow.1 && isColumn.0 { set(2, first + columns, du * (1 - dv)) }
    if isRow.1 && isColumn.1 { set(3, first + columns + 1, du * dv) }
  }

  private mutating func set(_ k: Int, _ cell: Int, _ weight: Float) {
    cells[k] = Int32(cell)
    weights[k] = weight
  }
}

/// Warps planes row by row: a row's taps are found once and used for all channels.
struct WarpKernel {
  private let channels: Int, rows: Int, columns: Int
  private let tapOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  init(_ type: TensorType, threads: Int) {
    (channels, rows, columns) = (type.shape[1], type.shape[2], type.shape[3])
    var layout = ScratchLayout()
    tapOffset = layout.take(threads * columns, WarpTaps.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs x and motion; output as x.
  func run(_ inputs: [TensorView], _ output: MutableTensorView, _ context: KernelContext) {
    let source = inputs[0].floats, motion = inputs[1].floats, target = output.floats
    let plane = rows * columns
    context.takeTurns(rows) { i, worker in
      let taps = context.memory(tapOffset, WarpTaps.self) + worker * columns
      for j in 0..<columns { taps[j] = WarpTaps(motion, i, j, rows: rows, columns: columns) }
      for c in 0..<channels {
        let x = source + c * plane, y = target + c * plane + i * columns
        for j in 0..<columns {
          let cells = taps[j].cells, weights = taps[j].weights
          let upper = weights.x * x[Int(cells.x)] + weights.y * x[Int(cells.y)]
          y[j] = upper + (weights.z * x[Int(cells.z)] + weights.w * x[Int(cells.w)])
        }
      }
    }
  }
}

/// The gradient of `WarpKernel`: each cell's goes to the cells it read. A channel is one thread's.
struct WarpGradientKernel {
  private let channels: Int, rows: Int, columns: Int
  private let tapOffset: Int
  /// Bytes of scratch memory.
  let scratchByteCount: Int

  init(_ type: TensorType) {
    (channels, rows, columns) = (type.shape[1], type.shape[2], type.shape[3])
    var layout = ScratchLayout()
    tapOffset = layout.take(rows * columns, WarpTaps.self)
    scratchByteCount = layout.byteCount
  }

  /// Inputs the output's gradient and motion; output the gradient of x.
  func run(_ inputs: [TensorView], _ output: MutableTensorView, _ context: KernelContext) {
    let gradient = inputs[0].floats, motion = inputs[1].floats, target = output.floats
    let taps = context.memory(tapOffset, WarpTaps.self), plane = rows * columns
    context.parallel(rows) { range in
      for i in range {
        for j in 0..<columns {
          taps[i * columns + j] = WarpTaps(motion, i, j, rows: rows, columns: columns)
        }
      }
    }
    context.parallel(channels) { range in
      for c in range {
        let g = gradient + c * plane, x = target + c * plane
        x.update(repeating: 0, count: plane)
        for cell in 0..<plane {
          let cells = taps[cell].cells, weights = taps[cell].weights
          for k in 0..<4 { x[Int(cells[k])] += weights[k] * g[cell] }
        }
      }
    }
  }
}
