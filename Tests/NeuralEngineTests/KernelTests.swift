import Foundation
import NeuralEngine
import Testing

/// The kernel's outputs for float inputs.
private func evaluate(_ operation: Operator, _ inputs: TensorValue...) throws -> TensorValue {
  try #require(try Interpreter.evaluate(operation, inputs, threads: 2).first)
}

/// Hand-worked examples and properties; ONNX's 602 operator cases (shared/checks/onnx_operators.py) hold every element.
@Suite struct KernelTests {
  @Test(arguments: [
    (Operator.Pad.Mode.constant(9), [9, 9, 1, 2, 3, 9, 9, 9] as [Float]),
    (.reflect, [3, 2, 1, 2, 3, 2, 1, 2]), (.symmetric, [2, 1, 1, 2, 3, 3, 2, 1]),
    (.replicate, [1, 1, 1, 2, 3, 3, 3, 3]), (.circular, [2, 3, 1, 2, 3, 1, 2, 3]),
  ]) func padFillsByItsMode(mode: Operator.Pad.Mode, expected: [Float]) throws {
    let y = try evaluate(
      .pad(.init(Padding(before: [2], after: [3]), mode: mode)), TensorValue([3], [1, 2, 3]))
    #expect(y.floats == expected)
  }

  @Test func paddingOfAnySizeIsAnErrorAndNoCrash() throws {
    for extent in [Int.min, .min + 1, -(1 << 41), 1 << 41, .max] {
      var graph = Graph(name: "padded")
      let x = graph.addInput("x", [1, 1, 4, 4])
      for padding in [
        Padding(before: [0, 0, extent, 0], after: [0, 0, 0, 0]),
        Padding(before: [0, 0, 0, 0], after: [0, 0, 0, extent]),
      ] {
        #expect(throws: EngineError.self) { try graph.add(.pad(.init(padding)), [x]) }
      }
      let window = Operator.Pooling(
        .maximum, kernel: [2, 2], strides: [1, 1],
        padding: Padding(before: [extent, 0], after: [0, 0]))
      #expect(throws: EngineError.self) { try graph.add(.pooling(window), [x]) }
    }
  }

  @Test func negativePaddingCuts() throws {
    let y = try evaluate(.pad(.init(Padding(before: [-1], after: [-1]))), TensorValue([4], [1, 2, 3, 4]))
    #expect(y.floats == [2, 3])
  }

  @Test(arguments: [Operator.GridSample.Interpolation.linear, .nearest, .cubic])
  func identityGridGivesTheImage(interpolation: Operator.GridSample.Interpolation) throws {
    var random = TestRandom(7)
    let x = random.tensor([2, 3, 4, 5])
    let theta = TensorValue([2, 2, 3], [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0])
    for corners in [true, false] {
      let grid = try evaluate(.affineGrid(.init(sizes: [4, 5], alignCorners: corners)), theta)
      let y = try evaluate(.gridSample(.init(interpolation, border: .border, alignCorners: corners)), x, grid)
      // Coordinates are rounded to single precision.
      #expect(relativeDifference(y, x) < 1e-5)
    }
  }

  @Test func gridOfNotANumberReadsNothing() throws {
    let grid = TensorValue([1, 1, 3, 2], [.nan, 0, .infinity, 0, -1e30, 1e30])
    let y = try evaluate(.gridSample(.init()), TensorValue([1, 1, 1, 1], [5]), grid)
    #expect(y.floats?.allSatisfy(\.isFinite) == true)
  }

  @Test func deformableConvolutionWithoutOffsetsIsConvolution() throws {
    var random = TestRandom(8)
    let x = random.tensor([2, 4, 7, 6]), w = random.tensor([6, 2, 3, 3])
    let padding = Padding(before: [1, 0], after: [1, 2])
    let expected = try evaluate(
      .convolution(.init(strides: [2, 1], dilations: [1, 2], padding: padding, groups: 2)), x, w)
    let offsets = TensorValue(zeros: TensorType([2, 36, expected.shape[2], expected.shape[3]]))
    let y = try evaluate(
      .deformableConvolution(
        .init(strides: [2, 1], dilations: [1, 2], padding: padding, groups: 2, offsetGroups: 2)), x, w,
      offsets)
    #expect(relativeDifference(y, expected) < 1e-5)
  }

