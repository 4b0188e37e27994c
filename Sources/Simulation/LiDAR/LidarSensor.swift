import Glibc

/// A spinning LiDAR: its beams, how it turns and how well it sees. A rig file's `lidar` section maps onto it.
public struct LidarSensor: Sendable, Hashable, Codable {
  /// One laser.
  public struct Beam: Sendable, Hashable, Codable {
    /// Radians above the sensor's horizontal plane.
    public var elevation: Double
    /// Radians ahead of the column's azimuth, counter-clockwise.
    public var azimuthOffset: Double

    /// The laser at this elevation and azimuth offset, in radians.
    public init(elevation: Double, azimuthOffset: Double = 0) {
      self.elevation = elevation
      self.azimuthOffset = azimuthOffset
    }
  }

  /// The lasers by ring index.
  public let beams: [Beam]
  /// Firings of all lasers a turn.
  public let columnsPerSweep: Int
  /// Seconds a turn.
  public let sweepSeconds: Double
  /// The azimuth of a turn's first firing in the sensor frame, radians counter-clockwise from the sensor's x axis.
  public let firstAzimuth: Double
  /// Whether the head turns clockwise seen from above.
  public let turnsClockwise: Bool
  /// Metres within which no return is measured and beyond which none is.
  public let minimumRange: Double, maximumRange: Double
  /// At which range a diffuse 10 % target is seen every second time, in metres.
  public let rangeAtTenPercent: Double
  /// Standard deviation of a range, in metres.
  public let rangeNoise: Double
  /// The beam's full divergence, in radians.
  public let divergence: Double
  /// Recorded intensity of a diffuse reflectivity of 1.
  public let intensityScale: Double
  /// Whether a shot without return is recorded, as a point at the sensor's origin when it was fired (as nuScenes does).
  public let recordsMissing: Bool
  /// Whether points are moved to where they would have been seen from at the sweep's end (as nuScenes does).
  public let compensatesEgoMotion: Bool

  /// The sensor with these properties.
  /// - Throws: `LidarSensorError` for one that cannot be.
  public init(
    beams: [Beam], columnsPerSweep: Int, sweepSeconds: Double, firstAzimuth: Double,
    turnsClockwise: Bool = true,
    minimumRange: Double, maximumRange: Double, rangeAtTenPercent: Double, rangeNoise: Double,
    divergence: Double,
    intensityScale: Double = 100, recordsMissing: Bool = false, compensatesEgoMotion: Bool = true
  ) throws {
    func check(_ holds: Bool, _ field: String, _ found: Any, _ expected: String) throws {
      if !holds { throw LidarSensorError(field: field, found: "\(found)", expected: expected) }
    }
    try check((1...1024).contains(beams.count), "beams", beams.count, "1 to 1024")
    for (k, beam) in beams.enumerated() {
      try check(abs(beam.elevation) < .pi / 2, "beams[\(k)].elevation", beam.elevation, "within ±π/2")
      try check(abs(beam.azimuthOffset) < .pi, "beams[\(k)].azimuthOffset", beam.azimuthOffset, "within ±π")
    }
    try check((1...100_000).contains(columnsPerSweep), "columnsPerSweep", columnsPerSweep, "1 to 100000")
    try check(sweepSeconds > 0 && sweepSeconds <= 10, "sweepSeconds", sweepSeconds, "above 0, at most 10")
    try check(firstAzimuth.isFinite, "firstAzimuth", firstAzimuth, "finite")
    try check(minimumRange >= 0, "minimumRange", minimumRange, "0 or more")
    try check(
      maximumRange > minimumRange && maximumRange <= 1000, "maximumRange", maximumRange,
      "above the minimum, at most 1000")
    try check(
      rangeAtTenPercent > 0 && rangeAtTenPercent.isFinite, "rangeAtTenPercent", rangeAtTenPercent, "above 0")
    try check(rangeNoise >= 0 && rangeNoise < 10, "rangeNoise", rangeNoise, "0 to 10")
    try check(divergence >= 0 && divergence < 0.1, "divergence", divergence, "0 to 0.1")
    try check(intensityScale > 0 && intensityScale.isFinite, "intensityScale", intensityScale, "above 0")
    self.beams = beams
    self.columnsPerSweep = columnsPerSweep
    self.sweepSeconds = sweepSeconds
    self.firstAzimuth = firstAzimuth
    self.turnsClockwise = turnsClockwise
    self.minimumRange = minimumRange
    self.maximumRange = maximumRange
    self.rangeAtTenPercent = rangeAtTenPercent
    self.rangeNoise = rangeNoise
    self.divergence = divergence
    self.intensityScale = intensityScale
    self.recordsMissing = recordsMissing
    self.compensatesEgoMotion = compensatesEgoMotion
  }

