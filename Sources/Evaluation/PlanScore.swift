import Files
import Foundation
import Geometry

/// NAVSIM's score of the ego's plans (PDMS), on the recorded traffic, which does not react.
///
/// `PDMS = NC · DAC · (5 EP + 5 TTC + 2 C) / 12` over the first 4 s of a plan, looked at every 0.1 s, straight between its
/// own points:
/// - NC (no collision): 0 where the ego runs into a vehicle or a person by its own fault, 1/2 into another object, else 1.
///   It is not at fault where it stands (below 0.05 m/s) or is hit by what comes from behind (the other's centre lies
///   behind the ego's).
/// - DAC (drivable-area compliance): 0 where a corner of the ego leaves the drivable area, else 1; left out (1) without map.
/// - TTC (time to collision): 0 where the ego, going on straight at its speed, would run into something ahead within 1 s.
/// - EP (progress): the plan's way along the recorded drive over the recorded drive's own, at most 1; 1 where the recorded
///   drive goes less than 5 m. NAVSIM takes a rule-based planner's way instead, which needs a route.
/// - C (comfort): 0 where a bound on acceleration, jerk, yaw rate or yaw acceleration is passed. NAVSIM drives the plan by a
///   controller at 10 Hz first; here the differences are those of the plan's own steps.
/// - Source: Dauner et al., "NAVSIM", NeurIPS 2024, section 3.2 and table 1 of the supplement; weights and bounds from its
///   code, `pdm_scorer.py` and `pdm_comfort_metrics.py`.
public struct PlanScore: Sendable, Equatable {
  /// Seconds that are looked at, and between looks.
  static let horizon = 4.0, period = 0.1
  /// Looks after now: 40.
  static let lookCount = 40
  /// Plan steps of 0.5 s in the horizon.
  static let stepCount = 8

  /// Something that was there.
  public struct Obstacle: Sendable {
    /// The footprint in the global frame.
    public var box: Box3D
    /// Whether it is a vehicle or a person; else an object.
    public var isRoadUser: Bool
    /// The obstacle with this box.
    public init(box: Box3D, isRoadUser: Bool) {
      self.box = box
      self.isRoadUser = isRoadUser
    }
  }

  /// The parts of one plan's score, each in [0, 1].
  public struct Parts: Sendable, Equatable {
    /// No collision, drivable-area compliance, time to collision, progress, comfort.
    public var noCollision = 1.0, drivable = 1.0, timeToCollision = 1.0, progress = 1.0, comfort = 1.0

    package init(
      noCollision: Double = 1, drivable: Double = 1, timeToCollision: Double = 1, progress: Double = 1,
      comfort: Double = 1
    ) {
      self.noCollision = noCollision
      self.drivable = drivable
      self.timeToCollision = timeToCollision
      self.progress = progress
      self.comfort = comfort
    }

    /// PDMS.
    public var score: Double {
      noCollision * drivable * (5 * progress + 5 * timeToCollision + 2 * comfort) / 12
    }
  }

  /// Plans that were scored.
  public private(set) var plans = 0
  private var sums = Parts(noCollision: 0, drivable: 0, timeToCollision: 0, progress: 0, comfort: 0)
  private var scoreSum = 0.0

  /// Nothing scored yet.
  public init() {}

  /// Counts a plan.
  public mutating func add(_ parts: Parts) {
    plans += 1
    scoreSum += parts.score
    sums.noCollision += parts.noCollision
    sums.drivable += parts.drivable
    sums.timeToCollision += parts.timeToCollision
    sums.progress += parts.progress
    sums.comfort += parts.comfort
  }

  /// The mean score; nil without plans.
  public var score: Double? { plans > 0 ? scoreSum / Double(plans) : nil }

  /// The mean of each part and the score.
  public var json: JSONValue {
    func mean(_ sum: Double) -> JSONValue { .optional(plans > 0 ? sum / Double(plans) : nil) }
    return .members([
      "pdms": .optional(score), "no_collision": mean(sums.noCollision), "drivable_area": mean(sums.drivable),
      "time_to_collision": mean(sums.timeToCollision), "progress": mean(sums.progress),
      "comfort": mean(sums.comfort),
      "plans": .integer(plans),
    ])
  }

  /// The parts of one plan.
  /// - Parameters:
  ///   - plan: Positions in the global frame, one a step of 0.5 s, eight at least.
  ///   - start: The ego's pose now.
  ///   - recorded: The recorded drive's positions at now and each step, nine.
  ///   - obstacles: `[look]`: what was there now and every 0.1 s, 41 looks.
  ///   - area: Where one may drive; nil where no map says.
  public static func parts(
    plan: [SIMD2<Double>], start: RigidTransform, recorded: [SIMD2<Double>], obstacles: [[Obstacle]],
    area: DrivableArea?
  ) -> Parts {
    precondition(
      plan.count >= stepCount && recorded.count == stepCount + 1 && obstacles.count == lookCount + 1,
      "a plan of \(plan.count) steps, \(recorded.count) recorded, obstacles of \(obstacles.count) looks")
    let points = [start.translation.xy] + plan.prefix(stepCount)
    let drive = looks(points, yaw: start.rotation.yaw)
    var parts = Parts()
    for look in 1...lookCount {
      let pose = drive[look]
      let ego = PlanningMetrics.footprint(at: pose.position, yaw: pose.yaw)
      if let area, !ego.points.allSatisfy(area.contains) { parts.drivable = 0 }
      guard pose.speed >= 0.05 else { continue }
      for obstacle in obstacles[look] where isAhead(obstacle.box, of: pose) {
        guard overlaps(ego, obstacle.box) else { continue }
        parts.noCollision = min(parts.noCollision, obstacle.isRoadUser ? 0 : 0.5)
      }
      if meetsWithinASecond(pose, look, obstacles) { parts.timeToCollision = 0 }
    }
    parts.progress = progress(points, along: recorded)
    parts.comfort = isComfortable(points, yaw: start.rotation.yaw) ? 1 : 0
    return parts
  }

