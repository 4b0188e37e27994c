import Calibration
import Foundation
import Geometry
import Recording
import Scenes
import TestKit
import Testing

private let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../..").standardized.path
private let data = RealData.path("")

private let text = """
  name: small
  summary: "made for tests # not a comment"
  sensors:
    CAM_BACK:
      modality: camera
      time_offset_ms: -35.5
      translation: [0.0, -0.5, 1.5]
      rotation: [0.5, -0.5, 0.5, -0.5]
      image: [1600, 900]
      intrinsics: {fx: 1260, fy: 1261.5, cx: 800.25, cy: 450}
      distortion: {model: plumb_bob, coefficients: [-0.3, 0.1, 0.001, -0.002]}
    LIDAR_TOP:
      modality: lidar
      time_offset_ms: 0
      translation: [0.9, 0, 1.8]
      rotation: [1, 0, 0, 0]
      beams:
        elevations_deg: [-10, 0, 10.67]
        azimuth_steps: 1084
        rate_hz: 20
        range_m: [1, 100]
        divergence_mrad: 2.8
  """

@Suite struct RigFileTests {
  private func read(_ text: String) throws -> Rig { try Rig(yaml: text, file: "calibration/rig.yaml") }

  private func failure(_ change: (String) -> String) -> String? {
    do {
      _ = try read(change(text))
      return nil
    } catch { return "\(error)" }
  }

  private func failure(_ old: String, _ new: String) -> String? {
    #expect(text.contains(old), "the text to break has no \(old)")
    return failure { $0.replacingOccurrences(of: old, with: new) }
  }

  @Test func aRigIsReadAsItIsWritten() throws {
    let rig = try read(text)
    #expect(rig.name == "small" && rig.summary == "made for tests # not a comment")
    #expect(rig.sensors.map(\.channel) == ["CAM_BACK", "LIDAR_TOP"])
    let camera = try #require(rig.sensor("CAM_BACK")?.camera)
    #expect(camera.fx == 1260 && camera.fy == 1261.5 && camera.cx == 800.25 && camera.width == 1600)
    #expect(camera.distortion == .plumbBob(k1: -0.3, k2: 0.1, p1: 0.001, p2: -0.002, k3: 0))
    #expect(rig.nominalOffsetsMicroseconds == ["CAM_BACK": -35_500, "LIDAR_TOP": 0])
    let lidar = try #require(rig.sensor("LIDAR_TOP")?.lidar)
    #expect(lidar.elevations.count == 3 && abs(lidar.elevations[2] - 10.67 * .pi / 180) < 1e-15)
    #expect(lidar.divergence == 0.0028 && lidar.azimuthSteps == 1084)
    let again = try read(try rig.yaml())
    #expect(again == rig)
    #expect(try again.yaml() == rig.yaml())
    #expect(rig.warnings.isEmpty)
  }

  @Test func everyDistortionModelComesBack() throws {
    for distortion: CameraModel.Distortion in [
      .none, .plumbBob(k1: 1e-7, k2: -0.2, p1: 1 / 3, p2: 4, k3: 5e-9),
      .equidistant(k1: 0.1, k2: 0.02, k3: -0.003, k4: 1e-12),
    ] {
      var rig = try read(text)
      rig.sensors[0].camera?.distortion = distortion
      #expect(try read(try rig.yaml()) == rig)
    }
  }

