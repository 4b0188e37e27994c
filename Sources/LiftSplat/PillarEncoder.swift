import Geometry
import NeuralEngine

extension Graph {
  /// PointPillars' feature net, scattered: `bev[0, o, cell(v)] = max over points p of pillar v of
  /// relu(W[o] · (p, shared[v]) + b[o])`, 0 in cells without a pillar. No tensor of points by outputs is made, and what a
  /// pillar's points have in common is multiplied once a pillar.
  ///
  /// Weights are `name.weight` `[outputs, F + G]` and `name.bias` `[outputs]`; a batch normalisation after the linear layer
  /// is folded into them.
  /// - Parameters:
  ///   - points: features of each point `[P, F]`, those of a pillar one after another.
  ///   - shared: features that all points of a pillar have `[V, G]`; nil: none.
  ///   - starts: int64 `[V + 1]`: pillar v has points `starts[v]..<starts[v + 1]`.
  ///   - cells: int64 `[V]`: the flat cell `i · countY + j` of each pillar, no cell twice; -1 for unused pillars, whose
  ///     starts are not read.
  /// - Returns: `[1, outputs, i, j]`; the same bytes at any thread count. Gradients go to the weights alone.
  /// - Throws: `EngineError` where shapes do not fit; at run time where starts fall or a cell is wrong.
  /// - Complexity: O((points × F + pillars × G) × outputs + cells × outputs).
  /// - Source: Lang et al., PointPillars, CVPR 2019, section 2.1.
  public mutating func pillarEncoder(
    points: TensorID, shared: TensorID? = nil, starts: TensorID, cells: TensorID, outputs: Int, grid: BEVGrid,
    name: String
  ) throws -> TensorID {
    // What is no matrix is refused by the operator's own check.
    let features = [points, shared].compactMap { $0.map(shape) }.reduce(0) {
      $0 + ($1.count == 2 ? $1[1] : 1)
    }
    guard outputs >= 1 else {
      throw EngineError(
        file: self.name, field: "pillar encoder \(name)", found: "\(outputs) outputs", expected: "1 or more")
    }
    let weight = addWeight("\(name).weight", [outputs, features], .he)
    let bias = addWeight("\(name).bias", [outputs], .zeros)
    let inputs = [points, starts, cells, weight, bias] + [shared].compactMap { $0 }
    return try add(.external(pillarOperator(grid, hasShared: shared != nil)), inputs, name: name)[0]
  }
}

private func pillarOperator(_ grid: BEVGrid, hasShared: Bool) -> ExternalOperator {
  ExternalOperator(
    name: "pillar encoder",
    shape: { inputs in
      try checkPillars(inputs, hasShared: hasShared)
      return [TensorType([1, inputs[3].shape[0], grid.countX, grid.countY])]
    },
    forward: { inputs, outputs, context in
      let kernel = PillarKernel(inputs.map(\.type), cells: grid.count, threads: context.threads)
      try kernel.run(inputs, outputs[0], context)
    },
    backward: { graph, inputs, _, gradients in
      guard let gradient = gradients[0] else { return inputs.map { _ in nil } }
      let results = try graph.add(
        .external(pillarGradient(grid, hasShared: hasShared)), inputs + [gradient], name: "pillar gradient")
      return [nil, nil, nil, results[0], results[1]] + inputs.dropFirst(5).map { _ in nil }
    },
    cost: { inputs, _ in pillarCost(inputs) },
    scratch: { inputs, _, threads in
      PillarKernel(inputs, cells: grid.count, threads: threads).scratchByteCount
    })
}

/// Inputs as the forward operator's, then the output's gradient; outputs the gradients of weight and bias.
private func pillarGradient(_ grid: BEVGrid, hasShared: Bool) -> ExternalOperator {
  ExternalOperator(
    name: "pillar gradient",
    shape: { inputs in
      try checkPillars(Array(inputs.dropLast()), hasShared: hasShared)
      guard inputs.last == TensorType([1, inputs[3].shape[0], grid.countX, grid.countY]) else {
        throw ShapeError.input(
          inputs.count - 1, axis: nil,
          expected: "float32 [1, \(inputs[3].shape[0]), \(grid.countX), \(grid.countY)]")
      }
      return [inputs[3], inputs[4]]
    },
    forward: { inputs, outputs, context in
      let kernel = PillarGradientKernel(inputs.map(\.type), cells: grid.count)
      try kernel.run(inputs, outputs, context)
    },
    cost: { inputs, _ in pillarCost(inputs) },
    scratch: { inputs, _, _ in PillarGradientKernel(inputs, cells: grid.count).scratchByteCount })
}

/// Multiplications and additions: those of all points and pillars that there is room for.
private func pillarCost(_ inputs: [TensorType]) -> Int {
  let shape = PillarShape(inputs, cells: 0)
  return 2 * shape.outputs * (shape.points * shape.features + shape.pillars * shape.shared)
}

private func checkPillars(_ inputs: [TensorType], hasShared: Bool) throws {
  let count = hasShared ? 6 : 5
  guard inputs.count == count else { throw ShapeError.inputCount(expected: "\(count) inputs") }
  guard inputs[0].rank == 2, inputs[0].element == .float32 else {
    throw ShapeError.input(0, axis: nil, expected: "float32 [point, feature]")
  }
  guard inputs[2].rank == 1, inputs[2].element == .int64, inputs[2].count < Int(Int32.max) else {
    throw ShapeError.input(2, axis: nil, expected: "int64 [pillar]")
  }
  guard inputs[1] == TensorType([inputs[2].count + 1], .int64) else {
    throw ShapeError.mismatch(first: 1, second: 2, axis: 0, expected: "int64, one more than pillars")
  }
  var features = inputs[0].shape[1]
  if hasShared {
    guard inputs[5].rank == 2, inputs[5].element == .float32, inputs[5].shape[0] == inputs[2].count else {
      throw ShapeError.mismatch(first: 5, second: 2, axis: 0, expected: "float32 [pillar, feature]")
    }
    features += inputs[5].shape[1]
  }
  guard inputs[3].rank == 2, inputs[3].element == .float32, inputs[3].count > 0 else {
    throw ShapeError.input(3, axis: nil, expected: "float32 [output, feature]")
  }
  guard inputs[3].shape[1] == features else {
    throw ShapeError.mismatch(
      first: 3, second: 0, axis: 1, expected: "as many features as points and pillars have together")
  }
  guard inputs[4] == TensorType([inputs[3].shape[0]]) else {
    throw ShapeError.mismatch(first: 4, second: 3, axis: 0, expected: "a float32 bias for each output")
  }
}
