import Foundation
import NeuralEngine
import Testing

@Suite struct RecurrenceTests {
  private func run(_ o: Operator.Recurrence, _ inputs: [TensorValue]) throws -> [[Float]] {
    try Interpreter.evaluate(.recurrence(o), inputs).map { try #require($0.floats) }
  }

  private func isNear(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 }
  }

  @Test func plainLayerByHand() throws {
    // h1 = relu(1 + 0.5 · 2) = 2; h2 = relu(-4 + 0.5 · 2 + 0) = 0; h3 = relu(3 + 0) = 3.
    let o = Operator.Recurrence(.plain, hidden: 1, functions: [[.relu]])
    let inputs = [
      TensorValue([3, 1, 1], [1, -4, 3]), TensorValue([1, 1, 1], [0.5]), TensorValue([1, 1], [0]),
      TensorValue([1], integers: [3]), TensorValue([1, 1, 1], [2]),
    ]
    #expect(try run(o, inputs) == [[2, 0, 3], [3]])
    // Backward: relu(3 + 1) = 4; relu(-4 + 2) = 0; relu(1 + 0) = 1.
    let backward = Operator.Recurrence(.plain, hidden: 1, isBackward: [true], functions: [[.relu]])
    #expect(try run(backward, inputs) == [[1, 0, 4], [1]])
  }

  @Test func sequencesEndAtTheirLength() throws {
    let o = Operator.Recurrence(.plain, hidden: 1, functions: [[.linear(alpha: 1, beta: 0)]])
    let inputs = [
      TensorValue([3, 2, 1], [1, 10, 1, 10, 1, 10]), TensorValue([1, 1, 1], [1]), TensorValue([1, 1], [0]),
      TensorValue([2], integers: [3, 1]), TensorValue(zeros: TensorType([1, 2, 1])),
    ]
    #expect(try run(o, inputs) == [[1, 10, 2, 0, 3, 0], [3, 10]])
  }

  @Test func memoryCellsByHand() throws {
    // One step with functions that leave sums as they are: i 2, o 3, f 0.5, c 4; cell 0.5 · 10 + 2 · 4 = 13; h 39.
    let same: [Operator.Unary.Function] = [
      .linear(alpha: 1, beta: 0), .linear(alpha: 1, beta: 0), .linear(alpha: 1, beta: 0),
    ]
    let o = Operator.Recurrence(.lstm, hidden: 1, functions: [same])
    var inputs = [
      TensorValue([1, 1, 4], [2, 3, 0.5, 4]), TensorValue([1, 4, 1], [0, 0, 0, 0]), TensorValue([1, 4], [0, 0, 0, 0]),
      TensorValue([1], integers: [1]), TensorValue([1, 1, 1], [7]), TensorValue([1, 1, 1], [10]),
      TensorValue([1, 3], [0, 0, 0]),
    ]
    #expect(try run(o, inputs) == [[39], [39], [13]])
    // Peepholes: i 2 + 0.1 · 10, f 0.5 + 0.2 · 10, then o 3 + 1 · 37: cell 2.5 · 10 + 3 · 4 = 37, h 40 · 37.
    inputs[6] = TensorValue([1, 3], [0.1, 1, 0.2])
    #expect(isNear(try run(o, inputs)[0], [1480]))
    // Gates in another order are another result: the check can fail.
    inputs[0] = TensorValue([1, 1, 4], [3, 2, 0.5, 4])
    #expect(!isNear(try run(o, inputs)[0], [1480]))
  }

  @Test func resetComesBeforeOrAfterTheProduct() throws {
    // z 0, r 0.5, candidate a = 1, R 2 on the state 3, bias 4: before, 1 + 2 · (0.5 · 3) + 4 = 8; after,
    // 1 + 0.5 · (2 · 3 + 4) = 6.
    let same: [Operator.Unary.Function] = [.linear(alpha: 1, beta: 0), .linear(alpha: 1, beta: 0)]
    let inputs = [
      TensorValue([1, 1, 3], [0, 0.5, 1]), TensorValue([1, 3, 1], [0, 0, 2]), TensorValue([1, 3], [0, 0, 4]),
      TensorValue([1], integers: [1]), TensorValue([1, 1, 1], [3]),
    ]
    #expect(try run(.init(.gru, hidden: 1, functions: [same]), inputs)[0] == [8])
    #expect(try run(.init(.gru, hidden: 1, functions: [same], resetsAfterProduct: true), inputs)[0] == [6])
  }

  @Test(arguments: Operator.Recurrence.Kind.allCases) func threadsAndONNXLeaveTheResult(
    kind: Operator.Recurrence.Kind
  ) throws {
    var random = TestRandom(33)
    let (steps, batch, hidden) = (5, 3, 7), rows = kind.gateCount * hidden
    let o = Operator.Recurrence(kind, hidden: hidden, isBackward: [false, true], resetsAfterProduct: kind == .gru)
    var graph = Graph()
    var inputs = [graph.addInput("x", [steps, batch, 2 * rows])]
    inputs.append(graph.addConstant("r", random.tensor([2, rows, hidden])))
    inputs.append(graph.addConstant("b", random.tensor([2, rows])))
    inputs.append(graph.addConstant("n", TensorValue([batch], integers: [5, 2, 4])))
    inputs.append(graph.addConstant("h", random.tensor([2, batch, hidden])))
    if kind == .lstm {
      inputs.append(graph.addConstant("c", random.tensor([2, batch, hidden])))
      inputs.append(graph.addConstant("p", random.tensor([2, 3 * hidden])))
    }
    for output in try graph.add(.recurrence(o), inputs) { graph.markOutput(output) }
    let x = ["x": random.tensor([steps, batch, 2 * rows])]
    let one = try Interpreter.run(graph, x)
    #expect(try Interpreter.run(graph, x, threads: 4) == one)
    let back = try ONNXNetwork(bytes: try ONNXExport.bytes(graph), name: "back.onnx")
    for (a, b) in zip(one, try Interpreter.run(back.graph, x)) { #expect(relativeDifference(b, a) < 1e-5) }
  }
}
