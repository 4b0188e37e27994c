/// An operator that computes in integers: 8-bit activations and weights, sums of 32 bits.
struct EightBitOperator {
  /// The activations' arrangement as the primitive reads it, and as the value is kept (other axes for a product).
  var source: Layout
  var kept: Layout
  /// The result's, for a storage type.
  var target: (StorageType) -> Layout
  /// The weights' shape for the primitive, and their given arrangement in that shape.
  var weights: Layout
  /// Which output channel a weight belongs to.
  var channels: WeightChannels
  /// The bias' arrangement.
  var bias: Layout
  /// Makes the primitive's description for a source, weights, bias and target.
  var describe: (Layout, Layout, Layout, Layout, borrowing Attributes) -> PrimitiveDescription?
}

extension Lowering {
  /// Lowers a convolution or product to integers; false where oneDNN has no fast code for it.
  func lowerInEightBits(_ node: PlanGraph.Node) throws -> Bool {
    guard let scale = eightBit.scales[node.inputs[0]] else { return false }
    switch node.operation {
    case .convolution(let o):
      guard let operation = eightBitConvolution(node, o) else { return false }
      return try lower(node, operation, scale)
    case .transposedConvolution(let o):
      guard let operation = eightBitTransposed(node, o) else { return false }
      return try lower(node, operation, scale)
    case .matrixMultiplication(let o):
      guard let operation = eightBitProduct(node, o) else { return false }
      return try lower(node, operation, scale)
    default: return false
    }
  }

  private func eightBitConvolution(_ node: PlanGraph.Node, _ o: Operator.Convolution) -> EightBitOperator? {
    let shapes = node.inputs.prefix(2).map { type($0).shape } + [type(node.outputs[0]).shape]
    guard shapes.allSatisfy(Layout.supports), (o.padding.before + o.padding.after).allSatisfy({ $0 >= 0 })
    else { return nil }
    let w = shapes[1], outputs = w[0]
    let grouped = o.groups == 1 ? w : [o.groups, outputs / o.groups] + w.dropFirst()
    let source = Layout(channelsLast: shapes[0], .unsigned8)
    let library = library
    // brgconv computes such functions more slowly (by 20 % for swish).
    let hasCurve = node.fused.contains {
      if case .unary(let f) = $0, f != .relu { true } else { false }
    }
    return EightBitOperator(
      source: source, kept: source, target: { Layout(channelsLast: shapes[2], $0) },
      weights: Layout(plain: grouped),
      channels: WeightChannels(
        stride: w.dropFirst().reduce(1, *), extent: outputs, group: nil, count: outputs,
        taps: w.dropFirst(2).reduce(1, *)),
      bias: Layout(plain: [outputs]),
      describe: { x, w, b, y, attributes in
        Descriptor.convolution(
          .direct, x, w, b, y, strides: o.strides, dilations: o.dilations, padding: o.padding
        ).flatMap {
          hasCurve
            ? PrimitiveDescription.make($0, attributes, library, preferring: "jit_int8_1x1")
            : PrimitiveDescription.make($0, attributes, library)
        }
      })
  }

  private func eightBitTransposed(_ node: PlanGraph.Node, _ o: Operator.TransposedConvolution)
    -> EightBitOperator?
  {
    let xShape = type(node.inputs[0]).shape, w = type(node.inputs[1]).shape, y = type(node.outputs[0]).shape
    var padding = o.padding
    for axis in o.strides.indices { padding.after[axis] -= o.outputPadding[axis] }
    guard [xShape, w, y].allSatisfy(Layout.supports), padding.before.allSatisfy({ $0 >= 0 }),
      let given = transposedWeights(w, groups: o.groups)
    else { return nil }
    let source = Layout(channelsLast: xShape, .unsigned8), library = library
    let stride = w.dropFirst(2).reduce(1, *)
    return EightBitOperator(
      source: source, kept: source, target: { Layout(channelsLast: y, $0) }, weights: given,
      channels: WeightChannels(
        stride: stride, extent: w[1], group: stride * w[1] * (w[0] / o.groups), count: w[1] * o.groups,
        taps: stride),
      bias: Layout(plain: [y[1]]),
      describe: { x, w, b, y, attributes in
        Descriptor.transposedConvolution(
          x, w, b, y, strides: o.strides, dilations: o.dilations, padding: padding
        ).flatMap { PrimitiveDescription.make($0, attributes, library) }
      })
  }

