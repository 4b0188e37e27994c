import Foundation
import NeuralEngine
import Testing

/// The graph's first output by the interpreter and by the plan, which must agree.
private func output(
  _ graph: Graph, _ inputs: [String: TensorValue], tolerance: Float = 1e-5
) throws -> TensorValue {
  let plain = try #require(try Interpreter.run(graph, inputs, threads: 2).first)
  let id = try #require(graph.outputs.first)
  let planned = try #require(try Plan(graph, .init(threads: 2)).run(inputs)[graph[id].name])
  #expect((worstElement(planned, plain) ?? .infinity) <= tolerance)
  return plain
}

/// A graph of one input and what `build` makes of it.
private func network(
  _ shape: [Int], seed: UInt64 = 1, _ build: (inout Graph, TensorID) throws -> TensorID
) throws -> Graph {
  var graph = Graph(seed: seed)
  graph.markOutput(try build(&graph, graph.addInput("x", shape)))
  return graph
}

/// Properties of layers and blocks and examples worked by hand; BlockGoldenTests hold every element.
@Suite struct BlockTests {
  @Test func residualOfZeroWeightsIsItsInput() throws {
    let graph = try network([1, 2, 3, 4]) { try $0.residualBlock($1, outputs: 2, name: "b") }
    var zeroed = graph
    var values: [String: TensorValue] = [:]
    for id in graph.weights {
      let isConvolution = graph[id].name.hasSuffix("convolution.weight")
      values[graph[id].name] = isConvolution ? TensorValue(zeros: graph[id].type) : graph.value(id)
    }
    try zeroed.setWeights(values)
    let x = TensorValue([1, 2, 3, 4], (0..<24).map { Float($0) })
    #expect(try output(zeroed, ["x": x]) == x)
  }

  @Test func shortcutIsAddedOnlyWhereShapesChange() throws {
    let same = try network([1, 4, 8, 8]) { try $0.residualBlock($1, outputs: 4, name: "b") }
    #expect(!same.weights.contains { same[$0].name.contains("shortcut") })
    let halved = try network([1, 4, 8, 8]) { try $0.residualBlock($1, outputs: 4, stride: 2, name: "b") }
    #expect(halved.weights.contains { halved[$0].name == "b.shortcut.convolution.weight" })
    #expect(halved.shape(halved.outputs[0]) == [1, 4, 4, 4])
  }

  @Test func diffusionBlockStartsAsTheIdentity() throws {
    var random = TestRandom(1)
    let x = random.tensor([2, 5, 8])
    var graph = Graph(seed: 2)
    let input = graph.addInput("x", [2, 5, 8]), condition = graph.addInput("c", [2, 3])
    let context = graph.addInput("k", [2, 4, 6])
    graph.markOutput(
      try graph.ditBlock(input, condition: condition, context: context, heads: 2, name: "dit"))
    let y = try output(graph, ["x": x, "c": random.tensor([2, 3]), "k": random.tensor([2, 4, 6])])
    #expect(y == x)
    let head = try graph.ditHead(input, condition: condition, outputs: 2, name: "head")
    #expect(graph.shape(head) == [2, 5, 2])
  }

  @Test func maskedContextIsNotSeen() throws {
    var random = TestRandom(2)
    var graph = Graph(seed: 3)
    let input = graph.addInput("x", [1, 2, 8]), context = graph.addInput("k", [1, 3, 8])
    let mask = graph.addInput("m", TensorType([1, 3], .bool))
    graph.markOutput(
      try graph.multiHeadAttention(input, context: context, heads: 2, keyMask: mask, name: "a"))
    let x = random.tensor([1, 2, 8]), k = random.tensor([1, 3, 8])
    var other = k.floats ?? []
    for i in 16..<24 { other[i] = 50 }
    let seen = TensorValue([1, 3], booleans: [true, true, false])
    let a = try output(graph, ["x": x, "k": k, "m": seen])
    #expect(try output(graph, ["x": x, "k": TensorValue([1, 3, 8], other), "m": seen]) == a)
    // Where nothing may be seen only the output layer's bias is left, which starts at 0.
    let none = TensorValue([1, 3], booleans: [false, false, false])
    #expect(try output(graph, ["x": x, "k": k, "m": none]).floats?.allSatisfy { $0 == 0 } == true)
  }

  @Test func transformerDoesNotDependOnTheOrderOfItsContext() throws {
    var random = TestRandom(3)
    var graph = Graph(seed: 4)
    let input = graph.addInput("x", [1, 3, 8]), context = graph.addInput("k", [1, 2, 8])
    graph.markOutput(
      try graph.transformerBlock(input, context: context, heads: 4, dropout: 0.1, name: "t"))
    let x = random.tensor([1, 3, 8]), k = try #require(random.tensor([1, 2, 8]).floats)
    let swapped = Array(k[8...] + k[..<8])
    let a = try output(graph, ["x": x, "k": TensorValue([1, 2, 8], k)])
    let b = try output(graph, ["x": x, "k": TensorValue([1, 2, 8], swapped)])
    #expect((worstElement(a, b) ?? .infinity) < 1e-6)
  }

