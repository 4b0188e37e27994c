extension Operator.Resize {
  /// `ResizeGradient`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return [try graph.apply(.resizeGradient(.init(self, shape: graph.shape(inputs[0]))), g)]
  }
}

extension Operator.GridSample {
  /// `GridSampleGradient`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return try graph.add(.gridSampleGradient(.init(self)), [inputs[0], inputs[1], g])
  }
}

extension Operator.AffineGrid {
  /// A point is `theta · (coordinates, 1)`, so theta's gradient is the sum of `g · (coordinates, 1)ᵀ` over the points.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let axes = sizes.count, points = sizes.reduce(1, *), batch = graph.shape(inputs[0])[0]
    var identity = [Float](repeating: 0, count: axes * (axes + 1))
    for a in 0..<axes { identity[a * (axes + 2)] = 1 }
    let theta = graph.addConstant("identity", TensorValue([1, axes, axes + 1], identity))
    let grid = try graph.reshape(graph.apply(.affineGrid(self), theta), [points, axes])
    let basis = try graph.concatenate([grid, graph.constant(1, shape: [points, 1])], axis: 1)
    let flat = try graph.reshape(g, [batch, points, axes])
    return [try graph.apply(.matrixMultiplication(.init(transposesFirst: true)), flat, basis)]
  }
}