  private func eightBitProduct(_ node: PlanGraph.Node, _ o: Operator.MatrixMultiplication)
    -> EightBitOperator?
  {
    let xShape = type(node.inputs[0]).shape, y = type(node.outputs[0]).shape
    let w = type(node.inputs[1]).shape, n = y[y.count - 1], m = y.dropLast().reduce(1, *)
    let given = o.transposesSecond ? Layout(plain: w).permuted([1, 0]) : Layout(plain: w)
    guard let given, [xShape, w, y].allSatisfy(Layout.supports), y.count == 2 || node.fused.isEmpty
    else { return nil }
    let library = library
    return EightBitOperator(
      source: Layout(plain: [m, xShape[xShape.count - 1]], .unsigned8),
      kept: Layout(plain: xShape, .unsigned8), target: { Layout(plain: [m, n], $0) }, weights: given,
      channels: WeightChannels(
        stride: o.transposesSecond ? w[1] : 1, extent: n, group: nil, count: n, taps: 1),
      bias: Layout(plain: [1, n]),
      describe: { x, w, b, y, attributes in
        Descriptor.matmul(x, w, b, y).flatMap { PrimitiveDescription.make($0, attributes, library) }
      })
  }

  /// The operator with its fused steps; false where oneDNN has only reference code.
  private func lower(_ node: PlanGraph.Node, _ o: EightBitOperator, _ scale: TensorScale) throws -> Bool {
    guard let weights = graph.values[node.inputs[1]].constant?.floats else { return false }
    let y = node.outputs[0], result = eightBit.scales[y]
    let target = o.target(result == nil ? .float32 : .unsigned8)
    let rounded = o.channels.rounded(weights)
    for sums in [true, false] {
      guard let chain = try eightBitChain(node, target: target, result, sums: sums) else { continue }
      let attributes = try Attributes(
        chain.fused.operations, outputScales: rounded.scales.map { $0 * scale.scale / chain.unit },
        sourceZeroPoint: scale.zeroPoint, targetZeroPoint: result?.zeroPoint ?? 0)
      guard
        let description = o.describe(
          o.source, Layout(any: o.weights.shape, .signed8), o.bias, target, attributes),
        !description.implementation.hasPrefix("ref"), let wanted = description.weights
      else { continue }
      let bias = try eightBitBias(node, rounded.scales, scale, chain)
      let integers = try rounded.integers.withUnsafeBytes { bytes in
        let memory = KernelMemory(bytes.count)
        memory.base.copyMemory(from: bytes)
        return try withExtendedLifetime(memory) { try reorderedConstant(memory.base, o.weights, wanted) }
      }
      let reads =
        [
          (Primitive.source, o.source, try request(node.inputs[0], o.kept)),
          (Primitive.weights, wanted, integers), (Primitive.bias, o.bias, bias),
        ] + chain.fused.operands
      let location = chain.fused.accumulator ?? newBuffer(target.byteCount)
      place(
        y, target.shape == type(y).shape ? target : Layout(plain: type(y).shape, target.storage), location)
      try append(
        description, name: node.names.joined(separator: " + "), operations: node.operations,
        precision: .int8, reads: reads,
        writes: [(Primitive.target, target, location)])
      return true
    }
    return false
  }

