extension ONNXOperators {
  /// Convolutions, pooling, normalisation, products and softmax.
  static let layers: [String: Builder] = [
    "Conv": convolution, "ConvTranspose": transposedConvolution, "DeformConv": deformableConvolution,
    "MaxPool": pooling, "AveragePool": pooling, "LpPool": pooling,
    "GlobalMaxPool": globalPooling, "GlobalAveragePool": globalPooling, "GlobalLpPool": globalPooling,
    "BatchNormalization": batchNormalization, "LayerNormalization": layerNormalization,
    "RMSNormalization": layerNormalization, "GroupNormalization": groupNormalization,
    "InstanceNormalization": instanceNormalization,
    "Gemm": generalProduct, "MatMul": product, "Einsum": einsum, "Softmax": softmax(logarithm: false),
    "LogSoftmax": softmax(logarithm: true), "Attention": attention,
  ]

  /// What windows have in common.
  struct Window {
    var strides: [Int], dilations: [Int], padding: Padding

    init(_ node: ONNXNode, size: [Int], kernel: [Int]) throws {
      let axes = size.count
      strides = node.ints("strides") ?? ONNXOperators.ones(axes)
      dilations = node.ints("dilations") ?? ONNXOperators.ones(axes)
      let pads = node.ints("pads") ?? [Int](repeating: 0, count: 2 * axes)
      guard strides.count == axes, dilations.count == axes, pads.count == 2 * axes, kernel.count == axes,
        (strides + dilations + kernel).allSatisfy({ 1...(1 << 20) ~= $0 }),
        pads.allSatisfy({ -(1 << 20)...(1 << 20) ~= $0 })
      else {
        throw node.fault(
          "strides \(strides), dilations \(dilations), pads \(pads), kernel \(kernel)",
          expected: "those of \(axes) axes")
      }
      switch try node.string("auto_pad", "NOTSET") {
      case "NOTSET", "":
        padding = Padding(before: Array(pads.prefix(axes)), after: Array(pads.suffix(axes)))
      case "VALID": padding = .valid(axes)
      case "SAME_UPPER": padding = .same(size: size, kernel: kernel, strides: strides, dilations: dilations)
      case "SAME_LOWER":
        padding = .same(size: size, kernel: kernel, strides: strides, dilations: dilations, lower: true)
      case let other:
        throw node.fault("auto_pad \(other)", expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
      }
    }
  }

  private static func spatial(_ importer: ONNXImporter, _ node: ONNXNode, _ index: Int = 0) throws -> [Int] {
    let shape = importer.shape(try importer.required(node, index))
    guard shape.count >= 3 else { throw node.fault("an input of \(shape)", expected: "3 axes or more") }
    return Array(shape.dropFirst(2))
  }

  /// Inputs 0, 1 and, where it is there, 2.
  private static func withBias(_ importer: ONNXImporter, _ node: ONNXNode) throws -> [ONNXImporter.Value] {
    try [importer.required(node, 0), importer.required(node, 1)]
      + (importer.input(node, 2).map { [$0] } ?? [])
  }

  private static func kernel(_ importer: ONNXImporter, _ node: ONNXNode, _ index: Int = 1) throws -> [Int] {
    let kernel = Array(importer.shape(try importer.required(node, index)).dropFirst(2))
    if let given = node.ints("kernel_shape"), given != kernel {
      throw node.fault("kernel_shape \(given)", expected: "\(kernel) as the weights")
    }
    return kernel
  }

  private static let convolution: Builder = { importer, node in
    let operation = try convolutionOperator(importer, node, x: 0, w: 1)
    return try importer.emit(.convolution(operation), try withBias(importer, node), node)
  }

  /// The convolution that a node's attributes say, of its input `x` by its input `w`.
  static func convolutionOperator(
    _ importer: ONNXImporter, _ node: ONNXNode, x: Int, w: Int
  ) throws -> Operator.Convolution {
    let window = try Window(
      node, size: try spatial(importer, node, x), kernel: try kernel(importer, node, w))
    return .init(
      strides: window.strides, dilations: window.dilations, padding: window.padding,
      groups: try node.int("group", 1))
  }

