import NeuralEngine
import Testing

private typealias Case = (name: String, operation: Operator)

private let convolutions: [Case] = [
  ("convolution 1d", .convolution(.init(strides: [2], padding: Padding([2])))),
  ("convolution 2d", .convolution(.init(strides: [1, 1], padding: Padding([1, 1])))),
  ("convolution stride", .convolution(.init(strides: [2, 3]))),
  (
    "convolution dilation",
    .convolution(.init(strides: [1, 1], dilations: [2, 3], padding: Padding([2, 1])))
  ),
  (
    "convolution uneven",
    .convolution(.init(strides: [2, 2], padding: Padding(before: [0, 2], after: [1, 0])))
  ),
  ("convolution groups", .convolution(.init(strides: [1, 1], padding: Padding([1, 0]), groups: 2))),
  ("convolution depthwise", .convolution(.init(strides: [2, 2], padding: Padding([1, 1]), groups: 6))),
  ("convolution pointwise", .convolution(.init(strides: [1, 1]))),
  (
    "convolution 3d",
    .convolution(.init(strides: [1, 2, 2], dilations: [1, 2, 1], padding: Padding([1, 0, 2]), groups: 2))
  ),
  ("transposed 1d", .transposedConvolution(.init(strides: [2], padding: Padding([1])))),
  (
    "transposed 2d",
    .transposedConvolution(
      .init(strides: [2, 3], padding: Padding([1, 0]), outputPadding: [1, 2], groups: 2))
  ),
  (
    "transposed dilation",
    .transposedConvolution(.init(strides: [2, 2], dilations: [2, 2], padding: Padding([2, 2])))
  ),
  ("transposed 3d", .transposedConvolution(.init(strides: [2, 1, 2], padding: Padding([0, 1, 0])))),
  (
    "deformable v1",
    .deformableConvolution(.init(strides: [2, 2], padding: Padding([1, 1]), groups: 2, offsetGroups: 2))
  ),
  (
    "deformable v2",
    .deformableConvolution(
      .init(
        strides: [2, 2], padding: Padding([1, 1]), groups: 2, offsetGroups: 2, hasBias: true, hasMask: true))
  ),
]

private let poolings: [Case] = [
  ("maximum", .pooling(.init(.maximum, kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1])))),
  (
    "maximum dilated",
    .pooling(
      .init(.maximum, kernel: [2, 3], strides: [1, 2], dilations: [3, 2], padding: Padding([1, 0])))
  ),
  ("maximum ceiling", .pooling(.init(.maximum, kernel: [2, 2], strides: [2, 2], ceiling: true))),
  (
    "maximum indices",
    .pooling(
      .init(.maximum, kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1]), givesIndices: true))
  ),
  ("maximum 3d", .pooling(.init(.maximum, kernel: [2, 3, 3], strides: [1, 2, 2]))),
  (
    "average",
    .pooling(
      .init(.average(countsPadding: false), kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1])))
  ),
  (
    "average counted",
    .pooling(
      .init(.average(countsPadding: true), kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1])))
  ),
  (
    "average ceiling",
    .pooling(
      .init(
        .average(countsPadding: true), kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1]),
        ceiling: true))
  ),
  ("average 3d", .pooling(.init(.average(countsPadding: false), kernel: [2, 2, 2], strides: [1, 1, 1]))),
  ("norm pooling", .pooling(.init(.norm(3), kernel: [2, 3], strides: [2, 2]))),
  ("adaptive average", .adaptivePooling(.init(sizes: [4, 7]))),
  ("adaptive maximum", .adaptivePooling(.init(sizes: [4, 13], takesMaximum: true))),
  ("adaptive average 3d", .adaptivePooling(.init(sizes: [2, 4, 9]))),
]

