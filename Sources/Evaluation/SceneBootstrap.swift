import Files

/// Bootstrap over scenes: how far a figure would move had other scenes been driven.
///
/// Frames of one scene resemble each other, so scenes are drawn and not frames: each of `resampleCount` resamples draws as
/// many scenes as there are, with replacement. An interval holds the middle 95 % of a figure's values. The draws depend on
/// the seed and the number of scenes only, so two runs over the same scenes are resampled alike and their difference can
/// be taken resample by resample.
/// - Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13 (percentile intervals).
public struct SceneBootstrap: Sendable, Equatable {
  /// How often scenes are drawn.
  public static let resampleCount = 200
  /// The generator's first state.
  public static let seed: UInt64 = 20_260

  /// A figure's value in each resample; nil where it does not exist there.
  public struct Figure: Sendable, Equatable {
    /// The figure's place in metrics.json: `detection.mean_ap`.
    public var name: String
    /// One a resample.
    public var values: [Double?]
  }

  /// The scenes that were drawn from.
  public let scenes: [String]
  /// The figures.
  public internal(set) var figures: [Figure] = []

  init(scenes: [String]) { self.scenes = scenes }

  /// How often each scene is there, `[resample][scene]`.
  package static func draws(sceneCount: Int) -> [[Int]] {
    var state = seed
    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    return (0..<resampleCount).map { _ in
      var counts = [Int](repeating: 0, count: sceneCount)
      for _ in 0..<sceneCount { counts[Int(next().multipliedFullWidth(by: UInt64(sceneCount)).high)] += 1 }
      return counts
    }
  }

  /// The bounds of the middle 95 % of values that exist; nil where fewer than half of them do.
  public static func interval(_ values: [Double?]) -> (low: Double, high: Double)? {
    let sorted = values.compactMap { $0 }.filter { !$0.isNaN }.sorted()
    guard sorted.count * 2 >= values.count, let last = sorted.indices.last else { return nil }
    func quantile(_ share: Double) -> Double {
      let position = share * Double(last)
      let below = Int(position)
      let above = min(below + 1, last)
      return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
    return (quantile(0.025), quantile(0.975))
  }

  /// What metrics.json holds: the draws' setting, and each figure's interval with its values.
  public var json: JSONValue {
    .members([
      "seed": .integer(Int(Self.seed)), "resamples": .integer(Self.resampleCount),
      "scenes": .array(scenes.map { .string($0) }),
      "figures": .object(
        figures.map { figure in
          let bounds = Self.interval(figure.values)
          return .init(
            key: figure.name,
            value: .members([
              "low": .optional(bounds?.low), "high": .optional(bounds?.high),
              "values": .array(figure.values.map { .optional($0) }),
            ]))
        }),
    ])
  }
}

/// Figures that are sums over frames, so that scenes can be added up as often as a resample has them.
protocol SummedFigures {
  init()
  /// Adds all that another has counted, some number of times.
  mutating func add(_ other: Self, times: Int)
}

extension SceneBootstrap {
  /// Adds a figure of sums kept apart by scene.
  mutating func add<Sums: SummedFigures>(
    _ byScene: [Sums], _ figures: [(name: String, value: (Sums) -> Double?)]
  ) {
    let resamples = Self.draws(sceneCount: scenes.count).map { counts -> Sums in
      var sums = Sums()
      for (part, count) in zip(byScene, counts) where count > 0 { sums.add(part, times: count) }
      return sums
    }
    for (name, value) in figures { self.figures.append(Figure(name: name, values: resamples.map(value))) }
  }

  /// Adds mAP and NDS.
  mutating func add(_ matches: DetectionMatches) {
    let resamples = Self.draws(sceneCount: scenes.count).map { matches.metrics(counts: $0) }
    figures.append(Figure(name: "detection.mean_ap", values: resamples.map(\.meanAveragePrecision)))
    figures.append(Figure(name: "detection.nd_score", values: resamples.map(\.detectionScore)))
  }
}

extension SummedFigures {
  /// The sum of all scenes.
  static func total(_ byScene: [Self]) -> Self {
    var sums = Self()
    for part in byScene { sums.add(part, times: 1) }
    return sums
  }
}

extension ForecastMetrics {
  /// The figures that get intervals.
  static var bootstrapped: [(name: String, value: (Self) -> Double?)] {
    counts.indices.flatMap {
      k in
      [
        ("forecasting.MinADEK.\(counts[k])", { $0.minimumAverageDisplacement[k] }),
        ("forecasting.MinFDEK.\(counts[k])", { $0.minimumFinalDisplacement[k] }),
        ("forecasting.MissRateTopK_2.0.\(counts[k])", { $0.missRate[k] }),
      ]
    }
  }
}

extension PlanningMetrics {
  /// The figures that get intervals: the last horizon, by both protocols.
  static var bootstrapped: [(name: String, value: (Self) -> Double?)] {
    Averaging.allCases.flatMap {
      rule in
      [
        ("planning.\(rule.rawValue).l2_m.3s", { $0.distances(rule)?.last }),
        ("planning.\(rule.rawValue).collision_rate.3s", { $0.collisionRates(rule)?.last }),
      ]
    }
  }
}

extension OccupancyMetrics {
  /// The figures that get intervals.
  static var bootstrapped: [(name: String, value: (Self) -> Double?)] {
    [
      ("occupancy.occupied_recall", { $0.occupiedRecall }), ("occupancy.free_recall", { $0.freeRecall }),
      ("occupancy.iou", { $0.intersectionOverUnion }),
    ]
  }
}
