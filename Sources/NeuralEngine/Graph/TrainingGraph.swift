/// A network as it is while it learns: batch normalisation by the batch's statistics, dropout that drops, and the weights
/// that are learned as inputs, whose memory in a plan an optimiser steps in place.
public struct TrainingGraph: Sendable {
  /// Name of the input that tells dropouts which step it is; int64 `[1]`.
  public static let stepName = "training.step"

  /// The graph; losses and gradients are added to it.
  public var graph: Graph
  /// Where the network's tensors are in it.
  public let map: [TensorID: TensorID]
  /// Learned weights, which are inputs of the same names now, with their roles; in the network's order.
  public let learned: [(id: TensorID, role: WeightRole)]
  /// Running statistics, which are inputs too, and what they become by a step.
  public let statistics: [(id: TensorID, updated: TensorID)]
  /// Whether there is an input `stepName`.
  public let drops: Bool

  /// A network made ready.
  ///
  /// - Parameter isFrozen: whether a weight of this name stays as it is. It remains a weight, so that plans fold it; a
  ///   normalisation whose scale and shift are frozen keeps its running statistics.
  /// - Throws: `EngineError`, as `Graph.rebuilt`.
  public init(_ network: Graph, isFrozen: (String) -> Bool = { _ in false }) throws {
    let roles = network.weightRoles
    var learned: [(id: TensorID, role: WeightRole)] = []
    var statistics: [(id: TensorID, updated: TensorID)] = []
    var running: Set<TensorID> = []
    for node in network.nodes {
      guard case .batchNormalization = node.operation,
        node.inputs[1...2].contains(where: { !isFrozen(network[$0].name) })
      else { continue }
      running.formUnion(node.inputs[3...4])
    }
    var step: TensorID?
    let rebuilt = try network.rebuilt(source: { graph, id in
      guard let role = roles[id] else { return nil }
      let isInput = role.isLearned ? !isFrozen(network[id].name) : running.contains(id)
      guard isInput else { return nil }
      let input = graph.addInput(network[id].name, network[id].type)
      if role.isLearned { learned.append((input, role)) }
      return input
    }) { graph, node, inputs in
      switch node.operation {
      case .batchNormalization(let o) where !o.training && running.contains(node.inputs[3]):
        let training = Operator.BatchNormalization(
          epsilon: o.epsilon, training: true, momentum: o.momentum, givesStatistics: true)
        let outputs = try graph.add(
          .batchNormalization(training), inputs, name: node.name,
          outputNames: [network[node.outputs[0]].name])
        statistics += [(inputs[3], outputs[1]), (inputs[4], outputs[2])]
        return [outputs[0]]
      case .unary(let o):
        guard case .dropout(let rate) = o.function, rate > 0 else { return nil }
        let counter = step ?? graph.addInput(Self.stepName, TensorType([1], .int64))
        step = counter
        return [try graph.dropped(inputs[0], rate: rate, node, counter, of: network)]
      default: return nil
      }
    }
    graph = rebuilt.graph
    map = rebuilt.map
    self.learned = learned
    self.statistics = statistics
    drops = step != nil
  }
}

extension Graph {
  /// Each element 0 with probability `rate`, the others grown by `1 / (1 - rate)`; Srivastava et al., JMLR 2014.
  fileprivate mutating func dropped(
    _ x: TensorID, rate: Float, _ node: Node, _ step: TensorID, of network: Graph
  ) throws -> TensorID {
    let draw = try apply(
      .randomUniform(.init(shape(x), key: network.seed ^ fnv1a(node.name))), step, name: "\(node.name).draw")
    let kept = try indicator(binary(.greaterOrEqual, draw, constant(rate)))
    return try add(
      .binary(.init(.multiply)), [x, linear(kept, alpha: 1 / (1 - rate))], name: node.name,
      outputNames: [network[node.outputs[0]].name])[0]
  }
}
