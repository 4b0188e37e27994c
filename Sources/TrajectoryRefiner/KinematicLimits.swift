import Foundation
import Geometry

/// What a kind of agent can do at most; trajectories are kept within it.
///
/// Vehicles: a turning circle of 10 m (cars have 10 to 12 m between kerbs) gives the curvature; a dry road's friction of
/// 0.9 bounds braking, 0.7 g a turn (a car at the edge of its tyres), and 5 m/s² is a car that reaches 100 km/h in
/// 5.6 s. People and cyclists: turns of half a metre; 4 m/s² (a walker stops within a step, a sprinter's start), 15 m/s.
/// - Source: bounds of a friction circle, Rajamani, "Vehicle Dynamics and Control", 2012, chapter 4.
public struct KinematicLimits: Sendable, Hashable {
  /// 1/m: the inverse of the smallest turning radius.
  public var maximumCurvature: Double
  /// Across the path, in m/s².
  public var maximumLateralAcceleration: Double
  /// Speeding up, in m/s².
  public var maximumAcceleration: Double
  /// Slowing down, in m/s², above 0.
  public var maximumBraking: Double
  /// In m/s.
  public var maximumSpeed: Double

  /// The limits with these values.
  public init(
    maximumCurvature: Double, maximumLateralAcceleration: Double, maximumAcceleration: Double,
    maximumBraking: Double, maximumSpeed: Double
  ) {
    self.maximumCurvature = maximumCurvature
    self.maximumLateralAcceleration = maximumLateralAcceleration
    self.maximumAcceleration = maximumAcceleration
    self.maximumBraking = maximumBraking
    self.maximumSpeed = maximumSpeed
  }

  /// The limits of a kind.
  public init(_ kind: AgentKind) {
    switch kind {
    case .vehicle, .ego:
      self.init(
        maximumCurvature: 0.2, maximumLateralAcceleration: 6.9, maximumAcceleration: 5,
        maximumBraking: 8.8, maximumSpeed: 50)
    case .vulnerable:
      self.init(
        maximumCurvature: 2, maximumLateralAcceleration: 4, maximumAcceleration: 4, maximumBraking: 4,
        maximumSpeed: 15)
    }
  }

  /// Below this length a step has no direction of its own, in metres.
  private static let shortestStep = 0.05
  /// What rounding may add to a value at its limit.
  private static let slack = 1e-9
  /// A step turned farther than this would read as one backwards; turns are kept below it, in radians.
  private static let maximumTurn = 1.5

  /// The trajectory followed as closely as the limits allow: each step heads for the mode's next position from where the
  /// last one ended, with speed, curvature and turn clamped.
  ///
  /// A step gives a speed (negative where it goes backwards) and a heading; between neighbouring steps speed may change
  /// by acceleration · 0.5 s, and heading by curvature · distance and lateral acceleration · 0.5 s / speed. The first
  /// step follows heading 0 and, where it is known, the present speed, over half the time. A trajectory within the
  /// limits is returned as it is, to the bit; so limiting twice changes nothing.
  ///
  /// - Parameters:
  ///   - mode: positions in the agent's frame, half a second apart, finite.
  ///   - startSpeed: along the heading, in m/s; nil where it is not known.
  ///   - corrections: what was changed is added to it.
  /// - Complexity: O(steps).
  public func limited(
    _ mode: [SIMD2<Double>], startSpeed: Double?, corrections: inout KinematicCorrections
  ) -> [SIMD2<Double>] {
    var state = State(position: .zero, heading: 0, speed: startSpeed)
    var change = Change()
    var result: [SIMD2<Double>] = []
    result.reserveCapacity(mode.count)
    for (k, target) in mode.enumerated() {
      state = follow(target, from: state, isFirst: k == 0, &change)
      result.append(state.position)
    }
    corrections.add(change)
    return result
  }

  /// The limits with every acceleration and curvature scaled.
  func scaled(_ factor: Double) -> KinematicLimits {
    KinematicLimits(
      maximumCurvature: maximumCurvature * factor,
      maximumLateralAcceleration: maximumLateralAcceleration * factor,
      maximumAcceleration: maximumAcceleration * factor, maximumBraking: maximumBraking * factor,
      maximumSpeed: maximumSpeed)
  }

