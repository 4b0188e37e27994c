import Geometry
import Recording
import Results
import Scenes

/// A tracking submission, judged box by box, beside the truth of the same keyframes.
struct TrackingResults {
  /// The evaluated scenes in the truth's order, boxes that are not scored left out.
  let scenes: [TrackedScene]

  /// Reads `tracks.json`.
  /// - Throws: `ResultsError` where it is no submission; `EvaluationError` with all that is wrong in it: unknown, missing
  ///   and repeated samples, class names, scores that are no numbers, boxes without a track or a place.
  init(_ path: String, truth: SampleTruth, dataset: Dataset) throws {
    var found = truth.samples.map { _ in [TrackedBox]() }
    var numbers: [String: TrackNumbers] = [:]
    var problems = EvaluationError()
    var ledger = SampleLedger(path: path, truth: truth)
    try Submission.read(path, kind: .tracking) { token, boxes in
      guard let row = ledger.row(of: token, boxCount: boxes.count, dataset: dataset, &problems) else {
        return
      }
      let sample = truth.samples[row]
      for raw in boxes {
        guard let name = Self.judge(raw, sample: token, path, &problems),
          (raw.box.center - sample.ego).xy.length < name.evaluationRange,
          !SampleTruth.isInRack(raw.box.center, name, sample.bicycleRacks)
        else { continue }
        let track = numbers[sample.scene, default: TrackNumbers()].number(of: raw.trackingID)
        found[row].append(TrackedBox(track: track, name: name, center: raw.box.center.xy, score: raw.score))
      }
    }
    ledger.finish(&problems)
    try problems.check()
    scenes = Self.scenes(truth, found)
  }

  /// Numbers for names, in the order in which they are met.
  private struct TrackNumbers {
    private var numbers: [String: Int] = [:]

    mutating func number(of name: String) -> Int {
      if let known = numbers[name] { return known }
      numbers[name] = numbers.count
      return numbers.count - 1
    }
  }

  private static func scenes(_ truth: SampleTruth, _ found: [[TrackedBox]]) -> [TrackedScene] {
    truth.scenes.map { _, rows in
      var numbers = TrackNumbers()
      let boxes = truth.samples[rows].map { sample in
        zip(sample.boxes, sample.details).compactMap { box, details in
          box.name.isTracked
            ? TrackedBox(track: numbers.number(of: details.instance), name: box.name, center: box.center.xy)
            : nil
        }
      }
      return TrackedScene(
        timestamps: truth.samples[rows].map(\.timestampMicroseconds), truth: boxes,
        results: Array(found[rows]))
    }
  }

  /// A box's class, or nil where it cannot be scored; what is wrong is added to the problems.
  private static func judge(
    _ raw: SubmissionBox, sample: String, _ path: String, _ problems: inout EvaluationError
  ) -> DetectionClass? {
    func fail(_ field: String, _ found: String, _ expected: String) -> DetectionClass? {
      problems.add(
        file: path, place: "sample \(sample), byte \(raw.offset): \(field)", found: found, expected: expected)
      return nil
    }
    guard let name = DetectionClass(rawValue: raw.name), name.isTracked else {
      return fail("tracking_name", "\"\(raw.name)\"", "one of the seven tracking classes")
    }
    guard raw.sampleToken == sample else {
      return fail("sample_token", "\"\(raw.sampleToken)\"", "the sample under which the box stands")
    }
    guard !raw.trackingID.isEmpty else { return fail("tracking_id", "empty", "the track's name") }
    guard raw.score.isFinite else { return fail("tracking_score", "\(raw.score)", "a finite number") }
    guard raw.box.center.isFinite else { return fail("translation", "\(raw.box.center)", "finite numbers") }
    return name
  }
}
