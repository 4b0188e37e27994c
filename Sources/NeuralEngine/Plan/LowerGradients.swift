extension Lowering {
  /// The weights' gradient of a convolution.
  func lowerConvolutionWeightGradient(_ node: PlanGraph.Node, _ o: Operator.ConvolutionWeightGradient) throws
    -> Bool
  {
    let (x, g, w) = (node.inputs[0], node.inputs[1], node.outputs[0])
    let weightShape = groupedWeights(type(w).shape, o.convolution.groups)
    guard
      let trained = try trainedConvolution(
        x: type(x).shape, weights: weightShape, y: type(g).shape, o.convolution),
      try current(x).layout != nil, try current(g).layout != nil,
      let descriptor = Descriptor.convolutionWeights(
        trained.source, Layout(any: weightShape), trained.target, o.convolution),
      let description = try PrimitiveDescription.make(descriptor, library, forward: trained.forward),
      let wanted = description.source(), let upper = description.targetGradient,
      let result = description.weightsGradient, !description.implementation.hasPrefix("ref")
    else { return false }
    let reads = [
      (Primitive.source, wanted, try request(x, wanted)),
      (Primitive.targetGradient, upper, try request(g, upper)),
    ]
    let location = newBuffer(result.byteCount)
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [(Primitive.weightsGradient, result, location)])
    // Dense, as the optimiser reads it; of grouped weights the groups are an axis more.
    let plain = Layout(plain: weightShape)
    guard !result.isSameArrangement(as: plain) else {
      place(w, Layout(plain: type(w).shape), location)
      return true
    }
    guard let reorder = PrimitiveDescription.reorder(result, plain, try Attributes(), library) else {
      throw EngineError(
        file: graph.name, field: node.names[0], found: "no reorder", expected: "a oneDNN layout")
    }
    let dense = define(w, Layout(plain: type(w).shape))
    try append(
      reorder, name: "\(node.names[0]) (reorder)", operations: 0,
      reads: [(Primitive.from, result, location)], writes: [(Primitive.to, plain, dense)])
    return true
  }

  /// A transposed convolution without bias as the gradient of a convolution's source, which may have read less than all.
  func lowerConvolutionData(_ node: PlanGraph.Node, _ o: Operator.TransposedConvolution) throws -> Bool {
    let (g, w, x) = (node.inputs[0], node.inputs[1], node.outputs[0])
    guard node.inputs.count == 2, node.fused.isEmpty, options.precision == .float32 else { return false }
    let convolution = Operator.Convolution(
      strides: o.strides, dilations: o.dilations, padding: o.padding, groups: o.groups)
    let weightShape = groupedWeights(type(w).shape, o.groups)
    guard
      let trained = try trainedConvolution(
        x: type(x).shape, weights: weightShape, y: type(g).shape, convolution),
      try current(w).layout != nil, try current(g).layout != nil,
      let descriptor = Descriptor.convolutionData(
        trained.source, Layout(any: weightShape), trained.target, convolution),
      let description = try PrimitiveDescription.make(descriptor, library, forward: trained.forward),
      let result = description.sourceGradient, let weights = description.weights,
      let upper = description.targetGradient, !description.implementation.hasPrefix("ref")
    else { return false }
    let reads = [
      (Primitive.weights, weights, try request(w, weights, source: Layout(plain: weightShape))),
      (Primitive.targetGradient, upper, try request(g, upper)),
    ]
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [(Primitive.sourceGradient, result, define(x, result))])
    return true
  }

  /// `[groups, outputs / groups, channels / groups, kernel...]`, or the shape itself for one group.
  private func groupedWeights(_ shape: [Int], _ groups: Int) -> [Int] {
    groups == 1 ? shape : [groups, shape[0] / groups] + shape.dropFirst()
  }

  /// The forward convolution with the layouts that it would choose; nil where oneDNN has no fast one.
  private func trainedConvolution(x: [Int], weights: [Int], y: [Int], _ o: Operator.Convolution) throws
    -> TrainedConvolution?
  {
    guard (3...5).contains(x.count), [x, weights, y].allSatisfy(Layout.supports),
      (o.padding.before + o.padding.after).allSatisfy({ $0 >= 0 }),
      let descriptor = Descriptor.trainedConvolution(Layout(any: x), Layout(any: weights), Layout(any: y), o),
      let forward = PrimitiveDescription.make(descriptor, try Attributes(), library),
      let source = forward.source(), let target = forward.target
    else { return nil }
    return TrainedConvolution(forward: forward, source: source, target: target)
  }

  /// A batch normalisation by the batch's statistics, and its running ones.
  func lowerBatchNormalization(_ node: PlanGraph.Node, _ o: Operator.BatchNormalization) throws -> Bool {
    let x = node.inputs[0]
    guard o.training, o.givesStatistics, node.fused.isEmpty, type(x).rank > 2, Layout.supports(type(x).shape),
      let layout = try normalizedLayout(x),
      let descriptor = Descriptor.batchNormalization(layout, epsilon: o.epsilon),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      !description.implementation.hasPrefix("ref")
    else { return false }
    let channels = Layout(plain: type(node.inputs[1]).shape)
    let reads = [
      (Primitive.source, layout, try request(x, layout)),
      (Primitive.scale, channels, try requestPlain(node.inputs[1])),
      (Primitive.shift, channels, try requestPlain(node.inputs[2])),
    ]
    let old = [try requestPlain(node.inputs[3]), try requestPlain(node.inputs[4])]
    let places = node.outputs.map { define($0, $0 == node.outputs[0] ? layout : channels) }
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [
        (Primitive.target, layout, places[0]), (Primitive.mean, channels, places[3]),
        (Primitive.variance, channels, places[4]),
      ])
    let update = RunningStatistics(count: type(node.inputs[1]).count, momentum: o.momentum)
    for (k, batch) in [(0, 3), (1, 4)] {
      steps.append(
        Step(
          name: "\(node.names[0]) statistics", implementation: "running statistics",
          action: .custom(update, [old[k], places[batch], places[k + 1]]), reads: [old[k], places[batch]],
          writes: [places[k + 1]], scratchByteCount: 0, operations: 0))
    }
    return true
  }

  func lowerBatchNormalizationGradient(
    _ node: PlanGraph.Node, _ o: Operator.BatchNormalizationGradient
  ) throws -> Bool {
    let (x, g) = (node.inputs[0], node.inputs[4])
    guard type(x).rank > 2, Layout.supports(type(x).shape), let layout = try normalizedLayout(x),
      try current(g).layout != nil,
      let first = Descriptor.batchNormalization(layout, epsilon: o.epsilon),
      let forward = PrimitiveDescription.make(first, try Attributes(), library),
      let descriptor = Descriptor.batchNormalizationGradient(layout, layout, epsilon: o.epsilon),
      let description = try PrimitiveDescription.make(descriptor, library, forward: forward),
      !description.implementation.hasPrefix("ref")
    else { return false }
    let channels = Layout(plain: type(node.inputs[1]).shape)
    let reads = [
      (Primitive.source, layout, try request(x, layout)),
      (Primitive.scale, channels, try requestPlain(node.inputs[1])),
      // oneDNN asks for a shift too and reads none of it.
      (Primitive.shift, channels, try requestPlain(node.inputs[1])),
      (Primitive.mean, channels, try requestPlain(node.inputs[2])),
      (Primitive.variance, channels, try requestPlain(node.inputs[3])),
      (Primitive.targetGradient, layout, try request(g, layout)),
    ]
    let places = node.outputs.map { define($0, $0 == node.outputs[0] ? layout : channels) }
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [
        (Primitive.sourceGradient, layout, places[0]), (Primitive.scaleGradient, channels, places[1]),
        (Primitive.shiftGradient, channels, places[2]),
      ])
    return true
  }

  /// A tensor's own layout where a normalisation can read it; dense where that has holes.
  private func normalizedLayout(_ value: Int) throws -> Layout? {
    guard let layout = try current(value).layout else { return nil }
    return layout.isStrided && !layout.isPlain && !layout.isChannelsLast
      ? Layout(plain: type(value).shape) : layout
  }

  /// The gradient of a function of each element, in the layout of what comes from below.
  func lowerUnaryGradient(_ node: PlanGraph.Node, _ o: Operator.UnaryGradient) throws -> Bool {
    let (x, g, y) = (node.inputs[0], node.inputs[1], node.outputs[0])
    guard let own = try current(x).layout, try current(g).layout != nil, type(x).rank > 0 else {
      return false
    }
    let layout = own.isStrided && !own.isPlain && !own.isChannelsLast ? Layout(plain: type(x).shape) : own
    guard let (first, descriptor) = Descriptor.eltwiseGradient(o, layout),
      let forward = PrimitiveDescription.make(first, try Attributes(), library),
      let description = try PrimitiveDescription.make(descriptor, library, forward: forward),
      !description.implementation.hasPrefix("ref")
    else { return false }
    let result = node.fused.isEmpty ? y : temporary(like: y, node)
    try append(
      description, name: node.names[0], operations: node.operations,
      reads: [
        (o.fromOutput ? Primitive.target : Primitive.source, layout, try request(x, layout)),
        (Primitive.targetGradient, layout, try request(g, layout)),
      ],
      writes: [(Primitive.sourceGradient, layout, define(result, layout))])
    try lowerFused(node, from: result)
    return true
  }

  /// The gradient of a pooling; of a maximum by the places that the pooling left.
  func lowerPoolingGradient(_ node: PlanGraph.Node, _ o: Operator.PoolingGradient) throws -> Bool {
    let (x, y, g) = (node.inputs[0], node.inputs[1], node.inputs[2])
    guard let trained = trainedPoolings[y], try current(g).layout != nil,
      let first = Descriptor.pooling(
        o.pooling, trained.source, trained.target, padding: trained.padding, training: true),
      let forward = PrimitiveDescription.make(first, try Attributes(), library),
      let descriptor = Descriptor.poolingGradient(
        o.pooling, trained.source, trained.target, padding: trained.padding),
      let description = try PrimitiveDescription.make(descriptor, library, forward: forward),
      !description.implementation.hasPrefix("ref")
    else { return false }
    precondition(type(x).shape == trained.source.shape, "\(type(x)) pooled as \(trained.source.shape)")
    var reads = [(Primitive.targetGradient, trained.target, try request(g, trained.target))]
    if let (layout, location) = trained.workspace { reads.append((Primitive.workspace, layout, location)) }
    try append(
      description, name: node.names[0], operations: node.operations, reads: reads,
      writes: [(Primitive.sourceGradient, trained.source, define(node.outputs[0], trained.source))])
    return true
  }

  /// Whether a later operator is the gradient of what a pooling makes.
  func isDifferentiated(_ y: Int) -> Bool {
    graph.nodes.dropFirst(position + 1).contains {
      if case .poolingGradient = $0.operation { $0.inputs[1] == y } else { false }
    }
  }

  /// Sums over all axes but the second.
  func lowerChannelSum(_ node: PlanGraph.Node, _ o: Operator.Reduction) throws -> Bool {
    let shape = type(node.inputs[0]).shape
    guard o.function == .sum, shape.count > 2, Layout.supports(shape), node.fused.isEmpty,
      Set(try o.axes.map { try resolveAxis($0, rank: shape.count) })
        == Set(shape.indices.filter { $0 != 1 }), try current(node.inputs[0]).layout != nil
    else { return false }
    let kernel = ChannelSumKernel(
      batch: shape[0], channels: shape[1], plane: shape.dropFirst(2).reduce(1, *))
    try appendCustom(kernel, "channel sum", node, reads: [node.inputs[0]])
    return true
  }
}

