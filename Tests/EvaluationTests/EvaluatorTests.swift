import Evaluation
import Files
import Foundation
import Geometry
import Recording
import Results
import Scenes
import TestKit
import Testing

/// A dataroot of three keyframes with one car, and a folder for results beside it.
private final class SmallTruth {
  let folder: String
  let dataset: Dataset
  let samples: [String]
  let instance: String

  init(keyframes: Int = 3) throws {
    folder = NSTemporaryDirectory() + "apus-evaluation-\(UUID().uuidString)"
    var builder = SceneBuilder(
      name: "scene-1", log: .init(logfile: "l", vehicle: "v", dateCaptured: "2026-01-01", location: "nowhere")
    )
    let sensor = builder.sensor(channel: "LIDAR_TOP", modality: .lidar, egoFromSensor: .identity)
    var samples: [String] = []
    var instance = ""
    for k in 0..<keyframes {
      let time = Int64(1_000_000 + 500_000 * k)
      let pose = RigidTransform(rotation: .identity, translation: SIMD3(Double(k), 0, 0))
      let sample = builder.addKeyframe(timestampMicroseconds: time).token
      try builder.addMeasurement(
        sensor: sensor, sampleToken: sample, timestampMicroseconds: time, globalFromEgo: pose,
        isKeyframe: true,
        ending: "pcd.bin", bytes: nil)
      instance =
        builder.addAnnotation(
          sampleToken: sample, instance: "car", category: "vehicle.car", attribute: "vehicle.moving",
          box: Self.box(k), lidarPointCount: 60
        ).instanceToken
      samples.append(sample)
    }
    self.samples = samples
    self.instance = instance
    var writer = try DatasetWriter(root: "\(folder)/data")
    try writer.add(builder.finish())
    try writer.publish()
    dataset = try Dataset(root: "\(folder)/data")
    try FileManager.default.createDirectory(atPath: "\(folder)/run", withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: folder) } catch { print("left behind: \(folder)") }
  }

  static func box(_ k: Int) -> Box3D {
    Box3D(center: SIMD3(10 + 2 * Double(k), 1, 0.5), size: SIMD3(2, 4, 1.5), rotation: .identity)
  }

  /// A sample's box as JSON.
  func row(
    _ k: Int, name: String = "car", score: String = "0.9", attribute: String = "vehicle.moving",
    size: String = "[2,4,1.5]"
  ) -> String {
    let center = Self.box(k).center
    return """
      {"sample_token":"\(samples[k])","translation":[\(center.x),\(center.y),\(center.z)],"size":\(size),
      "rotation":[1,0,0,0],"velocity":[4,0],"detection_name":"\(name)","detection_score":\(score),"attribute_name":"\(attribute)"}
      """
  }

  func write(_ name: String, _ text: String) throws {
    try text.write(toFile: "\(folder)/run/\(name)", atomically: true, encoding: .utf8)
  }

  func writeDetections(_ rows: [(String, String)]) throws {
    let samples = rows.map { "\"\($0.0)\":[\($0.1)]" }.joined(separator: ",")
    try write("detections.json", "{\"meta\":{},\"results\":{\(samples)}}")
  }

  func evaluate() throws -> Metrics {
    try Evaluator.evaluate(run: "\(folder)/run", dataroot: dataset, split: nil)
  }

  func problems() -> String {
    do {
      _ = try evaluate()
      return "none"
    } catch { return "\(error)" }
  }
}

@Suite struct EvaluatorTests {
  @Test func aPerfectResultIsPerfect() throws {
    let truth = try SmallTruth()
    try truth.writeDetections((0..<3).map { (truth.samples[$0], truth.row($0)) })
    let metrics = try truth.evaluate()
    #expect(abs((metrics.detection?.meanAveragePrecision(of: .car) ?? 0) - 1) < 1e-12)
    #expect(metrics.detection?.errors[0] == [0, 0, 0, 0, 0])
    #expect(metrics.vehicleRecall?.recall == 1)
    #expect(metrics.json["detection"]?["nd_score"] != nil && metrics.forecasting == nil)
    #expect(metrics.table.contains("NDS"))
  }