  @Test func constantsThroughTransposedConvolutionMakeACheckerboardAndThroughResizingNone() throws {
    // Kernel 3 at stride 2: along an axis taps overlap on every other element, so ones of weight 1 give 1, 2, 1, 2, ...;
    // in the plane 1, 2 and 4 (Odena et al., Distill 2016).
    let ones = TensorValue([1, 1, 6, 6], [Float](repeating: 1, count: 36))
    var transposed = try network([1, 1, 6, 6]) {
      try $0.transposedConvolution($1, outputs: 1, kernel: 3, stride: 2, bias: false, name: "c")
    }
    var resized = try network([1, 1, 6, 6]) {
      try $0.resizeConvolution($1, outputs: 1, fill: .replicate, bias: false, name: "c")
    }
    let weight = ["c.weight": TensorValue([1, 1, 3, 3], [Float](repeating: 1, count: 9))]
    try transposed.setWeights(weight)
    try resized.setWeights(weight)
    let board = try output(transposed, ["x": ones]), plain = try output(resized, ["x": ones])
    #expect(board.shape == [1, 1, 13, 13])
    let floats = try #require(board.floats)
    for row in 1..<12 {
      for column in 1..<12 {
        let overlaps = (row % 2 == 0 ? 2 : 1) * (column % 2 == 0 ? 2 : 1)
        #expect(floats[row * 13 + column] == Float(overlaps))
      }
    }
    #expect(plain.shape == [1, 1, 12, 12])
    #expect(plain.floats?.allSatisfy { $0 == 9 } == true)
    #expect(try NetworkReport(transposed).warnings.count == 2)
    #expect(try NetworkReport(resized).warnings.isEmpty)
  }

  @Test func pyramidLevelsKeepTheirExtents() throws {
    var graph = Graph()
    let levels = [(8, [20, 13]), (16, [10, 7]), (32, [5, 4])].map { channels, size in
      graph.addInput("level", [1, channels] + size)
    }
    let outputs = try graph.featurePyramid(levels, outputs: 6, name: "fpn")
    #expect(outputs.map { graph.shape($0) } == [[1, 6, 20, 13], [1, 6, 10, 7], [1, 6, 5, 4]])
  }

  @Test func wrongParametersAreErrorsWithNames() {
    var graph = Graph(name: "net")
    let x = graph.addInput("x", [1, 5, 8]), p = graph.addInput("p", [1, 3, 4, 4])
    let tries: [(String, (inout Graph) throws -> TensorID)] = [
      ("attention a", { try $0.multiHeadAttention(x, heads: 3, name: "a") }),
      ("dropout d", { try $0.dropout(x, rate: 1, name: "d") }),
      ("encoding e", { try $0.positionEncoding(count: 3, channels: 5, name: "e") }),
      ("encoding e", { try $0.positionEncoding(count: -3, channels: 4, name: "e") }),
      ("depth to space s", { try $0.depthToSpace(p, factor: 2, name: "s") }),
      ("pooling", { try $0.maximumPooling(p, kernel: 0, name: "m") }),
      ("conditional convolution c", { try $0.conditionalConvolution(p, outputs: 2, experts: 0, name: "c") }),
    ]
    for (field, build) in tries {
      do {
        _ = try build(&graph)
        Issue.record("\(field): no error")
      } catch let error as EngineError {
        #expect(error.file == "net" && error.field == field, "\(error)")
      } catch {
        Issue.record("\(error)")
      }
    }
  }

  @Test func dropoutAndDetachLeaveInferenceAlone() throws {
    var random = TestRandom(4)
    let x = random.tensor([2, 7])
    let graph = try network([2, 7]) { try $0.detach(try $0.dropout($1, rate: 0.5, name: "d"), name: "s") }
    #expect(graph.nodes.map { $0.operation.definition.name } == ["dropout", "stopGradient"])
    #expect(try output(graph, ["x": x]) == x)
  }

  @Test func deformableLayerStartsAsAConvolution() throws {
    var random = TestRandom(5)
    for modulated in [false, true] {
      var graph = try network([1, 3, 6, 7]) {
        try $0.deformableConvolution($1, outputs: 4, stride: 2, modulated: modulated, name: "c")
      }
      let plain = try network([1, 3, 6, 7]) {
        try $0.convolution($1, outputs: 4, kernel: 3, stride: 2, border: .symmetric(1), name: "c")
      }
      var values: [String: TensorValue] = [:]
      for id in graph.weights { values[graph[id].name] = graph.value(id) }
      for id in plain.weights { values[plain[id].name] = plain.value(id) }
      try graph.setWeights(values)
      let x = random.tensor([1, 3, 6, 7])
      let a = try output(graph, ["x": x]), b = try output(plain, ["x": x])
      #expect((worstElement(a, b) ?? .infinity) < sumTolerance)
    }
  }
}

