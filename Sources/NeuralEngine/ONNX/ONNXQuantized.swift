extension ONNXOperators {
  /// Operators on integers with scales and zero points. They compute in floats, which hold the integers exactly.
  static let quantized: [String: Builder] = [
    "QuantizeLinear": quantizeLinear, "DequantizeLinear": dequantizeLinear,
    "DynamicQuantizeLinear": dynamicQuantizeLinear, "ConvInteger": convolutionOfIntegers,
    "MatMulInteger": productOfIntegers, "QLinearConv": quantizedConvolution, "QLinearMatMul": quantizedProduct,
    "com.microsoft.QLinearAdd": quantizedPair(.add), "com.microsoft.QLinearMul": quantizedPair(.multiply),
    "com.microsoft.QLinearSigmoid": quantizedUnary { _ in .sigmoid },
    "com.microsoft.QLinearLeakyRelu": quantizedUnary { .leakyRelu(try $0.float("alpha", 0.01)) },
    "com.microsoft.QLinearGlobalAveragePool": quantizedGlobalAverage,
    "com.microsoft.QLinearConcat": quantizedConcatenation,
    "com.microsoft.QuantizeLinear": quantizeLinear, "com.microsoft.DequantizeLinear": dequantizeLinear,
  ]

  private typealias Value = ONNXImporter.Value

  /// The bounds of whole numbers of a stored type.
  private static func bounds(_ element: ONNXElement, _ node: ONNXNode) throws -> (low: Float, high: Float) {
    switch element {
    case .uint8: (0, 255)
    case .int8: (-128, 127)
    case .uint16: (0, 65_535)
    case .int16: (-32_768, 32_767)
    default: throw node.fault("elements of \(element)", expected: "8 or 16 bits")
    }
  }

  private static func zero() -> Value { .constant(TensorValue([], [0]), name: nil) }

  /// The scale at `index` and the zero point behind it, as floats of one shape.
  private static func lattice(
    _ importer: inout ONNXImporter, _ node: ONNXNode, scale index: Int
  ) throws -> (scale: Value, zero: Value) {
    let scale = try importer.required(node, index)
    guard let input = try importer.input(node, index + 1) else {
      let zeros = try importer.step(.expand(.init(importer.shape(scale))), [zero()], node)
      return (scale, zeros)
    }
    return (scale, try importer.floats(input, node))
  }

  private static func quantize(
    _ x: Value, _ scale: Value, _ zero: Value, _ element: ONNXElement, axis: Int = 1, blockSize: Int = 0,
    _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> Value {
    let (low, high) = try bounds(element, node)
    let operation = Operator.Quantization(
      .quantize, axis: axis, blockSize: blockSize, low: low, high: high)
    importer.setStoredElement(node, element)
    return try importer.integers(
      try importer.step(.quantization(operation), [x, scale, zero], node), node)
  }

  private static func dequantize(
    _ x: Value, _ scale: Value, _ zero: Value, axis: Int = 1, blockSize: Int = 0, isLast: Bool = false,
    _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> Value {
    let x = try importer.floats(x, node)
    let operation = Operator.Quantization(.dequantize, axis: axis, blockSize: blockSize)
    if let both = try rounding(x, operation, scale, zero, &importer) {
      return try importer.emit(.quantization(both.operation), [both.x, scale, zero], node, isLast: isLast)[0]
    }
    return try importer.emit(.quantization(operation), [x, scale, zero], node, isLast: isLast)[0]
  }

  /// Quantising and dequantising by the same lattice as one operator, where `x` was made by the first.
  private static func rounding(
    _ x: Value, _ back: Operator.Quantization, _ scale: Value, _ zero: Value, _ importer: inout ONNXImporter
  ) throws -> (operation: Operator.Quantization, x: Value)? {
    guard case .tensor(let id) = x, case .node(let index, _) = importer.graph[id].source else { return nil }
    let maker = importer.graph.nodes[index]
    guard case .quantization(var forth) = maker.operation, forth.direction == .quantize else { return nil }
    let known = [scale, zero].map { if case .constant(let value, _) = $0 { value } else { nil as TensorValue? } }
    guard let scale = known[0], let zero = known[1], importer.graph.value(maker.inputs[1]) == scale,
      importer.graph.value(maker.inputs[2]) == zero,
      scale.type.count == 1 || (forth.axis, forth.blockSize) == (back.axis, back.blockSize)
    else { return nil }
    forth.direction = .round
    return (forth, .tensor(maker.inputs[0]))
  }

  private static let quantizeLinear: Builder = { importer, node in
    let x = try importer.floats(try importer.required(node, 0), node)
    let (scale, zero) = try lattice(&importer, node, scale: 1)
    var element = importer.storedElement(node, 2) ?? .uint8
    let stated = try node.int("output_dtype", 0)
    if stated != 0 {
      guard let type = ONNXElement(rawValue: Int32(clamping: stated)) else {
        throw node.fault("element type \(stated)", expected: "8 or 16 bits")
      }
      element = type
    }
    return [
      try quantize(
        x, scale, zero, element, axis: try node.int("axis", 1), blockSize: try node.int("block_size", 0),
        &importer, node)
    ]
  }

  private static let dequantizeLinear: Builder = { importer, node in
    let x = try importer.required(node, 0)
    let (scale, zero) = try lattice(&importer, node, scale: 1)
    return [
      try dequantize(
        x, scale, zero, axis: try node.int("axis", 1), blockSize: try node.int("block_size", 0), isLast: true,
        &importer, node)
    ]
  }

  /// scale = (max(x, 0) - min(x, 0)) / 255, zero = clamp(round(-min / scale), 0, 255), and x by these.
  private static let dynamicQuantizeLinear: Builder = { importer, node in
    let x = try importer.required(node, 0), axes = Array(importer.shape(x).indices)
    func extreme(_ function: Operator.Reduction.Function, _ pair: Operator.Binary.Function) throws -> Value {
      let y = try importer.step(.reduction(.init(function, axes: axes, keepsAxes: false)), [x], node)
      return try importer.step(.binary(.init(pair)), [y, zero()], node)
    }
    let low = try extreme(.minimum, .minimum), high = try extreme(.maximum, .maximum)
    let span = try importer.step(.binary(.init(.subtract)), [high, low], node)
    let levels = importer.constant(TensorValue([], [255]))
    let scale = try importer.step(.binary(.init(.divide)), [span, levels], node)
    let start = try importer.step(.unary(.init(.negate)), [low], node)
    let lattice = Operator.quantization(.init(.quantize))
    let point = try importer.step(lattice, [start, scale, zero()], node)
    let y = try importer.step(lattice, [x, scale, point], node)
    importer.setStoredElement(node, .uint8)
    importer.setStoredElement(node, output: 2, .uint8)
    return [
      try importer.integers(y, node, isLast: false), scale, try importer.integers(point, node, isLast: false),
    ]
  }

  // MARK: Products of integers

  /// `x - zero` in floats; zero points of an axis lie along it.
  private static func shifted(
    _ x: Value, zero index: Int, axis: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> Value {
    let x = try importer.floats(x, node)
    guard let input = try importer.input(node, index) else { return x }
    var point = try importer.floats(input, node)
    if case .constant(let value, _) = point, value.floats?.allSatisfy({ $0 == 0 }) ?? false { return x }
    let rank = importer.shape(x).count
    if importer.shape(point).count == 1, importer.type(point).count > 1, axis < rank {
      var shape = ones(rank)
      shape[axis] = importer.type(point).count
      point = try importer.step(.reshape(.init(shape)), [point], node)
    }
    return try importer.step(.binary(.init(.subtract)), [x, point], node)
  }

  /// Sums of products of whole numbers as floats that are those sums exactly up to 2^24, and rounded once above.
  ///
  /// Floats add whole numbers exactly below 2^24. Where known weights say that sums may grow larger, the second operand is
  /// split into sixteens and the rest, whose sums stay below.
  private static func exactProduct(
    _ operation: Operator, _ x: Value, _ w: Value, outputAxis: Int, _ importer: inout ONNXImporter,
    _ node: ONNXNode
  ) throws -> Value {
    let shape = importer.shape(w)
    let terms = shape.isEmpty ? 1 : importer.type(w).count / max(1, shape[outputAxis])
    var largest = Float(terms) * 255 * 255
    if case .constant(let value, _) = w, let floats = value.floats, !shape.isEmpty {
      largest = 255 * largestSum(floats, shape, axis: outputAxis)
    }
    func rounded(_ w: Value) throws -> Value {
      let sum = try importer.step(operation, [x, w], node)
      return try importer.step(.unary(.init(.round)), [sum], node)
    }
    if largest < 0x1p24 { return try rounded(w) }
    let sixteenth = try importer.step(.unary(.init(.linear(alpha: 1 / 16, beta: 0))), [w], node)
    let high = try importer.step(.unary(.init(.round)), [sixteenth], node)
    let coarse = try importer.step(.unary(.init(.linear(alpha: 16, beta: 0))), [high], node)
    let low = try importer.step(.binary(.init(.subtract)), [w, coarse], node)
    let sums = try importer.step(
      .unary(.init(.linear(alpha: 16, beta: 0))), [try rounded(high)], node)
    return try importer.step(.binary(.init(.add)), [sums, try rounded(low)], node)
  }

  /// The largest sum of magnitudes over all axes but one.
  private static func largestSum(_ values: [Float], _ shape: [Int], axis: Int) -> Float {
    let inner = shape[(axis + 1)...].reduce(1, *), extent = shape[axis]
    var sums = [Float](repeating: 0, count: extent)
    for (i, value) in values.enumerated() { sums[i / max(inner, 1) % extent] += abs(value) }
    return sums.max() ?? 0
  }

  private static let convolutionOfIntegers: Builder = { importer, node in
    let x = try shifted(try importer.required(node, 0), zero: 2, axis: 1, &importer, node)
    let w = try shifted(try importer.required(node, 1), zero: 3, axis: 0, &importer, node)
    let operation = try convolutionOperator(importer, node, x: 0, w: 1)
    importer.setStoredElement(node, .int32)
    let sums = try exactProduct(.convolution(operation), x, w, outputAxis: 0, &importer, node)
    return [try importer.integers(sums, node)]
  }

  private static let productOfIntegers: Builder = { importer, node in
    let a = try importer.required(node, 0), b = try importer.required(node, 1)
    let x = try shifted(a, zero: 2, axis: max(0, importer.shape(a).count - 2), &importer, node)
    let rank = importer.shape(b).count
    let w = try shifted(b, zero: 3, axis: max(0, rank - 1), &importer, node)
    importer.setStoredElement(node, .int32)
    let sums = try exactProduct(
      .matrixMultiplication(.init()), x, w, outputAxis: max(0, rank - 1), &importer, node)
    return [try importer.integers(sums, node)]
  }

  /// Sums times the scales of both operands, over the result's, on the result's lattice.
  private static func requantized(
    _ sums: Value, scales: [Int], shape: [Int]?, result index: Int, _ importer: inout ONNXImporter,
    _ node: ONNXNode
  ) throws -> Value {
    var factor = try importer.step(
      .binary(.init(.multiply)), [try importer.required(node, scales[0]), try importer.required(node, scales[1])],
      node)
    let (scale, zero) = try lattice(&importer, node, scale: index)
    factor = try importer.step(.binary(.init(.divide)), [factor, scale], node)
    if let shape, importer.type(factor).count > 1 {
      factor = try importer.step(.reshape(.init(shape)), [factor], node)
    }
    let scaled = try importer.step(.binary(.init(.multiply)), [sums, factor], node)
    let one = importer.constant(TensorValue(importer.shape(zero), [Float](repeating: 1, count: importer.type(zero).count)))
    return try quantize(
      scaled, one, zero, importer.storedElement(node, index + 1) ?? .uint8, &importer, node)
  }

  private static let quantizedConvolution: Builder = { importer, node in
    let x = try shifted(try importer.required(node, 0), zero: 2, axis: 1, &importer, node)
    let w = try shifted(try importer.required(node, 3), zero: 5, axis: 0, &importer, node)
    let operation = try convolutionOperator(importer, node, x: 0, w: 3)
    var sums = try exactProduct(.convolution(operation), x, w, outputAxis: 0, &importer, node)
    let channels = [1, importer.shape(w)[0]] + ones(importer.shape(w).count - 2)
    if let bias = try importer.input(node, 8) {
      let row = try importer.step(.reshape(.init(channels)), [try importer.floats(bias, node)], node)
      sums = try importer.step(.binary(.init(.add)), [sums, row], node)
    }
    return [try requantized(sums, scales: [1, 4], shape: channels, result: 6, &importer, node)]
  }

  private static let quantizedProduct: Builder = { importer, node in
    let a = try importer.required(node, 0), b = try importer.required(node, 3)
    let x = try shifted(a, zero: 2, axis: max(0, importer.shape(a).count - 2), &importer, node)
    let columns = max(0, importer.shape(b).count - 1)
    let w = try shifted(b, zero: 5, axis: columns, &importer, node)
    let sums = try exactProduct(.matrixMultiplication(.init()), x, w, outputAxis: columns, &importer, node)
    return [try requantized(sums, scales: [1, 4], shape: nil, result: 6, &importer, node)]
  }

  // MARK: ONNX Runtime's own

  private static func result(
    _ x: Value, scale index: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> [Value] {
    let (scale, zero) = try lattice(&importer, node, scale: index)
    return [try quantize(x, scale, zero, importer.storedElement(node, index + 1) ?? .uint8, &importer, node)]
  }

  private static func operand(
    _ index: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> Value {
    let (scale, zero) = try lattice(&importer, node, scale: index + 1)
    return try dequantize(try importer.required(node, index), scale, zero, &importer, node)
  }

  private static func quantizedPair(_ function: Operator.Binary.Function) -> Builder {
    { importer, node in
      let a = try operand(0, &importer, node), b = try operand(3, &importer, node)
      let y = try importer.step(.binary(.init(function)), [a, b], node)
      return try result(y, scale: 6, &importer, node)
    }
  }

  private static func quantizedUnary(
    _ function: @escaping @Sendable (ONNXNode) throws -> Operator.Unary.Function
  ) -> Builder {
    { importer, node in
      let x = try operand(0, &importer, node)
      let y = try importer.step(.unary(.init(try function(node))), [x], node)
      return try result(y, scale: 3, &importer, node)
    }
  }

  private static let quantizedGlobalAverage: Builder = { importer, node in
    guard try !node.flag("channels_last") else {
      throw node.fault("channels in the last axis", expected: "channels_last 0")
    }
    let x = try operand(0, &importer, node), axes = Array(2..<max(2, importer.shape(x).count))
    let y = try importer.step(.reduction(.init(.mean, axes: axes, keepsAxes: true)), [x], node)
    return try result(y, scale: 3, &importer, node)
  }

  private static let quantizedConcatenation: Builder = { importer, node in
    guard node.inputs.count >= 5, node.inputs.count % 3 == 2 else {
      throw node.fault("\(node.inputs.count) inputs", expected: "a scale, a zero point, and three for each part")
    }
    let parts = try stride(from: 2, to: node.inputs.count, by: 3).map { try operand($0, &importer, node) }
    let y = try importer.step(.concatenation(.init(axis: try node.int("axis", 1))), parts, node)
    return try result(y, scale: 0, &importer, node)
  }
}
