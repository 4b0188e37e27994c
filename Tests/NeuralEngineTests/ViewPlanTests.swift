import NeuralEngine
import Testing

/// Plans over slices, which are views into the tensor that they are cut from.
struct ViewPlanTests {
  /// Results laid out as a view that begins in the middle of its tensor need memory to the view's end; all of them are
  /// alive until the outputs are copied, so one that runs over its memory ruins another.
  @Test(arguments: [1, 2]) func functionsOfSlicesKeepToTheirMemory(threads: Int) throws {
    var g = Graph(seed: 3)
    let x = g.addInput("x", [13, 6, 128]), scale = g.addInput("scale", [1, 1, 1])
    var names: [String] = []
    for k in 0..<6 {
      let part = try g.apply(.slice(.init(starts: [0, k, 0], counts: [13, 1, 128])), x)
      for (kind, y) in [
        ("linear", try g.unary(.linear(alpha: 2, beta: 1), part)), ("tanh", try g.unary(.tanh, part)),
        ("scaled", try g.binary(.multiply, part, scale)),
      ] {
        names.append("\(kind) \(k)")
        try g.markOutput(y, name: names[names.count - 1])
      }
    }
    var random = TestRandom(5)
    let inputs = ["x": random.tensor([13, 6, 128]), "scale": TensorValue([1, 1, 1], [3])]
    let expected = try Interpreter.run(g, inputs)
    let plan = try Plan(g, .init(threads: threads))
    for _ in 0..<2 {
      let found = try plan.run(inputs)
      for (name, value) in zip(names, expected) {
        #expect(relativeDifference(try #require(found[name]), value) < 1e-6, "\(name)")
      }
    }
  }
}
