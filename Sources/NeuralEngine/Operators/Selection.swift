extension Operator {
  /// `condition ? a : b` element by element, broadcast. Inputs: condition (bool), a, b. ONNX's Where.
  public struct Select: OperatorDefinition, Hashable {
    /// A selection.
    public init() {}

    /// Its name in tables and errors.
    public var name: String { "select" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3)
      try expectElement(inputs, 0, .bool)
      try expectElement(inputs, 2, inputs[1].element)
      let pair = try TensorType(checking: try broadcastShape(inputs, 1, 2))
      return [try TensorType(checking: try broadcastShape([inputs[0], pair], 0, 1), inputs[1].element)]
    }
  }

  /// Elements as another type: to int64 by truncation (0 for NaN, the nearest for those out of range), to bool by
  /// "not 0". ONNX's Cast.
  public struct Cast: OperatorDefinition, Hashable {
    /// The type of the output's elements.
    public var element: ElementType

    /// A conversion to `element`.
    public init(to element: ElementType) { self.element = element }

    /// Its name in tables and errors.
    public var name: String { "cast" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      return [TensorType(inputs[0].shape, element)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Sums along an axis up to each element. ONNX's CumSum.
  public struct CumulativeSum: OperatorDefinition, Hashable {
    /// The axis.
    public var axis: Int
    /// Whether the element itself is left out.
    public var exclusive: Bool
    /// Whether sums run from the last element.
    public var reverse: Bool

    /// A running sum along `axis`.
    public init(axis: Int, exclusive: Bool = false, reverse: Bool = false) {
      self.axis = axis
      self.exclusive = exclusive
      self.reverse = reverse
    }

    /// Its name in tables and errors.
    public var name: String { "cumulative sum" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      if inputs[0].element == .bool { throw ShapeError.input(0, axis: nil, expected: "numbers") }
      _ = try resolveAxis(axis, rank: inputs[0].rank)
      return [inputs[0]]
    }
  }

  /// Average or maximum over as many windows as the output has elements, of extents as even as can be.
  ///
  /// Window i of n over an axis of extent s covers `floor(i s / n) ..< ceil((i + 1) s / n)`. PyTorch's adaptive pooling.
  public struct AdaptivePooling: OperatorDefinition, Hashable {
    /// Extents of the output's spatial axes.
    public var sizes: [Int]
    /// Whether the maximum is taken, else the average.
    public var takesMaximum: Bool

    /// A pooling to `sizes`.
    public init(sizes: [Int], takesMaximum: Bool = false) {
      self.sizes = sizes
      self.takesMaximum = takesMaximum
    }

    /// Its name in tables and errors.
    public var name: String { "adaptive pooling" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      try expectRank(inputs, 0, 3...8)
      guard sizes.count == inputs[0].rank - 2, sizes.allSatisfy({ $0 >= 1 }) else {
        throw ShapeError.parameter("sizes", found: "\(sizes)", expected: "\(inputs[0].rank - 2) of 1 or more")
      }
      for axis in 2..<inputs[0].rank where inputs[0].shape[axis] < 1 {
        throw ShapeError.input(0, axis: axis, expected: "1 element or more")
      }
      return [try TensorType(checking: Array(inputs[0].shape.prefix(2)) + sizes)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { inputs[0].count }
  }
}
