extension PlanGraph {
  /// Moves element-wise operators into the convolution, product or sum whose result they alone read.
  ///
  /// The fused node stands where its last part stood, so that every operand exists by then.
  mutating func fuse() {
    var result: [Node?] = []
    var made: [Int: Int] = [:]
    let uses = useCounts()
    for node in nodes {
      var node = node
      if let (host, step) = fusion(of: node, into: result, made, uses), var fused = result[host] {
        fused.fused.append(step)
        fused.names += node.names
        fused.operations += node.operations
        fused.outputs = node.outputs
        result[host] = nil
        node = fused
      }
      for value in node.outputs { made[value] = result.count }
      result.append(node)
    }
    nodes = result.compactMap { $0 }
  }

  /// The earlier node that can take a node in, and as which step.
  private func fusion(
    of node: Node, into result: [Node?], _ made: [Int: Int], _ uses: [Int]
  ) -> (host: Int, step: FusedStep)? {
    guard node.fused.isEmpty else { return nil }
    switch node.operation {
    case .unary(let unary):
      guard let host = host(of: node.inputs[0], result, made, uses), eltwiseOperations(unary.function) != nil
      else { return nil }
      return (host, .unary(unary.function))
    case .binary(let binary):
      let type = values[node.outputs[0]].type
      guard type.element == .float32, binaryAlgorithm(binary.function) != nil else { return nil }
      let commutes = [.add, .multiply, .maximum, .minimum].contains(binary.function)
      var best: (host: Int, step: FusedStep)?
      for (mine, other) in [(0, 1), (1, 0)] where mine == 0 || commutes {
        let x = node.inputs[mine], operand = node.inputs[other]
        guard x != operand, values[x].type == type, let host = host(of: x, result, made, uses),
          host > best?.host ?? -1, let taker = result[host], fits(operand, type.shape, taker.operation)
        else { continue }
        best = (host, .binary(binary.function, operand))
      }
      return best
    default: return nil
    }
  }

  private func host(of value: Int, _ result: [Node?], _ made: [Int: Int], _ uses: [Int]) -> Int? {
    guard uses[value] == 1, let index = made[value], let node = result[index], node.fused.count < 8 else {
      return nil
    }
    switch node.operation {
    case .convolution, .transposedConvolution, .matrixMultiplication: return index
    case .binary(let binary):
      return binaryAlgorithm(binary.function) != nil && values[value].type.element == .float32 ? index : nil
    default: return nil
    }
  }

  /// Whether a fused operand has the result's shape, one element, or one per channel or (not for convolutions, whose
  /// code in oneDNN takes it for another axis) last-axis element.
  private func fits(_ operand: Int, _ shape: [Int], _ host: Operator) -> Bool {
    let own = values[operand].type.shape
    if own == shape || own.reduce(1, *) == 1 && own.count <= shape.count { return true }
    let aligned = [Int](repeating: 1, count: max(0, shape.count - own.count)) + own
    guard aligned.count == shape.count else { return false }
    let wide = aligned.indices.filter { aligned[$0] != 1 }
    guard wide.count == 1, aligned[wide[0]] == shape[wide[0]] else { return false }
    if case .convolution = host { return wide[0] == 1 }
    return wide[0] == 1 || wide[0] == shape.count - 1
  }
}
