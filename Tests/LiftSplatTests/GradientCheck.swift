import LiftSplat
import NeuralEngine

/// Central differences of `Σ gradient · output` by an input, against the gradient that an operator builds.
struct GradientCheck: Sendable {
  /// What is differentiated: adds the operator to a graph and returns its output; inputs are those of `values`.
  let build: @Sendable (inout Graph, [String: TensorID]) throws -> TensorID
  let values: [String: TensorValue]
  /// Weights of the graph replace inputs where `values` names them.
  let seed: UInt64

  /// The largest difference between a built gradient and the differences, as a part of the largest of them.
  ///
  /// - Parameters:
  ///   - name: the input or weight.
  ///   - step: half of what it moves; operators that are linear in an input allow large steps, which round less.
  ///   - operand: its position among the operator's inputs.
  func worst(_ name: String, operand: Int, step: Float) throws -> Double {
    var graph = Graph(name: "check")
    var ids: [String: TensorID] = [:]
    for (input, value) in values.sorted(by: { $0.key < $1.key }) where graph.tensor(named: input) == nil {
      if !input.contains(".") || input.hasPrefix("pool.") { ids[input] = graph.addInput(input, value.type) }
    }
    let output = try build(&graph, ids)
    try graph.setWeights(values.filter { ids[$0.key] == nil })
    graph.markOutput(output)
    var random = TestRandom(seed)
    let gradient = TensorValue(graph.shape(output), random.floats(graph[output].type.count))
    let weights = gradient.floats ?? []

    var whole = graph
    let target = whole.addInput("gradient", gradient.type)
    let built = try backward(&whole, of: output, target)
    guard operand < built.count, let result = built[operand] else { return .infinity }
    whole.markOutput(result)
    var inputs = values.filter { ids[$0.key] != nil }
    inputs["gradient"] = gradient
    let found = try outputs(whole, inputs)[1]

    func loss(_ values: [String: TensorValue]) throws -> Double {
      var moved = graph
      try moved.setWeights(values.filter { ids[$0.key] == nil })
      let result = try outputs(moved, values.filter { ids[$0.key] != nil })[0]
      return zip(result, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    guard let value = values[name], let elements = value.floats, elements.count == found.count else {
      return .infinity
    }
    var worst = 0.0, scale = 0.0
    for k in elements.indices {
      var (up, down) = (elements, elements)
      up[k] += step
      down[k] -= step
      var (above, below) = (values, values)
      above[name] = TensorValue(value.shape, up)
      below[name] = TensorValue(value.shape, down)
      let difference = (try loss(above) - loss(below)) / Double(up[k] - down[k])
      worst = max(worst, abs(difference - Double(found[k])))
      scale = max(scale, abs(difference))
    }
    return worst / max(scale, 1e-9)
  }
}
