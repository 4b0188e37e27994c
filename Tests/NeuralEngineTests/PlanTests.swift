import Foundation
import NeuralEngine
import Testing

/// Largest difference as a part of the expected values' range.
func relativeDifference(_ found: TensorValue, _ expected: TensorValue) -> Float {
  guard found.type == expected.type, let a = found.floats, let b = expected.floats, let low = b.min(),
    let high = b.max()
  else { return .infinity }
  var worst: Float = 0
  for (x, y) in zip(a, b) {
    let d = abs(x - y)
    if d.isNaN { return .infinity }
    worst = max(worst, d)
  }
  return worst / max(high - low, 1e-6)
}

@Suite struct PlanTests {
  @Test(arguments: [1, 2]) func birdsEyeViewNetworkEqualsInterpreter(threads: Int) throws {
    let graph = try LiftSplatNetworks.birdsEyeView(size: 40)
    var random = TestRandom(3)
    let input = ["bev": random.tensor([1, 64, 40, 40])]
    let expected = try Interpreter.run(graph, input, threads: 2)
    for fuses in [true, false] {
      let plan = try Plan(graph, .init(threads: threads, fuses: fuses))
      let found = try #require(plan.run(input)["logits"])
      // Winograd's rounding through 20 layers; direct sums stay below 1e-5.
      #expect(relativeDifference(found, expected[0]) < 5e-5)
      let again = try #require(plan.run(input)["logits"])
      #expect(again == found)
    }
  }

  @Test func cameraNetworkEqualsInterpreter() throws {
    let graph = try LiftSplatNetworks.camera(batch: 2, height: 32, width: 64)
    var random = TestRandom(4)
    let input = ["image": random.tensor([2, 3, 32, 64])]
    let expected = try Interpreter.run(graph, input, threads: 2)
    let plan = try Plan(graph, .init(threads: 2))
    let found = try plan.run(input)
    #expect(relativeDifference(try #require(found["depth"]), expected[0]) < 5e-5)
    #expect(relativeDifference(try #require(found["context"]), expected[1]) < 5e-5)
  }

  /// Parts that their makers write into the concatenation's memory, read elsewhere too, one of them an output.
  @Test(arguments: [1, 2], [16, 24, 5])
  func concatenationKeepsPartsThatOthersRead(batch: Int, channels: Int) throws {
    var g = Graph(seed: 8)
    let x = g.addInput("x", [batch, 32, 12, 12])
    let a = try g.relu(try g.convolution(x, outputs: channels, kernel: 3, name: "a"))
    let b = try g.convolution(x, outputs: 48, kernel: 3, name: "b")
    let c = try g.upsample(
      try g.apply(.pooling(.init(.maximum, kernel: [2, 2], strides: [2, 2])), b), factor: 2)
    let both = try g.concatenate([a, b, c])
    // Functions that could be done in place, after and before the concatenation is read.
    let after = try g.relu(try g.sum(try g.convolution(both, outputs: 48, kernel: 3, name: "after"), b))
    try g.markOutput(try g.unary(.tanh, b), name: "tanh")
    try g.markOutput(a, name: "a of two")
    try g.markOutput(after, name: "last")
    try g.markOutput(try g.unary(.abs, both), name: "abs")
    var random = TestRandom(31)
    let input = ["x": random.tensor([batch, 32, 12, 12])]
    let expected = try Interpreter.run(g, input)
    for winograd in [true, false] {
      let plan = try Plan(g, .init(threads: 2, winograd: winograd))
      for _ in 0..<2 {
        let found = try plan.run(input)
        for (name, value) in zip(["tanh", "a of two", "last", "abs"], expected) {
          // Rounding of two layers, Winograd's among them.
          #expect(relativeDifference(try #require(found[name]), value) < 1e-5)
        }
      }
      // Winograd's results lie in blocks of 16 channels, which go in one piece; channels-last ones do not.
      if batch == 1, channels == 16, plan.steps.contains(where: { $0.implementation.contains("wino") }) {
        #expect(!plan.steps.contains { $0.name.hasPrefix("concatenation") && !$0.name.contains("copy") })
      }
    }
  }

  @Test(arguments: [0, 1, 2, 3]) func softmaxAlongAnyAxisIsFast(axis: Int) throws {
    var g = Graph()
    let x = g.addInput("x", [3, 41, 8, 22])
    try g.markOutput(try g.softmax(x, axis: axis), name: "y")
    var random = TestRandom(32)
    let input = ["x": random.tensor([3, 41, 8, 22])]
    let plan = try Plan(g, .init(threads: 2))
    let found = try #require(plan.run(input)["y"])
    #expect(relativeDifference(found, try Interpreter.run(g, input)[0]) < 1e-6)
    #expect(!plan.steps.contains { $0.implementation.hasPrefix("ref") })
  }

  @Test func noStepMultipliesFasterThanThePeak() throws {
    let peak = try PeakRate.measure(.float32, threads: 1)
    // Between a slow core and more than any core of today: two FMA units of 16 floats at 6 GHz give 384.
    #expect((1e9...1e12).contains(peak))
    #expect((1e9...1e13).contains(try PeakRate.measure(.int8, threads: 1)))
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["APUS_PROFILE"] != nil))
  func profileReferenceNetworks() throws {
    for graph in [try LiftSplatNetworks.birdsEyeView(), try LiftSplatNetworks.camera()] {
      let plan = try Plan(graph, .init(threads: 2))
      var random = TestRandom(5)
      let type = plan.inputs[0].type
      _ = try plan.run([plan.inputs[0].name: random.tensor(type.shape)])
      var best = try plan.profile()
      for _ in 0..<4 { best = zip(best, try plan.profile()).map { min($0, $1) } }
      for (info, seconds) in zip(plan.steps, best) {
        let rate = Double(info.operations) / seconds * 1e-9
        print(
          String(format: "%8.3f ms %6.0f GFLOP/s  ", seconds * 1e3, rate), info.implementation, "|",
          info.name.prefix(90))
      }
      print(
        graph.name, "sum", best.reduce(0, +) * 1e3, "ms; activations", plan.activationByteCount, "of",
        plan.unsharedActivationByteCount, "constants", plan.constantByteCount)
    }
  }
}
