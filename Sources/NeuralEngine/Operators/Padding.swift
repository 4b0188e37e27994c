extension Operator {
  /// Adds elements around a tensor, or cuts them off where an extent is negative. ONNX's Pad.
  public struct Pad: OperatorDefinition, Hashable {
    /// What the added elements are.
    public enum Mode: Sendable, Hashable {
      /// A fixed number.
      case constant(Float)
      /// Mirrored about the edge element: `c b | a b c | b a`.
      case reflect
      /// Mirrored about the edge: `b a | a b c | c b`.
      case symmetric
      /// The edge element.
      case replicate
      /// The other end.
      case circular
    }

    /// Elements added before the first and after the last, per axis.
    public var padding: Padding
    /// What the added elements are.
    public var mode: Mode

    /// A padding of every axis.
    public init(_ padding: Padding, mode: Mode = .constant(0)) {
      self.padding = padding
      self.mode = mode
    }

    /// Its name in tables and errors.
    public var name: String { "pad" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      let x = inputs[0].shape
      guard padding.before.count == x.count, padding.after.count == x.count else {
        throw ShapeError.parameter("padding", found: "\(padding.before.count) axes", expected: "\(x.count)")
      }
      let shape = try x.indices.map { axis in
        let before = padding.before[axis], after = padding.after[axis]
        guard before.magnitude <= 1 << 40, after.magnitude <= 1 << 40 else {
          throw ShapeError.parameter("padding", found: "\(before), \(after)", expected: "2^40 at most")
        }
        let extent = x[axis] + before + after
        let isConstant = if case .constant = mode { true } else { false }
        if !isConstant, x[axis] == 0, extent > 0 {
          throw ShapeError.input(0, axis: axis, expected: "1 element or more to repeat")
        }
        return extent
      }
      return [try TensorType(checking: shape, inputs[0].element)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }

    /// The window over spatial axes.
    public func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow? {
      let axes = inputs[0].rank - 2
      guard axes > 0 else { return nil }
      let ones = [Int](repeating: 1, count: axes)
      return SlidingWindow(
        kernel: ones, strides: ones, dilations: ones,
        padding: Padding(before: Array(padding.before.dropFirst(2)), after: Array(padding.after.dropFirst(2)))
      )
    }
  }

  /// Elements repeated along axes of extent 1 (or new leading ones) to a shape. ONNX's Expand.
  public struct Expand: OperatorDefinition, Hashable {
    /// The output's shape.
    public var shape: [Int]

    /// An expansion to `shape`.
    public init(_ shape: [Int]) { self.shape = shape }

    /// Its name in tables and errors.
    public var name: String { "expand" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      let target = try TensorType(checking: shape, inputs[0].element)
      guard shape.count >= inputs[0].rank else {
        throw ShapeError.parameter("shape", found: "\(shape)", expected: "\(inputs[0].rank) axes or more")
      }
      let lead = shape.count - inputs[0].rank
      for axis in inputs[0].shape.indices {
        let extent = inputs[0].shape[axis]
        guard extent == 1 || extent == shape[axis + lead] else {
          throw ShapeError.input(0, axis: axis, expected: "1 or \(shape[axis + lead])")
        }
      }
      return [target]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// The tensor repeated along each axis. ONNX's Tile.
  public struct Tile: OperatorDefinition, Hashable {
    /// Times each axis is repeated.
    public var repeats: [Int]

    /// A tiling of every axis.
    public init(_ repeats: [Int]) { self.repeats = repeats }

    /// Its name in tables and errors.
    public var name: String { "tile" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      guard repeats.count == inputs[0].rank, repeats.allSatisfy({ 0...(1 << 40) ~= $0 }) else {
        throw ShapeError.parameter("repeats", found: "\(repeats)", expected: "\(inputs[0].rank) of 0 or more")
      }
      let shape = zip(inputs[0].shape, repeats).map { $0.multipliedReportingOverflow(by: $1) }
      guard !shape.contains(where: \.overflow) else {
        throw ShapeError.parameter("repeats", found: "\(repeats)", expected: "2^40 elements at most")
      }
      return [try TensorType(checking: shape.map(\.partialValue), inputs[0].element)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }
}
