import Foundation
import NeuralEngine
import NeuralTraining
import Testing

/// Numbers in -1 to 1 from a seed.
private struct Draw {
  var state: UInt64
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) * 0x1p-23 - 1
  }
}

/// A generated task: is the bright blob of a noisy 12 x 12 picture in the upper left, upper right, lower left or lower right?
private enum Blobs {
  static func batch(_ numbers: Range<Int>) -> [String: TensorValue] {
    var pixels: [Float] = [], labels: [Int64] = []
    for number in numbers {
      var draw = Draw(state: UInt64(number) &* 0x9E37_79B9_7F4A_7C15 &+ 7)
      _ = draw.next()
      let label = Int((draw.next() + 1) * 2) % 4
      let row = 2 + (label / 2) * 6 + Int((draw.next() + 1) * 1),
        column = 2 + (label % 2) * 6 + Int((draw.next() + 1) * 1)
      for y in 0..<12 {
        for x in 0..<12 {
          let near = abs(y - row) <= 1 && abs(x - column) <= 1
          pixels.append((near ? 1 : 0) + 0.7 * draw.next())
        }
      }
      labels.append(Int64(label))
    }
    return [
      "picture": TensorValue([numbers.count, 1, 12, 12], pixels),
      "label": TensorValue([numbers.count, 1], integers: labels),
    ]
  }

  /// Convolutions, batch normalisation, pooling, dropout, a linear layer: 4 logits.
  static func network(batch: Int) throws -> (graph: Graph, logits: TensorID, loss: TensorID) {
    var graph = Graph(name: "blobs", seed: 11)
    var x = graph.addInput("picture", [batch, 1, 12, 12])
    for (i, channels) in [8, 16].enumerated() {
      x = try graph.convolution(x, outputs: channels, kernel: 3, bias: false, name: "c\(i)")
      x = try graph.relu(graph.batchNormalization(x, name: "n\(i)"))
      x = try graph.apply(.pooling(.init(.maximum, kernel: [2, 2], strides: [2, 2])), x)
    }
    x = try graph.dropout(graph.reshape(x, [batch, 16 * 9]), rate: 0.2, name: "drop")
    let logits = try graph.linear(x, outputs: 4, name: "last")
    let labels = graph.addInput("label", TensorType([batch, 1], .int64))
    let loss = try graph.crossEntropy(logits, labels: labels)
    graph.markOutput(logits)
    return (graph, logits, loss)
  }

  static func configuration(_ optimizer: Optimizer) throws -> Trainer.Configuration {
    try Trainer.Configuration(
      optimizer, rate: Schedule(peak: 0.01, shape: .cosine(end: 0), warmUp: 5, steps: 60), clipNorm: 5,
      averageDecay: 0.9)
  }

  static func trainer(threads: Int = 1, _ configuration: Trainer.Configuration? = nil) throws -> Trainer {
    let (graph, _, loss) = try network(batch: 16)
    return try Trainer(
      graph, loss: loss, configuration: configuration ?? self.configuration(.adamW()), threads: threads)
  }

  /// Share of new pictures that weights classify right.
  static func accuracy(_ weights: WeightSet) throws -> Double {
    var (graph, _, _) = try network(batch: 200)
    try graph.setWeights(weights.byName)
    let inputs = batch(10_000..<10_200)
    let logits = try #require(try Plan(graph).run(inputs)[graph[graph.outputs[0]].name]?.floats)
    let labels = try #require(inputs["label"]?.integers)
    let right = labels.indices.filter { i in
      let row = logits[4 * i..<4 * i + 4]
      return row.firstIndex(of: row.max() ?? 0) == 4 * i + Int(labels[i])
    }
    return Double(right.count) / Double(labels.count)
  }
}

/// Small networks trained end to end.
@Suite struct TrainerTests {
  @Test func smallNetworkLearnsATask() throws {
    let trainer = try Blobs.trainer()
    #expect(try Blobs.accuracy(trainer.weights) < 0.6)
    var first = 0.0, last = 0.0
    for step in 0..<60 {
      let report = try trainer.step([Blobs.batch(step * 16..<step * 16 + 16)])
      if step == 0 { first = report.loss }
      last = report.loss
    }
    #expect(last < first / 3)
    #expect(try Blobs.accuracy(trainer.weights) > 0.95)
    #expect(try Blobs.accuracy(trainer.averagedWeights) > 0.95)
  }

