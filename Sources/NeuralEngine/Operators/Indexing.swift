extension Operator {
  /// How an update meets the element it lands on.
  public enum ScatterReduction: String, Sendable, Hashable, CaseIterable {
    /// Replaces it (of several updates of one element the last in memory order stays).
    case replace = "none"
    case add, multiply = "mul", maximum = "max", minimum = "min"
  }

  /// Slices along an axis by index: `output[.., i.., ..] = data[.., indices[i..], ..]`.
  ///
  /// Inputs: data, indices (int64, negative ones count from the back). ONNX's Gather; an embedding with axis 0.
  public struct Gather: OperatorDefinition, Hashable {
    /// The axis of `data` that the indices select from.
    public var axis: Int

    /// A gather along `axis`.
    public init(axis: Int = 0) { self.axis = axis }

    /// Its name in tables and errors.
    public var name: String { "gather" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      try expectElement(inputs, 1, .int64)
      let axis = try resolveAxis(axis, rank: inputs[0].rank)
      let x = inputs[0].shape
      return [
        try TensorType(
          checking: Array(x[..<axis]) + inputs[1].shape + Array(x[(axis + 1)...]), inputs[0].element)
      ]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Elements along an axis by index: `output[i, j, k] = data[i, indices[i, j, k], k]` for axis 1.
  ///
  /// Inputs: data, indices (int64) of the same rank, no larger than data but along the axis. ONNX's GatherElements.
  public struct GatherElements: OperatorDefinition, Hashable {
    /// The axis that the indices replace.
    public var axis: Int

    /// A gather of elements along `axis`.
    public init(axis: Int = 0) { self.axis = axis }

    /// Its name in tables and errors.
    public var name: String { "gather elements" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      try checkElementIndices(inputs, axis: axis)
      return [TensorType(inputs[1].shape, inputs[0].element)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Slices by index vectors: the last axis of `indices` addresses leading axes of `data` after `batchAxes` shared ones.
  ///
  /// Inputs: data, indices (int64). ONNX's GatherND.
  public struct GatherND: OperatorDefinition, Hashable {
    /// Leading axes that data and indices share.
    public var batchAxes: Int

    /// A gather by index vectors.
    public init(batchAxes: Int = 0) { self.batchAxes = batchAxes }

    /// Its name in tables and errors.
    public var name: String { "gather ND" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      try expectElement(inputs, 1, .int64)
      let x = inputs[0].shape, i = inputs[1].shape
      guard let depth = i.last, batchAxes >= 0, batchAxes < i.count, depth >= 1, batchAxes + depth <= x.count
      else { throw ShapeError.input(1, axis: i.count - 1, expected: "index vectors within the data's axes") }
      for axis in 0..<batchAxes where x[axis] != i[axis] {
        throw ShapeError.mismatch(first: 0, second: 1, axis: axis, expected: "equal batch extents")
      }
      return [try TensorType(checking: i.dropLast() + x[(batchAxes + depth)...], inputs[0].element)]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// A copy of data with elements along an axis replaced or combined: `output[i, indices[i, j, k], k] = updates[i, j, k]`
  /// for axis 1.
  ///
  /// Inputs: data, indices (int64), updates of the indices' shape. ONNX's ScatterElements. Updates are applied in memory
  /// order on one thread, so that sums have one order.
  public struct ScatterElements: OperatorDefinition, Hashable {
    /// The axis that the indices replace.
    public var axis: Int
    /// How updates meet elements.
    public var reduction: ScatterReduction

    /// A scatter of elements along `axis`.
    public init(axis: Int = 0, reduction: ScatterReduction = .replace) {
      self.axis = axis
      self.reduction = reduction
    }

    /// Its name in tables and errors.
    public var name: String { "scatter elements" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3)
      try checkElementIndices(inputs, axis: axis)
      try checkUpdates(inputs, shape: inputs[1].shape, reduction)
      return [inputs[0]]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { inputs[2].count }
  }

  /// A copy of data with slices replaced or combined, addressed by index vectors as in `GatherND`. ONNX's ScatterND.
  public struct ScatterND: OperatorDefinition, Hashable {
    /// How updates meet elements.
    public var reduction: ScatterReduction

    /// A scatter by index vectors.
    public init(reduction: ScatterReduction = .replace) { self.reduction = reduction }

    /// Its name in tables and errors.
    public var name: String { "scatter ND" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3)
      try expectElement(inputs, 1, .int64)
      let x = inputs[0].shape, i = inputs[1].shape
      guard let depth = i.last, depth >= 1, depth <= x.count else {
        throw ShapeError.input(1, axis: i.count - 1, expected: "index vectors within the data's axes")
      }
      try checkUpdates(inputs, shape: i.dropLast() + x[depth...], reduction)
      return [inputs[0]]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { inputs[2].count }
  }

  /// The k largest (or smallest) elements along an axis, sorted, with their positions; of equals the first comes first.
  ///
  /// Output types: values, positions (int64). ONNX's TopK.
  public struct TopK: OperatorDefinition, Hashable {
    /// The axis that shrinks to `count`.
    public var axis: Int
    /// k.
    public var count: Int
    /// Whether the largest are taken, else the smallest.
    public var largest: Bool

    /// The `count` first elements along `axis`.
    public init(axis: Int = -1, count: Int, largest: Bool = true) {
      self.axis = axis
      self.count = count
      self.largest = largest
    }

    /// Its name in tables and errors.
    public var name: String { "top k" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      let axis = try resolveAxis(axis, rank: inputs[0].rank)
      var shape = inputs[0].shape
      guard count >= 0, count <= shape[axis] else {
        throw ShapeError.input(0, axis: axis, expected: "\(count) elements or more")
      }
      shape[axis] = count
      return [TensorType(shape), TensorType(shape, .int64)]
    }
  }

  /// The position of the largest (or smallest) element along an axis, int64. ONNX's ArgMax and ArgMin.
  public struct ArgumentOfExtreme: OperatorDefinition, Hashable {
    /// The axis that vanishes.
    public var axis: Int
    /// Whether the largest is sought, else the smallest.
    public var largest: Bool
    /// Whether the axis stays with extent 1.
    public var keepsAxis: Bool
    /// Whether the last of equals is taken, else the first.
    public var takesLast: Bool

    /// A search along `axis`.
    public init(axis: Int = 0, largest: Bool = true, keepsAxis: Bool = true, takesLast: Bool = false) {
      self.axis = axis
      self.largest = largest
      self.keepsAxis = keepsAxis
      self.takesLast = takesLast
    }

    /// Its name in tables and errors.
    public var name: String { largest ? "argument of maximum" : "argument of minimum" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      let axis = try resolveAxis(axis, rank: inputs[0].rank)
      var shape = inputs[0].shape
      guard shape[axis] > 0 else { throw ShapeError.input(0, axis: axis, expected: "1 element or more") }
      if keepsAxis { shape[axis] = 1 } else { shape.remove(at: axis) }
      return [TensorType(shape, .int64)]
    }
  }
}

/// Checks the indices of `GatherElements` and `ScatterElements`.
private func checkElementIndices(_ inputs: [TensorType], axis: Int) throws {
  try expectElement(inputs, 1, .int64)
  try expectRank(inputs, 1, inputs[0].rank...inputs[0].rank)
  let axis = try resolveAxis(axis, rank: inputs[0].rank)
  for a in inputs[0].shape.indices where a != axis && inputs[1].shape[a] > inputs[0].shape[a] {
    throw ShapeError.mismatch(first: 1, second: 0, axis: a, expected: "no more than the data's extent")
  }
}

/// Checks the updates of a scatter.
private func checkUpdates(
  _ inputs: [TensorType], shape: [Int], _ reduction: Operator.ScatterReduction
) throws {
  try expectElement(inputs, 2, inputs[0].element)
  if inputs[0].element == .bool, reduction != .replace {
    throw ShapeError.input(0, axis: nil, expected: "numbers")
  }
  if inputs[2].shape != shape {
    throw ShapeError.mismatch(first: 2, second: 1, axis: 0, expected: "updates of \(shape)")
  }
}
