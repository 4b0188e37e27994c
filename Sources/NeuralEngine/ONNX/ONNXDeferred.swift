/// A node that cannot become operators yet, since it needs elements that the graph computes.
struct Deferred {
  /// Why a node waits; builders throw it.
  enum Reason: Error {
    /// An input of it is made by a node that waits.
    case waits
    /// It needs the elements of this tensor: a shape, a number of steps.
    case needs(String)
    /// How many elements it makes depends on its inputs' elements: it is computed outside of graphs.
    case host(@Sendable ([TensorValue?]) throws -> [TensorValue])

    /// What an error says where nothing may wait.
    var found: String {
      switch self {
      case .waits: "an input that is not made"
      case .needs(let name): "input \(name) is not known"
      case .host: "an output as large as the elements say"
      }
    }

    /// What an error expects in its place.
    var expected: String {
      switch self {
      case .waits, .needs: "a constant or a given value"
      case .host: "inputs that are constant or given"
      }
    }
  }

  var node: ONNXNode
  var reason: Reason
}

/// Which inputs' elements a graph was built from: it is right for those elements alone.
final class SettledInputs {
  /// Names of these inputs.
  private(set) var names: Set<String> = []
  private var known: [TensorID: TensorValue] = [:]

  /// The elements of a tensor that is constant, a given input, or follows from constants and given integers.
  func value(_ id: TensorID, _ graph: Graph, _ given: [String: TensorValue]) throws -> TensorValue? {
    if let value = graph.value(id) ?? known[id] { return value }
    guard case .node = graph[id].source else {
      guard let value = given[graph[id].name] else { return nil }
      names.insert(graph[id].name)
      return value
    }
    guard let sources = sources(of: id, graph, given) else { return nil }
    for leaf in sources.leaves {
      guard let value = given[graph[leaf].name] else { continue }
      known[leaf] = value
      names.insert(graph[leaf].name)
    }
    for index in sources.nodes {
      let node = graph.nodes[index]
      let operands = node.inputs.compactMap { graph.value($0) ?? known[$0] }
      let results = try Interpreter.evaluate(node.operation, operands, types: node.outputs.map { graph[$0].type })
      for (output, value) in zip(node.outputs, results) { known[output] = value }
    }
    return known[id]
  }

  /// The nodes that a tensor follows from, in their order, and the inputs; nil where one is a float or not given.
  private func sources(
    of id: TensorID, _ graph: Graph, _ given: [String: TensorValue]
  ) -> (nodes: [Int], leaves: Set<TensorID>)? {
    var open = [id], nodes: Set<Int> = [], leaves: Set<TensorID> = []
    while let next = open.popLast() {
      if known[next] != nil { continue }
      switch graph[next].source {
      case .weight, .constant: continue
      case .input:
        guard graph[next].type.element != .float32, given[graph[next].name] != nil else { return nil }
        leaves.insert(next)
      case .node(let index, _):
        if nodes.insert(index).inserted { open += graph.nodes[index].inputs }
      }
    }
    return (nodes.sorted(), leaves)
  }
}
