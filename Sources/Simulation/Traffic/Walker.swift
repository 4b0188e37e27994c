import Geometry

/// Somebody on foot: a line to walk, perhaps over one crossing.
struct Walker: Sendable {
  var category: String
  var size: SIMD3<Double>
  var appearanceSeed: UInt64
  /// The line.
  let points: [SIMD2<Double>]
  /// Metres along at each point.
  let distances: [Double]
  /// Metres walked.
  var s = 0.0
  var speed: Double
  var desiredSpeed: Double
  /// The crossing, where to wait for it, and where it is behind.
  var crossing: Int?
  var gate: Double?
  var crossingEnd = 0.0
  var isCrossing = false
  var waitingSince: Double?
  /// For one who stands: where to look.
  var standingHeading: Double?

  init(
    category: String, size: SIMD3<Double>, appearanceSeed: UInt64, points: [SIMD2<Double>], speed: Double
  ) {
    self.category = category
    self.size = size
    self.appearanceSeed = appearanceSeed
    self.points = points
    var sum = 0.0
    var distances = [0.0]
    for (a, b) in zip(points, points.dropFirst()) {
      sum += (b - a).length
      distances.append(sum)
    }
    self.distances = distances
    self.speed = speed
    desiredSpeed = speed
  }

  /// Metres of the whole line.
  var length: Double { distances[distances.count - 1] }

  /// The place at so many metres; straight on beyond the ends.
  func point(_ s: Double) -> SIMD2<Double> {
    guard points.count > 1 else { return points[0] }
    var k = 0
    while k + 2 < points.count, distances[k + 1] < s { k += 1 }
    let span = max(distances[k + 1] - distances[k], 1e-9)
    return points[k] + (points[k + 1] - points[k]) * ((s - distances[k]) / span)
  }

  /// Where the body is and faces: corners are rounded over a stride.
  var pose: PlanarPose {
    if let standingHeading { return PlanarPose(position: points[0], heading: standingHeading) }
    var middle = SIMD2<Double>.zero
    for k in -5...5 { middle += point(s + 0.14 * Double(k)) }
    return PlanarPose(position: middle / 11, heading: (point(s + 0.8) - point(s - 0.8)).angle)
  }
}
