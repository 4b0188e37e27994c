import Scenes

/// How a class of objects moves and is seen.
public struct MotionClass: Sendable, Hashable {
  /// Standard deviation of a detection's centre, in metres.
  public var positionDeviation: Double
  /// Standard deviation of an unknown velocity, in m/s.
  public var speedDeviation: Double
  /// Spectral density of acceleration, in m²/s³.
  public var accelerationNoise: Double
  /// The farthest a detection may lie from where its track is expected, in metres.
  public var gate: Double
  /// Seconds for which a track lives on without detections.
  public var lifetime: Double

  /// The class with these values.
  /// - Precondition: all are above 0.
  public init(
    positionDeviation: Double, speedDeviation: Double, accelerationNoise: Double, gate: Double,
    lifetime: Double
  ) {
    precondition(
      positionDeviation > 0 && speedDeviation > 0 && accelerationNoise > 0 && gate > 0 && lifetime > 0,
      "a motion class needs values above 0")
    self.positionDeviation = positionDeviation
    self.speedDeviation = speedDeviation
    self.accelerationNoise = accelerationNoise
    self.gate = gate
    self.lifetime = lifetime
  }
}

/// How detections become tracks.
public struct TrackerConfiguration: Sendable, Hashable {
  /// What a detection must score to begin a track.
  public var birthScore: Double
  /// What a track must keep to be given out.
  public var outputScore: Double
  /// Whether detections carry a velocity worth using (a network's do; a cluster's does not).
  public var usesDetectedVelocity: Bool
  /// Detections after which a track is believed: it is then given out through short gaps too.
  public var confirmationCount: Int

  /// The configuration with these values.
  public init(
    birthScore: Double = 0.05, outputScore: Double = 0.02, usesDetectedVelocity: Bool = false,
    confirmationCount: Int = 2
  ) {
    self.birthScore = birthScore
    self.outputScore = outputScore
    self.usesDetectedVelocity = usesDetectedVelocity
    self.confirmationCount = confirmationCount
  }

  /// How a class moves.
  public static func motion(of name: DetectionClass) -> MotionClass {
    switch name {
    case .car:
      MotionClass(positionDeviation: 0.5, speedDeviation: 8, accelerationNoise: 4, gate: 6, lifetime: 1.6)
    case .truck, .bus, .trailer, .constructionVehicle:
      MotionClass(positionDeviation: 0.8, speedDeviation: 6, accelerationNoise: 3, gate: 7, lifetime: 1.6)
    case .motorcycle, .bicycle:
      MotionClass(positionDeviation: 0.4, speedDeviation: 5, accelerationNoise: 4, gate: 5, lifetime: 1.1)
    case .pedestrian:
      MotionClass(positionDeviation: 0.3, speedDeviation: 1.5, accelerationNoise: 0.8, gate: 2, lifetime: 1.1)
    case .trafficCone, .barrier:
      MotionClass(
        positionDeviation: 0.3, speedDeviation: 0.2, accelerationNoise: 0.01, gate: 1.5, lifetime: 1.1)
    }
  }

  /// Classes that are taken for one another from one frame to the next: vehicles, two-wheelers, and each other class.
  static func group(of name: DetectionClass) -> Int {
    switch name {
    case .car, .truck, .bus, .trailer, .constructionVehicle: 0
    case .motorcycle, .bicycle: 1
    case .pedestrian: 2
    case .trafficCone: 3
    case .barrier: 4
    }
  }
}
