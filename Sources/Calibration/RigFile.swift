import Foundation
import Geometry
import Scenes
internal import Yams

extension Rig {
  /// The largest rig file taken, in bytes: a rig of many sensors has some ten thousand.
  public static let maximumFileBytes = 1 << 20

  /// Reads a rig from a YAML file; the schema is in the module's README.
  /// - Throws: `CalibrationError` naming the file and the place, for what is not a readable regular file too.
  public init(contentsOf path: String) throws {
    func fail(_ found: String, _ expected: String) -> CalibrationError {
      CalibrationError(file: path, field: "file", found: found, expected: expected)
    }
    let attributes: [FileAttributeKey: Any]
    do {
      attributes = try FileManager.default.attributesOfItem(
        atPath: (path as NSString).resolvingSymlinksInPath)
    } catch {
      throw fail("no file that can be read", "a rig in YAML")
    }
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw fail("not a regular file", "a rig in YAML")
    }
    guard let size = attributes[.size] as? Int, size <= Self.maximumFileBytes else {
      throw fail("\(attributes[.size] ?? "?") bytes", "\(Self.maximumFileBytes) bytes at most")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw fail("no file that can be read", "a rig in YAML")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw fail("bytes that are no UTF-8", "text in UTF-8")
    }
    try self.init(yaml: text, file: path)
  }

  /// Reads a rig from YAML text.
  /// - Throws: `CalibrationError` for text that is no YAML, has anchors or aliases, is nested too deeply, has unknown
  ///   keys, lacks fields, or describes an impossible sensor.
  public init(yaml text: String, file: String) throws {
    try checkYAML(text, file: file)
    let node: Node?
    do { node = try compose(yaml: text) } catch let error as YamlError {
      throw CalibrationError(file: file, field: error.place, found: error.problem, expected: "YAML")
    }
    guard let node else {
      throw CalibrationError(file: file, field: "file", found: "nothing", expected: "a rig")
    }
    let fields = try RigFields(node, path: "", file: file)
    try fields.allow(["name", "summary", "body", "sensors"])
    let list = try fields.fields("sensors")
    var sensors: [RigSensor] = []
    for channel in list.keys { sensors.append(try RigSensor(channel: channel, try list.fields(channel))) }
    try self.init(
      name: try fields.text("name"), summary: try fields.optionalText("summary") ?? "", sensors: sensors,
      body: try fields.optionalChoice("body", Body.self), file: file)
  }

  /// The rig as YAML, which reads back as the same rig.
  ///
  /// Lengths and quaternions are written in full; angles are rounded to a billionth of a degree.
  public func yaml() throws -> String {
    var pairs: [(Node, Node)] = [("name", Node(name))]
    if !summary.isEmpty { pairs.append(("summary", Node(summary))) }
    if let body { pairs.append(("body", Node(body.rawValue))) }
    pairs.append(("sensors", Node(sensors.map { (Node($0.channel), $0.node) })))
    do { return try serialize(node: Node(pairs), width: 110, allowUnicode: true) } catch {
      throw CalibrationError(
        file: name, field: "YAML", found: "\(error)", expected: "text that YAML can hold")
    }
  }
}

// MARK: Reading

extension RigSensor {
  fileprivate init(channel: String, _ fields: RigFields) throws {
    try fields.allow([
      "modality", "time_offset_ms", "translation", "rotation", "image", "intrinsics", "distortion", "beams",
    ])
    let name = try fields.text("modality")
    guard let modality = Modality(rawValue: name) else {
      throw fields.error("modality", name, "camera, lidar or radar")
    }
    let translation = try fields.numbers("translation", count: 3)
    let rotation = try fields.numbers("rotation", count: 4)
    let offset = try fields.optionalNumber("time_offset_ms")
    if let offset, abs(offset) > 10_000 {
      throw fields.error("time_offset_ms", "\(offset)", "10000 at most, either way")
    }
    self.init(
      channel: channel, modality: modality,
      egoFromSensor: RigidTransform(
        rotation: Quaternion(w: rotation[0], x: rotation[1], y: rotation[2], z: rotation[3]),
        translation: SIMD3(translation[0], translation[1], translation[2])),
      timeOffsetMicroseconds: offset.map { Int64(($0 * 1000).rounded()) },
      camera: modality == .camera ? try RigSensor.camera(fields) : nil,
      lidar: try fields.optionalFields("beams").map { try RigSensor.beams($0) })
    if modality != .camera {
      for key in ["image", "intrinsics", "distortion"] where fields.keys.contains(key) {
        throw fields.error(key, "a camera's field", "none on a \(modality.rawValue)")
      }
    }
  }

  private static func camera(_ fields: RigFields) throws -> CameraModel {
    let image = try fields.numbers("image", count: 2)
    guard image.allSatisfy({ $0 >= 1 && $0 <= 65_535 && $0 == $0.rounded() }) else {
      throw fields.error("image", "\(image[0]) x \(image[1])", "whole width and height from 1 to 65535")
    }
    let intrinsics = try fields.fields("intrinsics")
    try intrinsics.allow(["fx", "fy", "cx", "cy"])
    return CameraModel(
      fx: try intrinsics.number("fx"), fy: try intrinsics.number("fy"), cx: try intrinsics.number("cx"),
      cy: try intrinsics.number("cy"), width: Int(image[0]), height: Int(image[1]),
      distortion: try fields.optionalFields("distortion").map { try distortion($0) } ?? .none)
  }

