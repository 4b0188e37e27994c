import Geometry

/// A vehicle's way over lanes, by metres travelled: legs of lanes, with shifts to the side.
struct Route: Sendable {
  /// A lane, from `offset` metres along it, beginning `start` metres into the route.
  struct Leg: Sendable {
    var lane: Int
    var start: Double
    var offset: Double
  }

  /// A smooth move to the side between two places of the route.
  struct Shift: Sendable {
    var from: Double, to: Double
    var before: Double, after: Double
  }

  var legs: [Leg]
  var shifts: [Shift] = []
  /// Metres left of the lanes' centres all along.
  var keep = 0.0

  /// The last leg that begins at or before `s`.
  func legIndex(_ s: Double) -> Int {
    var k = legs.count - 1
    while k > 0, legs[k].start > s { k -= 1 }
    return k
  }

  /// Metres to the left of the lane's centre.
  func aside(_ s: Double) -> Double {
    var sum = keep
    for shift in shifts where s >= shift.from {
      if s >= shift.to {
        sum += shift.after
      } else {
        let u = (s - shift.from) / (shift.to - shift.from)
        let smooth = u * u * u * (10 - 15 * u + 6 * u * u)
        sum += shift.before + (shift.after - shift.before) * smooth
      }
    }
    return sum
  }

  /// The place at `s`.
  func point(_ s: Double, _ lanes: [Lane]) -> SIMD2<Double> {
    let leg = legs[legIndex(s)]
    return lanes[leg.lane].path.pose(at: leg.offset + s - leg.start).point(ahead: 0, aside: aside(s))
  }

  /// The curvature of the lane at `s`.
  func curvature(_ s: Double, _ lanes: [Lane]) -> Double {
    let leg = legs[legIndex(s)]
    return lanes[leg.lane].path.curvature(at: leg.offset + s - leg.start)
  }

  /// Where the route's last leg ends.
  func end(_ lanes: [Lane]) -> Double {
    let leg = legs[legs.count - 1]
    return leg.start + lanes[leg.lane].path.length - leg.offset
  }

  /// The pose of a body of this length whose middle is at `s`: its axles stand on the route.
  func bodyPose(_ s: Double, length: Double, _ lanes: [Lane]) -> PlanarPose {
    let half = 0.3 * length
    let front = point(s + half, lanes)
    let rear = point(s - half, lanes)
    let direction = front - rear
    return PlanarPose(position: (front + rear) / 2, heading: direction.angle)
  }
}
