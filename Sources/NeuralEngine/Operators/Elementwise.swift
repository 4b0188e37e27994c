extension Operator {
  /// A function of each element by itself. `[any shape] -> [same shape]`.
  public struct Unary: OperatorDefinition, Hashable {
    /// The function.
    public enum Function: Sendable, Hashable {
      /// `max(x, 0)`.
      case relu
      /// `x < 0 ? αx : x`.
      case leakyRelu(Float)
      /// `x < 0 ? α(eˣ - 1) : x`.
      case elu(Float)
      /// `1 / (1 + e⁻ˣ)`.
      case sigmoid
      /// `clamp(αx + β, 0, 1)`.
      case hardSigmoid(alpha: Float, beta: Float)
      /// `x · clamp(x / 6 + 1/2, 0, 1)`.
      case hardSwish
      /// `x · sigmoid(βx)`; β = 1 is SiLU.
      case swish(Float)
      /// `x · Φ(x)` by the error function.
      case gelu
      /// GELU by tanh: `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
      case geluTanh
      /// `x · tanh(softplus(x))`.
      case mish
      /// `log(1 + eˣ)`.
      case softplus
      /// Hyperbolic tangent.
      case tanh
      /// Error function.
      case erf
      case exp, log, sqrt, abs, negate, reciprocal, sine, cosine, arctangent, floor, ceiling
      /// To the nearest integer, halves to the even one.
      case round
      /// `clamp(x, low, high)`.
      case clip(low: Float, high: Float)
      /// `αx + β`.
      case linear(alpha: Float, beta: Float)
      /// x to a fixed power.
      case power(Float)
      /// x itself.
      case identity
      /// x, through which no gradient flows (detach).
      case stopGradient
      /// x at inference; in training each element is 0 with this probability and the others grow by 1 / (1 - rate).
      /// Srivastava et al., JMLR 15 (2014).
      case dropout(rate: Float)

      /// Whether inference leaves every element as it is.
      public var isIdentity: Bool {
        switch self {
        case .identity, .stopGradient, .dropout: true
        default: false
        }
      }
    }

    /// The function.
    public var function: Function

    /// An element-wise function.
    public init(_ function: Function) { self.function = function }

    /// The operator's name in tables and errors.
    public var name: String {
      let text = "\(function)"
      return String(text.prefix { $0 != "(" })
    }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      switch function {
      case .identity, .stopGradient, .dropout: break
      case .abs, .negate, .clip:
        if inputs[0].element != .int64 { try expectElement(inputs, 0, .float32) }
      default: try expectElement(inputs, 0, .float32)
      }
      return [inputs[0]]
    }
  }

  /// A function of two tensors' elements, broadcast against each other as NumPy does.
  ///
  /// Floats with floats or integers with integers; comparisons give booleans, which the logical functions take.
  public struct Binary: OperatorDefinition, Hashable {
    /// The function.
    public enum Function: String, Sendable, Hashable, CaseIterable {
      case add, subtract, multiply, divide, maximum, minimum
      /// `aᵇ`.
      case power
      /// `a < 0 ? b · a : a` (PReLU with slope b).
      case prelu
      /// Remainder with the divisor's sign, and with the dividend's.
      case modulo, remainder
      case equal, less, lessOrEqual, greater, greaterOrEqual
      case and, or, xor

      /// Whether the result is boolean.
      public var isComparison: Bool {
        switch self {
        case .equal, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .xor: true
        default: false
        }
      }
    }

    /// The function.
    public var function: Function

    /// An element-wise function of two tensors.
    public init(_ function: Function) { self.function = function }

    /// The operator's name in tables and errors.
    public var name: String { function.rawValue }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      guard inputs[0].element == inputs[1].element else {
        throw ShapeError.mismatch(first: 0, second: 1, axis: 0, expected: "equal element types")
      }
      switch function {
      case .and, .or, .xor: try expectElement(inputs, 0, .bool)
      case .equal: break
      default:
        if inputs[0].element == .bool { throw ShapeError.input(0, axis: nil, expected: "numbers") }
      }
      let shape = try broadcastShape(inputs, 0, 1)
      return [try TensorType(checking: shape, function.isComparison ? .bool : inputs[0].element)]
    }
  }
}
