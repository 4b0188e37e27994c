import ArgumentParser
import Files
import Foundation
import NeuralEngine
import NeuralTraining

/// `apus train`: learns the weights of an ONNX file's network from arrays.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains (or fine-tunes) an ONNX file's network on arrays.",
    discussion: """
      --data is a folder of npz files, each a batch: an array for every input of the network, by its name, and `target` (and \
      `weight`, a factor of each element of the loss, where wanted). Writes OUT/model.onnx, OUT/weights.safetensors and \
      OUT/checkpoints.

      Example: apus train resnet18.onnx --data batches --out tuned --loss cross-entropy --optimizer adamw --rate 1e-4 \
      --steps 500 --freeze conv1
      """)

  /// What is followed down.
  enum Loss: String, CaseIterable, ExpressibleByArgument {
    case crossEntropy = "cross-entropy"
    case binary = "binary-cross-entropy"
    case focal, l1, smoothL1 = "smooth-l1", squared, dice
  }

  /// How.
  enum Rule: String, CaseIterable, ExpressibleByArgument { case sgd, adam, adamw, rmsprop, adagrad }

  /// How the rate falls.
  enum Fall: String, CaseIterable, ExpressibleByArgument { case constant, cosine, poly }

  @Argument(help: "The ONNX file.") var model: String
  @Option(help: "The folder of batches, npz files.") var data: String
  @Option(help: "The folder to write.") var out: String
  @Option(help: "The loss, of logits where it knows classes.") var loss: Loss = .crossEntropy
  @Option(name: .customLong("output"), help: "The output that the loss reads; the first unless given.")
  var output: String?
  @Option(help: "The optimiser.") var optimizer: Rule = .adamw
  @Option(help: "Learning rate at its peak.") var rate: Double = 1e-3
  @Option(help: "How the rate goes after warming up.") var schedule: Fall = .cosine
  @Option(name: .customLong("warm-up"), help: "Steps in which the rate grows to its peak.") var warmUp: Int =
    0
  @Option(help: "Momentum of SGD.") var momentum: Double = 0.9
  @Option(name: .customLong("weight-decay"), help: "Decay of weights; biases and normalisations have none.")
  var weightDecay: Double = 0
  @Option(help: "Largest norm of the gradients.") var clip: Double?
  @Option(help: "Steps.") var steps: Int
  @Option(help: "Batches whose gradients are averaged for a step.") var accumulate: Int = 1
  @Option(help: "Weights that stay as they are: a name or the beginning of names; once for each.")
  var freeze: [String] = []
  @Option(name: .customLong("checkpoint-every"), help: "Steps between checkpoints.") var checkpointEvery:
    Int = 100
  @Option(help: "Tells the order of the batches.") var seed: UInt64 = 0
  @Option(help: "Threads.") var threads: Int = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Go on from the last checkpoint in OUT, if there is one.") var resume = false
  @Flag(name: .customLong("in-order"), help: "Take the batches in the order of their names.") var inOrder =
    false
  @Flag(help: "Print each step's loss as JSON.") var json = false

  func validate() throws {
    if steps < 1 || accumulate < 1 || checkpointEvery < 1 {
      throw ValidationError("--steps, --accumulate and --checkpoint-every must be 1 or more.")
    }
    if !(1...1024).contains(threads) { throw ValidationError("--threads must be 1 to 1024.") }
  }

  func run() throws {
    let batches = try BatchFolder(data)
    let network = try ONNXNetwork(path: model)
    try ONNXExport.makeFolder(out)
    var graph = network.graph
    let unused = freeze.filter { name in !graph.weights.contains { graph[$0].name.hasPrefix(name) } }
    if let name = unused.first { throw ValidationError("--freeze \(name): no weight's name begins with it.") }
    let loss = try addLoss(&graph, network, batches)
    let trainer = try Trainer(graph, loss: loss, configuration: try settings(), threads: threads) { name in
      freeze.contains { name.hasPrefix($0) }
    }
    let checkpoints = CheckpointFolder("\(out)/checkpoints")
    try start(trainer, checkpoints)
    let losses = try train(trainer, batches, checkpoints)
    try finish(trainer, network, graph)
    if json { try Output.result(TrainingLosses(losses: losses, skipped: trainer.skippedCount).text) }
  }

  // MARK: Parts

  private func settings() throws -> Trainer.Configuration {
    let rule: Optimizer.Rule =
      switch optimizer {
      case .sgd: .sgd(momentum: momentum, nesterov: false)
      case .adam: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
      case .adamw: .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
      case .rmsprop: .rmsprop(alpha: 0.99, epsilon: 1e-8, momentum: 0)
      case .adagrad: .adagrad(epsilon: 1e-10)
      }
    let shape: Schedule.Shape =
      switch schedule {
      case .constant: .constant
      case .cosine: .cosine(end: 0)
      case .poly: .polynomial(power: 0.9)
      }
    return Trainer.Configuration(
      try Optimizer(rule, weightDecay: weightDecay),
      rate: try Schedule(peak: rate, shape: shape, warmUp: warmUp, steps: steps), clipNorm: clip)
  }

  /// Adds inputs for targets (and weights) and the loss.
  private func addLoss(_ graph: inout Graph, _ network: ONNXNetwork, _ batches: BatchFolder) throws
    -> TensorID
  {
    let name = output ?? network.outputNames.first ?? ""
    guard let k = network.outputNames.firstIndex(of: name) else {
      throw ValidationError(
        "--output \(name): the network gives \(network.outputNames.joined(separator: ", ")).")
    }
    let x = graph.outputs[k], shape = graph.shape(x), first = try batches.batch(0)
    guard let target = first["target"] else { throw batches.lacks("target", 0) }
    let t = graph.addInput("target", target.type)
    let w = first["weight"].map { graph.addInput("weight", $0.type) }
    if loss == .crossEntropy {
      let classes = [shape[0], 1] + shape.dropFirst(2)
      guard target.type.element == .int64, target.shape.reduce(1, *) == classes.reduce(1, *) else {
        throw EngineError(
          file: data, field: "target", found: "\(target.type)", expected: "class numbers, int64\(classes)")
      }
      return try graph.crossEntropy(x, labels: graph.reshape(t, classes), weights: w)
    }
    guard target.type == graph[x].type else {
      throw EngineError(file: data, field: "target", found: "\(target.type)", expected: "\(graph[x].type)")
    }
    switch loss {
    case .binary: return try graph.binaryCrossEntropy(logits: x, t, weights: w)
    case .focal: return try graph.focalLoss(logits: x, t, weights: w, reduction: .mean)
    case .l1: return try graph.l1Loss(x, t, weights: w)
    case .smoothL1: return try graph.smoothL1Loss(x, t, weights: w)
    case .dice: return try graph.diceLoss(graph.unary(.sigmoid, x), t, weights: w)
    case .squared, .crossEntropy: return try graph.squaredLoss(x, t, weights: w)
    }
  }

  /// What a checkpoint says of the run that it is of.
  private var note: String {
    "\(optimizer) \(rate) \(schedule) \(warmUp) \(weightDecay) \(steps) \(accumulate) \(seed) \(loss.rawValue) \(freeze)"
  }

  private func start(_ trainer: Trainer, _ checkpoints: CheckpointFolder) throws {
    guard resume, let last = try checkpoints.last() else { return }
    for reason in last.skipped { Output.note("apus: skipped: \(reason)") }
    guard last.note == note else {
      throw TrainingError(
        place: last.file, field: "settings", found: last.note, expected: "\(note), as a resumed run has them")
    }
    try trainer.restore(last.state, file: last.file)
    Output.note("goes on after step \(trainer.stepCount)")
  }

  private func train(_ trainer: Trainer, _ batches: BatchFolder, _ checkpoints: CheckpointFolder) throws
    -> [Double]
  {
    var order = SampleOrder(count: batches.count, seed: seed), losses: [Double] = []
    while trainer.stepCount < steps {
      let place = trainer.stepCount * accumulate
      let parts = try (place..<place + accumulate).map {
        try batches.batch(inOrder ? $0 % batches.count : order.sample(at: $0))
      }
      let report = try trainer.step(parts)
      losses.append(report.loss)
      if trainer.stepCount % 10 == 0 || trainer.stepCount == steps {
        Output.note(
          String(
            format: "step %d of %d: loss %.5f, gradient norm %.4g, rate %.4g", trainer.stepCount, steps,
            report.loss, report.gradientNorm, report.rate))
      }
      let stops = Interruption.isRequested
      if trainer.stepCount % checkpointEvery == 0 || trainer.stepCount == steps || stops {
        try checkpoints.save(trainer.state, step: trainer.stepCount, note: note)
      }
      if stops { throw ExitCode(Interruption.exitCode) }
    }
    return losses
  }

  private func finish(_ trainer: Trainer, _ network: ONNXNetwork, _ trained: Graph) throws {
    var graph = network.graph
    let weights = trainer.weights
    try graph.setWeights(weights.byName, file: "trained weights")
    try weights.save("\(out)/weights.safetensors")
    try ONNXExport.write(graph, folder: out, outputNames: network.outputNames)
    if trainer.skippedCount > 0 { Output.note("\(trainer.skippedCount) steps skipped: not finite") }
  }
}

