import Files
import Foundation
import NeuralEngine
import Testing

/// A net of each block with channels and batches as networks have them: the compiled plan (blocked layouts, Winograd,
/// fusion, shared memory) against the interpreter, and written as ONNX and read again.
@Suite struct BlockPlanTests {
  private typealias Net = (
    name: String, shape: [Int], build: @Sendable (inout Graph, TensorID) throws -> TensorID
  )

  private static let convolutional: [Net] = [
    (
      "residuals", [2, 16, 19, 22],
      {
        let a = try $0.residualBlock($1, outputs: 32, name: "a")
        return try $0.residualBlock(
          try $0.residualBlock(a, outputs: 32, name: "b"), outputs: 48, stride: 2, name: "c")
      }
    ),
    (
      "bottlenecks", [2, 32, 13, 11],
      {
        let a = try $0.bottleneck($1, outputs: 64, name: "a")
        return try $0.resnextBlock(a, outputs: 64, cardinality: 8, groupWidth: 4, stride: 2, name: "b")
      }
    ),
    (
      "mobile", [2, 24, 15, 17],
      {
        let a = try $0.invertedResidual($1, outputs: 24, squeezeRatio: 0.25, name: "a")
        let b = try $0.invertedResidual(
          a, outputs: 40, expansion: 3, kernel: 5, stride: 2, squeezeRatio: 1, activation: .hardSwish,
          squeezeActivation: .relu, gate: .hardSigmoid(alpha: 1 / 6, beta: 0.5), name: "b")
        return try $0.invertedResidual(b, outputs: 40, activation: .clip(low: 0, high: 6), name: "c")
      }
    ),
    (
      "inception", [1, 32, 14, 14],
      {
        let a = try $0.inceptionBlock($1, one: 16, three: (24, 32), five: (8, 16), pool: 16, name: "a")
        return try $0.globalAverageHead(try $0.convolutionalAttention(a, name: "b"), outputs: 10, name: "c")
      }
    ),
    (
      "unet", [1, 16, 21, 26],
      {
        let (first, a) = try $0.unetDown($1, outputs: 32, name: "a")
        let (second, b) = try $0.unetDown(a, outputs: 32, name: "b")
        let middle = try $0.dilatedPyramid(b, outputs: 32, rates: [2, 4], name: "c")
        let up = try $0.unetUp(middle, skip: second, outputs: 32, name: "d")
        return try $0.unetUp(up, skip: first, outputs: 16, name: "e")
      }
    ),
    (
      "pyramid", [1, 32, 24, 20],
      {
        let a = try $0.convolutionBlock($1, outputs: 32, stride: 2, name: "a")
        let b = try $0.convolutionBlock(a, outputs: 64, stride: 2, name: "b")
        let levels = try $0.featurePyramid([$1, a, b], outputs: 32, name: "c")
        return try $0.transposedConvolution(levels[0], outputs: 16, kernel: 4, stride: 2, cut: 1, name: "d")
      }
    ),
    (
      "poolings", [2, 16, 24, 24],
      {
        let a = try $0.mixedPooling($1, kernel: 3, stride: 2, border: .same, name: "a")
        let b = try $0.gatedPooling(a, kernel: 2, stride: 1, name: "b")
        let c = try $0.importancePooling(b, kernel: 3, stride: 2, border: .same, name: "c")
        let d = try $0.generalizedMeanPooling(c, kernel: 2, stride: 1, epsilon: 0.01, name: "d")
        let e = try $0.weightedPooling(d, kernel: 3, stride: 1, border: .same, name: "e")
        return try $0.spatialPyramidPooling(
          try $0.stochasticPooling(e, kernel: 2, stride: 1, name: "f"), name: "g")
      }
    ),
    (
      "borders", [2, 16, 12, 13],
      {
        let a = try $0.convolution($1, outputs: 32, kernel: 3, fill: .reflect, name: "a")
        let b = try $0.resizeConvolution(a, outputs: 32, fill: .replicate, name: "b")
        let c = try $0.conditionalConvolution(b, outputs: 16, stride: 2, experts: 4, bias: true, name: "c")
        return try $0.deformableConvolution(c, outputs: 16, name: "d")
      }
    ),
  ]