  @Test func causalAttentionSeesNoFuture() throws {
    var random = TestRandom(9)
    let q = random.tensor([1, 2, 5, 4]), k = random.tensor([1, 2, 5, 4]), v = random.tensor([1, 2, 5, 4])
    var changed = k.floats ?? []
    for i in 16..<20 { changed[i] = 100 }
    let operation = Operator.attention(.init(heads: 2, causal: true))
    let a = try evaluate(operation, q, k, v),
      b = try evaluate(operation, q, TensorValue([1, 2, 5, 4], changed), v)
    #expect(a.floats?.prefix(16) == b.floats?.prefix(16))
    #expect(a.floats?[16..<20] != b.floats?[16..<20])
  }

  @Test func attentionOfEqualKeysIsTheMeanOfValues() throws {
    let q = TensorValue([1, 1, 1, 2], [3, -1]), k = TensorValue([1, 1, 2, 2], [1, 1, 1, 1])
    let y = try evaluate(.attention(.init(heads: 1)), q, k, TensorValue([1, 1, 2, 2], [1, 2, 3, 6]))
    #expect(y.floats == [2, 4])
  }

  @Test func scatterAddsInOrderAndGatherReadsBack() throws {
    let y = try evaluate(
      .scatterND(.init(reduction: .add)), TensorValue([4], [1, 1, 1, 1]),
      TensorValue([3, 1], integers: [1, 1, -1]), TensorValue([3], [10, 20, 30]))
    #expect(y.floats == [1, 31, 1, 31])
    let z = try evaluate(.gather(.init(axis: 0)), y, TensorValue([2], integers: [-1, 0]))
    #expect(z.floats == [31, 1])
  }

  @Test func indexOutOfRangeIsAnErrorAndNoCrash() {
    for index: Int64 in [4, -5, .max, .min] {
      #expect(throws: EngineError.self) {
        try evaluate(
          .gather(.init(axis: 0)), TensorValue([4], [1, 2, 3, 4]), TensorValue([1], integers: [index]))
      }
    }
  }

  @Test func adaptivePoolingCoversAllElements() throws {
    let y = try evaluate(.adaptivePooling(.init(sizes: [3])), TensorValue([1, 1, 5], [1, 2, 3, 4, 5]))
    #expect(y.floats == [1.5, 3, 4.5])
  }

  @Test func einsumIsMatrixMultiplication() throws {
    var random = TestRandom(10)
    let a = random.tensor([3, 4, 5]), b = random.tensor([3, 5, 6])
    let expected = try evaluate(.matrixMultiplication(.init()), a, b)
    let y = try evaluate(.einsum(.init("bij, bjk -> bik")), a, b)
    #expect(relativeDifference(y, expected) < 1e-6)
    let ellipsis = try evaluate(.einsum(.init("...ij,...jk->...ik")), a, b)
    #expect(ellipsis == y)
  }

  @Test func resizeKeepsConstantsAndIdentity() throws {
    var random = TestRandom(11)
    let x = random.tensor([1, 2, 5, 7])
    for interpolation: Operator.Resize.Interpolation in [.linear, .cubic(-0.75), .nearest(.floor)] {
      for antialias in [false, true] {
        let small = Operator.Resize(
          sizes: [1, 2, 3, 9], scales: [1, 1, 0.6, 9 / 7], interpolation: interpolation, antialias: antialias)
        let ones = try evaluate(.resize(small), TensorValue([1, 2, 5, 7], [Float](repeating: 1, count: 70)))
        #expect(ones.floats?.allSatisfy { abs($0 - 1) < 1e-5 } == true)
        let same = Operator.Resize(
          sizes: [1, 2, 5, 7], scales: [1, 1, 1, 1], interpolation: interpolation, antialias: antialias)
        #expect(try evaluate(.resize(same), x) == x)
      }
    }
  }

  @Test func kernelsGiveTheSameBytesAtAnyThreadCount() throws {
    var random = TestRandom(12)
    let x = random.tensor([2, 8, 33, 17]), grid = random.tensor([2, 9, 11, 2])
    let operations: [(Operator, [TensorValue])] = [
      (
        .resize(.init(sizes: [2, 8, 50, 9], scales: [1, 1, 50 / 33, 9 / 17], interpolation: .cubic(-0.5))),
        [x]
      ),
      (.gridSample(.init(.cubic, border: .reflection)), [x, grid]),
      (.pad(.init(Padding([0, 0, 3, 4]), mode: .reflect)), [x]), (.cumulativeSum(.init(axis: 2)), [x]),
    ]
    for (operation, inputs) in operations {
      let one = try Interpreter.evaluate(operation, inputs, threads: 1)
      #expect(try Interpreter.evaluate(operation, inputs, threads: 2) == one)
      #expect(try Interpreter.evaluate(operation, inputs, threads: 7) == one)
    }
  }
}
