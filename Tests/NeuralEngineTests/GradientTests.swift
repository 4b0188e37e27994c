import NeuralEngine
import Testing

/// An operator on inputs of some shapes, whose gradients are checked.
private struct Case: Sendable, CustomTestStringConvertible {
  var name: String
  var shapes: [[Int]]
  var range: ClosedRange<Float> = -1...1
  /// Inputs that come after the floats.
  var others: [TensorValue] = []
  /// Bound of the steps, where the function bends more than most.
  var h: Float = 1 / 128
  var operation: Operator

  var testDescription: String { "\(name) \(shapes)" }

  init(
    _ name: String, _ shapes: [[Int]], _ operation: Operator, range: ClosedRange<Float> = -1...1,
    others: [TensorValue] = [], h: Float = 1 / 128
  ) {
    (self.name, self.shapes, self.operation, self.range, self.others, self.h) =
      (name, shapes, operation, range, others, h)
  }

  func check(_ operation: Operator? = nil) throws -> GradientCheck {
    try GradientCheck(shapes, range: range) { graph, ids in
      let fixed = others.map { graph.addConstant("fixed", $0) }
      let outputs = try graph.add(operation ?? self.operation, ids + fixed)
      // Statistics of a batch are for the gradients, and have none.
      if case .batchNormalization = self.operation { return [outputs[0]] }
      return outputs
    }
  }
}

private func integers(_ shape: [Int], _ values: [Int64]) -> TensorValue {
  TensorValue(shape, integers: values)
}

private let convolutions: [Case] = [
  Case(
    "convolution", [[2, 4, 5, 6], [6, 2, 3, 2], [6]],
    .convolution(.init(strides: [2, 1], padding: Padding(before: [1, 0], after: [0, 1]), groups: 2))),
  Case(
    "convolution", [[1, 3, 9], [4, 3, 3]],
    .convolution(.init(strides: [3], dilations: [2], padding: Padding([2])))),
  Case(
    "convolution", [[1, 2, 3, 4, 4], [3, 2, 2, 1, 3], [3]],
    .convolution(.init(strides: [1, 2, 1], padding: Padding([1, 0, 1])))),
  Case(
    "depthwise", [[1, 4, 6, 5], [4, 1, 3, 3]],
    .convolution(.init(strides: [1, 1], padding: Padding([1, 1]), groups: 4))),
  Case(
    "cropped", [[1, 2, 6, 6], [2, 2, 3, 3]],
    .convolution(.init(strides: [1, 2], padding: Padding(before: [-1, 0], after: [1, -1])))),
  Case(
    "transposed", [[2, 4, 3, 4], [4, 3, 3, 2], [6]],
    .transposedConvolution(
      .init(strides: [2, 1], padding: Padding([1, 0]), outputPadding: [1, 0], groups: 2))),
  Case(
    "transposed", [[1, 2, 5], [2, 3, 4]],
    .transposedConvolution(.init(strides: [3], dilations: [2], outputPadding: [4]))),
  Case(
    "transposed", [[1, 3, 2, 2, 3], [3, 2, 2, 2, 2]], .transposedConvolution(.init(strides: [2, 2, 2]))),
  Case(
    "deformable", [[1, 4, 5, 5], [4, 2, 2, 2], [1, 16, 4, 4], [4], [1, 8, 4, 4]],
    .deformableConvolution(.init(groups: 2, offsetGroups: 2, hasBias: true, hasMask: true)),
    range: 0.05...0.9, h: 1 / 1024),
  Case(
    "deformable", [[2, 2, 4, 6], [3, 2, 3, 3], [2, 18, 2, 3]],
    .deformableConvolution(.init(strides: [2, 2], padding: Padding([1, 1]))), range: 0.05...0.9, h: 1 / 1024),
  Case(
    "deformable", [[1, 1, 4, 4], [1, 1, 1, 1], [1, 2, 4, 4], [1, 1, 4, 4]],
    .deformableConvolution(.init(hasMask: true)), range: -0.9 ... -0.1, h: 1 / 1024),
]

