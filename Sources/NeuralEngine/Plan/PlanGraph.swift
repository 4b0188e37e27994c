/// A graph while it is compiled: operators are rewritten and fused here before they become steps.
struct PlanGraph {
  /// A tensor; `constant` where its elements are known at compile time.
  struct Value {
    var name: String
    var type: TensorType
    var constant: TensorValue?
    var isInput = false
  }

  /// Something done to a node's result before it is stored.
  enum FusedStep {
    case unary(Operator.Unary.Function)
    /// The result is the function's first operand, the value its second.
    case binary(Operator.Binary.Function, Int)
  }

  /// An operator with the ones fused into it.
  struct Node {
    var operation: Operator
    var inputs: [Int]
    var outputs: [Int]
    /// Names of the graph's nodes that it stands for.
    var names: [String]
    var fused: [FusedStep] = []
    var operations: Int

    /// Inputs and the operands of fused steps.
    var reads: [Int] {
      inputs
        + fused.compactMap {
          if case .binary(_, let operand) = $0 { operand } else { nil }
        }
    }

    /// Inputs and the operands of all fused steps but one.
    func reads(except step: Int) -> [Int] {
      var others = self
      others.fused.remove(at: step)
      return others.reads
    }
  }

  let name: String
  var values: [Value]
  var nodes: [Node]
  let inputs: [Int]
  var outputs: [Int]

  init(_ graph: Graph) throws {
    name = graph.name
    values = graph.tensors.indices.map { i in
      let tensor = graph.tensors[i]
      var value = Value(name: tensor.name, type: tensor.type, constant: graph.value(TensorID(index: i)))
      if case .input = tensor.source { value.isInput = true }
      return value
    }
    nodes = try graph.nodes.map { node in
      let inputTypes = node.inputs.map { graph[$0].type }, outputTypes = node.outputs.map { graph[$0].type }
      return Node(
        operation: node.operation, inputs: node.inputs.map(\.index), outputs: node.outputs.map(\.index),
        names: [node.name], operations: try node.operation.definition.operations(inputTypes, outputTypes))
    }
    inputs = graph.inputs.map(\.index)
    outputs = graph.outputs.map(\.index)
  }

  /// How often each value is read, being an output counted.
  func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: values.count)
    for node in nodes { for value in node.reads { counts[value] += 1 } }
    for value in outputs { counts[value] += 1 }
    return counts
  }

  /// The node that makes each value.
  func producers() -> [Int: Int] {
    var producers: [Int: Int] = [:]
    for (i, node) in nodes.enumerated() { for value in node.outputs { producers[value] = i } }
    return producers
  }

  /// Adds a value, constant or yet to be made.
  mutating func addValue(_ name: String, _ type: TensorType, _ constant: TensorValue? = nil) -> Int {
    values.append(Value(name: name, type: type, constant: constant))
    return values.count - 1
  }

  /// Replaces a value by another wherever it is read.
  mutating func replace(_ old: Int, by new: Int) {
    for i in nodes.indices {
      nodes[i].inputs = nodes[i].inputs.map { $0 == old ? new : $0 }
      nodes[i].fused = nodes[i].fused.map {
        if case .binary(let f, old) = $0 { .binary(f, new) } else { $0 }
      }
    }
    outputs = outputs.map { $0 == old ? new : $0 }
  }

  /// Moves the nodes that depend on constants and the inputs of these names alone before all others; how many they are.
  mutating func moveFirst(dependingOn names: Set<String>) -> Int {
    guard !names.isEmpty else { return 0 }
    var steady = Set(inputs.filter { names.contains(values[$0].name) })
    var first: [Node] = [], rest: [Node] = []
    for node in nodes {
      if node.reads.allSatisfy({ steady.contains($0) || values[$0].constant != nil }) {
        steady.formUnion(node.outputs)
        first.append(node)
      } else {
        rest.append(node)
      }
    }
    nodes = first + rest
    return first.count
  }
}