private let normalizations: [Case] = [
  ("batch", .batchNormalization(.init(epsilon: 1e-4))),
  ("batch training", .batchNormalization(.init(epsilon: 1e-4, training: true, momentum: 0.8))),
  ("layer", .groupedNormalization(.init(.axes(from: -1)))),
  ("layer of two axes", .groupedNormalization(.init(.axes(from: 2)))),
  ("group", .groupedNormalization(.init(.groups(3)))),
  ("instance", .groupedNormalization(.init(.groups(6)))),
  ("rms", .groupedNormalization(.init(.axes(from: -1), epsilon: 1e-6, centers: false))),
  ("softmax", .softmax(.init(axis: 1))), ("log softmax", .softmax(.init(axis: 3, logarithm: true))),
]

private let products: [Case] = [
  ("matrix product", .matrixMultiplication(.init())),
  (
    "matrix product transposed",
    .matrixMultiplication(.init(transposesFirst: true, alpha: 0.5, beta: 2))
  ),
  ("einsum", .einsum(.init("bij,kjb->bki"))),
  ("attention", .attention(.init(heads: 4))),
  ("attention masked", .attention(.init(heads: 4, hasMask: true))),
  ("attention biased", .attention(.init(heads: 4, scale: 0.3, hasMask: true))),
  ("attention causal", .attention(.init(heads: 4, causal: true))),
  ("attention grouped", .attention(.init(heads: 4, keyHeads: 2))),
]

private let activations: [Case] = [
  ("relu", .unary(.init(.relu))), ("leaky relu", .unary(.init(.leakyRelu(0.1)))),
  ("elu", .unary(.init(.elu(0.7)))), ("sigmoid", .unary(.init(.sigmoid))),
  ("hard sigmoid", .unary(.init(.hardSigmoid(alpha: 1 / 6, beta: 0.5)))),
  ("hard swish", .unary(.init(.hardSwish))), ("silu", .unary(.init(.swish(1)))),
  ("gelu", .unary(.init(.gelu))), ("gelu tanh", .unary(.init(.geluTanh))), ("mish", .unary(.init(.mish))),
  ("softplus", .unary(.init(.softplus))), ("tanh", .unary(.init(.tanh))), ("erf", .unary(.init(.erf))),
  ("clip", .unary(.init(.clip(low: 0, high: 6)))), ("prelu", .binary(.init(.prelu))),
]

private func resize(
  _ sizes: [Int], from: [Int] = [1, 2, 5, 7], _ interpolation: Operator.Resize.Interpolation,
  _ coordinates: Operator.Resize.Coordinates = .halfPixel, antialias: Bool = false
) -> Operator {
  // PyTorch's antialiased filters leave taps outside out; its others repeat the edge.
  let all = from.prefix(2) + sizes
  return .resize(
    .init(
      sizes: Array(all), scales: zip(all, from).map { Float($0) / Float($1) }, interpolation: interpolation,
      coordinates: coordinates, antialias: antialias, excludesOutside: antialias))
}

private let resizes: [Case] = [
  ("resize nearest", resize([8, 10], .nearest(.floor), .asymmetric)),
  ("resize nearest exact", resize([8, 10], .nearest(.roundPreferCeiling))),
  ("resize nearest down", resize([3, 4], .nearest(.floor), .asymmetric)),
  ("resize bilinear", resize([8, 10], .linear)),
  ("resize bilinear corners", resize([8, 10], .linear, .alignCorners)),
  ("resize bilinear down", resize([3, 4], .linear)),
  ("resize bilinear antialias", resize([3, 4], .linear, antialias: true)),
  ("resize bicubic", resize([8, 10], .cubic(-0.75))),
  ("resize bicubic corners", resize([8, 10], .cubic(-0.75), .alignCorners)),
  // PyTorch's antialiased filter is Pillow's, of coefficient -1/2.
  ("resize bicubic antialias", resize([3, 4], .cubic(-0.5), antialias: true)),
  ("resize trilinear", resize([5, 6, 4], from: [1, 2, 3, 4, 5], .linear)),
]

