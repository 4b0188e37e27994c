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
  ///   - split: The scenes; nil takes all.
  ///   - classes: Detection classes of a dataroot's own categories, beside nuScenes'.
  /// - Throws: `EvaluationError` listing what is wrong with the results, `ResultsError` where a file cannot be read as what
  ///   it should be, `RecordingError` where the truth cannot.
  public static func evaluate(
    run: String, dataroot: Dataset, split: String?, classes: [String: DetectionClass] = [:]
  ) throws -> Metrics {
    let manager = FileManager.default
    func path(_ name: String) -> String? {
      manager.fileExists(atPath: "\(run)/\(name)") ? "\(run)/\(name)" : nil
    }
    guard path("detections.json") != nil || path("forecasts.json") != nil || path("tracks.json") != nil else {
      throw ResultsError(
        file: run, place: "results", found: "none",
        expected: "a folder with detections.json, tracks.json or forecasts.json")
    }
    let scenes = try dataroot.sceneNames(split: split)
    var metrics = Metrics()
    let truth = try SampleTruth(dataroot, scenes: scenes, classes: classes)
    if path("detections.json") != nil || path("tracks.json") != nil {
      metrics.detectionGap = truth.tally.gap(samples: truth.samples.count)
    }
    if let file = path("detections.json") {
      let results = try DetectionResults(file, truth: truth, dataset: dataroot)
      if metrics.detectionGap == nil {
        metrics.detection = DetectionMetrics(truth: truth.samples.map(\.boxes), results: results.boxes)
      }
      metrics.vehicleRecall = VehicleRecall(truth: truth.samples.map(\.vehicles), results: results.vehicles)
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
      metrics.forecasting = try ForecastEvaluation.evaluate(
        file, dataset: dataroot, tokens: truth.samples.map(\.token), complete: complete)
    }
    metrics.occupancy = try OccupancyEvaluation.evaluate(run: run, dataset: dataroot, scenes: scenes)
    if let gap = metrics.detectionGap, metrics.forecasting == nil, metrics.occupancy == nil {
      throw ResultsError(
        file: "\(dataroot.root)/\(dataroot.version)/sample_annotation.json", place: "annotations to score",
        found: gap, expected: "some; --category NAME=CLASS gives a category a class")
    }
    return metrics
  }
}

/// The figures of one run, as far as it has results for them.
public struct Metrics: Sendable, Equatable {
  /// Detection as nuScenes scores it.
  public var detection: DetectionMetrics?
  /// Why detection cannot be scored at all, though there are results; nil where it can.
  public var detectionGap: String?
  /// The share of well-seen near vehicles that are found.
  public var vehicleRecall: VehicleRecall?
  /// Tracking as nuScenes scores it.
  public var tracking: TrackingMetrics?
  /// Forecasting as nuScenes scores it.
  public var forecasting: ForecastMetrics?
  /// BEV occupancy against labelled points.
  public var occupancy: OccupancyMetrics?

  /// No figures.
  public init() {}

  /// What `metrics.json` and `--json` hold: sections in a fixed order, a figure that does not exist as null.
  public var json: JSONValue {
    let sections: [(String, JSONValue?)] = [
      ("detection", detection?.json ?? detectionGap.map { _ in .null }),
      ("detection_not_scored", detectionGap.map { .string($0) }), ("vehicle_recall_30m", vehicleRecall?.json),
      ("tracking", tracking?.json),
      ("forecasting", forecasting?.json), ("occupancy", occupancy?.json),
    ]
    return .object(sections.compactMap { name, value in value.map { .init(key: name, value: $0) } })
  }
}
