extension PlanGraph {
  /// The most scores, in elements, that are held at one time: 64 MiB.
  private static let scoreLimit = 1 << 24

  /// What stands for minus infinity in a score, whose exponential is 0 beside any other.
  private static let forbidden: Float = -1e30

  /// Writes attention as products and a softmax over heads, which oneDNN has fast code for, where that takes no more than
  /// queries, keys, values and a boolean mask; other forms stay with their plain kernel.
  mutating func expandAttention() throws {
    var expanded: [Node] = []
    for node in nodes {
      guard case .attention(let attention) = node.operation, canExpand(node, attention) else {
        expanded.append(node)
        continue
      }
      var writer = Writer(graph: self, name: node.names.first ?? "attention")
      try writer.write(node, attention)
      self.values = writer.graph.values
      expanded += writer.nodes
    }
    nodes = expanded
  }

  private func canExpand(_ node: Node, _ o: Operator.Attention) -> Bool {
    guard o.heads == o.keyHeads, !o.hasPast, !o.hasKeyLengths, !o.givesPresent, o.scores == nil,
      o.softcap == 0,
      let e = try? o.extents(node.inputs.map { values[$0].type })
    else { return false }
    let count = saturatingProduct([e.batch, o.heads, e.queries, e.total])
    guard count > 0, count <= Self.scoreLimit, e.size > 0, e.valueSize > 0 else { return false }
    guard o.hasMask else { return true }
    // A query that may see no key gets 0: told by a boolean mask alone.
    let mask = values[node.inputs[3]].type
    return !o.causal && mask.element == .bool && mask.shape.last == e.total
  }

  /// Adds the nodes of one attention.
  private struct Writer {
    var graph: PlanGraph
    let name: String
    var nodes: [Node] = []

    init(graph: PlanGraph, name: String) {
      self.graph = graph
      self.name = name
    }

    /// The value of an operator's one output; `into`: the value that is to hold it.
    mutating func add(_ operation: Operator, _ inputs: [Int], _ part: String, into: Int? = nil) throws -> Int
    {
      let types = inputs.map { graph.values[$0].type }
      let outputs = try operation.definition.outputTypes(types)
      let value = into ?? graph.addValue("\(name).\(part)", outputs[0])
      nodes.append(
        Node(
          operation: operation, inputs: inputs, outputs: [value], names: ["\(name).\(part)"],
          operations: try operation.definition.operations(types, outputs)))
      return value
    }

    mutating func constant(_ part: String, _ value: TensorValue) -> Int {
      graph.addValue("\(name).\(part)", value.type, value)
    }

    mutating func write(_ node: Node, _ o: Operator.Attention) throws {
      let e = try o.extents(node.inputs.map { graph.values[$0].type })
      let isJoined = graph.values[node.inputs[0]].type.rank == 3
      // Each [batch, heads, sequence, size].
      let q = try heads(node.inputs[0], o.heads, e.queries, "queries")
      let k = try heads(node.inputs[1], o.heads, e.keys, "keys")
      let v = try heads(node.inputs[2], o.heads, e.keys, "values")
      let scale = o.scale ?? 1 / Float(e.size).squareRoot()
      var scores = try add(
        .matrixMultiplication(.init(transposesSecond: true, alpha: scale)), [q, k], "scores")
      if o.causal {
        let bias = (0..<e.queries * e.keys).map { i in
          i % e.keys > i / e.keys ? PlanGraph.forbidden : 0
        }
        let triangle = constant("future", TensorValue([1, 1, e.queries, e.keys], bias))
        scores = try add(.binary(.init(.add)), [scores, triangle], "causal")
      }
      var seen: Int?
      if o.hasMask {
        let own = graph.values[node.inputs[3]].type.shape
        let mask = try add(
          .reshape(.init([Int](repeating: 1, count: 4 - own.count) + own)), [node.inputs[3]], "mask")
        let zero = constant("zero", TensorValue([], [0]))
        let minus = constant("minus", TensorValue([], [PlanGraph.forbidden]))
        scores = try add(
          .binary(.init(.add)), [scores, try add(.select(.init()), [mask, zero, minus], "bias")], "masked")
        let numbers = try add(.cast(.init(to: .float32)), [mask], "permitted")
        seen = try add(.reduction(.init(.maximum, axes: [3])), [numbers], "any")
      }
      let shares = try add(.softmax(.init()), [scores], "shares")
      let isLast = !isJoined && seen == nil
      var y = try add(
        .matrixMultiplication(.init()), [shares, v], "sum", into: isLast ? node.outputs[0] : nil)
      if let seen {
        y = try add(
          .binary(.init(.multiply)), [y, seen], "seen", into: isJoined ? nil : node.outputs[0])
      }
      guard isJoined else { return }
      let rows = try add(.transpose(.init([0, 2, 1, 3])), [y], "rows")
      _ = try add(
        .reshape(.init([e.batch, e.queries, o.heads * e.valueSize])), [rows], "joined", into: node.outputs[0])
    }

    /// `[batch, sequence, heads · size]` as `[batch, heads, sequence, size]`; others as they are.
    private mutating func heads(_ x: Int, _ count: Int, _ sequence: Int, _ part: String) throws -> Int {
      let shape = graph.values[x].type.shape
      guard shape.count == 3 else { return x }
      let split = try add(
        .reshape(.init([shape[0], sequence, count, shape[2] / count])), [x], "\(part).split")
      return try add(.transpose(.init([0, 2, 1, 3])), [split], part)
    }
  }
}
