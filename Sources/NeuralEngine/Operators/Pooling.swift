extension Operator {
  /// A statistic of each channel's sliding window: maximum, average or Lp norm, over any number of spatial axes.
  ///
  /// Input x `[batch, channel, spatial...]`; output the same with fewer positions. With `givesIndices` (maximum alone)
  /// a second output holds each maximum's flat position in x.
  public struct Pooling: OperatorDefinition, Hashable {
    /// What is taken of a window.
    public enum Kind: Sendable, Hashable {
      /// The largest element; padding is never taken.
      case maximum
      /// The mean; `countsPadding` divides by the whole window, zeros of the padding counted.
      case average(countsPadding: Bool)
      /// `(Σ |x|^p)^(1/p)`.
      case norm(Float)
    }

    /// What is taken of a window.
    public var kind: Kind
    /// Window extent per spatial axis.
    public var kernel: [Int]
    /// Step per spatial axis.
    public var strides: [Int]
    /// Distance of taps per spatial axis.
    public var dilations: [Int]
    /// Elements around x.
    public var padding: Padding
    /// Whether a last, partly covered window counts.
    public var ceiling: Bool
    /// Whether there is a second output with the maxima's positions.
    public var givesIndices: Bool
    /// Whether those positions count with the first spatial axis fastest (ONNX's `storage_order` 1).
    public var columnMajorIndices: Bool

    /// A pooling; every array has one entry per spatial axis.
    public init(
      _ kind: Kind, kernel: [Int], strides: [Int], dilations: [Int]? = nil, padding: Padding? = nil,
      ceiling: Bool = false, givesIndices: Bool = false, columnMajorIndices: Bool = false
    ) {
      self.kind = kind
      self.kernel = kernel
      self.strides = strides
      self.dilations = dilations ?? [Int](repeating: 1, count: kernel.count)
      self.padding = padding ?? .valid(kernel.count)
      self.ceiling = ceiling
      self.givesIndices = givesIndices
      self.columnMajorIndices = columnMajorIndices
    }

    /// A pooling of each channel's whole plane or volume to one element.
    public static func global(_ kind: Kind, _ inputShape: [Int]) -> Pooling {
      let size = Array(inputShape.dropFirst(2))
      return Pooling(kind, kernel: size, strides: [Int](repeating: 1, count: size.count))
    }

    /// The operator's name in tables and errors.
    public var name: String {
      switch kind {
      case .maximum: "max pooling"
      case .average: "average pooling"
      case .norm: "Lp pooling"
      }
    }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      try expectRank(inputs, 0, 3...8)
      let x = inputs[0].shape, axes = x.count - 2
      guard kernel.count == axes, kernel.allSatisfy({ $0 >= 1 && $0 <= 1 << 24 }) else {
        throw ShapeError.parameter("kernel", found: "\(kernel)", expected: "\(axes) extents of 1 or more")
      }
      try checkWindow(axes, strides: strides, dilations: dilations, padding: padding)
      if givesIndices, kind != .maximum {
        throw ShapeError.parameter("indices", found: name, expected: "max pooling")
      }
      var shape = Array(x.prefix(2))
      for axis in 0..<axes {
        shape.append(
          try windowCount(
            size: x[axis + 2], kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis],
            before: padding.before[axis], after: padding.after[axis], axis: axis + 2, ceiling: ceiling))
      }
      let type = try TensorType(checking: shape)
      return givesIndices ? [type, TensorType(shape, .int64)] : [type]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      outputs[0].count * kernel.reduce(1, *)
    }

    /// The window that an output element sees along each spatial axis, for receptive fields.
    public func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow? {
      SlidingWindow(kernel: kernel, strides: strides, dilations: dilations, padding: padding)
    }
  }
}
