extension Lowering {
  /// What a convolution is tried with.
  private struct Candidate {
    var algorithm: ConvolutionAlgorithm
    var source: Layout
    var target: Layout
  }

  func lowerConvolution(_ node: PlanGraph.Node, _ o: Operator.Convolution) throws -> Bool {
    let x = node.inputs[0], w = node.inputs[1], y = node.outputs[0]
    let shapes = [x, w, y].map { type($0).shape }
    guard (3...5).contains(shapes[0].count), shapes.allSatisfy(Layout.supports),
      (o.padding.before + o.padding.after).allSatisfy({ $0 >= 0 }), try current(x).layout != nil,
      try current(w).layout != nil
    else { return false }
    if try lowerWinograd(node, o) { return true }
    let weightShape = groupedShape(shapes[1], groups: o.groups)
    let bias = node.inputs.count > 2 ? Layout(plain: type(node.inputs[2]).shape) : nil
    for candidate in try candidates(node, o) {
      if try lower(node, o, candidate, weightShape, bias, fused: true) { return true }
    }
    guard !node.fused.isEmpty else { return false }
    // Without what was fused, which then follows as steps of their own.
    for candidate in try candidates(node, o) {
      var bare = node
      bare.fused = []
      bare.outputs = [temporary(like: y, node)]
      if try lower(bare, o, candidate, weightShape, bias, fused: false) {
        try lowerFused(node, from: bare.outputs[0])
        return true
      }
    }
    return false
  }

  /// `[groups, outputs / groups, channels / groups, kernel...]`, or the shape itself for one group.
  private func groupedShape(_ shape: [Int], groups: Int) -> [Int] {
    groups == 1 ? shape : [groups, shape[0] / groups] + shape.dropFirst()
  }

  private func candidates(_ node: PlanGraph.Node, _ o: Operator.Convolution) throws -> [Candidate] {
    let xShape = type(node.inputs[0]).shape, yShape = type(node.outputs[0]).shape
    let any = Candidate(
      algorithm: .direct, source: Layout(any: xShape, storage), target: Layout(any: yShape, storage))
    var result: [Candidate] = []
    if options.precision == .float32, options.winograd, prefersWinograd(node, o) {
      result.append(
        Candidate(algorithm: .winograd, source: Layout(any: xShape), target: Layout(any: yShape)))
    }
    if wantsBlocks(node, o), let source = Layout.blocked(xShape, storage),
      let target = Layout.blocked(yShape, storage)
    {
      result.append(Candidate(algorithm: .direct, source: source, target: target))
    }
    return result + [any]
  }

  /// Whether Winograd's algorithm pays: dense 3x3 with many channels.
  func prefersWinograd(_ node: PlanGraph.Node, _ o: Operator.Convolution) -> Bool {
    let w = type(node.inputs[1]).shape
    return Library.hasAVX512 && w.count == 4 && w[2] == 3 && w[3] == 3 && o.groups == 1
      && o.strides == [1, 1]
      && o.dilations == [1, 1] && w[0] >= 32 && w[1] >= 32
  }

  /// Whether the result had better lie in blocks of 16 channels: the input does, or Winograd's algorithm reads it next.
  private func wantsBlocks(_ node: PlanGraph.Node, _ o: Operator.Convolution) -> Bool {
    guard options.precision == .float32, Library.hasAVX512, o.groups == 1,
      type(node.outputs[0]).shape[1] >= 16,
      type(node.inputs[0]).shape[1] >= 16
    else { return false }
    if let layout = placed[node.inputs[0]]?.layout, layout.isBlocked16, !layout.isChannelsLast { return true }
    return graph.nodes.dropFirst(position + 1).contains { next in
      guard case .convolution(let o) = next.operation else { return false }
      return next.inputs[0] == node.outputs[0] && options.winograd && prefersWinograd(next, o)
    }
  }

