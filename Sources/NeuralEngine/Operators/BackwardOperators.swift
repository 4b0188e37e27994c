// Operators that occur in the gradients of others; they have no gradients themselves.

extension Operator {
  /// Gradient of `Unary` as an operator: `g · f'(x)`.
  ///
  /// Inputs: x (the function's result with `fromOutput`) and g, of one shape.
  public struct UnaryGradient: OperatorDefinition, Hashable {
    /// The function whose derivative it is.
    public var function: Unary.Function
    /// Whether the first input is f(x): then x itself need not be kept.
    public var fromOutput: Bool

    /// The gradient of a function, from its result where that is enough.
    public init(_ function: Unary.Function) {
      self.function = function
      fromOutput = function.hasDerivativeOfOutput
    }

    /// The operator's name in tables and errors.
    public var name: String { "\(Unary(function).name) gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectSameFloats(inputs, 2)
      return [inputs[1]]
    }
  }

  /// Gradient of `Convolution` with respect to its weight:
  /// `w[o, c, k] = Σ g[n, o, p] · x[n, c, p · stride + k · dilation - before]`.
  ///
  /// Inputs: x `[batch, channel, spatial...]`, g `[batch, outputs, positions...]`; output
  /// `[outputs, channel / groups, kernel...]`.
  public struct ConvolutionWeightGradient: OperatorDefinition, Hashable {
    /// The convolution's strides, dilations, padding and groups.
    public var convolution: Convolution
    /// Kernel extents.
    public var kernel: [Int]

    /// The gradient of a convolution with a kernel of these extents.
    public init(_ convolution: Convolution, kernel: [Int]) {
      self.convolution = convolution
      self.kernel = kernel
    }

    /// The operator's name in tables and errors.
    public var name: String { "convolution weight gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      for i in 0..<2 { try expectElement(inputs, i, .float32) }
      let x = inputs[0].shape, g = inputs[1].shape
      try expectRank(inputs, 1, x.count...x.count)
      guard kernel.count == x.count - 2, g[0] == x[0], x[1] % convolution.groups == 0 else {
        throw ShapeError.mismatch(first: 0, second: 1, axis: 0, expected: "equal batches")
      }
      let weight = try TensorType(checking: [g[1], x[1] / convolution.groups] + kernel)
      let windows = try convolution.outputTypes([inputs[0], weight])[0].shape
      for axis in 2..<x.count where g[axis] > windows[axis] {
        throw ShapeError.input(1, axis: axis, expected: "\(windows[axis]) windows at most")
      }
      return [weight]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      saturatingProduct([2, inputs[1].count] + outputs[0].shape.dropFirst())
    }
  }

  /// Gradient of `Pooling`. Inputs: x, the pooling's result y, and y's gradient; output as x.
  ///
  /// A maximum's gradient goes to the first of equal elements.
  public struct PoolingGradient: OperatorDefinition, Hashable {
    /// The pooling.
    public var pooling: Pooling

    /// The gradient of a pooling.
    public init(_ pooling: Pooling) { self.pooling = pooling }

    /// The operator's name in tables and errors.
    public var name: String { "\(pooling.name) gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectGradient(inputs, 3, of: try pooling.outputTypes([inputs[0]])[0])
      return [inputs[0]]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      inputs[1].count * pooling.kernel.reduce(1, *)
    }
  }

  /// Gradient of `AdaptivePooling`. Inputs: x and the result's gradient; output as x.
  public struct AdaptivePoolingGradient: OperatorDefinition, Hashable {
    /// The pooling.
    public var pooling: AdaptivePooling

    /// The gradient of a pooling.
    public init(_ pooling: AdaptivePooling) { self.pooling = pooling }

    /// The operator's name in tables and errors.
    public var name: String { "adaptive pooling gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectGradient(inputs, 2, of: try pooling.outputTypes([inputs[0]])[0])
      return [inputs[0]]
    }
  }

  /// Gradient of `BatchNormalization` in training; Ioffe & Szegedy, arXiv 1502.03167, section 3.
  ///
  /// Inputs: x `[batch, channel, ...]`, scale, the batch's mean and variance, each `[channel]`, and the result's
  /// gradient. Outputs: gradients of x, scale and shift.
  public struct BatchNormalizationGradient: OperatorDefinition, Hashable {
    /// Added to the variance.
    public var epsilon: Float

