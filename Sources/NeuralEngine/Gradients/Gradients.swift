extension Graph {
  /// Adds the operators that compute the gradients of a sum of tensors, and returns those of `targets`.
  ///
  /// A graph is made from a graph: each operator between the targets and the tensors adds the operators of its rule
  /// (`OperatorDefinition.gradients`), from the last to the first; what leads to no target is left out again. Nothing
  /// flows through `detach` or through integers.
  ///
  /// - Parameters:
  ///   - results: the tensors; their sum is what is differentiated.
  ///   - seeds: factor of each element of each result, of its shape; 1 unless given.
  ///   - targets: inputs, weights or other tensors. nil is returned for one that no result depends on.
  ///   - first: position of the first operator that is differentiated; those before are taken for given.
  ///   - recomputes: whether an operator's results are computed anew for the gradients instead of being kept: less memory
  ///     for more time (Chen et al., arXiv 1604.06174).
  /// - Throws: `EngineError` where an operator on the way has no gradient.
  public mutating func addGradients(
    of results: [TensorID], seeds: [TensorID]? = nil, for targets: [TensorID], from first: Int = 0,
    recomputing recomputes: (Node) -> Bool = { _ in false }
  ) throws -> [TensorID?] {
    var pass = BackwardPass(self, from: first)
    pass.activate(targets)
    for (i, result) in results.enumerated() {
      guard self[result].type.element == .float32 else {
        throw EngineError(
          file: name, field: "gradient of \(self[result].name)", found: "\(self[result].type)",
          expected: "floats")
      }
      pass.partials[result, default: []].append(
        seeds?[i] ?? pass.draft.constant(1, shape: shape(result)))
    }
    try pass.run(recomputing: recomputes)
    let gradients = try targets.map { try pass.total($0) }
    return try append(pass.draft, from: nodes.count, leadingTo: gradients)
  }

  /// Adds a draft's nodes from a position on as far as tensors need them, and returns the tensors as they are here.
  ///
  /// - Precondition: the draft is a copy of this graph with operators added.
  private mutating func append(_ draft: Graph, from start: Int, leadingTo wanted: [TensorID?]) throws
    -> [TensorID?]
  {
    let own = tensors.count
    var needed = Set(wanted.compactMap(\.self))
    var kept: [Node] = []
    for node in draft.nodes[start...].reversed() where node.outputs.contains(where: needed.contains) {
      needed.formUnion(node.inputs)
      kept.append(node)
    }
    var map: [TensorID: TensorID] = [:]
    func here(_ id: TensorID, _ graph: inout Graph) -> TensorID {
      if id.index < own { return id }
      if let known = map[id] { return known }
      guard let value = draft.value(id) else { preconditionFailure("\(draft[id].name) before its operator") }
      let added = graph.addConstant(draft[id].name, value)
      map[id] = added
      return added
    }
    for node in kept.reversed() {
      let operands = node.inputs.map { here($0, &self) }
      let outputs = try add(
        node.operation, operands, name: node.name, outputNames: node.outputs.map { draft[$0].name })
      for (old, new) in zip(node.outputs, outputs) { map[old] = new }
    }
    return wanted.map { $0.map { here($0, &self) } }
  }
}

/// One way back through a graph's operators.
private struct BackwardPass {
  /// The graph with the gradients' operators.
  var draft: Graph
  /// Parts of each tensor's gradient, which sum to it.
  var partials: [TensorID: [TensorID]] = [:]
  /// Tensors that depend on a target.
  private var active: Set<TensorID> = []
  private let nodes: ArraySlice<Graph.Node>
  /// Tensors computed anew, by the ones of the forward pass.
  private var copies: [TensorID: TensorID] = [:]

  init(_ graph: Graph, from first: Int) {
    draft = graph
    nodes = graph.nodes[first...]
  }

  mutating func activate(_ targets: [TensorID]) {
    active.formUnion(targets)
    for node in nodes where node.inputs.contains(where: active.contains) {
      active.formUnion(node.outputs.filter { draft[$0].type.element == .float32 })
    }
  }

