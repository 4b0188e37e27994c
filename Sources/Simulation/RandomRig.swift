import Algorithms
import Calibration
import Foundation
import Geometry

/// Rigs drawn from a seed: which LiDAR, how high and how tilted, which cameras, where, and how wide they see.
///
/// All scenes of a dataroot have the same channels with the same trigger times, since readers of nuScenes expect that
/// each keyframe has each channel; everything else is drawn anew for each scene.
struct RandomRig: Sendable {
  /// Where a camera looks, in degrees counter-clockwise from ahead.
  private struct Direction: Sendable {
    var channel: String
    var degrees: Double
  }

  private let seed: UInt64
  private let directions: [Direction]
  /// Degrees by which the cameras are triggered after the LiDAR passes them, as a share of a turn.
  private let lag: Double

  /// The rigs of a dataroot.
  init(seed: UInt64) {
    self.seed = seed
    var random = RandomSource(seed: seed, stream: 31)
    let layouts: [[(String, Double)]] = [
      [
        ("FRONT", 0), ("FRONT_LEFT", 55), ("FRONT_RIGHT", -55), ("BACK_LEFT", 110), ("BACK_RIGHT", -110),
        ("BACK", 180),
      ],
      [("FRONT", 0), ("FRONT_LEFT", 45), ("FRONT_RIGHT", -45), ("LEFT", 90), ("RIGHT", -90), ("BACK", 180)],
      [("FRONT", 0), ("FRONT_LEFT", 45), ("FRONT_RIGHT", -45), ("LEFT", 90), ("RIGHT", -90)],
      [
        ("FRONT", 0), ("FRONT_LEFT", 45), ("FRONT_RIGHT", -45), ("LEFT", 99), ("RIGHT", -99),
        ("BACK_LEFT", 153),
        ("BACK_RIGHT", -153),
      ],
      [
        ("FRONT", 0), ("FRONT_LEFT", 45), ("FRONT_RIGHT", -45), ("LEFT", 90), ("RIGHT", -90),
        ("BACK_LEFT", 135),
        ("BACK_RIGHT", -135), ("BACK", 180),
      ],
      [("FRONT", 0), ("LEFT", 90), ("RIGHT", -90), ("BACK", 180)],
    ]
    directions = layouts[random.integer(0...(layouts.count - 1))].map {
      Direction(channel: "CAM_" + $0.0, degrees: $0.1)
    }
    lag = random.uniform(0, 0.3)
  }

  /// The rig of a scene.
  /// - Throws: never but for a fault of this table: `CalibrationError`.
  func rig(scene index: Int) throws -> Rig {
    var random = RandomSource(seed: seed, stream: 0x5249_4700 &+ UInt64(index))
    let height = random.uniform(1.5, 2.3)
    let (model, yaw) = Self.lidar(&random)
    let tilt = radians(2)
    let lidar = RigSensor(
      channel: "LIDAR_TOP", modality: .lidar,
      egoFromSensor: RigidTransform(
        rotation: Self.rotation(
          yaw: yaw, pitch: random.uniform(-tilt, tilt), roll: random.uniform(-tilt, tilt)),
        translation: SIMD3(random.uniform(0.2, 1.4), random.uniform(-0.1, 0.1), height)),
      timeOffsetMicroseconds: 0, lidar: model)
    let sizes = [(1600, 900), (1920, 1080), (1280, 960), (1920, 1280)]
    let size = sizes[random.integer(0...(sizes.count - 1))]
    let roof = max(1.3, min(height - random.uniform(0.05, 0.5), 2.1))
    let cameras = directions.map { camera($0, size: size, roof: roof, &random) }
    // The LiDAR stands on the roof: a body that would hold it is left out.
    let body: Rig.Body = height < 1.78 ? .none : height < 2.05 ? .hatchback : .minivan
    return try Rig(
      name: "random-\(index)", summary: "drawn from seed \(seed)", sensors: [lidar] + cameras, body: body,
      file: "the rig drawn for scene \(index)")
  }

