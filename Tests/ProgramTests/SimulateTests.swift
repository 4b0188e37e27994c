import Foundation
import Geometry
import Recording
import Scenes
import Testing

/// `apus simulate` through the program: what a kill leaves, and what bad options say.
@Suite(.serialized) struct SimulateTests {
  /// One small camera and a LiDAR of four beams, so that a scene takes little more than its meshes.
  static let rig = """
    name: tiny
    body: none
    sensors:
      LIDAR_TOP:
        modality: lidar
        translation: [0.9, 0, 1.8]
        rotation: [1, 0, 0, 0]
        beams:
          elevations_deg: [-20, -10, -5, 0]
          azimuth_steps: 90
          rate_hz: 20
          range_m: [1, 100]
          divergence_mrad: 2
      CAM_FRONT:
        modality: camera
        translation: [1.7, 0, 1.5]
        rotation: [0.5, -0.5, 0.5, -0.5]
        image: [64, 48]
        intrinsics: {fx: 50, fy: 50, cx: 31.5, cy: 23.5}
    """

  /// Writes a rig with parts of the small one replaced.
  static func write(_ replacements: [(String, String)] = [], to path: String) throws {
    var text = rig
    for (old, new) in replacements {
      #expect(text.contains(old))
      text = text.replacingOccurrences(of: old, with: new)
    }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// Every scene that the tables name, with all of its files there and none that no table names.
  static func wholeScenes(_ root: String) throws -> [String] {
    let dataset = try Dataset(root: root)
    for name in dataset.sceneNames {
      let scene = try dataset.scene(named: name)
      #expect(scene.keyframes.count == 2)
      for data in scene.measurements {
        #expect(FileManager.default.fileExists(atPath: "\(root)/\(data.file)"), "\(data.file)")
        if data.sensor.modality == .lidar { #expect(try dataset.lidarLabels(data) != nil) }
      }
      for keyframe in scene.keyframes {
        let labels = "\(root)/gts/\(name)/\(keyframe.token)/labels.npz"
        #expect(FileManager.default.fileExists(atPath: labels), "\(labels)")
      }
    }
    return dataset.sceneNames
  }

  @Test func aKillLeavesWholeScenesAndTheSameCommandFinishes() throws {
    let folder = try TemporaryFolder()
    try Self.write(to: folder.path("rig.yaml"))
    func command(_ out: String, seed: Int = 11) -> [String] {
      [
        "simulate", "--out", folder.path(out), "--scenes", "3", "--seed", "\(seed)", "--seconds", "1",
        "--lidar-hz",
        "2", "--rig", folder.path("rig.yaml"), "--threads", "2",
      ]
    }
    let start = ContinuousClock.now
    #expect(try Apus.run(command("whole")).status == 0)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let expected = try contents(of: folder.path("whole"))
    #expect(try Self.wholeScenes(folder.path("whole")).count == 3)
    #expect(expected["unfinished.json"] == nil && expected.keys.contains { $0.hasSuffix("roads.json") })
    var cut = 0
    for share in [0.05, 0.3, 0.6, 0.85] {
      let name = "killed-\(share)"
      let outcome = try Apus.run(
        command(name), shell: "\"$@\" & sleep \(seconds * share); kill -9 $!; wait $!; exit $?")
      let root = folder.path(name)
      let isMarked = FileManager.default.fileExists(atPath: "\(root)/unfinished.json")
      if outcome.status == 137 { cut += 1 }
      if FileManager.default.fileExists(atPath: "\(root)/v1.0-mini") {
        let scenes = try Self.wholeScenes(root)
        #expect(isMarked || scenes.count == 3, "\(share): \(scenes)")
      }
      if isMarked {
        // Other options may not go on with it.
        let other = try Apus.run(command(name, seed: 12))
        #expect(
          other.status == 1 && other.lastLine.contains("unfinished.json: options:"), "\(other.lastLine)")
        // A file of a cut scene that no table names.
        try Data([1]).write(to: URL(fileURLWithPath: "\(root)/stray"))
        let samples = "\(root)/samples/CAM_FRONT"
        try FileManager.default.createDirectory(atPath: samples, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: "\(samples)/simulated-0009__CAM_FRONT__1.jpg"))
      }
      guard outcome.status == 137 else { continue }
      let again = try Apus.run(command(name))
      if !isMarked, again.status == 1 {
        // All was there but the end of the process itself.
        #expect(again.lastLine.contains("it exists"), "\(again.lastLine)")
      } else {
        #expect(again.status == 0, "\(again.standardError)")
      }
      var found = try contents(of: root)
      found["stray"] = nil  // nothing of ours is removed
      #expect(Set(found.keys) == Set(expected.keys), "\(share)")
      #expect(found == expected, "\(share): other bytes")
    }
    #expect(cut >= 1)
  }