  mutating func run(recomputing recomputes: (Graph.Node) -> Bool) throws {
    for node in nodes.reversed() where node.outputs.contains(where: { partials[$0] != nil }) {
      guard node.inputs.contains(where: active.contains) else { continue }
      let found = try node.outputs.map { try total($0) }
      let inputs = try node.inputs.map { try again($0, recomputes) }
      let outputs = try node.outputs.map { try again($0, recomputes) }
      let gradients = try draft.scoped("gradient.\(node.name)") {
        try node.operation.definition.gradients(&$0, inputs, outputs, found)
      }
      for (input, gradient) in zip(node.inputs, gradients) where active.contains(input) {
        guard let gradient else { continue }
        precondition(
          draft.shape(gradient) == draft.shape(input),
          "gradient of \(node.operation.definition.name): \(draft.shape(gradient)) for \(draft.shape(input))")
        partials[input, default: []].append(gradient)
      }
    }
  }

  /// The sum of a tensor's parts, in the order in which they were found.
  mutating func total(_ id: TensorID) throws -> TensorID? {
    guard let parts = partials[id], var sum = parts.first else { return nil }
    for part in parts.dropFirst() { sum = try draft.sum(sum, part, name: "gradient.\(draft[id].name).sum") }
    partials[id] = [sum]
    return sum
  }

  /// The tensor itself, or where its operator is to be run again, that run's.
  private mutating func again(_ id: TensorID, _ recomputes: (Graph.Node) -> Bool) throws -> TensorID {
    if let copy = copies[id] { return copy }
    guard case .node(let index, let output) = draft[id].source, recomputes(draft.nodes[index]) else {
      return id
    }
    let node = draft.nodes[index]
    let inputs = try node.inputs.map { try again($0, recomputes) }
    let outputs = try draft.add(node.operation, inputs, name: "again.\(node.name)")
    for (old, new) in zip(node.outputs, outputs) { copies[old] = new }
    return outputs[output]
  }
}

// What rules are made of.
extension Graph {
  /// A constant of one value everywhere.
  mutating func constant(_ value: Float, shape: [Int] = []) -> TensorID {
    addConstant("constant", TensorValue(shape, [Float](repeating: value, count: shape.reduce(1, *))))
  }

  /// Summed over the axes along which a tensor of `shape` was broadcast to x's shape.
  mutating func summed(_ x: TensorID, to shape: [Int]) throws -> TensorID {
    let wide = self.shape(x)
    if wide == shape { return x }
    let lead = wide.count - shape.count
    let axes = wide.indices.filter { $0 < lead || (shape[$0 - lead] == 1 && wide[$0] != 1) }
    let sum = axes.isEmpty ? x : try reduce(.sum, x, axes: axes)
    return self.shape(sum) == shape ? sum : try reshape(sum, shape)
  }

  /// x broadcast to a shape.
  mutating func expanded(_ x: TensorID, to shape: [Int]) throws -> TensorID {
    self.shape(x) == shape ? x : try apply(.expand(.init(shape)), x)
  }

  /// 1 where a condition holds, else 0.
  mutating func indicator(_ condition: TensorID) throws -> TensorID {
    try apply(.cast(.init(to: .float32)), condition)
  }

  /// `condition ? a : b` with a number for one of them.
  mutating func select(_ condition: TensorID, _ a: TensorID, else b: Float) throws -> TensorID {
    try apply(.select(.init()), condition, a, constant(b))
  }

  /// `-x`.
  mutating func negated(_ x: TensorID) throws -> TensorID { try unary(.negate, x) }

  /// Zeros around x (a crop where negative).
  mutating func padded(_ x: TensorID, before: [Int], after: [Int]) throws -> TensorID {
    if (before + after).allSatisfy({ $0 == 0 }) { return x }
    return try apply(.pad(.init(Padding(before: before, after: after))), x)
  }
}
