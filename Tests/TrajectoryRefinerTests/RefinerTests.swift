import Foundation
import Geometry
import NeuralEngine
import Scenes
import Testing
import TrajectoryRefiner

private let time: Int64 = 1_600_000_002_500_000

@Test func untrainedRefinerGivesItsAnchors() throws {
  let configuration = try RefinerConfiguration(agentsPerChunk: 3, mergeDistance: 0)
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: firstWeights(configuration))
  // Nothing is known but the kind: no speed, so no limit changes an anchor.
  let agents = AgentKind.allCases.map {
    TrajectoryConditions(
      id: "\($0)", kind: $0, position: SIMD2(10, -4), heading: 1.2, configuration: configuration)
  }
  let result = try refiner.refine(agents, scene: "s", timestampMicroseconds: time)
  #expect(result.corrections.modes == 0 && result.corrections.checked == 60)
  for (agent, found) in zip(agents, result.trajectories) {
    #expect(found.modes.count == 20)
    for p in found.probabilities { #expect(abs(p - 0.05) < 1e-9) }
    for (mode, anchor) in zip(found.modes, TrajectoryAnchors.standard.modes[agent.kind.rawValue]) {
      // Through units of single precision and back.
      let global = anchor.map { $0.rotated(by: 1.2) + SIMD2(10, -4) }
      #expect(TrajectoryAnchors.meanDistance(mode, global) < 1e-4)
    }
  }
}

@Test func zeroModulationMakesBlocksTheIdentity() throws {
  // With its own first weights a block adds nothing: four of them say what one says, whatever the last layer is.
  let one = try smallConfiguration(blocks: 1), four = try smallConfiguration(blocks: 4)
  func clean(_ configuration: RefinerConfiguration) throws -> [Float] {
    var weights = try firstWeights(configuration)
    for (name, value) in try randomWeights(configuration) where name.contains("head.linear") {
      weights[name] = value
    }
    let refiner = try TrajectoryRefiner(configuration: configuration, weights: weights)
    return try refiner.denoised(
      TestScene().conditions(configuration), scene: "s", timestampMicroseconds: time
    ).clean
  }
  let first = try clean(one)
  #expect(first == (try clean(four)))
  // The last layer does say something; and with random modulations the blocks do.
  let proposals = try TrajectoryRefiner(configuration: one, weights: firstWeights(one))
    .denoised(TestScene().conditions(one), scene: "s", timestampMicroseconds: time).clean
  #expect(worstDifference(first, proposals) > 0.01)
  let random = try TrajectoryRefiner(configuration: four, weights: randomWeights(four))
    .denoised(TestScene().conditions(four), scene: "s", timestampMicroseconds: time).clean
  #expect(worstDifference(first, random) > 0.01)
}

@Test func sameBytesFromTwoRunsAndNearlySoAtOtherThreadCounts() throws {
  let configuration = try smallConfiguration()
  let weights = try randomWeights(configuration)
  let agents = try TestScene().conditions(configuration)
  func run(_ threads: Int) throws -> [Float] {
    let refiner = try TrajectoryRefiner(
      configuration: configuration, weights: weights, seed: 5, options: .init(threads: threads))
    let first = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean
    #expect(first == (try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean))
    return first
  }
  let one = try run(1), two = try run(2)
  #expect(one == (try run(1)))
  #expect(two == (try run(2)))
  // oneDNN may split sums by thread: 1e-5 a layer, as plans promise.
  #expect(worstDifference(two, one) < 1e-4)
  #expect(one.allSatisfy { $0.isFinite })
}