  /// The bias in units of the integers' sums, which it is added to before they are scaled.
  private func eightBitBias(
    _ node: PlanGraph.Node, _ weightScales: [Float], _ scale: TensorScale, _ chain: EightBitChain
  ) throws -> Location {
    var bias = [Float](repeating: 0, count: weightScales.count)
    if node.inputs.count > 2, let given = graph.values[node.inputs[2]].constant?.floats { bias = given }
    for c in bias.indices { bias[c] = (bias[c] + chain.offset) / (weightScales[c] * scale.scale) }
    let memory = KernelMemory(bias.count * 4)
    bias.withUnsafeBytes { memory.base.copyMemory(from: $0) }
    return addConstant(memory, byteCount: bias.count * 4)
  }
}

/// What was fused into an operator on integers.
struct EightBitChain {
  var fused = FusedChain()
  /// What a 1 means while the steps are done: the result's scale where all of them allow it, else 1.
  var unit: Float = 1
  /// Added to the bias.
  var offset: Float = 0
}

extension Lowering {
  /// The fused steps of a node whose result is stored with a scale, or as floats for nil.
  private func eightBitChain(_ node: PlanGraph.Node, target: Layout, _ scale: TensorScale?, sums: Bool) throws
    -> EightBitChain?
  {
    var chain = EightBitChain()
    let step = scale?.scale ?? 1
    let accumulator = sums ? try accumulator(node, target) : nil
    let scales = node.fused.indices.allSatisfy { i in
      switch node.fused[i] {
      case .unary(.relu), .unary(.leakyRelu): true
      default: i == accumulator?.step
      }
    }
    if sums, accumulator == nil, !node.fused.isEmpty { return nil }
    if scales { chain.unit = step }
    for (i, fused) in node.fused.enumerated() {
      switch fused {
      case .unary(let function):
        guard let operations = eltwiseOperations(function) else { return nil }
        chain.fused.operations += operations
      case .binary(let function, let operand):
        if let accumulator, i == accumulator.step {
          add(accumulator.scale, accumulator.location, to: &chain)
          continue
        }
        guard let algorithm = binaryAlgorithm(function),
          let layout = try operandLayout(operand, target: target.with(.float32))
        else { return nil }
        chain.fused.operations.append(.binary(algorithm, layout.layout))
        chain.fused.operands.append(
          (Primitive.operand(chain.fused.operations.count - 1), layout.layout, layout.location))
      }
    }
    if chain.unit != step { rescale(&chain.fused.operations, by: 1 / step) }
    return FusedOperation.mixesParameters(chain.fused.operations) ? nil : chain
  }

  /// The first addition of a tensor that is not read again and lies as the result will: it is done in its memory.
  private func accumulator(_ node: PlanGraph.Node, _ target: Layout) throws -> (
    step: Int, scale: TensorScale?, location: Location
  )? {
    for (i, fused) in node.fused.enumerated() {
      guard case .binary(.add, let operand) = fused else { continue }
      let own = try stored(operand)
      guard let layout = own.layout, layout.isSameArrangement(as: target),
        canOverwrite(own.location, beside: node.reads(except: i))
      else { continue }
      return (i, layout.storage == .unsigned8 ? eightBit.scales[operand] : nil, own.location)
    }
    return nil
  }

  private func add(_ scale: TensorScale?, _ location: Location, to chain: inout EightBitChain) {
    let step = scale?.scale ?? 1
    chain.fused.accumulator = location
    chain.fused.operations.append(.sum(scale: step / chain.unit))
    guard let scale, scale.zeroPoint != 0 else { return }
    let zero = -step * Float(scale.zeroPoint)
    if chain.fused.operations.count == 1 {
      chain.offset = zero
    } else {
      chain.fused.operations += [linearOperation(1, zero / chain.unit)]
    }
  }

  private func rescale(_ operations: inout [FusedOperation], by factor: Float) {
    if case .eltwise(let algorithm, let alpha, let beta, let scale)? = operations.last {
      operations[operations.count - 1] = .eltwise(algorithm, alpha: alpha, beta: beta, scale: scale * factor)
    } else {
      operations.append(linearOperation(factor, 0))
    }
  }
}
