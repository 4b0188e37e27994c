/// Elements added at both ends of each spatial axis; negative counts crop.
public struct Padding: Sendable, Hashable {
  /// Before the first element, per axis.
  public var before: [Int]
  /// After the last element, per axis.
  public var after: [Int]

  /// Explicit, possibly uneven padding.
  public init(before: [Int], after: [Int]) {
    self.before = before
    self.after = after
  }

  /// The same padding at both ends.
  public init(_ both: [Int]) { self.init(before: both, after: both) }

  /// No padding for `axes` spatial axes.
  public static func valid(_ axes: Int) -> Padding { Padding([Int](repeating: 0, count: axes)) }

  /// The padding for which an axis of `size` gives ceil(size / stride): an odd element goes after the last element
  /// (`lower`: before the first).
  public static func same(
    size: [Int], kernel: [Int], strides: [Int], dilations: [Int], lower: Bool = false
  ) -> Padding {
    var before: [Int] = [], after: [Int] = []
    for axis in size.indices {
      let output = (size[axis] + strides[axis] - 1) / strides[axis]
      let total = max(0, (output - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - size[axis])
      let small = total / 2
      before.append(lower ? total - small : small)
      after.append(lower ? small : total - small)
    }
    return Padding(before: before, after: after)
  }
}

extension Operator {
  /// Cross-correlation over any number of spatial axes:
  /// `y[n, o, p] = bias[o] + Σ w[o, c, k] · x[n, g(o) · C/groups + c, p · stride + k · dilation - before]`.
  ///
  /// Inputs: x `[batch, channel, spatial...]`, weight `[outputs, channel / groups, kernel...]`, optionally bias
  /// `[outputs]`. Zeros lie outside x; other padding modes are a `pad` operator before this one.
  public struct Convolution: OperatorDefinition, Hashable {
    /// Step per spatial axis.
    public var strides: [Int]
    /// Distance of kernel taps per spatial axis; 1 is dense.
    public var dilations: [Int]
    /// Zeros around x.
    public var padding: Padding
    /// Channel groups that do not see each other.
    public var groups: Int

    /// A convolution; every array has one entry per spatial axis.
    public init(strides: [Int], dilations: [Int]? = nil, padding: Padding? = nil, groups: Int = 1) {
      self.strides = strides
      self.dilations = dilations ?? [Int](repeating: 1, count: strides.count)
      self.padding = padding ?? .valid(strides.count)
      self.groups = groups
    }

    /// The operator's name in tables and errors.
    public var name: String { "convolution" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2...3)
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      let axes = try spatialAxes(inputs, strides: strides, dilations: dilations, padding: padding)
      let x = inputs[0].shape, w = inputs[1].shape
      try checkGroups(groups)
      guard x[1] == w[1] * groups else {
        throw ShapeError.mismatch(
          first: 0, second: 1, axis: 1, expected: "\(w[1] * groups) channels in \(groups) groups")
      }
      guard w[0] % groups == 0 else {
        throw ShapeError.input(1, axis: 0, expected: "a multiple of \(groups) groups")
      }
      try checkBias(inputs, channels: w[0])
      var shape = [x[0], w[0]]
      for axis in 0..<axes {
        shape.append(
          try windowCount(
            size: x[axis + 2], kernel: w[axis + 2], stride: strides[axis], dilation: dilations[axis],
            before: padding.before[axis], after: padding.after[axis], axis: axis + 2))
      }
      return [try TensorType(checking: shape)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      let taps = inputs[1].shape.dropFirst().reduce(1, *)
      return outputs[0].count * (2 * taps + (inputs.count > 2 ? 1 : 0))
    }

    /// The window that an output element sees along each spatial axis, for receptive fields.
    public func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow? {
      SlidingWindow(
        kernel: Array(inputs[1].shape.dropFirst(2)), strides: strides, dilations: dilations, padding: padding)
    }
  }

  /// Transposed convolution (the gradient of `Convolution` with respect to x as an operator):
  /// each input element adds `w[c, o, k] · x[n, c, i]` to output `i · stride + k · dilation - before`.
  ///
  /// Inputs: x `[batch, channel, spatial...]`, weight `[channel, outputs / groups, kernel...]`, optionally bias
  /// `[outputs]`. Extent: `(size - 1) · stride + dilation · (kernel - 1) + 1 - before - after + outputPadding`.
  public struct TransposedConvolution: OperatorDefinition, Hashable {
    /// Step per spatial axis of the output.
    public var strides: [Int]
    /// Distance of kernel taps per spatial axis.
    public var dilations: [Int]
    /// Elements cut from both ends of the output.
    public var padding: Padding
    /// Elements added after the output's end, per axis.
    public var outputPadding: [Int]
    /// Channel groups that do not see each other.
    public var groups: Int

