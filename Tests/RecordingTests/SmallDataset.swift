import Foundation
import Geometry
import Recording
import Scenes

/// A dataset of one scene, three keyframes, a camera and a LiDAR, written into a temporary folder.
struct SmallDataset {
  let root: String
  var tables: String { "\(root)/v1.0-mini" }

  static let labels: [UInt8] = [24, 24, 17, 28]
  static let cloud = PointCloud(
    x: [1, 2, .nan, 4], y: [5, 6, 7, 8], z: [0, 0.5, .infinity, 1e30], intensity: [10, 20, 30, 255],
    ring: [0, 1, 2, 31], age: [0, 0, 0, 0])
  static let camera = CameraModel(fx: 800, fy: 810, cx: 320, cy: 180, width: 640, height: 360)

  init(map: MapExpansion? = nil) throws {
    root = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
    var writer = try DatasetWriter(root: root)
    let stage = try writer.stage(scene: "scene-9001")
    try writer.add(try Self.recording(stage: stage), stage: stage)
    if let map { writer.setMap(map, location: "singapore-onenorth") }
    try writer.publish()
  }

  static func recording(stage: SceneStage?) throws -> SceneRecording {
    let log = SceneRecording.Log(
      logfile: "made \"up\"", vehicle: "n000", dateCaptured: "2020-01-01", location: "singapore-onenorth")
    var builder = SceneBuilder(name: "scene-9001", description: "three keyframes", log: log, stage: stage)
    let lidar = builder.sensor(
      channel: "LIDAR_TOP", modality: .lidar,
      egoFromSensor: RigidTransform(rotation: Quaternion(yaw: 0.3), translation: SIMD3(0.9, 0, 1.8)))
    let front = builder.sensor(
      channel: "CAM_FRONT", modality: .camera,
      egoFromSensor: RigidTransform(
        rotation: Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5), translation: SIMD3(1.7, 0, 1.5)),
      camera: camera)
    for k in 0..<3 {
      let time = 1_600_000_000_000_000 + Int64(k) * 500_000
      let frame = builder.addKeyframe(timestampMicroseconds: time)
      let ego = RigidTransform(
        rotation: Quaternion(yaw: 0.01 * Double(k)), translation: SIMD3(100 + Double(k), 200.25, 0))
      try builder.addSweep(
        sensor: lidar, sampleToken: frame.token, timestampMicroseconds: time, globalFromEgo: ego,
        isKeyframe: true,
        cloud: cloud, labels: labels)
      if k > 0 {
        try builder.addSweep(
          sensor: lidar, sampleToken: frame.token, timestampMicroseconds: time - 250_000, globalFromEgo: ego,
          isKeyframe: false, cloud: PointCloud())
      }
      try builder.addMeasurement(
        sensor: front, sampleToken: frame.token, timestampMicroseconds: time - 20_000, globalFromEgo: ego,
        isKeyframe: true, ending: "jpg", bytes: nil)
      let center = SIMD3(110 + 2 * Double(k), 201, 0.8)
      builder.addAnnotation(
        sampleToken: frame.token, instance: "car", category: "vehicle.car", attribute: "vehicle.moving",
        box: Box3D(center: center, size: SIMD3(1.9, 4.5, 1.6), rotation: Quaternion(yaw: 0)),
        lidarPointCount: 7)
      if k == 1 {
        builder.addAnnotation(
          sampleToken: frame.token, instance: "walker", category: "human.pedestrian.adult", visibility: "",
          box: Box3D(center: SIMD3(103, 204, 0.9), size: SIMD3(0.6, 0.7, 1.7), rotation: Quaternion(yaw: 2)),
          lidarPointCount: 2, radarPointCount: 1)
      }
    }
    return builder.finish()
  }

  /// Replaces the first occurrence of `old` in a table; the text must be there.
  func edit(_ table: String, _ old: String, _ new: String) throws {
    let path = "\(tables)/\(table).json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard let range = text.range(of: old) else { throw Missing(text: old) }
    try text.replacingCharacters(in: range, with: new).write(toFile: path, atomically: false, encoding: .utf8)
  }

  /// Replaces the whole of a table by these bytes.
  func put(_ table: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(tables)/\(table).json"))
  }

  func bytes(_ table: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: "\(tables)/\(table).json")))
  }

  func remove() { try? FileManager.default.removeItem(atPath: root) }

  struct Missing: Error { let text: String }
}

/// What opening gives: nil, or the error's line.
func openingError(_ root: String, version: String? = nil) -> String? {
  do {
    _ = try Dataset(root: root, version: version)
    return nil
  } catch {
    return "\(error)"
  }
}

/// The error's line that `body` throws, or nil.
func errorLine(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}