  /// Runs a command that must fail with one line that holds these parts, and write nothing.
  static func refused(_ arguments: [String], _ parts: [String], in folder: TemporaryFolder) throws {
    let out = folder.path("out")
    let outcome = try Apus.run(["simulate", "--out", out] + arguments)
    #expect(outcome.status == 1, "\(arguments): \(outcome.status)")
    let lines = outcome.standardError.split(separator: "\n")
    #expect(lines.count == 1 && outcome.standardOutput.isEmpty, "\(arguments): \(outcome.standardError)")
    #expect(outcome.lastLine.contains("(expected "), "\(outcome.lastLine)")
    for part in parts { #expect(outcome.lastLine.contains(part), "\(arguments): \(outcome.lastLine)") }
    #expect(!FileManager.default.fileExists(atPath: out), "\(arguments)")
  }

  @Test func numbersOutOfRangeAreRefused() throws {
    let folder = try TemporaryFolder()
    let cases: [(String, [String])] = [
      ("--scenes", ["0", "-1", "10001"]), ("--seconds", ["0", "-5", "nan", "inf", "1e300"]),
      ("--lidar-hz", ["0", "-2", "nan", "3", "1e300", "inf"]),
      ("--scale", ["0", "-1", "nan", "1e9", "0.001", "inf"]),
      ("--threads", ["0", "-1", "100000"]), ("--pose-noise", ["-1", "nan", "1e9"]),
      ("--motion-blur", ["0", "1000"]),
      ("--jpeg-quality", ["0", "101"]),
    ]
    for (option, values) in cases {
      for value in values {
        let scenes = option == "--scenes" ? [] : ["--scenes=1"]
        try Self.refused(scenes + ["\(option)=\(value)"], [option], in: folder)
      }
    }
  }

  @Test func impossibleRigsAreRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("rig.yaml")
    let camera = "intrinsics: {fx: 50, fy: 50, cx: 31.5, cy: 23.5}"
    let cases: [([(String, String)], [String])] = [
      ([("modality: lidar", "modality: radar"), ("beams:", "other:")], ["LIDAR_TOP"]),
      ([("elevations_deg: [-20, -10, -5, 0]", "elevations_deg: []")], ["LIDAR_TOP.beams.elevations_deg"]),
      ([("-20, -10", ".nan, -10")], ["elevations_deg"]), ([("-20, -10", "-200, -10")], ["elevations_deg"]),
      ([("-20, -10", "-90, -10")], ["LIDAR_TOP"]),
      ([("azimuth_steps: 90", "azimuth_steps: 0")], ["azimuth_steps"]),
      ([("azimuth_steps: 90", "azimuth_steps: 1e300")], ["azimuth_steps"]),
      ([("rate_hz: 20", "rate_hz: 0")], ["rate_hz"]), ([("[1, 100]", "[100, 1]")], ["range_m"]),
      ([("image: [64, 48]", "image: [0, 0]")], ["CAM_FRONT.image"]),
      ([("image: [64, 48]", "image: [8, 6]"), ("31.5", "3.5"), ("23.5", "2.5")], ["CAM_FRONT"]),
      ([(camera, camera.replacingOccurrences(of: "fx: 50", with: "fx: -50"))], ["CAM_FRONT.intrinsics.fx"]),
      ([(camera, camera.replacingOccurrences(of: "fy: 50", with: "fy: .inf"))], ["CAM_FRONT.intrinsics.fy"]),
      ([("rotation: [1, 0, 0, 0]", "rotation: [0, 0, 0, 0]")], ["LIDAR_TOP.rotation"]),
      ([("body: none", "body: bicycle")], ["body", "hatchback"]),
      (
        [("divergence_mrad: 2", "divergence_mrad: 2\n      ten_percent_range_m: 0")],
        ["ten_percent_range_m"]
      ),
    ]
    for (replacements, parts) in cases {
      try Self.write(replacements, to: path)
      try Self.refused(["--scenes=1", "--rig", path], [path] + parts, in: folder)
    }
    for text in ["", "name: none\nsensors: {}\n", "[1", "\u{0}"] {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      try Self.refused(["--scenes=1", "--rig", path], [path], in: folder)
    }
    let cameras = Self.rig.replacingOccurrences(
      of: #"  LIDAR_TOP:[\s\S]*  CAM_FRONT"#, with: "  CAM_FRONT", options: .regularExpression)
    try cameras.write(toFile: path, atomically: true, encoding: .utf8)
    try Self.refused(["--scenes=1", "--rig", path], [path, "no LiDAR"], in: folder)
    try Self.refused(["--scenes=1", "--rig", folder.path("none.yaml")], ["none.yaml"], in: folder)
  }

  /// A rig without cameras is possible: its boxes have no visibility.
  @Test func aRigOfALidarAloneGivesADrive() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("rig.yaml")
    let lidar = Self.rig.replacingOccurrences(
      of: #"  CAM_FRONT:[\s\S]*"#, with: "", options: .regularExpression)
    try lidar.write(toFile: path, atomically: true, encoding: .utf8)
    let outcome = try Apus.run([
      "simulate", "--out", folder.path("out"), "--scenes=1", "--seconds=1", "--lidar-hz=2", "--rig", path,
    ])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    #expect(try Self.wholeScenes(folder.path("out")).count == 1)
  }

  @Test func faultsThatCannotBeAreRefused() throws {
    let folder = try TemporaryFolder()
    for fault in [
      "", ",", "x", "melt=CAM_BACK", "jitter", "jitter=", "jitter=8", "jitter=-8ms", "jitter=nanms",
      "jitter=1e9s",
      "drop-camera=CAM_SIDE@1", "drop-camera=LIDAR_TOP@1", "drop-camera=CAM_BACK",
      "drop-camera=CAM_BACK@5..3",
      "drop-camera=CAM_BACK@-1", "drop-camera=CAM_BACK@1.5", "drop-camera=CAM_BACK@1....5",
      "drop-camera=CAM_BACK@40",
      "drop-lidar@99999999999999999999", "drop-lidar@0..40", "offset=CAM_FRONT", "offset=CAM_FRONT:infms",
      "skew=LIDAR_TOP:1ms",
    ] {
      try Self.refused(["--scenes=1", "--fault", fault], ["--fault"], in: folder)
    }
  }

  @Test func whatCannotBeRerenderedIsRefused() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path("empty"), withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: folder.path("file")))
    for from in ["empty", "file", "missing"] {
      try Self.refused(["--from", folder.path(from)], [folder.path(from)], in: folder)
    }
    let drive = try TestDrive(keyframes: 2)
    let map = "maps/expansion/test-town.json"
    try Self.refused(["--from", drive.root.path], [map, "no areas"], in: folder)
    try Self.refused(["--from", drive.root.path, "--scene=none"], ["no scene none"], in: folder)
    try drive.write(Data("{}".utf8), to: map)
    try Self.refused(["--from", drive.root.path], [map], in: folder)
    try drive.write(Data("[".utf8), to: map)
    try Self.refused(["--from", drive.root.path], [map], in: folder)
    let bare = try TestDrive(keyframes: 2)
    bare.tables["sample_annotation"] = []
    bare.tables["instance"] = []
    try bare.writeTables()
    try Self.refused(["--from", bare.root.path], ["sample_annotation", "no boxes"], in: folder)
  }

  @Test func placesThatCannotBeWrittenAreRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.path("file")
    try Data([7]).write(to: URL(fileURLWithPath: file))
    for out in [file, file + "/below", "/proc/nothing", ""] {
      let outcome = try Apus.run(["simulate", "--out", out, "--scenes=1"])
      #expect(outcome.status == 1)
      #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      #expect(outcome.lastLine.contains(out.isEmpty ? "--out" : out), "\(outcome.lastLine)")
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data([7]))
    // A drive that is there is not written over.
    let drive = try TestDrive(keyframes: 2)
    let before = try contents(of: drive.root.path)
    let outcome = try Apus.run(["simulate", "--out", drive.root.path, "--scenes=1"])
    #expect(outcome.status == 1 && outcome.lastLine.contains("it exists"), "\(outcome.lastLine)")
    #expect(try contents(of: drive.root.path) == before)
  }

  /// F56: a device that is full at some write. The limit on file sizes refuses writes just as a full disk does.
  @Test func aFullDiskIsAnErrorAndTheSameCommandFinishes() throws {
    let folder = try TemporaryFolder()
    try Self.write(to: folder.path("rig.yaml"))
    func command(_ out: String) -> [String] {
      [
        "simulate", "--out", folder.path(out), "--scenes=1", "--seed=5", "--seconds=1", "--lidar-hz=2",
        "--rig",
        folder.path("rig.yaml"),
      ]
    }
    #expect(try Apus.run(command("whole")).status == 0)
    let expected = try contents(of: folder.path("whole"))
    for kilobytes in [1, 4, 40] {
      let outcome = try Apus.run(command("full-\(kilobytes)"), shell: "ulimit -f \(kilobytes); \"$@\"")
      #expect(outcome.status == 1, "\(kilobytes) kB: \(outcome.standardError)")
      #expect(
        outcome.lastLine.contains("writing") && outcome.lastLine.contains("bytes"), "\(outcome.lastLine)")
      #expect(try Apus.run(command("full-\(kilobytes)")).status == 0)
      #expect(try contents(of: folder.path("full-\(kilobytes)")) == expected)
    }
  }
}
