import NeuralEngine
import Testing

/// The largest weight that this CPU multiplies exactly.
private let limit = Plan.int8WeightLimit

/// Integers in a range from a seed.
private func integers(_ random: inout TestRandom, _ count: Int, _ range: ClosedRange<Int>) -> [Int] {
  (0..<count).map { _ in
    range.lowerBound + Int((random.next() + 1) * 0.5 * Float(range.count)) % range.count
  }
}

/// Weights with every output channel at the end of its range somewhere, so that the channel's scale is known.
private func weights(_ random: inout TestRandom, outputs: Int, each: Int) -> [Int] {
  var w = integers(&random, outputs * each, -limit...limit)
  for o in 0..<outputs { w[o * each + o % each] = o % 2 == 0 ? limit : -limit }
  return w
}

/// A convolution over three axes, of integers stored with a zero point.
struct IntegerConvolution: Sendable, CustomTestStringConvertible {
  var name: String
  var channels = 16, outputs = 32, groups = 1
  var size = [1, 12, 12], kernel = [1, 3, 3], strides = [1, 1, 1], dilations = [1, 1, 1]
  var before = [0, 1, 1], after = [0, 1, 1]
  var testDescription: String { name }

  var outputSize: [Int] {
    (0..<3).map {
      (size[$0] + before[$0] + after[$0] - dilations[$0] * (kernel[$0] - 1) - 1) / strides[$0] + 1
    }
  }

  /// The plain loop: `Σ w · x + bias` in integers; zeros lie outside.
  func sums(_ x: [Int], _ w: [Int], _ bias: [Int]) -> [Int] {
    let y = outputSize, inner = channels / groups
    var result: [Int] = []
    for o in 0..<outputs {
      let first = o / (outputs / groups) * inner
      for d in 0..<y[0] {
        for r in 0..<y[1] {
          for c in 0..<y[2] {
            var sum = bias[o]
            for i in 0..<inner {
              for kd in 0..<kernel[0] {
                for kr in 0..<kernel[1] {
                  for kc in 0..<kernel[2] {
                    let at = [d, r, c].enumerated().map { axis, p in
                      p * strides[axis] - before[axis] + [kd, kr, kc][axis] * dilations[axis]
                    }
                    guard (0..<3).allSatisfy({ (0..<size[$0]).contains(at[$0]) }) else { continue }
                    let xi = (((first + i) * size[0] + at[0]) * size[1] + at[1]) * size[2] + at[2]
                    let wi = (((o * inner + i) * kernel[0] + kd) * kernel[1] + kr) * kernel[2] + kc
                    sum += x[xi] * w[wi]
                  }
                }
              }
            }
            result.append(sum)
          }
        }
      }
    }
    return result
  }
}

/// Convolutions in 8 bits against integers worked out in plain loops: every element, exactly.
struct Int8ConvolutionTests {
  static let cases = [
    IntegerConvolution(name: "3x3"),
    IntegerConvolution(
      name: "1x1", channels: 32, size: [1, 24, 24], kernel: [1, 1, 1], before: [0, 0, 0], after: [0, 0, 0]),
    IntegerConvolution(
      name: "stride 2, uneven padding", size: [1, 23, 24], strides: [1, 2, 2], after: [0, 0, 2]),
    IntegerConvolution(
      name: "dilated", size: [1, 14, 14], dilations: [1, 2, 3], before: [0, 2, 3], after: [0, 2, 3]),
    IntegerConvolution(name: "3 channels, 7x7", channels: 3, size: [1, 20, 20], kernel: [1, 7, 7]),
    IntegerConvolution(name: "odd channels", channels: 19, outputs: 37),
    IntegerConvolution(name: "depthwise", channels: 32, groups: 32, size: [1, 48, 48]),
    IntegerConvolution(
      name: "depthwise 5x5, stride 2", channels: 48, outputs: 48, groups: 48, size: [1, 44, 45],
      kernel: [1, 5, 5], strides: [1, 2, 2], before: [0, 2, 1], after: [0, 2, 2]),
    IntegerConvolution(name: "two groups of 16", channels: 32, outputs: 32, groups: 2),
    IntegerConvolution(
      name: "3D", size: [4, 8, 8], kernel: [3, 3, 3], before: [1, 1, 1], after: [1, 1, 1]),
  ]

