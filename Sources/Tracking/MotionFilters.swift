import Foundation
import Geometry
import Scenes

/// A Kalman filter of a point moving on the plane with nearly constant velocity: `[x, y, vx, vy]`.
///
/// Both axes have the same noise, so one 2 x 2 covariance `[position, velocity]` serves both.
/// - Source: Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to Tracking and Navigation", section 6.2.
struct PositionFilter: Sendable {
  var position: SIMD2<Double>
  var velocity: SIMD2<Double>
  /// Variances and covariance of an axis: position, both, velocity.
  private(set) var variance: (pp: Double, pv: Double, vv: Double)

  init(position: SIMD2<Double>, positionVariance: Double, velocityVariance: Double) {
    self.position = position
    velocity = .zero
    variance = (positionVariance, 0, velocityVariance)
  }

  /// Moves on by `t` seconds under white acceleration noise of spectral density `q` (m²/s³).
  mutating func predict(seconds t: Double, noise q: Double) {
    position += velocity * t
    let (pp, pv, vv) = variance
    variance = (
      pp + 2 * t * pv + t * t * vv + q * t * t * t / 3, pv + t * vv + q * t * t / 2, vv + q * t
    )
  }

  /// Takes a measured position.
  mutating func update(position measured: SIMD2<Double>, variance r: Double) {
    let (pp, pv, vv) = variance
    let s = pp + r
    let residual = measured - position
    position += residual * (pp / s)
    velocity += residual * (pv / s)
    variance = (pp * r / s, pv * r / s, vv - pv * pv / s)
  }

  /// Takes a measured velocity.
  mutating func update(velocity measured: SIMD2<Double>, variance r: Double) {
    let (pp, pv, vv) = variance
    let s = vv + r
    let residual = measured - velocity
    position += residual * (pv / s)
    velocity += residual * (vv / s)
    variance = (pp - pv * pv / s, pv * r / s, vv * r / s)
  }
}

/// A Kalman filter of a heading and its rate: `[yaw, turn rate]`.
package struct HeadingFilter: Sendable {
  var yaw: Double
  var rate = 0.0
  /// Variances and covariance: yaw, both, rate.
  private var variance: (yy: Double, yr: Double, rr: Double)
  /// Measurements in a row that pointed the other way.
  private var opposed = 0

  init(yaw: Double, variance r: Double) {
    self.yaw = yaw
    variance = (r, 0, 0.1)
  }

  /// Moves on by `t` seconds under white noise of spectral density `q` (rad²/s³) on the rate.
  mutating func predict(seconds t: Double, noise q: Double) {
    yaw = wrapAngle(yaw + rate * t)
    let (yy, yr, rr) = variance
    variance = (
      yy + 2 * t * yr + t * t * rr + q * t * t * t / 3, yr + t * rr + q * t * t / 2, rr + q * t
    )
  }

  /// Seconds in which the rate of what is not seen falls to 1/e: turns end. Forecasts use the same.
  package static let decaySeconds = 2.0

  /// Lets the rate die away: what is not seen does not turn on for ever.
  mutating func coast(seconds t: Double) { rate *= exp(-t / Self.decaySeconds) }

  /// Takes a measured yaw. One that points the other way is turned around; three in a row turn the track instead.
  mutating func update(yaw measured: Double, variance r: Double) {
    var residual = wrapAngle(measured - yaw)
    if abs(residual) > .pi / 2 {
      opposed += 1
      if opposed >= 3 {
        yaw = wrapAngle(yaw + .pi)
        opposed = 0
      }
      residual = wrapAngle(measured - yaw)
      if abs(residual) > .pi / 2 { residual = wrapAngle(residual + .pi) }
    } else {
      opposed = 0
    }
    let (yy, yr, rr) = variance
    let s = yy + r
    yaw = wrapAngle(yaw + residual * yy / s)
    rate += residual * yr / s
    variance = (yy * r / s, yr * r / s, rr - yr * yr / s)
  }

  /// Points along a course where the velocity says that the box was taken backwards.
  mutating func align(course: Double) {
    guard abs(wrapAngle(course - yaw)) > .pi / 2 else { return }
    yaw = wrapAngle(yaw + .pi)
    opposed = 0
  }
}