private let poolings: [Case] = [
  Case(
    "maximum", [[1, 2, 6, 5]],
    .pooling(.init(.maximum, kernel: [3, 2], strides: [2, 1], padding: Padding([1, 0])))),
  Case(
    "maximum", [[2, 1, 9]],
    .pooling(.init(.maximum, kernel: [2], strides: [2], dilations: [2], ceiling: true))),
  Case("maximum", [[1, 1, 4, 4, 4]], .pooling(.init(.maximum, kernel: [2, 2, 2], strides: [2, 2, 2]))),
  Case(
    "average", [[1, 2, 5, 5]],
    .pooling(
      .init(.average(countsPadding: true), kernel: [3, 3], strides: [2, 2], padding: Padding([1, 1])))),
  Case(
    "average", [[2, 1, 5, 6]],
    .pooling(
      .init(.average(countsPadding: false), kernel: [3, 3], strides: [1, 2], padding: Padding([1, 1])))),
  Case(
    "average", [[1, 3, 7]],
    .pooling(.init(.average(countsPadding: true), kernel: [3], strides: [2], ceiling: true))),
  Case("norm", [[1, 2, 4, 4]], .pooling(.init(.norm(2), kernel: [2, 2], strides: [2, 2]))),
  Case("norm", [[1, 1, 6]], .pooling(.init(.norm(3), kernel: [3], strides: [1]))),
  Case("norm", [[1, 2, 4]], .pooling(.init(.norm(2.5), kernel: [2], strides: [1], padding: Padding([1])))),
  Case("adaptive", [[1, 2, 5, 7]], .adaptivePooling(.init(sizes: [2, 3]))),
  Case("adaptive", [[2, 1, 7]], .adaptivePooling(.init(sizes: [3], takesMaximum: true))),
  Case("adaptive", [[1, 1, 3, 4]], .adaptivePooling(.init(sizes: [5, 2], takesMaximum: true))),
]

private let unaries: [Case] = [
  (.relu, -1...1), (.leakyRelu(0.1), -1...1), (.leakyRelu(-0.5), -1...1), (.elu(1.5), -1...1),
  (.sigmoid, -3...3), (.hardSigmoid(alpha: 0.2, beta: 0.5), -4...4), (.hardSwish, -4...4),
  (.swish(1.3), -3...3), (.gelu, -3...3), (.geluTanh, -3...3), (.mish, -3...3), (.softplus, -3...3),
  (.tanh, -2...2), (.erf, -2...2), (.exp, -1...1), (.log, 0.5...3), (.sqrt, 0.5...3), (.abs, -1...1),
  (.negate, -1...1), (.reciprocal, 0.5...2), (.sine, -3...3), (.cosine, -3...3),
  (.clip(low: -0.5, high: 0.4), -1...1), (.linear(alpha: 2, beta: 1), -1...1), (.power(1.7), 0.5...2),
  (.power(3), -1...1), (.identity, -1...1), (.dropout(rate: 0.5), -1...1),
].map { (f: Operator.Unary.Function, range: ClosedRange<Float>) in
  Case("\(f)", [[3, 5]], .unary(.init(f)), range: range)
}

private let binaries: [Case] = Operator.Binary.Function.allCases.filter { !$0.isComparison }.flatMap { f in
  [([2, 3], [2, 3]), ([2, 1, 4], [3, 1]), ([3], [2, 2, 3])].map { a, b in
    Case(
      f.rawValue, [a, b], .binary(.init(f)),
      range: f == .power || f == .divide || f == .modulo || f == .remainder ? 0.5...2 : -1...1,
      h: f == .modulo || f == .remainder ? 1 / 1024 : 1 / 128)
  }
}

private let selections: [Case] = [
  Case("gather", [[4, 3]], .gather(.init(axis: 0)), others: [integers([2, 2], [0, 3, -1, 1])]),
  Case("gather", [[2, 3, 4]], .gather(.init(axis: 1)), others: [integers([4], [2, 0, 0, 1])]),
  Case("gather", [[2, 5]], .gather(.init(axis: -1)), others: [integers([], [2])]),
  Case(
    "gather elements", [[3, 3]], .gatherElements(.init(axis: 1)),
    others: [integers([2, 4], [0, 1, 1, 2, 2, 2, 0, -1])]),
  Case("gather elements", [[4]], .gatherElements(.init()), others: [integers([3], [1, 1, 3])]),
  Case(
    "gather elements", [[2, 3, 2]], .gatherElements(.init(axis: 1)),
    others: [integers([2, 1, 2], [0, 1, 2, 0])]),
  Case("gather ND", [[3, 4]], .gatherND(.init()), others: [integers([3, 2], [0, 1, 2, 3, 0, 1])]),
  Case(
    "gather ND", [[2, 3, 2]], .gatherND(.init(batchAxes: 1)), others: [integers([2, 2, 1], [1, 1, 0, 2])]),
  Case("gather ND", [[4, 2]], .gatherND(.init()), others: [integers([3, 1], [3, 0, -1])]),
  Case("top k", [[3, 5]], .topK(.init(count: 2))),
  Case("top k", [[4, 3]], .topK(.init(axis: 0, count: 3, largest: false))),
  Case("top k", [[7]], .topK(.init(count: 1))),
]

