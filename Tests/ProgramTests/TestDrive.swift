import CTurboJPEG
import Foundation
import Geometry

/// A small made-up drive in nuScenes layout whose tables tests may break before they are written.
///
/// A straight street: the ego drives 5 m/s along x, a car ahead of it as fast, a parked car at the left, walls on both
/// sides. LIDAR_TOP at 10 Hz (a keyframe every fifth sweep), two cameras at keyframes.
final class TestDrive {
  typealias Record = [String: Any]
  static let version = "v1.0-mini"
  static let firstMicroseconds = 1_600_000_000_000_000

  let root: URL
  /// Table name → its records, to be changed before `writeTables`.
  var tables: [String: [Record]] = [:]
  let sceneNames: [String]

  init(scenes: Int = 1, keyframes: Int = 6) throws {
    root = FileManager.default.temporaryDirectory.appendingPathComponent("apus-drive-\(UUID().uuidString)")
    sceneNames = (0..<scenes).map { "drive-\($0)" }
    for name in ["log", "map", "scene", "sample", "sample_data", "ego_pose", "instance", "sample_annotation"]
    {
      tables[name] = []
    }
    makeSmallTables()
    for index in 0..<scenes { try makeScene(index, keyframes: keyframes) }
    try writeTables()
    try writeJSON(["all": sceneNames], to: "\(Self.version)/splits.json")
    try writeJSON(Self.emptyMap, to: "maps/expansion/test-town.json")
  }

  /// A map of the street's place without anything on it.
  private static var emptyMap: Record {
    let layers = [
      "node", "line", "polygon", "drivable_area", "road_segment", "road_block", "lane", "lane_connector",
      "ped_crossing",
      "walkway", "stop_line", "carpark_area", "road_divider", "lane_divider", "traffic_light",
    ]
    return Record(uniqueKeysWithValues: layers.map { ($0, [Any]()) }).merging(
      ["connectivity": Record(), "arcline_path_3": Record(), "canvas_edge": [100, 100]],
      uniquingKeysWith: { $1 })
  }

  deinit {
    do { try FileManager.default.removeItem(at: root) } catch { print("left behind: \(root.path)") }
  }

  func url(_ relative: String) -> URL { root.appendingPathComponent(relative) }

  func writeTables() throws {
    for (name, records) in tables { try writeJSON(records, to: "\(Self.version)/\(name).json") }
  }

  func writeJSON(_ value: Any, to relative: String) throws {
    try write(JSONSerialization.data(withJSONObject: value, options: [.sortedKeys]), to: relative)
  }

  func write(_ data: Data, to relative: String) throws {
    let file = url(relative)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
  }

  func read(_ relative: String) throws -> Data { try Data(contentsOf: url(relative)) }

  /// The files of a channel in order, relative to the root.
  func files(of channel: String, keyframes: Bool = true) -> [String] {
    (tables["sample_data"] ?? []).filter {
      ($0["filename"] as? String ?? "").contains("/\(channel)/") && ($0["is_key_frame"] as? Bool) == keyframes
    }.compactMap { $0["filename"] as? String }
  }

  static func token(_ kind: Int, _ scene: Int, _ index: Int) -> String {
    String(format: "%08x%08x%016x", kind, scene, index)
  }

  private func makeSmallTables() {
    tables["attribute"] = [
      ["token": Self.token(1, 0, 0), "name": "vehicle.moving", "description": ""],
      ["token": Self.token(1, 0, 1), "name": "vehicle.parked", "description": ""],
    ]
    tables["category"] = [
      ["token": Self.token(2, 0, 0), "name": "vehicle.car", "description": "", "index": 0]
    ]
    tables["visibility"] = [["token": "4", "level": "v80-100", "description": ""]]
    tables["sensor"] = [
      ["token": Self.token(3, 0, 0), "channel": "LIDAR_TOP", "modality": "lidar"],
      ["token": Self.token(3, 0, 1), "channel": "CAM_FRONT", "modality": "camera"],
      ["token": Self.token(3, 0, 2), "channel": "CAM_BACK", "modality": "camera"],
    ]
    let intrinsic = [[120.0, 0, 79.5], [0, 120.0, 44.5], [0, 0, 1.0]]
    tables["calibrated_sensor"] = [
      [
        "token": Self.token(4, 0, 0), "sensor_token": Self.token(3, 0, 0), "translation": [0.9, 0.0, 1.8],
        "rotation": [1.0, 0, 0, 0], "camera_intrinsic": [[Double]](),
      ],
      [
        "token": Self.token(4, 0, 1), "sensor_token": Self.token(3, 0, 1), "translation": [1.5, 0.0, 1.5],
        "rotation": [0.5, -0.5, 0.5, -0.5], "camera_intrinsic": intrinsic,
      ],
      [
        "token": Self.token(4, 0, 2), "sensor_token": Self.token(3, 0, 2), "translation": [0.0, 0.0, 1.5],
        "rotation": [0.5, -0.5, -0.5, 0.5], "camera_intrinsic": intrinsic,
      ],
    ]
  }