  private static let transposedConvolution: Builder = { importer, node in
    let size = try spatial(importer, node), kernel = try kernel(importer, node), axes = size.count
    var window = try Window(node, size: size, kernel: kernel)
    let extra = node.ints("output_padding") ?? size.map { _ in 0 }
    let mode = try node.string("auto_pad", "NOTSET")
    var wanted = node.ints("output_shape").map { Array($0.suffix(axes)) }
    if wanted == nil, mode.hasPrefix("SAME") { wanted = zip(size, window.strides).map { $0 * $1 } }
    guard extra.count == axes, wanted?.count ?? axes == axes,
      (extra + (wanted ?? [])).allSatisfy({ 0...(1 << 40) ~= $0 })
    else {
      throw node.fault("output_padding \(extra)", expected: "\(axes) extents")
    }
    if let wanted {
      for axis in 0..<axes {
        let full =
          window.strides[axis] * (size[axis] - 1) + extra[axis]
          + (kernel[axis] - 1) * window.dilations[axis] + 1
        let total = full - wanted[axis], half = total >= 0 ? total / 2 : (total - 1) / 2
        window.padding.before[axis] = mode == "SAME_UPPER" ? half : total - half
        window.padding.after[axis] = mode == "SAME_UPPER" ? total - half : half
      }
    }
    return try importer.emit(
      .transposedConvolution(
        .init(
          strides: window.strides, dilations: window.dilations, padding: window.padding, outputPadding: extra,
          groups: try node.int("group", 1))), try withBias(importer, node), node)
  }

  private static let deformableConvolution: Builder = { importer, node in
    let window = try Window(node, size: try spatial(importer, node), kernel: try kernel(importer, node))
    let bias = try importer.input(node, 3), mask = try importer.input(node, 4)
    let operation = Operator.DeformableConvolution(
      strides: window.strides, dilations: window.dilations, padding: window.padding,
      groups: try node.int("group", 1), offsetGroups: try node.int("offset_group", 1), hasBias: bias != nil,
      hasMask: mask != nil)
    let inputs = try (0..<3).map { try importer.required(node, $0) } + [bias, mask].compactMap { $0 }
    return try importer.emit(.deformableConvolution(operation), inputs, node)
  }

  private static let pooling: Builder = { importer, node in
    let size = try spatial(importer, node), kernel = node.ints("kernel_shape") ?? []
    let window = try Window(node, size: size, kernel: kernel)
    let kind: Operator.Pooling.Kind
    switch node.kind {
    case "MaxPool": kind = .maximum
    case "AveragePool": kind = .average(countsPadding: try node.flag("count_include_pad"))
    default: kind = .norm(try node.float("p", 2))
    }
    return try importer.emit(
      .pooling(
        .init(
          kind, kernel: kernel, strides: window.strides, dilations: window.dilations, padding: window.padding,
          ceiling: try node.flag("ceil_mode"), givesIndices: node.hasOutput(1),
          columnMajorIndices: try node.flag("storage_order"))), [try importer.required(node, 0)], node)
  }

  private static let globalPooling: Builder = { importer, node in
    let x = try importer.required(node, 0)
    _ = try spatial(importer, node)
    let kind: Operator.Pooling.Kind
    switch node.kind {
    case "GlobalMaxPool": kind = .maximum
    case "GlobalAveragePool": kind = .average(countsPadding: false)
    default: kind = .norm(try node.float("p", 2))
    }
    return try importer.emit(.pooling(.global(kind, importer.shape(x))), [x], node)
  }

  private static let batchNormalization: Builder = { importer, node in
    let inputs = try (0..<5).map { try importer.required(node, $0) }
    return try importer.emit(
      .batchNormalization(
        .init(
          epsilon: try node.float("epsilon", 1e-5), training: try node.flag("training_mode"),
          momentum: try node.float("momentum", 0.9))), inputs, node)
  }

  private static let layerNormalization: Builder = { importer, node in
    let operation = Operator.GroupedNormalization(
      .axes(from: try node.int("axis", -1)), epsilon: try node.float("epsilon", 1e-5),
      centers: node.kind == "LayerNormalization", givesStatistics: node.hasOutput(1) || node.hasOutput(2))
    return try importer.emit(.groupedNormalization(operation), try withBias(importer, node), node)
  }

