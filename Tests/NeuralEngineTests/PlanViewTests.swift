import NeuralEngine
import Testing

/// Results written in place, and beside one another, where operands are views of the same memory.
@Suite struct PlanViewTests {
  /// Compares a plan's outputs with the interpreter's, fused or not, at the first and second run.
  private func expectEqual(_ g: Graph, _ shapes: [String: [Int]], threads: Int = 1) throws {
    var random = TestRandom(71)
    var inputs: [String: TensorValue] = [:]
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) { inputs[name] = random.tensor(shape) }
    let expected = try Interpreter.run(g, inputs)
    for fuses in [true, false] {
      let plan = try Plan(g, .init(threads: threads, fuses: fuses))
      for _ in 0..<2 {
        let found = try plan.run(inputs)
        for (id, value) in zip(g.outputs, expected) {
          let difference = relativeDifference(try #require(found[g[id].name]), value)
          // A few sums of up to 144 products in single precision.
          #expect(difference < 1e-5, "\(g[id].name), fuses \(fuses)")
        }
      }
    }
  }

  /// Element-wise results of slices lie in the slice's arrangement, holes included, and stay clear of one another.
  @Test func resultsInASlicesArrangementDoNotOverlap() throws {
    var g = Graph(seed: 1)
    let x = g.addInput("x", [3, 1, 96]), y = g.addInput("y", [3, 5, 16])
    var products: [TensorID] = []
    for part in 0..<6 {
      let slice = try g.apply(.slice(.init(starts: [0, 0, 16 * part], counts: [3, 1, 16])), x)
      let moved = try g.linear(slice, alpha: Float(part) + 0.5, beta: 1)
      let other = try g.product(slice, g.addConstant("two", TensorValue([], [2])))
      products.append(try g.product(y, moved))
      try g.markOutput(moved, name: "moved \(part)")
      try g.markOutput(other, name: "other \(part)")
    }
    // Each product is read late, so that all live together.
    for (part, product) in products.enumerated() {
      try g.markOutput(try g.sum(product, products[5 - part]), name: "sum \(part)")
    }
    try expectEqual(g, ["x": [3, 1, 96], "y": [3, 5, 16]])
  }

  /// The refiner's modulation: a row's slices scale, shift and gate a normalised sum that is needed again.
  @Test(arguments: [1, 2]) func modulatedSumEqualsInterpreter(threads: Int) throws {
    var g = Graph(seed: 2)
    let x = g.addInput("x", [3, 5, 21]), noise = g.addInput("noise", [3, 5, 16])
    let row = g.addInput("row", [3, 1, 96])
    let slices = try (0..<6).map { part in
      try g.apply(.slice(.init(starts: [0, 0, 16 * part], counts: [3, 1, 16])), row)
    }
    let tokens = try g.sum(noise, try g.linear(x, outputs: 16, name: "tokens"))
    let normal = try g.layerNormalization(tokens, affine: false, name: "norm")
    let scaled = try g.product(normal, try g.linear(slices[1], alpha: 1, beta: 1))
    let moved = try g.sum(scaled, slices[0])
    let mixed = try g.linear(moved, outputs: 16, name: "mixed")
    try g.markOutput(try g.sum(tokens, try g.product(mixed, slices[2])), name: "y")
    try expectEqual(g, ["x": [3, 5, 21], "noise": [3, 5, 16], "row": [3, 1, 96]], threads: threads)
  }

  /// A convolution's window reads what its own sum must not have overwritten: the operand is another name of its input.
  @Test(arguments: [1, 2]) func sumOfAConvolutionAndAViewOfItsInput(threads: Int) throws {
    for channels in [5, 16, 32] {
      var g = Graph(seed: 3)
      let x = g.addInput("x", [1, channels, 12, 12])
      let a = try g.convolution(x, outputs: channels, kernel: 1, name: "a")
      let view = try g.reshape(try g.reshape(a, [1, channels, 144]), [1, channels, 12, 12])
      try g.markOutput(
        try g.sum(try g.convolution(a, outputs: channels, kernel: 3, name: "b"), view), name: "y")
      try expectEqual(g, ["x": [1, channels, 12, 12]], threads: threads)
    }
  }