  /// Per channel a power of two, so that scaling is exact.
  private func factor(_ channel: Int) -> Float { [0.5, 1, 2][channel % 3] }

  private func network(_ o: IntegerConvolution, _ w: [Int], _ bias: [Int], relu: Bool = false) throws -> Graph
  {
    var g = Graph()
    let flat = o.size[0] == 1 && o.kernel[0] == 1, axes = flat ? 1 : 0
    let x = g.addInput("x", [1, o.channels] + o.size.dropFirst(axes))
    let each = w.count / o.outputs
    let weight = g.addWeight(
      "w",
      TensorValue(
        [o.outputs, o.channels / o.groups] + o.kernel.dropFirst(axes),
        w.enumerated().map { Float($1) * factor($0 / each) }))
    let shift = g.addWeight(
      "b", TensorValue([o.outputs], bias.enumerated().map { Float($1) * factor($0) }))
    let padding = Padding(before: Array(o.before.dropFirst(axes)), after: Array(o.after.dropFirst(axes)))
    var y = try g.add(
      .convolution(
        .init(
          strides: Array(o.strides.dropFirst(axes)), dilations: Array(o.dilations.dropFirst(axes)),
          padding: padding, groups: o.groups)), [x, weight, shift], name: "convolution")[0]
    if relu { y = try g.relu(y) }
    try g.markOutput(y, name: "y")
    return g
  }

  private func scaled(_ sums: [Int], _ o: IntegerConvolution) -> [Float] {
    let plane = sums.count / o.outputs
    return sums.enumerated().map { Float($1) * factor($0 / plane) }
  }

  /// 0: the numbers as after ReLU, 0...255; 128: of both signs, -128...127.
  @Test(arguments: cases, [0, 128, 77])
  func sumsAreThoseOfIntegers(o: IntegerConvolution, zeroPoint: Int) throws {
    let seed: UInt64 = 11
    var random = TestRandom(seed)
    let x = integers(&random, o.channels * o.size.reduce(1, *), -zeroPoint...255 - zeroPoint)
    let w = weights(&random, outputs: o.outputs, each: o.channels / o.groups * o.kernel.reduce(1, *))
    let bias = integers(&random, o.outputs, -5000...5000)
    let graph = try network(o, w, bias)
    let input = ["x": TensorValue(graph[graph.inputs[0]].type.shape, x.map(Float.init))]
    let plan = try Plan(
      graph,
      .init(threads: 2, precision: .int8, scales: ["x": TensorScale(scale: 1, zeroPoint: zeroPoint)]))
    let found = try #require(plan.run(input)["y"]?.floats)
    let expected = scaled(o.sums(x, w, bias), o)
    #expect(found == expected, "seed \(seed)")
    #expect(plan.steps.contains { $0.precision == .int8 })
    // The check catches a wrong zero point and channels scaled as their neighbours.
    let wrong = try Plan(
      graph,
      .init(threads: 2, precision: .int8, scales: ["x": TensorScale(scale: 1, zeroPoint: zeroPoint + 1)]))
    #expect(try wrong.run(input)["y"]?.floats != expected)
    let swapped = o.sums(x, w, bias).enumerated().map { Float($1) * factor($0 * o.outputs / found.count + 1) }
    #expect(found != swapped)
  }

  /// The result of the first convolution is rounded to 8 bits, ties to even, and read by a second.
  @Test(arguments: [true, false], [1, 2])
  func resultsAreRoundedToTheirScale(relu: Bool, threads: Int) throws {
    let seed: UInt64 = 12
    var random = TestRandom(seed)
    let first = IntegerConvolution(name: "first"), second = IntegerConvolution(name: "second", channels: 32)
    let x = integers(&random, 16 * 144, 0...255)
    let w = weights(&random, outputs: 32, each: 144), v = weights(&random, outputs: 32, each: 288)
    let zeros = [Int](repeating: 0, count: 32)
    var g = try network(first, w, zeros, relu: relu)
    let middle = g.outputs[0], step: Float = 4096, zeroPoint = relu ? 0 : 120
    let weight = g.addWeight("v", TensorValue([32, 32, 3, 3], v.map(Float.init)))
    let z = try g.apply(.convolution(.init(strides: [1, 1], padding: Padding([1, 1]))), middle, weight)
    try g.markOutput(z, name: "z")
    var scales: [String: TensorScale] = [:]
    for tensor in g.tensors { scales[tensor.name] = TensorScale(scale: step, zeroPoint: zeroPoint) }
    scales["x"] = TensorScale(scale: 1, zeroPoint: 0)
    let plan = try Plan(g, .init(threads: threads, precision: .int8, scales: scales))
    let found = try plan.run(["x": TensorValue([1, 16, 12, 12], x.map(Float.init))])
    let rounded = scaled(first.sums(x, w, zeros), first).map { value in
      let q = (relu ? max(value, 0) : value) / step + Float(zeroPoint)
      return Int(min(max(q.rounded(.toNearestOrEven), 0), 255)) - zeroPoint
    }
    #expect(found["y"]?.floats == rounded.map { Float($0) * step }, "seed \(seed)")
    let expected = second.sums(rounded, v, zeros).map { Float($0) * step }
    #expect(found["z"]?.floats == expected, "seed \(seed)")
    #expect(Set(rounded).count > 50)
  }

