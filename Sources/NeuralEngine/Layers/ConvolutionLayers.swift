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
  /// - Parameter border: zeros around x; padding of other kinds is a `pad` operator before this.
  public mutating func convolution(
    _ x: TensorID, outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1, groups: Int = 1,
    border: Border = .same, bias: Bool = true, name: String
  ) throws -> TensorID {
    let axes = max(0, shape(x).count - 2)
    return try convolution(
      x, outputs: outputs, kernel: [Int](repeating: kernel, count: axes),
      strides: [Int](repeating: stride, count: axes), dilations: [Int](repeating: dilation, count: axes),
      groups: groups, border: border, bias: bias, name: name)
  }

  /// As above with a kernel, stride and dilation per spatial axis.
  public mutating func convolution(
    _ x: TensorID, outputs: Int, kernel: [Int], strides: [Int], dilations: [Int], groups: Int = 1,
    border: Border = .same, bias: Bool = true, name: String
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
    let padding = border.padding(
      size: Array(input.dropFirst(2)), kernel: kernel, strides: strides, dilations: dilations)
    let operation = Operator.convolution(
      .init(strides: strides, dilations: dilations, padding: padding, groups: groups))
    let operands = [x, weight] + (bias ? [addWeight("\(name).bias", [outputs], .zeros)] : [])
    return try add(operation, operands, name: name)[0]
  }

  /// A 1x1 convolution: each pixel's channels mixed by themselves.
  public mutating func pointwiseConvolution(
    _ x: TensorID, outputs: Int, stride: Int = 1, bias: Bool = true, name: String
  ) throws -> TensorID {
    try convolution(x, outputs: outputs, kernel: 1, stride: stride, border: .valid, bias: bias, name: name)
  }

  /// Each channel convolved by itself.
  public mutating func depthwiseConvolution(
    _ x: TensorID, kernel: Int, stride: Int = 1, dilation: Int = 1, border: Border = .same, bias: Bool = true,
    name: String
  ) throws -> TensorID {
    let channels = shape(x).count > 1 ? shape(x)[1] : 1
    return try convolution(
      x, outputs: channels, kernel: kernel, stride: stride, dilation: dilation, groups: channels,
      border: border,
      bias: bias, name: name)
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