  private func makeScene(_ scene: Int, keyframes: Int) throws {
    let log = Self.token(5, scene, 0)
    add(
      "log",
      ["token": log, "logfile": "l", "vehicle": "v", "date_captured": "2026-01-01", "location": "test-town"])
    add(
      "map",
      [
        "token": Self.token(6, scene, 0), "log_tokens": [log], "category": "semantic_prior",
        "filename": "maps/none.png",
      ])
    let samples = (0..<keyframes).map { Self.token(7, scene, $0) }
    add(
      "scene",
      [
        "token": Self.token(8, scene, 0), "log_token": log, "nbr_samples": keyframes,
        "name": sceneNames[scene],
        "description": "", "first_sample_token": samples[0], "last_sample_token": samples[keyframes - 1],
      ])
    let start = Self.firstMicroseconds + scene * 1_000_000_000
    for (k, token) in samples.enumerated() {
      add(
        "sample",
        [
          "token": token, "timestamp": start + k * 500_000, "scene_token": Self.token(8, scene, 0),
          "prev": k > 0 ? samples[k - 1] : "", "next": k + 1 < keyframes ? samples[k + 1] : "",
        ])
    }
    try makeSensorData(scene, samples: samples, start: start)
    makeAnnotations(scene, samples: samples)
  }

  private func makeSensorData(_ scene: Int, samples: [String], start: Int) throws {
    let count = (samples.count - 1) * 5 + 1
    let lidar = (0..<count).map { Self.token(9, scene, $0) }
    for sweep in 0..<count {
      let time = start + sweep * 100_000
      let isKeyframe = sweep % 5 == 0
      let file = "\(isKeyframe ? "samples" : "sweeps")/LIDAR_TOP/\(sceneNames[scene])__\(time).pcd.bin"
      addPose(token: lidar[sweep], time: time, start: start)
      addData(
        token: lidar[sweep], sample: samples[(sweep + 4) / 5], sensor: 0, time: time, file: file,
        format: "pcd",
        isKeyframe: isKeyframe, previous: sweep > 0 ? lidar[sweep - 1] : "",
        next: sweep + 1 < count ? lidar[sweep + 1] : "")
      try write(TestLidar.sweep(seconds: Double(sweep) * 0.1, seed: scene * 1000 + sweep), to: file)
    }
    for (sensor, channel) in [(1, "CAM_FRONT"), (2, "CAM_BACK")] {
      let tokens = samples.indices.map { Self.token(9 + sensor, scene, $0) }
      for k in samples.indices {
        let time = start + k * 500_000 - 20_000
        let file = "samples/\(channel)/\(sceneNames[scene])__\(time).jpg"
        addPose(token: tokens[k], time: time, start: start)
        addData(
          token: tokens[k], sample: samples[k], sensor: sensor, time: time, file: file, format: "jpg",
          isKeyframe: true,
          previous: k > 0 ? tokens[k - 1] : "", next: k + 1 < samples.count ? tokens[k + 1] : "")
        try write(Self.jpeg(width: 160, height: 90, shade: UInt8((k * 20 + sensor * 60) % 256)), to: file)
      }
    }
  }

  private func addPose(token: String, time: Int, start: Int) {
    add(
      "ego_pose",
      [
        "token": token, "timestamp": time, "rotation": [1.0, 0, 0, 0],
        "translation": [100 + 5 * Double(time - start) / 1e6, 200.0, 0.0],
      ])
  }

  private func addData(
    token: String, sample: String, sensor: Int, time: Int, file: String, format: String, isKeyframe: Bool,
    previous: String, next: String
  ) {
    add(
      "sample_data",
      [
        "token": token, "sample_token": sample, "ego_pose_token": token,
        "calibrated_sensor_token": Self.token(4, 0, sensor), "timestamp": time, "fileformat": format,
        "is_key_frame": isKeyframe, "height": sensor == 0 ? 0 : 90, "width": sensor == 0 ? 0 : 160,
        "filename": file,
        "prev": previous, "next": next,
      ])
  }

