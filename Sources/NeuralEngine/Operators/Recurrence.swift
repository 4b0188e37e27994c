extension Operator {
  /// A recurrent layer's steps, after the products of its inputs with their weights.
  ///
  /// For each direction and sequence, from h = initial state, with a = gates at the step (input weights and all biases but
  /// those below are in it), R the recurrent weights and b their biases:
  /// - `plain`: h = f(a + R h + b).
  /// - `gru` (update z, reset r, candidate n): z, r = f(a + R h + b); n = g(a + R (r ∘ h) + b), or, where the reset comes
  ///   after the product, n = g(a + r ∘ (R h + b)); h = (1 - z) ∘ n + z ∘ h.
  /// - `lstm` (input i, output o, forget f, cell c; p the peepholes): i, f = f(a + R h + b + p ∘ C); C = f ∘ C + i ∘ g(a +
  ///   R h + b); o = f(a + R h + b + p ∘ C); h = o ∘ k(C).
  ///
  /// Inputs: gates `[step, batch, direction · gate · hidden]`, R `[direction, gate · hidden, hidden]`, b
  /// `[direction, gate · hidden]`, lengths of the sequences `[batch]` (int64), initial states
  /// `[direction, batch, hidden]`; for an LSTM also initial cells of that shape and peepholes `[direction, 3 · hidden]`
  /// (input, output, forget).
  /// Outputs: all states `[step, direction, batch, hidden]` (0 after a sequence's end), the last states
  /// `[direction, batch, hidden]`, and for an LSTM the last cells.
  ///
  /// - Source: ONNX's RNN, GRU and LSTM; Cho et al., arXiv 1406.1078; Hochreiter & Schmidhuber, Neural Computation 9 (1997).
  public struct Recurrence: OperatorDefinition, Hashable {
    /// The layer's kind; its gates' order is ONNX's.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
      case plain, gru, lstm

      /// How many products a step takes.
      public var gateCount: Int {
        switch self {
        case .plain: 1
        case .gru: 3
        case .lstm: 4
        }
      }
      /// How many functions a direction has: f, g and k.
      public var functionCount: Int { min(gateCount, 3) - (self == .gru ? 1 : 0) }
    }

    /// The layer's kind.
    public var kind: Kind
    /// Elements of a state.
    public var hidden: Int
    /// For each direction whether it runs from the last step to the first.
    public var isBackward: [Bool]
    /// For each direction its functions: f, g, k as far as the kind has them.
    public var functions: [[Unary.Function]]
    /// Sums are clamped to ± this before the functions; infinity: not at all.
    public var clip: Float
    /// GRU: whether the reset gate comes after the product with the state.
    public var resetsAfterProduct: Bool
    /// LSTM: whether the forget gate is 1 - input.
    public var couplesForget: Bool

    /// A recurrent layer of one direction with the usual functions, unless said otherwise.
    public init(
      _ kind: Kind, hidden: Int, isBackward: [Bool] = [false], functions: [[Unary.Function]]? = nil,
      clip: Float = .infinity, resetsAfterProduct: Bool = false, couplesForget: Bool = false
    ) {
      self.kind = kind
      self.hidden = hidden
      self.isBackward = isBackward
      self.functions = functions ?? isBackward.map { _ in Self.usualFunctions(kind) }
      self.clip = clip
      self.resetsAfterProduct = resetsAfterProduct
      self.couplesForget = couplesForget
    }

    /// Tanh for a plain layer, else sigmoid for the gates and tanh for the rest.
    public static func usualFunctions(_ kind: Kind) -> [Unary.Function] {
      switch kind {
      case .plain: [.tanh]
      case .gru: [.sigmoid, .tanh]
      case .lstm: [.sigmoid, .tanh, .tanh]
      }
    }

    /// Its name in tables and errors.
    public var name: String { kind == .plain ? "recurrent layer" : kind.rawValue }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      let directions = isBackward.count, gates = kind.gateCount
      guard (1...2).contains(directions), hidden >= 1, hidden <= 1 << 20, functions.count == directions,
        functions.allSatisfy({ $0.count == kind.functionCount })
      else {
        throw ShapeError.parameter(
          "directions", found: "\(directions) of \(functions.map(\.count)) functions, \(hidden) elements",
          expected: "1 or 2, with \(kind.functionCount) functions")
      }
      try expectInputs(inputs, kind == .lstm ? 7 : 5)
      for i in inputs.indices { try expectElement(inputs, i, i == 3 ? .int64 : .float32) }
      try expectRank(inputs, 0, 3...3)
      let steps = inputs[0].shape[0], batch = inputs[0].shape[1], state = [directions, batch, hidden]
      var wanted = [
        [steps, batch, directions * gates * hidden], [directions, gates * hidden, hidden],
        [directions, gates * hidden], [batch], state,
      ]
      if kind == .lstm { wanted += [state, [directions, 3 * hidden]] }
      for (i, shape) in wanted.enumerated() where inputs[i].shape != shape {
        throw ShapeError.input(i, axis: nil, expected: "a shape of \(shape)")
      }
      let last = TensorType(state)
      return [TensorType([steps, directions, batch, hidden])] + (kind == .lstm ? [last, last] : [last])
    }

    /// Floating-point operations of one run: the products with the states.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      saturatingProduct([2, inputs[0].count, hidden])
    }

    /// Recurrent weights with rows as columns, and for each thread a step's products, cells and state.
    public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) -> Int {
      let stride = (kind.gateCount * hidden + 15) / 16 * 16
      return 4 * (isBackward.count * hidden * stride + threads * (2 * stride + 3 * hidden + 64)) + 8 * hidden + 256
    }
  }
}
