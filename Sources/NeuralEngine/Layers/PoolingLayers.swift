extension Graph {
  // MARK: Fixed

  /// Maximum of each channel's windows; a window of extent above its stride overlaps its neighbours. Padding is never
  /// taken.
  public mutating func maximumPooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, name: String? = nil
  ) throws -> TensorID {
    try apply(.pooling(try window(.maximum, x, kernel, stride, border)), x, name: name)
  }

  /// Average of each channel's windows.
  ///
  /// - Parameter countsPadding: whether zeros of the border count as elements.
  public mutating func averagePooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, countsPadding: Bool = false,
    name: String? = nil
  ) throws -> TensorID {
    try apply(
      .pooling(try window(.average(countsPadding: countsPadding), x, kernel, stride, border)), x, name: name)
  }

  /// Average over as many windows as `sizes` says, one extent per spatial axis, as even as can be.
  public mutating func adaptiveAveragePooling(
    _ x: TensorID, to sizes: [Int], name: String? = nil
  ) throws -> TensorID {
    try apply(.adaptivePooling(.init(sizes: sizes)), x, name: name)
  }

  /// Maximum over as many windows as `sizes` says, one extent per spatial axis, as even as can be.
  public mutating func adaptiveMaximumPooling(
    _ x: TensorID, to sizes: [Int], name: String? = nil
  ) throws -> TensorID {
    try apply(.adaptivePooling(.init(sizes: sizes, takesMaximum: true)), x, name: name)
  }

  /// Adaptive maxima of several extents, one after another: `[batch, channel, spatial...] -> [batch, channel · Σ
  /// level^axes]`, whatever the spatial extents. He et al., arXiv 1406.4729, section 2.2.
  public mutating func spatialPyramidPooling(
    _ x: TensorID, levels: [Int] = [1, 2, 4], name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let axes = max(0, graph.shape(x).count - 2)
      let parts = try levels.map { level in
        let pooled = try graph.adaptiveMaximumPooling(x, to: [Int](repeating: level, count: axes))
        return try graph.reshape(
          pooled, [graph.shape(pooled)[0], graph.shape(pooled).dropFirst().reduce(1, *)])
      }
      return try graph.concatenate(parts)
    }
  }

  // MARK: Learned

  /// Generalised mean `(mean of max(x, ε)^p)^(1 / p)` of each channel's windows with a learned p (`name.power`, one
  /// number, 3 at first): the average at p = 1, nearer to the maximum as p grows. Radenović et al., arXiv 1711.02512,
  /// equation 3.
  ///
  /// - Parameter kernel: the window's extent; nil: the whole plane.
  public mutating func generalizedMeanPooling(
    _ x: TensorID, kernel: Int? = nil, stride: Int? = nil, border: Border = .valid, epsilon: Float = 1e-6,
    name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let power = graph.addWeight("power", [1], .constant(3))
      let positive = try graph.unary(.clip(low: epsilon, high: .greatestFiniteMagnitude), x)
      let raised = try graph.binary(.power, positive, power)
      let mean =
        if let kernel {
          try graph.averagePooling(raised, kernel: kernel, stride: stride, border: border)
        } else { try graph.globalAveragePooling(raised) }
      return try graph.binary(.power, mean, try graph.unary(.reciprocal, power))
    }
  }

  /// `a · maximum + (1 - a) · average` of each window with one learned a = sigmoid(`name.mixture`), 1/2 at first.
  /// Lee, Gallagher & Tu, arXiv 1509.08985, section 3.1; the sigmoid keeps a between 0 and 1.
  public mutating func mixedPooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let share = try graph.unary(.sigmoid, graph.addWeight("mixture", [1], .zeros))
      return try graph.mix(x, kernel, stride, border, share: share)
    }
  }

  /// `a · maximum + (1 - a) · average` of each window, a = sigmoid(Σ w[k] x[k]) over the window itself with a learned w
  /// per channel (`name.gate.weight` `[channels, 1, kernel...]`). Lee, Gallagher & Tu, arXiv 1509.08985, equation 3.
  public mutating func gatedPooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let gate = try graph.depthwiseConvolution(
        x, kernel: kernel, stride: stride ?? kernel, border: border, bias: false, name: "gate")
      return try graph.mix(x, kernel, stride, border, share: try graph.unary(.sigmoid, gate))
    }
  }

  /// `average + share · (maximum - average)`.
  private mutating func mix(
    _ x: TensorID, _ kernel: Int, _ stride: Int?, _ border: Border, share: TensorID
  ) throws -> TensorID {
    let maximum = try maximumPooling(x, kernel: kernel, stride: stride, border: border)
    let average = try averagePooling(x, kernel: kernel, stride: stride, border: border)
    return try sum(average, try product(share, try binary(.subtract, maximum, average)))
  }

  /// `Σ w[k] x[k]` of each window with `w = softmax(name.weight)` over the window's places, for each channel
  /// (`[channels, kernel^axes]`; the average at first). Elements of the border count as 0.
  public mutating func weightedPooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, name: String
  ) throws -> TensorID {
    let pooling = try window(.maximum, x, kernel, stride, border), channels = shape(x)[1]
    return try scoped(name) { graph in
      let weight = graph.addWeight("weight", [channels, pooling.kernel.reduce(1, *)], .zeros)
      let taps = try graph.reshape(try graph.softmax(weight), [channels, 1] + pooling.kernel)
      let operation = Operator.Convolution(
        strides: pooling.strides, padding: pooling.padding, groups: channels)
      return try graph.apply(.convolution(operation), x, taps)
    }
  }

  /// `Σ x e^l / Σ e^l` of each window, where the importance `l = 12 sigmoid(name.importance)` comes from a 1x1 convolution
  /// of x: the window's elements are weighed by what the network sees in them. Gao, Wang & Wu, Local Importance-Based
  /// Pooling, arXiv 1908.04156, equation 5 (with its bounded logits).
  public mutating func importancePooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let channels = graph.shape(x).count > 1 ? graph.shape(x)[1] : 1
      let logits = try graph.pointwiseConvolution(x, outputs: channels, name: "importance")
      let bounded = try graph.linear(try graph.unary(.sigmoid, logits), alpha: 12)
      let importance = try graph.unary(.exp, bounded)
      let above = try graph.averagePooling(
        try graph.product(x, importance), kernel: kernel, stride: stride, border: border)
      let below = try graph.averagePooling(importance, kernel: kernel, stride: stride, border: border)
      return try graph.binary(.divide, above, below)
    }
  }

  /// A sequence `[batch, sequence, channels]` (or `[batch, channel, spatial...]`) pooled to `[batch, queries, channels]` by
  /// the attention of learned queries (`name.queries`). Lee et al., Set Transformer, arXiv 1810.00825, equation 11.
  ///
  /// - Parameter keyMask: bool `[batch, sequence]`, true where an element may be seen.
  public mutating func attentionPooling(
    _ x: TensorID, queries: Int = 1, heads: Int, keyMask: TensorID? = nil, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      var rows = x, extents = graph.shape(x)
      if extents.count > 3 {
        let flat = try graph.reshape(x, [extents[0], extents[1], extents.dropFirst(2).reduce(1, *)])
        rows = try graph.transpose(flat, [0, 2, 1])
        extents = graph.shape(rows)
      }
      guard extents.count == 3, queries >= 1 else {
        throw EngineError(
          file: graph.name, field: "attention pooling \(name)", found: "\(extents), \(queries) queries",
          expected: "[batch, sequence, channels]")
      }
      let learned = graph.addWeight("queries", [1, queries, extents[2]], .xavier)
      let asked = try graph.apply(.expand(.init([extents[0], queries, extents[2]])), learned)
      return try graph.multiHeadAttention(
        asked, context: rows, heads: heads, keyMask: keyMask, name: "attention")
    }
  }

  // MARK: Stochastic

  /// One element of each window of max(x, 0), drawn with probability `p[k] = x[k] / Σ x`; at inference its expectation
  /// `Σ p[k] x[k]`. Zeiler & Fergus, arXiv 1301.3557, equations 4 to 6.
  ///
  /// - Parameter noise: for training, numbers uniform in 0 to 1 of x's shape, fresh at each run: the window's element with
  ///   the largest `log x - log(-log noise)` is taken, which draws it with just that probability (Gumbel, 1954). Nil: the
  ///   expectation.
  public mutating func stochasticPooling(
    _ x: TensorID, kernel: Int, stride: Int? = nil, border: Border = .valid, noise: TensorID? = nil,
    name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let positive = try graph.relu(x), tiny: Float = 1e-30
      guard let noise else {
        let squares = try graph.product(positive, positive)
        let above = try graph.averagePooling(squares, kernel: kernel, stride: stride, border: border)
        let below = try graph.averagePooling(positive, kernel: kernel, stride: stride, border: border)
        return try graph.binary(
          .divide, above, try graph.unary(.clip(low: tiny, high: .greatestFiniteMagnitude), below))
      }
      let uniform = try graph.unary(.clip(low: 1e-7, high: 1 - 1e-7), noise)
      let inner = try graph.unary(.negate, try graph.unary(.log, uniform))
      let logarithm = try graph.unary(
        .log, try graph.unary(.clip(low: tiny, high: .greatestFiniteMagnitude), positive))
      let scores = try graph.binary(.subtract, logarithm, try graph.unary(.log, inner))
      var pooling = try graph.window(.maximum, x, kernel, stride, border)
      pooling.givesIndices = true
      let places = try graph.add(.pooling(pooling), [scores], name: "drawn")[1]
      let flat = try graph.reshape(positive, [graph.shape(x).reduce(1, *)])
      return try graph.apply(.gather(.init(axis: 0)), flat, places)
    }
  }

  private func window(
    _ kind: Operator.Pooling.Kind, _ x: TensorID, _ kernel: Int, _ stride: Int?, _ border: Border
  ) throws -> Operator.Pooling {
    let size = Array(shape(x).dropFirst(2)), stride = stride ?? kernel
    guard !size.isEmpty, kernel >= 1, stride >= 1 else {
      throw EngineError(
        file: name, field: "pooling", found: "\(shape(x)), kernel \(kernel), stride \(stride)",
        expected: "[batch, channel, spatial...] and positive extents")
    }
    let kernels = [Int](repeating: kernel, count: size.count)
    let strides = [Int](repeating: stride, count: size.count)
    let padding = border.padding(
      size: size, kernel: kernels, strides: strides, dilations: [Int](repeating: 1, count: size.count))
    return Operator.Pooling(kind, kernel: kernels, strides: strides, padding: padding)
  }
}
