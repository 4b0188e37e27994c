import Files
import Results
import Scenes

/// The nuScenes tracking figures: AMOTA and AMOTP over forty recalls, and the classical figures at the best of them.
///
/// - Source: Caesar et al., "nuScenes", CVPR 2020, and its tracking challenge; Weng and Kitani, "A Baseline for 3D
///   Multi-Object Tracking", arXiv 1907.03961; nuscenes-devkit 1.2.0, `eval/tracking`, configuration `tracking_nips_2019`,
///   with py-motmetrics 1.4.0.
public struct TrackingMetrics: Sendable, Equatable {
  /// The classes that are tracked, in the devkit's order.
  public static let classes = DetectionClass.allCases.filter(\.isTracked).sorted { $0.rawValue < $1.rawValue }
  /// The recalls at which thresholds are taken, falling from 1 to 0.1 at even steps, rounded to twelve decimals.
  static let recalls: [Double] = (0..<40).map { k in
    if k == 0 { return 1 }
    let recall = Double(39 - k) * (0.9 / 39) + 0.1
    return (recall * 1e12).rounded(.toNearestOrEven) / 1e12
  }

  /// One class's figures; nil where it has none.
  public struct ClassFigures: Sendable, Equatable {
    /// The mean over all recalls of MOTAR, 0 where a recall is not reached.
    public var amota: Double?
    /// The mean over all recalls of MOTP, 2 m where a recall is not reached.
    public var amotp: Double?
    /// The figures at the threshold of the highest MOTA; of equal ones at the highest recall.
    public var best: ThresholdFigures?
  }

  /// The figures at one score threshold; nil where one does not exist.
  public struct ThresholdFigures: Sendable, Equatable {
    /// Found boxes over true boxes.
    public var recall: Double?
    /// `1 - (misses + switches + false positives - (1 - r) truth) / (r truth)` with `r = matches / truth`, 0 at least.
    public var motar: Double?
    /// True boxes.
    public var truth: Double?
    /// `1 - (misses + switches + false positives) / truth`, 0 at least.
    public var mota: Double?
    /// Mean distance of what was found, in metres.
    public var motp: Double?
    /// Tracks found in at least 80 % of their keyframes.
    public var mostlyTracked: Double?
    /// Tracks found in less than 20 % of their keyframes.
    public var mostlyLost: Double?
    /// False positives a hundred keyframes.
    public var falseAlarms: Double?
    /// Matches (without switches), false positives and misses.
    public var truePositives: Double?, falsePositives: Double?, falseNegatives: Double?
    /// Identity switches, and tracks lost and found again.
    public var switches: Double?, fragmentations: Double?
    /// Seconds until a track is first found, and the longest gap, means over the tracks that are ever found.
    public var initialization: Double?, longestGap: Double?
  }

  /// The figures by class, in the order of `classes`.
  public private(set) var figures: [ClassFigures]

  /// The figures of these scenes, whose boxes have been filtered already.
  /// - Complexity: O(thresholds x Σ truth x results of a keyframe and class).
  public init(scenes: [TrackedScene]) {
    let scenes = scenes.map { $0.prepared() }
    figures = Self.classes.map { Self.figures(TrackMatching(name: $0, scenes: scenes)) }
  }

  private static func figures(_ matching: TrackMatching) -> ClassFigures {
    guard matching.truthCount > 0 else { return ClassFigures() }
    let thresholds = thresholds(
      scores: matching.outcome(threshold: -.infinity).matchedScores, truthCount: matching.truthCount)
    guard thresholds.contains(where: { $0 != nil }) else {
      return ClassFigures(amota: 0, amotp: worstDistance, best: .nothingFound(matching))
    }
    var known: [Double: ThresholdFigures] = [:]
    let all = thresholds.map { threshold -> ThresholdFigures? in
      guard let threshold else { return nil }
      if let same = known[threshold] { return same }
      let figures = ThresholdFigures(
        matching.outcome(threshold: threshold), truthCount: matching.truthCount)
      known[threshold] = figures
      return figures
    }
    var best: ThresholdFigures?
    for figures in all {
      if let figures, (figures.mota ?? 0) > (best?.mota ?? -1) { best = figures }
    }
    let count = Double(all.count)
    return ClassFigures(
      amota: all.reduce(0) { $0 + ($1?.motar ?? 0) } / count,
      amotp: all.reduce(0) { $0 + ($1?.motp ?? worstDistance) } / count, best: best)
  }

  /// What AMOTP counts where nothing is found, in metres.
  private static let worstDistance = TrackMatching.distance

  /// The score at each of `recalls`, nil where it is not reached: linear between the scores of all matches by fall.
  private static func thresholds(scores: [Double], truthCount: Int) -> [Double?] {
    guard !scores.isEmpty else { return recalls.map { _ in Double?.none } }
    let reached = (1...scores.count).map { Double($0) / Double(truthCount) }
    let values = Interpolation.values(at: recalls, xs: reached, ys: scores.sorted(by: >), right: 0)
    return zip(recalls, values).map { $0 > reached[reached.count - 1] ? nil : $1 }
  }
}

