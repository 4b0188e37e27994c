import Scenes

/// What detection's figures are made of: precision over recall, and how often a score is right.
public struct DetectionCurves: Sendable, Equatable {
  /// One class's curves.
  public struct ClassCurves: Sendable, Equatable {
    /// The class.
    public let name: DetectionClass
    /// `[distance][101]`: precision at recalls 0, 0.01, … 1, 0 above the highest that is reached.
    public let precisions: [[Double]]
    /// How often results of a score are right at 2 m, in bins of 0.1; bins without results are left out.
    public let reliability: [ReliabilityBin]
  }

  /// Results whose scores lie in one tenth of [0, 1].
  public struct ReliabilityBin: Sendable, Equatable {
    /// The mean score.
    public let score: Double
    /// The share that is right.
    public let right: Double
    /// The results.
    public let count: Int
  }

  /// The classes that have truth or results, in the order of `DetectionClass.allCases`.
  public let classes: [ClassCurves]

  /// The expected calibration error of all classes' results: the mean over results of the distance between their bin's
  /// mean score and the share of it that is right; nil without results.
  /// - Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, with ten bins a class.
  public var calibrationError: Double? {
    let bins = classes.flatMap(\.reliability)
    let count = bins.reduce(0) { $0 + $1.count }
    guard count > 0 else { return nil }
    return bins.reduce(0) { $0 + Double($1.count) * abs($1.score - $1.right) } / Double(count)
  }
}

extension DetectionCurves {
  package init(_ matches: DetectionMatches) {
    let curves = matches.curves()
    classes = DetectionClass.allCases.enumerated().compactMap { k, name in
      let reliability = matches.reliability(ofClass: k)
      guard matches.truthCount(ofClass: k) > 0 || !reliability.isEmpty else { return nil }
      return ClassCurves(name: name, precisions: curves[k].map(\.precision), reliability: reliability)
    }
  }

  /// The bins of results `(score, whether it is right)`; a score of 1 belongs to the last.
  package static func bins(_ results: [(score: Double, isRight: Bool)]) -> [ReliabilityBin] {
    var sums = [(score: Double, right: Int, count: Int)](repeating: (0, 0, 0), count: 10)
    for result in results {
      let k = min(9, Int(result.score * 10))
      sums[k] = (sums[k].score + result.score, sums[k].right + (result.isRight ? 1 : 0), sums[k].count + 1)
    }
    return sums.filter { $0.count > 0 }.map {
      ReliabilityBin(
        score: $0.score / Double($0.count), right: Double($0.right) / Double($0.count), count: $0.count)
    }
  }
}
