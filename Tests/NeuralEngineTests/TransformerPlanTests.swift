import Foundation
import NeuralEngine
import Testing

/// The plan's own kernels for transformers against the interpreter, on sizes that fill no vector.
@Suite struct TransformerPlanTests {
  /// The graph's one output by plans of one and two threads, whose bytes must be the same; and the plan's steps.
  private func run(
    _ graph: Graph, _ inputs: [String: TensorValue]
  ) throws -> (value: TensorValue, steps: [Plan.StepInfo]) {
    let name = graph[graph.outputs[0]].name
    let plan = try Plan(graph)
    let one = try #require(plan.run(inputs)[name])
    let two = try #require(try Plan(graph, .init(threads: 2)).run(inputs)[name])
    #expect(one == two)
    return (one, plan.steps)
  }

  // MARK: Normalisation

  private static let normalized: [[Int]] = [
    [3, 7, 19], [2, 5, 3, 33], [4, 1, 128], [1, 2], [2, 600, 16],
  ]

  /// `norm(x) · scale + shift` with operands of these shapes.
  private func modulated(_ shape: [Int], _ operand: [Int], centers: Bool = true, epsilon: Float) throws
    -> Graph
  {
    var g = Graph()
    let x = g.addInput("x", shape), scale = g.addInput("scale", operand), shift = g.addInput("shift", operand)
    let norm = Operator.GroupedNormalization(.axes(from: -1), epsilon: epsilon, centers: centers)
    let normal = try g.apply(.groupedNormalization(norm), x)
    try g.markOutput(try g.sum(shift, try g.product(normal, scale)), name: "y")
    return g
  }

  @Test(arguments: normalized, [true, false])
  func modulatedNormalizationIsOneStep(shape: [Int], centers: Bool) throws {
    var random = TestRandom(41)
    let operands = [
      [shape[shape.count - 1]], [1] + shape.dropFirst(), shape,
      [shape[0]] + shape.dropFirst().dropLast().map { _ in 1 } + shape.suffix(1),
    ]
    for operand in operands {
      let inputs = [
        "x": random.tensor(shape), "scale": random.tensor(operand), "shift": random.tensor(operand),
      ]
      let graph = try modulated(shape, operand, centers: centers, epsilon: 0.01)
      let expected = try Interpreter.run(graph, inputs)[0], found = try run(graph, inputs)
      // Sums of up to 128 terms in single precision, divided by a deviation of 0.1 or more.
      #expect(relativeDifference(found.value, expected) < 1e-5, "\(shape) \(operand)")
      #expect(found.steps.count == 1)
      let wrong = try run(modulated(shape, operand, centers: centers, epsilon: 0.02), inputs).value
      #expect(relativeDifference(wrong, expected) > 1e-4)
    }
  }

  /// Read twice, given out, or widened: the normalisation stays as it is, and results are right.
  @Test func normalizationThatOthersReadIsNotFolded() throws {
    var g = Graph()
    let x = g.addInput("x", [1, 5, 24]), scale = g.addInput("scale", [3, 1, 24])
    let normal = try g.layerNormalization(x, affine: false, name: "n")
    let wide = try g.product(normal, scale)
    try g.markOutput(try g.sum(wide, try g.product(normal, x)), name: "y")
    var random = TestRandom(42)
    let inputs = ["x": random.tensor([1, 5, 24]), "scale": random.tensor([3, 1, 24])]
    #expect(relativeDifference(try run(g, inputs).value, try Interpreter.run(g, inputs)[0]) < 1e-5)
    var once = Graph()
    let z = once.addInput("x", [1, 5, 24])
    let widened = try once.product(
      try once.layerNormalization(z, affine: false, name: "n"), once.addInput("scale", [3, 1, 24]))
    try once.markOutput(widened, name: "y")
    #expect(relativeDifference(try run(once, inputs).value, try Interpreter.run(once, inputs)[0]) < 1e-5)
  }

  // MARK: Attention

  private struct Case: CustomTestStringConvertible {
    var batch = 2, heads = 2, keyHeads = 2, queries: Int, keys: Int, size: Int, valueSize: Int
    var causal = false, isJoined = true
    /// The mask's shape; nil: none.
    var mask: [Int]?
    var testDescription: String {
      "\(heads)/\(keyHeads) \(queries)x\(keys) \(size),\(valueSize) \(mask ?? [])"
    }

