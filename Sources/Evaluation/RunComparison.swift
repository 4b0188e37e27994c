import Files

/// Two runs' figures side by side: what changed, whether for the better, and whether other scenes might undo it.
public struct RunComparison: Sendable {
  /// Which way a figure gets better.
  public enum Direction: Sendable {
    /// A figure such as mAP.
    case higherIsBetter
    /// A figure such as an error.
    case lowerIsBetter
    /// A count or a setting, which is neither.
    case neither
  }

  /// One figure of both runs.
  public struct Row: Sendable {
    /// The place in metrics.json: `detection.mean_ap`.
    public let name: String
    /// The figures.
    public let a: Double, b: Double
    /// Which way it gets better.
    public let direction: Direction
    /// The middle 95 % of the differences over resamples of the same scenes; nil where the runs have none in common.
    public let interval: (low: Double, high: Double)?

    /// B less A.
    public var difference: Double { b - a }
    /// By how much B is worse than A; below 0 where it is better, 0 for a count.
    public var regression: Double {
      switch direction {
      case .higherIsBetter: a - b
      case .lowerIsBetter: b - a
      case .neither: 0
      }
    }
  }

  /// The figures that both have, in the order of A.
  public let rows: [Row]
  /// Names of figures that one of them does not have.
  public let onlyInA: [String], onlyInB: [String]

  /// - Parameters: what two `metrics.json` hold.
  public init(_ a: JSONValue, _ b: JSONValue) {
    let (first, second) = (Self.figures(a), Self.figures(b))
    let values = Dictionary(second.map { ($0.name, $0.value) }) { first, _ in first }
    let known = Set(first.map(\.name))
    let draws = Self.isSameDraw(a, b)
    rows = first.compactMap { name, value in
      guard let other = values[name] else { return nil }
      return Row(
        name: name, a: value, b: other, direction: Self.direction(of: name),
        interval: draws ? Self.interval(name, a, b) : nil)
    }
    onlyInA = first.map(\.name).filter { values[$0] == nil }
    onlyInB = second.map(\.name).filter { !known.contains($0) }
  }

  /// Every number of a document under its path, without the bootstrap's own.
  private static func figures(_ value: JSONValue, path: String = "") -> [(name: String, value: Double)] {
    if let number = value.numberValue { return [(path, number)] }
    guard case .object(let members) = value else { return [] }
    return members.flatMap { member in
      path.isEmpty && member.key == "bootstrap"
        ? [] : figures(member.value, path: path.isEmpty ? member.key : "\(path).\(member.key)")
    }
  }

  /// Whether both were resampled from the same scenes in the same way.
  private static func isSameDraw(_ a: JSONValue, _ b: JSONValue) -> Bool {
    guard let first = a["bootstrap"], let second = b["bootstrap"] else { return false }
    return ["scenes", "seed", "resamples"].allSatisfy { first[$0] == second[$0] }
  }

  private static func interval(_ name: String, _ a: JSONValue, _ b: JSONValue) -> (low: Double, high: Double)?
  {
    guard let first = a["bootstrap"]?["figures"]?[name]?["values"]?.arrayValue,
      let second = b["bootstrap"]?["figures"]?[name]?["values"]?.arrayValue, first.count == second.count
    else { return nil }
    return SceneBootstrap.interval(
      zip(first, second).map { x, y in
        guard let x = x.numberValue, let y = y.numberValue else { return nil }
        return y - x
      })
  }

  /// Which way the figure of this name gets better.
  public static func direction(of name: String) -> Direction {
    let parts = name.split(separator: ".").map(String.init)
    let lower: Set = [
      "score_calibration_error", "trans_err", "tp_errors", "label_tp_errors", "amotp", "motp", "ml", "faf",
      "fp", "fn", "ids", "frag", "tid", "lgd",
      "MinADEK", "MinFDEK", "MissRateTopK_2", "off_road_rate", "minADE", "minFDE", "l2_m", "collision_rate",
    ]
    let higher: Set = [
      "label_aps", "mean_dist_aps", "mean_ap", "tp_scores", "nd_score", "recall", "precision", "amota",
      "motar",
      "mota", "mt", "tp", "epa", "occupied_recall", "free_recall", "iou", "mean_iou", "iou_at_half",
      "best_iou",
      "pdms", "no_collision", "drivable_area", "time_to_collision", "progress", "comfort", "miou",
      "iou_geometry", "ray_iou", "ap", "1m", "2m", "4m",
    ]
    if parts.contains(where: lower.contains) { return .lowerIsBetter }
    if parts.contains(where: higher.contains) { return .higherIsBetter }
    return .neither
  }

  /// The figure of this name, or nil.
  public func row(_ name: String) -> Row? { rows.first { $0.name == name } }

  /// The comparison as one value.
  public var json: JSONValue {
    .members([
      "figures": .object(
        rows.map { row in
          .init(
            key: row.name,
            value: .members([
              "a": .number(row.a), "b": .number(row.b), "difference": .number(row.difference),
              "low": .optional(row.interval?.low), "high": .optional(row.interval?.high),
            ]))
        }),
      "only_in_a": .array(onlyInA.map { .string($0) }), "only_in_b": .array(onlyInB.map { .string($0) }),
    ])
  }
}
