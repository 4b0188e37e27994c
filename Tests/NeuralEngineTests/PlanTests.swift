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
