import Geometry
import LiftSplat
import NeuralEngine
import PointClouds
import Scenes

/// What a network sees in one frame.
public struct NetworkFrame: Sendable {
  /// Objects in the global frame, by falling score; none without the head.
  public var detections: [Detection]
  /// Occupancy smoothed over time, and the map's layers, in the ego frame; without the heads nothing is known.
  public var bev: BEVLayers
  /// The semantic volume in the ego frame; all free without the head.
  public var volume: OccupancyVolume
  /// Dividers as polylines in the global frame, a layer each.
  public var lines: [MapLayer]
  /// What was left out or missing, a sentence each.
  public var notes: [String]
  /// Milliseconds of each stage, in order.
  public var milliseconds: [(stage: String, milliseconds: Double)]
}

/// Perception by a network, frame after frame of one scene: the counterpart of `ClassicalPerception`.
///
/// Between frames it keeps what the network remembers, the occupancy map, and the plan of the cameras. Make, use and reset
/// a value on one thread: the plan keeps its workers for the thread that compiled it. The same frames give the same bytes
/// at the same number of threads.
public struct NetworkPerception: Sendable {
  /// The network.
  public let network: PerceptionNetwork
  /// The compiled network.
  public let plan: Plan
  private let inputs: [String: Int], outputs: [String: Int]
  private let threads: Int
  private var planner: PoolingPlanner
  private var pillars: PillarInputs
  private var detection: DetectionDecoder
  private var map: MapDecoder
  private var volume: VolumeDecoder?
  private var occupancy: OccupancyMap
  private var previousGlobalFromEgo: RigidTransform?

  /// Compiles a network's whole graph.
  ///
  /// - Parameters:
  ///   - graph: `network.graph()` with its weights set, or `network.frameGraph()` where an `ImageBranch` runs ahead.
  ///   - options: threads and precision; the threads serve all stages.
  /// - Throws: `EngineError` where the CPU lacks the precision or calibration is wanting.
  public init(
    _ network: PerceptionNetwork, graph: Graph, options: Plan.Options = Plan.Options(),
    occupancy: OccupancyMap.Configuration = OccupancyMap.Configuration()
  ) throws {
    let configuration = network.configuration
    self.network = network
    plan = try Plan(graph, options)
    threads = options.threads
    func places(_ names: [String]) -> [String: Int] {
      Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }
    inputs = places(plan.inputs.map(\.name))
    outputs = places(plan.outputs.map(\.name))
    planner = PoolingPlanner(network.frustums, threads: options.threads)
    pillars = try PillarInputs(configuration.lidar, grid: configuration.grid)
    detection = DetectionDecoder(configuration.detection, grid: configuration.grid)
    map = MapDecoder(configuration.map, grid: configuration.resultGrid)
    if configuration.heads.contains(.volume) {
      volume = try VolumeDecoder(configuration.volume, grid: configuration.grid)
    }
    self.occupancy = OccupancyMap(grid: configuration.resultGrid, configuration: occupancy)
    reset()
  }

  /// Forgets the scene; keeps memory.
  public mutating func reset() {
    occupancy.reset()
    previousGlobalFromEgo = nil
    if let view = input(NetworkTensors.previousBEV) { view.floats.update(repeating: 0, count: view.count) }
    if let view = input(NetworkTensors.pillarCells) { view.integers.update(repeating: -1, count: view.count) }
  }

  /// What trajectories are made from, `[1, channel, i, j]` over the network's grid; valid until the next frame.
  public var trajectoryFeatures: TensorView? { output(NetworkTensors.trajectoryFeatures) }

  /// What the plan's inputs hold now, for calibration of int8.
  public func inputValues() -> [String: TensorValue] {
    var values: [String: TensorValue] = [:]
    for (k, input) in plan.inputs.enumerated() {
      values[input.name] = TensorValue(type: input.type, copying: plan.inputView(k).base)
    }
    return values
  }

