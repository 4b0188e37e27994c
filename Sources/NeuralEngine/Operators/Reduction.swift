extension Operator {
  /// A statistic over some axes.
  public struct Reduction: OperatorDefinition, Hashable {
    /// What is taken.
    public enum Function: String, Sendable, Hashable, CaseIterable {
      case sum, mean, maximum, minimum, product
      /// `Σ |x|`, `sqrt(Σ x²)`, `Σ x²`.
      case norm1, norm2, sumOfSquares
      /// `log Σ x`, `log Σ eˣ`.
      case logSum, logSumExp
    }

    /// What is taken.
    public var function: Function
    /// The axes that vanish; negative ones count from the back; empty takes none.
    public var axes: [Int]
    /// Whether they stay with extent 1.
    public var keepsAxes: Bool

    /// A reduction over `axes`.
    public init(_ function: Function, axes: [Int], keepsAxes: Bool = true) {
      self.function = function
      self.axes = axes
      self.keepsAxes = keepsAxes
    }

    /// The operator's name in tables and errors.
    public var name: String { "reduce \(function.rawValue)" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      if inputs[0].element == .bool { throw ShapeError.input(0, axis: nil, expected: "numbers") }
      let reduced = Set(try axes.map { try resolveAxis($0, rank: inputs[0].rank) })
      let shape = inputs[0].shape.enumerated().compactMap { axis, extent in
        reduced.contains(axis) ? (keepsAxes ? 1 : nil) : extent
      }
      return [TensorType(shape, inputs[0].element)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { inputs[0].count }
  }
}
