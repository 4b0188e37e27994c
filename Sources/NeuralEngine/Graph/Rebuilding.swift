extension Graph {
  /// A graph built from another, and where the other's tensors are in it.
  public struct Rebuilt: Sendable {
    /// The new graph, with the same inputs, names and outputs but for what was built in another way.
    public var graph: Graph
    /// The new tensor of each tensor.
    public let map: [TensorID: TensorID]

    /// The new tensor of a tensor of the first graph.
    public subscript(_ id: TensorID) -> TensorID {
      guard let new = map[id] else { preconditionFailure("tensor \(id.index) is of another graph") }
      return new
    }
  }

  /// Builds the graph anew, tensor by tensor and operator by operator in the same order.
  ///
  /// - Parameters:
  ///   - source: builds an input, weight or constant in another way; nil leaves it as it is.
  ///   - node: builds an operator in another way on its new inputs and returns its outputs, of the same types; nil leaves
  ///     it as it is.
  /// - Throws: what the closures throw; `EngineError` where other outputs come back.
  public func rebuilt(
    source: (inout Graph, TensorID) throws -> TensorID? = { _, _ in nil },
    _ node: (inout Graph, Node, _ inputs: [TensorID]) throws -> [TensorID]? = { _, _, _ in nil }
  ) throws -> Rebuilt {
    var graph = Graph(name: name, seed: seed)
    var map: [TensorID: TensorID] = [:]
    for index in tensors.indices {
      let id = TensorID(index: index), tensor = self[id]
      if case .node(let position, let output) = tensor.source {
        guard output == 0 else { continue }
        let old = nodes[position], inputs = old.inputs.compactMap { map[$0] }
        let outputs =
          try node(&graph, old, inputs)
          ?? graph.add(
            old.operation, inputs, name: old.name, outputNames: old.outputs.map { self[$0].name })
        guard outputs.map({ graph[$0].type }) == old.outputs.map({ self[$0].type }) else {
          throw EngineError(
            file: name, field: "\(old.name) rebuilt", found: "\(outputs.map { graph[$0].type })",
            expected: "\(old.outputs.map { self[$0].type })")
        }
        for (old, new) in zip(old.outputs, outputs) { map[old] = new }
      } else {
        map[id] = try source(&graph, id) ?? graph.copySource(of: tensor)
      }
    }
    for output in outputs { if let new = map[output] { graph.markOutput(new) } }
    return Rebuilt(graph: graph, map: map)
  }

  private mutating func copySource(of tensor: Tensor) -> TensorID {
    switch tensor.source {
    case .input: addInput(tensor.name, tensor.type)
    case .weight(let value): addWeight(tensor.name, value, role: tensor.role)
    case .constant(let value): addConstant(tensor.name, value)
    case .node: preconditionFailure("\(tensor.name) is computed")
    }
  }
}
