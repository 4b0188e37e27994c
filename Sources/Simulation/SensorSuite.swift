import Calibration
import Foundation
import Geometry
import Scenes

/// A rig's sensors as the simulator runs them.
struct SensorSuite: Sendable {
  /// A camera at the size that is drawn.
  struct Camera: Sendable {
    var channel: String
    var egoFromSensor: RigidTransform
    var model: CameraModel
    /// After the LiDAR's sweep ends, in microseconds.
    var offsetMicroseconds: Int64
  }

  let lidarChannel: String
  let egoFromLidar: RigidTransform
  let lidar: LidarSensor
  let body: LidarSimulator.EgoBody
  let cameras: [Camera]

  /// The sensors of a rig, images scaled.
  /// - Parameter file: what errors name.
  /// - Throws: `SimulationError` for a rig without a LiDAR whose beams are known, or a scale that leaves no pixels.
  init(_ rig: Rig, scale: Double, file: String) throws {
    let lidars = rig.sensors.filter { $0.modality == .lidar }
    guard let sensor = lidars.first(where: { $0.channel == "LIDAR_TOP" }) ?? lidars.first else {
      throw SimulationError(file: file, field: "sensors", found: "no LiDAR", expected: "one with beams")
    }
    guard let model = sensor.lidar else {
      throw SimulationError(
        file: file, field: "\(sensor.channel).beams", found: "nothing", expected: "the LiDAR's beam table")
    }
    lidarChannel = sensor.channel
    egoFromLidar = sensor.egoFromSensor
    lidar = try Self.lidar(model, file: file, channel: sensor.channel)
    switch rig.body ?? .hatchback {
    case .none: body = .none
    case .hatchback: body = .hatchback
    case .minivan: body = .minivan
    }
    cameras = try rig.cameras.map { camera in
      guard let model = camera.camera else {
        throw SimulationError(
          file: file, field: "\(camera.channel).intrinsics", found: "nothing", expected: "a camera model")
      }
      return Camera(
        channel: camera.channel, egoFromSensor: camera.egoFromSensor,
        model: try Self.scaled(model, by: scale, file: file, channel: camera.channel),
        offsetMicroseconds: camera.timeOffsetMicroseconds ?? 0)
    }
  }

  /// The channels, the LiDAR's first.
  var channels: [String] { [lidarChannel] + cameras.map(\.channel) }

  private static func lidar(_ model: LidarModel, file: String, channel: String) throws
    -> LidarSensor
  {
    let beams = model.elevations.enumerated().map { k, elevation in
      LidarSensor.Beam(
        elevation: elevation, azimuthOffset: model.azimuthOffsets.isEmpty ? 0 : model.azimuthOffsets[k])
    }
    let shots = beams.count * model.azimuthSteps
    guard shots <= 2_000_000 else {
      throw SimulationError(
        file: file, field: "\(channel).beams", found: "\(shots) shots a turn", expected: "2000000 at most")
    }
    do {
      return try LidarSensor(
        beams: beams, columnsPerSweep: model.azimuthSteps, sweepSeconds: min(1 / model.rate, 0.1),
        firstAzimuth: model.firstAzimuth ?? -.pi, minimumRange: model.minimumRange,
        maximumRange: min(model.maximumRange, 1000), rangeAtTenPercent: model.tenPercentRange ?? 80,
        rangeNoise: 0.012, divergence: model.divergence, intensityScale: 100,
        recordsMissing: model.recordsMissing ?? false)
    } catch let error as LidarSensorError {
      throw SimulationError(
        file: file, field: "\(channel).\(error.field)", found: error.found, expected: error.expected)
    }
  }

  /// The camera with pixels that many times as fine; the pixel grid's corners stay where they are.
  private static func scaled(_ model: CameraModel, by scale: Double, file: String, channel: String) throws
    -> CameraModel
  {
    let width = (Double(model.width) * scale).rounded()
    let height = (Double(model.height) * scale).rounded()
    guard width >= 16, height >= 16, width <= 8192, height <= 8192 else {
      throw SimulationError(
        file: scale == 1 ? file : "--scale", field: "\(channel).image",
        found: "images of \(width) x \(height)",
        expected: "16 to 8192 pixels a side")
    }
    var result = model
    let sx = width / Double(model.width)
    let sy = height / Double(model.height)
    result.width = Int(width)
    result.height = Int(height)
    result.fx *= sx
    result.fy *= sy
    result.cx = (model.cx + 0.5) * sx - 0.5
    result.cy = (model.cy + 0.5) * sy - 0.5
    return result
  }
}

extension Rig {
  /// nuScenes' rig as one of its cars carried it: six cameras of 1600 x 900 and a 32-beam LiDAR.
  /// - Source: nuScenes, `calibrated_sensor` of scene-0061, rounded; trigger times of its first keyframe.
  public static func nuScenes() throws -> Rig {
    func camera(
      _ name: String, _ t: SIMD3<Double>, _ q: (Double, Double, Double, Double), _ focal: Double,
      _ cx: Double,
      _ cy: Double, _ offset: Int64
    ) -> RigSensor {
      RigSensor(
        channel: name, modality: .camera,
        egoFromSensor: RigidTransform(
          rotation: Quaternion(w: q.0, x: q.1, y: q.2, z: q.3).normalized, translation: t),
        timeOffsetMicroseconds: offset,
        camera: CameraModel(fx: focal, fy: focal, cx: cx, cy: cy, width: 1600, height: 900))
    }
    let lidar = RigSensor(
      channel: "LIDAR_TOP", modality: .lidar,
      egoFromSensor: RigidTransform(
        rotation: Quaternion(w: 0.7078, x: -0.0065, y: 0.0106, z: -0.7063).normalized,
        translation: SIMD3(0.944, 0, 1.84)), timeOffsetMicroseconds: 0, lidar: .hdl32E)
    return try Rig(
      name: "nuscenes", summary: "nuScenes' six cameras and 32-beam LiDAR.",
      sensors: [
        lidar,
        camera(
          "CAM_BACK", SIMD3(0.028, 0.003, 1.579), (0.5038, -0.4974, -0.4942, 0.5046), 809.2, 829.2, 481.8,
          -10_400),
        camera(
          "CAM_BACK_LEFT", SIMD3(1.036, 0.485, 1.591), (0.6924, -0.7032, -0.1165, 0.1120), 1256.7, 792.1,
          492.8,
          -500),
        camera(
          "CAM_BACK_RIGHT", SIMD3(1.015, -0.481, 1.562), (0.1228, -0.1324, -0.7004, 0.6905), 1259.5, 807.3,
          501.2,
          -20_100),
        camera(
          "CAM_FRONT", SIMD3(1.701, 0.016, 1.511), (0.4998, -0.5030, 0.4998, -0.4974), 1266.4, 816.3, 491.5,
          -35_500),
        camera(
          "CAM_FRONT_LEFT", SIMD3(1.524, 0.495, 1.509), (0.6757, -0.6736, 0.2121, -0.2112), 1272.6, 826.6,
          479.8,
          -43_100),
        camera(
          "CAM_FRONT_RIGHT", SIMD3(1.551, -0.493, 1.496), (0.2060, -0.2027, 0.6825, -0.6714), 1260.8, 808.0,
          495.3,
          -27_600),
      ], body: .hatchback, file: "the built-in rig")
  }
}
