import Files
import Geometry
import Results

/// How many of the vehicles that a LiDAR sees well are found near the ego, at a threshold where half of what is found is
/// right.
///
/// Counted are annotations of category `vehicle.*` with at least 50 LiDAR points whose centre is within 30 m of the ego
/// (in the plane). Results of the seven vehicle classes (bicycles and motorcycles are vehicles here) within 30 m are taken
/// by falling score, and each is right where an annotated vehicle with at least one LiDAR point that is not taken lies
/// within 2 m; it takes the nearest. The threshold is the lowest score at which at least half of the results taken so far
/// are right.
public struct VehicleRecall: Sendable, Equatable {
  /// The range in metres.
  public static let range = 30.0
  /// The distance in metres within which a vehicle is found.
  public static let distance = 2.0
  /// The LiDAR points that a counted vehicle has at least.
  public static let pointCount = 50

  /// An annotated vehicle, or a result of a vehicle class.
  package struct Place: Sendable {
    var center: SIMD2<Double>
    /// Whether the vehicle is counted.
    var counts: Bool
    /// The result's score.
    var score: Double

    package init(center: SIMD2<Double>, counts: Bool = false, score: Double = 0) {
      self.center = center
      self.counts = counts
      self.score = score
    }
  }

  /// The counted vehicles.
  public let vehicles: Int
  /// Those of them found at the threshold.
  public let found: Int
  /// The threshold; nil where at no score half of the results are right.
  public let scoreThreshold: Double?
  /// The share of results at the threshold that are right.
  public let precision: Double?

  /// Found over counted; nil where none is counted.
  public var recall: Double? { vehicles > 0 ? Double(found) / Double(vehicles) : nil }

  /// - Parameters: `[sample][place]` each.
  package init(truth: [[Place]], results: [[Place]]) {
    vehicles = truth.reduce(0) { $0 + $1.reduce(0) { $0 + ($1.counts ? 1 : 0) } }
    var taken = truth.map { [Bool](repeating: false, count: $0.count) }
    let all = results.enumerated().flatMap { sample, places in places.map { (sample: sample, place: $0) } }
    let order = all.indices.sorted { (all[$1].place.score, $0) < (all[$0].place.score, $1) }
    var right = 0
    var counted = 0
    var best: (found: Int, score: Double, precision: Double)?
    for (rank, index) in order.enumerated() {
      let (sample, place) = all[index]
      var nearest = Self.distance
      var match: Int?
      for (k, vehicle) in truth[sample].enumerated() where !taken[sample][k] {
        let separation = (vehicle.center - place.center).length
        if separation < nearest {
          nearest = separation
          match = k
        }
      }
      if let match {
        taken[sample][match] = true
        right += 1
        counted += truth[sample][match].counts ? 1 : 0
      }
      // A threshold takes all results of its score.
      if rank + 1 < order.count, all[order[rank + 1]].place.score == place.score { continue }
      let precision = Double(right) / Double(rank + 1)
      if precision >= 0.5 { best = (counted, place.score, precision) }
    }
    found = best?.found ?? 0
    scoreThreshold = best?.score
    precision = best?.precision
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "recall": .optional(recall), "vehicles": .integer(vehicles), "found": .integer(found),
      "score_threshold": .optional(scoreThreshold), "precision": .optional(precision),
    ])
  }
}
