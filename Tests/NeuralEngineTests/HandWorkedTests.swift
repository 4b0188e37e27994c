import NeuralEngine
import Testing

/// One example worked by hand for each family of kernels that KernelTests has none for.
@Suite struct HandWorkedTests {
  private func floats(_ operation: Operator, _ inputs: TensorValue...) throws -> [Float] {
    try #require(try Interpreter.evaluate(operation, inputs).first?.floats)
  }

  private func isNear(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 }
  }

  @Test func convolutionSlidesTheKernelUnflipped() throws {
    // x = 1 2 3 / 4 5 6 / 7 8 9, kernel 1 2 / 3 4: 1 + 4 + 12 + 20 = 37; stride 2 leaves the corner.
    let x = TensorValue([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
      w = TensorValue([1, 1, 2, 2], [1, 2, 3, 4])
    #expect(try floats(.convolution(.init(strides: [1, 1])), x, w) == [37, 47, 67, 77])
    #expect(try floats(.convolution(.init(strides: [2, 2])), x, w) == [37])
    // Dilation 2 takes the corners: 1 + 6 + 21 + 36.
    #expect(try floats(.convolution(.init(strides: [1, 1], dilations: [2, 2])), x, w) == [64])
    // One zero before only: the first window holds x's corner alone, times 4.
    let before = Padding(before: [1, 1], after: [0, 0])
    #expect(try floats(.convolution(.init(strides: [2, 2], padding: before)), x, w) == [4, 18, 36, 77])
  }

  @Test func groupsSeeTheirOwnChannels() throws {
    let x = TensorValue([1, 2, 2], [1, 2, 10, 20]), w = TensorValue([2, 1, 1], [3, 5])
    #expect(try floats(.convolution(.init(strides: [1], groups: 2)), x, w) == [3, 6, 50, 100])
  }

  @Test func transposedConvolutionSpreadsEachElement() throws {
    // 1 and 2, each times (1, 10, 100), two apart: 1 10 102 20 200; cut by one at both ends.
    let x = TensorValue([1, 1, 2], [1, 2]), w = TensorValue([1, 1, 3], [1, 10, 100])
    #expect(try floats(.transposedConvolution(.init(strides: [2])), x, w) == [1, 10, 102, 20, 200])
    #expect(
      try floats(.transposedConvolution(.init(strides: [2], padding: Padding([1]))), x, w) == [10, 102, 20])
  }

  @Test func transposedConvolutionIsTheAdjointOfConvolution() throws {
    // <conv(x), y> = <x, transposed(y)> for any x and y.
    var random = TestRandom(21)
    let x = random.tensor([1, 3, 7, 6]), w = random.tensor([4, 3, 3, 2]), padding = Padding([1, 0])
    let forward = try floats(.convolution(.init(strides: [2, 1], padding: padding)), x, w)
    let y = random.tensor([1, 4, 4, 5])
    let back = try floats(.transposedConvolution(.init(strides: [2, 1], padding: padding)), y, w)
    let left = zip(forward, y.floats ?? []).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let right = zip(x.floats ?? [], back).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    #expect(forward.count == 80 && back.count == 126 && abs(left - right) < 1e-4)
  }

  @Test func poolingTakesItsWindows() throws {
    let x = TensorValue([1, 1, 4], [1, -3, 2, 4])
    #expect(try floats(.pooling(.init(.maximum, kernel: [2], strides: [2])), x) == [1, 4])
    #expect(
      try floats(.pooling(.init(.average(countsPadding: false), kernel: [2], strides: [1])), x) == [
        -1, -0.5, 3,
      ])
    let padded = Padding(before: [1], after: [0])
    let counted = Operator.Pooling(
      .average(countsPadding: true), kernel: [2], strides: [2], padding: padded)
    let alone = Operator.Pooling(
      .average(countsPadding: false), kernel: [2], strides: [2], padding: padded)
    #expect(try floats(.pooling(counted), x) == [0.5, -0.5])
    #expect(try floats(.pooling(alone), x) == [1, -0.5])
    #expect(isNear(try floats(.pooling(.init(.norm(2), kernel: [4], strides: [1])), x), [5.477_225_6]))
  }

  @Test func trainingStatisticsAreTheBatchs() throws {
    // 1 and 3: mean 2, biased variance 1; running 0 and 1 keep a half each.
    let x = TensorValue([2, 1], [1, 3]), one = TensorValue([1], [1]), zero = TensorValue([1], [0])
    let results = try Interpreter.evaluate(
      .batchNormalization(.init(epsilon: 0, training: true, momentum: 0.5)), [x, one, zero, zero, one])
    #expect(results.map { $0.floats ?? [] } == [[-1, 1], [1], [1]])
  }

  @Test func normalizationsByHand() throws {
    let x = TensorValue([1, 2, 2], [1, 3, 10, 30])
    #expect(try floats(.groupedNormalization(.init(.axes(from: -1), epsilon: 0)), x) == [-1, 1, -1, 1])
    #expect(try floats(.groupedNormalization(.init(.groups(2), epsilon: 0)), x) == [-1, 1, -1, 1])
    // All four: mean 11, variance (100 + 64 + 1 + 361) / 4 = 131.5.
    let deviation = Float(131.5).squareRoot()
    #expect(
      isNear(
        try floats(.groupedNormalization(.init(.groups(1), epsilon: 0)), x),
        [-10, -8, -1, 19].map { $0 / deviation }))
    // Root of the mean square of 3 and 4: sqrt(12.5).
    let rms = Operator.GroupedNormalization(.axes(from: -1), epsilon: 0, centers: false)
    #expect(
      isNear(
        try floats(.groupedNormalization(rms), TensorValue([1, 2], [3, 4])),
        [3, 4].map { $0 / Float(12.5).squareRoot() }))
  }

  @Test func softmaxOfLogarithmsIsTheirShares() throws {
    let x = TensorValue([1, 3], [0, 0.693_147_2, 1.609_438])
    #expect(isNear(try floats(.softmax(.init()), x), [0.125, 0.25, 0.625]))
  }

  @Test func productsByHand() throws {
    let a = TensorValue([1, 2], [1, 2]), b = TensorValue([2, 2], [3, 4, 5, 6]),
      c = TensorValue([2], [100, 200])
    #expect(try floats(.matrixMultiplication(.init()), a, b, c) == [113, 216])
    #expect(try floats(.matrixMultiplication(.init(transposesSecond: true, alpha: 2)), a, b) == [22, 34])
  }

  @Test func shapesByHand() throws {
    let x = TensorValue([2, 3], [1, 2, 3, 4, 5, 6])
    #expect(try floats(.transpose(.init([1, 0])), x) == [1, 4, 2, 5, 3, 6])
    #expect(try floats(.concatenation(.init(axis: 1)), x, x) == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6])
    #expect(try floats(.slice(.init(starts: [1, 2], counts: [1, 2], steps: [1, -2])), x) == [6, 4])
    #expect(
      try floats(.cumulativeSum(.init(axis: 1, exclusive: true, reverse: true)), x) == [5, 3, 0, 11, 6, 0])
    #expect(try floats(.reduction(.init(.sum, axes: [0], keepsAxes: false)), x) == [5, 7, 9])
    #expect(try floats(.tile(.init([1, 2])), TensorValue([1, 2], [1, 2])) == [1, 2, 1, 2])
  }

  @Test func affineGridRunsFromEdgeToEdge() throws {
    // The identity over 2 columns: centres at -1/2 and 1/2, or with corners aligned -1 and 1; x comes first.
    let identity = TensorValue([1, 2, 3], [1, 0, 0, 0, 1, 0])
    #expect(try floats(.affineGrid(.init(sizes: [1, 2])), identity) == [-0.5, 0, 0.5, 0])
    #expect(
      try floats(.affineGrid(.init(sizes: [2, 2], alignCorners: true)), identity) == [
        -1, -1, 1, -1, -1, 1, 1, 1,
      ])
  }

  @Test func activationsAtPlacesThatAreKnown() throws {
    let x = TensorValue([5], [-4, -1, 0, 1, 4])
    #expect(isNear(try floats(.unary(.init(.hardSwish)), x), [0, -1.0 / 3, 0, 2.0 / 3, 4]))
    #expect(try floats(.unary(.init(.hardSigmoid(alpha: 1 / 6, beta: 0.5))), x).first == 0)
    #expect(
      isNear(
        try floats(.unary(.init(.swish(1))), x), [-0.071_944_83, -0.268_941_4, 0, 0.731_058_6, 3.928_055]))
    #expect(
      isNear(
        try floats(.unary(.init(.gelu)), x), [-0.000_126_685, -0.158_655_25, 0, 0.841_344_75, 3.999_873_3]))
  }
}