/// The forward convolution that a gradient's primitive follows.
private struct TrainedConvolution: ~Copyable {
  let forward: PrimitiveDescription
  let source: Layout, target: Layout
}

/// A pooling whose gradient comes later: how it was done.
struct TrainedPooling {
  var source: Layout, target: Layout
  var padding: Padding
  var workspace: (layout: Layout, location: Location)?
}

/// `running · momentum + batch · (1 - momentum)`.
struct RunningStatistics: CustomKernel {
  let count: Int
  let momentum: Float

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let running = addresses[0].assumingMemoryBound(to: Float.self)
    let batch = addresses[1].assumingMemoryBound(to: Float.self)
    let y = addresses[2].assumingMemoryBound(to: Float.self)
    for i in 0..<count { y[i] = running[i] * momentum + batch[i] * (1 - momentum) }
  }
}

/// Sums of each channel's planes, in double precision and an order that does not depend on the threads.
struct ChannelSumKernel: CustomKernel {
  let batch: Int, channels: Int, plane: Int

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let x = addresses[0].assumingMemoryBound(to: Float.self)
    let y = addresses[1].assumingMemoryBound(to: Float.self)
    context.parallel(channels) { range in
      for c in range {
        var lanes = SIMD8<Double>.zero
        for n in 0..<batch {
          let line = x + (n * channels + c) * plane, whole = plane / 8 * 8
          for i in stride(from: 0, to: whole, by: 8) {
            let eight = UnsafeRawPointer(line + i).loadUnaligned(as: SIMD8<Float>.self)
            lanes += SIMD8<Double>(eight)
          }
          for i in whole..<plane { lanes[i - whole] += Double(line[i]) }
        }
        y[c] = Float(lanes.sum())
      }
    }
  }
}
