import Algorithms
import Files
import Geometry

/// End-to-end prediction accuracy (EPA): how well agents are found and forecast together, and the errors of those found.
///
/// At each keyframe forecasts are matched to annotated agents of their kind at the least sum of distances, pairs within
/// 2 m only. A matched agent hits where the least distance of its modes' last steps from the agent's place then is below
/// 2 m. `EPA = (hits - 0.5 × false positives) / agents`, where forecasts that match nothing are false positives; it may
/// be below 0. Agents without six seconds of annotated future count neither as agents nor as false positives.
/// - Source: Gu et al., "ViP3D: End-to-end Visual Trajectory Prediction via 3D Agent Queries", CVPR 2023, equation 3.
public struct EndToEndAccuracy: Sendable, Equatable {
  /// Within how many metres a forecast is matched to an agent.
  public static let matchDistance = 2.0
  /// Within how many metres of the last true place a mode hits.
  public static let hitDistance = 2.0
  /// What a false positive costs, in hits.
  public static let penalty = 0.5

  /// An annotated agent at one keyframe.
  public struct Agent: Sendable {
    /// In the global frame, in metres.
    public var center: SIMD2<Double>
    /// The places at the next twelve steps of 0.5 s, or fewer.
    public var future: [SIMD2<Double>]
    /// The agent here with this future.
    public init(center: SIMD2<Double>, future: [SIMD2<Double>]) {
      self.center = center
      self.future = future
    }
  }

  /// A forecast of an agent that was found at one keyframe.
  public struct Found: Sendable {
    /// In the global frame, in metres.
    public var center: SIMD2<Double>
    /// `[mode][step]`.
    public var modes: [[SIMD2<Double>]]
    /// The forecast from here with these modes.
    public init(center: SIMD2<Double>, modes: [[SIMD2<Double>]]) {
      self.center = center
      self.modes = modes
    }
  }

  /// Agents with six seconds of future, those matched, those that hit, and forecasts of nothing.
  public private(set) var agents = 0, matched = 0, hits = 0, falsePositives = 0
  private var averageSum = 0.0, finalSum = 0.0

  /// Nothing counted yet.
  public init() {}

  /// EPA; nil where no agent is annotated.
  public var accuracy: Double? {
    agents > 0 ? (Double(hits) - Self.penalty * Double(falsePositives)) / Double(agents) : nil
  }
  /// The mean over matched agents of the least mean distance of any mode, in metres.
  public var minimumAverageDisplacement: Double? { matched > 0 ? averageSum / Double(matched) : nil }
  /// The mean over matched agents of the least last distance of any mode, in metres.
  public var minimumFinalDisplacement: Double? { matched > 0 ? finalSum / Double(matched) : nil }

  /// Counts one keyframe's agents of one kind.
  public mutating func add(truth: [Agent], results: [Found], stepCount: Int = 12) {
    agents += truth.count { $0.future.count == stepCount }
    var pairs: [AssignmentPair] = []
    for (row, agent) in truth.enumerated() {
      for (column, found) in results.enumerated() {
        let distance = (agent.center - found.center).length
        if distance < Self.matchDistance {
          pairs.append(AssignmentPair(row: row, column: column, cost: distance))
        }
      }
    }
    let columns = linearAssignment(pairs: pairs, rows: truth.count, columns: results.count)
    falsePositives += results.count - columns.count { $0 != nil }
    for (agent, column) in zip(truth, columns) {
      guard let column, agent.future.count == stepCount else { continue }
      let distances = results[column].modes.map { zip($0, agent.future).map { ($0 - $1).length } }
      guard let final = distances.compactMap(\.last).min() else { continue }
      matched += 1
      hits += final < Self.hitDistance ? 1 : 0
      finalSum += final
      averageSum += distances.map { $0.reduce(0, +) / Double(stepCount) }.min() ?? 0
    }
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "epa": .optional(accuracy), "minADE": .optional(minimumAverageDisplacement),
      "minFDE": .optional(minimumFinalDisplacement), "agents": .integer(agents), "matched": .integer(matched),
      "hits": .integer(hits), "false_positives": .integer(falsePositives),
    ])
  }
}
