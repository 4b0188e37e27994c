import Geometry
import Scenes

/// Which results match which true boxes, class by class and distance by distance: found once, counted as often as wanted.
///
/// Matching looks at one keyframe at a time, so a set of scenes in which some are there twice and others not at all (a
/// bootstrap's) has the same matches: only the curves are made anew.
package struct DetectionMatches {
  /// One class's results by falling score.
  private struct ClassMatches {
    /// True boxes of each scene.
    var truthCounts: [Int]
    /// Of each result.
    var scores: [Double] = []
    var scenes: [Int] = []
    var samples: [Int] = []
    /// `[distance][result]`
    var hits: [[Bool]] = []
    /// `[error][hit]` of the hits at `DetectionMetrics.errorDistance`, in order.
    var errors: [[Double]] = []
    /// The true box of each of those hits.
    var matched: [(sample: Int, box: Int)] = []
  }

  private let classes: [ClassMatches]

  /// Matches by falling score, each result to the nearest truth of its sample that is not taken.
  ///
  /// - Parameters:
  ///   - truth: `[sample][box]`.
  ///   - results: `[sample][box]`; of equal scores the later box counts first.
  ///   - sceneOfSample: numbers from 0.
  package init(truth: [[EvaluationBox]], results: [[EvaluationBox]], sceneOfSample: [Int]) {
    precondition(
      truth.count == results.count && truth.count == sceneOfSample.count,
      "\(truth.count) samples of truth, \(results.count) of results, \(sceneOfSample.count) of scenes")
    let sceneCount = (sceneOfSample.max() ?? -1) + 1
    classes = DetectionClass.allCases.map { name in
      var matches = Self.match(
        truth.map { $0.filter { $0.name == name } }, results.map { $0.filter { $0.name == name } },
        sceneOfSample, sceneCount)
      // From a place among the class's boxes to that among all.
      matches.matched = matches.matched.map { sample, box in
        (sample, truth[sample].indices.filter { truth[sample][$0].name == name }[box])
      }
      return matches
    }
  }

  private static func match(
    _ truth: [[EvaluationBox]], _ results: [[EvaluationBox]], _ sceneOfSample: [Int], _ sceneCount: Int
  ) -> ClassMatches {
    var matches = ClassMatches(truthCounts: [Int](repeating: 0, count: sceneCount))
    for (sample, boxes) in truth.enumerated() { matches.truthCounts[sceneOfSample[sample]] += boxes.count }
    let found = results.enumerated().flatMap { sample, boxes in boxes.map { (sample: sample, box: $0) } }
    let order = found.indices.sorted { (found[$1].box.score, $1) < (found[$0].box.score, $0) }
    matches.scores = order.map { found[$0].box.score }
    matches.scenes = order.map { sceneOfSample[found[$0].sample] }
    matches.samples = order.map { found[$0].sample }
    for (k, distance) in DetectionMetrics.distances.enumerated() {
      var pairs: [(truth: EvaluationBox, result: EvaluationBox)] = []
      var taken = truth.map { [Bool](repeating: false, count: $0.count) }
      let hits = order.map { index -> Bool in
        let (sample, box) = found[index]
        var nearest = distance
        var match: Int?
        for (k, candidate) in truth[sample].enumerated() where !taken[sample][k] {
          let separation = (box.center.xy - candidate.center.xy).length
          if separation < nearest {
            nearest = separation
            match = k
          }
        }
        guard let match else { return false }
        taken[sample][match] = true
        if k == DetectionMetrics.errorDistance {
          pairs.append((truth[sample][match], box))
          matches.matched.append((sample, match))
        }
        return true
      }
      matches.hits.append(hits)
      if k == DetectionMetrics.errorDistance {
        matches.errors = DetectionMetrics.errorNames.indices.map { kind in
          pairs.map { error(kind, $0.truth, $0.result) }
        }
      }
    }
    return matches
  }

  /// True boxes of a class.
  func truthCount(ofClass k: Int) -> Int { classes[k].truthCounts.reduce(0, +) }

  /// How often a class's results are right at 2 m, by score.
  func reliability(ofClass k: Int) -> [DetectionCurves.ReliabilityBin] {
    let hits = classes[k].hits[DetectionMetrics.errorDistance]
    return DetectionCurves.bins(zip(classes[k].scores, hits).map { (score: $0, isRight: $1) })
  }

  /// A score threshold with what is right from there on.
  package struct OperatingPoint {
    package var score: Double
    package var matches: [(sample: Int, box: Int, distance: Double)]
  }

  /// The score from which on a class's F1 at 2 m is highest, of equal ones the highest score; nil where nothing is right.
  package func bestOperatingPoint(ofClass k: Int) -> OperatingPoint? {
    let matches = classes[k]
    let truthCount = matches.truthCounts.reduce(0, +)
    var right = 0
    var best: (f1: Double, score: Double, right: Int)?
    for (rank, hit) in matches.hits[DetectionMetrics.errorDistance].enumerated() {
      right += hit ? 1 : 0
      // A threshold takes all results of its score.
      if rank + 1 < matches.scores.count, matches.scores[rank + 1] == matches.scores[rank] { continue }
      let f1 = 2 * Double(right) / Double(rank + 1 + truthCount)
      if right > 0, f1 > best?.f1 ?? 0 { best = (f1, matches.scores[rank], right) }
    }
    guard let best else { return nil }
    return OperatingPoint(
      score: best.score,
      matches: (0..<best.right).map { hit in
        (matches.matched[hit].sample, matches.matched[hit].box, matches.errors[0][hit])
      })
  }

  /// The results that count at each class's score of the highest F1, and whether they are right at 2 m.
  package func resultsAtBestF1() -> [(sample: Int, isRight: Bool)] {
    classes.indices.flatMap { k -> [(sample: Int, isRight: Bool)] in
      guard let score = bestOperatingPoint(ofClass: k)?.score else { return [] }
      let hits = classes[k].hits[DetectionMetrics.errorDistance]
      let count = classes[k].scores.prefix { $0 >= score }.count
      return (0..<count).map { (classes[k].samples[$0], hits[$0]) }
    }
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

  /// The curves, `[class][distance]`.
  /// - Parameter counts: how often each scene is there; nil: once each.
  func curves(counts: [Int]? = nil) -> [[PrecisionCurve]] {
    classes.map { matches in
      DetectionMetrics.distances.indices.map { k in
        Self.curve(matches, distance: k, counts: counts)
      }
    }
  }

  /// The figures.
  /// - Parameter counts: how often each scene is there; nil: once each.
  package func metrics(counts: [Int]? = nil) -> DetectionMetrics {
    DetectionMetrics(curves: curves(counts: counts))
  }

  private static func curve(_ matches: ClassMatches, distance: Int, counts: [Int]?) -> PrecisionCurve {
    let scenes = matches.truthCounts.indices
    let truthCount = scenes.reduce(0) { $0 + matches.truthCounts[$1] * (counts?[$1] ?? 1) }
    var hits: [Bool] = []
    var scores: [Double] = []
    var matchedScores: [Double] = []
    var errors = matches.errors.map { _ in [Double]() }
    var match = 0
    for (k, hit) in matches.hits[distance].enumerated() {
      for _ in 0..<(counts?[matches.scenes[k]] ?? 1) {
        hits.append(hit)
        scores.append(matches.scores[k])
        guard hit else { continue }
        matchedScores.append(matches.scores[k])
        if distance == DetectionMetrics.errorDistance {
          for kind in errors.indices { errors[kind].append(matches.errors[kind][match]) }
        }
      }
      match += hit ? 1 : 0
    }
    guard truthCount > 0, !matchedScores.isEmpty else { return .none }
    return PrecisionCurve(
      hits: hits, scores: scores, truthCount: truthCount, matchedScores: matchedScores,
      errors: distance == DetectionMetrics.errorDistance ? errors : [])
  }
}

/// Precision, confidence and errors at 101 recalls from 0 to 1.
struct PrecisionCurve: Sendable, Equatable {
  static let recalls = (0...100).map { $0 == 100 ? 1.0 : Double($0) * 0.01 }
  /// The first recall above 0.1: what lies below is noise.
  private static let first = 11

  let precision: [Double]
  let confidence: [Double]
  private let errors: [[Double]]

  /// What a class has without truth or without any match.
  static let none = PrecisionCurve(
    precision: recalls.map { _ in 0 }, confidence: recalls.map { _ in 0 },
    errors: DetectionMetrics.errorNames.map { _ in recalls.map { _ in 1 } })

  private init(precision: [Double], confidence: [Double], errors: [[Double]]) {
    self.precision = precision
    self.confidence = confidence
    self.errors = errors
  }

  /// - Parameter errors: `[error][match]`, or none where they are not asked for.
  init(hits: [Bool], scores: [Double], truthCount: Int, matchedScores: [Double], errors: [[Double]]) {
    var precisions: [Double] = []
    var recalls: [Double] = []
    precisions.reserveCapacity(hits.count)
    recalls.reserveCapacity(hits.count)
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
