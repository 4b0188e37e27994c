import Geometry
import NeuralEngine

extension Graph {
  /// Lifts camera features by their depth distributions and sums them in BEV cells, without a tensor of the lifted:
  /// `bev[0, c, i, j] = Σ weight[e] · depth[point(e)] · context[camera(e), c, row(e), column(e)]` over entries of the cell.
  ///
  /// - Parameters:
  ///   - depth: `[camera, depth, row, column]`, usually a softmax over depth.
  ///   - context: `[camera, channel, row, column]`.
  ///   - points: int64 `[capacity]`, `PoolingPlanner.points`: flat places in `depth`, sorted by cell.
  ///   - starts: int64 `[grid.count + 1]`, `PoolingPlanner.starts`; elements of `points` after the last start are not read.
  ///   - weights: `[capacity]` for a bilinear plan, else nil.
  /// - Returns: `[1, channel, i, j]`; the same bytes at any thread count. Gradients go to depth and context.
  /// - Throws: `EngineError` where shapes do not fit; at run time where starts fall or a point is outside `depth`.
  /// - Complexity: O(capacity × channels + cells × channels).
  /// - Source: Philion and Fidler, ECCV 2020, section 3; Huang and Huang, BEVPoolv2, arXiv 2211.17111, section 3.
  public mutating func liftSplat(
    depth: TensorID, context: TensorID, points: TensorID, starts: TensorID, weights: TensorID? = nil,
    grid: BEVGrid, name: String
  ) throws -> TensorID {
    let operands = [depth, context, points, starts] + (weights.map { [$0] } ?? [])
    return try add(.external(liftSplatOperator(grid)), operands, name: name)[0]
  }
}

private func liftSplatOperator(_ grid: BEVGrid) -> ExternalOperator {
  ExternalOperator(
    name: "lift-splat",
    shape: { inputs in
      try checkPooling(inputs, grid)
      return [TensorType([1, inputs[1].shape[1], grid.countX, grid.countY])]
    },
    forward: { inputs, outputs, context in
      let kernel = PoolingKernel(PoolingShape(inputs.map(\.type)), threads: context.threads)
      try kernel.run(inputs, outputs[0], context)
    },
    backward: { graph, inputs, _, gradients in
      guard let gradient = gradients[0] else { return inputs.map { _ in nil } }
      let results = try graph.add(
        .external(liftSplatGradient(grid)), inputs + [gradient], name: "lift-splat gradient")
      return [results[0], results[1]] + inputs.dropFirst(2).map { _ in nil }
    },
    cost: { inputs, _ in 2 * inputs[2].count * inputs[1].shape[1] },
    scratch: { inputs, _, threads in PoolingKernel(PoolingShape(inputs), threads: threads).scratchByteCount })
}

/// Inputs as the forward operator's, then the output's gradient; outputs the gradients of depth and context.
private func liftSplatGradient(_ grid: BEVGrid) -> ExternalOperator {
  ExternalOperator(
    name: "lift-splat gradient",
    shape: { inputs in
      guard inputs.count == 5 || inputs.count == 6 else {
        throw ShapeError.inputCount(expected: "5 or 6 inputs")
      }
      try checkPooling(Array(inputs.dropLast()), grid)
      let gradient = inputs.count - 1
      guard inputs[gradient] == TensorType([1, inputs[1].shape[1], grid.countX, grid.countY]) else {
        throw ShapeError.mismatch(
          first: gradient, second: 1, axis: 1, expected: "[1, channels, \(grid.countX), \(grid.countY)]")
      }
      return [inputs[0], inputs[1]]
    },
    forward: { inputs, outputs, context in
      let kernel = PoolingGradientKernel(PoolingShape(inputs.map(\.type)), threads: context.threads)
      try kernel.run(inputs, outputs, context)
    },
    cost: { inputs, _ in 4 * inputs[2].count * inputs[1].shape[1] },
    scratch: { inputs, _, threads in
      PoolingGradientKernel(PoolingShape(inputs), threads: threads).scratchByteCount
    })
}

extension PoolingShape {
  fileprivate init(_ inputs: [TensorType]) {
    self.init(depth: inputs[0], context: inputs[1], points: inputs[2], starts: inputs[3])
  }
}

private func checkPooling(_ inputs: [TensorType], _ grid: BEVGrid) throws {
  guard inputs.count == 4 || inputs.count == 5 else { throw ShapeError.inputCount(expected: "4 or 5 inputs") }
  for k in 0..<2 where inputs[k].rank != 4 || inputs[k].element != .float32 || inputs[k].count == 0 {
    throw ShapeError.input(
      k, axis: nil, expected: "float32 [camera, \(k == 0 ? "depth" : "channel"), row, column]")
  }
  for axis in [0, 2, 3] where inputs[0].shape[axis] != inputs[1].shape[axis] {
    throw ShapeError.mismatch(first: 0, second: 1, axis: axis, expected: "the same cameras, rows and columns")
  }
  guard inputs[0].count <= Int(Int32.max) else {
    throw ShapeError.input(0, axis: nil, expected: "fewer than 2^31 points")
  }
  guard inputs[2].rank == 1, inputs[2].element == .int64, inputs[2].count <= Int(Int32.max) else {
    throw ShapeError.input(2, axis: nil, expected: "int64 [capacity]")
  }
  guard inputs[3] == TensorType([grid.count + 1], .int64) else {
    throw ShapeError.input(3, axis: 0, expected: "int64 [\(grid.count + 1)], the grid's cells and one")
  }
  if inputs.count == 5, inputs[4] != TensorType(inputs[2].shape) {
    throw ShapeError.mismatch(first: 4, second: 2, axis: 0, expected: "a float32 weight for each point")
  }
}
