extension PlanGraph {
  /// Constants folded, identities and unread operators removed, patterns given their own operator, batch normalisation
  /// folded into the convolution before it.
  mutating func simplify() throws {
    try foldConstants()
    removeIdentities()
    recognizeSwish()
    foldIntoNormalization()
    try foldBatchNormalization()
    removeUnread()
  }

  /// Computes every operator whose inputs are all known.
  private mutating func foldConstants() throws {
    var kept: [Node] = []
    for node in nodes {
      let operands = node.inputs.compactMap { values[$0].constant }
      guard operands.count == node.inputs.count, node.operations < 1 << 30 else {
        kept.append(node)
        continue
      }
      let results = try Interpreter.evaluate(
        node.operation, operands, types: node.outputs.map { values[$0].type })
      for (value, result) in zip(node.outputs, results) { values[value].constant = result }
    }
    nodes = kept
  }

  private mutating func removeIdentities() {
    for i in nodes.indices where isIdentity(nodes[i]) {
      replace(nodes[i].outputs[0], by: nodes[i].inputs[0])
    }
    nodes.removeAll(where: isIdentity)
  }

  /// Whether a node's result is its input: an output's other name is a reshape to the same shape.
  private func isIdentity(_ node: Node) -> Bool {
    switch node.operation {
    case .unary(let unary): unary.function.isIdentity
    case .reshape: values[node.outputs[0]].type == values[node.inputs[0]].type
    default: false
    }
  }

  /// `x · sigmoid(x)` becomes swish, `x · hardSigmoid(x; 1/6, 1/2)` hard swish.
  private mutating func recognizeSwish() {
    let producers = producers()
    for i in nodes.indices {
      guard case .binary(let binary) = nodes[i].operation, binary.function == .multiply else { continue }
      for (gate, x) in [(nodes[i].inputs[1], nodes[i].inputs[0]), (nodes[i].inputs[0], nodes[i].inputs[1])] {
        guard let producer = producers[gate], case .unary(let unary) = nodes[producer].operation,
          nodes[producer].inputs == [x]
        else { continue }
        switch unary.function {
        case .sigmoid: nodes[i].operation = .unary(.init(.swish(1)))
        case .hardSigmoid(let alpha, let beta) where abs(alpha - 1 / 6) < 1e-6 && beta == 0.5:
          nodes[i].operation = .unary(.init(.hardSwish))
        default: continue
        }
        nodes[i].inputs = [x]
        nodes[i].names = nodes[producer].names + nodes[i].names
        break
      }
    }
  }

  /// `norm(x) · scale` and `norm(x) · scale + shift` become the normalisation's own scale and shift, which may differ
  /// between rows (adaLN): one pass over the memory.
  private mutating func foldIntoNormalization() {
    let producers = producers(), uses = useCounts()
    for i in nodes.indices {
      guard case .binary(let binary) = nodes[i].operation, [.multiply, .add].contains(binary.function) else {
        continue
      }
      for (normal, factor) in [(0, 1), (1, 0)] {
        let value = nodes[i].inputs[normal], operand = nodes[i].inputs[factor]
        guard uses[value] == 1, let p = producers[value],
          case .groupedNormalization(let normalization) = nodes[p].operation,
          case .axes = normalization.extent, !normalization.givesStatistics,
          nodes[p].inputs.count == (binary.function == .multiply ? 1 : 2),
          values[nodes[i].outputs[0]].type == values[value].type
        else { continue }
        nodes[i].operation = nodes[p].operation
        nodes[i].inputs = nodes[p].inputs + [operand]
        nodes[i].names = nodes[p].names + nodes[i].names
        nodes[i].operations += nodes[p].operations
        nodes[p].outputs = []
        break
      }
    }
    nodes.removeAll(where: \.outputs.isEmpty)
  }