  private static let sequential: [Net] = [
    (
      "transformer", [2, 33, 64],
      { g, x in
        let memory = g.addInput("memory", [2, 17, 48])
        let position = try g.positionEncoding(count: 33, channels: 64, name: "position")
        let a = try g.transformerBlock(try g.sum(x, position), heads: 4, name: "a")
        let b = try g.transformerBlock(a, context: memory, heads: 4, causal: true, name: "b")
        return try g.attentionPooling(b, queries: 3, heads: 4, name: "c")
      }
    ),
    (
      "diffusion", [3, 24, 32],
      { g, x in
        let time = g.addInput("time", [3]), memory = g.addInput("memory", [3, 11, 16])
        let condition = try g.timeEmbedding(time, encoding: 32, outputs: 40, name: "time_embedding")
        let a = try g.ditBlock(x, condition: condition, heads: 4, name: "a")
        let b = try g.ditBlock(a, condition: condition, context: memory, heads: 2, name: "b")
        return try g.ditHead(b, condition: condition, outputs: 8, name: "c")
      }
    ),
  ]

  private static let nets = convolutional + sequential

  /// The net with random weights (variances and powers above 0) and inputs for it.
  private func prepare(_ net: Net) throws -> (Graph, [String: TensorValue]) {
    var graph = Graph(name: net.name, seed: 11)
    let x = graph.addInput("x", net.shape)
    try graph.markOutput(try net.build(&graph, x), name: "y")
    var random = TestRandom(31)
    var values: [String: TensorValue] = [:]
    for id in graph.weights {
      let name = graph[id].name, shape = graph.shape(id)
      // About what keeps the size of activations from layer to layer.
      let size = 1.2 / Float(max(1, shape.dropFirst().reduce(1, *))).squareRoot()
      let isPositive = name.hasSuffix("running_var") || name.hasSuffix("power")
      let isScale = name.hasSuffix("normalization.weight") || name.contains("norm")
      values[name] = TensorValue(
        shape,
        (random.tensor(shape).floats ?? []).map {
          isPositive ? 1.5 + 0.5 * $0 : isScale && shape.count == 1 ? 0.5 * $0 + 0.5 : $0 * size
        })
    }
    try graph.setWeights(values)
    var inputs: [String: TensorValue] = [:]
    for id in graph.inputs { inputs[graph[id].name] = random.tensor(graph.shape(id)) }
    return (graph, inputs)
  }

  @Test(arguments: nets.indices) func planEqualsInterpreter(index: Int) throws {
    let (graph, inputs) = try prepare(Self.nets[index])
    let expected = try #require(try Interpreter.run(graph, inputs, threads: 2).first)
    #expect(expected.floats?.contains { abs($0) > 1e-3 } == true)
    for threads in [1, 2] {
      let found = try #require(try Plan(graph, .init(threads: threads)).run(inputs)["y"])
      // Winograd's rounding, through a few layers; direct sums stay below 1e-5.
      #expect(relativeDifference(found, expected) < 2e-5, "\(graph.name)")
    }
    let plain = try #require(try Plan(graph, .init(threads: 2, fuses: false)).run(inputs)["y"])
    #expect(relativeDifference(plain, expected) < 2e-5, "\(graph.name) without fusion")
  }

  @Test(arguments: nets.indices) func netsComeBackFromONNX(index: Int) throws {
    let (graph, inputs) = try prepare(Self.nets[index])
    let expected = try #require(try Interpreter.run(graph, inputs, threads: 2).first)
    let network = try ONNXNetwork(bytes: ONNXExport.bytes(graph), name: graph.name)
    let found = try #require(try Interpreter.run(network.graph, inputs, threads: 2).first)
    #expect(relativeDifference(found, expected) < 1e-5, "\(graph.name)")
  }

  @Test(arguments: nets.indices) func netsAreExplained(index: Int) throws {
    let (graph, _) = try prepare(Self.nets[index])
    let report = try NetworkReport(graph)
    #expect(report.rows.count == graph.nodes.count && report.operations > 0)
    #expect(report.rows.reduce(0) { $0 + $1.parameters } == graph.parameterCount)
    #expect(report.table.split(separator: "\n").count >= graph.nodes.count)
  }

  /// For tools/onnx/check_blocks.py: each net as ONNX with inputs and the interpreter's output.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["APUS_NETS"] != nil))
  func writeNetsForOtherRuntimes() throws {
    let folder = try #require(ProcessInfo.processInfo.environment["APUS_NETS"])
    for net in Self.nets {
      let (graph, inputs) = try prepare(net)
      let output = try #require(try Interpreter.run(graph, inputs, threads: 2).first)
      try ONNXExport.write(graph, folder: "\(folder)/\(net.name)")
      for (name, value) in inputs.sorted(by: { $0.key < $1.key }) + [("y", output)] {
        try NpyFile.write(
          "\(folder)/\(net.name)/\(name).npy", NpyArray(value.floats ?? [], shape: value.shape))
      }
    }
  }
}