  private func makeAnnotations(_ scene: Int, samples: [String]) {
    for car in 0..<2 {
      let tokens = samples.indices.map { Self.token(20 + car, scene, $0) }
      add(
        "instance",
        [
          "token": Self.token(30 + car, scene, 0), "category_token": Self.token(2, 0, 0),
          "nbr_annotations": samples.count, "first_annotation_token": tokens[0],
          "last_annotation_token": tokens[samples.count - 1],
        ])
      for k in samples.indices {
        let box = TestLidar.car(car, seconds: Double(k) * 0.5)
        add(
          "sample_annotation",
          [
            "token": tokens[k], "sample_token": samples[k], "instance_token": Self.token(30 + car, scene, 0),
            "visibility_token": "4", "attribute_tokens": [Self.token(1, 0, car)],
            "translation": [box.center.x + 100, box.center.y + 200, box.center.z],
            "size": [box.size.x, box.size.y, box.size.z], "rotation": [1.0, 0, 0, 0], "num_lidar_pts": 100,
            "num_radar_pts": 0, "prev": k > 0 ? tokens[k - 1] : "",
            "next": k + 1 < samples.count ? tokens[k + 1] : "",
          ])
      }
    }
  }

  private func add(_ table: String, _ record: Record) { tables[table, default: []].append(record) }

  /// A smooth picture as JPEG.
  static func jpeg(width: Int, height: Int, shade: UInt8) -> Data {
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for row in 0..<height {
      for column in 0..<width {
        let p = (row * width + column) * 3
        pixels[p] = shade
        pixels[p + 1] = UInt8(row * 255 / height)
        pixels[p + 2] = UInt8(column * 255 / width)
      }
    }
    let handle = tjInitCompress()
    defer { tjDestroy(handle) }
    var buffer: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    let status = tjCompress2(
      handle, pixels, Int32(width), 0, Int32(height), Int32(TJPF_RGB.rawValue), &buffer, &size,
      Int32(TJSAMP_420.rawValue), 85, 0)
    precondition(status == 0, "a test picture could not be encoded")
    defer { tjFree(buffer) }
    guard let buffer else { return Data() }
    return Data(bytes: buffer, count: Int(size))
  }
}

/// What LIDAR_TOP of the made-up street measures: exact rays against boxes and the ground.
enum TestLidar {
  /// Car 0 drives ahead of the ego at 5 m/s, car 1 is parked at the left; in the street's frame.
  static func car(_ index: Int, seconds: Double) -> Box3D {
    index == 0
      ? Box3D(center: SIMD3(14 + 5 * seconds, 0, 0.8), size: SIMD3(1.9, 4.6, 1.6), rotation: .identity)
      : Box3D(center: SIMD3(12, 4.5, 0.8), size: SIMD3(1.9, 4.5, 1.6), rotation: .identity)
  }

  static func sweep(seconds: Double, seed: Int) -> Data {
    var random = UInt64(truncatingIfNeeded: seed &* 2_654_435_761 &+ 1)
    let boxes = [
      car(0, seconds: seconds), car(1, seconds: seconds),
      Box3D(center: SIMD3(30, 12, 3), size: SIMD3(1, 200, 6), rotation: .identity),
      Box3D(center: SIMD3(30, -12, 3), size: SIMD3(1, 200, 6), rotation: .identity),
    ]
    let origin = SIMD3(5 * seconds + 0.9, 0, 1.8)
    var floats: [Float] = []
    for beam in 0..<24 {
      let elevation = (-24 + 1.2 * Double(beam)) * .pi / 180
      for step in 0..<360 {
        let azimuth = Double(step) * .pi / 180
        let direction = SIMD3(cos(elevation) * cos(azimuth), cos(elevation) * sin(azimuth), sin(elevation))
        var range = direction.z < 0 ? -origin.z / direction.z : Double.infinity
        for box in boxes { range = min(range, hit(box, origin, direction)) }
        guard range < 70 else { continue }
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let noise = (Double(random >> 40) / Double(1 << 24) - 0.5) * 0.03
        let p = direction * (range + noise)
        floats += [Float(p.x), Float(p.y), Float(p.z), 40, Float(beam)]
      }
    }
    return floats.withUnsafeBytes { Data($0) }
  }

  private static func hit(_ box: Box3D, _ origin: SIMD3<Double>, _ direction: SIMD3<Double>) -> Double {
    let half = SIMD3(box.length, box.width, box.height) / 2
    var near = 0.0
    var far = Double.infinity
    for axis in 0..<3 {
      let a = (box.center[axis] - half[axis] - origin[axis]) / direction[axis]
      let b = (box.center[axis] + half[axis] - origin[axis]) / direction[axis]
      near = max(near, min(a, b))
      far = min(far, max(a, b))
    }
    return near <= far && near > 0 ? near : .infinity
  }
}
