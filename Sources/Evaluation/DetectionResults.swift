import Geometry
import Recording
import Results
import Scenes

/// A detection submission, judged box by box and brought into the order of the truth.
struct DetectionResults {
  /// `[sample][box]`: the boxes that are scored.
  private(set) var boxes: [[EvaluationBox]]
  /// `[sample][place]`: results of vehicle classes near the ego.
  private(set) var vehicles: [[VehicleRecall.Place]]

  /// The area that vehicles cover.
  private(set) var vehicleArea = VehicleAreaMetrics()

  private static let vehicleClasses: Set<DetectionClass> = [
    .car, .truck, .bus, .trailer, .constructionVehicle, .motorcycle, .bicycle,
  ]

  /// Reads `detections.json`.
  /// - Throws: `ResultsError` where it is no submission; `EvaluationError` with all that is wrong in it: unknown, missing
  ///   and repeated samples, class and attribute names, scores and sizes.
  init(_ path: String, truth: SampleTruth, dataset: Dataset) throws {
    boxes = truth.samples.map { _ in [] }
    vehicles = boxes.map { _ in [] }
    var problems = EvaluationError()
    var ledger = SampleLedger(path: path, truth: truth)
    try Submission.read(path, kind: .detection) { token, found in
      guard let row = ledger.row(of: token, boxCount: found.count, dataset: dataset, &problems) else {
        return
      }
      let sample = truth.samples[row]
      let egoFromGlobal = sample.globalFromEgo.inverse
      var footprints: [(footprint: Polygon, score: Double)] = []
      for raw in found {
        guard let box = Self.judge(raw, sample: token, path, &problems) else { continue }
        let distance = (box.center - sample.ego).xy.length
        if Self.vehicleClasses.contains(box.name) {
          footprints.append((raw.box.transformed(by: egoFromGlobal).footprint, box.score))
        }
        if distance < VehicleRecall.range, Self.vehicleClasses.contains(box.name) {
          vehicles[row].append(VehicleRecall.Place(center: box.center.xy, score: box.score))
        }
        guard distance < box.name.evaluationRange,
          !SampleTruth.isInRack(box.center, box.name, sample.bicycleRacks)
        else { continue }
        boxes[row].append(box)
      }
      vehicleArea.add(
        truth: sample.obstacles.filter { $0.kind == .vehicle }.map {
          $0.box.transformed(by: egoFromGlobal).footprint
        }, results: footprints)
    }
    ledger.finish(&problems)
    try problems.check()
  }

  /// A box as it is scored, or nil where it cannot be; what is wrong is added to the problems.
  private static func judge(
    _ raw: SubmissionBox, sample: String, _ path: String, _ problems: inout EvaluationError
  ) -> EvaluationBox? {
    func fail(_ field: String, _ found: String, _ expected: String) -> EvaluationBox? {
      problems.add(
        file: path, place: "sample \(sample), byte \(raw.offset): \(field)", found: found, expected: expected)
      return nil
    }
    guard let name = DetectionClass(rawValue: raw.name) else {
      return fail("detection_name", "\"\(raw.name)\"", "one of the ten detection classes")
    }
    guard raw.attribute.isEmpty || BoxAttribute(rawValue: raw.attribute) != nil else {
      return fail("attribute_name", "\"\(raw.attribute)\"", "one of nuScenes' eight, or nothing")
    }
    guard raw.sampleToken == sample else {
      return fail("sample_token", "\"\(raw.sampleToken)\"", "the sample under which the box stands")
    }
    guard raw.score >= 0, raw.score <= 1 else {
      return fail("detection_score", "\(raw.score)", "a number from 0 to 1")
    }
    func list(_ v: SIMD3<Double>) -> String { "\(v.x), \(v.y), \(v.z)" }
    guard raw.box.center.isFinite else { return fail("translation", list(raw.box.center), "finite numbers") }
    guard raw.box.size.isFinite, raw.box.size.min() > 0 else {
      return fail("size", list(raw.box.size), "finite numbers above 0")
    }
    guard raw.box.rotation.norm.isFinite, raw.box.rotation.norm > 0 else {
      let numbers = raw.box.rotation.wxyz.map { "\($0)" }.joined(separator: ", ")
      return fail("rotation", numbers, "a quaternion")
    }
    return EvaluationBox(
      name: name, center: raw.box.center, size: raw.box.size, yaw: raw.box.rotation.normalized.yaw,
      velocity: raw.velocity, score: raw.score, attribute: BoxAttribute(rawValue: raw.attribute))
  }
}

/// Which samples a submission has named: each of the split once, none that the dataroot does not know.
struct SampleLedger {
  private let path: String
  private let truth: SampleTruth
  private var seen: [Bool]

  init(path: String, truth: SampleTruth) {
    self.path = path
    self.truth = truth
    seen = truth.samples.map { _ in false }
  }

  /// The place of a sample among the evaluated ones; nil for one outside the split, and for one that is wrong.
  mutating func row(
    of token: String, boxCount: Int, dataset: Dataset, _ problems: inout EvaluationError
  ) -> Int? {
    guard let row = truth.rows[token] else {
      if !Self.isKnown(token, dataset) {
        problems.add(
          file: path, place: "sample \(token)", found: "not in \(dataset.version)",
          expected: "a sample of the dataroot")
      }
      return nil
    }
    if seen[row] {
      problems.add(file: path, place: "sample \(token)", found: "there twice", expected: "each sample once")
      return nil
    }
    seen[row] = true
    if boxCount > Submission.boxLimit {
      problems.add(
        file: path, place: "sample \(token)", found: "\(boxCount) boxes",
        expected: "at most \(Submission.boxLimit)")
    }
    return row
  }

  /// Adds the samples that were never named.
  func finish(_ problems: inout EvaluationError) {
    for (row, sample) in truth.samples.enumerated() where !seen[row] {
      problems.add(
        file: path, place: "sample \(sample.token)", found: "missing",
        expected: "every sample of the split, with an empty list where nothing is found")
    }
  }

  static func isKnown(_ token: String, _ dataset: Dataset) -> Bool {
    do {
      _ = try dataset.keyframe(token: token)
      return true
    } catch { return false }
  }
}
