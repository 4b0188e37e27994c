extension Operator {
  /// The same elements in another shape.
  public struct Reshape: OperatorDefinition, Hashable {
    /// The new shape; as many elements as the input.
    public var shape: [Int]

    /// A reshape to a shape (every extent known).
    public init(_ shape: [Int]) { self.shape = shape }

    /// The operator's name in tables and errors.
    public var name: String { "reshape" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      let type = try TensorType(checking: shape, inputs[0].element)
      guard type.count == inputs[0].count else {
        throw ShapeError.input(0, axis: nil, expected: "\(type.count) elements for \(shape)")
      }
      return [type]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Axes in another order: output axis i is input axis `permutation[i]`.
  public struct Transpose: OperatorDefinition, Hashable {
    /// Which input axis each output axis is.
    public var permutation: [Int]

    /// A transpose.
    public init(_ permutation: [Int]) { self.permutation = permutation }

    /// The operator's name in tables and errors.
    public var name: String { "transpose" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      guard permutation.sorted() == Array(0..<inputs[0].rank) else {
        throw ShapeError.parameter(
          "permutation", found: "\(permutation)", expected: "each of \(inputs[0].rank) axes once")
      }
      return [TensorType(permutation.map { inputs[0].shape[$0] }, inputs[0].element)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Tensors one after another along an axis.
  public struct Concatenation: OperatorDefinition, Hashable {
    /// The axis that grows; negative ones count from the back.
    public var axis: Int

    /// A concatenation along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// The operator's name in tables and errors.
    public var name: String { "concatenation" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      guard let first = inputs.first else { throw ShapeError.inputCount(expected: "1 input or more, not 0") }
      let axis = try resolveAxis(axis, rank: first.rank)
      var shape = first.shape
      for i in inputs.indices.dropFirst() {
        try expectRank(inputs, i, first.rank...first.rank)
        try expectElement(inputs, i, first.element)
        for other in shape.indices where other != axis && inputs[i].shape[other] != shape[other] {
          throw ShapeError.mismatch(
            first: 0, second: i, axis: other, expected: "equal extents but for axis \(axis)")
        }
        shape[axis] += inputs[i].shape[axis]
      }
      return [try TensorType(checking: shape, first.element)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }

  /// Elements `start, start + step, ...` of each axis, `count` of them; steps may be negative.
  public struct Slice: OperatorDefinition, Hashable {
    /// First element per axis.
    public var starts: [Int]
    /// Number of elements per axis.
    public var counts: [Int]
    /// Distance of elements per axis; not 0.
    public var steps: [Int]

    /// A slice of every axis.
    public init(starts: [Int], counts: [Int], steps: [Int]? = nil) {
      self.starts = starts
      self.counts = counts
      self.steps = steps ?? [Int](repeating: 1, count: starts.count)
    }

    /// The operator's name in tables and errors.
    public var name: String { "slice" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      let x = inputs[0].shape
      guard starts.count == x.count, counts.count == x.count, steps.count == x.count else {
        throw ShapeError.parameter("starts", found: "\(starts.count) axes", expected: "\(x.count)")
      }
      for axis in x.indices where counts[axis] != 0 {
        let (reach, overflow) = (counts[axis] - 1).multipliedReportingOverflow(by: steps[axis])
        let (last, overflow2) = reach.addingReportingOverflow(starts[axis])
        guard counts[axis] > 0, steps[axis] != 0, !overflow, !overflow2,
          x.isEmpty || (0..<x[axis]) ~= starts[axis],
          (0..<x[axis]) ~= last
        else {
          throw ShapeError.input(
            0, axis: axis,
            expected: "\(counts[axis]) elements from \(starts[axis]) by \(steps[axis]) inside it")
        }
      }
      return [try TensorType(checking: counts, inputs[0].element)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
  }
}

extension Graph {
  /// Splits a tensor along an axis into parts of the given extents: one slice each.
  public mutating func split(
    _ x: TensorID, axis: Int, extents: [Int], outputNames: [String]? = nil
  ) throws -> [TensorID] {
    let shape = self.shape(x)
    let axis = try resolveAxis(axis, rank: shape.count)
    var start = 0
    return try extents.enumerated().map { i, extent in
      var starts = [Int](repeating: 0, count: shape.count), counts = shape
      starts[axis] = start
      counts[axis] = extent
      start += extent
      let names = outputNames.map { [$0[i]] }
      return try add(.slice(.init(starts: starts, counts: counts)), [x], name: names?[0], outputNames: names)[
        0]
    }
  }
}
