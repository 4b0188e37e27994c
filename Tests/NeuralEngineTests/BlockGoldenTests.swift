import NeuralEngine
import Testing

/// A piece of a network: adds to a graph, given its inputs.
private typealias Builder = @Sendable (inout Graph, [TensorID]) throws -> [TensorID]
private typealias Case = (name: String, build: Builder)

private let borders: [Case] = [
  ("border zeros", { [try $0.convolution($1[0], outputs: 3, kernel: 3, name: "c")] }),
  ("border reflect", { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .reflect, name: "c")] }),
  ("border symmetric", { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .symmetric, name: "c")] }),
  ("border replicate", { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .replicate, name: "c")] }),
  ("border circular", { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .circular, name: "c")] }),
  ("border value", { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .constant(0.5), name: "c")] }),
  (
    "border upper",
    { [try $0.convolution($1[0], outputs: 3, kernel: 2, border: .same, fill: .reflect, name: "c")] }
  ),
  (
    "border lower",
    { [try $0.convolution($1[0], outputs: 3, kernel: 2, border: .sameLower, fill: .reflect, name: "c")] }
  ),
]

private let otherLayers: [Case] = [
  (
    "generalised mean",
    { [try $0.generalizedMeanPooling($1[0], kernel: 3, stride: 2, epsilon: 1e-3, name: "p")] }
  ),
  ("generalised mean global", { [try $0.generalizedMeanPooling($1[0], epsilon: 1e-3, name: "p")] }),
  ("mixed", { [try $0.mixedPooling($1[0], kernel: 3, stride: 2, name: "p")] }),
  ("gated", { [try $0.gatedPooling($1[0], kernel: 3, stride: 2, name: "p")] }),
  ("weighted", { [try $0.weightedPooling($1[0], kernel: 3, stride: 2, name: "p")] }),
  ("importance", { [try $0.importancePooling($1[0], kernel: 3, stride: 2, name: "p")] }),
  ("stochastic", { [try $0.stochasticPooling($1[0], kernel: 3, stride: 2, name: "p")] }),
  ("spatial pyramid", { [try $0.spatialPyramidPooling($1[0], name: "p")] }),
  (
    "conditional convolution",
    { [try $0.conditionalConvolution($1[0], outputs: 6, experts: 3, groups: 2, bias: true, name: "c")] }
  ),
  ("resize convolution", { [try $0.resizeConvolution($1[0], outputs: 3, name: "c")] }),
  ("embedding", { [try $0.embedding($1[0], count: 9, channels: 6, name: "e")] }),
  ("time encoding", { [try $0.timeEncoding($1[0], channels: 16, name: "t")] }),
  ("position encoding", { g, _ in [try g.positionEncoding(count: 7, channels: 6, name: "p")] }),
  (
    "position encoding of a plane",
    { g, _ in [try g.positionEncoding(rows: 3, columns: 4, channels: 12, name: "p")] }
  ),
]
private let layers = borders + otherLayers

private let blocks: [Case] = [
  ("residual", { [try $0.residualBlock($1[0], outputs: 4, name: "b")] }),
  ("residual stride", { [try $0.residualBlock($1[0], outputs: 6, stride: 2, name: "b")] }),
  ("bottleneck", { [try $0.bottleneck($1[0], outputs: 8, stride: 2, name: "b")] }),
  ("resnext", { [try $0.resnextBlock($1[0], outputs: 8, cardinality: 3, groupWidth: 6, name: "b")] }),
  (
    "mobile 2",
    {
      [
        try $0.invertedResidual(
          $1[0], outputs: 4, expansion: 3, activation: .clip(low: 0, high: 6), name: "b")
      ]
    }
  ),
  (
    "efficient",
    {
      [
        try $0.invertedResidual(
          $1[0], outputs: 16, expansion: 3, kernel: 5, stride: 2, squeezeRatio: 0.25, name: "b")
      ]
    }
  ),
  (
    "mobile 3",
    {
      [
        try $0.invertedResidual(
          $1[0], outputs: 16, expansion: 8, squeezeRatio: 2, activation: .hardSwish,
          squeezeActivation: .relu, gate: .hardSigmoid(alpha: 1 / 6, beta: 0.5), name: "b")
      ]
    }
  ),
  ("squeeze", { [try $0.squeezeAndExcitation($1[0], squeezed: 3, name: "b")] }),
  ("feature pyramid", { try $0.featurePyramid($1, outputs: 6, name: "b") }),
  ("dilated pyramid", { [try $0.dilatedPyramid($1[0], outputs: 5, rates: [2, 3], name: "b")] }),
  (
    "unet down",
    {
      let (skip, down) = try $0.unetDown($1[0], outputs: 4, name: "b")
      return [skip, down]
    }
  ),
  ("unet up", { [try $0.unetUp($1[0], skip: $1[1], outputs: 5, name: "b")] }),
  (
    "inception",
    { [try $0.inceptionBlock($1[0], one: 2, three: (3, 4), five: (2, 3), pool: 2, name: "b")] }
  ),
  ("convolutional attention", { [try $0.convolutionalAttention($1[0], reduction: 4, name: "b")] }),
  ("global average head", { [try $0.globalAverageHead($1[0], outputs: 3, name: "b")] }),
  ("self attention", { [try $0.multiHeadAttention($1[0], heads: 2, name: "b")] }),
  (
    "cross attention",
    { [try $0.multiHeadAttention($1[0], context: $1[1], heads: 2, keyMask: $1[2], name: "b")] }
  ),
  ("transformer", { [try $0.transformerBlock($1[0], heads: 2, expansion: 2, name: "b")] }),
  (
    "transformer cross",
    {
      [
        try $0.transformerBlock(
          $1[0], context: $1[1], contextMask: $1[2], heads: 2, causal: true, expansion: 2, name: "b")
      ]
    }
  ),
  ("dit", { [try $0.ditBlock($1[0], condition: $1[1], heads: 2, expansion: 2, name: "b")] }),
  (
    "dit cross",
    { [try $0.ditBlock($1[0], condition: $1[1], context: $1[2], heads: 2, expansion: 2, name: "b")] }
  ),
  ("dit head", { [try $0.ditHead($1[0], condition: $1[1], outputs: 3, name: "b")] }),
]