  /// Whether `limited` would return the trajectory as it is.
  public func allows(_ mode: [SIMD2<Double>], startSpeed: Double?) -> Bool {
    var corrections = KinematicCorrections()
    _ = limited(mode, startSpeed: startSpeed, corrections: &corrections)
    return corrections.modes == 0
  }

  private struct State {
    var position: SIMD2<Double>
    var heading: Double
    /// Negative where it goes backwards; nil where it is not known.
    var speed: Double?
  }

  /// What was changed in one mode.
  struct Change {
    var speeds = 0, curvatures = 0, lateral = 0
  }

  private func follow(
    _ target: SIMD2<Double>, from last: State, isFirst: Bool, _ change: inout Change
  ) -> State {
    let seconds = 0.5
    let way = target - last.position
    let wanted = motion(way, heading: last.heading, seconds: seconds)
    // Between the middles of two steps lie 0.5 s; before the middle of the first, 0.25 s.
    let span = isFirst ? seconds / 2 : seconds
    let speed = limitedSpeed(wanted.speed, after: last.speed, span: span)
    if speed != wanted.speed { change.speeds += 1 }
    guard abs(speed) * seconds >= Self.shortestStep else {
      let direction = SIMD2(1, 0).rotated(by: last.heading)
      let position = speed == wanted.speed ? target : last.position + direction * (speed * seconds)
      return State(position: position, heading: last.heading, speed: speed)
    }
    let mean = isFirst ? abs(speed) : (abs(speed) + abs(last.speed ?? speed)) / 2
    let byCurvature = min(maximumCurvature * mean * span, Self.maximumTurn)
    let byFriction = maximumLateralAcceleration * span / max(mean, 1e-6)
    let bound = min(byCurvature, byFriction)
    var turn = wanted.turn
    if abs(turn) > bound + Self.slack {
      if byCurvature <= byFriction { change.curvatures += 1 } else { change.lateral += 1 }
      turn = turn < 0 ? -bound : bound
    }
    let heading = last.heading + turn
    let isKept = turn == wanted.turn && speed == wanted.speed
    let position =
      isKept ? target : last.position + SIMD2(1, 0).rotated(by: heading) * (speed * seconds)
    return State(position: position, heading: heading, speed: speed)
  }

  /// A step's speed and its turn against the heading before; backwards where that turns less.
  private func motion(
    _ way: SIMD2<Double>, heading: Double, seconds: Double
  ) -> (speed: Double, turn: Double) {
    let length = way.length
    guard length >= Self.shortestStep else {
      let forward = way.dot(SIMD2(1, 0).rotated(by: heading))
      return ((forward < 0 ? -1 : 1) * length / seconds, 0)
    }
    let turn = wrapAngle(atan2(way.y, way.x) - heading)
    if abs(turn) <= .pi / 2 { return (length / seconds, turn) }
    return (-length / seconds, wrapAngle(turn + .pi))
  }

  private func limitedSpeed(_ wanted: Double, after last: Double?, span: Double) -> Double {
    var low = -maximumSpeed, high = maximumSpeed
    if let last {
      low = max(low, last - (last > 0 ? maximumBraking : maximumAcceleration) * span)
      high = min(high, last + (last < 0 ? maximumBraking : maximumAcceleration) * span)
      // A measured present speed above the highest leaves no more room than braking gives.
      if low > high { (low, high) = low > 0 ? (low, low) : (high, high) }
    }
    if wanted > high + Self.slack { return high }
    if wanted < low - Self.slack { return low }
    return wanted
  }
}

/// How often the kinematic limits changed something.
public struct KinematicCorrections: Sendable, Hashable, Codable {
  /// Modes that were looked at, and those that were changed.
  public var checked = 0, modes = 0
  /// Steps changed for longitudinal acceleration or speed, for curvature, and for lateral acceleration.
  public var speeds = 0, curvatures = 0, lateral = 0

  /// No corrections.
  public init() {}

  mutating func add(_ change: KinematicLimits.Change) {
    checked += 1
    if change.speeds + change.curvatures + change.lateral > 0 { modes += 1 }
    speeds += change.speeds
    curvatures += change.curvatures
    lateral += change.lateral
  }

  /// Both counts in one.
  public static func + (a: KinematicCorrections, b: KinematicCorrections) -> KinematicCorrections {
    var sum = a
    sum.checked += b.checked
    sum.modes += b.modes
    sum.speeds += b.speeds
    sum.curvatures += b.curvatures
    sum.lateral += b.lateral
    return sum
  }
}
