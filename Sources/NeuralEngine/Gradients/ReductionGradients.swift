extension Operator.Reduction {
  /// The gradient spread over the elements that were reduced. Equal extremes share it, as in PyTorch's amax.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let narrow = gradients[0] else { return [] }
    let x = inputs[0], shape = graph.shape(x)
    let reduced = Set(try axes.map { try resolveAxis($0, rank: shape.count) })
    let kept = shape.indices.map { reduced.contains($0) ? 1 : shape[$0] }
    let g = graph.shape(narrow) == kept ? narrow : try graph.reshape(narrow, kept)
    let y = keepsAxes ? outputs[0] : try graph.reshape(outputs[0], kept)
    switch function {
    case .sum: return [try graph.expanded(g, to: shape)]
    case .mean:
      let count = reduced.reduce(1) { $0 * shape[$1] }
      return [try graph.expanded(graph.linear(g, alpha: 1 / Float(count)), to: shape)]
    case .maximum, .minimum:
      let taken = try graph.indicator(graph.binary(.equal, x, y))
      let count = try graph.reduce(.sum, taken, axes: axes)
      return [try graph.product(taken, graph.binary(.divide, g, count))]
    case .product: return [try product(&graph, x, g)]
    case .norm1: return [try graph.apply(.unaryGradient(.init(.abs)), x, graph.expanded(g, to: shape))]
    case .norm2:
      let isZero = try graph.binary(.equal, y, graph.constant(0))
      let factor = try graph.binary(.divide, g, graph.apply(.select(.init()), isZero, graph.constant(1), y))
      return [try graph.product(x, factor)]
    case .sumOfSquares: return [try graph.product(x, graph.linear(g, alpha: 2))]
    case .logSum:
      return [try graph.expanded(graph.product(g, graph.unary(.exp, graph.negated(y))), to: shape)]
    case .logSumExp:
      return [try graph.product(graph.unary(.exp, graph.binary(.subtract, x, y)), g)]
    }
  }

  /// The product of all other elements, of which one zero leaves only its own and two leave nothing.
  private func product(_ graph: inout Graph, _ x: TensorID, _ g: TensorID) throws -> TensorID {
    let isZero = try graph.binary(.equal, x, graph.constant(0))
    let zeros = try graph.reduce(.sum, graph.indicator(isZero), axes: axes)
    let filled = try graph.apply(.select(.init()), isZero, graph.constant(1), x)
    let rest = try graph.product(g, graph.reduce(.product, filled, axes: axes))
    let alone = try graph.product(rest, graph.indicator(graph.binary(.equal, zeros, graph.constant(1))))
    let none = try graph.product(rest, graph.indicator(graph.binary(.equal, zeros, graph.constant(0))))
    return try graph.apply(.select(.init()), isZero, alone, graph.binary(.divide, none, filled))
  }
}

extension Operator.Softmax {
  /// `y (g - Σ g y)`; of the logarithm `g - eʸ Σ g`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let y = outputs[0]
    if logarithm {
      let share = try graph.product(graph.unary(.exp, y), graph.reduce(.sum, g, axes: [axis]))
      return [try graph.binary(.subtract, g, share)]
    }
    let mean = try graph.reduce(.sum, graph.product(g, y), axes: [axis])
    return [try graph.product(graph.binary(.subtract, g, mean), y)]
  }
}