private let shapings: [Case] = [
  Case("reshape", [[2, 6]], .reshape(.init([3, 4]))),
  Case("transpose", [[2, 3, 4]], .transpose(.init([2, 0, 1]))),
  Case("concatenation", [[2, 3], [2, 1], [2, 2]], .concatenation(.init(axis: -1))),
  Case("slice", [[5, 6]], .slice(.init(starts: [1, 0], counts: [2, 3], steps: [1, 2]))),
  Case("slice", [[7]], .slice(.init(starts: [6], counts: [3], steps: [-2]))),
  Case("slice", [[3, 8]], .slice(.init(starts: [2, 1], counts: [1, 2], steps: [5, 3]))),
  Case("pad", [[2, 3]], .pad(.init(Padding(before: [1, -1], after: [0, 2])))),
  Case("pad", [[2, 4]], .pad(.init(Padding(before: [0, 2], after: [1, 3]), mode: .reflect))),
  Case("pad", [[3, 2]], .pad(.init(Padding(before: [1, 2], after: [2, 1]), mode: .symmetric))),
  Case("pad", [[3]], .pad(.init(Padding(before: [2], after: [2]), mode: .replicate))),
  Case("pad", [[2, 3]], .pad(.init(Padding(before: [0, 2], after: [0, -1]), mode: .circular))),
  Case("expand", [[3, 1]], .expand(.init([2, 3, 4]))),
  Case("tile", [[2, 3]], .tile(.init([2, 3]))),
  Case("select", [[2, 3], [3]], .select(.init())).withCondition([2, 3]),
  Case("cumulative sum", [[2, 4]], .cumulativeSum(.init(axis: 1, exclusive: true))),
  Case("cumulative sum", [[3, 2]], .cumulativeSum(.init(axis: 0, reverse: true))),
]

private let reductions: [Case] = Operator.Reduction.Function.allCases.flatMap { f in
  [([2, 3, 4], [1], true), ([3, 4], [0, 1], false), ([2, 2, 3], [0, -1], false)].map {
    (shape: [Int], axes: [Int], keeps: Bool) in
    Case(
      f.rawValue, [shape], .reduction(.init(f, axes: axes, keepsAxes: keeps)),
      range: f == .logSum ? 0.5...2 : -1...1)
  }
}

private let normalizations: [Case] = [
  Case("layer", [[2, 3, 8]], .groupedNormalization(.init(.axes(from: -1)))),
  Case("layer", [[2, 3, 4], [3, 4], [4]], .groupedNormalization(.init(.axes(from: 1)))),
  Case(
    "layer", [[2, 3, 4], [2, 1, 4], [2, 1, 4]], .groupedNormalization(.init(.axes(from: 2), epsilon: 0.01))),
  Case("RMS", [[3, 6], [6]], .groupedNormalization(.init(.axes(from: -1), centers: false))),
  Case("group", [[2, 4, 3], [4], [4]], .groupedNormalization(.init(.groups(2)))),
  Case("group", [[1, 6, 2, 2]], .groupedNormalization(.init(.groups(3)))),
  Case("instance", [[2, 2, 3, 3], [2]], .groupedNormalization(.init(.groups(2)))),
  Case(
    "batch", [[4, 3, 2, 2], [3], [3]], .batchNormalization(.init(training: true, givesStatistics: true)),
    others: [TensorValue([3], [0, 1, 2]), TensorValue([3], [1, 2, 3])]),
  Case(
    "batch", [[6, 2], [2], [2]], .batchNormalization(.init(training: true, givesStatistics: true)),
    others: [TensorValue([2], [0, 1]), TensorValue([2], [1, 2])]),
  Case(
    "batch", [[1, 2, 9], [2], [2]], .batchNormalization(.init(epsilon: 0.01)),
    others: [TensorValue([2], [0, 1]), TensorValue([2], [1, 2])]),
  Case("softmax", [[2, 5]], .softmax(.init())),
  Case("softmax", [[2, 3, 4]], .softmax(.init(axis: 1))),
  Case("log-softmax", [[4, 3]], .softmax(.init(axis: 0, logarithm: true))),
]

