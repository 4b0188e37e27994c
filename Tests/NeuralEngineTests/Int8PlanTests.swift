import Foundation
import NeuralEngine
import Testing

/// Whole networks in 8 bits.
struct Int8PlanTests {
  /// Two residual blocks, squeeze-and-excitation, concatenation, pooling and resizing between convolutions.
  private func network() throws -> Graph {
    var g = Graph(name: "small", seed: 3)
    let x = g.addInput("x", [2, 16, 24, 24])
    var y = try g.relu(try g.convolution(x, outputs: 32, kernel: 3, name: "stem"))
    for i in 0..<2 {
      let a = try g.relu(try g.convolution(y, outputs: 32, kernel: 3, name: "block\(i).a"))
      y = try g.relu(try g.sum(try g.convolution(a, outputs: 32, kernel: 3, name: "block\(i).b"), y))
    }
    let mean = try g.apply(.pooling(.global(.average(countsPadding: false), g.shape(y))), y)
    let gate = try g.unary(.sigmoid, try g.pointwiseConvolution(mean, outputs: 32, name: "gate"))
    let gated = try g.convolution(try g.product(y, gate), outputs: 32, kernel: 3, name: "gated")
    let half = try g.apply(.pooling(.init(.maximum, kernel: [2, 2], strides: [2, 2])), gated)
    let low = try g.convolution(half, outputs: 32, kernel: 3, name: "low")
    let both = try g.concatenate([gated, try g.upsample(low, factor: 2)])
    try g.markOutput(try g.convolution(both, outputs: 24, kernel: 3, name: "head"), name: "y")
    return g
  }

  private func sample(_ seed: UInt64) -> [String: TensorValue] {
    var random = TestRandom(seed)
    return ["x": random.tensor([2, 16, 24, 24])]
  }

  @Test func smallResidualNetworkStaysWithinOnePercent() throws {
    let graph = try network()
    let plan = try Plan(graph, .init(threads: 2, precision: .int8, calibration: [sample(1), sample(2)]))
    let kinds = plan.steps.map(\.implementation)
    #expect(kinds.filter { $0.contains("vnni") || $0.contains("int8") }.count == 8)
    for kind in ["8-bit gate", "8-bit mean", "8-bit linear resize"] { #expect(kinds.contains(kind)) }
    // Nothing goes back to floats between convolutions: the input's conversion is the one reorder.
    #expect(
      plan.steps.filter { $0.name.hasSuffix("(reorder)") }.count <= 2,
      "\(plan.steps.map { "\($0.implementation) \($0.name)" })")
    #expect(plan.outputErrors.map(\.name) == ["y"])
    #expect(plan.outputErrors[0].meanOfRange < 0.01)
    // On a sample it was not calibrated with.
    let expected = try Interpreter.run(graph, sample(9), threads: 2)[0]
    let found = try #require(plan.run(sample(9))["y"])
    let error = meanDifference(found, expected)
    #expect(error < 0.01)
    #expect(error > 1e-5, "as exact as floats: nothing was computed in 8 bits")
  }

  private func meanDifference(_ found: TensorValue, _ expected: TensorValue) -> Float {
    guard let a = found.floats, let b = expected.floats, let low = b.min(), let high = b.max() else {
      return .infinity
    }
    return zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(b.count) / (high - low)
  }

  @Test func bytesAreTheSameAtAnyThreadCount() throws {
    let graph = try network()
    let one = try Plan(graph, .init(threads: 1, precision: .int8, calibration: [sample(1)]))
    let two = try Plan(graph, .init(threads: 2, precision: .int8, scales: one.scales))
    let a = try #require(one.run(sample(5))["y"])
    #expect(try two.run(sample(5))["y"] == a)
    #expect(try one.run(sample(5))["y"] == a)
  }

  @Test func scalesFromJSONGiveTheSamePlan() throws {
    let graph = try network()
    let plan = try Plan(graph, .init(precision: .int8, calibration: [sample(1)]))
    #expect(plan.scales.count >= 8)
    let text = try JSONEncoder().encode(plan.scales)
    let scales = try JSONDecoder().decode([String: TensorScale].self, from: text)
    let again = try Plan(graph, .init(precision: .int8, scales: scales))
    #expect(again.scales == plan.scales)
    #expect(try again.run(sample(4)) == plan.run(sample(4)))
    #expect(again.outputErrors.isEmpty)
  }

