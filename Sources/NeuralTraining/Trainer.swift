import NeuralEngine

/// Trains one network: forward, backward and the weights' memory are one compiled plan.
///
/// The same weights, configuration, batches and thread count give the same bytes after any number of steps, in one go or in
/// several with checkpoints between them. Use it from one thread (as `Plan`).
public final class Trainer {
  /// How steps are made.
  public struct Configuration: Codable, Sendable, Equatable {
    /// How weights follow gradients.
    public var optimizer: Optimizer
    /// Learning rate by step.
    public var rate: Schedule
    /// Momentum (or β₁) by step; nil: the optimiser's own.
    public var momentum: Schedule?
    /// Largest norm of all gradients together, to which they are scaled down; nil: any.
    public var clipNorm: Double?
    /// Largest magnitude of each element of a gradient, after the norm's clipping; nil: any.
    public var clipValue: Double?
    /// Share of the moving average of the weights that stays at each step; nil: no average.
    public var averageDecay: Double?
    /// Steps in a row whose loss or gradients are not finite before training gives up.
    public var skipLimit: Int

    /// Steps of an optimiser at a rate.
    public init(
      _ optimizer: Optimizer, rate: Schedule, momentum: Schedule? = nil, clipNorm: Double? = nil,
      clipValue: Double? = nil, averageDecay: Double? = nil, skipLimit: Int = 10
    ) {
      self.optimizer = optimizer
      self.rate = rate
      self.momentum = momentum
      self.clipNorm = clipNorm
      self.clipValue = clipValue
      self.averageDecay = averageDecay
      self.skipLimit = skipLimit
    }
  }

  /// What a step was like.
  public struct StepReport: Sendable, Equatable {
    /// Mean loss of the step's batches.
    public var loss: Double
    /// Means of the other tensors that were asked for.
    public var reported: [Double]
    /// Norm of all gradients together, before clipping.
    public var gradientNorm: Double
    /// The learning rate.
    public var rate: Double
    /// Whether something was not finite, so that nothing was changed.
    public var isSkipped: Bool
  }

  /// How steps are made.
  public let configuration: Configuration
  /// The compiled step.
  public let plan: Plan
  /// Steps made or skipped so far.
  public private(set) var stepCount = 0
  /// Steps skipped so far, and the last ones in a row.
  public private(set) var skippedCount = 0, skippedInARow = 0

  private let network: Graph
  private let learned: [LearnedWeight]
  private let statistics: [(name: String, input: Int, output: Int)]
  private let stepInput: Int?
  private let reportedCount: Int
  private let context: KernelContext
  private var updateCount = 0

  /// A trainer of a graph that computes its loss.
  ///
  /// - Parameters:
  ///   - graph: the network with inputs for targets and the loss added.
  ///   - loss: a scalar of the graph; its gradients are followed.
  ///   - reporting: scalars that steps report besides.
  ///   - isFrozen: whether the weight of a name stays as it is.
  ///   - recomputes: which operators run again on the way back instead of keeping their results.
  /// - Throws: `EngineError` where an operator has no gradient; `TrainingError` where nothing is learned.
  public init(
    _ graph: Graph, loss: TensorID, reporting: [TensorID] = [], configuration: Configuration,
    threads: Int = 1,
    isFrozen: (String) -> Bool = { _ in false }, recomputing recomputes: (Graph.Node) -> Bool = { _ in false }
  ) throws {
    guard graph.shape(loss).reduce(1, *) == 1 else {
      throw TrainingError(
        place: graph.name, field: "loss \(graph[loss].name)", found: "\(graph[loss].type)",
        expected: "a scalar")
    }
    var training = try TrainingGraph(graph, isFrozen: isFrozen)
    let scalars = ([loss] + reporting).compactMap { training.map[$0] }
    let gradients = try training.graph.addGradients(
      of: [scalars[0]], for: training.learned.map(\.id), recomputing: recomputes)
    let found = zip(training.learned, gradients).filter { $1 != nil }
    guard !found.isEmpty else {
      throw TrainingError(
        place: graph.name, field: "weights", found: "none that the loss depends on", expected: "one to learn")
    }
    training.graph.replaceOutputs(
      by: scalars + found.compactMap(\.1) + training.statistics.map(\.updated))
    let plan = try Plan(training.graph, .init(threads: threads))
    let inputs = Dictionary(
      zip(plan.inputs.map(\.name), plan.inputs.indices), uniquingKeysWith: { first, _ in first })
    func input(_ id: TensorID) throws -> Int {
      guard let index = inputs[training.graph[id].name] else {
        throw TrainingError(
          place: graph.name, field: training.graph[id].name, found: "no input", expected: "a weight's memory")
      }
      return index
    }
    learned = try found.enumerated().map { k, weight in
      LearnedWeight(
        name: training.graph[weight.0.id].name, input: try input(weight.0.id), output: scalars.count + k,
        decays: weight.0.role == .learned, count: training.graph[weight.0.id].type.count,
        moments: configuration.optimizer.momentNames.count, isAveraged: configuration.averageDecay != nil)
    }
    let first = scalars.count + found.count
    statistics = try training.statistics.enumerated().map {
      (training.graph[$1.id].name, try input($1.id), first + $0)
    }
    stepInput = inputs[TrainingGraph.stepName]
    reportedCount = scalars.count
    network = graph
    context = KernelContext(threads: threads)
    self.configuration = configuration
    self.plan = plan
    // What the loss does not depend on is an input as well, and keeps its value.
    for (input, place) in inputs {
      guard let id = graph.tensor(named: input), let value = graph.value(id) else { continue }
      plan.setInput(place, value)
    }
    for weight in learned { weight.startAverage(plan) }
  }

