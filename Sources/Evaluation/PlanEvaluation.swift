import Foundation
import Geometry
import Recording
import Results
import Scenes

/// The drivable areas of a dataroot's locations, each read once.
struct DrivableAreas {
  private let dataset: Dataset
  private var areas: [String: DrivableArea?] = [:]

  init(_ dataset: Dataset) { self.dataset = dataset }

  /// The area of a scene's location, or nil where its map has none.
  mutating func area(ofScene name: String) throws -> DrivableArea? {
    let location = try dataset.location(ofScene: name)
    if let known = areas[location] { return known }
    let area = DrivableArea(try dataset.mapLayers(location: location))
    areas[location] = .some(area)
    return area
  }
}

/// Scores `trajectories/<scene>.jsonl`: the ego's plans and the agents' forecasts.
enum PlanEvaluation {
  /// How far a keyframe may lie from a plan's step in time, in seconds.
  private static let tolerance = 0.25

  /// - Throws: what reading the files throws; `EvaluationError` where a line names a keyframe that its scene does not have,
  ///   or one twice.
  /// - Returns: planning by scene; empty where the run has no trajectories.
  static func evaluate(
    run: String, dataset: Dataset, truth: SampleTruth, into metrics: inout Metrics
  ) throws -> [PlanningMetrics] {
    var problems = EvaluationError()
    var planning = truth.scenes.map { _ in PlanningMetrics() }
    var kinds = [("vehicle", EndToEndAccuracy()), ("pedestrian", EndToEndAccuracy())]
    var scores = PlanScore()
    var areas = DrivableAreas(dataset)
    var isAny = false
    for (scene, (name, rows)) in truth.scenes.enumerated() {
      let path = "\(run)/trajectories/\(name).jsonl"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      isAny = true
      let area = try areas.area(ofScene: name)
      var seen = Set<Int>()
      var paths = AgentPaths(dataset)
      try TrajectoryRecord.read(path) { record in
        guard let row = truth.rows[record.sampleToken], rows.contains(row), seen.insert(row).inserted else {
          problems.add(
            file: path, place: "sample \(record.sampleToken)", found: "not of \(name), or there twice",
            expected: "each keyframe of the scene once")
          return
        }
        if let best = TrajectoryRecord.mostProbable(record.egoProbabilities) {
          let future = future(of: row, rows, truth)
          add(record.egoModes[best], row, future, truth, &planning[scene])
          if future.count >= PlanScore.stepCount {
            scores.add(score(record.egoModes[best], truth.samples[row], future, area))
          }
        }
        for k in kinds.indices {
          try add(record.agents, row, truth, isPerson: kinds[k].0 == "pedestrian", &paths, &kinds[k].1)
        }
      }
    }
    try problems.check()
    guard isAny else { return [] }
    metrics.planning = .total(planning)
    metrics.planScore = scores.plans > 0 ? scores : nil
    metrics.endToEnd = kinds.map { (kind: $0.0, accuracy: $0.1) }
    return planning
  }

  /// The keyframes at the steps after one, as far as they lie where the steps are.
  private static func future(of row: Int, _ rows: Range<Int>, _ truth: SampleTruth) -> [SampleTruth.Sample] {
    let now = truth.samples[row].timestampMicroseconds
    var future: [SampleTruth.Sample] = []
    for step in 1...PlanScore.stepCount where row + step < rows.upperBound {
      let sample = truth.samples[row + step]
      let seconds = Double(sample.timestampMicroseconds - now) / 1e6
      guard abs(seconds - Trajectories.stepSeconds * Double(step)) <= tolerance else { break }
      future.append(sample)
    }
    return future
  }

  private static func add(
    _ plan: [SIMD2<Double>], _ row: Int, _ future: [SampleTruth.Sample], _ truth: SampleTruth,
    _ planning: inout PlanningMetrics
  ) {
    planning.add(
      plan: plan, start: truth.samples[row].globalFromEgo, future: future.map(\.globalFromEgo),
      obstacles: future.map { $0.obstacles.filter { $0.kind != .object }.map(\.box.footprint) })
  }

  private static func score(
    _ plan: [SIMD2<Double>], _ now: SampleTruth.Sample, _ future: [SampleTruth.Sample], _ area: DrivableArea?
  ) -> PlanScore.Parts {
    let samples = [now] + future.prefix(PlanScore.stepCount)
    var looks: [[PlanScore.Obstacle]] = []
    for (a, b) in zip(samples, samples.dropFirst()) {
      let later = Dictionary(b.obstacles.map { ($0.instance, $0.box) }) { first, _ in first }
      for k in 0..<5 { looks.append(a.obstacles.map { between($0, later[$0.instance], at: Double(k) / 5) }) }
    }
    looks.append((samples.last?.obstacles ?? []).map { between($0, nil, at: 0) })
    return PlanScore.parts(
      plan: plan, start: now.globalFromEgo, recorded: samples.map(\.ego.xy), obstacles: looks, area: area)
  }

  /// An obstacle between two keyframes; one that is annotated in the first only stays where it is.
  private static func between(
    _ obstacle: SampleTruth.Obstacle, _ later: Box3D?, at share: Double
  ) -> PlanScore.Obstacle {
    var box = obstacle.box
    if let later {
      let pose = box.ownerFromBox.interpolated(to: later.ownerFromBox, at: share)
      box = Box3D(center: pose.translation, size: box.size, rotation: pose.rotation)
    }
    return PlanScore.Obstacle(box: box, isRoadUser: obstacle.kind != .object)
  }

  private static func add(
    _ agents: [TrajectoryRecord.Agent], _ row: Int, _ truth: SampleTruth, isPerson: Bool,
    _ paths: inout AgentPaths, _ accuracy: inout EndToEndAccuracy
  ) throws {
    func counts(_ name: DetectionClass) -> Bool { name.isTracked && (name == .pedestrian) == isPerson }
    let sample = truth.samples[row]
    var real: [EndToEndAccuracy.Agent] = []
    for (box, details) in zip(sample.boxes, sample.details) where counts(box.name) {
      let future =
        try paths.future(of: details.instance, from: sample.token, horizon: ForecastEvaluation.horizon) ?? []
      real.append(.init(center: box.center.xy, future: future))
    }
    let found = agents.filter { agent in
      guard let name = DetectionClass(rawValue: agent.name) else { return false }
      return counts(name) && (agent.center - sample.ego.xy).length < name.evaluationRange
    }
    accuracy.add(
      truth: real, results: found.map { .init(center: $0.center, modes: $0.modes) })
  }
}
