import Foundation
import Geometry
import Scenes

/// Below these speeds an object is taken to stand, in m/s: what noise in a box's place looks like over half a second.
public enum StandingSpeed {
  /// Vehicles and bicycles.
  public static let vehicle = 0.8
  /// People on foot.
  public static let pedestrian = 0.3
}

/// Where something may go: modes of constant velocity and heading, constant turn rate, acceleration and stopping.
///
/// What stands goes on standing, or moves off; what moves keeps its speed while its turn rate dies away with a time
/// constant of 2 s, or brakes, speeds up or curves. Measured speeds carry no acceleration forward: over the real
/// traffic of nuScenes mini, every way of using it made forecasts worse.
///
/// - Parameters:
///   - state: finite values.
///   - standingSpeed: a speed below this is noise.
/// - Returns: 17 modes for what stands, 25 for what moves.
/// - Complexity: 60 steps a mode.
public func forecastTrajectories(_ state: MotionState, standingSpeed: Double = StandingSpeed.vehicle)
  -> Trajectories
{
  let speed = abs(state.speed)
  var state = state
  let modes: [TrajectoryMode]
  let first: Double
  if speed < standingSpeed {
    state.speed = 0
    state.turnRate = 0
    modes = TrajectoryPriors.standing
    first = 0.9
  } else if speed < 4 {
    modes = TrajectoryPriors.slow
    first = 0.2
  } else {
    modes = TrajectoryPriors.fast
    first = 0.2
  }
  let directions = TrajectoryMode.directions(state)
  return Trajectories(
    modes: modes.map { $0.roll(state, directions: directions) },
    probabilities: TrajectoryPriors.probabilities(modes.count, first: first))
}

/// Where a track may go, from its own velocity and turn rate.
///
/// A vehicle moves along its box, unless the velocity disagrees by more than a right angle's half: then along the velocity.
public func forecastTrajectories(of track: Track) -> AgentTrajectories {
  let detection = track.detection
  let velocity = detection.velocity
  let speed = velocity.length
  let yaw = detection.box.yaw
  let course = speed > 0 ? atan2(velocity.y, velocity.x) : yaw
  let difference = abs(wrapAngle(course - yaw))
  let isPedestrian = detection.name == .pedestrian
  var state = MotionState(
    position: detection.box.center.xy, heading: course, speed: speed, turnRate: track.turnRate)
  if !isPedestrian, difference < .pi / 4 || difference > 3 * .pi / 4 {
    state.heading = yaw
    state.speed = difference < .pi / 2 ? speed : -speed
  }
  let standing = isPedestrian ? StandingSpeed.pedestrian : StandingSpeed.vehicle
  return AgentTrajectories(track: track, trajectories: forecastTrajectories(state, standingSpeed: standing))
}

/// Where the ego may go, from where it has been.
///
/// - Parameter poses: up to now, in order of time, the last one now; the last half second is used.
/// - Returns: the modes of a vehicle; all standing still where there is one pose only.
/// - Precondition: there is a pose.
public func forecastEgo(poses: [EgoPose]) -> Trajectories {
  precondition(!poses.isEmpty, "no ego pose to plan from")
  let now = poses[poses.count - 1]
  let before =
    poses.last { now.timestampMicroseconds - $0.timestampMicroseconds >= 400_000 } ?? poses[0]
  let past = MotionSample(before.timestampMicroseconds, before.globalFromEgo)
  return forecastTrajectories(
    motionState(from: past, to: MotionSample(now.timestampMicroseconds, now.globalFromEgo)))
}

/// The motion between two samples, at the later one: speed along its heading (the whole displacement, signed by whether
/// it went forward) and turn rate.
func motionState(from past: MotionSample, to now: MotionSample) -> MotionState {
  let seconds = Double(now.timestampMicroseconds - past.timestampMicroseconds) / 1e6
  var state = MotionState(position: now.position, heading: now.heading, speed: 0, turnRate: 0)
  guard seconds > 0 else { return state }
  let displacement = now.position - past.position
  let forward = displacement.dot(SIMD2(1, 0).rotated(by: now.heading))
  state.speed = (forward < 0 ? -1 : 1) * displacement.length / seconds
  state.turnRate = wrapAngle(now.heading - past.heading) / seconds
  return state
}
