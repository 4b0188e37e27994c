extension ONNXOperators {
  /// Recurrent layers.
  static let recurrent: [String: Builder] = [
    "RNN": recurrence(.plain), "GRU": recurrence(.gru), "LSTM": recurrence(.lstm),
  ]

  private typealias Value = ONNXImporter.Value

  /// The products of all inputs with their weights at once, then the steps.
  private static func recurrence(_ kind: Operator.Recurrence.Kind) -> Builder {
    { importer, node in
      let operation = try recurrenceOperator(kind, &importer, node)
      let batchFirst = try node.flag("layout")
      var x = try importer.required(node, 0)
      guard importer.shape(x).count == 3 else {
        throw node.fault("an input of \(importer.shape(x))", expected: "3 axes")
      }
      if batchFirst { x = try importer.step(.transpose(.init([1, 0, 2])), [x], node) }
      let steps = importer.shape(x)[0], batch = importer.shape(x)[1]
      let directions = operation.isBackward.count, rows = kind.gateCount * operation.hidden
      let (inputBias, recurrentBias) = try biases(operation, rows, &importer, node)
      var weights = try importer.required(node, 1)
      guard importer.shape(weights).count == 3, Array(importer.shape(weights)[..<2]) == [directions, rows] else {
        throw node.fault("weights of \(importer.shape(weights))", expected: "[\(directions), \(rows), inputs]")
      }
      let features = importer.shape(weights)[2]
      weights = try importer.step(.reshape(.init([directions * rows, features])), [weights], node)
      let gates = try importer.step(
        .matrixMultiplication(.init(transposesSecond: true)), [x, weights, inputBias], node)
      func state(_ index: Int) throws -> Value {
        guard let given = try importer.input(node, index) else {
          return importer.constant(TensorValue(zeros: TensorType([directions, batch, operation.hidden])))
        }
        return batchFirst ? try importer.step(.transpose(.init([1, 0, 2])), [given], node) : given
      }
      let lengths =
        try importer.input(node, 4)
        ?? importer.constant(
          TensorValue([batch], integers: [Int64](repeating: Int64(steps), count: batch)))
      var inputs = [gates, try importer.required(node, 2), recurrentBias, lengths, try state(5)]
      if kind == .lstm {
        inputs.append(try state(6))
        inputs.append(
          try importer.input(node, 7)
            ?? importer.constant(TensorValue(zeros: TensorType([directions, 3 * operation.hidden]))))
      }
      var outputs = try importer.emit(.recurrence(operation), inputs, node, isLast: false)
      if batchFirst {
        outputs[0] = try importer.step(.transpose(.init([2, 0, 1, 3])), [outputs[0]], node)
        for i in 1..<outputs.count {
          outputs[i] = try importer.step(.transpose(.init([1, 0, 2])), [outputs[i]], node)
        }
      }
      return outputs
    }
  }

  /// The biases beside the inputs' weights, and those that stay with the states': a GRU that resets after its product
  /// needs the latter apart, others have both together.
  private static func biases(
    _ operation: Operator.Recurrence, _ rows: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> (input: Value, recurrent: Value) {
    let directions = operation.isBackward.count
    let none = importer.constant(TensorValue(zeros: TensorType([directions, rows])))
    guard let both = try importer.input(node, 3) else {
      return (importer.constant(TensorValue(zeros: TensorType([directions * rows]))), none)
    }
    guard importer.shape(both) == [directions, 2 * rows] else {
      throw node.fault("biases of \(importer.shape(both))", expected: "\([directions, 2 * rows])")
    }
    func half(_ index: Int) throws -> Value {
      try importer.step(
        .slice(.init(starts: [0, index * rows], counts: [directions, rows])), [both], node)
    }
    var input = try half(0), recurrent = try half(1)
    if !operation.resetsAfterProduct {
      input = try importer.step(.binary(.init(.add)), [input, recurrent], node)
      recurrent = none
    }
    return (try importer.step(.reshape(.init([directions * rows])), [input], node), recurrent)
  }

  private static func recurrenceOperator(
    _ kind: Operator.Recurrence.Kind, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> Operator.Recurrence {
    let isBackward: [Bool]
    switch try node.string("direction", "forward") {
    case "forward": isBackward = [false]
    case "reverse": isBackward = [true]
    case "bidirectional": isBackward = [false, true]
    case let other: throw node.fault("direction \(other)", expected: "forward, reverse or bidirectional")
    }
    let weights = importer.shape(try importer.required(node, 2))
    let hidden = try node.int("hidden_size", weights.last ?? 0)
    guard (1...1 << 20).contains(hidden) else {
      throw node.fault("hidden_size \(hidden)", expected: "1 to \(1 << 20)")
    }
    return Operator.Recurrence(
      kind, hidden: hidden, isBackward: isBackward,
      functions: try functions(kind, directions: isBackward.count, node),
      clip: try node.float("clip", .infinity), resetsAfterProduct: try node.flag("linear_before_reset"),
      couplesForget: try node.flag("input_forget"))
  }

  /// The functions by name, with their parameters in the order in which they need one.
  private static func functions(
    _ kind: Operator.Recurrence.Kind, directions: Int, _ node: ONNXNode
  ) throws -> [[Operator.Unary.Function]]? {
    guard let names = node.strings("activations") else { return nil }
    guard names.count == directions * kind.functionCount else {
      throw node.fault("\(names.count) activations", expected: "\(directions * kind.functionCount)")
    }
    var alphas = (node.floats("activation_alpha") ?? [])[...], betas = (node.floats("activation_beta") ?? [])[...]
    let all = try names.map { name -> Operator.Unary.Function in
      switch name.lowercased() {
      case "relu": .relu
      case "tanh": .tanh
      case "sigmoid": .sigmoid
      case "softplus": .softplus
      case "elu": .elu(alphas.popFirst() ?? 1)
      case "leakyrelu": .leakyRelu(alphas.popFirst() ?? 0.01)
      case "hardsigmoid": .hardSigmoid(alpha: alphas.popFirst() ?? 0.2, beta: betas.popFirst() ?? 0.5)
      case "affine": .linear(alpha: alphas.popFirst() ?? 1, beta: betas.popFirst() ?? 0)
      default:
        throw node.fault(
          "activation \(name)",
          expected: "Relu, Tanh, Sigmoid, Softplus, Elu, LeakyRelu, HardSigmoid or Affine")
      }
    }
    return (0..<directions).map { Array(all[$0 * kind.functionCount..<($0 + 1) * kind.functionCount]) }
  }
}