  private static let groupNormalization: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x), groups = try node.int("num_groups", 0)
    guard shape.count >= 2, groups >= 1, shape[1] % groups == 0 else {
      throw node.fault("\(groups) groups for \(shape)", expected: "a divisor of the channels")
    }
    var affine = [try importer.required(node, 1), try importer.required(node, 2)]
    if importer.operatorSet < 21 {
      // Before opset 21 scale and bias are a group's, not a channel's.
      affine = try affine.map { value in
        let column = try importer.step(.reshape(.init([groups, 1])), [value], node)
        let wide = try importer.step(.expand(.init([groups, shape[1] / groups])), [column], node)
        return try importer.step(.reshape(.init([shape[1]])), [wide], node)
      }
    }
    let operation = Operator.GroupedNormalization(.groups(groups), epsilon: try node.float("epsilon", 1e-5))
    return try importer.emit(.groupedNormalization(operation), [x] + affine, node)
  }

  private static let instanceNormalization: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    guard shape.count >= 3 else { throw node.fault("an input of \(shape)", expected: "3 axes or more") }
    let operation = Operator.GroupedNormalization(
      .groups(max(1, shape[1])), epsilon: try node.float("epsilon", 1e-5))
    return try importer.emit(.groupedNormalization(operation), try withBias(importer, node), node)
  }

  private static let generalProduct: Builder = { importer, node in
    var inputs = try withBias(importer, node)
    if inputs.count > 2, importer.operatorSet < 7, try !node.flag("broadcast"),
      importer.shape(inputs[2]).count == 1
    {
      inputs[2] = try importer.step(.reshape(.init([1] + importer.shape(inputs[2]))), [inputs[2]], node)
    }
    for i in 0..<2 where importer.shape(inputs[i]).count != 2 {
      throw node.fault("an input of \(importer.shape(inputs[i]))", expected: "2 axes")
    }
    return try importer.emit(
      .matrixMultiplication(
        .init(
          transposesFirst: try node.flag("transA"), transposesSecond: try node.flag("transB"),
          alpha: try node.float("alpha", 1), beta: try node.float("beta", 1))), inputs, node)
  }

  private static let product: Builder = { importer, node in
    try importer.emit(
      .matrixMultiplication(.init()), [0, 1].map { try importer.required(node, $0) }, node)
  }

  private static let einsum: Builder = { importer, node in
    try importer.emit(.einsum(.init(try node.string("equation", ""))), try importer.allInputs(node), node)
  }

  private static func softmax(logarithm: Bool) -> Builder {
    { importer, node in
      let x = try importer.required(node, 0), shape = importer.shape(x)
      if importer.operatorSet >= 13 {
        let axis = try node.int("axis", -1)
        return try importer.emit(.softmax(.init(axis: axis, logarithm: logarithm)), [x], node)
      }
      // Before opset 13 all axes from the given one on are taken together.
      let axis = try axis(try node.int("axis", 1), rank: shape.count, node)
      if axis == shape.count - 1 {
        return try importer.emit(.softmax(.init(axis: axis, logarithm: logarithm)), [x], node)
      }
      let flat = [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)]
      let rows = try importer.step(.reshape(.init(flat)), [x], node)
      let y = try importer.step(.softmax(.init(axis: 1, logarithm: logarithm)), [rows], node)
      return try importer.emit(.reshape(.init(shape)), [y], node)
    }
  }

  private static let attention: Builder = { importer, node in
    var inputs = try (0..<3).map { try importer.required(node, $0) }
    let shapes = inputs.map { importer.shape($0) }
    let isFlat = shapes[0].count == 3
    guard isFlat || shapes.allSatisfy({ $0.count == 4 }) else {
      throw node.fault("queries of \(shapes[0])", expected: "3 or 4 axes for all of q, k and v")
    }
    let heads = try node.int("q_num_heads", isFlat ? 0 : shapes[0][1])
    let keyHeads = try node.int("kv_num_heads", isFlat ? 0 : shapes[1][1])
    let mask = try importer.input(node, 3), pastKey = try importer.input(node, 4)
    let pastValue = try importer.input(node, 5), lengths = try importer.input(node, 6)
    guard (pastKey == nil) == (pastValue == nil) else {
      throw node.fault("only one of past_key and past_value", expected: "both or none")
    }
    inputs += [mask, pastKey, pastValue, lengths].compactMap { $0 }
    let wantsScores = node.hasOutput(3), wantsPresent = node.hasOutput(1) || node.hasOutput(2)
    let mode = try node.int("qk_matmul_output_mode", 0)
    guard let scores = Operator.Attention.Scores(rawValue: mode) else {
      throw node.fault("qk_matmul_output_mode \(mode)", expected: "0 to 3")
    }
    let operation = Operator.Attention(
      heads: heads, keyHeads: keyHeads, scale: node.has("scale") ? try node.float("scale", 1) : nil,
      causal: try node.flag("is_causal"), softcap: try node.float("softcap", 0), hasMask: mask != nil,
      hasPast: pastKey != nil, hasKeyLengths: lengths != nil, givesPresent: wantsPresent,
      scores: wantsScores ? scores : nil)
    let outputs = try importer.emit(.attention(operation), inputs, node, isLast: node.outputs.count == 1)
    // Outputs have fixed places, wanted or not.
    var results = [outputs[0]]
    if wantsPresent { results += [outputs[1], outputs[2]] }
    if wantsScores, let last = outputs.last {
      while results.count < 3 { results.append(outputs[0]) }
      results.append(last)
    }
    return results
  }
}