private let products: [Case] = [
  Case("product", [[3, 4], [4, 5], [5]], .matrixMultiplication(.init(alpha: 0.5, beta: 2))),
  Case("product", [[2, 3, 4], [4, 5]], .matrixMultiplication(.init())),
  Case("product", [[2, 3, 4], [5, 4], [2, 1, 5]], .matrixMultiplication(.init(transposesSecond: true))),
  Case("product", [[2, 1, 4, 3], [3, 4, 5]], .matrixMultiplication(.init(transposesFirst: true))),
  Case(
    "product", [[4, 3], [2, 5, 4]],
    .matrixMultiplication(.init(transposesFirst: true, transposesSecond: true))),
  Case("product", [[4], [2, 4, 3]], .matrixMultiplication(.init())),
  Case("product", [[2, 3, 4], [4]], .matrixMultiplication(.init())),
  Case("product", [[4], [4]], .matrixMultiplication(.init())),
  Case("einsum", [[2, 3], [3, 4]], .einsum(.init("ij,jk->ki"))),
  Case("einsum", [[2, 3, 4]], .einsum(.init("ijk->j"))),
  Case("einsum", [[3, 3, 2]], .einsum(.init("iij->ji"))),
  Case("einsum", [[2, 1, 3], [1, 3, 5]], .einsum(.init("...ij,...jk->...ik"))),
  Case("einsum", [[2, 3], [3], [2]], .einsum(.init("ij,j,i->"))),
]

private let samplings: [Case] = [
  Case("resize", [[1, 2, 3, 4]], .resize(.init(sizes: [1, 2, 6, 6], scales: [1, 1, 2, 1.5]))),
  Case(
    "resize", [[1, 1, 5, 4]],
    .resize(
      .init(
        sizes: [1, 1, 3, 8], scales: [1, 1, 0.6, 2], interpolation: .cubic(-0.75), coordinates: .alignCorners)
    )),
  Case(
    "resize", [[1, 2, 4]],
    .resize(
      .init(
        sizes: [1, 2, 7], scales: [1, 1, 1.75], interpolation: .nearest(.floor), coordinates: .asymmetric))),
  Case("resize", [[1, 1, 8]], .resize(.init(sizes: [1, 1, 3], scales: [1, 1, 0.375], antialias: true))),
  Case(
    "resize", [[1, 1, 4]],
    .resize(
      .init(
        sizes: [1, 1, 6], scales: [1, 1, 1.5],
        coordinates: .crop(starts: [0, 0, -0.5], ends: [1, 1, 1.2], outside: 9)))),
  Case("grid sample", [[2, 2, 4, 5], [2, 3, 2, 2]], .gridSample(.init()), h: 1 / 2048),
  Case(
    "grid sample", [[1, 1, 5], [1, 7, 1]], .gridSample(.init(.linear, border: .border, alignCorners: true)),
    range: -1.3...1.4, h: 1 / 2048),
  Case(
    "grid sample", [[1, 2, 4, 3], [1, 2, 3, 2]], .gridSample(.init(.cubic, border: .reflection)),
    range: -1.7...1.6, h: 1 / 2048),
  Case(
    "grid sample", [[1, 1, 3, 3, 3], [1, 1, 2, 2, 3]],
    .gridSample(.init(.linear, border: .reflection, alignCorners: true)), range: -2.2...2.4, h: 1 / 2048),
  Case("grid sample", [[1, 2, 4, 4], [1, 3, 3, 2]], .gridSample(.init(.nearest)), h: 1 / 2048),
  Case("affine grid", [[2, 2, 3]], .affineGrid(.init(sizes: [3, 4]))),
  Case("affine grid", [[1, 3, 4]], .affineGrid(.init(sizes: [2, 3, 2], alignCorners: true))),
]