    /// The gradient of a normalisation with this ε.
    public init(epsilon: Float) { self.epsilon = epsilon }

    /// The operator's name in tables and errors.
    public var name: String { "batch normalization gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectGradient(inputs, 5, of: inputs.first ?? TensorType([]))
      _ = try BatchNormalization().outputTypes([inputs[0], inputs[1], inputs[1], inputs[2], inputs[3]])
      return [inputs[0], inputs[1], inputs[1]]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 11 * inputs[0].count }
  }

  /// Gradient of `Resize`: each element of g is spread over the elements that it was made of.
  ///
  /// Input: g, of the resize's sizes; output of the shape that was resized.
  public struct ResizeGradient: OperatorDefinition, Hashable {
    /// The resize.
    public var resize: Resize
    /// The shape that was resized.
    public var shape: [Int]

    /// The gradient of a resize of `shape`.
    public init(_ resize: Resize, shape: [Int]) {
      self.resize = resize
      self.shape = shape
    }

    /// The operator's name in tables and errors.
    public var name: String { "resize gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      let source = try TensorType(checking: shape)
      try expectGradient(inputs, 1, of: try resize.outputTypes([source])[0])
      return [source]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      resize.operations(outputs, inputs)
    }
  }

  /// Gradients of `GridSample`. Inputs: x, grid and the result's gradient; outputs as x and grid.
  public struct GridSampleGradient: OperatorDefinition, Hashable {
    /// The sampling.
    public var sampling: GridSample

    /// The gradients of a sampling.
    public init(_ sampling: GridSample) { self.sampling = sampling }

    /// The operator's name in tables and errors.
    public var name: String { "grid sample gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3)
      try expectGradient(inputs, 3, of: try sampling.outputTypes(Array(inputs.prefix(2)))[0])
      return [inputs[0], inputs[1]]
    }
  }

  /// Gradients of `DeformableConvolution` but for the bias. Inputs: x, weights, offsets, the mask where there is one, and
  /// the result's gradient. Outputs: gradients of all inputs but the last.
  public struct DeformableConvolutionGradient: OperatorDefinition, Hashable {
    /// The convolution.
    public var convolution: DeformableConvolution

    /// The gradients of a convolution.
    public init(_ convolution: DeformableConvolution) { self.convolution = convolution }

    /// The operator's name in tables and errors.
    public var name: String { "deformable convolution gradient" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      var bare = convolution
      bare.hasBias = false
      try expectInputs(inputs, bare.hasMask ? 5 : 4)
      try expectGradient(inputs, inputs.count, of: try bare.outputTypes(inputs.dropLast())[0])
      return inputs.dropLast()
    }
  }

  /// Numbers uniform in [0, 1), the same for the same key and step: what training draws its dropouts from.
  ///
  /// Input: the step, int64 `[1]`. Output: float of `shape`. Counter based (SplitMix64's mixing of key, step and
  /// position), so that there is no generator to store, and threads do not matter.
  public struct RandomUniform: OperatorDefinition, Hashable {
    /// Extents of the output.
    public var shape: [Int]
    /// Tells one operator's numbers from another's.
    public var key: UInt64

    /// Numbers of a key.
    public init(_ shape: [Int], key: UInt64) {
      self.shape = shape
      self.key = key
    }

    /// The operator's name in tables and errors.
    public var name: String { "random uniform" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .int64)
      if inputs[0].shape != [1] { throw ShapeError.input(0, axis: nil, expected: "one step, [1]") }
      return [try TensorType(checking: shape)]
    }
  }
}

/// Throws unless there are `count` inputs, all floats of one shape.
private func expectSameFloats(_ inputs: [TensorType], _ count: Int) throws {
  try expectInputs(inputs, count)
  for i in inputs.indices {
    try expectElement(inputs, i, .float32)
    if inputs[i] != inputs[0] {
      throw ShapeError.mismatch(first: 0, second: i, axis: 0, expected: "equal shapes")
    }
  }
}

/// Throws unless there are `count` inputs and the last is of the type whose gradient it is.
private func expectGradient(_ inputs: [TensorType], _ count: Int, of type: TensorType) throws {
  try expectInputs(inputs, count)
  if inputs[count - 1] != type { throw ShapeError.input(count - 1, axis: nil, expected: "\(type)") }
}