  /// Folds normalisation by known statistics into a convolution's weights and bias; elsewhere it becomes a
  /// multiplication and an addition per channel, which may be fused into what comes before.
  private mutating func foldBatchNormalization() throws {
    var result: [Node] = []
    var made: [Int: Int] = [:]
    let uses = useCounts()
    for node in nodes {
      defer { for value in result[result.count - 1].outputs { made[value] = result.count - 1 } }
      guard case .batchNormalization(let normalization) = node.operation, !normalization.training,
        let (scale, shift) = channelScale(node, normalization)
      else {
        result.append(node)
        continue
      }
      let x = node.inputs[0]
      if uses[x] == 1, let producer = made[x], let folded = fold(scale, shift, into: result[producer]) {
        result.append(folded)
        result[result.count - 1].outputs = node.outputs
        result[result.count - 1].names += node.names
        result[producer].outputs = []
        continue
      }
      let shape = [1, scale.count] + [Int](repeating: 1, count: values[x].type.rank - 2)
      let factor = addValue("\(node.names[0]).scale", TensorType(shape), TensorValue(shape, scale))
      let offset = addValue("\(node.names[0]).shift", TensorType(shape), TensorValue(shape, shift))
      let scaled = addValue("\(node.names[0]).scaled", values[x].type)
      let half = node.operations / 2
      result.append(
        Node(
          operation: .binary(.init(.multiply)), inputs: [x, factor], outputs: [scaled], names: node.names,
          operations: half))
      made[scaled] = result.count - 1
      result.append(
        Node(
          operation: .binary(.init(.add)), inputs: [scaled, offset], outputs: node.outputs, names: [],
          operations: half))
    }
    nodes = result.filter { !$0.outputs.isEmpty }
  }

  private func channelScale(_ node: Node, _ normalization: Operator.BatchNormalization) -> ([Float], [Float])?
  {
    let parameters = node.inputs.dropFirst().compactMap { values[$0].constant?.floats }
    guard parameters.count == 4 else { return nil }
    let scale = parameters[0].indices.map {
      Float(
        Double(parameters[0][$0]) / (Double(parameters[3][$0]) + Double(normalization.epsilon)).squareRoot())
    }
    return (scale, scale.indices.map { parameters[1][$0] - parameters[2][$0] * scale[$0] })
  }

  /// The convolution with weights scaled per output channel and the bias adjusted; nil where its weights are not known.
  private mutating func fold(_ scale: [Float], _ shift: [Float], into node: Node) -> Node? {
    let channelAxis: Int, groups: Int
    switch node.operation {
    case .convolution: (channelAxis, groups) = (0, 1)
    case .transposedConvolution(let o): (channelAxis, groups) = (1, o.groups)
    default: return nil
    }
    guard node.fused.isEmpty, let weights = values[node.inputs[1]].constant, var w = weights.floats else {
      return nil
    }
    var bias = [Float](repeating: 0, count: scale.count)
    if node.inputs.count > 2 {
      guard let old = values[node.inputs[2]].constant?.floats else { return nil }
      bias = old
    }
    let strides = rowMajorStrides(weights.shape)
    for i in w.indices {
      var channel = i / strides[channelAxis] % weights.shape[channelAxis]
      if channelAxis == 1 {
        let perGroup = weights.shape[0] / groups
        channel += i / strides[0] / perGroup * weights.shape[1]
      }
      w[i] *= scale[channel]
    }
    for c in bias.indices { bias[c] = bias[c] * scale[c] + shift[c] }
    var folded = node
    let name = values[node.inputs[1]].name
    folded.inputs = [
      node.inputs[0], addValue("\(name).folded", weights.type, TensorValue(weights.shape, w)),
      addValue("\(name).bias", TensorType([bias.count]), TensorValue([bias.count], bias)),
    ]
    return folded
  }

  /// Drops operators whose results nothing reads.
  mutating func removeUnread() {
    var needed = Set(outputs)
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: needed.contains) {
      needed.formUnion(node.reads)
      kept.append(node)
    }
    nodes = kept.reversed()
  }
}