/// Layers and blocks with weights loaded by name against PyTorch's (torchvision's where it has them), every element, run
/// by the interpreter and by the plan.
@Suite struct BlockGoldenTests {
  private func graph(_ name: String, _ build: Builder, _ goldens: Goldens) throws -> (
    Graph, [String: TensorValue]
  ) {
    var graph = Graph(name: name, seed: 5)
    var inputs: [String: TensorValue] = [:]
    let ids = try goldens.inputs(name).enumerated().map { i, value in
      inputs["x\(i)"] = value
      return graph.addInput("x\(i)", value.type)
    }
    for id in try build(&graph, ids) { graph.markOutput(id) }
    try graph.setWeights(try goldens.weights(name))
    return (graph, inputs)
  }

  private func compare(_ cases: [Case], _ file: String) throws {
    let goldens = try Goldens(file)
    for (name, build) in cases {
      let (graph, inputs) = try graph(name, build, goldens)
      let expected = try goldens.outputs(name)
      let plain = try Interpreter.run(graph, inputs, threads: 2)
      let results = try Plan(graph, .init(threads: 2)).run(inputs)
      let planned = graph.outputs.compactMap { results[graph[$0].name] }
      for (path, found) in [("interpreter", plain), ("plan", planned)] {
        #expect(found.count == expected.count && !expected.isEmpty, "\(name), \(path)")
        for (a, b) in zip(found, expected) {
          let worst = worstElement(a, b)
          #expect((worst ?? .infinity) <= sumTolerance, "\(name), \(path): \(worst ?? .nan)")
        }
      }
    }
  }

  @Test func layersEqualPyTorch() throws { try compare(layers, "layers") }
  @Test func blocksEqualPyTorch() throws { try compare(blocks, "blocks") }

  @Test func everyGoldenIsUsed() throws {
    #expect(try Goldens("layers").cases == Set(layers.map(\.name)))
    #expect(try Goldens("blocks").cases == Set(blocks.map(\.name)))
  }

  @Test func wrongBlocksAreCaught() throws {
    let wrong: [(String, String, Builder)] = [
      (
        "layers", "border reflect",
        { [try $0.convolution($1[0], outputs: 3, kernel: 3, fill: .symmetric, name: "c")] }
      ),
      (
        "layers", "border upper",
        { [try $0.convolution($1[0], outputs: 3, kernel: 2, border: .sameLower, fill: .reflect, name: "c")] }
      ),
      ("layers", "mixed", { [try $0.mixedPooling($1[0], kernel: 3, stride: 2, border: .same, name: "p")] }),
      ("blocks", "residual", { [try $0.residualBlock($1[0], outputs: 4, activation: .swish(1), name: "b")] }),
      ("blocks", "squeeze", { [try $0.squeezeAndExcitation($1[0], squeezed: 3, gate: .tanh, name: "b")] }),
      ("blocks", "self attention", { [try $0.multiHeadAttention($1[0], heads: 4, name: "b")] }),
      (
        "blocks", "cross attention",
        { [try $0.multiHeadAttention($1[0], context: $1[1], heads: 2, name: "b")] }
      ),
      (
        "blocks", "transformer",
        { [try $0.transformerBlock($1[0], heads: 2, causal: true, expansion: 2, name: "b")] }
      ),
    ]
    for (file, name, build) in wrong {
      let goldens = try Goldens(file)
      let (graph, inputs) = try graph(name, build, goldens)
      let found = try Interpreter.run(graph, inputs), expected = try goldens.outputs(name)
      #expect((worstElement(found[0], expected[0]) ?? .infinity) > 1e-3, "\(name) was not caught")
    }
  }
}