/// The losses of a run, a number a step (null where it was not finite).
private struct TrainingLosses: Encodable {
  var losses: [Double?]
  var skipped: Int

  init(losses: [Double], skipped: Int) {
    self.losses = losses.map { $0.isFinite ? $0 : nil }
    self.skipped = skipped
  }

  var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

/// Batches as npz files in a folder, in the order of their names.
struct BatchFolder {
  private let files: [String]
  private let folder: String

  /// - Throws: `EngineError` where there is none.
  init(_ folder: String) throws {
    self.folder = folder
    let all = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".npz") }
    guard !all.isEmpty else {
      throw EngineError(file: folder, field: "batches", found: "no npz file", expected: "one or more")
    }
    files = all.sorted().map { "\(folder)/\($0)" }
  }

  /// Number of batches.
  var count: Int { files.count }

  /// A batch's arrays by name.
  func batch(_ index: Int) throws -> [String: TensorValue] {
    var values: [String: TensorValue] = [:]
    for (name, array) in try NpzFile.read(files[index]) { values[name] = try TensorValue(array) }
    return values
  }

  /// An array that a batch should have.
  func lacks(_ name: String, _ index: Int) -> EngineError {
    EngineError(file: files[index], field: name, found: "no such array", expected: "one in each batch")
  }
}
