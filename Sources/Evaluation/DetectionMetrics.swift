import Files
import Geometry
import Results
import Scenes

/// The nuScenes detection figures: average precisions, true-positive errors and the detection score (NDS).
///
/// - Source: Caesar et al., "nuScenes", CVPR 2020, section 3.1; nuscenes-devkit 1.2.0, `eval/detection`, with the
///   configuration `detection_cvpr_2019`.
public struct DetectionMetrics: Sendable, Equatable {
  /// The distances in metres at which boxes match.
  public static let distances = [0.5, 1.0, 2.0, 4.0]
  /// The distance of the true positives whose errors are measured: the third of `distances`, 2 m.
  static let errorDistance = 2
  /// The names of the errors, in order.
  public static let errorNames = ["trans_err", "scale_err", "orient_err", "vel_err", "attr_err"]

  /// Average precision, `[class][distance]`, classes in the order of `DetectionClass.allCases`.
  public var averagePrecisions: [[Double]]
  /// Mean errors of true positives, `[class][error]`; nil where the class does not have the property.
  public var errors: [[Double?]]

  /// A class's mean average precision over the distances.
  public func meanAveragePrecision(of name: DetectionClass) -> Double {
    let values = averagePrecisions[DetectionClass.allCases.firstIndex(of: name) ?? 0]
    return values.reduce(0, +) / Double(values.count)
  }

  /// mAP: the mean over classes and distances.
  public var meanAveragePrecision: Double {
    DetectionClass.allCases.reduce(0) { $0 + meanAveragePrecision(of: $1) }
      / Double(DetectionClass.allCases.count)
  }

  /// The mean of each error over the classes that have it.
  public var meanErrors: [Double] {
    Self.errorNames.indices.map { k in
      let values = errors.compactMap { $0[k] }
      return values.reduce(0, +) / Double(values.count)
    }
  }

  /// 1 - error, 0 at least.
  public var scores: [Double] { meanErrors.map { max(0, 1 - $0) } }

  /// NDS: `(5 mAP + Σ scores) / 10`.
  public var detectionScore: Double {
    (5 * meanAveragePrecision + scores.reduce(0, +)) / Double(5 + scores.count)
  }

  /// The figures of these boxes, which have been filtered already.
  ///
  /// - Parameters:
  ///   - truth: `[sample][box]`.
  ///   - results: `[sample][box]`, samples as in `truth`. The order of samples and boxes decides between equal scores:
  ///     the later box counts first.
  /// - Complexity: O(boxes log boxes + Σ results x truth of a sample and class).
  public init(truth: [[EvaluationBox]], results: [[EvaluationBox]]) {
    precondition(truth.count == results.count, "\(truth.count) samples of truth, \(results.count) of results")
    averagePrecisions = []
    errors = []
    for name in DetectionClass.allCases {
      let matcher = ClassMatcher(name: name, truth: truth, results: results)
      let curves = Self.distances.map { matcher.curve(distance: $0) }
      averagePrecisions.append(curves.map(\.averagePrecision))
      errors.append(
        Self.errorNames.indices.map {
          Self.applies($0, to: name) ? curves[Self.errorDistance].meanError($0) : nil
        })
    }
  }

  /// Cones have no heading; cones and barriers have neither velocity nor attributes.
  private static func applies(_ error: Int, to name: DetectionClass) -> Bool {
    switch errorNames[error] {
    case "orient_err": name != .trafficCone
    case "vel_err", "attr_err": name != .trafficCone && name != .barrier
    default: true
    }
  }

  /// The figures with the devkit's keys.
  public var json: JSONValue {
    let classes = Array(DetectionClass.allCases.enumerated())
    func perClass(_ value: (Int, DetectionClass) -> JSONValue) -> JSONValue {
      .object(classes.map { .init(key: $0.element.rawValue, value: value($0.offset, $0.element)) })
    }
    func perError(_ values: [Double?]) -> JSONValue {
      .object(zip(Self.errorNames, values).map { .init(key: $0, value: .optional($1)) })
    }
    return .members([
      "label_aps": perClass { k, _ in
        .object(
          zip(Self.distances, averagePrecisions[k]).map { .init(key: $0.description, value: .number($1)) })
      },
      "mean_dist_aps": perClass { _, name in .number(meanAveragePrecision(of: name)) },
      "mean_ap": .number(meanAveragePrecision),
      "label_tp_errors": perClass { k, _ in perError(errors[k]) },
      "tp_errors": perError(meanErrors),
      "tp_scores": perError(scores),
      "nd_score": .number(detectionScore),
    ])
  }
}

/// One class's boxes, results in the order in which they are matched.
private struct ClassMatcher {
  private let name: DetectionClass
  private let truth: [[EvaluationBox]]
  private let results: [(sample: Int, box: EvaluationBox)]
  private let truthCount: Int

