extension Graph {
  /// Multi-head attention of x `[batch, sequence, channels]` over a context `[batch, keys, any]` (nil: x itself), between
  /// linear layers `name.query`, `name.key`, `name.value` and `name.output`. Vaswani et al., arXiv 1706.03762, section
  /// 3.2.2.
  ///
  /// - Parameters:
  ///   - keyHeads: heads of keys and values where queries share them (Ainslie et al., arXiv 2305.13245); nil: `heads`.
  ///   - keyMask: bool `[batch, keys]`, true where a key may be seen; a query that may see none gets 0.
  ///   - causal: whether element i sees elements up to i alone.
  ///   - output: the output layer's first weights.
  /// - Throws: `EngineError` where the heads do not divide the channels or shapes do not fit.
  public mutating func multiHeadAttention(
    _ x: TensorID, context: TensorID? = nil, heads: Int, keyHeads: Int? = nil, keyMask: TensorID? = nil,
    causal: Bool = false, output: Initialization = .xavier, name: String
  ) throws -> TensorID {
    let channels = shape(x).last ?? 0, keyHeads = keyHeads ?? heads
    guard shape(x).count == 3, heads >= 1, keyHeads >= 1, channels % heads == 0, heads % keyHeads == 0 else {
      throw EngineError(
        file: self.name, field: "attention \(name)",
        found: "\(shape(x)), \(heads) heads, \(keyHeads) key heads",
        expected: "[batch, sequence, channels] of a whole number of channels for each head")
    }
    return try scoped(name) { graph in
      let source = context ?? x, width = channels / heads * keyHeads
      var operands = [
        try graph.linear(x, outputs: channels, initial: .xavier, name: "query"),
        try graph.linear(source, outputs: width, initial: .xavier, name: "key"),
        try graph.linear(source, outputs: width, initial: .xavier, name: "value"),
      ]
      if let keyMask {
        let extents = graph.shape(keyMask)
        guard extents.count == 2 else {
          throw EngineError(
            file: graph.name, field: "attention \(name)", found: "key mask \(extents)",
            expected: "[batch, keys]")
        }
        operands.append(try graph.reshape(keyMask, [extents[0], 1, 1, extents[1]]))
      }
      let attention = Operator.Attention(
        heads: heads, keyHeads: keyHeads, causal: causal, hasMask: keyMask != nil)
      let y = try graph.add(.attention(attention), operands)[0]  // [batch, sequence, channels]
      return try graph.linear(y, outputs: channels, initial: output, name: "output")
    }
  }

