import NeuralEngine
import Testing

/// Networks whose shapes are open, or follow from elements.
@Suite struct ONNXProgramTests {
  private func program(_ graph: [UInt8]) throws -> ONNXProgram {
    try ONNXProgram(bytes: Wire.model(graph, opset: 17), name: "m.onnx")
  }

  @Test func minusOneIsAnOpenExtent() throws {
    let graph = Wire.node("Neg", ["x"], ["y"]) + Wire.info(11, "x", [-1, 2]) + Wire.info(12, "y", [-1, 2])
    let network = try program(graph)
    #expect(network.inputShape("x") == [nil, 2])
    for rows in [1, 3, 1] {
      let y = try network.run(["x": TensorValue([rows, 2], [Float](repeating: 4, count: 2 * rows))])
      #expect(y[0] == TensorValue([rows, 2], [Float](repeating: -4, count: 2 * rows)))
    }
    #expect(throws: EngineError.self) { try network.run(["x": TensorValue([1, 3], [1, 2, 3])]) }
  }

  @Test func networkIsCutWhereElementsDecideShapes() throws {
    // Rows of x where mask > 0, times two; x and mask are floats that change from run to run.
    let nodes =
      Wire.node("Greater", ["m", "m0"], ["g"]) + Wire.node("NonZero", ["g"], ["i"])
      + Wire.node("Transpose", ["i"], ["t"]) + Wire.node("GatherND", ["x", "t"], ["r"])
      + Wire.node("Add", ["r", "r"], ["y"]) + Wire.node("Sub", ["m", "m"], ["m0"])
    let network = try program(
      nodes + Wire.info(11, "x", [3, 2]) + Wire.info(11, "m", [3]) + Wire.info(12, "y", [-1, 2]))
    let x = TensorValue([3, 2], [1, 2, 3, 4, 5, 6])
    // m0 is 0 everywhere, so that rows with m > 0 stay.
    for (mask, expected) in [
      ([1, -1, 2], [2, 4, 10, 12]), ([-1, 3, -1], [6, 8]), ([0, 0, 0], []), ([7, -1, 2], [2, 4, 10, 12]),
    ] as [([Float], [Float])] {
      let y = try network.run(["x": x, "m": TensorValue([3], mask)])
      #expect(y[0] == TensorValue([expected.count / 2, 2], expected))
    }
  }

  @Test func liveIntegersStayLive() throws {
    // Gather by an index that changes: the same plan must follow it.
    let graph =
      Wire.node("Gather", ["x", "i"], ["y"]) + Wire.info(11, "x", [3]) + Wire.info(11, "i", [2], element: 7)
      + Wire.info(12, "y", [2])
    let network = try program(graph), x = TensorValue([3], [10, 20, 30])
    #expect(try network.run(["x": x, "i": TensorValue([2], integers: [2, 0])])[0].floats == [30, 10])
    let plan = try #require(network.plan)
    #expect(try network.run(["x": x, "i": TensorValue([2], integers: [1, 1])])[0].floats == [20, 20])
    #expect(network.plan === plan)
  }

  @Test func integersThatAShapeNeedsArePartOfThePlan() throws {
    let graph =
      Wire.node("Reshape", ["x", "s"], ["y"]) + Wire.info(11, "x", [4]) + Wire.info(11, "s", [2], element: 7)
      + Wire.info(12, "y", [-1, -1])
    let network = try program(graph), x = TensorValue([4], [1, 2, 3, 4])
    for shape in [[2, 2], [1, 4], [2, 2]] {
      let y = try network.run(["x": x, "s": TensorValue([2], integers: shape.map { Int64($0) })])
      #expect(y[0].shape == shape)
    }
  }

  @Test func branchFollowsTheShape() throws {
    let then = Wire.node("Neg", ["x"], ["a"]) + Wire.info(12, "a", [-1])
    let other = Wire.node("Add", ["x", "x"], ["b"]) + Wire.info(12, "b", [-1])
    let nodes =
      Wire.node("Size", ["x"], ["n"]) + Wire.node("Equal", ["n", "one"], ["c"])
      + Wire.node("If", ["c"], ["y"], Wire.graph("then_branch", then) + Wire.graph("else_branch", other))
    let network = try program(
      nodes + Wire.constant("one", integers: [1], shape: []) + Wire.info(11, "x", [-1])
        + Wire.info(12, "y", [-1]))
    #expect(try network.run(["x": TensorValue([1], [5])])[0].floats == [-5])
    #expect(try network.run(["x": TensorValue([2], [5, 6])])[0].floats == [10, 12])
  }

  @Test func loopIsWrittenOut() throws {
    // s = s + s + i for i = 0, 1, 2, from x: ((2x + 0) · 2 + 1) · 2 + 2 = 8x + 4; each s is kept as well.
    let body =
      Wire.node("Add", ["s", "s"], ["d"]) + Wire.node("Cast", ["i"], ["f"], Wire.bytes(5, Wire.text(1, "to") + Wire.int(3, 1) + Wire.int(20, 2)))
      + Wire.node("Add", ["d", "f"], ["e"]) + Wire.node("Identity", ["c"], ["k"])
      + Wire.node("Identity", ["e"], ["z"]) + Wire.info(11, "i", [], element: 7)
      + Wire.info(11, "c", [], element: 9) + Wire.info(11, "s", [1]) + Wire.info(12, "k", [], element: 9)
      + Wire.info(12, "e", [1]) + Wire.info(12, "z", [1])
    let graph =
      Wire.node("Loop", ["n", "", "x"], ["y", "all"], Wire.graph("body", body))
      + Wire.constant("n", integers: [3], shape: []) + Wire.info(11, "x", [1]) + Wire.info(12, "y", [1])
      + Wire.info(12, "all", [3, 1])
    let y = try program(graph).run(["x": TensorValue([1], [1])])
    #expect(y[0].floats == [12])
    #expect(y[1] == TensorValue([3, 1], [2, 5, 12]))
  }
}
