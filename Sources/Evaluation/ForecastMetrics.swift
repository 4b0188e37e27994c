import Files
import Geometry
import Scenes

/// The nuScenes prediction figures over scored forecasts: the best of the k most probable modes.
///
/// - Source: nuScenes prediction challenge; nuscenes-devkit 1.2.0, `eval/prediction/metrics.py`, configuration
///   `predict_2020_icra`.
public struct ForecastMetrics: Sendable, Equatable, SummedFigures {
  /// The numbers of modes that are reported.
  public static let counts = [1, 5, 10]
  /// A mode is missed where it is this far from the truth at any step, in metres.
  public static let missDistance = 2.0

  /// Forecasts in the file, of the samples that are evaluated.
  public private(set) var forecasts = 0
  /// Those of them with twelve annotated steps ahead.
  public private(set) var scored = 0
  private var averageSums = [Double](repeating: 0, count: 3)
  private var finalSums = [Double](repeating: 0, count: 3)
  private var missSums = [Double](repeating: 0, count: 3)

  /// No forecasts yet.
  public init() {}

  /// The mean over agents of the least mean distance, for k = 1, 5, 10; nil where nothing is scored.
  public var minimumAverageDisplacement: [Double?] { means(averageSums) }
  /// The mean over agents of the least distance at the last step, for k = 1, 5, 10.
  public var minimumFinalDisplacement: [Double?] { means(finalSums) }
  /// The share of agents that all of the k modes miss, for k = 1, 5, 10.
  public var missRate: [Double?] { means(missSums) }

  private func means(_ sums: [Double]) -> [Double?] { sums.map { scored > 0 ? $0 / Double(scored) : nil } }

  /// Adds a forecast; `future` is the truth's positions, one a step: the forecast is scored where there are twelve.
  /// - Precondition: at least one mode, as many probabilities, each mode of twelve steps where it is scored.
  public mutating func add(modes: [[SIMD2<Double>]], probabilities: [Double], future: [SIMD2<Double>]) {
    precondition(
      modes.count == probabilities.count && !modes.isEmpty,
      "\(modes.count) modes, \(probabilities.count) probabilities")
    forecasts += 1
    guard future.count == Trajectories.stepCount else { return }
    scored += 1
    // Of equally probable modes the later one counts first, as in the devkit.
    let order = modes.indices.sorted { (probabilities[$1], $1) < (probabilities[$0], $0) }
    var average = Double.infinity
    var final = Double.infinity
    var missed = 1.0
    for (rank, mode) in order.enumerated() {
      let distances = zip(modes[mode], future).map { ($0 - $1).length }
      average = min(average, distances.reduce(0, +) / Double(distances.count))
      final = min(final, distances[distances.count - 1])
      if (distances.max() ?? 0) < Self.missDistance { missed = 0 }
      for (k, count) in Self.counts.enumerated() where rank == min(count, modes.count) - 1 {
        averageSums[k] += average
        finalSums[k] += final
        missSums[k] += missed
      }
    }
  }

  package mutating func add(_ other: Self, times: Int) {
    forecasts += other.forecasts * times
    scored += other.scored * times
    for k in averageSums.indices {
      averageSums[k] += other.averageSums[k] * Double(times)
      finalSums[k] += other.finalSums[k] * Double(times)
      missSums[k] += other.missSums[k] * Double(times)
    }
  }

  /// The figures with the devkit's keys, and both numbers of forecasts.
  public var json: JSONValue {
    func perCount(_ values: [Double?]) -> JSONValue {
      .object(zip(Self.counts, values).map { .init(key: "\($0)", value: .optional($1)) })
    }
    return .members([
      "MinADEK": perCount(minimumAverageDisplacement), "MinFDEK": perCount(minimumFinalDisplacement),
      "MissRateTopK_2.0": perCount(missRate), "forecasts": .integer(forecasts), "scored": .integer(scored),
    ])
  }
}
