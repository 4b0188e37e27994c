import ArgumentParser
import Drawing
import Evaluation
import Files
import Foundation
import Recording
import Results
import Scenes

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Scores a run against a dataroot's annotations by the public definitions.",
    discussion: """
      Example: apus evaluate runs/mini --truth ~/data/nuscenes --split mini_val --json
      RUN may be any folder with detections.json, tracks.json or forecasts.json. Beside a run.json the figures are also written to
      metrics.json. Detection, tracking and forecasting follow nuscenes-devkit 1.2.0; a figure that does not exist is null.
      """)

  @Argument(help: "A run's folder, or any with detections.json, tracks.json or forecasts.json.") var folder:
    String
  @Option(help: "The dataroot with the annotations.") var truth: String
  @Option(name: .customLong("version-folder"), help: "The dataroot's version folder; by default the run's.")
  var version: String?
  @Option(help: "Score this scene alone; by default those that the run has.") var scene: String?
  @Option(help: "Score the scenes of this split.") var split: String?
  @Option(help: "The class that annotations of a category count as: 'my.car=car'. Once for each category.")
  var category: [CategoryClass] = []
  @Option(
    help: "Also write the figures, curves and the worst ten frames with their pictures to this HTML file.")
  var html: String?
  @Option(
    help: "Also write precision-recall and score-calibration curves of detection into this folder, as SVG.")
  var curves: String?
  @Flag(help: "Print the figures as one JSON value.") var json = false

  func validate() throws {
    guard scene == nil || split == nil else {
      throw ValidationError("--scene and --split exclude each other.")
    }
  }

  /// `CATEGORY=CLASS`.
  struct CategoryClass: ExpressibleByArgument {
    let category: String
    let name: DetectionClass
    init?(argument: String) {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let name = DetectionClass(rawValue: parts[1]) else { return nil }
      self.category = parts[0]
      self.name = name
    }
  }

  func run() throws {
    let manifestPath = "\(folder)/run.json"
    let hasManifest = FileManager.default.fileExists(atPath: manifestPath)
    let manifest = hasManifest ? try RunManifest(path: manifestPath) : nil
    let dataset = try Dataset(root: truth, version: version ?? manifest?.versionFolder)
    let metrics = try Evaluator.evaluate(
      run: folder, dataroot: dataset,
      choice: scene.map { .scene($0) } ?? split.map { .split($0) } ?? .ofResults,
      classes: Dictionary(category.map { ($0.category, $0.name) }, uniquingKeysWith: { $1 }))
    if hasManifest { try AtomicFile.write("\(folder)/metrics.json", text: metrics.json.text) }
    if let html {
      let charts = metrics.curves.map { [LineChart.precision($0), LineChart.calibration($0)] } ?? []
      let frames = metrics.frameErrors.prefix(HTMLReport.pictureCount).map { frame in
        HTMLReport.Frame(
          scene: frame.scene, sample: frame.sample,
          caption: "\(frame.missed) boxes missed, \(frame.falsePositives) of nothing")
      }
      let report = HTMLReport(
        figures: metrics.table, charts: charts, frames: frames, manifest: manifest, folder: folder,
        truth: truth)
      try AtomicFile.write(html, text: report.html())
    }
    if let folder = curves, let curves = metrics.curves {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try AtomicFile.write("\(folder)/precision-recall.svg", text: LineChart.precision(curves).svg)
      try AtomicFile.write("\(folder)/score-calibration.svg", text: LineChart.calibration(curves).svg)
    }
    try Output.result(
      json ? metrics.json.text.trimmingCharacters(in: .whitespacesAndNewlines) : metrics.table)
  }
}
