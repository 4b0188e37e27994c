import Foundation
import Geometry
import Scenes
import Tracking

/// How something moves now, on the plane of the global frame.
public struct MotionState: Sendable, Hashable {
  /// Where it is, in metres.
  public var position: SIMD2<Double>
  /// Where it points, in radians.
  public var heading: Double
  /// Along the heading in metres a second; negative where it backs up.
  public var speed: Double
  /// Of the heading, in radians a second.
  public var turnRate: Double

  /// The motion with these values.
  public init(position: SIMD2<Double>, heading: Double, speed: Double, turnRate: Double) {
    self.position = position
    self.heading = heading
    self.speed = speed
    self.turnRate = turnRate
  }
}

/// One way on: a change of speed and of heading, laid over the motion of now.
struct TrajectoryMode {
  /// Of the speed's size, in m/s²; braking ends at rest.
  var acceleration: Double
  /// Curving left at 10 m/s and above, in rad/s; less in proportion below.
  var turn: Double
  /// Whether the present turn rate goes on at first (dying away) or is dropped.
  var keepsTurning = true

  /// Seconds in which a turn dies away to 1/e: turns end; the rate of half a second tells little of six.
  private static let turnDecaySeconds = HeadingFilter.decaySeconds
  /// The most turn rate believed, in rad/s: 10 m/s on a curve of 20 m radius.
  static let maximumTurnRate = 0.5
  /// Steps of integration an output step.
  private static let substeps = 5

  /// Seconds of a step of integration, and how many there are.
  private static let step = Trajectories.stepSeconds / Double(substeps)
  private static let stepCount = Trajectories.stepCount * substeps

  /// Headings as unit vectors, a step of integration each, of all modes that go on turning and have no turn of their own:
  /// they do not depend on speed.
  static func directions(_ state: MotionState) -> [SIMD2<Double>] {
    var course = Course(state, keepsTurning: true)
    return (0..<stepCount).map { _ in course.next(turn: 0) }
  }

  /// Twelve positions, half a second apart, by the midpoint rule in steps of 0.1 s.
  ///
  /// - Parameter directions: the state's.
  func roll(_ state: MotionState, directions: [SIMD2<Double>]) -> [SIMD2<Double>] {
    let sign: Double = state.speed < 0 ? -1 : 1
    let isShared = keepsTurning && turn == 0
    var course = Course(state, keepsTurning: keepsTurning)
    var position = state.position
    var path: [SIMD2<Double>] = []
    path.reserveCapacity(Trajectories.stepCount)
    for k in 0..<Self.stepCount {
      let time = (Double(k) + 0.5) * Self.step
      let speed = max(abs(state.speed) + acceleration * time, 0)
      let direction = isShared ? directions[k] : course.next(turn: turn * min(speed, 10) / 10)
      position += direction * (Self.step * sign * speed)
      if k % Self.substeps == Self.substeps - 1 { path.append(position) }
    }
    return path
  }

  /// The heading while a turn dies away; its sine and cosine are taken only where it changes.
  private struct Course {
    private static let decay = exp(-step / turnDecaySeconds)
    private var kept: Double, heading: Double, direction: SIMD2<Double>

    init(_ state: MotionState, keepsTurning: Bool) {
      let rate = min(max(state.turnRate, -maximumTurnRate), maximumTurnRate)
      kept = keepsTurning ? rate * exp(-step / 2 / turnDecaySeconds) : 0
      heading = state.heading
      direction = SIMD2(1, 0).rotated(by: heading)
    }

    mutating func next(turn: Double) -> SIMD2<Double> {
      let turned = heading + step * (kept + turn)
      kept *= Self.decay
      if turned != heading {
        heading = turned
        direction = SIMD2(1, 0).rotated(by: heading)
      }
      return direction
    }
  }
}

/// Modes for what stands, moves slowly and moves fast, the likeliest first.
///
/// First come those that differ most: going on as now, then braking and speeding up in steps, then curves. The order is
/// what counts for the k best of a forecast; the probabilities are priors that fall by the same factor, with the rest
/// of the way on as now.
enum TrajectoryPriors {
  static let standing: [TrajectoryMode] =
    [(0.0, 0.0), (0.3, 0), (0.6, 0), (1.5, 0), (1, 0.3), (1, -0.3), (0.6, 0.15), (0.6, -0.15), (1.5, 0.4)]
    .modes
    + [(1.5, -0.4), (0.15, 0), (2, 0), (1, 0), (1.5, 0.15), (1.5, -0.15), (2, 0.3), (2, -0.3)].modes
  static let slow: [TrajectoryMode] =
    [(0.0, 0.0), (-1.5, 0), (0.6, 0), (0.3, 0), (0, 0.25), (0, -0.25), (-0.4, 0), (1, 0), (1, 0.3)].modes
    + [(1, -0.3)].modes + [TrajectoryMode(acceleration: 0, turn: 0, keepsTurning: false)]
    + [(0.15, 0.0), (-0.2, 0), (-0.7, 0), (0.6, 0.12), (0.6, -0.12), (1.5, 0), (0, 0.12), (0, -0.12)].modes
    + [(0.0, 0.5), (0, -0.5), (1.5, 0.2), (1.5, -0.2), (0.6, 0.5), (0.6, -0.5)].modes
  static let fast: [TrajectoryMode] =
    [(0.0, 0.0), (-1, 0), (0.6, 0), (-0.4, 0), (0.3, 0), (0, 0.08), (0, -0.08), (-2.5, 0), (1, 0)].modes
    + [(-0.2, 0.0), (-0.7, 0), (0, 0.2), (0, -0.2), (0.8, 0.08), (0.8, -0.08), (-1, 0.1), (-1, -0.1)].modes
    + [TrajectoryMode(acceleration: 0, turn: 0, keepsTurning: false)]
    + [(-1.5, 0.0), (1.5, 0), (0, 0.04), (0, -0.04), (-1, 0.3), (-1, -0.3), (-4, 0)].modes

  /// Probabilities of so many modes: the first, then the rest falling by an eighth each, scaled to sum to 1.
  static func probabilities(_ count: Int, first: Double) -> [Double] {
    var weights = [first]
    var weight = 1.0
    for _ in 1..<max(count, 2) {
      weights.append(weight)
      weight *= 0.875
    }
    let rest = weights.dropFirst().reduce(0, +)
    return weights.enumerated().map { $0.offset == 0 ? first : $0.element / rest * (1 - first) }
  }
}

extension [(Double, Double)] {
  fileprivate var modes: [TrajectoryMode] { map { TrajectoryMode(acceleration: $0.0, turn: $0.1) } }
}
