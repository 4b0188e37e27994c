import Geometry
import Scenes

/// A box as detection is scored on it, of truth or of a result.
public struct EvaluationBox: Sendable, Hashable {
  /// The class.
  public var name: DetectionClass
  /// The centre in the global frame, in metres.
  public var center: SIMD3<Double>
  /// Width, length and height in metres.
  public var size: SIMD3<Double>
  /// The heading about z in radians.
  public var yaw: Double
  /// Velocity in the global frame in metres a second; NaN where it is not known.
  public var velocity: SIMD2<Double>
  /// Confidence; no meaning for truth.
  public var score: Double
  /// The attribute; nil where there is none.
  public var attribute: BoxAttribute?

  /// The box with these properties.
  public init(
    name: DetectionClass, center: SIMD3<Double>, size: SIMD3<Double>, yaw: Double, velocity: SIMD2<Double>,
    score: Double = 0, attribute: BoxAttribute? = nil
  ) {
    self.name = name
    self.center = center
    self.size = size
    self.yaw = yaw
    self.velocity = velocity
    self.score = score
    self.attribute = attribute
  }
}

extension DetectionClass {
  /// How far from the ego a box of this class is scored, in metres.
  /// - Source: nuscenes-devkit 1.2.0, `detection_cvpr_2019.json`.
  public var evaluationRange: Double {
    switch self {
    case .car, .truck, .bus, .trailer, .constructionVehicle: 50
    case .pedestrian, .motorcycle, .bicycle: 40
    case .trafficCone, .barrier: 30
    }
  }
}