  /// One tensor added and multiplied in the same chain after a convolution.
  @Test func sumAndProductWithOneTensor() throws {
    var g = Graph(seed: 4)
    let x = g.addInput("x", [1, 16, 12, 12])
    let p = try g.convolution(x, outputs: 16, kernel: 1, name: "p")
    let q = try g.convolution(x, outputs: 16, kernel: 1, name: "q")
    let first = try g.sum(try g.convolution(x, outputs: 16, kernel: 3, name: "a"), p)
    try g.markOutput(try g.product(first, p), name: "sum, product")
    let second = try g.product(try g.convolution(x, outputs: 16, kernel: 3, name: "b"), q)
    try g.markOutput(try g.sum(second, q), name: "product, sum")
    try expectEqual(g, ["x": [1, 16, 12, 12]])
  }

  /// A matrix plus its first row, its first column, its transposed self, and as one fused operand.
  @Test func elementwiseWithViewsOfOneOperand() throws {
    let n = 16
    for part in 0..<5 {
      var g = Graph(seed: 5)
      let x = g.addInput("x", [n, n])
      let a = try g.unary(.tanh, x)
      let row = try g.apply(.slice(.init(starts: [0, 0], counts: [1, n])), a)
      let column = try g.apply(.slice(.init(starts: [0, 0], counts: [n, 1])), a)
      let y =
        switch part {
        case 0: try g.sum(a, row)
        case 1: try g.sum(a, column)
        case 2: try g.sum(try g.reshape(a, [1, n, n]), try g.transpose(a, [1, 0]))
        case 3: try g.product(try g.binary(.subtract, a, x), row)
        default: try g.product(try g.binary(.subtract, a, column), a)
        }
      try g.markOutput(y, name: "y \(part)")
      try expectEqual(g, ["x": [n, n]])
    }
  }

  /// One function twice in a chain with different parameters.
  @Test func functionsFusedTwiceKeepTheirParameters() throws {
    for part in 0..<3 {
      var g = Graph(seed: 7)
      let x = g.addInput("x", [1, 16, 6, 6])
      let host =
        switch part {
        case 0: try g.product(x, g.addWeight("factor", [1, 16, 1, 1], .uniform(2)))
        case 1: try g.convolution(x, outputs: 16, kernel: 3, name: "convolution")
        default: try g.linear(x, outputs: 6, name: "linear")
        }
      let first = try g.unary(.leakyRelu(0.1), host)
      let second = try g.unary(.leakyRelu(0.5), try g.unary(.negate, first))
      try g.markOutput(try g.unary(.hardSigmoid(alpha: 0.2, beta: 0.5), second), name: "y \(part)")
      try expectEqual(g, ["x": [1, 16, 6, 6]])
    }
  }

  /// A convolution's result plus a factor per column, per row and per channel.
  @Test func convolutionWithOperandsPerAxis() throws {
    for axis in 1..<4 {
      var g = Graph(seed: 8)
      let x = g.addInput("x", [2, 16, 4, 6])
      let y = try g.convolution(x, outputs: 16, kernel: 1, name: "convolution")
      var shape = [1, 1, 1, 1]
      shape[axis] = g.shape(y)[axis]
      try g.markOutput(try g.sum(y, g.addWeight("operand", shape, .uniform(1))), name: "y \(axis)")
      try expectEqual(g, ["x": [2, 16, 4, 6]])
    }
  }

  /// Weights that are computed and lie in another order are brought into their own first.
  @Test func convolutionWithATransposedViewAsWeights() throws {
    var g = Graph(seed: 6)
    let x = g.addInput("x", [1, 8, 9, 9]), w = g.addInput("w", [8, 16, 3, 3])
    let weights = try g.transpose(w, [1, 0, 2, 3])
    for groups in [1, 2] {
      let slice = try g.apply(
        .slice(.init(starts: [0, 0, 0, 0], counts: [16, 8 / groups, 3, 3])), weights)
      let y = try g.apply(
        .convolution(.init(strides: [1, 1], padding: Padding([1, 1]), groups: groups)), x, slice)
      try g.markOutput(y, name: "y \(groups)")
    }
    try expectEqual(g, ["x": [1, 8, 9, 9], "w": [8, 16, 3, 3]])
  }
}