  /// F26.
  @Test func quaternionsThatAreNoRotations() {
    #expect(
      failure("[0.5, -0.5, 0.5, -0.5]", "[0, 0, 0, 0]")
        == "calibration/rig.yaml: CAM_BACK.rotation: a quaternion of length 0.0 (expected length 1, to 0.001)"
    )
    #expect(
      failure("[0.5, -0.5, 0.5, -0.5]", "[0.51, -0.51, 0.51, -0.51]")?.contains("CAM_BACK.rotation") == true)
    #expect(failure("[0.5, -0.5, 0.5, -0.5]", "[.nan, 0, 0, 1]")?.contains("CAM_BACK.rotation[0]") == true)
    #expect(
      failure("[0.5, -0.5, 0.5, -0.5]", "[0.5, -0.5, 0.5]")?.contains("3 numbers (expected 4 numbers)")
        == true)
    #expect(failure("[0.5, -0.5, 0.5, -0.5]", "[0.5004, -0.5, 0.5, -0.5]") == nil)
  }

  /// F28.
  @Test func intrinsicsThatNoCameraHas() {
    #expect(
      failure("fx: 1260", "fx: -3.0")
        == "calibration/rig.yaml: CAM_BACK.intrinsics.fx: -3.0 (expected above 0 and below 1e6, in pixels)")
    #expect(failure("fx: 1260", "fx: nan")?.contains("CAM_BACK.intrinsics.fx: \"nan\"") == true)
    #expect(
      failure("cx: 800.25", "cx: 1700")?.contains("CAM_BACK.intrinsics.cx: 1700.0 (expected 0 to 1600")
        == true)
    #expect(failure("cy: 450", "cy: -1")?.contains("CAM_BACK.intrinsics.cy") == true)
    #expect(
      failure("{fx: 1260, fy: 1261.5, cx: 800.25, cy: 450}", "[]")?.contains(
        "CAM_BACK.intrinsics: a list of 0") == true)
    #expect(failure("    image: [1600, 900]\n", "")?.contains("CAM_BACK.image: nothing") == true)
    #expect(failure("[1600, 900]", "[1600.5, 900]")?.contains("CAM_BACK.image") == true)
  }

  /// F30.
  @Test func coefficientsOfAnotherNumber() {
    #expect(
      failure("[-0.3, 0.1, 0.001, -0.002]", "[-0.3]")
        == "calibration/rig.yaml: CAM_BACK.distortion.coefficients: 1 numbers "
        + "(expected 4 or 5 numbers (k1, k2, p1, p2, k3) for plumb_bob)")
    #expect(failure("plumb_bob", "plum_bob")?.contains("did you mean \"plumb_bob\"?") == true)
    #expect(failure("plumb_bob", "none")?.contains("no numbers for none") == true)
  }

  @Test func unknownKeysGetTheNearestName() {
    #expect(
      failure("translation: [0.0", "translatoin: [0.0")?.contains("did you mean \"translation\"?") == true)
    #expect(
      failure("azimuth_steps", "azimut_steps")?.contains("LIDAR_TOP.beams.azimut_steps: an unknown key")
        == true)
    #expect(failure("name: small", "nmae: small")?.contains("nmae: an unknown key") == true)
    #expect(failure("modality: lidar", "modality: laser")?.contains("LIDAR_TOP.modality: laser") == true)
  }

  @Test func impossibleBeams() {
    #expect(failure("range_m: [1, 100]", "range_m: [100, 1]")?.contains("LIDAR_TOP.beams.range_m") == true)
    #expect(failure("rate_hz: 20", "rate_hz: 0")?.contains("LIDAR_TOP.beams.rate_hz") == true)
    #expect(
      failure("azimuth_steps: 1084", "azimuth_steps: 1e9")?.contains("LIDAR_TOP.beams.azimuth_steps") == true)
    #expect(failure("[-10, 0, 10.67]", "[]")?.contains("0 beams") == true)
    #expect(failure("[-10, 0, 10.67]", "[-100]")?.contains("LIDAR_TOP.beams.elevations_deg") == true)
  }

  @Test func thingsOutOfPlace() {
    #expect(
      failure("    modality: lidar", "    modality: lidar\n    image: [1, 1]")?.contains("LIDAR_TOP.image")
        == true)
    #expect(failure("modality: camera", "modality: radar") != nil)
    #expect(failure("LIDAR_TOP:", "CAM_BACK:")?.contains("the same key twice") == true)
    #expect(failure("time_offset_ms: -35.5", "time_offset_ms: 1e300")?.contains("time_offset_ms") == true)
    #expect(failure { _ in "" }?.contains("nothing") == true)
    #expect(failure { _ in "[1, 2]" }?.contains("a list of 2 (expected a mapping)") == true)
    #expect(failure { _ in "name: x\nsensors: {}" }?.contains("0 sensors") == true)
  }

  /// F33.
  @Test func hostileYAMLIsRefusedAtOnce() throws {
    let clock = ContinuousClock()
    let start = clock.now
    var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for k in 1..<12 {
      bomb += "a\(k): &a\(k) [" + Array(repeating: "*a\(k - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    #expect(failure { _ in bomb } == "calibration/rig.yaml: line 1: an anchor or alias (expected none)")
    #expect(
      failure { _ in
        bomb.replacingOccurrences(of: "&a0 ", with: "").replacingOccurrences(of: "a1: &a1 ", with: "? ")
      }?
      .contains("an anchor or alias") == true)
    #expect(
      failure { _ in "name: x\nsensors:\n\tCAM: 1" }?.contains("line 3: a tab in the indentation") == true)
    #expect(failure { _ in String(repeating: "[", count: 900_000) }?.contains("nested") == true)
    #expect(
      failure { _ in "x: " + String(repeating: "\n  - ", count: 100) + String(repeating: "- ", count: 5000) }
        != nil)
    #expect(failure { _ in String(repeating: "a", count: 2_000_000) }?.contains("at most") == true)
    #expect(failure { _ in "name: \"unterminated" }?.hasPrefix("calibration/rig.yaml: line ") == true)
    let large = FileManager.default.temporaryDirectory.appendingPathComponent("rig-\(UUID().uuidString).yaml")
    #expect(FileManager.default.createFile(atPath: large.path, contents: nil))
    let handle = try FileHandle(forWritingTo: large)
    try handle.truncate(atOffset: 100_000_000)
    try handle.close()
    #expect(throws: CalibrationError.self) { try Rig(contentsOf: large.path) }
    try FileManager.default.removeItem(at: large)
    #expect(throws: CalibrationError.self) { try Rig(contentsOf: "/nowhere/rig.yaml") }
    #expect(throws: CalibrationError.self) { try Rig(contentsOf: "/dev/zero") }
    #expect(clock.now - start < .seconds(1))
  }

  /// F27 and F34.
  @Test func unlikelySensorsAreWarnedOf() throws {
    var rig = try read(text)
    rig.sensors[0].egoFromSensor.translation = SIMD3(50, 0, 1)
    #expect(rig.warnings.count == 1 && rig.warnings[0].hasPrefix("CAM_BACK.translation"))
    // A camera that looks back, in the order x, y, z, w.
    var swapped = try read(text)
    let q = Quaternion(w: 0.5038, x: -0.4974, y: -0.4942, z: 0.5045).normalized
    swapped.sensors[0].egoFromSensor.rotation = q
    #expect(swapped.warnings.isEmpty)
    swapped.sensors[0].egoFromSensor.rotation = Quaternion(w: q.x, x: q.y, y: q.z, z: q.w)
    #expect(swapped.warnings.count == 1 && swapped.warnings[0].contains("x, y, z, w"))
    var long = try read(text)
    long.sensors[0].camera?.fx = 126_000
    #expect(long.warnings.contains { $0.hasPrefix("CAM_BACK.intrinsics.fx") })
  }

  @Test func theBeamTablesAreTheSensors() {
    let velodyne = LidarModel.hdl32E.elevations.map { $0 * 180 / .pi }
    #expect(velodyne.count == 32 && abs(velodyne[0] + 30.67) < 0.005 && abs(velodyne[31] - 10.67) < 0.005)
    #expect(abs(velodyne[23]) < 1e-9)
    let hesai = LidarModel.pandar64.elevations.map { $0 * 180 / .pi }
    #expect(hesai.count == 64 && hesai == hesai.sorted() && LidarModel.pandar64.azimuthOffsets.count == 64)
    #expect(abs(hesai[0] + 24.897) < 1e-9 && abs(hesai[63] - 14.882) < 1e-9)
  }
}

