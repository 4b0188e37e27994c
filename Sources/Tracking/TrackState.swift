import Foundation
import Geometry
import Scenes

/// One object that is followed: filters of its place and heading, and running means of the rest.
package struct TrackState: Sendable {
  private let id: String
  private(set) var filter: PositionFilter
  private(set) var heading: HeadingFilter
  private var size: SIMD3<Double>
  private var z: Double
  private(set) var score: Double
  /// The sum of scores by class, in the order of `DetectionClass.allCases`.
  private var votes: [Double]
  private(set) var name: DetectionClass
  private(set) var hits = 1
  private(set) var age = 0
  /// Seconds since the last detection.
  private(set) var unseenSeconds = 0.0
  /// Which of the frame's detections it was given; nil where none fitted.
  private(set) var detectionIndex: Int?

  /// - Parameter index: the detection's, in its frame.
  package init(id: String, detection: Detection, at index: Int, usesDetectedVelocity: Bool) {
    self.id = id
    detectionIndex = index
    let motion = TrackerConfiguration.motion(of: detection.name)
    filter = PositionFilter(
      position: detection.box.center.xy, positionVariance: motion.positionVariance,
      velocityVariance: motion.speedDeviation * motion.speedDeviation)
    if usesDetectedVelocity {
      filter.update(velocity: detection.velocity, variance: Self.velocityVariance)
    }
    heading = HeadingFilter(yaw: detection.box.yaw, variance: Self.yawVariance)
    size = detection.box.size
    z = detection.box.center.z
    score = detection.score
    name = detection.name
    votes = [Double](repeating: 0, count: DetectionClass.allCases.count)
    vote(for: detection)
  }

  /// Of a detected velocity, in m²/s²: networks err by about 0.7 m/s a component.
  private static let velocityVariance = 0.5
  /// Of a detected yaw: 0.15 rad, squared.
  private static let yawVariance = 0.0225
  /// Of a yaw's acceleration, in rad²/s³.
  private static let yawNoise = 0.1

  package mutating func predict(seconds: Double) {
    let motion = TrackerConfiguration.motion(of: name)
    filter.predict(seconds: seconds, noise: motion.accelerationNoise)
    heading.predict(seconds: seconds, noise: Self.yawNoise)
    unseenSeconds += seconds
    age += 1
  }

  /// Where its next detection may lie.
  package var gate: AssociationGate {
    let motion = TrackerConfiguration.motion(of: name)
    return AssociationGate(
      name: name, position: filter.position, variance: filter.variance.pp + motion.positionVariance,
      distance: motion.gate)
  }

  /// - Parameter index: the detection's, in its frame.
  mutating func update(with detection: Detection, at index: Int, usesDetectedVelocity: Bool) {
    let motion = TrackerConfiguration.motion(of: name)
    filter.update(position: detection.box.center.xy, variance: motion.positionVariance)
    if usesDetectedVelocity { filter.update(velocity: detection.velocity, variance: Self.velocityVariance) }
    heading.update(yaw: detection.box.yaw, variance: Self.yawVariance)
    hits += 1
    detectionIndex = index
    unseenSeconds = 0
    score += (detection.score - score) * 0.4
    size += (detection.box.size - size) * 0.3
    z += (detection.box.center.z - z) * 0.5
    vote(for: detection)
    // A clear velocity tells front from back, once it rests on more than two places.
    if hits >= 3, filter.velocity.length > 2 {
      heading.align(course: atan2(filter.velocity.y, filter.velocity.x))
    }
  }

  /// No detection fitted: the score falls by half in 1.4 s.
  mutating func miss(seconds: Double) {
    detectionIndex = nil
    score *= exp(-seconds / 2)
    heading.coast(seconds: seconds)
  }

  var track: Track {
    let center = SIMD3(filter.position.x, filter.position.y, z)
    let velocity = filter.velocity
    let box = Box3D(center: center, size: size, rotation: Quaternion(yaw: heading.yaw))
    let detection = Detection(
      name: name, box: box, velocity: velocity, score: min(max(score, 0), 1),
      attribute: attributeName(for: name, speed: velocity.length))
    let turnRate = velocity.length >= 0.5 ? heading.rate : 0
    return Track(id: id, detection: detection, turnRate: turnRate, age: age)
  }

  private mutating func vote(for detection: Detection) {
    let classes = DetectionClass.allCases
    if let k = classes.firstIndex(of: detection.name) { votes[k] += max(detection.score, 1e-3) }
    var best = 0
    for k in votes.indices where votes[k] > votes[best] { best = k }
    name = classes[best]
  }
}

extension MotionClass {
  var positionVariance: Double { positionDeviation * positionDeviation }
}