@Test func chunksAndOrderDoNotChangeResults() throws {
  let weights = try randomWeights(smallConfiguration())
  func run(_ chunk: Int, reversed: Bool = false) throws -> [[Float]] {
    let configuration = try smallConfiguration(chunk: chunk)
    let refiner = try TrajectoryRefiner(configuration: configuration, weights: weights, seed: 5)
    var agents = try TestScene().conditions(configuration)
    if reversed { agents.reverse() }
    let all = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean
    let count = all.count / agents.count
    let rows = (0..<agents.count).map { Array(all[$0 * count..<($0 + 1) * count]) }
    return reversed ? rows.reversed() : rows
  }
  let whole = try run(8)
  // Another place in the chunk and other neighbours in it: the same sums. Other chunks may have other kernels.
  for (a, b) in zip(try run(8, reversed: true), whole) { #expect(worstDifference(a, b) < 1e-5) }
  for chunk in [1, 3, 13] {
    for (a, b) in zip(try run(chunk), whole) { #expect(worstDifference(a, b) < 1e-4) }
  }
}

@Test func numbersUnderAMaskDoNotCount() throws {
  let configuration = try smallConfiguration()
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: randomWeights(configuration))
  var agents = try TestScene().conditions(configuration)
  // All kinds of absence: no map, a neighbour less, history cut, no BEV.
  for k in agents.indices {
    agents[k].neighbourMask[1] = false
    if k % 2 == 0 { agents[k].polylineMask = agents[k].polylineMask.map { _ in false } }
    if k % 3 == 0 {
      agents[k].hasPlace = false
      agents[k].pathMask = agents[k].pathMask.map { _ in 0 }
    }
    agents[k].history[6] = 0
    agents[k].polylines[6] = 0
  }
  let before = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time)
  var changed = agents
  for k in changed.indices {
    let width = ConditionLayout.neighbourFeatures(configuration)
    for f in width..<2 * width { changed[k].neighbours[f] = .nan }
    for f in 0..<6 { (changed[k].history[f], changed[k].polylines[f]) = (1e30, -.infinity) }
    if k % 2 == 0 {
      changed[k].polylines = changed[k].polylines.map { _ in .nan }
      changed[k].polylineTypes = changed[k].polylineTypes.map { _ in -7 }
    }
    if k % 3 == 0 {
      changed[k].place = changed[k].place.map { _ in .infinity }
      changed[k].paths = changed[k].paths.map { _ in .nan }
    }
  }
  let after = try refiner.denoised(changed, scene: "s", timestampMicroseconds: time)
  #expect(after.clean == before.clean && after.logits == before.logits)
  // What is not masked counts, each kind of it.
  func differs(_ change: (inout TrajectoryConditions) -> Void) throws -> Bool {
    var other = agents
    change(&other[1])
    return try refiner.denoised(other, scene: "s", timestampMicroseconds: time).clean != before.clean
  }
  #expect(try differs { $0.history[7] += 0.5 })
  #expect(try differs { $0.neighbours[0] += 0.5 })
  #expect(try differs { $0.polylines[7] += 0.5 })
  #expect(try differs { $0.polylineTypes[0] = ($0.polylineTypes[0] + 1) % 12 })
  #expect(try differs { $0.place[0] += 0.5 })
  #expect(try differs { $0.paths[0] += 0.5 })
}

@Test func agentsWithoutPolylinesDoNotDependOnTheirChunks() throws {
  // A chunk in which nobody sees a polyline has a network without them, which must say what the whole one says.
  let configuration = try smallConfiguration()
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: randomWeights(configuration))
  var agents = Array(try TestScene().conditions(configuration).prefix(configuration.agentsPerChunk))
  #expect(agents.count > 2 && agents.allSatisfy { $0.polylineMask.contains(true) })
  let seeing = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean
  for k in agents.indices.dropLast() { agents[k].polylineMask = agents[k].polylineMask.map { _ in false } }
  let mapped = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean
  agents[agents.count - 1].polylineMask = agents[0].polylineMask
  let mapless = try refiner.denoised(agents, scene: "s", timestampMicroseconds: time).clean
  let count = mapped.count / agents.count * (agents.count - 1)
  // Keys that nobody sees are passed over, and products of other numbers of rows have other kernels at most.
  #expect(worstDifference(Array(mapless[..<count]), Array(mapped[..<count])) < 1e-5)
  #expect(worstDifference(Array(mapless[count...]), Array(mapped[count...])) > 1e-3)
  #expect(worstDifference(Array(seeing[..<count]), Array(mapped[..<count])) > 1e-3)
}