@Suite struct RigFromSceneTests {
  /// With APUS_ACCEPT=1 in the environment the rigs in calibration/ are written anew from the recordings.
  @Test(
    .enabled(if: RealData.has("pandaset-002"), "shared/data is not here"),
    arguments: [
      (
        "nuscenes", "nuscenes-keyframe", "scene-0061", LidarModel.hdl32E, Rig.Body.hatchback,
        "nuScenes scene-0061: six cameras at 12 Hz and a Velodyne HDL-32E at 20 Hz"
      ),
      (
        "pandaset", "pandaset-002", "pandaset-002", LidarModel.pandar64, Rig.Body.minivan,
        "PandaSet scene 002: six cameras and a Hesai Pandar64 at 10 Hz; the LiDAR's place is an estimate"
      ),
    ])
  func theCommittedRigsAreTheRecordings(
    _ name: String, _ root: String, _ scene: String, _ lidar: LidarModel, _ body: Rig.Body, _ summary: String
  ) throws {
    let dataset = try Dataset(root: "\(data)/\(root)")
    let recorded = try Rig(
      name: name, summary: summary, scene: dataset.scene(named: scene), lidars: ["LIDAR_TOP": lidar],
      body: body, file: root)
    let path = "\(repository)/calibration/\(name).yaml"
    if ProcessInfo.processInfo.environment["APUS_ACCEPT"] == "1" {
      try recorded.yaml().write(toFile: path, atomically: true, encoding: .utf8)
    }
    let committed = try Rig(contentsOf: path)
    #expect(committed.name == name && committed.sensors.map(\.channel) == recorded.sensors.map(\.channel))
    for (a, b) in zip(committed.sensors, recorded.sensors) {
      #expect(a.camera == b.camera && a.timeOffsetMicroseconds == b.timeOffsetMicroseconds)
      #expect((a.egoFromSensor.translation - b.egoFromSensor.translation).length < 1e-12)
      #expect(a.egoFromSensor.rotation.angle(to: b.egoFromSensor.rotation) < 1e-12)
    }
    let beams = committed.sensor("LIDAR_TOP")?.lidar
    #expect(committed.body == body && beams?.recordsMissing == lidar.recordsMissing)
    #expect(beams?.firstAzimuth == lidar.firstAzimuth && beams?.tenPercentRange == lidar.tenPercentRange)
    #expect(beams?.maximumRange == lidar.maximumRange)
    #expect(committed.warnings.isEmpty)
    #expect(try committed.yaml() == String(contentsOfFile: path, encoding: .utf8))
  }

  @Test(arguments: ["nuscenes", "pandaset"])
  func theCommittedRigsAreWhole(_ name: String) throws {
    let rig = try Rig(contentsOf: "\(repository)/calibration/\(name).yaml")
    #expect(rig.cameras.count == 6 && rig.sensor("LIDAR_TOP")?.lidar != nil)
    #expect(rig.nominalOffsetsMicroseconds.count == 7)
    // The front camera looks ahead, and its neighbours to their sides.
    func direction(_ channel: String) throws -> SIMD3<Double> {
      try #require(rig.sensor(channel)).egoFromSensor.rotation.rotate(SIMD3(0, 0, 1))
    }
    #expect(try direction("CAM_FRONT").x > 0.99)
    #expect(try direction("CAM_FRONT_LEFT").y > 0.5 && direction("CAM_FRONT_RIGHT").y < -0.5)
    #expect(try direction("CAM_BACK").x < -0.99)
  }
}
