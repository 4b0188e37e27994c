extension ONNXOperators {
  /// Operators that work element by element.
  static let elementwise: [String: Builder] = {
    var table: [String: Builder] = [
      "Clip": clip, "Pow": power, "Where": select, "Cast": cast, "CastLike": castLike, "Not": not,
      "Dropout": dropout, "Mod": modulo, "Selu": selu,
      "Max": many(.maximum), "Min": many(.minimum), "Sum": many(.add), "Mean": mean,
    ]
    let unaries: [String: @Sendable (ONNXNode) throws -> Operator.Unary.Function] = [
      "Relu": { _ in .relu }, "LeakyRelu": { .leakyRelu(try $0.float("alpha", 0.01)) },
      "Elu": { .elu(try $0.float("alpha", 1)) }, "Sigmoid": { _ in .sigmoid },
      "HardSigmoid": { .hardSigmoid(alpha: try $0.float("alpha", 0.2), beta: try $0.float("beta", 0.5)) },
      "HardSwish": { _ in .hardSwish }, "Swish": { .swish(try $0.float("alpha", 1)) }, "Mish": { _ in .mish },
      "Gelu": { try $0.string("approximate", "none") == "tanh" ? .geluTanh : .gelu },
      "Softplus": { _ in .softplus }, "Tanh": { _ in .tanh }, "Erf": { _ in .erf }, "Exp": { _ in .exp },
      "Log": { _ in .log }, "Sqrt": { _ in .sqrt }, "Abs": { _ in .abs }, "Neg": { _ in .negate },
      "Reciprocal": { _ in .reciprocal }, "Sin": { _ in .sine }, "Cos": { _ in .cosine },
      "Atan": { _ in .arctangent },
      "Floor": { _ in .floor }, "Ceil": { _ in .ceiling }, "Round": { _ in .round },
      "Identity": { _ in .identity },
    ]
    for (name, function) in unaries {
      table[name] = { importer, node in
        try importer.emit(.unary(.init(try function(node))), [try importer.required(node, 0)], node)
      }
    }
    let binaries: [String: Operator.Binary.Function] = [
      "Add": .add, "Sub": .subtract, "Mul": .multiply, "Div": .divide, "PRelu": .prelu, "Equal": .equal,
      "Less": .less, "LessOrEqual": .lessOrEqual, "Greater": .greater, "GreaterOrEqual": .greaterOrEqual,
      "And": .and, "Or": .or, "Xor": .xor,
    ]
    for (name, function) in binaries {
      table[name] = { importer, node in
        let (a, b) = try operands(&importer, node)
        return try importer.emit(.binary(.init(function)), [a, b], node)
      }
    }
    return table
  }()

  /// Both operands; before opset 7 the second is aligned at an axis of the first by attributes.
  private static func operands(
    _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> (ONNXImporter.Value, ONNXImporter.Value) {
    let a = try importer.required(node, 0)
    var b = try importer.required(node, 1)
    let shape = importer.shape(b), rank = importer.shape(a).count
    if importer.operatorSet < 7, node.kind == "PRelu", shape.count == 1, rank > 2 {
      // One slope a channel.
      b = try importer.step(.reshape(.init(shape + ones(rank - 2))), [b], node)
    } else if importer.operatorSet < 7, try node.flag("broadcast"), node.has("axis") {
      let axis = try axis(try node.int("axis", 0), rank: rank, node)
      guard axis + shape.count <= rank else {
        throw node.fault("axis \(axis) for shape \(shape)", expected: "an alignment within \(rank) axes")
      }
      b = try importer.step(.reshape(.init(shape + ones(rank - axis - shape.count))), [b], node)
    }
    return (a, b)
  }

  static func ones(_ count: Int) -> [Int] { [Int](repeating: 1, count: max(0, count)) }

  private static func many(_ function: Operator.Binary.Function) -> Builder {
    { importer, node in
      let inputs = try importer.allInputs(node)
      guard inputs.count > 1 else { return try importer.emit(.unary(.init(.identity)), inputs, node) }
      var total = inputs[0]
      for (i, input) in inputs.enumerated().dropFirst() {
        let last = i == inputs.count - 1
        total = try importer.emit(.binary(.init(function)), [total, input], node, isLast: last)[0]
      }
      return [total]
    }
  }

  private static let mean: Builder = { importer, node in
    let inputs = try importer.allInputs(node)
    var total = inputs[0]
    for input in inputs.dropFirst() { total = try importer.step(.binary(.init(.add)), [total, input], node) }
    return try importer.emit(
      .unary(.init(.linear(alpha: 1 / Float(inputs.count), beta: 0))), [total], node)
  }

  private static let clip: Builder = { importer, node in
    let x = try importer.required(node, 0)
    func bound(_ index: Int, _ name: String) throws -> ONNXImporter.Value? {
      guard importer.operatorSet < 11 else { return try importer.input(node, index) }
      return node.has(name) ? importer.constant(TensorValue([], [try node.float(name, 0)])) : nil
    }
    let bounds = [try bound(1, "min"), try bound(2, "max")]
    if importer.type(x).element == .float32 {
      var limits: [Float] = [-.infinity, .infinity], areConstant = true
      for (i, value) in bounds.enumerated() {
        guard let value else { continue }
        if case .constant(let known, _) = value, let floats = known.floats, floats.count == 1 {
          limits[i] = floats[0]
        } else {
          areConstant = false
        }
      }
      if areConstant {
        return try importer.emit(.unary(.init(.clip(low: limits[0], high: limits[1]))), [x], node)
      }
    }
    var y = x
    if let low = bounds[0] {
      y = try importer.emit(.binary(.init(.maximum)), [y, low], node, isLast: bounds[1] == nil)[0]
    }
    if let high = bounds[1] { y = try importer.emit(.binary(.init(.minimum)), [y, high], node)[0] }
    return bounds[0] == nil && bounds[1] == nil ? try importer.emit(.unary(.init(.identity)), [x], node) : [y]
  }

  private static let power: Builder = { importer, node in
    let (base, exponent) = try operands(&importer, node)
    let element = importer.type(base).element
    if element == .float32, case .constant(let known, _) = exponent, known.type.count == 1,
      importer.shape(exponent).count <= importer.shape(base).count
    {
      let value = known.floats?[0] ?? Float(known.integers?[0] ?? 0)
      return try importer.emit(.unary(.init(.power(value))), [base], node)
    }
    if element == .int64, importer.type(exponent).element == .float32 {
      let wide = try importer.step(.cast(.init(to: .float32)), [base], node)
      let y = try importer.step(.binary(.init(.power)), [wide, exponent], node)
      return try importer.emit(.cast(.init(to: .int64)), [y], node)
    }
    let same = try importer.step(.cast(.init(to: element)), [exponent], node)
    return try importer.emit(.binary(.init(.power)), [base, same], node)
  }

  private static let select: Builder = { importer, node in
    try importer.emit(.select(.init()), try (0..<3).map { try importer.required(node, $0) }, node)
  }

  private static let cast: Builder = { importer, node in
    var number = Int32(clamping: try node.int("to", 0))
    if number == 0, importer.operatorSet < 6, try node.string("to", "") == "FLOAT" { number = 1 }
    guard let type = ONNXElement(rawValue: number) else {
      throw node.fault("element type \(number)", expected: "a number or boolean type")
    }
    let x = try importer.required(node, 0)
    importer.setStoredElement(node, type)
    if type.element == .float32, case .tensor(let id) = x, let floats = importer.wholeFloats[id] {
      return [floats]
    }
    return try importer.emit(.cast(.init(to: type.element)), [x], node)
  }

  private static let castLike: Builder = { importer, node in
    let element = importer.type(try importer.required(node, 1)).element
    return try importer.emit(.cast(.init(to: element)), [try importer.required(node, 0)], node)
  }

  private static let not: Builder = { importer, node in
    let no = importer.constant(TensorValue([], booleans: [false]))
    return try importer.emit(.binary(.init(.equal)), [try importer.required(node, 0), no], node)
  }

  private static let modulo: Builder = { importer, node in
    let function: Operator.Binary.Function = try node.flag("fmod") ? .remainder : .modulo
    return try importer.emit(.binary(.init(function)), [0, 1].map { try importer.required(node, $0) }, node)
  }

  /// gamma · elu(x, alpha).
  private static let selu: Builder = { importer, node in
    let alpha = try node.float("alpha", 1.673_263_2), gamma = try node.float("gamma", 1.050_701)
    let elu = try importer.step(.unary(.init(.elu(alpha))), [try importer.required(node, 0)], node)
    return try importer.emit(.unary(.init(.linear(alpha: gamma, beta: 0))), [elu], node)
  }

  /// At inference the input itself, and a mask of ones.
  private static let dropout: Builder = { importer, node in
    let x = try importer.required(node, 0)
    if let training = try importer.input(node, 2), try importer.known(training)?.booleans?.first == true {
      throw node.fault("training mode", expected: "inference")
    }
    let y = try importer.emit(.unary(.init(.identity)), [x], node)
    guard node.hasOutput(1) else { return y }
    let yes = importer.constant(TensorValue([], booleans: [true]))
    return y + [try importer.step(.expand(.init(importer.shape(x))), [yes], node)]
  }
}