  // MARK: Steps

  /// One step over batches, whose gradients are averaged: one alone, or several in turn to accumulate.
  ///
  /// - Parameter batches: values for each input that is neither a weight nor a statistic, by name.
  /// - Throws: `EngineError` where an input does not fit; `TrainingError` after too many steps in a row that were not
  ///   finite.
  public func step(_ batches: [[String: TensorValue]]) throws -> StepReport {
    precondition(!batches.isEmpty, "a step without a batch")
    let before = statistics.map { plan.inputValue($0.input) }
    var sums = [Double](repeating: 0, count: reportedCount)
    for (k, batch) in batches.enumerated() {
      try fill(batch, micro: k)
      try plan.execute()
      for i in sums.indices { sums[i] += Double(plan.outputView(i).floats[0]) }
      for s in statistics { plan.copyOutput(s.output, toInput: s.input) }
      if batches.count > 1 { for weight in learned { weight.accumulate(plan, first: k == 0, context) } }
    }
    let share = 1 / Float(batches.count)
    let isSum = batches.count > 1
    let norm = gradientNorm(isSum: isSum) * Double(share)
    let rate = configuration.rate.value(at: stepCount)
    stepCount += 1
    let means = sums.map { $0 / Double(batches.count) }
    let isFinite = means[0].isFinite && norm.isFinite
    if isFinite {
      update(rate: rate, norm: norm, share: share, isSum: isSum)
      skippedInARow = 0
    } else {
      for (s, value) in zip(statistics, before) { plan.setInput(s.input, value) }
      skippedCount += 1
      skippedInARow += 1
    }
    if skippedInARow > configuration.skipLimit {
      throw TrainingError(
        place: network.name, field: "step \(stepCount)", found: "loss \(means[0]), gradient norm \(norm)",
        expected: "finite numbers in one of \(skippedInARow) steps")
    }
    return StepReport(
      loss: means[0], reported: Array(means.dropFirst()), gradientNorm: norm, rate: rate, isSkipped: !isFinite
    )
  }

  private func fill(_ batch: [String: TensorValue], micro: Int) throws {
    let own = Set(learned.map(\.input) + statistics.map(\.input) + [stepInput].compactMap(\.self))
    for (place, input) in plan.inputs.enumerated() where !own.contains(place) {
      guard let value = batch[input.name] else {
        // Weights that the loss does not depend on are not given.
        if let id = network.tensor(named: input.name), network.value(id) != nil { continue }
        throw EngineError(
          file: network.name, field: "input \(input.name)", found: "no value", expected: "\(input.type)")
      }
      guard value.type == input.type else {
        throw EngineError(
          file: network.name, field: "input \(input.name)", found: "\(value.type)", expected: "\(input.type)")
      }
      plan.setInput(place, value)
    }
    if let stepInput {
      plan.setInput(stepInput, TensorValue([1], integers: [Int64(stepCount) << 16 | Int64(micro)]))
    }
  }

  private func gradientNorm(isSum: Bool) -> Double {
    learned.reduce(0.0) { $0 + $1.squaredNorm(plan, isSum: isSum, context) }.squareRoot()
  }

  private func update(rate: Double, norm: Double, share: Float, isSum: Bool) {
    updateCount += 1
    var scale = share
    if let limit = configuration.clipNorm, norm > limit { scale *= Float(limit / (norm + 1e-6)) }
    let momentum = configuration.momentum?.value(at: stepCount - 1)
    for weight in learned {
      weight.step(
        plan, isSum: isSum, context, configuration, rate: rate, number: updateCount, momentum: momentum,
        scale: scale)
    }
  }

  // MARK: State

  /// The network's weights as they are now; frozen ones too.
  public var weights: WeightSet { weightSet(averaged: false) }

  /// The network's weights with the moving average in the place of those that have one.
  public var averagedWeights: WeightSet { weightSet(averaged: true) }

  private func weightSet(averaged: Bool) -> WeightSet {
    var set = WeightSet(network)
    for weight in learned { set[weight.name] = weight.value(plan, averaged: averaged) }
    for s in statistics { set[s.name] = plan.inputValue(s.input) }
    return set
  }

  /// Everything that steps depend on: weights, statistics, moments, averages, counters.
  public var state: WeightSet {
    var state = WeightSet()
    state["counters"] = TensorValue(
      [4], integers: [stepCount, updateCount, skippedCount, skippedInARow].map { Int64($0) })
    for weight in learned { weight.save(to: &state, plan, configuration.optimizer.momentNames) }
    for s in statistics { state["statistics/\(s.name)"] = plan.inputValue(s.input) }
    return state
  }

  /// Goes on from a state.
  ///
  /// - Throws: `TrainingError` naming a tensor that is missing, unexpected or of another shape; nothing has changed then.
  public func restore(_ saved: WeightSet, file: String = "state") throws {
    let own = state
    for name in own.names where saved[name]?.type != own[name]?.type {
      throw TrainingError(
        place: file, field: name, found: saved[name].map { "\($0.type)" } ?? "nothing",
        expected: own[name].map { "\($0.type)" } ?? "nothing")
    }
    for name in saved.names where own[name] == nil {
      throw TrainingError(
        place: file, field: name, found: "a tensor", expected: "none: another network or optimiser")
    }
    for weight in learned { weight.restore(from: saved, plan, configuration.optimizer.momentNames) }
    for s in statistics { if let value = saved["statistics/\(s.name)"] { plan.setInput(s.input, value) } }
    let counters = (saved["counters"]?.integers ?? []).map { Int($0) }
    (stepCount, updateCount, skippedCount, skippedInARow) = (
      counters[0], counters[1], counters[2], counters[3]
    )
  }
}
