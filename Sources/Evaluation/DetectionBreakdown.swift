import Files
import Scenes

/// Where boxes are found and where not: recall and error of what is found, by class, distance, visibility, speed and the
/// number of LiDAR points.
///
/// A class's results count from the score on at which its F1 at 2 m is highest (`2 right / (results + truth)`, the highest
/// such score of equal ones): recalls at any score would call a box found that no planner could use. Boxes of all classes
/// are counted together except in the breakdown by class. Matching is nuScenes', within 2 m.
public struct DetectionBreakdown: Sendable, Equatable {
  /// What true boxes are told apart by.
  public enum Property: String, Sendable, CaseIterable {
    /// The ten classes.
    case className = "class"
    /// From the ego, in metres.
    case distance
    /// nuScenes' level: how much of the box all cameras together see.
    case visibility
    /// In metres a second.
    case speed
    /// LiDAR points inside the box.
    case points
  }

  /// The true boxes of one group.
  public struct Row: Sendable, Equatable {
    /// What the group is told apart by.
    public let property: Property
    /// The group's name: `20-30`.
    public let name: String
    /// Boxes of the group, and those of them that are found.
    public internal(set) var truth = 0, found = 0
    var distanceSum = 0.0

    /// Found over all; nil where there is none.
    public var recall: Double? { truth > 0 ? Double(found) / Double(truth) : nil }
    /// The mean distance of what is found, in metres; nil where nothing is.
    public var translationError: Double? { found > 0 ? distanceSum / Double(found) : nil }
  }

  /// The groups that have boxes, property by property in rising order.
  public let rows: [Row]
  /// The score from which each class's results count, in the order of `DetectionClass.allCases`; nil where nothing is right.
  public let thresholds: [Double?]

  /// A true box as it is told apart.
  package struct Truth {
    var name: DetectionClass
    var distance: Double
    var visibility: String
    var speed: Double
    var points: Int
    /// The distance of the result that found it; nil where none did.
    var foundWithin: Double?

    package init(
      name: DetectionClass, distance: Double, visibility: String, speed: Double, points: Int,
      foundWithin: Double? = nil
    ) {
      self.name = name
      self.distance = distance
      self.visibility = visibility
      self.speed = speed
      self.points = points
      self.foundWithin = foundWithin
    }
  }

  package init(_ truth: [Truth], thresholds: [Double?]) {
    self.thresholds = thresholds
    var rows = Property.allCases.flatMap { property in
      Self.names(property).map { Row(property: property, name: $0) }
    }
    var places: [Property: [String: Int]] = [:]
    for (k, row) in rows.enumerated() { places[row.property, default: [:]][row.name] = k }
    for box in truth {
      for property in Property.allCases {
        guard let k = places[property]?[Self.group(property, box)] else { continue }
        rows[k].truth += 1
        if let error = box.foundWithin {
          rows[k].found += 1
          rows[k].distanceSum += error
        }
      }
    }
    self.rows = rows.filter { $0.truth > 0 }
  }

  private static let distanceBounds = [10.0, 20, 30, 40]
  private static let speedBounds = [0.5, 2, 5, 10]
  private static let pointBounds = [1.0, 5, 20, 50, 200]
  private static let visibilityNames = ["1": "0-40 %", "2": "40-60 %", "3": "60-80 %", "4": "80-100 %"]

  /// The groups' names in order: between bounds as `10-20`, below and above all as `0-10` and `40+`.
  private static func names(_ property: Property) -> [String] {
    switch property {
    case .className: DetectionClass.allCases.map(\.rawValue)
    case .distance: names(distanceBounds)
    case .visibility: ["1", "2", "3", "4"].compactMap { visibilityNames[$0] } + ["unknown"]
    case .speed: names(speedBounds) + ["unknown"]
    case .points: names(pointBounds)
    }
  }

  private static func names(_ bounds: [Double]) -> [String] {
    func text(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
    let lows = [0] + bounds
    return lows.indices.map { k in
      k < bounds.count ? "\(text(lows[k]))-\(text(bounds[k]))" : "\(text(lows[k]))+"
    }
  }

  private static func group(_ property: Property, _ box: Truth) -> String {
    func between(_ value: Double, _ bounds: [Double]) -> String {
      names(bounds)[bounds.count { value >= $0 }]
    }
    return switch property {
    case .className: box.name.rawValue
    case .distance: between(box.distance, distanceBounds)
    case .visibility: visibilityNames[box.visibility] ?? "unknown"
    case .speed: box.speed.isNaN ? "unknown" : between(box.speed, speedBounds)
    case .points: between(Double(box.points), pointBounds)
    }
  }

  /// The figures: property, then group.
  public var json: JSONValue {
    let sections = Property.allCases.map { property in
      JSONValue.Member(
        key: property.rawValue,
        value: .object(
          rows.filter { $0.property == property }.map { row in
            .init(
              key: row.name,
              value: .members([
                "recall": .optional(row.recall), "truth": .integer(row.truth), "found": .integer(row.found),
                "trans_err": .optional(row.translationError),
              ]))
          }))
    }
    let scores = zip(DetectionClass.allCases, thresholds).map { name, value in
      JSONValue.Member(key: name.rawValue, value: .optional(value))
    }
    return .object(sections + [.init(key: "score_thresholds", value: .object(scores))])
  }
}

extension DetectionBreakdown {
  /// The breakdown of what was matched.
  init(_ matches: DetectionMatches, truth: SampleTruth) {
    var boxes = truth.samples.map { sample in
      zip(sample.boxes, sample.details).map { box, details in
        Truth(
          name: box.name, distance: details.distance, visibility: details.visibility,
          speed: box.velocity.length, points: details.lidarPointCount)
      }
    }
    let best = DetectionClass.allCases.indices.map { matches.bestOperatingPoint(ofClass: $0) }
    for point in best {
      for match in point?.matches ?? [] { boxes[match.sample][match.box].foundWithin = match.distance }
    }
    self.init(boxes.flatMap { $0 }, thresholds: best.map { $0?.score })
  }
}
