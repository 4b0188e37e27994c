extension Operator {
  /// Batched matrix product `α · A · B + β · C`, as NumPy's matmul: leading axes broadcast, a 1-axis operand is a row
  /// (A) or column (B) whose axis is dropped from the result.
  ///
  /// Inputs: A `[..., m, k]` (transposed: `[..., k, m]`), B `[..., k, n]` (transposed: `[..., n, k]`), optionally C,
  /// which broadcasts to `[..., m, n]`.
  public struct MatrixMultiplication: OperatorDefinition, Hashable {
    /// Whether A's last two axes are swapped.
    public var transposesFirst: Bool
    /// Whether B's last two axes are swapped.
    public var transposesSecond: Bool
    /// Factor of the product.
    public var alpha: Float
    /// Factor of C.
    public var beta: Float

    /// A matrix product.
    public init(
      transposesFirst: Bool = false, transposesSecond: Bool = false, alpha: Float = 1, beta: Float = 1
    ) {
      self.transposesFirst = transposesFirst
      self.transposesSecond = transposesSecond
      self.alpha = alpha
      self.beta = beta
    }

    /// The operator's name in tables and errors.
    public var name: String { "matrix multiplication" }

    /// The product's extents.
    struct Extents {
      /// Leading axes after broadcasting, and of A and B by themselves.
      var batch: [Int], batchA: [Int], batchB: [Int]
      var m: Int, n: Int, k: Int
      /// The result's shape.
      var output: [Int]
    }

    func extents(_ inputs: [TensorType]) throws -> Extents {
      var a = inputs[0].shape, b = inputs[1].shape
      try expectRank(inputs, 0, 1...8)
      try expectRank(inputs, 1, 1...8)
      let row = a.count == 1, column = b.count == 1
      if row { a.insert(1, at: 0) }
      if column { b.append(1) }
      if transposesFirst, !row { a.swapAt(a.count - 1, a.count - 2) }
      if transposesSecond, !column { b.swapAt(b.count - 1, b.count - 2) }
      let m = a[a.count - 2], k = a[a.count - 1], n = b[b.count - 1]
      guard b[b.count - 2] == k else {
        throw ShapeError.mismatch(
          first: 0, second: 1, axis: inputs[0].rank - (transposesFirst && !row ? 2 : 1),
          expected: "\(b[b.count - 2]) elements")
      }
      let batchA = Array(a.dropLast(2)), batchB = Array(b.dropLast(2))
      let batch = try broadcastShape([TensorType(batchA), TensorType(batchB)], 0, 1)
      return Extents(
        batch: batch, batchA: batchA, batchB: batchB, m: m, n: n, k: k,
        output: batch + (row ? [] : [m]) + (column ? [] : [n]))
    }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2...3)
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      let output = try TensorType(checking: try extents(inputs).output)
      if inputs.count > 2 {
        guard try broadcastShape([output, inputs[2]], 0, 1) == output.shape else {
          throw ShapeError.mismatch(
            first: 2, second: 1, axis: 0, expected: "a shape that broadcasts to \(output.shape)")
        }
      }
      return [output]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      let k = inputs[0].shape[inputs[0].rank - (transposesFirst && inputs[0].rank > 1 ? 2 : 1)]
      return outputs[0].count * (2 * k + (inputs.count > 2 ? 1 : 0))
    }
  }
}
