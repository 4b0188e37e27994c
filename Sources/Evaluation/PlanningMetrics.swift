import Files
import Foundation
import Geometry
import Scenes

/// How far the ego's plan is from the recorded drive, and how often it runs into what was there, under both averaging
/// protocols in use.
///
/// Every figure is taken at the steps of 0.5 s up to 3 s:
/// - `at_horizon` (UniAD): the value at the step of 1, 2 and 3 s.
/// - `mean_to_horizon` (VAD, after ST-P3): the mean over all steps up to 1, 2 and 3 s. It is lower, as errors grow.
///
/// A plan collides at a step where the ego's footprint there overlaps the footprint of an annotated vehicle or person of
/// that keyframe and the recorded drive's own footprint does not. The ego is 4.084 m x 1.85 m, its centre 0.5 m ahead of
/// its pose, and looks along the plan's last move (the papers' code does not turn it, and draws boxes on a grid of 0.5 m;
/// here footprints are exact, so rates differ in the third decimal from theirs).
/// - Source: Hu et al., "ST-P3", ECCV 2022; Hu et al., "Planning-oriented Autonomous Driving" (UniAD), CVPR 2023, table 7;
///   Jiang et al., "VAD", ICCV 2023, section 4.1; the difference is discussed in Li et al., arXiv 2312.03031, section 4.
public struct PlanningMetrics: Sendable, Equatable, SummedFigures {
  /// The steps that are scored: 3 s of 0.5 s.
  public static let stepCount = 6
  /// The steps of the horizons 1, 2 and 3 s.
  static let horizons = [2, 4, 6]
  /// The ego's length and width in metres, and how far its centre is ahead of its pose.
  static let length = 4.084, width = 1.85, centerAhead = 0.5
  /// A plan that moves less than this in a step keeps its heading, in metres.
  static let leastMove = 0.1

  /// Keyframes with a plan, and those of them with 3 s of recorded drive ahead.
  public private(set) var plans = 0, scored = 0
  private var distanceSums = [Double](repeating: 0, count: stepCount)
  private var collisions = [Int](repeating: 0, count: stepCount)

  /// No plans yet.
  public init() {}

  /// How a figure at steps becomes a figure at a horizon.
  public enum Averaging: String, Sendable, CaseIterable {
    /// UniAD's: the value at the horizon.
    case atHorizon = "at_horizon"
    /// VAD's: the mean over the steps up to the horizon.
    case meanToHorizon = "mean_to_horizon"

    func value(_ steps: [Double], at horizon: Int) -> Double {
      switch self {
      case .atHorizon: steps[horizon - 1]
      case .meanToHorizon: steps[..<horizon].reduce(0, +) / Double(horizon)
      }
    }
  }

  /// The mean distance from the recorded drive at 1, 2 and 3 s, in metres; nil where nothing is scored.
  public func distances(_ averaging: Averaging) -> [Double]? { values(distanceSums, averaging) }

  /// The share of plans that collide at 1, 2 and 3 s; nil where nothing is scored.
  public func collisionRates(_ averaging: Averaging) -> [Double]? {
    values(collisions.map(Double.init), averaging)
  }

  private func values(_ sums: [Double], _ rule: Averaging) -> [Double]? {
    guard scored > 0 else { return nil }
    let steps = sums.map { $0 / Double(scored) }
    return Self.horizons.map { rule.value(steps, at: $0) }
  }

  /// Adds a plan.
  /// - Parameters:
  ///   - plan: Positions in the global frame, one a step of 0.5 s, six at least.
  ///   - start: The ego's pose now.
  ///   - future: The recorded poses at the steps; the plan is scored where there are six.
  ///   - obstacles: `[step]`: footprints of what was there, counter-clockwise.
  public mutating func add(
    plan: [SIMD2<Double>], start: RigidTransform, future: [RigidTransform], obstacles: [[Polygon]]
  ) {
    plans += 1
    guard future.count >= Self.stepCount else { return }
    precondition(
      plan.count >= Self.stepCount && obstacles.count >= Self.stepCount,
      "a plan of \(plan.count) steps, obstacles of \(obstacles.count)")
    scored += 1
    var heading = start.rotation.yaw
    var last = start.translation.xy
    for step in 0..<Self.stepCount {
      let move = plan[step] - last
      if move.length >= Self.leastMove { heading = atan2(move.y, move.x) }
      last = plan[step]
      distanceSums[step] += (plan[step] - future[step].translation.xy).length
      let planned = Self.footprint(at: plan[step], yaw: heading)
      let recorded = Self.footprint(at: future[step].translation.xy, yaw: future[step].rotation.yaw)
      if Self.hits(planned, obstacles[step]), !Self.hits(recorded, obstacles[step]) { collisions[step] += 1 }
    }
  }

  /// The ego's footprint at a pose.
  static func footprint(at position: SIMD2<Double>, yaw: Double) -> Polygon {
    let center = position + SIMD2(centerAhead, 0).rotated(by: yaw)
    return Box3D(
      center: SIMD3(center.x, center.y, 0), size: SIMD3(width, length, 1), rotation: Quaternion(yaw: yaw)
    ).footprint
  }

  private static func hits(_ ego: Polygon, _ obstacles: [Polygon]) -> Bool {
    obstacles.contains { ego.clipped(toConvex: $0).area > 1e-9 }
  }

  mutating func add(_ other: Self, times: Int) {
    plans += other.plans * times
    scored += other.scored * times
    for step in distanceSums.indices {
      distanceSums[step] += other.distanceSums[step] * Double(times)
      collisions[step] += other.collisions[step] * times
    }
  }

  /// The figures, each protocol under its name.
  public var json: JSONValue {
    func figures(_ values: [Double]?) -> JSONValue {
      guard let values else { return .null }
      return .members([
        "1s": .number(values[0]), "2s": .number(values[1]), "3s": .number(values[2]),
        "mean": .number(values.reduce(0, +) / 3),
      ])
    }
    let sections = Averaging.allCases.map { rule in
      JSONValue.Member(
        key: rule.rawValue,
        value: .members([
          "l2_m": figures(distances(rule)), "collision_rate": figures(collisionRates(rule)),
        ]))
    }
    return .object(
      sections + [.init(key: "plans", value: .integer(plans)), .init(key: "scored", value: .integer(scored))])
  }
}
