extension Graph {
  /// The adjoint of a gather along an axis: lines of `g` added at their indices into zeros of an extent.
  ///
  /// g is `[outer..., indices' shape..., inner...]`; the result has one axis of `extent` in the indices' place.
  mutating func scattered(
    _ g: TensorID, along axis: Int, _ indices: TensorID, extent: Int
  ) throws -> TensorID {
    let shape = shape(g), depth = self.shape(indices).count
    let chosen = Array(axis..<axis + depth), rest = shape.indices.filter { !chosen.contains($0) }
    let first = try transpose(g, chosen + rest)
    let vectors = try reshape(indices, self.shape(indices) + [1])
    let zeros = constant(0, shape: [extent] + rest.map { shape[$0] })
    let sum = try apply(.scatterND(.init(reduction: .add)), zeros, vectors, first)
    // The summed axis stands first; it belongs at `axis`.
    var order = Array(1..<rest.count + 1)
    order.insert(0, at: axis)
    return try transpose(sum, order)
  }
}

extension Operator.Gather {
  /// The gradient added where each line was read.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let shape = graph.shape(inputs[0]), axis = try resolveAxis(axis, rank: shape.count)
    return [try graph.scattered(g, along: axis, inputs[1], extent: shape[axis]), nil]
  }
}

extension Operator.GatherElements {
  /// The gradient added where each element was read.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let zeros = graph.constant(0, shape: graph.shape(inputs[0]))
    return [
      try graph.apply(.scatterElements(.init(axis: axis, reduction: .add)), zeros, inputs[1], g), nil,
    ]
  }
}

extension Operator.GatherND {
  /// The gradient added where each slice was read; batch axes become parts of the index vectors.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let shape = graph.shape(inputs[1])
    var indices = inputs[1]
    if batchAxes > 0 {
      let vectors = Array(shape.dropLast())
      var position = PositionCounter(vectors), values: [Int64] = []
      for _ in 0..<position.count {
        values += position.index.prefix(batchAxes).map { Int64($0) }
        position.advance()
      }
      let batch = graph.addConstant("batch", TensorValue(vectors + [batchAxes], integers: values))
      indices = try graph.concatenate([batch, indices], axis: -1)
    }
    let zeros = graph.constant(0, shape: graph.shape(inputs[0]))
    return [try graph.apply(.scatterND(.init(reduction: .add)), zeros, indices, g), nil]
  }
}

extension Operator.ScatterElements {
  /// See `scatterGradients`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let axis = axis
    return try graph.scatterGradients(
      reduction, inputs, outputs[0], g,
      gather: { try $0.apply(.gatherElements(.init(axis: axis)), $1, inputs[1]) },
      scatter: { try $0.apply(.scatterElements(.init(axis: axis, reduction: $3)), $1, inputs[1], $2) })
  }
}

extension Operator.ScatterND {
  /// See `scatterGradients`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return try graph.scatterGradients(
      reduction, inputs, outputs[0], g,
      gather: { try $0.apply(.gatherND(.init()), $1, inputs[1]) },
      scatter: { try $0.apply(.scatterND(.init(reduction: $3)), $1, inputs[1], $2) })
  }
}

extension Graph {
  /// Gradients of data and updates. What is replaced has none; factors get the product of the others (not defined for a
  /// factor of 0); equal extremes share it. Of updates to one place that replace each other, all get the place's.
  fileprivate mutating func scatterGradients(
    _ reduction: Operator.ScatterReduction, _ inputs: [TensorID], _ y: TensorID, _ g: TensorID,
    gather: (inout Graph, TensorID) throws -> TensorID,
    scatter: (inout Graph, TensorID, TensorID, Operator.ScatterReduction) throws -> TensorID
  ) throws -> [TensorID?] {
    let (data, updates) = (inputs[0], inputs[2])
    switch reduction {
    case .replace:
      let zeros = constant(0, shape: shape(updates))
      return [try scatter(&self, g, zeros, .replace), nil, try gather(&self, g)]
    case .add: return [g, nil, try gather(&self, g)]
    case .multiply:
      let factors = try scatter(&self, constant(1, shape: shape(data)), updates, .multiply)
      let share = try gather(&self, product(g, y))
      return [try product(g, factors), nil, try binary(.divide, share, updates)]
    case .maximum, .minimum:
      let stayed = try indicator(binary(.equal, data, y))
      let won = try indicator(binary(.equal, updates, gather(&self, y)))
      let share = try binary(.divide, g, scatter(&self, stayed, won, .add))
      return [try product(stayed, share), nil, try product(won, gather(&self, share))]
    }
  }
}

extension Operator.TopK {
  /// The gradient put where the values came from.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let zeros = graph.constant(0, shape: graph.shape(inputs[0]))
    return [try graph.apply(.scatterElements(.init(axis: axis, reduction: .add)), zeros, outputs[1], g)]
  }
}