  /// Weights, moments, averages and counters, after a kill in the middle too.
  @Test(arguments: [1, 2]) func resumedTrainingHasTheSameBytes(threads: Int) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "apus-train-\(threads)-\(UUID())"
    ).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try Blobs.trainer(threads: threads), checkpoints = CheckpointFolder(folder)
    for step in 0..<8 { _ = try whole.step([Blobs.batch(step * 16..<step * 16 + 16)]) }

    let cut = try Blobs.trainer(threads: threads)
    for step in 0..<5 {
      _ = try cut.step([Blobs.batch(step * 16..<step * 16 + 16)])
      try checkpoints.save(cut.state, step: step + 1, note: "place \(step + 1)")
    }
    // The last checkpoint is torn by a kill: the one before counts.
    let torn = "\(folder)/checkpoint-5.safetensors"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: torn))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: torn))
    let found = try #require(try checkpoints.last())
    #expect(found.note == "place 4" && found.skipped.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
    let resumed = try Blobs.trainer(threads: threads)
    try resumed.restore(found.state)
    for step in resumed.stepCount..<8 { _ = try resumed.step([Blobs.batch(step * 16..<step * 16 + 16)]) }
    #expect(resumed.state == whole.state)
    #expect(resumed.weights == whole.weights)
  }

  @Test func noWholeCheckpointIsAnErrorAndNoneIsNil() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-none-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let checkpoints = CheckpointFolder(folder)
    #expect(try checkpoints.last() == nil)
    var state = WeightSet()
    state["x"] = TensorValue([1], [1])
    try checkpoints.save(state, step: 1, note: "")
    try FileManager.default.removeItem(atPath: "\(folder)/checkpoint-1.safetensors")
    #expect(throws: TrainingError.self) { try checkpoints.last() }
  }

  @Test func accumulatedBatchesAreTheirMean() throws {
    // Without statistics of a batch, four quarters are one whole.
    func trainer(batch: Int) throws -> Trainer {
      var graph = Graph(seed: 2)
      let x = graph.addInput("x", [batch, 3]), t = graph.addInput("t", [batch, 2])
      let loss = try graph.squaredLoss(graph.linear(x, outputs: 2, name: "l"), t)
      let configuration = try Trainer.Configuration(
        Optimizer(.sgd(momentum: 0.9, nesterov: true)), rate: .constant(0.1))
      return try Trainer(graph, loss: loss, configuration: configuration)
    }
    var draw = Draw(state: 5)
    let x = (0..<24).map { _ in draw.next() }, t = (0..<16).map { _ in draw.next() }
    func part(_ rows: Range<Int>) -> [String: TensorValue] {
      [
        "x": TensorValue([rows.count, 3], Array(x[3 * rows.lowerBound..<3 * rows.upperBound])),
        "t": TensorValue([rows.count, 2], Array(t[2 * rows.lowerBound..<2 * rows.upperBound])),
      ]
    }
    let whole = try trainer(batch: 8), parts = try trainer(batch: 2)
    for _ in 0..<3 {
      _ = try whole.step([part(0..<8)])
      _ = try parts.step([part(0..<2), part(2..<4), part(4..<6), part(6..<8)])
    }
    let a = try #require(whole.weights["l.weight"]?.floats),
      b = try #require(parts.weights["l.weight"]?.floats)
    for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-6) }
  }

  @Test func frozenWeightsStayAndTheOthersMove() throws {
    let (graph, _, loss) = try Blobs.network(batch: 16)
    let trainer = try Trainer(graph, loss: loss, configuration: Blobs.configuration(.adamW())) {
      $0.hasPrefix("c0") || $0.hasPrefix("n0")
    }
    let before = trainer.weights
    _ = try trainer.step([Blobs.batch(0..<16)])
    let after = trainer.weights
    for name in before.names {
      let isFrozen = name.hasPrefix("c0") || name.hasPrefix("n0")
      #expect((before[name] == after[name]) == isFrozen, "\(name)")
    }
  }

  @Test func lossThatIsNotFiniteSkipsTheStepAndGivesUpInTheEnd() throws {
    var configuration = try Blobs.configuration(.adamW())
    configuration.skipLimit = 2
    let trainer = try Blobs.trainer(configuration)
    _ = try trainer.step([Blobs.batch(0..<16)])
    let before = trainer.weights
    var bad = Blobs.batch(0..<16)
    bad["picture"] = TensorValue([16, 1, 12, 12], [Float](repeating: .nan, count: 16 * 144))
    for k in 1...2 {
      let report = try trainer.step([bad])
      #expect(report.isSkipped && trainer.skippedCount == k)
    }
    #expect(trainer.weights == before)
    #expect(throws: TrainingError.self) { try trainer.step([bad]) }
    #expect(try !trainer.step([Blobs.batch(0..<16)]).isSkipped)
  }

  @Test func clippingBoundsTheStep() throws {
    var graph = Graph(seed: 2)
    let x = graph.addInput("x", [1, 3]), t = graph.addInput("t", [1, 2])
    let loss = try graph.squaredLoss(graph.linear(x, outputs: 2, bias: false, name: "l"), t)
    let values = ["x": TensorValue([1, 3], [30, -20, 10]), "t": TensorValue([1, 2], [500, -300])]
    func move(norm: Double?, value: Double?) throws -> [Float] {
      let configuration = try Trainer.Configuration(
        Optimizer(.sgd(momentum: 0, nesterov: false)), rate: .constant(1), clipNorm: norm, clipValue: value)
      let trainer = try Trainer(graph, loss: loss, configuration: configuration)
      let before = try #require(trainer.weights["l.weight"]?.floats)
      _ = try trainer.step([values])
      return zip(before, try #require(trainer.weights["l.weight"]?.floats)).map { $0 - $1 }
    }
    let byNorm = try move(norm: 2, value: nil)
    #expect(abs(byNorm.reduce(0) { $0 + $1 * $1 }.squareRoot() - 2) < 1e-3)
    let byValue = try move(norm: nil, value: 0.25)
    #expect(byValue.allSatisfy { abs($0) < 0.2501 } && byValue.contains { abs($0) > 0.2499 })
  }

  @Test func scheduleWarmsUpAndFalls() throws {
    let cosine = try Schedule(peak: 1, shape: .cosine(end: 0.1), warmUp: 4, steps: 14)
    #expect(
      [0, 3, 4, 9, 14, 99].map { cosine.value(at: $0) }.map { ($0 * 1000).rounded() } == [
        250, 1000, 1000, 550, 100, 100,
      ])
    let steps = try Schedule(peak: 1, shape: .steps([3, 6], factor: 0.1), steps: 9)
    #expect([2, 3, 6].map { (steps.value(at: $0) * 1000).rounded() } == [1000, 100, 10])
    let poly = try Schedule(peak: 2, shape: .polynomial(power: 2), steps: 10)
    #expect(abs(poly.value(at: 5) - 0.5) < 1e-12)
    let cycle = try Schedule(peak: 1, shape: .oneCycle(start: 0.1, rise: 0.5, end: 0), steps: 10)
    #expect([0, 5, 10].map { (cycle.value(at: $0) * 1000).rounded() } == [100, 1000, 0])
    #expect(throws: TrainingError.self) { try Schedule(peak: 1, warmUp: 5, steps: 3) }
  }

  @Test func decayLeavesBiasesAlone() throws {
    var graph = Graph(seed: 3)
    let x = graph.addInput("x", [1, 2])
    let weight = graph.addWeight("w", TensorValue([1, 2], [1, 2])),
      bias = graph.addWeight("b", TensorValue([1], [4]))
    let y = try graph.add(.matrixMultiplication(.init(transposesSecond: true)), [x, weight, bias])[0]
    let loss = try graph.lossTotal(graph.linear(y, alpha: 0))
    let configuration = try Trainer.Configuration(
      Optimizer(.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), weightDecay: 0.5), rate: .constant(0.1))
    let trainer = try Trainer(graph, loss: loss, configuration: configuration)
    _ = try trainer.step([["x": TensorValue([1, 2], [1, 1])]])
    #expect(trainer.weights["b"]?.floats == [4])
    #expect(trainer.weights["w"]?.floats == [0.95, 1.9])
  }

  @Test func orderIsAPermutationOfEachEpochAndNeedsNoState() {
    var order = SampleOrder(count: 10, seed: 3)
    let first = (0..<30).map { order.sample(at: $0) }
    for epoch in 0..<3 { #expect(Set(first[epoch * 10..<epoch * 10 + 10]).count == 10) }
    #expect(Array(first[0..<10]) != Array(first[10..<20]))
    var later = SampleOrder(count: 10, seed: 3)
    #expect(later.sample(at: 17) == first[17])
  }
}
