extension Operator.Convolution {
  /// x: the transposed convolution of the gradient; weight: `ConvolutionWeightGradient`; bias: a sum.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let x = graph.shape(inputs[0]), w = graph.shape(inputs[1]), y = graph.shape(g)
    // What a last, incomplete stride left unread.
    let rest = strides.indices.map { axis in
      x[axis + 2] + padding.before[axis] + padding.after[axis] - dilations[axis] * (w[axis + 2] - 1) - 1
        - (y[axis + 2] - 1) * strides[axis]
    }
    let transposed = Operator.TransposedConvolution(
      strides: strides, dilations: dilations, padding: padding, outputPadding: rest, groups: groups)
    return [
      try graph.apply(.transposedConvolution(transposed), g, inputs[1], name: "x"),
      try graph.apply(
        .convolutionWeightGradient(.init(self, kernel: Array(w.dropFirst(2)))), inputs[0], g, name: "weight"),
      inputs.count > 2 ? try graph.channelSum(g) : nil,
    ]
  }
}

extension Operator.TransposedConvolution {
  /// As for a convolution, with the gradient and x in each other's places.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let w = graph.shape(inputs[1]), x = graph.shape(inputs[0])
    let convolution = Operator.Convolution(
      strides: strides, dilations: dilations, padding: padding, groups: groups)
    var whole = try graph.apply(.convolution(convolution), g, inputs[1], name: "x")
    // An output padding of a stride or more adds windows that no element of x has.
    if graph.shape(whole) != x {
      whole = try graph.apply(.slice(.init(starts: x.map { _ in 0 }, counts: x)), whole)
    }
    return [
      whole,
      try graph.apply(
        .convolutionWeightGradient(.init(convolution, kernel: Array(w.dropFirst(2)))), g, inputs[0],
        name: "weight"),
      inputs.count > 2 ? try graph.channelSum(g) : nil,
    ]
  }
}

extension Operator.DeformableConvolution {
  /// `DeformableConvolutionGradient`, and a sum for the bias.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let mask = hasMask ? [inputs[inputs.count - 1]] : []
    let found = try graph.add(.deformableConvolutionGradient(.init(self)), inputs.prefix(3) + mask + [g])
    let bias: [TensorID?] = hasBias ? [try graph.channelSum(g)] : []
    return found.prefix(3).map(Optional.some) + bias + found.dropFirst(3).map(Optional.some)
  }
}

extension Graph {
  /// `[channel]`: sums over all axes but the second.
  mutating func channelSum(_ x: TensorID) throws -> TensorID {
    try reduce(.sum, x, axes: shape(x).indices.filter { $0 != 1 }, keepsAxes: false, name: "channel sum")
  }
}

extension Operator.Pooling {
  /// `PoolingGradient`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    var values = self
    values.givesIndices = false
    return [try graph.apply(.poolingGradient(.init(values)), inputs[0], outputs[0], g)]
  }
}

extension Operator.AdaptivePooling {
  /// `AdaptivePoolingGradient`.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return [try graph.apply(.adaptivePoolingGradient(.init(self)), inputs[0], g)]
  }
}