  private func camera(
    _ direction: Direction, size: (Int, Int), roof: Double, _ random: inout RandomSource
  ) -> RigSensor {
    let isFront = direction.channel == "CAM_FRONT"
    // Horizontal field of view: long lenses look ahead, wide ones aside and back.
    let view = radians(isFront ? random.uniform(38, 90) : random.uniform(58, 105))
    let heading = radians(direction.degrees + random.uniform(-6, 6))
    let reach = SIMD2(0.8 + random.uniform(-0.15, 0.15), 0.5 + random.uniform(-0.1, 0.1))
    let place = SIMD3(
      0.9 + reach.x * cos(heading), reach.y * sin(heading), roof + random.uniform(-0.12, 0.12))
    let (width, height) = (Double(size.0), Double(size.1))
    let centre = SIMD2(
      (width - 1) / 2 + random.uniform(-0.02, 0.02) * width,
      (height - 1) / 2 + random.uniform(-0.04, 0.04) * height)
    let focal = width / 2 / tan(view / 2)
    let level = Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5)
    let mount = Self.rotation(
      yaw: heading, pitch: radians(random.uniform(-2, 3)), roll: radians(random.uniform(-1, 1)))
    let turned = direction.degrees < 0 ? direction.degrees + 360 : direction.degrees
    let share = (1 - turned / 360 + lag).truncatingRemainder(dividingBy: 1)
    return RigSensor(
      channel: direction.channel, modality: .camera,
      egoFromSensor: RigidTransform(rotation: (mount * level).normalized, translation: place),
      timeOffsetMicroseconds: -Int64((share * 49_000).rounded()),
      camera: CameraModel(
        fx: focal, fy: focal * random.uniform(0.998, 1.002),
        cx: centre.x, cy: centre.y, width: size.0, height: size.1))
  }

  /// Turned about z, then nose down by `pitch` and to the right by `roll`, in radians.
  private static func rotation(yaw: Double, pitch: Double, roll: Double) -> Quaternion {
    let nose = Quaternion(angle: pitch, axis: SIMD3(0, 1, 0))
    let side = Quaternion(angle: roll, axis: SIMD3(1, 0, 0))
    return (Quaternion(yaw: yaw) * (nose * side)).normalized
  }

  /// A LiDAR and how it is mounted about z.
  private static func lidar(_ random: inout RandomSource) -> (LidarModel, yaw: Double) {
    var model: LidarModel
    var yaw = 0.0
    switch random.index(weights: [0.3, 0.25, 0.15, 0.15, 0.15]) {
    case 0:
      model = .hdl32E
      model.azimuthSteps = random.chance(0.5) ? 1084 : 1800
      model.rate = model.azimuthSteps > 1500 ? 12 : 20
      yaw = -.pi / 2
    case 1: model = .pandar64
    case 2: model = hdl64E
    case 3: model = vlp32C
    default: model = uniform(&random)
    }
    model.recordsMissing = model.recordsMissing == true && random.chance(0.6)
    return (model, yaw + random.uniform(-0.03, 0.03))
  }

  /// Velodyne's HDL-64E: an upper block a third of a degree apart, a lower one half a degree.
  /// - Source: HDL-64E S3 user's manual (angles from +2 to -24.9 degrees, 0.17 degrees at 10 Hz, 120 m, 2 mrad).
  private static let hdl64E = LidarModel(
    elevations: (0..<64).map { k -> Double in
      let beam = Double(k)
      return radians(k < 32 ? -24.33 + 0.5 * beam : -8.33 + (beam - 32) / 3)
    },
    azimuthSteps: 2083, rate: 10, minimumRange: 0.9, maximumRange: 120, divergence: 0.002,
    tenPercentRange: 50,
    recordsMissing: false)

  /// Velodyne's VLP-32C: 32 beams, a third of a degree apart about the horizon, wider beyond.
  /// - Source: VLP-32C user manual, table of laser channels.
  private static let vlp32C = LidarModel(
    elevations: [
      -25, -15.639, -11.31, -8.843, -7.254, -6.148, -5.333, -4.667, -4, -3.667, -3.333, -3, -2.667, -2.333,
      -2,
      -1.667, -1.333, -1, -0.667, -0.333, 0, 0.333, 0.667, 1, 1.333, 1.667, 2.333, 3.333, 4.667, 7, 10.333,
      15,
    ].map(radians), azimuthSteps: 1800, rate: 10, minimumRange: 0.5, maximumRange: 200, divergence: 0.003,
    tenPercentRange: 110, recordsMissing: false)

  /// A LiDAR of evenly spaced beams, as Ouster's and Robosense's are.
  private static func uniform(_ random: inout RandomSource) -> LidarModel {
    let count = [32, 40, 64, 80, 128][random.integer(0...4)]
    let (low, high) = (random.uniform(-25, -16), random.uniform(8, 22))
    return LidarModel(
      elevations: (0..<count).map { k -> Double in
        let share = Double(k) / Double(count - 1)
        return radians(low + (high - low) * share)
      },
      azimuthSteps: count > 80 ? 1024 : 1800, rate: 10, minimumRange: 0.4, maximumRange: 150,
      divergence: 0.003,
      tenPercentRange: random.uniform(60, 130), recordsMissing: false)
  }

  private static func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }
  private func radians(_ degrees: Double) -> Double { Self.radians(degrees) }
}
