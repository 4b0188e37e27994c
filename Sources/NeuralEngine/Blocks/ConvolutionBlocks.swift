extension Graph {
  /// A function of each element, for the `activation` parameters of blocks.
  public typealias Activation = Operator.Unary.Function

  /// Convolution without bias, batch normalisation, and an activation unless it is nil.
  /// `[batch, channel, spatial...] -> [batch, outputs, spatial...]`, ceil(extent / stride) where the kernel is odd.
  ///
  /// Padding is the same at both ends, as PyTorch's networks have it. Weights: `name.convolution.weight` and
  /// `name.normalization.{weight, bias, running_mean, running_var}`.
  public mutating func convolutionBlock(
    _ x: TensorID, outputs: Int, kernel: Int = 3, stride: Int = 1, dilation: Int = 1, groups: Int = 1,
    activation: Activation? = .relu, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let reach = dilation.multipliedReportingOverflow(by: max(0, kernel - 1)).partialValue / 2
      let y = try graph.convolution(
        x, outputs: outputs, kernel: kernel, stride: stride, dilation: dilation, groups: groups,
        border: .symmetric(reach), bias: false, name: "convolution")
      let normalized = try graph.batchNormalization(y, name: "normalization")
      guard let activation else { return normalized }
      return try graph.unary(activation, normalized)
    }
  }

  /// ResNet's basic block: two 3x3 convolutions beside a shortcut. He et al., arXiv 1512.03385, figure 5, left.
  ///
  /// The shortcut is x itself, or a 1x1 convolution (`name.shortcut`) where extents or channels change.
  public mutating func residualBlock(
    _ x: TensorID, outputs: Int, stride: Int = 1, activation: Activation = .relu, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      var y = try graph.convolutionBlock(
        x, outputs: outputs, stride: stride, activation: activation, name: "first")
      y = try graph.convolutionBlock(y, outputs: outputs, activation: nil, name: "second")
      return try graph.unary(activation, try graph.addShortcut(y, x, stride: stride))
    }
  }

  /// ResNet's bottleneck: 1x1, 3x3 and 1x1 convolutions beside a shortcut. He et al., arXiv 1512.03385, figure 5, right.
  ///
  /// With `groups` above 1 it is ResNeXt's block (Xie et al., arXiv 1611.05431, figure 3c). The stride is the 3x3
  /// convolution's.
  ///
  /// - Parameter width: channels of the 3x3 convolution; nil: a quarter of the outputs.
  public mutating func bottleneck(
    _ x: TensorID, outputs: Int, width: Int? = nil, stride: Int = 1, dilation: Int = 1, groups: Int = 1,
    activation: Activation = .relu, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let width = width ?? max(1, outputs / 4)
      var y = try graph.convolutionBlock(x, outputs: width, kernel: 1, activation: activation, name: "reduce")
      y = try graph.convolutionBlock(
        y, outputs: width, stride: stride, dilation: dilation, groups: groups, activation: activation,
        name: "spatial")
      y = try graph.convolutionBlock(y, outputs: outputs, kernel: 1, activation: nil, name: "expand")
      return try graph.unary(activation, try graph.addShortcut(y, x, stride: stride))
    }
  }

  /// `y + x`, x through a 1x1 convolution where it has another shape.
  private mutating func addShortcut(_ y: TensorID, _ x: TensorID, stride: Int) throws -> TensorID {
    guard shape(x) != shape(y) else { return try sum(y, x) }
    let shortcut = try convolutionBlock(
      x, outputs: shape(y).count > 1 ? shape(y)[1] : 1, kernel: 1, stride: stride, activation: nil,
      name: "shortcut")
    return try sum(y, shortcut)
  }

  /// MobileNet's inverted residual: 1x1 expansion, depthwise convolution, squeeze and excitation, 1x1 projection without
  /// activation, and x added where shapes allow. Sandler et al., arXiv 1801.04381; with squeeze and excitation Howard
  /// et al., arXiv 1905.02244, and Tan & Le, arXiv 1905.11946.
  ///
  /// - Parameters:
  ///   - expansion: channels of the depthwise convolution per channel of x; at 1 there is no expansion.
  ///   - squeezeRatio: channels of the squeeze per channel of x (EfficientNet: 0.25); nil: none.
  ///   - squeezeActivation: between squeeze and excitation; nil: as everywhere (EfficientNet); MobileNetV3 has ReLU.
  ///   - gate: the excitation's last function; MobileNetV3 has a hard sigmoid.
  public mutating func invertedResidual(
    _ x: TensorID, outputs: Int, expansion: Int = 6, kernel: Int = 3, stride: Int = 1,
    squeezeRatio: Float? = nil, activation: Activation = .swish(1), squeezeActivation: Activation? = nil,
    gate: Activation = .sigmoid, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let inputs = graph.shape(x).count > 1 ? graph.shape(x)[1] : 1
      let hidden = inputs * max(1, expansion)
      var y = x
      if expansion > 1 {
        y = try graph.convolutionBlock(y, outputs: hidden, kernel: 1, activation: activation, name: "expand")
      }
      y = try graph.convolutionBlock(
        y, outputs: hidden, kernel: kernel, stride: stride, groups: hidden, activation: activation,
        name: "depthwise")
      if let squeezeRatio, squeezeRatio > 0, squeezeRatio <= 16 {
        y = try graph.squeezeAndExcitation(
          y, squeezed: max(1, Int(Float(inputs) * squeezeRatio)),
          activation: squeezeActivation ?? activation, gate: gate, name: "excitation")
      }
      y = try graph.convolutionBlock(y, outputs: outputs, kernel: 1, activation: nil, name: "project")
      return graph.shape(y) == graph.shape(x) ? try graph.sum(y, x) : y
    }
  }

  /// Each channel times a gate made from all channels' averages. Hu et al., arXiv 1709.01507.
  ///
  /// - Parameter squeezed: channels between the two 1x1 convolutions (`name.squeeze`, `name.excite`).
  public mutating func squeezeAndExcitation(
    _ x: TensorID, squeezed: Int, activation: Activation = .relu, gate: Activation = .sigmoid, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let mean = try graph.globalAveragePooling(x)  // [batch, channel, 1...]
      let small = try graph.pointwiseConvolution(mean, outputs: squeezed, name: "squeeze")
      let gates = try graph.pointwiseConvolution(
        try graph.unary(activation, small), outputs: graph.shape(x)[1], name: "excite")
      return try graph.product(x, try graph.unary(gate, gates))
    }
  }

  /// ResNeXt's block: a bottleneck whose 3x3 convolution has `cardinality` groups of `groupWidth` channels each.
  /// Xie et al., arXiv 1611.05431, figure 3c.
  public mutating func resnextBlock(
    _ x: TensorID, outputs: Int, cardinality: Int = 32, groupWidth: Int = 4, stride: Int = 1, name: String
  ) throws -> TensorID {
    try bottleneck(
      x, outputs: outputs, width: cardinality * groupWidth, stride: stride, groups: cardinality, name: name)
  }

  /// Inception's module: 1x1, 3x3 and 5x5 convolutions (the latter two after a 1x1 that reduces channels) and a maximum
  /// pooling with a 1x1 after it, side by side; their channels in that order. Szegedy et al., arXiv 1409.4842,
  /// figure 2b, with batch normalisation as in arXiv 1502.03167.
  ///
  /// - Parameters: channels of each branch; `three` and `five` after their reductions.
  public mutating func inceptionBlock(
    _ x: TensorID, one: Int, three: (reduced: Int, outputs: Int), five: (reduced: Int, outputs: Int),
    pool: Int, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let a = try graph.convolutionBlock(x, outputs: one, kernel: 1, name: "one")
      let b = try graph.convolutionBlock(x, outputs: three.reduced, kernel: 1, name: "three_reduce")
      let c = try graph.convolutionBlock(x, outputs: five.reduced, kernel: 1, name: "five_reduce")
      let d = try graph.maximumPooling(x, kernel: 3, stride: 1, border: .same)
      return try graph.concatenate([
        a, try graph.convolutionBlock(b, outputs: three.outputs, kernel: 3, name: "three"),
        try graph.convolutionBlock(c, outputs: five.outputs, kernel: 5, name: "five"),
        try graph.convolutionBlock(d, outputs: pool, kernel: 1, name: "pool"),
      ])
    }
  }

  /// Average of all positions after a 1x1 convolution, in place of a fully connected head:
  /// `[batch, channel, spatial...] -> [batch, outputs]`. Lin et al., arXiv 1312.4400, section 3.2.
  ///
  /// Being linear, the two are taken in the cheaper order: the average first.
  public mutating func globalAverageHead(_ x: TensorID, outputs: Int, name: String) throws -> TensorID {
    let mean = try globalAveragePooling(x, name: "\(name).mean")
    let y = try pointwiseConvolution(mean, outputs: outputs, name: name)
    return try reshape(y, [shape(y)[0], outputs], name: "\(name).flat")
  }
}
