import NeuralEngine
import NeuralTraining
import Testing

/// A scalar of a graph without inputs.
private func value(_ build: (inout Graph) throws -> TensorID) throws -> Float {
  var graph = Graph()
  graph.markOutput(try build(&graph))
  return try #require(try Interpreter.run(graph, [:])[0].floats?.first)
}

private func close(_ a: Float, _ b: Double, _ tolerance: Double = 1e-5) -> Bool {
  abs(Double(a) - b) <= tolerance * max(1, abs(b))
}

/// Losses by hand.
@Suite struct LossTests {
  @Test func crossEntropyOfEvenLogitsIsTheLogarithmOfTheClasses() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([2, 4], [Float](repeating: 3, count: 8)))
      return try g.crossEntropy(x, labels: g.addConstant("t", TensorValue([2, 1], integers: [0, 3])))
    }
    #expect(close(loss, 1.386_294_36))
  }

  @Test func weightsMaskAndMeanIsOverThem() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([3], [1, 5, 9])),
        t = g.addConstant("t", TensorValue([3], [0, 0, 0]))
      return try g.l1Loss(x, t, weights: g.addConstant("w", TensorValue([3], [1, 0, 3])))
    }
    #expect(close(loss, 28.0 / 4))
  }

  @Test func nothingWeightedIsZeroAndNoNaN() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([2], [1, 5])), t = g.addConstant("t", TensorValue([2], [0, 0]))
      return try g.squaredLoss(x, t, weights: g.addConstant("w", TensorValue([2], [0, 0])))
    }
    #expect(loss == 0)
  }

  @Test func focalLossWithoutGammaIsWeightedCrossEntropy() throws {
    let x = TensorValue([3], [0.5, -1, 2]), t = TensorValue([3], [1, 0, 1])
    let focal = try value { g in
      try g.focalLoss(logits: g.addConstant("x", x), g.addConstant("t", t), alpha: 0.5, gamma: 0)
    }
    let plain = try value { g in
      try g.binaryCrossEntropy(logits: g.addConstant("x", x), g.addConstant("t", t), reduction: .sum)
    }
    #expect(close(focal, Double(plain) / 2))
  }

  @Test func binaryCrossEntropyIsTheSameFromLogitsAndProbabilities() throws {
    let t = TensorValue([3], [1, 0, 0.25])
    let logits = try value { g in
      try g.binaryCrossEntropy(
        logits: g.addConstant("x", TensorValue([3], [0.5, -1, 2])), g.addConstant("t", t))
    }
    let probabilities = try value { g in
      let x = g.addConstant("x", TensorValue([3], [0.5, -1, 2]))
      return try g.binaryCrossEntropy(probabilities: g.unary(.sigmoid, x), g.addConstant("t", t))
    }
    #expect(close(logits, Double(probabilities)))
  }

  @Test func heatMapLossByHand() throws {
    // One peak with p = 1/2 and one cell beside it (t = 1/2) with p = 1/2.
    let loss = try value { g in
      try g.heatMapLoss(
        logits: g.addConstant("x", TensorValue([2], [0, 0])), g.addConstant("t", TensorValue([2], [1, 0.5])))
    }
    let half = 0.693_147_18
    #expect(close(loss, 0.25 * half + 0.0625 * 0.25 * half))
  }

  @Test func smoothL1ByHand() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([2], [0.5, 3])),
        t = g.addConstant("t", TensorValue([2], [0, 0]))
      return try g.smoothL1Loss(x, t, beta: 2, reduction: .sum)
    }
    #expect(close(loss, 0.25 / 4 + (3 - 1)))
  }

  @Test func laplaceOfOneModeIsItsLogarithm() throws {
    let loss = try value { g in
      try g.laplaceMixtureLoss(
        locations: g.addConstant("m", TensorValue([1, 1, 2], [1, 2])),
        logScales: g.addConstant("s", TensorValue([1, 1, 2], [0, 0.693_147_2])),
        logits: g.addConstant("l", TensorValue([1, 1], [7])),
        targets: g.addConstant("t", TensorValue([1, 1, 2], [3, 2])))
    }
    #expect(close(loss, (2 + 0.693_147_18) + (0 + 0.693_147_18 + 0.693_147_18)))
  }

  @Test(arguments: rules) func winnerTakesAllByHand(rule: Graph.WinnerTakesAll, expected: Double) throws {
    let loss = try value { g in
      try g.winnerTakesAll(g.addConstant("e", TensorValue([1, 3], [5, 1, 3])), rule).loss
    }
    #expect(close(loss, expected))
  }

  @Test func preferenceLossWithoutAMarginIsTheLogarithmOfTwo() throws {
    let loss = try value { g in
      let e = g.addConstant("e", TensorValue([2], [1, 2]))
      return try g.diffusionPreferenceLoss(
        preferred: e, other: e, referencePreferred: e, referenceOther: e, beta: 5)
    }
    #expect(close(loss, 0.693_147_18))
  }

  @Test func diceOfTheSameMasksIsZero() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([1, 1, 4], [1, 0, 1, 1]))
      return try g.diceLoss(x, x, smoothing: 0)
    }
    #expect(close(loss, 0))
  }

  @Test func divergenceFromItselfIsZero() throws {
    let loss = try value { g in
      let x = g.addConstant("x", TensorValue([1, 3], [1, 2, -1]))
      return try g.klDivergence(x, targets: g.softmax(x, axis: 1))
    }
    #expect(close(loss, 0))
  }

  static let rules: [(Graph.WinnerTakesAll, Double)] = [
    (.hard, 1), (.relaxed(0.2), 1.6), (.annealed(temperature: 1e-3), 1),
  ]

  static let names = [
    "cross-entropy", "soft", "hardened", "binary", "focal", "heat map", "dice", "divergence", "l1", "squared",
    "smooth l1", "relaxed", "preference",
  ]

  static func build(_ name: String, _ g: inout Graph, _ x: TensorID, _ t: TensorID) throws -> TensorID {
    switch name {
    case "cross-entropy":
      let labels = g.addConstant("l", TensorValue([2, 1], integers: [1, 2]))
      return try g.crossEntropy(x, labels: labels, smoothing: 0.1)
    case "soft": return try g.crossEntropy(x, probabilities: g.softmax(t, axis: 1))
    case "hardened": return try g.crossEntropy(x, probabilities: g.softmax(t, axis: 1), hardens: true)
    case "binary": return try g.binaryCrossEntropy(logits: x, t)
    case "focal": return try g.focalLoss(logits: x, t)
    case "heat map": return try g.heatMapLoss(logits: x, t)
    case "dice":
      let p = try g.unary(.sigmoid, g.reshape(x, [1, 2, 3]))
      return try g.diceLoss(p, g.reshape(t, [1, 2, 3]))
    case "divergence": return try g.klDivergence(x, targets: g.softmax(t, axis: 1))
    case "l1": return try g.l1Loss(x, t)
    case "squared": return try g.squaredLoss(x, t)
    case "smooth l1": return try g.smoothL1Loss(x, t, beta: 0.5)
    case "relaxed": return try g.winnerTakesAll(x, .relaxed(0.1)).loss
    default:
      return try g.diffusionPreferenceLoss(
        preferred: x, other: t, referencePreferred: t, referenceOther: t, beta: 2)
    }
  }

  /// Central differences of every loss by its first input.
  @Test func lossesHaveTheGradientsOfTheirDifferences() throws {
    let targets: [Float] = [0, 1, 0.2, 0.7, 0.4, 1], x: [Float] = [0.3, -0.6, 1.1, -1.4, 0.8, 0.15]
    for name in Self.names {
      var graph = Graph()
      let input = graph.addInput("x", [2, 3])
      let fixed = graph.addConstant("t", TensorValue([2, 3], targets))
      let loss = try Self.build(name, &graph, input, fixed)
      #expect(graph.shape(loss).isEmpty, "\(name)")
      let gradient = try #require(try graph.addGradients(of: [loss], for: [input])[0])
      graph.replaceOutputs(by: [loss, gradient])
      func run(_ x: [Float]) throws -> [TensorValue] {
        try Interpreter.run(graph, ["x": TensorValue([2, 3], x)])
      }
      let found = try #require(try run(x)[1].floats)
      for i in x.indices {
        var (up, down) = (x, x)
        up[i] += 1 / 128
        down[i] -= 1 / 128
        let above = try #require(try run(up)[0].floats?[0]), below = try #require(try run(down)[0].floats?[0])
        #expect(abs((above - below) * 64 - found[i]) < 2e-3, "\(name), element \(i)")
      }
    }
  }
}