private let attentions: [Case] = [
  Case("attention", [[2, 3, 8], [2, 5, 8], [2, 5, 4]], .attention(.init(heads: 2))),
  Case(
    "attention", [[1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 3]],
    .attention(.init(heads: 4, keyHeads: 2, causal: true))),
  Case(
    "attention", [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [3, 3]],
    .attention(.init(heads: 2, softcap: 2, hasMask: true))),
  Case(
    "attention", [[1, 2, 4], [1, 3, 4], [1, 3, 4], [2, 3], [1, 2, 2, 2], [1, 2, 2, 2]],
    .attention(.init(heads: 2, hasMask: true, hasPast: true, givesPresent: true, scores: .probabilities))),
  Case(
    "attention", [[2, 2, 2, 3], [2, 2, 4, 3], [2, 2, 4, 3]], .attention(.init(heads: 2, hasMask: true)),
    others: [
      TensorValue(
        [2, 1, 2, 4],
        booleans: [
          true, false, true, true, false, false, false, false, true, true, false, true, false, true, true,
          true,
        ])
    ]),
  Case(
    "attention", [[2, 1, 2, 3], [2, 1, 4, 3], [2, 1, 4, 3]], .attention(.init(heads: 1, hasKeyLengths: true)),
    others: [integers([2], [4, 2])]),
]

private let families: [[Case]] = [
  convolutions, poolings, unaries, binaries, selections, shapings, reductions, normalizations, products,
  samplings, attentions,
]

extension Case {
  /// The floats after a condition.
  fileprivate func withCondition(_ shape: [Int]) -> Case {
    var copy = self
    let condition = TensorValue(shape, booleans: (0..<shape.reduce(1, *)).map { $0 % 3 != 1 })
    copy.operation = .external(
      ExternalOperator(
        name: "select by a constant",
        shape: { try Operator.Select().outputTypes([condition.type] + $0) },
        forward: { inputs, outputs, context in
          try condition.withBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            try Operator.Select().compute([TensorView(condition.type, base)] + inputs, outputs, context)
          }
        },
        backward: { graph, inputs, outputs, gradients in
          let fixed = graph.addConstant("condition", condition)
          return Array(
            try Operator.Select().gradients(&graph, [fixed] + inputs, outputs, gradients).dropFirst())
        }))
    return copy
  }

  /// The operator with a rule whose first gradient is off by 2 %.
  fileprivate var spoiled: Operator {
    let definition = operation.definition
    return .external(
      ExternalOperator(
        name: "spoiled \(definition.name)", shape: { try definition.outputTypes($0) },
        forward: { try definition.compute($0, $1, $2) },
        backward: { graph, inputs, outputs, gradients in
          var found = try definition.gradients(&graph, inputs, outputs, gradients)
          if let first = found[0] { found[0] = try graph.linear(first, alpha: 1.02) }
          return found
        },
        scratch: { (try? definition.scratchByteCount($0, $1, threads: $2)) ?? 0 }))
  }
}

/// The rules against central differences. The bound is what single precision of the outputs leaves of a difference: 1e-7
/// of some tens of outputs over a step of 1/128 (and less for the ones that bend more), a hundred times below a wrong rule.
@Suite struct GradientTests {
  @Test(arguments: families.joined()) fileprivate func ruleEqualsCentralDifferences(_ rule: Case) throws {
    let bound = rule.h < 1 / 500 ? 3e-3 : 3e-4
    #expect(try rule.check().worst(h: rule.h) < bound, "interpreter")
  }

  @Test(arguments: families.joined()) fileprivate func planEqualsInterpreter(_ rule: Case) throws {
    let check = try rule.check()
    let backward = try check.backward().graph
    let expected = try Interpreter.run(backward, check.inputs)
    let found = try Plan(backward, .init(threads: 2)).run(check.inputs)
    for (id, value) in zip(backward.outputs, expected) {
      #expect(gradientDifference(try #require(found[backward[id].name]), value) < 2e-5)
    }
  }

  @Test(arguments: families) fileprivate func wrongRuleIsCaught(_ family: [Case]) throws {
    let rule = try #require(family.first)
    #expect(try rule.check(rule.spoiled).worst(h: rule.h) > 1e-3)
  }

