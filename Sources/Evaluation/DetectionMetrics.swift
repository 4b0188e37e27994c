import Files
import Geometry
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
    self = DetectionMatches(truth: truth, results: results, sceneOfSample: truth.map { _ in 0 }).metrics()
  }

  /// - Parameter curves: `[class][distance]`.
  init(curves: [[PrecisionCurve]]) {
    averagePrecisions = curves.map { $0.map(\.averagePrecision) }
    errors = zip(DetectionClass.allCases, curves).map { name, curves in
      Self.errorNames.indices.map {
        Self.applies($0, to: name) ? curves[Self.errorDistance].meanError($0) : nil
      }
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