  init(name: DetectionClass, truth: [[EvaluationBox]], results: [[EvaluationBox]]) {
    self.name = name
    self.truth = truth.map { $0.filter { $0.name == name } }
    truthCount = self.truth.reduce(0) { $0 + $1.count }
    var found: [(sample: Int, box: EvaluationBox)] = []
    for (sample, boxes) in results.enumerated() {
      for box in boxes where box.name == name { found.append((sample, box)) }
    }
    let order = found.indices.sorted { (found[$1].box.score, $1) < (found[$0].box.score, $0) }
    self.results = order.map { found[$0] }
  }

  /// Matches by falling score, each result to the nearest truth of its sample that is not taken.
  func curve(distance: Double) -> PrecisionCurve {
    guard truthCount > 0 else { return .none }
    var taken = truth.map { [Bool](repeating: false, count: $0.count) }
    var hits: [Bool] = []
    hits.reserveCapacity(results.count)
    var matched: [(truth: EvaluationBox, result: EvaluationBox)] = []
    for (sample, box) in results {
      var nearest = Double.infinity
      var match: Int?
      for (k, candidate) in truth[sample].enumerated() where !taken[sample][k] {
        let separation = (box.center.xy - candidate.center.xy).length
        if separation < nearest {
          nearest = separation
          match = k
        }
      }
      guard let match, nearest < distance else {
        hits.append(false)
        continue
      }
      taken[sample][match] = true
      hits.append(true)
      matched.append((truth[sample][match], box))
    }
    guard !matched.isEmpty else { return .none }
    return PrecisionCurve(
      hits: hits, scores: results.map(\.box.score), truthCount: truthCount,
      matchedScores: matched.map(\.result.score),
      errors: DetectionMetrics.errorNames.indices.map { error in
        matched.map { Self.error(error, $0.truth, $0.result) }
      })
  }

  private static func error(_ kind: Int, _ truth: EvaluationBox, _ result: EvaluationBox) -> Double {
    switch kind {
    case 0: return (result.center.xy - truth.center.xy).length
    case 1:
      let smaller = pointwiseMin(truth.size, result.size)
      let overlap = smaller.x * smaller.y * smaller.z
      let union =
        truth.size.x * truth.size.y * truth.size.z + result.size.x * result.size.y * result.size.z - overlap
      return 1 - overlap / union
    case 2:
      // A barrier looks the same from behind.
      let period = truth.name == .barrier ? Double.pi : 2 * .pi
      let sum = truth.yaw - result.yaw + period / 2
      let difference = sum - period * (sum / period).rounded(.down) - period / 2
      return abs(difference > .pi ? difference - 2 * .pi : difference)
    case 3: return (result.velocity - truth.velocity).length
    default:
      guard let attribute = truth.attribute else { return .nan }
      return attribute == result.attribute ? 0 : 1
    }
  }
}

/// Precision, confidence and errors at 101 recalls from 0 to 1.
private struct PrecisionCurve {
  static let recalls = (0...100).map { $0 == 100 ? 1.0 : Double($0) * 0.01 }
  /// The first recall above 0.1: what lies below is noise.
  private static let first = 11

  let precision: [Double]
  let confidence: [Double]
  let errors: [[Double]]

  /// What a class has without truth or without any match.
  static let none = PrecisionCurve(
    precision: recalls.map { _ in 0 }, confidence: recalls.map { _ in 0 },
    errors: DetectionMetrics.errorNames.map { _ in recalls.map { _ in 1 } })

  private init(precision: [Double], confidence: [Double], errors: [[Double]]) {
    self.precision = precision
    self.confidence = confidence
    self.errors = errors
  }

  init(hits: [Bool], scores: [Double], truthCount: Int, matchedScores: [Double], errors: [[Double]]) {
    var precisions: [Double] = []
    var recalls: [Double] = []
    var right = 0.0
    for (k, hit) in hits.enumerated() {
      right += hit ? 1 : 0
      precisions.append(right / Double(k + 1))
      recalls.append(right / Double(truthCount))
    }
    precision = Interpolation.values(at: Self.recalls, xs: recalls, ys: precisions, right: 0)
    confidence = Interpolation.values(at: Self.recalls, xs: recalls, ys: scores, right: 0)
    let rising = Array(confidence.reversed())
    let risingScores = Array(matchedScores.reversed())
    self.errors = errors.map { values in
      let means = Array(Interpolation.runningMean(values).reversed())
      return Interpolation.values(at: rising, xs: risingScores, ys: means, right: means[means.count - 1])
        .reversed()
    }
  }

  /// The mean precision above 0.1 at recalls above 0.1, scaled to [0, 1].
  var averagePrecision: Double {
    let values = precision[Self.first...].map { max(0, $0 - 0.1) }
    return values.reduce(0, +) / Double(values.count) / 0.9
  }

  /// The mean error from recall 0.11 to the highest that was reached; 1 where that is not above 0.1.
  func meanError(_ error: Int) -> Double {
    let last = confidence.lastIndex { $0 != 0 } ?? 0
    guard last >= Self.first else { return 1 }
    let values = errors[error][Self.first...last]
    return values.reduce(0, +) / Double(values.count)
  }
}