    func graph(scale: Float? = nil) throws -> Graph {
      var g = Graph()
      func shape(_ heads: Int, _ sequence: Int, _ size: Int) -> [Int] {
        isJoined ? [batch, sequence, heads * size] : [batch, heads, sequence, size]
      }
      var operands = [
        g.addInput("q", shape(heads, queries, size)), g.addInput("k", shape(keyHeads, keys, size)),
        g.addInput("v", shape(keyHeads, keys, valueSize)),
      ]
      if let mask { operands.append(g.addInput("mask", TensorType(mask, .bool))) }
      let attention = Operator.Attention(
        heads: heads, keyHeads: keyHeads, scale: scale, causal: causal, hasMask: mask != nil)
      try g.markOutput(try g.add(.attention(attention), operands)[0], name: "y")
      return g
    }
  }

  private static let cases: [Case] = [
    Case(queries: 20, keys: 27, size: 32, valueSize: 32, mask: [2, 1, 1, 27]),
    Case(queries: 33, keys: 5, size: 7, valueSize: 19),
    Case(heads: 6, keyHeads: 2, queries: 1, keys: 70, size: 16, valueSize: 3, mask: [70]),
    Case(heads: 1, keyHeads: 1, queries: 70, keys: 70, size: 9, valueSize: 50, causal: true),
    Case(queries: 37, keys: 41, size: 8, valueSize: 33, isJoined: false, mask: [2, 2, 37, 41]),
    Case(queries: 35, keys: 3, size: 1, valueSize: 1, causal: true, isJoined: false, mask: [1, 2, 1, 3]),
    Case(queries: 47, keys: 12, size: 24, valueSize: 65),
    Case(queries: 16, keys: 9, size: 5, valueSize: 64, mask: [16, 9]),
    Case(batch: 1, queries: 64, keys: 17, size: 40, valueSize: 16, mask: [64, 17]),
  ]

  @Test(arguments: cases) private func attentionEqualsInterpreter(_ c: Case) throws {
    let graph = try c.graph()
    var random = TestRandom(43), inputs: [String: TensorValue] = [:]
    for id in graph.inputs where graph[id].name != "mask" {
      inputs[graph[id].name] = random.tensor(graph.shape(id))
    }
    if let mask = c.mask {
      let count = mask.reduce(1, *)
      // The first row of keys is forbidden to all: a query that sees nothing gets 0.
      inputs["mask"] = TensorValue(
        mask, booleans: (0..<count).map { $0 >= mask[mask.count - 1] && $0 % 3 != 1 })
    }
    let expected = try Interpreter.run(graph, inputs)[0], found = try run(graph, inputs)
    #expect(found.steps.map(\.implementation) == ["attention"])
    // Sums of up to 70 terms in single precision, in another order.
    #expect(relativeDifference(found.value, expected) < 1e-5)
    let elements = try #require(expected.floats)
    guard elements.contains(where: { $0 != 0 }) else { return }
    // Another scale is not taken for the same, nor are other keys under the mask.
    if c.size > 1, c.keys > 3 {
      let wrong = try run(c.graph(scale: 0.9 / Float(c.size).squareRoot()), inputs).value
      #expect(relativeDifference(wrong, expected) > 1e-4)
    }
    if let mask = inputs["mask"]?.booleans, c.keys > 3 {
      inputs["mask"] = TensorValue(c.mask ?? [], booleans: mask.suffix(1) + mask.dropLast())
      #expect(relativeDifference(try run(graph, inputs).value, expected) > 1e-3)
    }
  }

  /// Keys that nobody may see change no byte, whatever they hold and however many they are.
  @Test func forbiddenKeysChangeNoByte() throws {
    var random = TestRandom(44)
    let q = random.tensor([2, 20, 64]), few = random.tensor([2, 9, 64])
    let elements = try #require(few.floats)
    var many: [Float] = []
    for b in 0..<2 {
      many += elements[b * 9 * 64..<(b + 1) * 9 * 64]
      many += [Float](repeating: .nan, count: 18 * 64)
    }
    let long = TensorValue([2, 27, 64], many)
    let mask = TensorValue([2, 1, 1, 27], booleans: (0..<54).map { $0 % 27 < 9 })
    let short = Case(queries: 20, keys: 9, size: 32, valueSize: 32)
    let masked = Case(queries: 20, keys: 27, size: 32, valueSize: 32, mask: [2, 1, 1, 27])
    let a = try run(short.graph(), ["q": q, "k": few, "v": few]).value
    let b = try run(masked.graph(), ["q": q, "k": long, "v": long, "mask": mask]).value
    #expect(a == b)
  }