  @Test func gradientsOfScatters() throws {
    for reduction in Operator.ScatterReduction.allCases {
      let elements = try GradientCheck([[3, 4], [2, 3]], range: 0.5...2) { graph, x in
        let places = graph.addConstant("places", integers([2, 3], [0, 3, 1, 2, 0, 1]))
        return try graph.add(.scatterElements(.init(axis: 1, reduction: reduction)), [x[0], places, x[1]])
      }
      #expect(try elements.worst() < 3e-4, "\(reduction)")
      let slices = try GradientCheck([[4, 2], [3, 2]], range: 0.5...2) { graph, x in
        let last: Int64 = reduction == .replace ? 1 : 0
        let places = graph.addConstant("places", integers([3, 1], [0, 2, last]))
        return try graph.add(.scatterND(.init(reduction: reduction)), [x[0], places, x[1]])
      }
      #expect(try slices.worst() < 3e-4, "\(reduction)")
    }
  }

  @Test func productOfZerosHasAGradient() throws {
    var graph = Graph()
    let x = graph.addInput("x", [3, 3])
    let y = try graph.reduce(.product, x, axes: [1])
    let gradient = try #require(try graph.addGradients(of: [y], for: [x])[0])
    graph.markOutput(gradient)
    let found = try Interpreter.run(graph, ["x": TensorValue([3, 3], [2, 3, 4, 2, 0, 4, 0, 3, 0])])
    #expect(found[0].floats == [12, 8, 6, 0, 8, 0, 0, 0, 0])
  }

  @Test func nothingFlowsThroughDetachAndNothingIsBuiltForIt() throws {
    var graph = Graph()
    let x = graph.addInput("x", [3]), w = graph.addWeight("w", [3], .ones)
    let y = try graph.product(graph.detach(graph.product(x, x)), w)
    let count = graph.nodes.count
    let gradients = try graph.addGradients(of: [y], for: [x, w])
    #expect(gradients[0] == nil && gradients[1] != nil)
    #expect(graph.nodes.count == count + 1)
  }

  @Test func frozenWeightsHaveNoOperators() throws {
    var graph = Graph(seed: 3)
    let x = graph.addInput("x", [1, 2, 4, 4])
    let first = try graph.convolution(x, outputs: 3, kernel: 3, name: "first")
    let second = try graph.convolution(try graph.relu(first), outputs: 2, kernel: 1, name: "second")
    let weight = try #require(graph.tensor(named: "second.weight"))
    _ = try graph.addGradients(of: [second], for: [weight])
    let names = graph.nodes.filter { $0.name.hasPrefix("gradient.") }.map(\.name)
    #expect(names == ["gradient.second.weight"])
  }

  @Test func recomputingGivesTheSameBytesAndKeepsLess() throws {
    func build(_ recomputes: Bool) throws -> Graph {
      var graph = Graph(seed: 5)
      let x = graph.addInput("x", [1, 4, 16, 16])
      var y = x
      for i in 0..<6 {
        y = try graph.unary(.swish(1), graph.convolution(y, outputs: 16, kernel: 3, name: "c\(i)"))
      }
      let gradients = try graph.addGradients(of: [y], for: [x] + graph.weights) {
        if case .unary = $0.operation { return recomputes }
        return false
      }
      graph.replaceOutputs(by: gradients.compactMap(\.self))
      return graph
    }
    let kept = try build(false), again = try build(true)
    var random = TestRandom(2)
    let inputs = ["x": random.tensor([1, 4, 16, 16])]
    #expect(try Interpreter.run(kept, inputs) == Interpreter.run(again, inputs))
    #expect(try Plan(again).activationByteCount < Plan(kept).activationByteCount)
  }

  @Test func operatorWithoutGradientIsAnErrorThatNamesIt() throws {
    var graph = Graph()
    let x = graph.addInput("x", [2])
    let silent = ExternalOperator(name: "silent", shape: { $0 }, forward: { _, _, _ in })
    let y = try graph.apply(.external(silent), x, name: "here")
    #expect { try graph.addGradients(of: [y], for: [x]) } throws: {
      "\($0)".contains("silent here: no gradient")
    }
  }
}