  /// Perceives a frame.
  ///
  /// - Parameters:
  ///   - features: what the image branch made of the frame, where the graph is `frameGraph`.
  ///   - cameras: as many as the network has, in its order; a camera that is missing is nil.
  ///   - cloud: the frame's sweeps in the ego frame; nil where there is no LiDAR.
  ///   - writeImage: fills a camera's planes `[3, row, column]` in the network's memory; called for each that is there.
  /// - Throws: what `writeImage` throws; `NetworkError` for another number of cameras, or where the network computes what
  ///   is not a number.
  public mutating func perceive(
    features: ImageFeatures? = nil, cameras: [LiftCamera?], cloud: AccumulatedCloud?,
    globalFromEgo: RigidTransform,
    timestampMicroseconds: Int64,
    writeImage: (_ camera: Int, _ planes: UnsafeMutableBufferPointer<Float>) throws -> Void = { _, _ in }
  ) throws -> NetworkFrame {
    var clock = StageTimes(), notes: [String] = []
    if network.hasCameras {
      try clock.measure("images") {
        if let features { write(features) } else { try writeImages(cameras, writeImage) }
      }
      clock.measure("plan") { writePlan(cameras) }
    }
    if network.hasLidar {
      let summary = clock.measure("pillars") { writePillars(cloud) }
      if let summary, summary.overCapacity > 0 {
        notes.append(
          "LiDAR: \(summary.overCapacity) of \(summary.points + summary.overCapacity) points left out, the oldest "
            + "first (at most \(network.configuration.lidar.pointCapacity))")
      }
    }
    writeMotion(globalFromEgo)
    try clock.measure("network") { try plan.execute() }
    try remember(globalFromEgo)
    return try decode(
      globalFromEgo: globalFromEgo, timestampMicroseconds: timestampMicroseconds, notes: notes, clock: clock)
  }

  // MARK: Inputs

  private func input(_ name: String) -> MutableTensorView? { inputs[name].map(plan.inputView) }

  private func output(_ name: String) -> TensorView? { outputs[name].map(plan.outputView) }

  private func write(_ features: ImageFeatures) {
    for (name, values) in [
      (NetworkTensors.depth, features.depth), (NetworkTensors.context, features.context),
    ] {
      guard let view = input(name) else { continue }
      precondition(values.count == view.count, "\(values.count) values for \(view.type)")
      values.withUnsafeBufferPointer {
        if let base = $0.baseAddress { view.floats.update(from: base, count: values.count) }
      }
    }
  }