  @Test func allFaultsOfAResultAreListedWithFileAndToken() throws {
    let truth = try SmallTruth()
    try truth.writeDetections([
      (
        truth.samples[0],
        truth.row(0, name: "spaceship") + "," + truth.row(0, score: "NaN") + "," + truth.row(0, score: "1.5")
      ),
      (
        truth.samples[1],
        truth.row(1, score: "1") + "," + truth.row(1, attribute: "car.flying") + "," + truth.row(0)
      ),
      ("feedfeed", ""), (truth.samples[0], truth.row(0, size: "[0,1,1]")),
    ])
    let text = truth.problems()
    let file = "\(truth.folder)/run/detections.json"
    for (token, word) in [
      (truth.samples[0], "\"spaceship\""), (truth.samples[0], "nan"), (truth.samples[0], "1.5"),
      (truth.samples[1], "the whole number 1"), (truth.samples[1], "\"car.flying\""),
      (truth.samples[1], "\"\(truth.samples[0])\""), ("feedfeed", "not in v1.0-mini"),
      (truth.samples[0], "there twice"),
      (truth.samples[2], "missing"),
    ] {
      #expect(
        text.split(separator: "\n").contains {
          $0.hasPrefix(file) && $0.contains(token) && $0.contains(word)
        },
        "\(word) of \(token) in:\n\(text)")
    }
    #expect(text.split(separator: "\n").count == 9)
  }

  @Test func moreThan500BoxesAreAFault() throws {
    let truth = try SmallTruth()
    let many = Array(repeating: truth.row(0), count: 501).joined(separator: ",")
    try truth.writeDetections([(truth.samples[0], many), (truth.samples[1], ""), (truth.samples[2], "")])
    #expect(truth.problems().contains("501 boxes (expected at most 500)"))
  }

  @Test func aFolderWithoutResultsIsAFault() throws {
    let truth = try SmallTruth()
    #expect(truth.problems().contains("expected a folder with detections.json"))
  }

  private func forecast(_ instance: String, _ sample: String, steps: Int = 12) -> String {
    let mode = "[" + (1...steps).map { "[\(10 + 2 * $0),1]" }.joined(separator: ",") + "]"
    return
      "{\"instance\":\"\(instance)\",\"sample\":\"\(sample)\",\"prediction\":[\(mode)],\"probabilities\":[1]}"
  }

  @Test func forecastsWithTwelveStepsAheadAreScored() throws {
    let truth = try SmallTruth(keyframes: 14)
    let rows = truth.samples.dropFirst().map { forecast(truth.instance, $0) }
    try truth.write("forecasts.json", "[\(rows.joined(separator: ","))]")
    let metrics = try truth.evaluate().forecasting
    #expect(metrics?.forecasts == 13 && metrics?.scored == 1)
    // From keyframe 1 the car is at 14, 16, ...; the forecast begins at 12.
    #expect(metrics?.minimumAverageDisplacement[0] == 2)
    #expect(metrics?.missRate[0] == 1)
  }

  @Test func aRunThatWasGivenTruthMustForecastEveryVehicleWithAPast() throws {
    let truth = try SmallTruth()
    try truth.write("forecasts.json", "[\(forecast(truth.instance, truth.samples[1]))]")
    #expect(try truth.evaluate().forecasting?.forecasts == 1)
    let manifest = RunManifest(
      version: "1", command: [], threads: 1, cpu: "", configuration: .members(["given_truth": .bool(true)]),
      versionFolder: "v1.0-mini", split: nil, scenes: ["scene-1"])
    try manifest.write("\(truth.folder)/run/run.json")
    let text = truth.problems()
    #expect(text.contains("instance \(truth.instance), sample \(truth.samples[2]): no forecast"))
    #expect(!text.contains(truth.samples[0]) && !text.contains(truth.samples[1]))
  }

  @Test func faultsOfForecastsAreListed() throws {
    let truth = try SmallTruth()
    let good = forecast(truth.instance, truth.samples[1])
    let rows = [
      good, good, forecast("nobody", truth.samples[1]), forecast(truth.instance, "nowhere"),
      forecast(truth.instance, truth.samples[2], steps: 11),
      good.replacingOccurrences(of: "[1]}", with: "[0.5,0.5]}"),
    ]
    try truth.write("forecasts.json", "[\(rows.joined(separator: ","))]")
    let text = truth.problems()
    for word in [
      "there twice", "nobody", "an unknown sample", "a mode of 11 steps", "1 modes, 2 probabilities",
    ] {
      #expect(text.contains(word), "\(word) in:\n\(text)")
    }
  }
}

