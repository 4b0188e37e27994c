extension Lowering {
  func lowerUnary(_ node: PlanGraph.Node, _ o: Operator.Unary) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0]
    // oneDNN's reference code, which runs functions of two steps, computes nothing for one axis.
    guard var layout = try current(x).layout, let operations = eltwiseOperations(o.function),
      operations.count == 1 || type(x).rank > 1,
      case .eltwise(let algorithm, let alpha, let beta, _) = operations[0]
    else { return false }
    if case .geluTanh = o.function, layout.storage == .float32, layout.isPlain {
      try appendCustom(GELUKernel(count: type(x).count), "GELU", node, reads: [x])
      return true
    }
    func describe(_ layout: Layout) throws -> PrimitiveDescription? {
      try Descriptor.eltwise(algorithm, layout, alpha: alpha, beta: beta).flatMap {
        PrimitiveDescription.make($0, try Attributes(Array(operations.dropFirst())), library)
      }
    }
    var found = try describe(layout)
    if found?.implementation.hasPrefix("ref") ?? true, layout.isStrided, !layout.isPlain {
      // Fast code wants no holes between elements.
      layout = Layout(plain: type(x).shape, layout.storage)
      found = try describe(layout)
    }
    guard let description = consume found else { return false }
    let own = try current(x).location, source = try request(x, layout)
    let target = source == own && canOverwrite(own) ? own : newBuffer(layout.byteCount)
    place(y, layout, target)
    try append(
      description, name: node.names.joined(separator: " + "), operations: node.operations,
      reads: [(Primitive.source, layout, source)], writes: [(Primitive.target, layout, target)])
    return true
  }

  func lowerBinary(_ node: PlanGraph.Node, _ o: Operator.Binary) throws -> Bool {
    if o.function == .multiply, try lowerEightBitGate(node) || lowerRowScale(node) { return true }
    if o.function == .prelu { return try lowerPReLU(node) }
    let y = node.outputs[0], shape = type(y).shape
    guard let algorithm = binaryAlgorithm(o.function), type(y).element == .float32, Layout.supports(shape)
    else {
      return false
    }
    var (a, b) = (node.inputs[0], node.inputs[1])
    let commutes = [.add, .multiply, .maximum, .minimum].contains(o.function)
    if commutes, type(a).shape != shape || graph.values[a].constant != nil { swap(&a, &b) }
    guard type(a).shape == shape, let layout = try current(a).layout,
      let operand = try operandLayout(b, target: layout)
    else { return false }
    for withFused in node.fused.isEmpty ? [true] : [true, false] {
      let bare = PlanGraph.Node(
        operation: node.operation, inputs: node.inputs, outputs: node.outputs, names: [],
        fused: withFused ? node.fused : [], operations: 0)
      guard let chain = try fusedChain(bare, target: layout, sums: false),
        let descriptor = Descriptor.binary(algorithm, layout, operand.layout, layout),
        let description = PrimitiveDescription.make(descriptor, try Attributes(chain.operations), library),
        !description.implementation.hasPrefix("ref") || shape.reduce(1, *) < 4096
      else { continue }
      let source = try current(a).location
      let result = withFused ? y : temporary(like: y, node)
      let reuse = canOverwrite(source, beside: [b] + node.reads.dropFirst(2))
      let target = reuse ? source : newBuffer(layout.byteCount)
      place(result, layout, target)
      try append(
        description, name: node.names.joined(separator: " + "), operations: node.operations,
        reads: [
          (Primitive.source, layout, source), (Primitive.secondSource, operand.layout, operand.location),
        ]
          + chain.operands,
        writes: [(Primitive.target, layout, target)])
      if !withFused { try lowerFused(node, from: result) }
      return true
    }
    return false
  }

  private func lowerPReLU(_ node: PlanGraph.Node) throws -> Bool {
    let (x, slopes, y) = (node.inputs[0], node.inputs[1], node.outputs[0]), shape = type(y).shape
    let own = type(slopes).shape
    guard type(y).element == .float32, type(x).shape == shape, Layout.supports(shape), node.fused.isEmpty,
      own.count <= shape.count, let layout = try current(x).layout, layout.storage == .float32
    else { return false }
    let aligned = [Int](repeating: 1, count: shape.count - own.count) + own
    guard let descriptor = Descriptor.prelu(layout, Layout(any: aligned)),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      !description.implementation.hasPrefix("ref"), let weights = description.weights
    else { return false }
    let source = try current(x).location
    let factors = try request(slopes, weights, source: Layout(plain: aligned))
    let target = canOverwrite(source, beside: [slopes]) ? source : newBuffer(layout.byteCount)
    place(y, layout, target)
    try append(
      description, name: node.names.joined(separator: " + "), operations: node.operations,
      reads: [(Primitive.source, layout, source), (Primitive.weights, weights, factors)],
      writes: [(Primitive.target, layout, target)])
    return true
  }

  func lowerSoftmax(_ node: PlanGraph.Node, _ o: Operator.Softmax) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0]
    let axis = try resolveAxis(o.axis, rank: type(x).rank)
    guard type(x).rank > 0, let layout = try current(x).layout else { return false }
    // A view with holes is made dense first.
    var dense =
      layout.isStrided && layout.byteCount != type(x).byteCount ? Layout(plain: type(x).shape) : layout
    func describe(_ layout: Layout) throws -> PrimitiveDescription? {
      try Descriptor.softmax(layout, layout, axis: axis, logarithm: o.logarithm).flatMap {
        PrimitiveDescription.make($0, try Attributes(), library)
      }
    }
    var found = try describe(dense)
    if found?.implementation.hasPrefix("ref") ?? true {
      // Fast code wants the axis fastest.
      dense = Layout(fastest: axis, type(x).shape)
      found = try describe(dense)
    }
    guard let description = consume found else { return false }
    let source = try request(x, dense)
    try append(
      description, name: node.names[0], operations: node.operations,
      reads: [(Primitive.source, dense, source)], writes: [(Primitive.target, dense, define(y, dense))])
    return true
  }

  func lowerReduction(_ node: PlanGraph.Node, _ o: Operator.Reduction) throws -> Bool {
    if try lowerChannelSum(node, o) { return true }
    let x = node.inputs[0], y = node.outputs[0], shape = type(x).shape
    guard type(x).element == .float32, let algorithm = reductionAlgorithm(o.function),
      let layout = try current(x).layout, !o.axes.isEmpty
    else { return false }
    let reduced = Set(try o.axes.map { try resolveAxis($0, rank: shape.count) })
    let kept = shape.indices.map { reduced.contains($0) ? 1 : shape[$0] }
    guard kept != shape, let descriptor = Descriptor.reduction(algorithm, layout, Layout(any: kept)),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      let target = description.target, !description.implementation.hasPrefix("ref")
    else { return false }
    let view = type(y).shape == kept ? target : target.reshaped(type(y).shape)
    guard let view else { return false }
    let location = newBuffer(target.byteCount)
    place(y, view, location)
    try append(
      description, name: node.names[0], operations: node.operations,
      reads: [(Primitive.source, layout, try current(x).location)],
      writes: [(Primitive.target, target, location)])
    return true
  }
}