  /// Where the ego is at one look.
  struct Pose {
    var position: SIMD2<Double>
    var yaw: Double
    var speed: Double
  }

  /// The plan every 0.1 s; a step of less than 0.1 m keeps the heading.
  static func looks(_ points: [SIMD2<Double>], yaw: Double) -> [Pose] {
    var heading = yaw
    var result = [Pose(position: points[0], yaw: yaw, speed: (points[1] - points[0]).length / 0.5)]
    for (a, b) in zip(points, points.dropFirst()) {
      let move = b - a
      if move.length >= PlanningMetrics.leastMove { heading = atan2(move.y, move.x) }
      for k in 1...5 {
        result.append(Pose(position: a + move * (Double(k) / 5), yaw: heading, speed: move.length / 0.5))
      }
    }
    return result
  }

  /// Whether a box's centre is not behind the ego's.
  private static func isAhead(_ box: Box3D, of pose: Pose) -> Bool {
    let forward = SIMD2(cos(pose.yaw), sin(pose.yaw))
    return (box.center.xy - pose.position - PlanningMetrics.centerAhead * forward).dot(forward) >= 0
  }

  private static func overlaps(_ ego: Polygon, _ box: Box3D) -> Bool {
    ego.clipped(toConvex: box.footprint).area > 1e-9
  }

  /// Whether the ego, going straight on from a look, would touch something ahead of it within a second.
  private static func meetsWithinASecond(_ pose: Pose, _ look: Int, _ obstacles: [[Obstacle]]) -> Bool {
    let velocity = SIMD2(cos(pose.yaw), sin(pose.yaw)) * pose.speed
    let reach = pose.speed + 12
    return stride(from: 3, through: 9, by: 3).contains { later in
      let position = pose.position + velocity * (Double(later) * period)
      let ego = PlanningMetrics.footprint(at: position, yaw: pose.yaw)
      return obstacles[min(look + later, lookCount)].contains { obstacle in
        (obstacle.box.center.xy - pose.position).length < reach + obstacle.box.length
          && isAhead(obstacle.box, of: pose) && overlaps(ego, obstacle.box)
      }
    }
  }

  /// The way of the plan's last point along the recorded drive over the recorded drive's length.
  static func progress(_ points: [SIMD2<Double>], along recorded: [SIMD2<Double>]) -> Double {
    let length = zip(recorded, recorded.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0).length }
    guard length >= 5, let end = points.last else { return 1 }
    var passed = 0.0
    var best = (distance: Double.infinity, way: 0.0)
    for (a, b) in zip(recorded, recorded.dropFirst()) {
      let move = b - a
      let squared = move.dot(move)
      let share = squared > 0 ? min(max((end - a).dot(move) / squared, 0), 1) : 0
      let distance = (end - a - move * share).length
      if distance < best.distance { best = (distance, passed + share * move.length) }
      passed += move.length
    }
    return best.way / length
  }

  /// Whether no bound is passed by the differences of the plan's steps.
  package static func isComfortable(_ points: [SIMD2<Double>], yaw: Double) -> Bool {
    let step = 0.5
    var heading = yaw
    var headings: [Double] = []
    for (a, b) in zip(points, points.dropFirst()) {
      if (b - a).length >= PlanningMetrics.leastMove { heading = atan2(b.y - a.y, b.x - a.x) }
      headings.append(heading)
    }
    let speeds = zip(points, points.dropFirst()).map { ($1 - $0).length / step }
    func rates(_ values: [Double]) -> [Double] { zip(values, values.dropFirst()).map { ($1 - $0) / step } }
    let acceleration = rates(speeds)
    let jerk = rates(acceleration)
    let yawRate = zip(headings, headings.dropFirst()).map { wrapAngle($1 - $0) / step }
    let lateral = zip(speeds.dropFirst(), yawRate).map { $0 * $1 }
    let lateralJerk = rates(lateral)
    return acceleration.allSatisfy { $0 <= 2.40 && $0 >= -4.05 } && lateral.allSatisfy { abs($0) <= 4.89 }
      && jerk.allSatisfy { abs($0) <= 4.13 } && yawRate.allSatisfy { abs($0) <= 0.95 }
      && zip(jerk, lateralJerk).allSatisfy { ($0 * $0 + $1 * $1).squareRoot() <= 8.37 }
      && rates(yawRate).allSatisfy { abs($0) <= 1.93 }
  }
}