extension TrackingMetrics.ThresholdFigures {
  /// Seconds between keyframes, as the devkit takes them.
  private static let period = 0.5

  init(_ outcome: TrackMatching.Outcome, truthCount: Int) {
    let truth = Double(truthCount)
    let matches = Double(outcome.matches)
    let found = Double(outcome.matches + outcome.switches)
    let errors = Double(outcome.misses + outcome.switches + outcome.falsePositives)
    let matchRecall = matches / truth
    let ever = outcome.tracks.filter { $0.found > 0 }
    func mean(_ keyframes: (TrackMatching.TruthTrack) -> Int) -> Double? {
      ever.isEmpty ? nil : ever.reduce(0) { $0 + Self.period * Double(keyframes($1)) } / Double(ever.count)
    }
    func share(_ track: TrackMatching.TruthTrack) -> Double { Double(track.found) / Double(track.count) }
    recall = found / truth
    motar = matches > 0 ? max(0, 1 - (errors - (1 - matchRecall) * truth) / (matchRecall * truth)) : nil
    self.truth = truth
    mota = max(0, 1 - errors / truth)
    motp = found > 0 ? outcome.distanceSum / found : nil
    mostlyTracked = Double(outcome.tracks.count { share($0) >= 0.8 })
    mostlyLost = Double(outcome.tracks.count { share($0) < 0.2 })
    falseAlarms = Double(outcome.falsePositives) / Double(outcome.frames) * 100
    truePositives = matches
    falsePositives = Double(outcome.falsePositives)
    falseNegatives = Double(outcome.misses)
    switches = Double(outcome.switches)
    fragmentations = Double(outcome.tracks.reduce(0) { $0 + $1.fragmentations })
    initialization = mean(\.late)
    longestGap = mean(\.longestGap)
  }

  /// What the devkit gives a class of which no recall of 0.1 is reached: the worst values of its configuration.
  static func nothingFound(_ matching: TrackMatching) -> Self {
    let truth = Double(matching.truthCount)
    return Self(
      recall: 0, motar: 0, truth: truth, mota: 0, motp: 2, mostlyTracked: 0,
      mostlyLost: Double(matching.trackCount), falseAlarms: 500, truePositives: 0, falsePositives: nil,
      falseNegatives: truth, switches: nil, fragmentations: nil, initialization: 20, longestGap: 20)
  }
}

extension TrackingMetrics {
  /// A figure under the devkit's key, and whether the mean or the sum over classes is its total.
  struct Row: Sendable {
    let key: String
    let isSummed: Bool
    let value: @Sendable (ClassFigures) -> Double?
  }

  /// The figures in the devkit's order.
  static let rows: [Row] = [
    Row(key: "amota", isSummed: false) { $0.amota },
    Row(key: "amotp", isSummed: false) { $0.amotp },
    Row(key: "recall", isSummed: false) { $0.best?.recall },
    Row(key: "motar", isSummed: false) { $0.best?.motar },
    Row(key: "gt", isSummed: false) { $0.best?.truth },
    Row(key: "mota", isSummed: false) { $0.best?.mota },
    Row(key: "motp", isSummed: false) { $0.best?.motp },
    Row(key: "mt", isSummed: true) { $0.best?.mostlyTracked },
    Row(key: "ml", isSummed: true) { $0.best?.mostlyLost },
    Row(key: "faf", isSummed: false) { $0.best?.falseAlarms },
    Row(key: "tp", isSummed: true) { $0.best?.truePositives },
    Row(key: "fp", isSummed: true) { $0.best?.falsePositives },
    Row(key: "fn", isSummed: true) { $0.best?.falseNegatives },
    Row(key: "ids", isSummed: true) { $0.best?.switches },
    Row(key: "frag", isSummed: true) { $0.best?.fragmentations },
    Row(key: "tid", isSummed: false) { $0.best?.initialization },
    Row(key: "lgd", isSummed: false) { $0.best?.longestGap },
  ]

  /// A figure over all classes that have it: the mean, or the sum of counts; nil where none has.
  func total(_ row: Row) -> Double? {
    let values = figures.compactMap(row.value)
    guard !values.isEmpty else { return nil }
    let sum = values.reduce(0, +)
    return row.isSummed ? sum : sum / Double(values.count)
  }

  /// AMOTA over the classes that are annotated; nil where none is.
  public var amota: Double? { total(Self.rows[0]) }
  /// AMOTP in metres over the classes that are annotated; nil where none is.
  public var amotp: Double? { total(Self.rows[1]) }

  /// The figures with the devkit's keys: `label_metrics` by figure and class, then each figure over all classes.
  public var json: JSONValue {
    let byClass = Self.rows.map { row in
      JSONValue.Member(
        key: row.key,
        value: .object(
          zip(Self.classes, figures).map { .init(key: $0.rawValue, value: .optional(row.value($1))) }))
    }
    return .object(
      [.init(key: "label_metrics", value: .object(byClass))]
        + Self.rows.map { .init(key: $0.key, value: .optional(total($0))) })
  }
}