private let samplings: [Case] = [false, true].flatMap { corners -> [Case] in
  let tail = corners ? " corners" : ""
  var result: [Case] = [
    ("affine grid\(tail)", .affineGrid(.init(sizes: [4, 5], alignCorners: corners))),
    ("affine grid 3d\(tail)", .affineGrid(.init(sizes: [3, 4, 5], alignCorners: corners))),
  ]
  let modes: [(String, Operator.GridSample.Interpolation)] = [
    ("bilinear", .linear), ("nearest", .nearest), ("bicubic", .cubic),
  ]
  for (name, mode) in modes {
    for border in ["zeros", "border", "reflection"] {
      let border = Operator.GridSample.Border(rawValue: border) ?? .zeros
      result.append(
        (
          "grid sample \(name) \(border.rawValue)\(tail)",
          .gridSample(.init(mode, border: border, alignCorners: corners))
        ))
    }
    if mode != .cubic {
      result.append(("grid sample 3d \(name)\(tail)", .gridSample(.init(mode, alignCorners: corners))))
    }
  }
  return result
}

private let data: [Case] = [
  ("gather", .gather(.init(axis: 1))), ("gather elements", .gatherElements(.init(axis: 1))),
  ("gather nd", .gatherND(.init())), ("scatter nd add", .scatterND(.init(reduction: .add))),
  ("scatter add", .scatterElements(.init(axis: 1, reduction: .add))),
  ("scatter maximum", .scatterElements(.init(axis: 1, reduction: .maximum))),
  ("scatter replace", .scatterElements(.init(axis: 1))),
  ("cumulative sum", .cumulativeSum(.init(axis: 1))),
  ("cumulative sum reverse", .cumulativeSum(.init(axis: 2, reverse: true))),
  ("top k", .topK(.init(axis: 1, count: 3))), ("argument of maximum", .argumentOfExtreme(.init(axis: 2))),
  ("reduce mean", .reduction(.init(.mean, axes: [0, 2]))),
  ("reduce log sum exp", .reduction(.init(.logSumExp, axes: [1], keepsAxes: false))),
  ("expand", .expand(.init([4, 3, 6]))), ("tile", .tile(.init([1, 2, 1]))),
]

/// Every kernel against PyTorch in double precision, every element: the plain loop, and the compiled plan.
@Suite struct KernelGoldenTests {
  private static let families = [
    convolutions, poolings, normalizations, products, activations, resizes, samplings, data,
  ]
  private static let all = families.flatMap { $0 }

  /// The plan's outputs: the first input is given at the run, the others are constants.
  private func planned(_ operation: Operator, _ inputs: [TensorValue]) throws -> [TensorValue] {
    var graph = Graph()
    let ids = inputs.enumerated().map { i, value in
      i == 0 ? graph.addInput("x", value.type) : graph.addConstant("c\(i)", value)
    }
    let outputs = try graph.add(operation, ids, name: "y")
    for id in outputs { graph.markOutput(id) }
    let results = try Plan(graph, .init(threads: 2)).run(["x": inputs[0]])
    return outputs.compactMap { results[graph[$0].name] }
  }

  @Test(arguments: families.indices) func familyEqualsPyTorch(family: Int) throws {
    let goldens = try Goldens("kernels")
    for (name, operation) in Self.families[family] {
      let inputs = try goldens.inputs(name), expected = try goldens.outputs(name)
      try #require(!inputs.isEmpty && !expected.isEmpty, "no golden \(name)")
      for (path, found) in [
        ("kernel", try Interpreter.evaluate(operation, inputs, threads: 2)),
        ("plan", try planned(operation, inputs)),
      ] {
        #expect(found.count == expected.count, "\(name), \(path)")
        for (a, b) in zip(found, expected) {
          let worst = worstElement(a, b)
          #expect((worst ?? .infinity) <= sumTolerance, "\(name), \(path): \(worst ?? .nan)")
        }
      }
    }
  }

  @Test func everyGoldenIsUsed() throws {
    let layers: Set = ["depth to space", "space to depth"]
    #expect(try Goldens("kernels").cases == Set(Self.all.map(\.name)).union(layers))
  }

  @Test func pixelShuffleEqualsPyTorch() throws {
    let goldens = try Goldens("kernels")
    for name in ["depth to space", "space to depth"] {
      var graph = Graph()
      let input = try #require(try goldens.inputs(name).first)
      let x = graph.addInput("x", input.type)
      let y =
        name == "depth to space"
        ? try graph.depthToSpace(x, factor: 2) : try graph.spaceToDepth(x, factor: 2)
      graph.markOutput(y)
      #expect(try Interpreter.run(graph, ["x": input]) == goldens.outputs(name))
    }
  }

