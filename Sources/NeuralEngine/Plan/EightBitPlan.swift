/// Which operators compute in 8-bit integers, and which tensors they read that way.
struct EightBitPlan {
  /// First outputs of the convolutions and products that compute in integers.
  var computed: Set<Int> = []
  /// Tensors that are read, and written where the operator can, in 8 bits; ones of a group share a scale.
  var group: [Int: Int] = [:]
  /// Scales by tensor; filled by calibration.
  var scales: [Int: TensorScale] = [:]

  /// Tensors in the order of their positions.
  var tensors: [Int] { group.keys.sorted() }

  /// Chooses for a fused graph.
  init(_ graph: PlanGraph) {
    for node in graph.nodes where EightBitPlan.computes(node, graph) { computed.insert(node.outputs[0]) }
    var parent: [Int: Int] = [:]
    func root(_ value: Int) -> Int {
      var value = value
      while let up = parent[value], up != value { value = up }
      return value
    }
    func add(_ value: Int) { if parent[value] == nil { parent[value] = value } }
    for node in graph.nodes.reversed() {
      let y = node.outputs[0]
      if computed.contains(y) {
        add(node.inputs[0])
        for case .binary(.add, let operand) in node.fused
        where graph.values[operand].constant == nil && graph.values[operand].type == graph.values[y].type {
          add(operand)
        }
      } else if parent[y] != nil, let carried = EightBitPlan.carried(node, graph) {
        for value in carried.inputs {
          add(value)
          if carried.sharesScale { parent[root(value)] = root(y) }
        }
      }
    }
    for value in parent.keys { group[value] = root(value) }
  }

  init() {}

  /// Whether integers pay for an operator: known weights and a million operations or more.
  private static func computes(_ node: PlanGraph.Node, _ graph: PlanGraph) -> Bool {
    guard node.operations >= 1 << 20, node.inputs.count >= 2,
      graph.values[node.inputs[0]].constant == nil,
      node.inputs.dropFirst().allSatisfy({ graph.values[$0].constant?.floats != nil })
    else { return false }
    let x = graph.values[node.inputs[0]].type, w = graph.values[node.inputs[1]].type
    switch node.operation {
    case .convolution, .transposedConvolution: return (3...5).contains(x.rank)
    case .matrixMultiplication(let o):
      guard x.rank >= 2, w.rank == 2, !o.transposesFirst, o.alpha == 1 else { return false }
      let n = graph.values[node.outputs[0]].type.shape[x.rank - 1]
      return node.inputs.count == 2
        || o.beta == 1 && graph.values[node.inputs[2]].type.count == n
          && graph.values[node.inputs[2]].type.shape.last == n
    default: return false
    }
  }

  /// The inputs an operator can take over in 8 bits, and whether its result has their scale.
  private static func carried(_ node: PlanGraph.Node, _ graph: PlanGraph) -> (
    inputs: [Int], sharesScale: Bool
  )? {
    let known = node.inputs.contains { graph.values[$0].constant != nil }
    let x = graph.values[node.inputs[0]].type
    switch node.operation {
    case .concatenation where !known && (3...5).contains(x.rank): return (node.inputs, true)
    case .resize(let o) where x.rank == 4 && o.interpolation == .linear && !o.antialias:
      return ([node.inputs[0]], true)
    case .pooling(let o) where o.kind == .maximum && !o.givesIndices: return ([node.inputs[0]], true)
    case .binary(let o) where o.function == .multiply && node.fused.isEmpty && !known:
      return gate(node, graph).map { ([$0.x], false) }
    default: return nil
    }
  }

  /// The tensor and the gate of a product with one factor per sample and channel.
  static func gate(_ node: PlanGraph.Node, _ graph: PlanGraph) -> (x: Int, gate: Int)? {
    let y = graph.values[node.outputs[0]].type.shape
    guard node.inputs.count == 2, y.count >= 3 else { return nil }
    for (x, gate) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
      let shape = graph.values[gate].type.shape
      if graph.values[x].type.shape == y, shape.count == y.count, shape[0] == y[0], shape[1] == y[1],
        shape.dropFirst(2).allSatisfy({ $0 == 1 }), y.dropFirst(2).reduce(1, *) > 1
      {
        return (x, gate)
      }
    }
    return nil
  }
}