/// Poolings by hand and by their properties.
@Suite struct PoolingLayerTests {
  @Test func examplesByHand() throws {
    // Windows (1, 3) and (2, 2): p = 3 of a generalised mean gives cbrt((1 + 27) / 2); a mixture of half and half 2.5;
    // the stochastic expectation (1 + 9) / 4.
    let cases: [([Float], (inout Graph, TensorID) throws -> TensorID)] = [
      ([2.410_142_3, 2], { try $0.generalizedMeanPooling($1, kernel: 2, border: .valid, name: "p") }),
      ([2.5, 2], { try $0.mixedPooling($1, kernel: 2, name: "p") }),
      ([2, 2], { try $0.weightedPooling($1, kernel: 2, name: "p") }),
      ([2.5, 2], { try $0.stochasticPooling($1, kernel: 2, name: "p") }),
    ]
    // Two equal rows, so that square windows hold each number twice.
    let twice = TensorValue([1, 1, 2, 4], [1, 3, 2, 2, 1, 3, 2, 2])
    for (expected, build) in cases {
      let graph = try network([1, 1, 2, 4], build)
      let y = try output(graph, ["x": twice])
      #expect((worstElement(y, TensorValue([1, 1, 1, 2], expected)) ?? .infinity) < 1e-6)
    }
  }

  @Test func generalizedMeanLiesBetweenAverageAndMaximum() throws {
    var random = TestRandom(6)
    let x = TensorValue([1, 3, 6, 6], (random.tensor([1, 3, 6, 6]).floats ?? []).map { abs($0) + 0.01 })
    func pooled(_ power: Float) throws -> [Float] {
      var graph = try network([1, 3, 6, 6]) { try $0.generalizedMeanPooling($1, kernel: 3, name: "p") }
      try graph.setWeights(["p.power": TensorValue([1], [power])])
      return try #require(try output(graph, ["x": x]).floats)
    }
    let average = try output(try network([1, 3, 6, 6]) { try $0.averagePooling($1, kernel: 3) }, ["x": x])
    let maximum = try output(try network([1, 3, 6, 6]) { try $0.maximumPooling($1, kernel: 3) }, ["x": x])
    let (one, three, many) = (try pooled(1), try pooled(3), try pooled(40))
    for i in one.indices {
      #expect(abs(one[i] - (average.floats?[i] ?? 0)) < 1e-5)
      #expect(one[i] < three[i] && three[i] < many[i])
      // 9 elements: the mean of order p is at least the maximum times 9^(-1/p).
      let top = maximum.floats?[i] ?? 0
      #expect(many[i] < top + 1e-5 && many[i] >= top * 0.94)
    }
  }

  @Test func stochasticDrawsHaveTheirProbabilities() throws {
    // Windows of 1 and 3: the 3 is drawn three times of four. 4000 draws: four standard deviations are 0.027.
    var graph = Graph()
    let input = graph.addInput("x", [1, 2000, 2, 4]), noise = graph.addInput("noise", [1, 2000, 2, 4])
    graph.markOutput(try graph.stochasticPooling(input, kernel: 2, noise: noise, name: "p"))
    let x = TensorValue([1, 2000, 2, 4], (0..<16000).map { [1, 3, 0, -2, 0, 0, 3, 1][$0 % 8] })
    var random = TestRandom(7)
    let uniform = TensorValue(
      [1, 2000, 2, 4], (random.tensor([1, 2000, 2, 4]).floats ?? []).map { ($0 + 1) / 2 })
    let y = try #require(try output(graph, ["x": x, "noise": uniform]).floats)
    #expect(y.allSatisfy { $0 == 1 || $0 == 3 })
    #expect(abs(Double(y.count { $0 == 3 }) / 4000 - 0.75) < 0.027)
  }

  @Test func attentionPoolingTakesAnyExtents() throws {
    let graph = try network([2, 8, 3, 5]) { try $0.attentionPooling($1, queries: 2, heads: 2, name: "p") }
    #expect(graph.shape(graph.outputs[0]) == [2, 2, 8])
    var random = TestRandom(8)
    // All positions equal: the result is theirs whatever the attention, for both queries.
    let column = random.tensor([2, 8, 1, 1])
    let x = TensorValue([2, 8, 3, 5], (0..<240).map { column.floats?[$0 / 15] ?? 0 })
    let y = try #require(try output(graph, ["x": x]).floats)
    #expect(zip(y[0..<8], y[8..<16]).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func gatedPoolingOfZeroGateIsTheMean() throws {
    var graph = try network([1, 1, 2, 4]) { try $0.gatedPooling($1, kernel: 2, name: "p") }
    try graph.setWeights(["p.gate.weight": TensorValue([1, 1, 2, 2], [0, 0, 0, 0])])
    let twice = TensorValue([1, 1, 2, 4], [1, 3, 2, 2, 1, 3, 2, 2])
    #expect(try output(graph, ["x": twice]).floats == [2.5, 2])
  }
}