  @Test(arguments: [0, 100]) func transposedConvolutionAddsIntegers(zeroPoint: Int) throws {
    let seed: UInt64 = 13
    var random = TestRandom(seed)
    let x = integers(&random, 32 * 100, -zeroPoint...255 - zeroPoint)
    // [channel, output, row, column]; every output channel holds the largest weight.
    var w = integers(&random, 32 * 16 * 16, -limit...limit)
    for o in 0..<16 { w[o * 16 + o] = limit }
    var expected = [Int](repeating: 0, count: 16 * 20 * 20)
    for c in 0..<32 {
      for o in 0..<16 {
        for i in 0..<100 {
          for k in 0..<16 {
            let r = i / 10 * 2 + k / 4 - 1, s = i % 10 * 2 + k % 4 - 1
            guard (0..<20).contains(r), (0..<20).contains(s) else { continue }
            expected[(o * 20 + r) * 20 + s] += x[c * 100 + i] * w[(c * 16 + o) * 16 + k]
          }
        }
      }
    }
    var g = Graph()
    let input = g.addInput("x", [1, 32, 10, 10])
    let weight = g.addWeight("w", TensorValue([32, 16, 4, 4], w.map(Float.init)))
    let y = try g.apply(
      .transposedConvolution(.init(strides: [2, 2], padding: Padding([1, 1]))), input, weight)
    try g.markOutput(y, name: "y")
    let plan = try Plan(
      g, .init(precision: .int8, scales: ["x": TensorScale(scale: 1, zeroPoint: zeroPoint)]))
    let found = try plan.run(["x": TensorValue([1, 32, 10, 10], x.map(Float.init))])
    #expect(found["y"]?.floats == expected.map(Float.init), "seed \(seed)")
    #expect(plan.steps.contains { $0.precision == .int8 })
  }

  @Test(arguments: [true, false], [0, 128])
  func productAddsIntegers(transposes: Bool, zeroPoint: Int) throws {
    let seed: UInt64 = 14
    var random = TestRandom(seed)
    let (m, k, n) = (40, 96, 150)
    let x = integers(&random, m * k, -zeroPoint...255 - zeroPoint)
    let w = weights(&random, outputs: n, each: k), bias = integers(&random, n, -900...900)
    var expected: [Float] = []
    for i in 0..<m {
      for j in 0..<n {
        expected.append(Float((0..<k).reduce(bias[j]) { $0 + x[i * k + $1] * w[j * k + $1] }))
      }
    }
    let given =
      transposes
      ? TensorValue([n, k], w.map(Float.init))
      : TensorValue([k, n], (0..<k * n).map { Float(w[$0 % n * k + $0 / n]) })
    var g = Graph()
    let input = g.addInput("x", [2, m / 2, k]), weight = g.addWeight("w", given)
    let shift = g.addWeight("b", TensorValue([n], bias.map(Float.init)))
    let y = try g.add(
      .matrixMultiplication(.init(transposesSecond: transposes)), [input, weight, shift], name: "product")[0]
    try g.markOutput(y, name: "y")
    let plan = try Plan(
      g, .init(threads: 2, precision: .int8, scales: ["x": TensorScale(scale: 1, zeroPoint: zeroPoint)]))
    let found = try plan.run(["x": TensorValue([2, m / 2, k], x.map(Float.init))])
    #expect(found["y"]?.floats == expected, "seed \(seed)")
    #expect(plan.steps.contains { $0.precision == .int8 })
  }
}