@Test func masksCountInTheGraphItself() throws {
  // The same with finite numbers and without the packing, which writes zeros.
  let configuration = try smallConfiguration()
  var graph = try RefinerNetwork(configuration).encoderGraph(
    anchors: TrajectoryAnchors.standard.reduced(to: configuration.modes))
  let names = Set(graph.weights.map { graph[$0].name })
  try graph.setWeights(try randomWeights(configuration).filter { names.contains($0.key) })
  let plan = try Plan(graph, .init())
  let agents = Array(try TestScene().conditions(configuration).prefix(4))
  var inputs = TrajectoryConditions.tensors(agents, configuration: configuration)
  inputs["neighbours.mask"] = TensorValue([4, 4], booleans: [Bool](repeating: false, count: 16))
  inputs["bev.paths_mask"] = TensorValue([4, 6, 2], [Float](repeating: 0, count: 48))
  let before = try plan.run(inputs)
  for name in ["neighbours", "bev.paths"] {
    let value = try #require(inputs[name]), elements = try #require(value.floats)
    inputs[name] = TensorValue(value.shape, elements.indices.map { Float($0 % 17) - 8 })
  }
  let after = try plan.run(inputs)
  for name in ["proposals", "proposal_logits", "modes"] { #expect(after[name] == before[name]) }
}

@Test func permutingModesPermutesWhatComesOut() throws {
  let configuration = try smallConfiguration()
  let order = [3, 0, 5, 1, 4, 2]
  var weights = try randomWeights(configuration)
  let agents = Array(try TestScene().conditions(configuration).prefix(4))
  func permuted(_ value: TensorValue, axis: Int) throws -> TensorValue {
    let x = try #require(value.floats), inner = value.shape[(axis + 1)...].reduce(1, *)
    let outer = value.shape[..<axis].reduce(1, *)
    return TensorValue(
      value.shape,
      (0..<outer).flatMap { o in order.flatMap { m in (0..<inner).map { x[(o * 6 + m) * inner + $0] } } })
  }
  func run(_ weights: [String: TensorValue], _ inputs: [String: TensorValue]) throws -> [String: TensorValue]
  {
    var graph = try TrajectoryRefiner.graph(configuration)
    try graph.setWeights(weights)
    return try Plan(graph, .init()).run(inputs)
  }
  var inputs = TrajectoryConditions.tensors(agents, configuration: configuration)
  let key = NoiseKey(seed: 1, scene: "", agent: "", timestampMicroseconds: 0)
  inputs["noisy"] = TensorValue([4, 6, 24], (0..<576).map { key.normal($0) })
  inputs["time"] = TensorValue([4], [49, 24, 10, 0])
  let before = try run(weights, inputs)
  let anchors = RefinerNetwork.anchorsName
  weights[anchors] = try permuted(try #require(weights[anchors]), axis: 1)
  for name in ["noisy", "bev.paths", "bev.paths_mask"] {
    inputs[name] = try permuted(try #require(inputs[name]), axis: 1)
  }
  let after = try run(weights, inputs)
  for name in ["clean", "logits", "proposals", "proposal_logits"] {
    let wanted = try permuted(try #require(before[name]), axis: 1)
    let worst = worstDifference(try #require(after[name]?.floats), try #require(wanted.floats))
    #expect(worst < 1e-5, "\(name): \(worst)")
    #expect(after[name] != before[name])
  }
}

@Test func turningAndMovingTheWorldTurnsAndMovesTrajectories() throws {
  let configuration = try smallConfiguration()
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: randomWeights(configuration))
  let here = TestScene(), there = TestScene(yaw: 2.1, at: SIMD3(1830, -655, 12))
  let a = try refiner.refine(here.conditions(configuration), scene: "s", timestampMicroseconds: time)
  let b = try refiner.refine(there.conditions(configuration), scene: "s", timestampMicroseconds: time)
  for (x, y) in zip(a.trajectories, b.trajectories) {
    #expect(x.modes.count == y.modes.count)
    for (p, q) in zip(x.probabilities, y.probabilities) { #expect(abs(p - q) < 1e-3) }
    for (modeX, modeY) in zip(x.modes, y.modes) {
      for (p, q) in zip(modeX, modeY) {
        // Features differ in their last bits of single precision; metres of tens of them.
        #expect(((there.worldFromScene * SIMD3(p.x, p.y, 0)).xy - q).length < 5e-3)
      }
    }
  }
}

@Test func outputsAreTrajectoriesWithinTheLimits() throws {
  let configuration = try smallConfiguration()
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: randomWeights(configuration))
  let agents = try TestScene().conditions(configuration)
  let result = try refiner.refine(agents, scene: "s", timestampMicroseconds: time)
  #expect(result.corrections.checked == agents.count * 6)
  // Random weights break limits, and each is counted.
  #expect(result.corrections.modes > 0)
  for (agent, found) in zip(agents, result.trajectories) {
    #expect(abs(found.probabilities.reduce(0, +) - 1) < 1e-12)
    #expect(zip(found.probabilities, found.probabilities.dropFirst()).allSatisfy(>=))
    for mode in found.modes {
      let local = mode.map { ($0 - agent.position).rotated(by: -agent.heading) }
      var corrections = KinematicCorrections()
      let again = KinematicLimits(agent.kind).limited(
        local, startSpeed: agent.startSpeed, corrections: &corrections)
      for (p, q) in zip(local, again) { #expect((p - q).length < 1e-6) }
    }
  }
}

@Test func nearlyEqualModesAreOne() {
  let a = [SIMD2(1.0, 0), SIMD2(2, 0)], b = [SIMD2(1.0, 0.1), SIMD2(2, 0.2)],
    c = [SIMD2(1.0, 0), SIMD2(3, 0)]
  let merged = TrajectoryRefiner.merged(
    [a, b, c], probabilities: [0.3, 0.25, 0.45], distance: 0.25, count: 3)
  #expect(merged.modes == [a, c] && abs(merged.probabilities[0] - 0.55) < 1e-12)
  let first = TrajectoryRefiner.merged([a, b, c], probabilities: [0.3, 0.25, 0.45], distance: 0, count: 2)
  #expect(first.modes == [c, a])
}

@Test func twentyFourAgentsAndTheEgoCostAtMostTwoAndAHalfGigaflop() throws {
  let configuration = try RefinerConfiguration()
  let network = RefinerNetwork(configuration)
  let encoder = try NetworkReport(network.encoderGraph(anchors: .standard))
  let step = try NetworkReport(network.stepGraph())
  let chunks = (25 + configuration.agentsPerChunk - 1) / configuration.agentsPerChunk
  let total = chunks * (encoder.operations + configuration.denoisingSteps * step.operations)
  print(
    "refiner: encoder \(Double(encoder.operations) * 1e-9), step \(Double(step.operations) * 1e-9) GFLOP a chunk of",
    "\(configuration.agentsPerChunk); 24 agents and the ego \(Double(total) * 1e-9) GFLOP")
  #expect(total <= 2_500_000_000)
  #expect(configuration.blocks >= 4 && configuration.width >= 128)
}

@Test func compiledDefaultRefinerSaysWhatTheInterpreterSays() throws {
  // The default measures, every weight random: fused, laid out and in shared memory against operator by operator.
  let configuration = try RefinerConfiguration()
  let network = RefinerNetwork(configuration, batch: 3)
  let agents = Array(try TestScene().conditions(configuration).prefix(3))
  let weights = try randomWeights(configuration)
  var inputs = TrajectoryConditions.tensors(agents, configuration: configuration)
  let key = NoiseKey(seed: 1, scene: "", agent: "", timestampMicroseconds: 0)
  inputs["noisy"] = TensorValue([3, 20, 24], (0..<1440).map { key.normal($0) })
  inputs["time"] = TensorValue([3], [49, 24, 10])
  var graph = try network.graph(anchors: .standard)
  try graph.setWeights(weights)
  let plain = try Interpreter.run(graph, inputs, threads: 2)
  for threads in [1, 2] {
    let compiled = try Plan(graph, .init(threads: threads)).run(inputs)
    for (id, value) in zip(graph.outputs, plain) {
      let name = graph[id].name
      let worst = worstDifference(
        try #require(compiled[name]?.floats), try #require(value.floats))
      // Sums of up to 256 terms in another order, through four blocks of random weights.
      #expect(worst < 1e-3, "\(name): \(worst)")
    }
  }
}

/// What each part of a chunk takes, printed: `APUS_TIME_REFINER=THREADS`.
@Test(.enabled(if: ProcessInfo.processInfo.environment["APUS_TIME_REFINER"] != nil))
func timesOfTheDefaultRefiner() throws {
  let threads = Int(ProcessInfo.processInfo.environment["APUS_TIME_REFINER"] ?? "") ?? 1
  let configuration = try RefinerConfiguration()
  let weights = try randomWeights(configuration)
  let refiner = try TrajectoryRefiner(
    configuration: configuration, weights: weights, options: .init(threads: threads))
  let agents = (0..<25).map {
    TrajectoryConditions(
      id: "\($0)", kind: .vehicle, position: .zero, heading: 0, configuration: configuration)
  }
  var best = Double.infinity
  for _ in 0..<10 {
    let took = try ContinuousClock().measure {
      _ = try refiner.refine(agents, scene: "s", timestampMicroseconds: time)
    }
    best = min(best, took / .milliseconds(1))
  }
  print("25 agents, \(threads) threads: \(best) ms at best")
  let step = try Plan(RefinerNetwork(configuration).stepGraph(), .init(threads: threads))
  _ = try step.profile()
  let seconds = try step.profile()
  print("a step of 13: \(seconds.reduce(0, +) * 1e3) ms, activations \(step.activationByteCount) bytes")
  for k in seconds.indices.sorted(by: { seconds[$0] > seconds[$1] }).prefix(12) {
    print("  \(seconds[k] * 1e3) ms \(step.steps[k].implementation) \(step.steps[k].name)")
  }
}

@Test func whatDoesNotFitIsNamed() throws {
  func fault(_ make: () throws -> Void) -> String {
    do {
      try make()
      return "nothing"
    } catch { return "\(error)" }
  }
  #expect(fault { _ = try RefinerConfiguration(modes: 0) }.contains("modes: 0 (expected 1 to 256)"))
  #expect(fault { _ = try RefinerConfiguration(width: 130, heads: 4) }.contains("width"))
  #expect(fault { _ = try RefinerConfiguration(truncatedSteps: 2000) }.contains("truncatedSteps"))
  #expect(fault { _ = try RefinerConfiguration(radius: .nan) }.contains("radius"))
  #expect(fault { _ = try RefinerConfiguration(pathSteps: [4, 4]) }.contains("pathSteps"))
  let json = Data("{\"modes\": 6, \"bevChannels\": 0}".utf8)
  let read = try JSONDecoder().decode(RefinerConfiguration.self, from: json)
  #expect(read.modes == 6 && read.width == 128 && read.tokens == 26)
  #expect(
    fault {
      _ = try JSONDecoder().decode(RefinerConfiguration.self, from: Data("{\"blocks\": -1}".utf8))
    }.contains("blocks: -1"))
  let configuration = try smallConfiguration()
  var weights = try firstWeights(configuration)
  weights["trajectory.encoder.bev.bias"] = nil
  weights["trajectory.encoder.norm.bias"] = TensorValue([3], [0, 0, 0])
  let text = fault { _ = try TrajectoryRefiner(configuration: configuration, weights: weights, file: "m") }
  #expect(text.hasPrefix("m: tensors:") && text.contains("encoder.bev.bias: missing"))
  #expect(text.contains("encoder.norm.bias: float32[3]"))
  weights[RefinerNetwork.anchorsName] = nil
  #expect(
    fault { _ = try TrajectoryRefiner(configuration: configuration, weights: weights) }.contains("anchors"))
  let refiner = try TrajectoryRefiner(configuration: configuration, weights: firstWeights(configuration))
  var agents = try TestScene().conditions(configuration)
  agents[2].polylines.removeLast()
  #expect(
    fault { _ = try refiner.refine(agents, scene: "", timestampMicroseconds: 0) }.contains("polylines"))
  agents = try TestScene().conditions(configuration)
  agents[1].attributes[0] = .nan
  #expect(fault { _ = try refiner.refine(agents, scene: "", timestampMicroseconds: 0) }.contains("finite"))
}