  /// Velodyne HDL-32E as nuScenes' LIDAR_TOP: 32 beams from -30.67° to +10.67°, 1084 firings a turn at 20 Hz, x right and
  /// y forward; a turn begins at the left.
  ///
  /// - Source: Velodyne HDL-32E manual (elevations every 4/3°); firings a turn, first azimuth, motion compensation and the
  ///   record of missing returns as measured on nuScenes' own sweeps.
  public static func hdl32E(columnsPerSweep: Int = 1084) throws -> LidarSensor {
    try LidarSensor(
      beams: (0..<32).map { Beam(elevation: (-30.67 + 4.0 / 3 * Double($0)) * .pi / 180) },
      columnsPerSweep: columnsPerSweep, sweepSeconds: 0.05, firstAzimuth: -.pi, minimumRange: 0.35,
      maximumRange: 105,
      rangeAtTenPercent: 80, rangeNoise: 0.012, divergence: 0.0028, intensityScale: 100, recordsMissing: true)
  }

  /// Hesai Pandar64 as PandaSet's: 64 beams from -25° to +15°, every 0.167° from -6° to +2°, 0.2° of azimuth at 10 Hz.
  ///
  /// - Source: Hesai Pandar64 user's manual (channel distribution).
  public static func pandar64(columnsPerSweep: Int = 1800) throws -> LidarSensor {
    var degrees: [Double] = [-25, -19]
    degrees += (0..<8).map { -14 + Double($0) }
    degrees += (0...48).map { -6 + Double($0) / 6 }
    degrees += [3, 5, 8, 11, 15]
    return try LidarSensor(
      beams: degrees.map { Beam(elevation: $0 * .pi / 180) }, columnsPerSweep: columnsPerSweep,
      sweepSeconds: 0.1,
      firstAzimuth: -.pi, minimumRange: 0.5, maximumRange: 80, rangeAtTenPercent: 200, rangeNoise: 0.012,
      divergence: 0.0025, intensityScale: 100)
  }

  /// The sensor with every `step`-th firing alone (coarser azimuth) and `beamStep`-th beam.
  public func thinned(columns step: Int, beams beamStep: Int = 1) throws -> LidarSensor {
    try LidarSensor(
      beams: stride(from: 0, to: beams.count, by: max(1, beamStep)).map { beams[$0] },
      columnsPerSweep: max(1, columnsPerSweep / max(1, step)), sweepSeconds: sweepSeconds,
      firstAzimuth: firstAzimuth,
      turnsClockwise: turnsClockwise, minimumRange: minimumRange, maximumRange: maximumRange,
      rangeAtTenPercent: rangeAtTenPercent, rangeNoise: rangeNoise, divergence: divergence,
      intensityScale: intensityScale, recordsMissing: recordsMissing,
      compensatesEgoMotion: compensatesEgoMotion)
  }
}

/// A LiDAR that cannot be: which property, what it is and what it should be.
public struct LidarSensorError: Error, CustomStringConvertible, Hashable {
  /// The property.
  public let field: String
  /// What it is.
  public let found: String
  /// What was expected.
  public let expected: String
  /// One line.
  public var description: String { "lidar: \(field): \(found) (expected \(expected))" }
}