  private func lower(
    _ node: PlanGraph.Node, _ o: Operator.Convolution, _ candidate: Candidate, _ weightShape: [Int],
    _ bias: Layout?, fused: Bool
  ) throws -> Bool {
    let anyWeights = Layout(any: weightShape, storage)
    func describe(_ operations: [FusedOperation], _ x: Layout, _ y: Layout) throws -> PrimitiveDescription? {
      guard
        let descriptor = Descriptor.convolution(
          candidate.algorithm, x, anyWeights, bias, y, strides: o.strides, dilations: o.dilations,
          padding: o.padding)
      else { return nil }
      return PrimitiveDescription.make(descriptor, try Attributes(operations), library)
    }
    // First alone, to learn the layouts; then with what is fused for those.
    guard let bare = try describe([], candidate.source, candidate.target), let target = bare.target,
      let source = bare.source(), !bare.implementation.hasPrefix("ref")
    else { return false }
    for sums in [true, false] {
      guard let chain = try fusedChain(node, target: target, sums: sums) else { return false }
      if !sums, node.fused.isEmpty { return false }
      let isWinograd = candidate.algorithm == .winograd
      guard
        let description = try describe(
          chain.operations, isWinograd ? candidate.source : source, isWinograd ? candidate.target : target),
        !description.implementation.hasPrefix("ref")
      else { continue }
      try emit(node, description, weightShape, bias, chain)
      return true
    }
    return false
  }

  private func emit(
    _ node: PlanGraph.Node, _ description: borrowing PrimitiveDescription, _ weightShape: [Int],
    _ bias: Layout?,
    _ chain: FusedChain
  ) throws {
    guard let source = description.source(), let weights = description.weights,
      let target = description.target
    else { return }
    var reads = [
      (Primitive.source, source, try request(node.inputs[0], source)),
      (
        Primitive.weights, weights,
        try request(node.inputs[1], weights, source: Layout(plain: weightShape))
      ),
    ]
    if let bias { reads.append((Primitive.bias, bias, try requestPlain(node.inputs[2]))) }
    reads += chain.operands
    let location: Location
    if let accumulator = chain.accumulator {
      location = accumulator
      place(node.outputs[0], target, location)
    } else {
      location = define(node.outputs[0], target)
    }
    try append(
      description, name: node.names.joined(separator: " + "), operations: node.operations, reads: reads,
      writes: [(Primitive.target, target, location)])
  }

  func lowerTransposedConvolution(_ node: PlanGraph.Node, _ o: Operator.TransposedConvolution) throws -> Bool
  {
    let x = node.inputs[0], w = node.inputs[1], y = node.outputs[0]
    let xShape = type(x).shape, wShape = type(w).shape, yShape = type(y).shape
    guard (3...5).contains(xShape.count), [xShape, wShape, yShape].allSatisfy(Layout.supports),
      try current(x).layout != nil, try current(w).layout != nil
    else { return false }
    var padding = o.padding
    for axis in o.strides.indices { padding.after[axis] -= o.outputPadding[axis] }
    if padding.after.contains(where: { $0 < 0 }), try lowerConvolutionData(node, o) { return true }
    guard padding.before.allSatisfy({ $0 >= 0 }) else { return false }
    guard let given = transposedWeights(wShape, groups: o.groups) else { return false }
    let bias = node.inputs.count > 2 ? Layout(plain: type(node.inputs[2]).shape) : nil
    guard
      let descriptor = Descriptor.transposedConvolution(
        Layout(any: xShape, storage), Layout(any: given.shape, storage), bias, Layout(any: yShape, storage),
        strides: o.strides, dilations: o.dilations, padding: padding),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      let source = description.source(), let weights = description.weights, let target = description.target
    else { return false }
    let result = node.fused.isEmpty ? y : temporary(like: y, node)
    _ = try requestPlain(w)
    var reads = [
      (Primitive.source, source, try request(x, source)),
      (Primitive.weights, weights, try request(w, weights, source: given)),
    ]
    if let bias { reads.append((Primitive.bias, bias, try requestPlain(node.inputs[2]))) }
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [(Primitive.target, target, define(result, target))])
    try lowerFused(node, from: result)
    return true
  }

  /// The arrangement of a transposed convolution's weights as oneDNN names the axes: outputs before channels, where the
  /// graph has channels first.
  func transposedWeights(_ w: [Int], groups: Int) -> Layout? {
    let axes = w.count - 2
    if groups == 1 { return Layout(plain: w).permuted([1, 0] + (2..<2 + axes)) }
    return Layout(plain: [groups, w[0] / groups] + w.dropFirst()).permuted([0, 2, 1] + (3..<3 + axes))
  }
}