  private static func distortion(_ fields: RigFields) throws -> CameraModel.Distortion {
    try fields.allow(["model", "coefficients"])
    let model = try fields.text("model")
    let values = try fields.optionalNumbers("coefficients") ?? []
    func expect(_ counts: [Int], _ text: String) throws {
      guard counts.contains(values.count) else {
        throw fields.error("coefficients", "\(values.count) numbers", "\(text) for \(model)")
      }
    }
    switch model {
    case "none":
      try expect([0], "no numbers")
      return .none
    case "plumb_bob":
      try expect([4, 5], "4 or 5 numbers (k1, k2, p1, p2, k3)")
      return .plumbBob(
        k1: values[0], k2: values[1], p1: values[2], p2: values[3], k3: values.count > 4 ? values[4] : 0)
    case "equidistant":
      try expect([4], "4 numbers (k1, k2, k3, k4)")
      return .equidistant(k1: values[0], k2: values[1], k3: values[2], k4: values[3])
    default:
      let names = ["none", "plumb_bob", "equidistant"]
      throw fields.error("model", model, names.joined(separator: ", ") + suggestion(for: model, among: names))
    }
  }

  private static func beams(_ fields: RigFields) throws -> LidarModel {
    try fields.allow([
      "elevations_deg", "azimuth_offsets_deg", "azimuth_steps", "rate_hz", "range_m", "divergence_mrad",
      "first_azimuth_deg", "ten_percent_range_m", "records_missing",
    ])
    let range = try fields.numbers("range_m", count: 2)
    let steps = try fields.number("azimuth_steps")
    guard steps >= 1, steps <= 36_000, steps == steps.rounded() else {
      throw fields.error("azimuth_steps", "\(steps)", "a whole number from 1 to 36000")
    }
    return LidarModel(
      elevations: try fields.numbers("elevations_deg").map(radians),
      azimuthOffsets: try fields.optionalNumbers("azimuth_offsets_deg")?.map(radians) ?? [],
      azimuthSteps: Int(steps), rate: try fields.number("rate_hz"), minimumRange: range[0],
      maximumRange: range[1],
      divergence: (try fields.number("divergence_mrad") / 1000 * 1e12).rounded() / 1e12,
      firstAzimuth: try fields.optionalNumber("first_azimuth_deg").map(radians),
      tenPercentRange: try fields.optionalNumber("ten_percent_range_m"),
      recordsMissing: try fields.optionalChoice("records_missing", YesNo.self).map { $0 == .true })
  }
}

/// YAML's two truth values.
private enum YesNo: String, CaseIterable {
  case `true`, `false`
}

// MARK: Writing

extension RigSensor {
  fileprivate var node: Node {
    let q = egoFromSensor.rotation
    let t = egoFromSensor.translation
    var pairs: [(Node, Node)] = [("modality", Node(modality.rawValue))]
    if let offset = timeOffsetMicroseconds { pairs.append(("time_offset_ms", number(Double(offset) / 1000))) }
    pairs.append(("translation", list([t.x, t.y, t.z])))
    pairs.append(("rotation", list(q.wxyz)))
    if let camera {
      pairs.append(("image", list([Double(camera.width), Double(camera.height)])))
      let intrinsics: [(Node, Node)] = [
        ("fx", number(camera.fx)), ("fy", number(camera.fy)), ("cx", number(camera.cx)),
        ("cy", number(camera.cy)),
      ]
      pairs.append(("intrinsics", Node(intrinsics, .implicit, .flow)))
      if camera.distortion != .none {
        let distortion: [(Node, Node)] = [
          ("model", Node(camera.distortion.name)), ("coefficients", list(camera.distortion.coefficients)),
        ]
        pairs.append(("distortion", Node(distortion, .implicit, .flow)))
      }
    }
    if let lidar {
      var beams: [(Node, Node)] = [("elevations_deg", list(lidar.elevations.map(degrees)))]
      if !lidar.azimuthOffsets.isEmpty {
        beams.append(("azimuth_offsets_deg", list(lidar.azimuthOffsets.map(degrees))))
      }
      beams += [
        ("azimuth_steps", number(Double(lidar.azimuthSteps))), ("rate_hz", number(lidar.rate)),
        ("range_m", list([lidar.minimumRange, lidar.maximumRange])),
        ("divergence_mrad", number((lidar.divergence * 1e12).rounded() / 1e9)),
      ]
      if let azimuth = lidar.firstAzimuth { beams.append(("first_azimuth_deg", number(degrees(azimuth)))) }
      if let range = lidar.tenPercentRange { beams.append(("ten_percent_range_m", number(range))) }
      if let missing = lidar.recordsMissing {
        beams.append(("records_missing", Node.scalar(Node.Scalar("\(missing)", .implicit, .plain))))
      }
      pairs.append(("beams", Node(beams)))
    }
    return Node(pairs)
  }
}

/// The shortest text that reads back as the same number; whole numbers without a point.
private func number(_ value: Double) -> Node {
  let whole = value == value.rounded() && abs(value) < 1e15
  return Node.scalar(Node.Scalar(whole ? "\(Int(value))" : "\(value)", .implicit, .plain))
}

private func list(_ values: [Double]) -> Node { Node(values.map(number), .implicit, .flow) }
