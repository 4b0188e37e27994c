extension Graph {
  /// How a convolution treats what lies outside its input.
  public enum Border: Sendable, Hashable {
    /// No padding: the output shrinks.
    case valid
    /// Output extent ceil(input / stride); an odd element of padding goes after the last element.
    case same
    /// As `same`, but the odd element goes before the first.
    case sameLower
    /// The same number of zeros at all ends.
    case symmetric(Int)
    /// Explicit, possibly uneven.
    case explicit(Padding)

    /// The padding for an input's spatial extents.
    public func padding(size: [Int], kernel: [Int], strides: [Int], dilations: [Int]) -> Padding {
      switch self {
      case .valid: .valid(size.count)
      case .same: .same(size: size, kernel: kernel, strides: strides, dilations: dilations)
      case .sameLower: .same(size: size, kernel: kernel, strides: strides, dilations: dilations, lower: true)
      case .symmetric(let count): Padding([Int](repeating: count, count: size.count))
      case .explicit(let padding): padding
      }
    }
  }

  /// Convolution with learned weights `name.weight` `[outputs, channels / groups, kernel...]` and, with `bias`,
  /// `name.bias`. x is `[batch, channel, spatial...]`; kernel, stride and dilation are alike for all spatial axes.
  ///
  /// - Parameters:
  ///   - border: how many elements are put around x.
  ///   - fill: what they are: zeros, another number, or x reflected, mirrored (symmetric), replicated at its edge or
  ///     repeated (circular); anything but zeros is a `pad` operator `name.pad` before the convolution.
  public mutating func convolution(
    _ x: TensorID, outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1, groups: Int = 1,
    border: Border = .same, fill: Operator.Pad.Mode = .constant(0), bias: Bool = true, name: String
  ) throws -> TensorID {
    let axes = max(0, shape(x).count - 2)
    return try convolution(
      x, outputs: outputs, kernel: [Int](repeating: kernel, count: axes),
      strides: [Int](repeating: stride, count: axes), dilations: [Int](repeating: dilation, count: axes),
      groups: groups, border: border, fill: fill, bias: bias, name: name)
  }

  /// As above with a kernel, stride and dilation per spatial axis.
  public mutating func convolution(
    _ x: TensorID, outputs: Int, kernel: [Int], strides: [Int], dilations: [Int], groups: Int = 1,
    border: Border = .same, fill: Operator.Pad.Mode = .constant(0), bias: Bool = true, name: String
  ) throws -> TensorID {
    let input = shape(x)
    guard input.count >= 3, groups >= 1, outputs >= 1, kernel.count == input.count - 2,
      kernel.allSatisfy({ $0 >= 1 }),
      strides.count == kernel.count, dilations.count == kernel.count, strides.allSatisfy({ $0 >= 1 })
    else {
      throw EngineError(
        file: self.name, field: "convolution \(name)",
        found: "input \(input), kernel \(kernel), \(groups) groups",
        expected: "[batch, channel, spatial...] and a kernel, stride and dilation per spatial axis")
    }
    let weight = addWeight("\(name).weight", [outputs, input[1] / groups] + kernel, .he)
    let (source, padding) = try padded(
      x, kernel: kernel, strides: strides, dilations: dilations, border: border, fill: fill, name: name)
    let operation = Operator.convolution(
      .init(strides: strides, dilations: dilations, padding: padding, groups: groups))
    let operands = [source, weight] + (bias ? [addWeight("\(name).bias", [outputs], .zeros)] : [])
    return try add(operation, operands, name: name)[0]
  }

  /// x with the border around it, and the zeros that are left to the operator after it.
  mutating func padded(
    _ x: TensorID, kernel: [Int], strides: [Int], dilations: [Int], border: Border, fill: Operator.Pad.Mode,
    name: String
  ) throws -> (TensorID, Padding) {
    let padding = border.padding(
      size: Array(shape(x).dropFirst(2)), kernel: kernel, strides: strides, dilations: dilations)
    let isNone = (padding.before + padding.after).allSatisfy { $0 == 0 }
    if fill == .constant(0) || isNone { return (x, padding) }
    let whole = Padding(before: [0, 0] + padding.before, after: [0, 0] + padding.after)
    return (try apply(.pad(.init(whole, mode: fill)), x, name: "\(name).pad"), .valid(kernel.count))
  }

  /// A 1x1 convolution: each pixel's channels mixed by themselves.
  public mutating func pointwiseConvolution(
    _ x: TensorID, outputs: Int, stride: Int = 1, bias: Bool = true, name: String
  ) throws -> TensorID {
    try convolution(x, outputs: outputs, kernel: 1, stride: stride, border: .valid, bias: bias, name: name)
  }

  /// Each channel convolved by itself.
  public mutating func depthwiseConvolution(
    _ x: TensorID, kernel: Int, stride: Int = 1, dilation: Int = 1, border: Border = .same,
    fill: Operator.Pad.Mode = .constant(0), bias: Bool = true, name: String
  ) throws -> TensorID {
    let channels = shape(x).count > 1 ? shape(x)[1] : 1
    return try convolution(
      x, outputs: channels, kernel: kernel, stride: stride, dilation: dilation, groups: channels,
      border: border, fill: fill, bias: bias, name: name)
  }

  /// A depthwise convolution and a 1x1 convolution after it (Sifre 2014; Howard et al., arXiv 1704.04861).
  public mutating func separableConvolution(
    _ x: TensorID, outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1, bias: Bool = true,
    name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let depthwise = try graph.depthwiseConvolution(
        x, kernel: kernel, stride: stride, dilation: dilation, bias: false, name: "depthwise")
      return try graph.pointwiseConvolution(depthwise, outputs: outputs, bias: bias, name: "pointwise")
    }
  }

  /// x resized by a whole factor and then convolved: what a transposed convolution does, without its checkerboard.
  /// Odena, Dumoulin & Olah, Distill 2016 (10.23915/distill.00003).
  public mutating func resizeConvolution(
    _ x: TensorID, outputs: Int, kernel: Int = 3, factor: Int = 2,
    interpolation: Operator.Resize.Interpolation = .nearest(.floor), border: Border = .same,
    fill: Operator.Pad.Mode = .constant(0), bias: Bool = true, name: String
  ) throws -> TensorID {
    let isNearest = if case .nearest = interpolation { true } else { false }
    let wide = try upsample(
      x, factor: factor, interpolation: interpolation, coordinates: isNearest ? .asymmetric : .halfPixel,
      name: "\(name).resize")
    return try convolution(
      wide, outputs: outputs, kernel: kernel, border: border, fill: fill, bias: bias, name: name)
  }

  /// Convolution whose weights are mixed from `experts` for each sample: `Σ r[e] W[e]` with `r = sigmoid(linear(mean of
  /// x))`. Yang et al., CondConv, arXiv 1904.04971, equation 1.
  ///
  /// Weights: `name.weight` `[experts, outputs, channels / groups, kernel...]`, `name.routing.{weight, bias}`, and with
  /// `bias` `name.bias` `[experts, outputs]`, mixed alike.
  public mutating func conditionalConvolution(
    _ x: TensorID, outputs: Int, kernel: Int = 3, stride: Int = 1, experts: Int = 8, groups: Int = 1,
    border: Border = .same, bias: Bool = false, name: String
  ) throws -> TensorID {
    let input = shape(x), axes = input.count - 2
    guard axes >= 1, groups >= 1, experts >= 1, outputs >= 1, kernel >= 1, stride >= 1 else {
      throw EngineError(
        file: self.name, field: "conditional convolution \(name)",
        found: "input \(input), \(experts) experts of kernel \(kernel) and stride \(stride)",
        expected: "[batch, channel, spatial...] and positive extents")
    }
    return try scoped(name) { graph in
      let batch = input[0], kernels = [Int](repeating: kernel, count: axes)
      let strides = [Int](repeating: stride, count: axes), ones = [Int](repeating: 1, count: axes)
      let mean = try graph.reshape(try graph.globalAveragePooling(x), [batch, input[1]])
      let routing = try graph.unary(
        .sigmoid, try graph.linear(mean, outputs: experts, initial: .xavier, name: "routing"))
      let taps = [outputs, input[1] / groups] + kernels
      let weight = graph.addExperts(experts, taps)
      let flat = try graph.reshape(weight, [experts, taps.reduce(1, *)])
      // A group per sample: [batch · outputs, channels / groups, kernel...] on [1, batch · channels, spatial...].
      var operands = [
        try graph.reshape(x, [1, batch * input[1]] + input.dropFirst(2)),
        try graph.reshape(try graph.multiply(routing, flat), [batch * outputs] + taps.dropFirst()),
      ]
      if bias {
        let shifts = graph.addWeight("bias", [experts, outputs], .zeros)
        operands.append(try graph.reshape(try graph.multiply(routing, shifts), [batch * outputs]))
      }
      let padding = border.padding(
        size: Array(input.dropFirst(2)), kernel: kernels, strides: strides, dilations: ones)
      let y = try graph.add(
        .convolution(.init(strides: strides, padding: padding, groups: batch * groups)), operands)[0]
      return try graph.reshape(y, [batch, outputs] + graph.shape(y).dropFirst(2))
    }
  }

  /// Weights of several convolutions in one tensor, each initialised as one by itself would be.
  private mutating func addExperts(_ experts: Int, _ taps: [Int]) -> TensorID {
    let deviation = (2 / Float(max(1, taps.dropFirst().reduce(1, *)))).squareRoot()
    return addWeight("weight", [experts] + taps, .normal(deviation))
  }

  /// Deformable convolution of `[batch, channel, rows, columns]` whose offsets come from a convolution of x
  /// (`name.offset`, zero at first, so that it starts as a convolution). Dai et al., arXiv 1703.06211; `modulated` also
  /// weighs each tap by `2 sigmoid` of a second one (`name.mask`; 1 at first): Zhu et al., arXiv 1811.11168.
  public mutating func deformableConvolution(
    _ x: TensorID, outputs: Int, kernel: Int = 3, stride: Int = 1, modulated: Bool = true, bias: Bool = true,
    name: String
  ) throws -> TensorID {
    let input = shape(x)
    guard input.count == 4, kernel >= 1, stride >= 1, outputs >= 1 else {
      throw EngineError(
        file: self.name, field: "deformable convolution \(name)",
        found: "input \(input), kernel \(kernel), stride \(stride)",
        expected: "[batch, channel, rows, columns] and positive extents")
    }
    let border = Border.symmetric(kernel / 2), taps = kernel * kernel
    return try scoped(name) { graph in
      func zeroed(_ channels: Int, _ name: String) throws -> TensorID {
        let weight = graph.addWeight("\(name).weight", [channels, input[1], kernel, kernel], .zeros)
        let shift = graph.addWeight("\(name).bias", [channels], .zeros)
        return try graph.apply(
          .convolution(.init(strides: [stride, stride], padding: Padding([kernel / 2, kernel / 2]))), x,
          weight, shift, name: name)
      }
      let weight = graph.addWeight("weight", [outputs, input[1], kernel, kernel], .he)
      var operands = [x, weight, try zeroed(2 * taps, "offset")]
      if bias { operands.append(graph.addWeight("bias", [outputs], .zeros)) }
      if modulated {
        operands.append(
          try graph.linear(try graph.unary(.sigmoid, try zeroed(taps, "mask")), alpha: 2))
      }
      let padding = border.padding(
        size: Array(input.dropFirst(2)), kernel: [kernel, kernel], strides: [stride, stride],
        dilations: [1, 1])
      let operation = Operator.DeformableConvolution(
        strides: [stride, stride], padding: padding, hasBias: bias, hasMask: modulated)
      return try graph.add(.deformableConvolution(operation), operands)[0]
    }
  }

  /// Transposed convolution with weights `[channels, outputs / groups, kernel...]`; `cut` elements go from both ends.
  public mutating func transposedConvolution(
    _ x: TensorID, outputs: Int, kernel: Int, stride: Int, cut: Int = 0, outputPadding: Int = 0,
    groups: Int = 1,
    bias: Bool = true, name: String
  ) throws -> TensorID {
    let input = shape(x), axes = max(0, input.count - 2)
    guard axes > 0, groups >= 1 else {
      throw EngineError(
        file: self.name, field: "transposed convolution \(name)", found: "input \(input)",
        expected: "[batch, channel, spatial...]")
    }
    let weight = addWeight(
      "\(name).weight", [input[1], outputs / groups] + [Int](repeating: kernel, count: axes), .he)
    let operands = [x, weight] + (bias ? [addWeight("\(name).bias", [outputs], .zeros)] : [])
    let operation = Operator.transposedConvolution(
      .init(
        strides: [Int](repeating: stride, count: axes), padding: Padding([Int](repeating: cut, count: axes)),
        outputPadding: [Int](repeating: outputPadding, count: axes), groups: groups))
    return try add(operation, operands, name: name)[0]
  }
}