  @Test func wrongScalesAreErrors() throws {
    let graph = try network()
    let plan = try Plan(graph, .init(precision: .int8, calibration: [sample(1)]))
    func error(_ options: Plan.Options) throws -> String {
      let thrown = #expect(throws: EngineError.self) { _ = try Plan(graph, options) }
      return try #require(thrown).description
    }
    #expect(try error(.init(precision: .int8)).contains("neither"))
    #expect(
      try error(.init(precision: .int8, calibration: [sample(1)], scales: plan.scales)).contains("both"))
    var missing = plan.scales
    missing["x"] = nil
    #expect(try error(.init(precision: .int8, scales: missing)).contains("none for x"))
    for wrong in [
      TensorScale(scale: 0, zeroPoint: 0), TensorScale(scale: .nan, zeroPoint: 0),
      TensorScale(scale: 1, zeroPoint: 256),
    ] {
      var scales = plan.scales
      scales["x"] = wrong
      #expect(try error(.init(precision: .int8, scales: scales)).contains("of x"))
    }
    let broken = TensorValue([2, 16, 24, 24], [Float](repeating: .nan, count: 2 * 16 * 24 * 24))
    #expect(try error(.init(precision: .int8, calibration: [["x": broken]])).contains("not finite"))
    #expect(try error(.init(precision: .int8, calibration: [["z": broken]])).contains("input x"))
  }

  @Test func scaleCoversItsRangeAndZero() {
    #expect(TensorScale(covering: 0, 51) == TensorScale(scale: 0.2, zeroPoint: 0))
    #expect(TensorScale(covering: -1, 1.55) == TensorScale(scale: 0.01, zeroPoint: 100))
    #expect(TensorScale(covering: 3, 5.1).zeroPoint == 0)
    #expect(TensorScale(covering: -2.55, -1) == TensorScale(scale: 0.01, zeroPoint: 255))
    #expect(TensorScale(covering: 0, 0) == TensorScale(scale: 1, zeroPoint: 0))
  }

  /// Each step around a convolution that copies its input: what the kernels between do is seen alone.
  private func between(
    _ shape: [Int], _ step: (inout Graph, TensorID) throws -> TensorID
  ) throws -> Graph {
    var g = Graph()
    let x = g.addInput("x", shape), channels = shape[1]
    let identity = TensorValue(
      [channels, channels, 1, 1],
      (0..<channels * channels).map { $0 / channels == $0 % channels ? 1 : 0 })
    let first = g.addWeight("first", identity)
    let a = try g.apply(.convolution(.init(strides: [1, 1])), x, first)
    let b = try step(&g, a)
    let second = g.addWeight("second", identity)
    let y = try g.apply(.convolution(.init(strides: [1, 1])), b, second)
    try g.markOutput(y, name: "y")
    return g
  }

  @Test(arguments: [1, 2])
  func resizeIsWithinAStepOfTheExactOne(threads: Int) throws {
    let channels = 72
    var random = TestRandom(21)
    let x = TensorValue(
      [2, channels, 9, 11], (0..<2 * channels * 99).map { _ in (random.next() * 127).rounded() })
    for coordinates in [Operator.Resize.Coordinates.alignCorners, .halfPixel, .asymmetric] {
      let graph = try between([2, channels, 9, 11]) { g, a in
        try g.upsample(a, factor: 3, coordinates: coordinates)
      }
      var scales: [String: TensorScale] = [:]
      for tensor in graph.tensors { scales[tensor.name] = TensorScale(scale: 1, zeroPoint: 128) }
      let plan = try Plan(graph, .init(threads: threads, precision: .int8, scales: scales))
      #expect(plan.steps.contains { $0.implementation == "8-bit linear resize" })
      let exact = try #require(Interpreter.run(graph, ["x": x])[0].floats)
      let found = try #require(plan.run(["x": x])["y"]?.floats)
      // Half a step of rounding, 255 / 512 of one where a weight along the height is cut to 8 bits.
      #expect(zip(found, exact).allSatisfy { abs($0 - $1) <= 1.02 })
      #expect(found != exact)
    }
  }

  @Test(arguments: [1, 2])
  func gateAndMeanAreWithinTwoThirdsOfAStep(threads: Int) throws {
    let channels = 83
    var random = TestRandom(22)
    let x = TensorValue(
      [3, channels, 9, 10], (0..<3 * channels * 90).map { _ in (random.next() * 127).rounded() })
    let graph = try between([3, channels, 9, 10]) { g, a in
      let mean = try g.apply(.pooling(.global(.average(countsPadding: false), g.shape(a))), a)
      return try g.product(a, try g.unary(.sigmoid, mean))
    }
    var scales: [String: TensorScale] = [:]
    for tensor in graph.tensors { scales[tensor.name] = TensorScale(scale: 1, zeroPoint: 128) }
    let plan = try Plan(graph, .init(threads: threads, precision: .int8, scales: scales))
    for kind in ["8-bit gate", "8-bit mean"] { #expect(plan.steps.contains { $0.implementation == kind }) }
    let exact = try #require(Interpreter.run(graph, ["x": x])[0].floats)
    let found = try #require(plan.run(["x": x])["y"]?.floats)
    // Half a step of rounding, an eighth where the product's low bits are dropped.
    #expect(zip(found, exact).allSatisfy { abs($0 - $1) <= 0.63 })
    #expect(found.contains { $0 < -1 } && found.contains { $0 > 1 })
  }
}
