import Foundation

/// The beams of a spinning LiDAR, as a simulator needs them.
public struct LidarModel: Sendable, Hashable {
  /// Elevation of each beam above the sensor's horizontal plane, in radians; the place in the list is the ring.
  public var elevations: [Double]
  /// Azimuth of each beam from the spindle's, in radians; empty: none.
  public var azimuthOffsets: [Double]
  /// Firings a turn.
  public var azimuthSteps: Int
  /// Turns a second.
  public var rate: Double
  /// The nearest and farthest return, in metres.
  public var minimumRange: Double, maximumRange: Double
  /// The full angle that a beam widens by, in radians.
  public var divergence: Double
  /// Azimuth of a turn's first firing in the sensor frame, counter-clockwise from x, in radians; nil: not known.
  public var firstAzimuth: Double?
  /// At which range a diffuse target of 10 % is seen every second time, in metres; nil: not known.
  public var tenPercentRange: Double?
  /// Whether shots without return are recorded as points near the sensor (as in nuScenes); nil: not known.
  public var recordsMissing: Bool?

  /// The LiDAR with these values, unchecked: `Rig.init` checks them.
  public init(
    elevations: [Double], azimuthOffsets: [Double] = [], azimuthSteps: Int, rate: Double,
    minimumRange: Double,
    maximumRange: Double, divergence: Double, firstAzimuth: Double? = nil, tenPercentRange: Double? = nil,
    recordsMissing: Bool? = nil
  ) {
    self.elevations = elevations
    self.azimuthOffsets = azimuthOffsets
    self.azimuthSteps = azimuthSteps
    self.rate = rate
    self.minimumRange = minimumRange
    self.maximumRange = maximumRange
    self.divergence = divergence
    self.firstAzimuth = firstAzimuth
    self.tenPercentRange = tenPercentRange
    self.recordsMissing = recordsMissing
  }

  /// Velodyne's HDL-32E at 20 Hz, nuScenes' LIDAR_TOP: 32 beams a third of 4° apart from -30.67° to 10.67°.
  ///
  /// The real keyframe has 1,084 points a ring and its farthest at 102.9 m.
  /// - Source: HDL-32E user's manual (angles, range); its appendix on the laser's spot (divergence about 2.8 mrad).
  public static let hdl32E = LidarModel(
    elevations: (0..<32).map { radians(-92.0 / 3 + 4.0 / 3 * Double($0)) }, azimuthSteps: 1084, rate: 20,
    minimumRange: 1, maximumRange: 103, divergence: 0.0028, firstAzimuth: -.pi, tenPercentRange: 80,
    recordsMissing: true)

  /// Hesai's Pandar64 at 10 Hz, PandaSet's roof sensor: 64 beams, a sixth of a degree apart from -6° to 2°, wider beyond.
  ///
  /// Rings count from below. The divergence is an estimate: none is published. The sensor sees 10 % at 200 m; PandaSet's
  /// sweeps were cut at 80 m.
  /// - Source: Hesai's Pandar64 angle calibration (elevations, azimuth offsets); user manual (0.2°, 0.3 m, 10 % at 200 m).
  public static let pandar64 = LidarModel(
    elevations: pandar64Degrees.map { radians($0.elevation) },
    azimuthOffsets: pandar64Degrees.map { radians($0.azimuth) }, azimuthSteps: 1800, rate: 10,
    minimumRange: 0.3, maximumRange: 80, divergence: 0.003, tenPercentRange: 200, recordsMissing: false)

  func check(_ fail: (String, String, String) -> CalibrationError) throws {
    guard (1...512).contains(elevations.count) else {
      throw fail("beams.elevations_deg", "\(elevations.count) beams", "1 to 512")
    }
    for value in elevations where !(abs(value) <= .pi / 2) {
      throw fail("beams.elevations_deg", "\(degrees(value))", "-90 to 90")
    }
    guard azimuthOffsets.isEmpty || azimuthOffsets.count == elevations.count else {
      throw fail(
        "beams.azimuth_offsets_deg", "\(azimuthOffsets.count) values", "one a beam, \(elevations.count)")
    }
    for value in azimuthOffsets where !(abs(value) <= .pi) {
      throw fail("beams.azimuth_offsets_deg", "\(degrees(value))", "-180 to 180")
    }
    guard (1...36_000).contains(azimuthSteps) else {
      throw fail("beams.azimuth_steps", "\(azimuthSteps)", "1 to 36000")
    }
    guard rate > 0, rate <= 1000 else {
      throw fail("beams.rate_hz", "\(rate)", "above 0, at most 1000")
    }
    guard minimumRange >= 0, maximumRange > minimumRange, maximumRange <= 2000 else {
      throw fail("beams.range_m", "\(minimumRange) to \(maximumRange)", "rising, within 0 to 2000")
    }
    guard divergence >= 0, divergence <= 0.1 else {
      throw fail("beams.divergence_mrad", "\(divergence * 1000)", "0 to 100")
    }
    if let firstAzimuth, !(abs(firstAzimuth) <= .pi) {
      throw fail("beams.first_azimuth_deg", "\(degrees(firstAzimuth))", "-180 to 180")
    }
    if let tenPercentRange, !(tenPercentRange > 0 && tenPercentRange <= 2000) {
      throw fail("beams.ten_percent_range_m", "\(tenPercentRange)", "above 0, at most 2000")
    }
  }
}

func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }

/// Degrees rounded to a billionth, so that a table that was read is written as it was.
func degrees(_ radians: Double) -> Double {
  let value = radians * 180 / .pi
  return value.isFinite ? (value * 1e9).rounded() / 1e9 : value
}

/// From the lowest beam to the highest.
private let pandar64Degrees: [(elevation: Double, azimuth: Double)] = {
  let below: [Double] = [-24.897, -18.889, -13.93, -12.974, -12.006, -11.032, -9.885, -9.06, -8.059, -7.063]
  let dense: [Double] = [
    -6.061, -5.898, -5.726, -5.565, -5.391, -5.229, -5.057, -4.892, -4.72, -4.558, -4.385, -4.221, -4.05,
    -3.884,
    -3.712, -3.548, -3.375, -3.21, -3.04, -2.873, -2.7, -2.536, -2.365, -2.198, -2.028, -1.86, -1.688, -1.522,
    -1.351, -1.184, -1.013, -0.845, -0.675, -0.508, -0.337, -0.169, 0, 0.169, 0.337, 0.508, 0.675, 0.846,
    1.013,
    1.184, 1.351, 1.522, 1.688, 1.86,
  ]
  let above: [Double] = [2.028, 3.04, 5.057, 8.059, 11.032, 14.882]
  // The dense beams are fired in six columns, 2.08° apart; the others stand in one.
  let columns: [Double] = [-1.042, -3.125, -5.208, 5.208, 3.125, 1.042]
  return below.map { ($0, -1.042) } + dense.enumerated().map { ($0.element, columns[$0.offset % 6]) }
    + above.map { ($0, -1.042) }
}()
