extension Operator.BatchNormalization {
  /// In training `BatchNormalizationGradient`, which needs `givesStatistics`; by known statistics a factor per channel.
  /// The running statistics themselves have no gradient.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let x = inputs[0], shape = graph.shape(x)
    if training {
      guard givesStatistics else {
        throw EngineError(
          file: graph.name, field: "\(name) \(graph[outputs[0]].name)", found: "no batch statistics kept",
          expected: "givesStatistics")
      }
      let found = try graph.add(
        .batchNormalizationGradient(.init(epsilon: epsilon)), [x, inputs[1], outputs[3], outputs[4], g])
      return found + [nil, nil]
    }
    let perChannel = [1, shape[1]] + [Int](repeating: 1, count: shape.count - 2)
    let deviation = try graph.unary(.sqrt, graph.linear(inputs[4], alpha: 1, beta: epsilon))
    let inverse = try graph.unary(.reciprocal, deviation)
    let factor = try graph.reshape(graph.product(inputs[1], inverse), perChannel)
    let centred = try graph.binary(.subtract, x, graph.reshape(inputs[3], perChannel))
    return [
      try graph.product(g, factor),
      try graph.product(graph.channelSum(graph.product(g, centred)), inverse),
      try graph.channelSum(g), nil, nil,
    ]
  }
}

extension Operator.GroupedNormalization {
  /// With n the normalised x and s = g · scale: `(s - mean(s) - n · mean(s n)) / deviation`, means over each set that
  /// shares statistics (without the first mean for RMS). Ba et al., arXiv 1607.06450.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let x = inputs[0], shape = graph.shape(x)
    let bare = Operator.GroupedNormalization(
      extent, epsilon: epsilon, centers: centers, givesStatistics: true)
    let forward = try graph.add(.groupedNormalization(bare), [x], name: "normalized")
    let normal = forward[0]
    // The shape in which a set's elements are whole axes, and that of scale and shift beside x.
    let sets: [Int], axes: [Int]
    var affine = inputs.dropFirst().map { graph.shape($0) }
    switch extent {
    case .axes(let from):
      sets = shape
      axes = Array(try resolveAxis(from, rank: shape.count)..<shape.count)
    case .groups(let groups):
      sets = [shape[0], groups, shape.dropFirst().reduce(1, *) / groups]
      axes = [2]
      affine = affine.map { [1] + $0 + [Int](repeating: 1, count: shape.count - 2) }
    }
    var result: [TensorID?] = []
    var scaled = g
    if inputs.count > 1 {
      scaled = try graph.product(g, graph.reshape(inputs[1], affine[0]))
      let sum = try graph.summed(graph.product(g, normal), to: affine[0])
      result.append(try graph.reshape(sum, graph.shape(inputs[1])))
    }
    if inputs.count > 2 {
      result.append(try graph.reshape(graph.summed(g, to: affine[1]), graph.shape(inputs[2])))
    }
    let s = try graph.reshape(scaled, sets), n = try graph.reshape(normal, sets)
    let inverse = try graph.reshape(
      forward[2], sets.indices.map { axes.contains($0) ? 1 : sets[$0] })
    let along = try graph.reduce(.mean, graph.product(s, n), axes: axes)
    var rest = try graph.binary(.subtract, s, graph.product(n, along))
    if centers { rest = try graph.binary(.subtract, rest, graph.reduce(.mean, s, axes: axes)) }
    return [try graph.reshape(graph.product(rest, inverse), shape)] + result
  }
}