    /// A transposed convolution; every array has one entry per spatial axis.
    public init(
      strides: [Int], dilations: [Int]? = nil, padding: Padding? = nil, outputPadding: [Int]? = nil,
      groups: Int = 1
    ) {
      self.strides = strides
      self.dilations = dilations ?? [Int](repeating: 1, count: strides.count)
      self.padding = padding ?? .valid(strides.count)
      self.outputPadding = outputPadding ?? [Int](repeating: 0, count: strides.count)
      self.groups = groups
    }

    /// The operator's name in tables and errors.
    public var name: String { "transposed convolution" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2...3)
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      let axes = try spatialAxes(inputs, strides: strides, dilations: dilations, padding: padding)
      let x = inputs[0].shape, w = inputs[1].shape
      try checkGroups(groups)
      guard outputPadding.count == axes, outputPadding.allSatisfy({ 0...(1 << 24) ~= $0 }) else {
        throw ShapeError.parameter("output padding", found: "\(outputPadding)", expected: "\(axes) extents")
      }
      guard x[1] == w[0], x[1] % groups == 0 else {
        throw ShapeError.mismatch(
          first: 0, second: 1, axis: 1, expected: "\(w[0]) channels in \(groups) groups")
      }
      try checkBias(inputs, channels: w[1] * groups)
      var shape = [x[0], w[1] * groups]
      for axis in 0..<axes {
        let extent =
          (x[axis + 2] - 1) * strides[axis] + dilations[axis] * (w[axis + 2] - 1) + 1
          - padding.before[axis] - padding.after[axis] + outputPadding[axis]
        guard extent >= 0 else {
          throw ShapeError.input(0, axis: axis + 2, expected: "more than the padding cuts")
        }
        shape.append(extent)
      }
      return [try TensorType(checking: shape)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      2 * inputs[0].count * inputs[1].shape.dropFirst().reduce(1, *)
        + (inputs.count > 2 ? outputs[0].count : 0)
    }

    /// The window that an output element sees along each spatial axis, for receptive fields.
    public func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow? {
      SlidingWindow(
        kernel: Array(inputs[1].shape.dropFirst(2)), strides: strides, dilations: dilations, padding: padding,
        transposed: true)
    }
  }
}

/// Number of spatial axes of x and weight, after checking ranks and parameters against each other.
private func spatialAxes(
  _ inputs: [TensorType], strides: [Int], dilations: [Int], padding: Padding
) throws -> Int {
  try expectRank(inputs, 0, 3...8)
  let axes = inputs[0].rank - 2
  try expectRank(inputs, 1, inputs[0].rank...inputs[0].rank)
  try checkWindow(axes, strides: strides, dilations: dilations, padding: padding)
  for axis in inputs[1].shape.indices where inputs[1].shape[axis] < 1 {
    throw ShapeError.input(1, axis: axis, expected: "1 or more")
  }
  return axes
}

/// Throws unless strides and dilations are positive, padding bounded, and all have `axes` entries.
func checkWindow(_ axes: Int, strides: [Int], dilations: [Int], padding: Padding) throws {
  // With extents of 2^40 products of these stay within 63 bits.
  let bound = 1 << 20
  guard strides.count == axes, strides.allSatisfy({ $0 >= 1 && $0 <= bound }) else {
    throw ShapeError.parameter("strides", found: "\(strides)", expected: "\(axes) of 1 or more")
  }
  guard dilations.count == axes, dilations.allSatisfy({ $0 >= 1 && $0 <= bound }) else {
    throw ShapeError.parameter("dilations", found: "\(dilations)", expected: "\(axes) of 1 or more")
  }
  for (name, extents) in [("padding before", padding.before), ("padding after", padding.after)] {
    guard extents.count == axes, extents.allSatisfy({ $0.magnitude <= UInt(bound) }) else {
      throw ShapeError.parameter(name, found: "\(extents)", expected: "\(axes) extents")
    }
  }
}

private func checkGroups(_ groups: Int) throws {
  guard groups >= 1 else { throw ShapeError.parameter("groups", found: "\(groups)", expected: "1 or more") }
}

private func checkBias(_ inputs: [TensorType], channels: Int) throws {
  if inputs.count > 2, inputs[2].shape != [channels] {
    throw ShapeError.mismatch(first: 2, second: 1, axis: 0, expected: "a bias of [\(channels)]")
  }
}

/// Number of window positions along an axis of input 0; `ceiling` counts a last window that starts inside.
func windowCount(
  size: Int, kernel: Int, stride: Int, dilation: Int, before: Int, after: Int, axis: Int,
  ceiling: Bool = false
) throws -> Int {
  let span = size + before + after - (dilation * (kernel - 1) + 1)
  guard span >= 0 else {
    throw ShapeError.input(
      0, axis: axis, expected: "\(dilation * (kernel - 1) + 1) elements or more, padding counted")
  }
  guard ceiling else { return span / stride + 1 }
  let count = (span + stride - 1) / stride + 1
  // A window must not start in the padding after the end.
  return (count - 1) * stride >= size + before ? count - 1 : count
}