  private func writeImages(
    _ cameras: [LiftCamera?], _ write: (Int, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    guard cameras.count == network.configuration.camera.count else {
      throw NetworkError(
        field: "cameras", found: "\(cameras.count)", expected: "\(network.configuration.camera.count)")
    }
    guard let images = input(NetworkTensors.images) else { return }
    let size = images.count / cameras.count
    for (k, camera) in cameras.enumerated() where camera != nil {
      try write(k, UnsafeMutableBufferPointer(start: images.floats + k * size, count: size))
    }
  }

  private mutating func writePlan(_ cameras: [LiftCamera?]) {
    guard planner.update(cameras), let points = input(NetworkTensors.poolPoints),
      let starts = input(NetworkTensors.poolStarts)
    else { return }
    planner.write(points: points, starts: starts, weights: input(NetworkTensors.poolWeights))
  }

  private mutating func writePillars(_ cloud: AccumulatedCloud?) -> PillarInputs.Summary? {
    guard let points = input(NetworkTensors.pillarPoints), let shared = input(NetworkTensors.pillarShared),
      let starts = input(NetworkTensors.pillarStarts), let cells = input(NetworkTensors.pillarCells)
    else { return nil }
    let target = PillarInputs.Target(points: points, shared: shared, starts: starts, cells: cells)
    return pillars.write(cloud, to: target, threads: threads)
  }

  private func writeMotion(_ globalFromEgo: RigidTransform) {
    guard let view = input(NetworkTensors.motion) else { return }
    let motion = EgoMotionWarp.motion(
      previousGlobalFromEgo: previousGlobalFromEgo ?? globalFromEgo, globalFromEgo: globalFromEgo,
      grid: network.configuration.grid)
    for (k, value) in motion.enumerated() { view.floats[k] = value }
  }

  /// Hands the frame's memory to the next one.
  private mutating func remember(_ globalFromEgo: RigidTransform) throws {
    previousGlobalFromEgo = globalFromEgo
    guard let bev = output(NetworkTensors.bev), let previous = input(NetworkTensors.previousBEV) else {
      return
    }
    previous.floats.update(from: bev.floats, count: bev.count)
    // What is not a number would stay in the memory for good.
    var sum: Float = 0
    for k in 0..<bev.count { sum += bev.floats[k] }
    guard sum.isFinite else {
      previous.floats.update(repeating: 0, count: previous.count)
      throw NetworkError(field: "bev", found: "values that are not numbers", expected: "finite features")
    }
  }

  // MARK: Outputs

  private mutating func decode(
    globalFromEgo: RigidTransform, timestampMicroseconds: Int64, notes: [String], clock: StageTimes
  ) throws -> NetworkFrame {
    var clock = clock
    let detections = try clock.measure("boxes") { try decodeDetections(globalFromEgo) }
    let (layers, lines) = clock.measure("map") { decodeMap(globalFromEgo) }
    var bev = clock.measure("occupancy") {
      if let logits = output(NetworkTensors.occupancy) {
        occupancy.update(
          occupied: logits.floats, seen: logits.floats + occupancy.grid.count,
          evidence: network.configuration.occupancy.evidence, globalFromEgo: globalFromEgo,
          timestampMicroseconds: timestampMicroseconds, threads: threads)
      }
      return occupancy.layers()
    }
    bev.mapLayers = layers
    let filled = clock.measure("volume") { decodeVolume() }
    return NetworkFrame(
      detections: detections, bev: bev, volume: filled, lines: lines, notes: notes,
      milliseconds: clock.stages)
  }

  private mutating func decodeDetections(_ globalFromEgo: RigidTransform) throws -> [Detection] {
    guard outputs[NetworkTensors.heatmap] != nil else { return [] }
    let views = try DetectionDecoder.Outputs { name in
      guard let view = output(name) else {
        throw NetworkError(field: name, found: "no output", expected: "the detection head's")
      }
      return view
    }
    return detection.decode(views, globalFromEgo: globalFromEgo)
  }

  private mutating func decodeMap(
    _ globalFromEgo: RigidTransform
  ) -> (layers: [(name: String, values: [UInt8])], lines: [MapLayer]) {
    guard let logits = output(NetworkTensors.map) else { return ([], []) }
    return (map.layers(logits, threads: threads), map.lines(logits, globalFromEgo: globalFromEgo))
  }

  private mutating func decodeVolume() -> OccupancyVolume {
    if let logits = output(NetworkTensors.volume), let decoded = volume?.decode(logits, threads: threads) {
      return decoded
    }
    let shape = OccupancyVolume.shape
    return OccupancyVolume(
      semantics: [UInt8](repeating: OccupancyVolume.free, count: shape.x * shape.y * shape.z))
  }
}

/// Milliseconds by stage, in order.
private struct StageTimes {
  var stages: [(stage: String, milliseconds: Double)] = []

  mutating func measure<R>(_ stage: String, _ body: () throws -> R) rethrows -> R {
    let start = ContinuousClock.now
    defer {
      let duration = (ContinuousClock.now - start).components
      stages.append((stage, Double(duration.seconds) * 1e3 + Double(duration.attoseconds) * 1e-15))
    }
    return try body()
  }
}
