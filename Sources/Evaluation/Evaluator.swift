import Files
import Foundation
import Recording
import Results
import Scenes

/// Scores what a run wrote against what was annotated.
public enum Evaluator {
  /// Scores every result that a folder has.
  ///
  /// - Parameters:
  ///   - run: A run's folder, or any with `detections.json`, `tracks.json` or `forecasts.json`.
  ///   - dataroot: The truth.
  ///   - choice: The scenes.
  ///   - classes: Detection classes of a dataroot's own categories, beside nuScenes'.
  /// - Throws: `EvaluationError` listing what is wrong with the results, `ResultsError` where a file cannot be read as what
  ///   it should be, `RecordingError` where the truth cannot.
  public static func evaluate(
    run: String, dataroot: Dataset, choice: SceneChoice = .ofResults, classes: [String: DetectionClass] = [:]
  ) throws -> Metrics {
    let manager = FileManager.default
    func path(_ name: String) -> String? {
      manager.fileExists(atPath: "\(run)/\(name)") ? "\(run)/\(name)" : nil
    }
    let files = ["detections.json", "tracks.json", "forecasts.json", "bev/grid.json"]
    guard files.contains(where: { path($0) != nil }) else {
      throw ResultsError(
        file: run, place: "results", found: "none",
        expected: "a folder with \(files.joined(separator: " or "))")
    }
    let scenes = try choice.scenes(of: run, in: dataroot)
    var metrics = Metrics(scenes: scenes, sceneCount: dataroot.sceneNames.count)
    var bootstrap = SceneBootstrap(scenes: scenes)
    let resamples = scenes.count > 1
    let truth = try SampleTruth(dataroot, scenes: scenes, classes: classes)
    if path("detections.json") != nil || path("tracks.json") != nil {
      metrics.detectionGap = truth.tally.gap(samples: truth.samples.count)
    }
    if let file = path("detections.json") {
      let results = try DetectionResults(file, truth: truth, dataset: dataroot)
      if metrics.detectionGap == nil {
        let matches = DetectionMatches(
          truth: truth.samples.map(\.boxes), results: results.boxes, sceneOfSample: truth.sceneOfSample)
        metrics.detection = matches.metrics()
        metrics.frameErrors = FrameErrors.worstFirst(matches, truth: truth)
        metrics.curves = DetectionCurves(matches)
        metrics.breakdown = DetectionBreakdown(matches, truth: truth)
        if resamples { bootstrap.add(matches) }
      }
      metrics.vehicleRecall = VehicleRecall(truth: truth.samples.map(\.vehicles), results: results.vehicles)
      metrics.vehicleArea = results.vehicleArea
    }
    if let file = path("tracks.json") {
      let results = try TrackingResults(file, truth: truth, dataset: dataroot)
      if metrics.detectionGap == nil { metrics.tracking = TrackingMetrics(scenes: results.scenes) }
    }
    if let file = path("forecasts.json") {
      var complete = false
      if let manifest = path("run.json") {
        complete = try RunManifest(path: manifest).configuration["given_truth"] == .bool(true)
      }
      let judged = try ForecastEvaluation.evaluate(file, dataset: dataroot, truth: truth, complete: complete)
      metrics.forecasting = .total(judged.byScene)
      metrics.offRoad = judged.offRoad.forecasts > 0 ? judged.offRoad : nil
      if resamples { bootstrap.add(judged.byScene, ForecastMetrics.bootstrapped) }
    }
    let occupancy = try OccupancyEvaluation.evaluate(run: run, dataset: dataroot, scenes: scenes)
    let plans = try PlanEvaluation.evaluate(run: run, dataset: dataroot, truth: truth, into: &metrics)
    if !occupancy.isEmpty {
      metrics.occupancy = .total(occupancy)
      if resamples { bootstrap.add(occupancy, OccupancyMetrics.bootstrapped) }
    }
    if resamples, !plans.isEmpty { bootstrap.add(plans, PlanningMetrics.bootstrapped) }
    try GridEvaluation.evaluate(run: run, dataset: dataroot, truth: truth, into: &metrics)
    metrics.lanes = try LaneEvaluation.evaluate(run: run, dataset: dataroot, truth: truth)
    metrics.bootstrap = bootstrap.figures.isEmpty ? nil : bootstrap
    if let gap = metrics.detectionGap, metrics.forecasting == nil, metrics.occupancy == nil {
      throw ResultsError(
        file: "\(dataroot.root)/\(dataroot.version)/sample_annotation.json", place: "annotations to score",
        found: gap, expected: "some; --category NAME=CLASS gives a category a class")
    }
    return metrics
  }
}