  /// Two linear layers with an activation between them, over the last axis, back to its extent.
  public mutating func multilayerPerceptron(
    _ x: TensorID, hidden: Int, activation: Activation = .gelu, dropout: Float = 0, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      var y = try graph.linear(x, outputs: hidden, initial: .xavier, name: "first")
      y = try graph.unary(activation, y)
      if dropout > 0 { y = try graph.dropout(y, rate: dropout) }
      return try graph.linear(y, outputs: graph.shape(x).last ?? 1, initial: .xavier, name: "second")
    }
  }

  /// Pre-norm transformer block: self-attention, cross-attention where there is a context, and a perceptron, each on
  /// layer-normalised input and added to it. Vaswani et al., arXiv 1706.03762; normalisation first: Xiong et al.,
  /// arXiv 2002.04745.
  ///
  /// - Parameters:
  ///   - x: `[batch, sequence, channels]`.
  ///   - context: `[batch, keys, any]`, seen by the cross-attention.
  ///   - contextMask: bool `[batch, keys]`, true where a context element may be seen.
  ///   - keyMask: bool `[batch, sequence]`, the same for x's own elements.
  ///   - expansion: the perceptron's hidden channels per channel.
  ///   - dropout: rate on what each part adds, in training.
  public mutating func transformerBlock(
    _ x: TensorID, context: TensorID? = nil, contextMask: TensorID? = nil, heads: Int,
    keyMask: TensorID? = nil, causal: Bool = false, expansion: Int = 4, activation: Activation = .gelu,
    dropout: Float = 0, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      func added(_ y: TensorID, to x: TensorID) throws -> TensorID {
        try graph.sum(x, dropout > 0 ? try graph.dropout(y, rate: dropout) : y)
      }
      var y = x
      let first = try graph.layerNormalization(y, name: "norm1")
      y = try added(
        try graph.multiHeadAttention(
          first, heads: heads, keyMask: keyMask, causal: causal, name: "attention"),
        to: y)
      if let context {
        let normalized = try graph.layerNormalization(y, name: "norm_cross")
        y = try added(
          try graph.multiHeadAttention(
            normalized, context: context, heads: heads, keyMask: contextMask, name: "cross"), to: y)
      }
      let second = try graph.layerNormalization(y, name: "norm2")
      return try added(
        try graph.multilayerPerceptron(
          second, hidden: (graph.shape(x).last ?? 1) * expansion, activation: activation, dropout: dropout,
          name: "mlp"), to: y)
    }
  }

  /// Diffusion transformer's block with adaLN-Zero: a condition shifts, scales and gates attention and perceptron, and as
  /// the layer `name.modulation` starts at zero, the block starts as the identity. Peebles & Xie, arXiv 2212.09748,
  /// section 3.2 and figure 3.
  ///
  /// - Parameters:
  ///   - x: `[batch, sequence, channels]`.
  ///   - condition: `[batch, any]`: time and class embedded.
  ///   - context: `[batch, keys, any]` for a cross-attention between the two parts, whose output layer starts at zero too
  ///     (as in Chen et al., arXiv 2310.00426); nil: none.
  ///   - contextMask: bool `[batch, keys]`, true where a context element may be seen.
  public mutating func ditBlock(
    _ x: TensorID, condition: TensorID, context: TensorID? = nil, contextMask: TensorID? = nil, heads: Int,
    expansion: Int = 4, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let channels = graph.shape(x).last ?? 1
      let m = try graph.modulation(condition, parts: 6, channels: channels)
      let first = try graph.modulated(x, shift: m[0], scale: m[1], name: "norm1")
      let attention = try graph.multiHeadAttention(first, heads: heads, name: "attention")
      var y = try graph.sum(x, try graph.product(attention, m[2]))
      if let context {
        let normalized = try graph.layerNormalization(y, epsilon: 1e-6, affine: false, name: "norm_cross")
        let cross = try graph.multiHeadAttention(
          normalized, context: context, heads: heads, keyMask: contextMask, output: .zeros, name: "cross")
        y = try graph.sum(y, cross)
      }
      let second = try graph.modulated(y, shift: m[3], scale: m[4], name: "norm2")
      let perceptron = try graph.multilayerPerceptron(
        second, hidden: channels * expansion, activation: .geluTanh, name: "mlp")
      return try graph.sum(y, try graph.product(perceptron, m[5]))
    }
  }

  /// Diffusion transformer's last layer: normalisation shifted and scaled by the condition, and a linear layer
  /// (`name.linear`) that starts at zero. `[batch, sequence, channels] -> [batch, sequence, outputs]`. Peebles & Xie,
  /// arXiv 2212.09748, section 3.2.
  public mutating func ditHead(
    _ x: TensorID, condition: TensorID, outputs: Int, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let m = try graph.modulation(condition, parts: 2, channels: graph.shape(x).last ?? 1)
      let y = try graph.modulated(x, shift: m[0], scale: m[1], name: "norm")
      return try graph.linear(y, outputs: outputs, initial: .zeros, name: "linear")
    }
  }

  /// `linear(SiLU(condition))` in parts `[batch, 1, channels]`, zero at first.
  private mutating func modulation(_ condition: TensorID, parts: Int, channels: Int) throws -> [TensorID] {
    let active = try unary(.swish(1), condition)
    let all = try linear(active, outputs: parts * channels, initial: .zeros, name: "modulation")
    let row = try reshape(all, [shape(all)[0], 1, parts * channels])
    return try split(row, axis: 2, extents: [Int](repeating: channels, count: parts))
  }

  /// `norm(x) · (1 + scale) + shift`.
  private mutating func modulated(
    _ x: TensorID, shift: TensorID, scale: TensorID, name: String
  ) throws -> TensorID {
    let normalized = try layerNormalization(x, epsilon: 1e-6, affine: false, name: name)
    return try sum(try product(normalized, try linear(scale, alpha: 1, beta: 1)), shift)
  }
}