/// The public devkit's numbers for annotations, detections and forecasts that come with them.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: RealData.oracle), "the oracle is not here"))
struct OracleTests {
  private static let oracle = RealData.oracle

  /// The leaves that differ by more than the tolerance, or are missing.
  private func differences(_ expected: Any, _ found: JSONValue?, _ path: String) -> [String] {
    if let members = expected as? [String: Any] {
      return members.keys.sorted().flatMap { differences(members[$0] as Any, found?[$0], "\(path).\($0)") }
    }
    guard let value = expected as? Double else { return ["\(path): not a number"] }
    guard let number = found?.numberValue else {
      return ["\(path): \(value) and \(found.map { "\($0)" } ?? "nothing")"]
    }
    // The devkit sums in another order (numpy adds in pairs), which moves the last digits alone.
    return abs(value - number) <= 1e-6 ? [] : ["\(path): \(value) and \(number)"]
  }

  private func expected() throws -> [String: Any] {
    let text = try Data(contentsOf: URL(fileURLWithPath: "\(Self.oracle)/expected.json"))
    // Python writes NaN where a figure does not exist; Foundation does not read it, and we compare figures that exist.
    let plain = String(decoding: text, as: UTF8.self).replacing("NaN", with: "null")
    func pruned(_ value: Any) -> Any? {
      if value is NSNull { return nil }
      guard let members = value as? [String: Any] else { return value }
      return members.compactMapValues(pruned)
    }
    return try #require(try pruned(JSONSerialization.jsonObject(with: Data(plain.utf8))) as? [String: Any])
  }

  @Test func figuresAreTheDevkits() throws {
    let expected = try expected()
    let metrics = try Evaluator.evaluate(
      run: Self.oracle, dataroot: Dataset(root: Self.oracle), split: "oracle")
    let detection = differences(expected["detection"] as Any, metrics.json["detection"], "detection")
    let forecasting = differences(expected["prediction"] as Any, metrics.json["forecasting"], "forecasting")
    let tracking = differences(expected["tracking"] as Any, metrics.json["tracking"], "tracking")
    let all = detection + tracking + forecasting
    #expect(all.isEmpty, "\(all.joined(separator: "\n"))")
  }

  @Test func changedClassesAreNoticed() throws {
    let expected = try expected()
    let folder = NSTemporaryDirectory() + "apus-oracle-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let text = try String(contentsOfFile: "\(Self.oracle)/detections.json", encoding: .utf8)
    try text.replacing("\"car\"", with: "\"bus\"", maxReplacements: 40)
      .write(toFile: "\(folder)/detections.json", atomically: true, encoding: .utf8)
    let metrics = try Evaluator.evaluate(run: folder, dataroot: Dataset(root: Self.oracle), split: "oracle")
    #expect(!differences(expected["detection"] as Any, metrics.json["detection"], "detection").isEmpty)
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test func exchangedTracksAreNoticed() throws {
    let expected = try expected()
    let folder = NSTemporaryDirectory() + "apus-oracle-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let text = try String(contentsOfFile: "\(Self.oracle)/tracks.json", encoding: .utf8)
    // Tracks that are in the first three hundred boxes and in later ones are cut in two.
    let key = "\"tracking_id\": \""
    try text.replacing(key, with: key + "another-", maxReplacements: 300)
      .write(toFile: "\(folder)/tracks.json", atomically: true, encoding: .utf8)
    let metrics = try Evaluator.evaluate(run: folder, dataroot: Dataset(root: Self.oracle), split: "oracle")
    #expect(!differences(expected["tracking"] as Any, metrics.json["tracking"], "tracking").isEmpty)
    try FileManager.default.removeItem(atPath: folder)
  }
}
