extension Operator.Unary {
  /// `g · f'(x)`; nothing where the derivative is 0 almost everywhere.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    switch function {
    case .identity, .dropout: return [g]
    case .stopGradient, .floor, .ceiling, .round: return [nil]
    case .negate: return [try graph.negated(g)]
    case .linear(let alpha, _): return [try graph.linear(g, alpha: alpha)]
    default:
      let gradient = Operator.UnaryGradient(function)
      return [
        try graph.apply(.unaryGradient(gradient), gradient.fromOutput ? outputs[0] : inputs[0], g)
      ]
    }
  }
}

extension Operator.Binary {
  /// Each operand's factor of the gradient, summed where it was broadcast. Of equal operands of a maximum or minimum each
  /// gets half, as in PyTorch.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let (a, b, y) = (inputs[0], inputs[1], outputs[0])
    let first: TensorID, second: TensorID
    switch function {
    case .add: (first, second) = (g, g)
    case .subtract: (first, second) = (g, try graph.negated(g))
    case .multiply: (first, second) = try (graph.product(g, b), graph.product(g, a))
    case .divide:
      first = try graph.binary(.divide, g, b)
      second = try graph.negated(graph.product(first, y))
    case .maximum, .minimum:
      let wins = try graph.indicator(graph.binary(function == .maximum ? .greater : .less, a, b))
      let ties = try graph.indicator(graph.binary(.equal, a, b))
      first = try graph.product(g, graph.sum(wins, graph.linear(ties, alpha: 0.5)))
      second = try graph.binary(.subtract, g, first)
    case .power: (first, second) = try power(&graph, a, b, y, g)
    case .prelu:
      let isNegative = try graph.binary(.less, a, graph.constant(0))
      let slope = try graph.apply(.select(.init()), isNegative, b, graph.constant(1))
      first = try graph.product(g, slope)
      second = try graph.product(g, graph.binary(.minimum, a, graph.constant(0)))
    case .modulo, .remainder:
      // a - n b with n whole.
      let times = try graph.binary(.divide, graph.binary(.subtract, y, a), b)
      (first, second) = try (g, graph.product(g, times))
    case .equal, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .xor: return []
    }
    return [
      try graph.summed(first, to: graph.shape(a)), try graph.summed(second, to: graph.shape(b)),
    ]
  }

  /// `b aᵇ⁻¹` and `aᵇ ln a`; the latter 0 where a is not above 0.
  private func power(
    _ graph: inout Graph, _ a: TensorID, _ b: TensorID, _ y: TensorID, _ g: TensorID
  ) throws -> (TensorID, TensorID) {
    let lower = try graph.binary(.power, a, graph.linear(b, alpha: 1, beta: -1))
    let logarithm = try graph.unary(.log, a)
    let isPositive = try graph.binary(.greater, a, graph.constant(0))
    return try (
      graph.product(g, graph.product(b, lower)),
      graph.product(g, graph.product(y, graph.select(isPositive, logarithm, else: 0)))
    )
  }
}

extension Operator.Select {
  /// Each side's gradient where it was taken.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let none = graph.constant(0)
    return [
      nil,
      try graph.summed(graph.apply(.select(.init()), inputs[0], g, none), to: graph.shape(inputs[1])),
      try graph.summed(graph.apply(.select(.init()), inputs[0], none, g), to: graph.shape(inputs[2])),
    ]
  }
}

extension Operator.Cast {
  /// The gradient itself between floats; nothing flows through others.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    [graph[inputs[0]].type.element == .float32 ? gradients[0] : nil]
  }
}
