import Algorithms
import Foundation
import Geometry

/// A car that drives along a car park's aisle past its bay, stops, and reverses into it.
struct BayManoeuvre: Sendable {
  /// The bay, facing in.
  var bay: PlanarPose
  var size: SIMD3<Double>
  var seed: UInt64
  /// Seconds of the drive's recording at which the car sets off.
  var start: Double
  /// Where the car sets off: metres along the aisle before the place where it stops.
  private let approach: Double
  /// Where the car stops: the turn's radius beside the bay's middle, on the aisle's middle line, facing along it.
  private let stop: PlanarPose
  /// +1 where the bay lies to the left of the car as it passes.
  private let side: Double
  /// Metres from the aisle's middle line to the bay's middle.
  private let depth: Double

  /// Radius of the way into the bay, in metres.
  static let radius = 4.4
  /// Metres a second forwards and backwards, and how hard one starts and stops.
  private static let speeds = (forwards: 2.6, backwards: 1.3, acceleration: 0.9)
  /// Seconds between the two.
  private static let pause = 1.2

  /// One car a row at most, for a bay with room along the aisle on both sides.
  static func draw(_ carPark: CarPark, _ random: inout RandomSource) -> [BayManoeuvre] {
    var result: [BayManoeuvre] = []
    for row in [-1.0, 1] where random.chance(0.6) {
      let bays = carPark.bays.filter { bay in
        let d = bay.position - carPark.pose.position
        return d.dot(carPark.pose.left) * row > 0 && abs(d.dot(carPark.pose.forward)) < carPark.length / 2 - 9
      }
      guard let bay = bays.randomElement(using: &random), result.isEmpty else { continue }
      result.append(BayManoeuvre(bay: bay, carPark, row: row, &random))
    }
    return result
  }

  private init(bay: PlanarPose, _ carPark: CarPark, row: Double, _ random: inout RandomSource) {
    self.bay = bay
    var size = ActorCatalogue.size("vehicle.car", &random)
    size.y = min(size.y, 4.8)
    self.size = size
    seed = random.next()
    start = random.uniform(0, 12)
    let d = bay.position - carPark.pose.position
    let along = d.dot(carPark.pose.forward)
    let direction = along < 0 ? 1.0 : -1
    depth = abs(d.dot(carPark.pose.left))
    side = row * direction
    let heading = carPark.pose.heading + (direction > 0 ? 0 : .pi)
    let aisle = PlanarPose(position: carPark.pose.point(ahead: along, aside: 0), heading: heading)
    stop = PlanarPose(position: aisle.point(ahead: Self.radius, aside: 0), heading: heading)
    approach = carPark.length / 2 - abs(along) + Self.radius - 3
  }

  /// Where the car is, that many seconds into the recording.
  func pose(at time: Double) -> PlanarPose {
    let speeds = Self.speeds
    let forwards = Self.travel(time - start, over: approach, speed: speeds.forwards, speeds.acceleration)
    if forwards.isOver {
      let turn = Self.radius * .pi / 2
      let way = turn + depth - Self.radius
      let since =
        time - start - Self.seconds(approach, speed: speeds.forwards, speeds.acceleration) - Self.pause
      return reversed(by: Self.travel(since, over: way, speed: speeds.backwards, speeds.acceleration).metres)
    }
    return PlanarPose(
      position: stop.point(ahead: forwards.metres - approach, aside: 0), heading: stop.heading)
  }

  /// The pose so many metres of reversing after the stop: a quarter circle with the rear towards the bay, then straight.
  private func reversed(by metres: Double) -> PlanarPose {
    let angle = min(metres / Self.radius, .pi / 2)
    let rest = max(0, metres - Self.radius * .pi / 2)
    let ahead = -Self.radius * sin(angle)
    let aside = Self.radius * (1 - cos(angle)) + rest
    return PlanarPose(
      position: stop.point(ahead: ahead, aside: side * aside), heading: stop.heading - side * angle)
  }

  /// Seconds from standstill to standstill over a way.
  private static func seconds(_ way: Double, speed: Double, _ acceleration: Double) -> Double {
    let top = min(speed, (way * acceleration).squareRoot())
    return way / top + top / acceleration
  }

  private static func travel(_ time: Double, over way: Double, speed: Double, _ acceleration: Double) -> (
    metres: Double, isOver: Bool
  ) {
    let top = min(speed, (way * acceleration).squareRoot())
    let all = way / top + top / acceleration
    if time <= 0 { return (0, false) }
    if time >= all { return (way, true) }
    let ramp = top / acceleration
    if time < ramp { return (acceleration * time * time / 2, false) }
    if time > all - ramp { return (way - acceleration * (all - time) * (all - time) / 2, false) }
    return (top * (time - ramp / 2), false)
  }
}
