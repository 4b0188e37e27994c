import NeuralEngine
import Testing

@Suite struct QuantizationTests {
  private func quantized(_ o: Operator.Quantization, _ x: TensorValue, _ scale: [Float], _ zero: [Float]) throws
    -> [Float]
  {
    let shape = scale.count == 1 ? [] : [scale.count]
    let inputs = [x, TensorValue(shape, scale), TensorValue(shape, zero)]
    return try #require(try Interpreter.evaluate(.quantization(o), inputs).first?.floats)
  }

  @Test func halvesGoToTheEvenNumberAndEndsAreClamped() throws {
    // x / 0.5 = -2.5, -1, 0.5, 1.5, 2.5, 1000; rounded -2, -1, 0, 2, 2; plus 3; up to 255.
    let x = TensorValue([6], [-1.25, -0.5, 0.25, 0.75, 1.25, 500])
    #expect(try quantized(.init(.quantize), x, [0.5], [3]) == [1, 2, 3, 5, 5, 255])
    #expect(try quantized(.init(.round), x, [0.5], [3]) == [-1, -0.5, 0, 1, 1, 126])
    #expect(try quantized(.init(.quantize, low: -128, high: 127), x, [0.5], [0]) == [-2, -1, 0, 2, 2, 127])
  }

  @Test func eachChannelHasItsOwnScale() throws {
    let x = TensorValue([1, 2, 2], [10, 12, 10, 12])
    #expect(try quantized(.init(.dequantize), x, [2, 0.5], [10, 8]) == [0, 4, 1, 2])
    // Along the last axis instead, the pairs lie across: a wrong axis is seen.
    #expect(try quantized(.init(.dequantize, axis: 2), x, [2, 0.5], [10, 8]) == [0, 2, 0, 2])
  }

  @Test func blocksShareAScale() throws {
    let x = TensorValue([5, 1], [1, 2, 3, 4, 5]), scale = TensorValue([3, 1], [1, 10, 100])
    let o = Operator.Quantization(.dequantize, axis: 0, blockSize: 2)
    let y = try Interpreter.evaluate(.quantization(o), [x, scale, TensorValue(zeros: TensorType([3, 1]))])
    #expect(y[0].floats == [1, 2, 30, 40, 500])
  }

  @Test func roundingIsQuantizingAndBackInPlanAndInterpreter() throws {
    var random = TestRandom(31)
    let x = random.tensor([2, 5, 7, 3])
    for (scales, zeros) in [([Float](repeating: 0.013, count: 1), [Float(117)]), ([0.1, 0.2, 0.01, 0.03, 1], [0, 9, 255, 128, 3])] {
      let forth = try quantized(.init(.quantize), x, scales, zeros)
      let back = try quantized(.init(.dequantize), TensorValue(x.shape, forth), scales, zeros)
      #expect(try quantized(.init(.round), x, scales, zeros) == back)
      #expect(back != x.floats)
    }
  }

  @Test func scalesThatDoNotFitAreAnError() throws {
    var graph = Graph()
    let x = graph.addInput("x", [1, 3, 2])
    let scale = graph.addConstant("s", TensorValue([2], [1, 1]))
    #expect(throws: EngineError.self) { try graph.apply(.quantization(.init(.round)), x, scale, scale) }
  }
}
