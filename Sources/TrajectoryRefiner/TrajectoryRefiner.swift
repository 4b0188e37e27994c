import Foundation
import Geometry
import NeuralEngine
import Scenes
import Synchronization

/// Trajectories of agents from their conditions: proposals by the encoder, then a few denoising steps on them.
///
/// Works through agents in chunks of a fixed number on two compiled plans, so one refiner serves any number. What comes
/// out for an agent depends on its conditions, the seed, scene, identity and time, not on the other agents of its chunk
/// nor on the order of calls. One call runs at a time; compile and use a refiner on one thread, as plans are.
public final class TrajectoryRefiner: @unchecked Sendable {
  /// The measures.
  public let configuration: RefinerConfiguration
  /// The anchors of the weights.
  public let anchors: TrajectoryAnchors
  /// The noise.
  public let schedule: DiffusionSchedule
  private let seed: UInt64
  /// The plans for chunks in which some agent sees a polyline, and in which none does: two thirds of the tokens less.
  private let mapped: Plans, mapless: Plans
  /// `[kind, 24]` in metres.
  private let scale: [Float]
  /// Conditions of the configuration's layout.
  private let layout: TrajectoryConditions
  private let lock = Mutex(())

  /// Compiles a refiner.
  ///
  /// - Parameters:
  ///   - weights: by name; those outside the scope `trajectory` are passed over.
  ///   - seed: of the noise.
  ///   - file: for errors.
  /// - Throws: `EngineError` listing weights that are missing or of another shape, `RefinerError` where the anchors do
  ///   not fit.
  public init(
    configuration: RefinerConfiguration, weights: [String: TensorValue], seed: UInt64 = 0,
    options: Plan.Options = .init(), file: String = "weights"
  ) throws {
    self.configuration = configuration
    self.seed = seed
    schedule = DiffusionSchedule(configuration)
    layout = TrajectoryConditions(
      id: "", kind: .vehicle, position: .zero, heading: 0, configuration: configuration)
    guard let table = weights[RefinerNetwork.anchorsName] else {
      throw RefinerError(
        file: file, field: RefinerNetwork.anchorsName, found: "missing", expected: "the anchors")
    }
    anchors = try TrajectoryAnchors(tensor: table, file: file)
    scale = weights[RefinerNetwork.scaleName]?.floats ?? []
    guard scale.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw RefinerError(
        file: file, field: RefinerNetwork.scaleName, found: "a unit that is not above 0",
        expected: "metres above 0")
    }
    mapped = try Plans(RefinerNetwork(configuration), anchors, weights, options, file)
    mapless = try Plans(
      RefinerNetwork(configuration, seesPolylines: false), anchors, weights, options, file)
  }

  /// A network's two graphs, compiled.
  private struct Plans {
    let encoder: Plan, step: Plan

    init(
      _ network: RefinerNetwork, _ anchors: TrajectoryAnchors, _ weights: [String: TensorValue],
      _ options: Plan.Options, _ file: String
    ) throws {
      var encoderGraph = try network.encoderGraph(anchors: anchors)
      try encoderGraph.setWeights(own(encoderGraph, weights), file: file)
      var stepGraph = try network.stepGraph()
      try stepGraph.setWeights(own(stepGraph, weights), file: file)
      encoder = try Plan(encoderGraph, options)
      // All but the trajectories and their level: the conditions' keys and values are made at the first step alone.
      var stepOptions = options
      stepOptions.steadyInputs = Set(stepGraph.inputs.map { stepGraph[$0].name }).subtracting([
        "noisy", "time",
      ])
      step = try Plan(stepGraph, stepOptions)
    }
  }

  /// All weights of an initialised refiner by name, and its cost: one denoising step with its encoder, for one chunk.
  public static func graph(
    _ configuration: RefinerConfiguration, anchors: TrajectoryAnchors? = nil, seed: UInt64 = 0
  ) throws -> Graph {
    let anchors = try anchors ?? TrajectoryAnchors.standard.reduced(to: configuration.modes)
    return try RefinerNetwork(configuration).graph(anchors: anchors, seed: seed)
  }

  private static func own(_ graph: Graph, _ weights: [String: TensorValue]) -> [String: TensorValue] {
    let names = Set(graph.weights.map { graph[$0].name })
    return weights.filter { names.contains($0.key) }
  }

  /// What a call gives.
  public struct Result: Sendable {
    /// One an agent, in the order given, in the global frame.
    public var trajectories: [Trajectories]
    /// How often kinematic limits changed a mode.
    public var corrections: KinematicCorrections
  }

  /// Where agents may go.
  ///
  /// - Parameters:
  ///   - agents: as `ConditionBuilder` makes them for this configuration.
  ///   - scene: with each agent's identity and the time it keys the noise.
  /// - Throws: `RefinerError` where conditions do not fit the configuration or a mode is not finite.
  /// - Complexity: the plans' cost for each chunk begun.
  public func refine(
    _ agents: [TrajectoryConditions], scene: String, timestampMicroseconds: Int64
  ) throws -> Result {
    var result = Result(trajectories: [], corrections: KinematicCorrections())
    result.trajectories.reserveCapacity(agents.count)
    try forEach(agents, scene, timestampMicroseconds) { agent, slot, step in
      result.trajectories.append(try trajectories(of: agent, slot: slot, step, &result.corrections))
    }
    return result
  }

  /// What the network says before limits and merging: `[agent, mode, 24]` in its units, and `[agent, mode]` logits.
  package func denoised(
    _ agents: [TrajectoryConditions], scene: String, timestampMicroseconds: Int64
  ) throws -> (clean: [Float], logits: [Float]) {
    var clean: [Float] = [], logits: [Float] = []
    let modes = configuration.modes, count = modes * RefinerNetwork.elements
    try forEach(agents, scene, timestampMicroseconds) { _, slot, step in
      clean += UnsafeBufferPointer(start: step.inputView(0).floats + slot * count, count: count)
      logits += UnsafeBufferPointer(start: step.outputView(1).floats + slot * modes, count: modes)
    }
    return (clean, logits)
  }

  /// Runs chunk by chunk; `body` reads an agent's results in its slot of the memory of the step plan it is given.
  private func forEach(
    _ agents: [TrajectoryConditions], _ scene: String, _ timestamp: Int64,
    _ body: (TrajectoryConditions, Int, Plan) throws -> Void
  ) throws {
    for agent in agents {
      if let fault = agent.fault(unlike: layout) {
        throw RefinerError(
          file: "agent \(agent.id)", field: fault.field, found: "\(fault.found)",
          expected: "\(fault.expected)")
      }
    }
    try lock.withLock { _ in
      for start in stride(from: 0, to: agents.count, by: configuration.agentsPerChunk) {
        let chunk = agents[start..<min(start + configuration.agentsPerChunk, agents.count)]
        let plans = chunk.contains { $0.polylineMask.contains(true) } ? mapped : mapless
        try run(plans, chunk, scene, timestamp)
        for (slot, agent) in chunk.enumerated() { try body(agent, slot, plans.step) }
      }
    }
  }

  // MARK: Running the plans

  /// Encodes a chunk, noises its proposals and denoises them; leaves the results in the step plan's outputs.
  private func run(
    _ plans: Plans, _ chunk: ArraySlice<TrajectoryConditions>, _ scene: String, _ timestamp: Int64
  ) throws {
    let batch = configuration.agentsPerChunk, encoder = plans.encoder, step = plans.step
    for (k, input) in encoder.inputs.enumerated() {
      let view = encoder.inputView(k)
      if chunk.count < batch {
        // Rows without an agent: nothing known.
        memset(view.base, 0, input.type.byteCount)
      }
      for (slot, agent) in chunk.enumerated() {
        agent.write(input.name, into: view, slot: slot, configuration)
      }
    }
    try encoder.execute()
    let kinds = step.inputView(2)
    kinds.base.copyMemory(from: encoder.inputView(0).base, byteCount: kinds.type.byteCount)
    for k in encoder.outputs.indices {
      let target = step.inputView(3 + k)
      target.base.copyMemory(from: encoder.outputView(k).base, byteCount: target.type.byteCount)
    }
    let noisy = step.inputView(0)
    noise(noisy, proposals: encoder.outputView(3).floats, chunk, scene, timestamp)
    let time = step.inputView(1).floats
    for (k, level) in schedule.levels.enumerated() {
      for slot in 0..<batch { time[slot] = Float(level) }
      if k == 0 { try step.execute() } else { try step.executeAgain() }
      let next = k + 1 < schedule.levels.count ? schedule.levels[k + 1] : nil
      schedule.step(
        noisy.floats, clean: step.outputView(0).floats, count: noisy.count, from: level, to: next)
    }
  }

  /// Fills `noisy` with the proposals at the first level.
  private func noise(
    _ noisy: MutableTensorView, proposals: UnsafePointer<Float>, _ chunk: ArraySlice<TrajectoryConditions>,
    _ scene: String, _ timestamp: Int64
  ) {
    let factors = schedule.factors(schedule.levels[0])
    let count = noisy.count / configuration.agentsPerChunk
    noisy.floats.update(from: proposals, count: noisy.count)
    for (slot, agent) in chunk.enumerated() {
      let key = NoiseKey(seed: seed, scene: scene, agent: agent.id, timestampMicroseconds: timestamp)
      for k in 0..<count {
        let place = slot * count + k
        noisy.floats[place] = Float(
          factors.signal * Double(proposals[place]) + factors.noise * Double(key.normal(k)))
      }
    }
  }

  // MARK: Results

  private func trajectories(
    of agent: TrajectoryConditions, slot: Int, _ step: Plan, _ corrections: inout KinematicCorrections
  ) throws -> Trajectories {
    let modes = configuration.modes, width = RefinerNetwork.elements
    let clean = step.inputView(0).floats + slot * modes * width
    let logits = step.outputView(1).floats + slot * modes
    let units = agent.kind.rawValue * width
    let limits = KinematicLimits(agent.kind)
    var paths: [[SIMD2<Double>]] = []
    for mode in 0..<modes {
      let path = (0..<Trajectories.stepCount).map { k in
        SIMD2(
          Double(clean[mode * width + 2 * k]) * Double(scale[units + 2 * k]),
          Double(clean[mode * width + 2 * k + 1]) * Double(scale[units + 2 * k + 1]))
      }
      guard path.allSatisfy({ $0.x.isFinite && $0.y.isFinite }), logits[mode].isFinite else {
        throw RefinerError(
          file: "agent \(agent.id)", field: "mode \(mode)", found: "a number that is not finite",
          expected: "positions")
      }
      paths.append(limits.limited(path, startSpeed: agent.startSpeed, corrections: &corrections))
    }
    let merged = Self.merged(
      paths, probabilities: Self.softmax(UnsafeBufferPointer(start: logits, count: modes)),
      distance: configuration.mergeDistance, count: configuration.outputModes)
    return Trajectories(
      modes: merged.modes.map { $0.map(agent.global) }, probabilities: merged.probabilities)
  }

  /// Probabilities of logits, none below 1e-6 of the largest.
  static func softmax(_ logits: UnsafeBufferPointer<Float>) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    return logits.map { max(exp(Double($0) - largest), 1e-6) }
  }

  /// The likeliest modes, each with the probability of those that are nowhere farther than `distance` from it.
  package static func merged(
    _ modes: [[SIMD2<Double>]], probabilities: [Double], distance: Double, count: Int
  ) -> (modes: [[SIMD2<Double>]], probabilities: [Double]) {
    let order = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
    var kept: [(mode: Int, probability: Double)] = []
    for mode in order {
      let same = kept.firstIndex { other in
        zip(modes[mode], modes[other.mode]).allSatisfy { ($0 - $1).length <= distance }
      }
      if let same {
        kept[same].probability += probabilities[mode]
      } else {
        kept.append((mode, probabilities[mode]))
      }
    }
    // Merging may change the order; a stable sort keeps equals in theirs.
    let best = kept.enumerated()
      .sorted { ($1.element.probability, $0.offset) < ($0.element.probability, $1.offset) }
      .prefix(count)
    return (best.map { modes[$0.element.mode] }, best.map(\.element.probability))
  }
}