/// The figures of one run, as far as it has results for them.
public struct Metrics: Sendable {
  /// Detection as nuScenes scores it.
  public var detection: DetectionMetrics?
  /// What detection got wrong frame by frame, the worst first.
  public var frameErrors: [FrameErrors] = []
  /// What detection's figures are made of.
  public var curves: DetectionCurves?
  /// Where boxes are found and where not.
  public var breakdown: DetectionBreakdown?
  /// Why detection cannot be scored at all, though there are results; nil where it can.
  public var detectionGap: String?
  /// The share of well-seen near vehicles that are found.
  public var vehicleRecall: VehicleRecall?
  /// Tracking as nuScenes scores it.
  public var tracking: TrackingMetrics?
  /// Forecasting as nuScenes scores it.
  public var forecasting: ForecastMetrics?
  /// The share of forecast modes that leave the drivable area.
  public var offRoad: OffRoadRate?
  /// The agents of trajectories, found and forecast together, by kind.
  public var endToEnd: [(kind: String, accuracy: EndToEndAccuracy)] = []
  /// The ego's plans against the recorded drive.
  public var planning: PlanningMetrics?
  /// NAVSIM's score of the ego's plans.
  public var planScore: PlanScore?
  /// BEV occupancy against labelled points.
  public var occupancy: OccupancyMetrics?
  /// Semantic volumes against Occ3D's labels.
  public var volume: VolumeMetrics?
  /// Semantic volumes against Occ3D's labels along rays.
  public var rays: RayMetrics?
  /// Map layers against the map.
  public var map: MapMetrics?
  /// Map lines against the map.
  public var lanes: LaneMetrics?
  /// How far figures would move had other scenes been driven; nil for one scene alone.
  public var bootstrap: SceneBootstrap?
  /// Vehicles' area seen from above.
  public var vehicleArea: VehicleAreaMetrics?

  /// The scenes that were scored, in the dataroot's order, and how many the dataroot has.
  public let scenes: [String], sceneCount: Int

  /// No figures of these scenes.
  public init(scenes: [String] = [], sceneCount: Int = 0) {
    self.scenes = scenes
    self.sceneCount = sceneCount
  }

  /// `Scored: scene-0061 and 3 more of the dataroot's 10 scenes`.
  public var sceneLine: String {
    let shown = scenes.prefix(3).joined(separator: ", ")
    let rest = scenes.count > 3 ? " and \(scenes.count - 3) more" : ""
    return "Scored: \(scenes.isEmpty ? "no scene" : shown + rest), of the dataroot's \(sceneCount)"
  }

  /// What `metrics.json` and `--json` hold: sections in a fixed order, a figure that does not exist as null.
  public var json: JSONValue {
    let sections: [(String, JSONValue?)] = [
      ("detection", detection?.json ?? detectionGap.map { _ in .null }),
      ("detection_not_scored", detectionGap.map { .string($0) }), ("breakdown", breakdown?.json),
      ("score_calibration_error", curves.map { .optional($0.calibrationError) }),
      ("vehicle_recall_30m", vehicleRecall?.json),
      ("tracking", tracking?.json),
      ("forecasting", forecasting?.json), ("off_road_rate", offRoad.map { .optional($0.rate) }),
      (
        "end_to_end",
        endToEnd.isEmpty
          ? nil : .object(endToEnd.map { .init(key: $0.kind, value: $0.accuracy.json) })
      ),
      ("planning", planning?.json), ("plan_score", planScore?.json),
      ("occupancy", occupancy?.json), ("volume", volume?.json),
      ("rays", rays?.json), ("map", map?.json), ("lanes", lanes?.json), ("vehicle_area", vehicleArea?.json),
      ("bootstrap", bootstrap?.json),
    ]
    let names = JSONValue.Member(key: "scenes", value: .array(scenes.map { .string($0) }))
    return .object([names] + sections.compactMap { name, value in value.map { .init(key: name, value: $0) } })
  }
}
