import NeuralEngine
import Testing

/// A graph whose gradients are compared with central differences of `Σ r · y` over its outputs y, with r drawn.
struct GradientCheck {
  let graph: Graph
  let inputs: [String: TensorValue]
  private let factors: [TensorValue]

  /// A graph of float inputs of these shapes, distinct multiples of a step that is far above the differences' own, so that no
  /// maximum or corner lies between two evaluations.
  init(
    _ shapes: [[Int]], seed: UInt64 = 1, range: ClosedRange<Float> = -1...1,
    _ build: (inout Graph, [TensorID]) throws -> [TensorID]
  ) throws {
    var graph = Graph(seed: seed), random = TestRandom(seed), values: [String: TensorValue] = [:]
    let ids = shapes.enumerated().map { i, shape in
      let count = shape.reduce(1, *)
      let places = (0..<count).map { (key: random.next(), place: $0) }.sorted { $0.key < $1.key }
      let step = (range.upperBound - range.lowerBound) / Float(max(count, 1))
      values["x\(i)"] = TensorValue(
        shape, places.map { range.lowerBound + step * (Float($0.place) + 0.3 + 0.17 * Float(i)) })
      return graph.addInput("x\(i)", shape)
    }
    for output in try build(&graph, ids) where graph[output].type.element == .float32 {
      graph.markOutput(output)
    }
    self.graph = graph
    inputs = values
    factors = graph.outputs.map { random.tensor(graph.shape($0)) }
  }

  /// A graph with values for its inputs.
  init(_ graph: Graph, _ inputs: [String: TensorValue], seed: UInt64) {
    var random = TestRandom(seed)
    self.graph = graph
    self.inputs = inputs
    factors = graph.outputs.map { random.tensor(graph.shape($0)) }
  }

  /// The graph with the gradients of all float inputs (or of weights and inputs) as its only outputs.
  func backward(weights: Bool = false) throws -> (graph: Graph, targets: [TensorID]) {
    var graph = graph
    let seeds = factors.enumerated().map { graph.addConstant("seed \($0)", $1) }
    var targets = graph.inputs.filter { graph[$0].type.element == .float32 }
    if weights { targets += graph.weights.filter { graph[$0].type.element == .float32 } }
    let gradients = try graph.addGradients(of: graph.outputs, seeds: seeds, for: targets)
    graph.replaceOutputs(by: gradients.compactMap(\.self))
    return (graph, zip(targets, gradients).compactMap { $1 == nil ? nil : $0 })
  }

  /// `Σ r · y` in double precision.
  private func loss(_ values: [String: TensorValue]) throws -> Double {
    zip(try Interpreter.run(graph, values), factors).reduce(0) { sum, pair in
      zip(pair.0.floats ?? [], pair.1.floats ?? []).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
    }
  }

  /// The derivative by an element: central differences at h and h / 2, extrapolated (Richardson) to h⁴.
  private func difference(_ name: String, _ element: Int, _ h: Float) throws -> Double {
    func central(_ h: Float) throws -> Double {
      var floats = inputs[name]?.floats ?? []
      let x = floats[element], shape = inputs[name]?.shape ?? []
      var values = inputs
      floats[element] = x + h
      values[name] = TensorValue(shape, floats)
      let (upper, above) = (try loss(values), floats[element])
      floats[element] = x - h
      values[name] = TensorValue(shape, floats)
      return (upper - (try loss(values))) / (Double(above) - Double(floats[element]))
    }
    return try (4 * central(h / 2) - central(h)) / 3
  }

  /// The largest difference from central differences, as a part of the largest of the tensor's gradients (1 at least).
  ///
  /// - Parameter found: gradients of the float inputs in their order; the interpreter's unless given.
  func worst(_ found: [TensorValue]? = nil, h: Float = 1 / 128, elements: Int = 16) throws -> Double {
    let (backward, targets) = try backward()
    let gradients = try found ?? Interpreter.run(backward, inputs)
    var worst = gradients.isEmpty ? Double.infinity : 0
    for (target, gradient) in zip(targets, gradients) {
      let name = graph[target].name, floats = gradient.floats ?? []
      let scale = max(floats.reduce(0) { max($0, abs(Double($1))) }, 1)
      for k in 0..<min(elements, floats.count) {
        let element = floats.count <= elements ? k : k * (floats.count - 1) / (elements - 1)
        let expected = try difference(name, element, h)
        let error = abs(Double(floats[element]) - expected) / scale
        worst = error.isNaN ? .infinity : max(worst, error)
      }
    }
    return worst
  }

  /// The same of a plan's gradients.
  func worstOfPlan(threads: Int = 2) throws -> Double {
    let (backward, _) = try backward()
    let results = try Plan(backward, .init(threads: threads)).run(inputs)
    return try worst(backward.outputs.map { try #require(results[backward[$0].name]) })
  }
}

/// Largest difference as a part of the largest expected magnitude, which counts as 0.01 at least.
func gradientDifference(_ found: TensorValue, _ expected: TensorValue) -> Float {
  guard found.type == expected.type, let a = found.floats, let b = expected.floats else { return .infinity }
  let differences = zip(a, b).map { abs($0 - $1) }
  if differences.contains(where: \.isNaN) { return .infinity }
  return (differences.max() ?? 0) / max(b.map(abs).max() ?? 0, 0.01)
}