  // MARK: Elements

  @Test(arguments: [1, 15, 16, 17, 5000]) func geluByTangentEqualsInterpreter(count: Int) throws {
    func graph(_ function: Operator.Unary.Function) throws -> Graph {
      var g = Graph()
      try g.markOutput(try g.unary(function, g.addInput("x", [1, count])), name: "y")
      return g
    }
    // -15 to 15 in steps that no vector's lanes repeat, and numbers whose exponentials overflow.
    var x = (0..<count).map { Float($0 * 7 % 301 - 150) / 10 }
    if count > 16 { x.replaceSubrange(0..<4, with: [-1e4, 1e4, -90, 90]) }
    let inputs = ["x": TensorValue([1, count], x)]
    let found = try run(graph(.geluTanh), inputs)
    #expect(found.steps.map(\.implementation) == ["GELU"])
    let expected = try #require(try Interpreter.run(graph(.geluTanh), inputs)[0].floats)
    for (a, b) in zip(try #require(found.value.floats), expected) {
      #expect(abs(a - b) <= 1e-6 * max(1, abs(b)))
    }
    // GELU by the error function differs by up to 5e-4.
    let other = try #require(try Interpreter.run(graph(.gelu), inputs)[0].floats)
    if count > 17 { #expect(zip(other, expected).contains { abs($0 - $1) > 1e-4 }) }
  }

  @Test(arguments: [
    ([3, 7, 19], [3, 7, 1]), ([2, 3, 5, 33], [2, 3, 1, 1]), ([5, 40], [5, 1]), ([2, 3, 4], [3, 1]),
  ])
  func productWithANumberEachRowEqualsInterpreter(shape: [Int], factor: [Int]) throws {
    for isFirst in [true, false] {
      var g = Graph()
      let x = g.addInput("x", shape), f = g.addInput("factor", factor)
      try g.markOutput(try isFirst ? g.product(f, x) : g.product(x, f), name: "y")
      var random = TestRandom(45)
      let inputs = ["x": random.tensor(shape), "factor": random.tensor(factor)]
      #expect(try run(g, inputs).value == Interpreter.run(g, inputs)[0])
    }
  }

  // MARK: Steady inputs

  @Test func whatDependsOnSteadyInputsAloneIsKept() throws {
    var g = Graph(seed: 3)
    let x = g.addInput("x", [2, 5, 16]), context = g.addInput("context", [2, 7, 16])
    let y = try g.multiHeadAttention(x, context: context, heads: 2, name: "a")
    try g.markOutput(y, name: "y")
    let steady = try Plan(g, .init(steadyInputs: ["context"])), plain = try Plan(g)
    var random = TestRandom(46)
    let first = ["x": random.tensor([2, 5, 16]), "context": random.tensor([2, 7, 16])]
    #expect(try steady.run(first) == plain.run(first))
    let other = ["x": random.tensor([2, 5, 16]), "context": random.tensor([2, 7, 16])]
    func fill(_ name: String) throws {
      let k = try #require(steady.inputs.firstIndex { $0.name == name })
      steady.set(k, try #require(other[name]))
    }
    func found() -> [Float] {
      let view = steady.outputView(0)
      return Array(UnsafeBufferPointer(start: view.floats, count: view.count))
    }
    try fill("x")
    try steady.executeAgain()
    let mixed = try plain.run(["x": #require(other["x"]), "context": #require(first["context"])])
    #expect(found() == mixed["y"]?.floats)
    // A steady input that changes is not noticed until all runs: its keys and values were kept.
    try fill("context")
    try steady.executeAgain()
    #expect(found() == mixed["y"]?.floats)
    try steady.execute()
    #expect(found() == (try plain.run(other)["y"]?.floats))
  }
}