  /// Kernels that are wrong on purpose: the comparison must see each of them.
  private static let wrong: [Case] = [
    // Axes swapped, a parameter off by one, a mode mistaken for its neighbour.
    (
      "convolution dilation",
      .convolution(.init(strides: [1, 1], dilations: [3, 2], padding: Padding([1, 2])))
    ),
    (
      "convolution uneven",
      .convolution(.init(strides: [2, 2], padding: Padding(before: [1, 0], after: [0, 2])))
    ),
    (
      "transposed 2d",
      .transposedConvolution(
        .init(strides: [3, 2], padding: Padding([0, 1]), outputPadding: [2, 1], groups: 2))
    ),
    (
      "deformable v1",
      .deformableConvolution(
        .init(strides: [2, 2], padding: Padding([1, 1]), groups: 2, offsetGroups: 1))
    ),
    (
      "average",
      .pooling(
        .init(.average(countsPadding: true), kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1])))
    ),
    ("adaptive average", .adaptivePooling(.init(sizes: [4, 7], takesMaximum: true))),
    ("norm pooling", .pooling(.init(.norm(2), kernel: [2, 3], strides: [2, 2]))),
    ("batch", .batchNormalization(.init(epsilon: 1e-3))),
    ("batch training", .batchNormalization(.init(epsilon: 1e-4, training: true, momentum: 0.2))),
    ("layer", .groupedNormalization(.init(.axes(from: -1), centers: false))),
    ("group", .groupedNormalization(.init(.groups(2)))),
    ("softmax", .softmax(.init(axis: 2))),
    ("attention", .attention(.init(heads: 4, scale: 1))),
    ("attention causal", .attention(.init(heads: 4))),
    ("gelu", .unary(.init(.geluTanh))), ("silu", .unary(.init(.hardSwish))),
    ("resize bilinear", resize([8, 10], .linear, .alignCorners)),
    ("resize bicubic", resize([8, 10], .cubic(-0.5))),
    ("resize nearest", resize([8, 10], .nearest(.roundPreferCeiling))),
    ("grid sample bilinear zeros", .gridSample(.init(.linear, alignCorners: true))),
    ("grid sample bilinear reflection", .gridSample(.init(.linear, border: .border))),
    ("gather elements", .gatherElements(.init(axis: 0))),
    ("scatter add", .scatterElements(.init(axis: 1))),
    ("cumulative sum", .cumulativeSum(.init(axis: 1, exclusive: true))),
  ]

  @Test func wrongKernelsAreCaught() throws {
    let goldens = try Goldens("kernels")
    for (name, operation) in Self.wrong {
      let expected = try goldens.outputs(name)
      guard let found = try? Interpreter.evaluate(operation, try goldens.inputs(name)) else { continue }
      let worst = zip(found, expected).map { worstElement($0, $1) ?? .infinity }.max() ?? .infinity
      #expect(worst > 5 * sumTolerance, "\(name) was not caught")
    }
  }

  @Test func swappedAxesOfAnInputAreCaught() throws {
    let goldens = try Goldens("kernels")
    for name in ["convolution 2d", "attention", "grid sample bilinear zeros", "matrix product"] {
      let operation = try #require(Self.all.first { $0.name == name }).operation
      var inputs = try goldens.inputs(name)
      // The last axis read backwards: kernel columns, queries' channels, x and y of a grid.
      let second = inputs[1], width = try #require(second.shape.last), floats = try #require(second.floats)
      inputs[1] = TensorValue(
        second.shape, floats.indices.map { floats[$0 / width * width + width - 1 - $0 % width] })
      let found = try Interpreter.evaluate(operation, inputs), expected = try goldens.outputs(name)
      #expect((worstElement(found[0], expected[0]) ?? .infinity) > 1e-2, "\(name)")
    }
  }
}
