import Foundation
import Geometry

extension SIMD2 where Scalar == Double {
  /// The direction from x, counter-clockwise, in radians.
  var angle: Double { atan2(y, x) }
}

/// A vehicle in traffic.
struct Vehicle: Sendable {
  /// A right to pass a junction, given back when the rear is past `releaseAt`.
  struct Reservation: Sendable {
    var connector: Int
    var releaseAt: Double
  }

  var category: String
  var size: SIMD3<Double>
  var appearanceSeed: UInt64
  var hasRider = false
  var isEgo = false
  /// Size of what it pulls, and metres between.
  var trailer: (size: SIMD3<Double>, gap: Double)?

  var route: Route
  /// Metres along the route of the body's middle.
  var s: Double
  var speed: Double
  /// Share of the speed limit that the driver likes; for bicycles metres a second are capped by `topSpeed`.
  var eagerness: Double
  var topSpeed: Double
  var headway: Double
  var acceleration: Double
  var braking: Double

  var reservations: [Reservation] = []
  var requestedAt: Double?
  /// The lane being left, with metres to add to `s` for the place along it, until the route place.
  var leaving: (lane: Int, shift: Double, until: Double)?
  var nextLaneChange: Double
  /// Where the front is to stop for parking.
  var parkAt: Double?
  var triedOpenings: [Int] = []

  var length: Double { size.y }
  var front: Double { s + size.y / 2 }
  /// The rear, of the trailer where there is one.
  var rear: Double { s - size.y / 2 - (trailer.map { $0.gap + $0.size.y } ?? 0) }
  var totalLength: Double { front - rear }
  /// Whether it stands beside the lanes.
  var isParked: Bool { parkAt != nil && speed < 0.05 && abs(route.aside(s)) > 2 }
  /// Whether it goes straight on where it can.
  var isLong: Bool { totalLength > 9 }
}
