import Files
import Foundation
import Recording
import Results

/// Scores what a run wrote against what was annotated.
public enum Evaluator {
  /// Scores every result that a folder has.
  ///
  /// - Parameters:
  ///   - run: A run's folder, or any with `detections.json`, `tracks.json` or `forecasts.json`.
  ///   - dataroot: The truth.
  ///   - choice: The scenes.
  /// - Throws: `EvaluationError` listing what is wrong with the results, `ResultsError` where a file cannot be read as what
  ///   it should be, `RecordingError` where the truth cannot.
  public static func evaluate(run: String, dataroot: Dataset, choice: SceneChoice = .ofResults) throws
    -> Metrics
  {
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
    let truth = try SampleTruth(dataroot, scenes: scenes)
    if let file = path("detections.json") {
      let results = try DetectionResults(file, truth: truth, dataset: dataroot)
      metrics.detection = DetectionMetrics(truth: truth.samples.map(\.boxes), results: results.boxes)
      metrics.vehicleRecall = VehicleRecall(truth: truth.samples.map(\.vehicles), results: results.vehicles)
    }
    if let file = path("tracks.json") {
      metrics.tracking = TrackingMetrics(
        scenes: try TrackingResults(file, truth: truth, dataset: dataroot).scenes)
    }
    if let file = path("forecasts.json") {
      var complete = false
      if let manifest = path("run.json") {
        complete = try RunManifest(path: manifest).configuration["given_truth"] == .bool(true)
      }
      metrics.forecasting = try ForecastEvaluation.evaluate(
        file, dataset: dataroot, tokens: truth.samples.map(\.token), complete: complete)
    }
    metrics.occupancy = try OccupancyEvaluation.evaluate(run: run, dataset: dataroot, scenes: scenes)
    return metrics
  }
}

/// The figures of one run, as far as it has results for them.
public struct Metrics: Sendable, Equatable {
  /// Detection as nuScenes scores it.
  public var detection: DetectionMetrics?
  /// The share of well-seen near vehicles that are found.
  public var vehicleRecall: VehicleRecall?
  /// Tracking as nuScenes scores it.
  public var tracking: TrackingMetrics?
  /// Forecasting as nuScenes scores it.
  public var forecasting: ForecastMetrics?
  /// BEV occupancy against labelled points.
  public var occupancy: OccupancyMetrics?

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
      ("detection", detection?.json), ("vehicle_recall_30m", vehicleRecall?.json),
      ("tracking", tracking?.json),
      ("forecasting", forecasting?.json), ("occupancy", occupancy?.json),
    ]
    let names = JSONValue.Member(key: "scenes", value: .array(scenes.map { .string($0) }))
    return .object([names] + sections.compactMap { name, value in value.map { .init(key: name, value: $0) } })
  }
}
