import Foundation

extension ONNXGraphBuilder {
  /// A recurrent layer as ONNX's: the products with the inputs are there already, so its input weights pick each
  /// direction's own gates.
  mutating func add(_ o: Operator.Recurrence, _ node: Graph.Node, _ x: [String], _ y: [String]) throws {
    let directions = o.isBackward.count, rows = o.kind.gateCount * o.hidden, inputs = directions * rows
    var pick = [Float](repeating: 0, count: directions * rows * inputs)
    for row in 0..<directions * rows { pick[row * inputs + row] = 1 }
    let weights = constant(TensorValue([directions, rows, inputs], pick))
    let zeros = constant(TensorValue(zeros: TensorType([directions, rows])))
    let biases = step("Concat", [zeros, x[2]], [.int("axis", 1)])
    let lengths = step("Cast", [x[3]], [.int("to", Int(ONNXElement.int32.rawValue))])
    var functions: [String] = [], alphas: [Float] = [], betas: [Float] = []
    for function in o.functions.joined() {
      let (name, alpha, beta) = try recurrent(function, node)
      functions.append(name)
      if let alpha { alphas.append(alpha) }
      if let beta { betas.append(beta) }
    }
    var attributes: [ONNXAttributeProto] = [
      .int("hidden_size", o.hidden), .texts("activations", functions),
      .text("direction", directions == 2 ? "bidirectional" : o.isBackward[0] ? "reverse" : "forward"),
    ]
    guard directions == 1 || o.isBackward == [false, true] else {
      throw missing(node, "two directions other than forward and backward")
    }
    if !alphas.isEmpty { attributes.append(.floats("activation_alpha", alphas)) }
    if !betas.isEmpty { attributes.append(.floats("activation_beta", betas)) }
    if o.clip.isFinite { attributes.append(.float("clip", o.clip)) }
    let common = [x[0], weights, x[1], biases, lengths, x[4]]
    switch o.kind {
    case .plain: emit("RNN", common, y, attributes)
    case .gru: emit("GRU", common, y, attributes + [.flag("linear_before_reset", o.resetsAfterProduct)])
    case .lstm: emit("LSTM", common + [x[5], x[6]], y, attributes + [.flag("input_forget", o.couplesForget)])
    }
  }

  /// A function's name in ONNX's recurrent layers, with the parameters that it has there.
  private func recurrent(
    _ function: Operator.Unary.Function, _ node: Graph.Node
  ) throws -> (name: String, alpha: Float?, beta: Float?) {
    switch function {
    case .relu: ("Relu", nil, nil)
    case .tanh: ("Tanh", nil, nil)
    case .sigmoid: ("Sigmoid", nil, nil)
    case .softplus: ("Softplus", nil, nil)
    case .elu(let alpha): ("Elu", alpha, nil)
    case .leakyRelu(let alpha): ("LeakyRelu", alpha, nil)
    case .hardSigmoid(let alpha, let beta): ("HardSigmoid", alpha, beta)
    case .linear(let alpha, let beta): ("Affine", alpha, beta)
    default: throw missing(node, "a recurrent layer with \(Operator.Unary(function).name)")
    }
  }

  /// Steps of element-wise operators: floats stay floats.
  mutating func add(
    _ o: Operator.Quantization, _ node: Graph.Node, _ x: [String], _ y: [String], _ types: [TensorType]
  ) throws {
    guard o.blockSize == 0 else { throw missing(node, "\(o.name) in blocks") }
    var (scale, zero) = (x[1], x[2])
    if types[1].count > 1 {
      let axis = o.axis < 0 ? o.axis + types[0].rank : o.axis
      var shape = types[0].shape.map { _ in 1 }
      shape[axis] = types[1].count
      (scale, zero) = (step("Reshape", [scale, integers(shape)]), step("Reshape", [zero, integers(shape)]))
    }
    var value = x[0]
    if o.direction != .dequantize {
      value = step("Round", [step("Div", [value, scale])])
      value = step("Clip", [step("Add", [value, zero]), scalar(o.low), scalar(o.high)])
    }
    if o.direction == .quantize { return emit("Identity", [value], y) }
    emit("Mul", [step("Sub", [value, zero]), scale], y)
  }
}

extension ONNXAttributeProto {
  static func floats(_ name: String, _ values: [Float]) -> Self {
    var a = Self()
    (a.name, a.type, a.floats) = (name, 6, values)
    return a
  }

  static func texts(_ name: String, _ values: [String]) -> Self {
    var a = Self()
    (a.name, a.type) = (name, 8)
    a.strings = values.map { Data($0.utf8) }
    return a
  }
}
