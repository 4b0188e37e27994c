import Files
import Foundation
import Results
import Testing

/// `apus replay --model`: sensors that are missing, the same bytes whatever happens, precisions and parts of networks.
@Suite(.serialized) struct NetworkReplayTests {
  /// Runs a replay and gives its folder's path.
  @discardableResult
  static func replay(
    _ drive: TestDrive, _ model: String, _ folder: TemporaryFolder, _ name: String = "run",
    _ more: [String] = [],
    status: Int32 = 0
  ) throws -> String {
    let outcome = try Apus.run(
      ["replay", drive.root.path, "--model", model, "--out", folder.path(name), "--threads", "2"] + more)
    #expect(outcome.status == status, "\(name): \(outcome.standardError)")
    return folder.path(name)
  }

  /// The boxes of each keyframe of the drive's first scene, as text that tells any difference.
  static func boxes(_ run: String, keyframes: Int) throws -> [String] {
    let data = try Data(contentsOf: URL(fileURLWithPath: run + "/detections.json"))
    let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let results = try #require(document["results"] as? [String: Any])
    return try (0..<keyframes).map { k in
      let boxes = try #require(results[TestDrive.token(7, 0, k)] as? [[String: Any]])
      return String(
        decoding: try JSONSerialization.data(withJSONObject: boxes, options: [.sortedKeys]), as: UTF8.self)
    }
  }

  static func remove(_ drive: TestDrive, _ channel: String, _ keyframe: Int) throws {
    try FileManager.default.removeItem(at: drive.url(drive.files(of: channel)[keyframe]))
  }

  static func manifest(_ run: String) throws -> RunManifest { try RunManifest(path: run + "/run.json") }

  // MARK: Missing sensors

  @Test func f19MissingCamerasDegradeAndTheOthersAreUsed() throws {
    let folder = try TemporaryFolder(), model = try TinyModel.create(in: folder)
    var first: [String] = []
    for (k, missing) in [[], ["CAM_BACK"], ["CAM_FRONT"], ["CAM_BACK", "CAM_FRONT"]].enumerated() {
      let drive = try TestDrive(keyframes: 3)
      for channel in missing { for frame in 0..<2 { try Self.remove(drive, channel, frame) } }
      let run = try Self.replay(drive, model, folder, "run-\(k)", status: missing.isEmpty ? 0 : 3)
      let manifest = try Self.manifest(run)
      #expect(manifest.count(.skipped) == 0)
      #expect(manifest.count(.degraded) == (missing.isEmpty ? 0 : 2))
      for channel in missing {
        for frame in manifest.frames.prefix(2) {
          #expect(frame.reasons.contains { $0.hasPrefix(channel) }, "\(frame.reasons)")
        }
      }
      first.append(try Self.boxes(run, keyframes: 3)[0])
    }
    #expect(first.allSatisfy { $0.contains("detection_score") })
    #expect(Set(first).count == 4, "what a camera sees makes no difference")
  }

  @Test func f20AMissingLidarDegradesWhereThereAreCamerasAndElseSkips() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive()
    try Self.remove(drive, "LIDAR_TOP", 2)
    let both = try Self.manifest(Self.replay(drive, TinyModel.create(in: folder), folder, "both", status: 3))
    #expect((both.count(.ok), both.count(.degraded), both.count(.skipped)) == (5, 1, 0))
    #expect(both.frames[2].reasons.contains { $0.contains("LIDAR_TOP") }, "\(both.frames[2].reasons)")
    let lidar = try TinyModel.create(in: folder, TinyModel.lidarOnly, name: "lidar")
    let alone = try Self.manifest(Self.replay(drive, lidar, folder, "lidar", status: 3))
    #expect((alone.count(.ok), alone.count(.degraded), alone.count(.skipped)) == (5, 0, 1))
    #expect(alone.frames[2].status == .skipped)
    #expect(alone.frames[2].reasons.contains { $0.contains("LIDAR_TOP") }, "\(alone.frames[2].reasons)")
  }

  /// A late camera is named and left out: the boxes are those of a drive without its image.
  @Test func f21ALateCameraIsLeftOut() throws {
    let folder = try TemporaryFolder(), model = try TinyModel.create(in: folder)
    let drive = try TestDrive(keyframes: 4)
    for (k, record) in (drive.tables["sample_data"] ?? []).enumerated()
    where (record["filename"] as? String ?? "") == drive.files(of: "CAM_FRONT")[2] {
      drive.tables["sample_data"]?[k]["timestamp"] = (record["timestamp"] as? Int ?? 0) + 150_000
      for (p, pose) in (drive.tables["ego_pose"] ?? []).enumerated()
      where pose["token"] as? String == record["token"] as? String {
        drive.tables["ego_pose"]?[p]["timestamp"] = (record["timestamp"] as? Int ?? 0) + 150_000
      }
    }
    try drive.writeTables()
    let run = try Self.replay(drive, model, folder, "late", status: 3)
    let late = try Self.manifest(run)
    #expect(late.count(.degraded) == 1)
    #expect(
      late.frames[2].reasons.first == "CAM_FRONT is 150.0 ms off (at most 50.0)", "\(late.frames[2].reasons)")
    let without = try TestDrive(keyframes: 4)
    try Self.remove(without, "CAM_FRONT", 2)
    let other = try Self.replay(without, model, folder, "without", status: 3)
    #expect(try Self.boxes(run, keyframes: 4) == Self.boxes(other, keyframes: 4))
  }

  @Test func aFrameInWhichNothingIsSeenIsSkipped() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 4)
    for channel in ["CAM_FRONT", "CAM_BACK", "LIDAR_TOP"] { try Self.remove(drive, channel, 1) }
    for (name, parts) in [("both", []), ("cameras", TinyModel.camerasOnly), ("lidar", TinyModel.lidarOnly)] {
      let model = try TinyModel.create(in: folder, parts, name: name)
      let manifest = try Self.manifest(Self.replay(drive, model, folder, "run-\(name)", status: 3))
      #expect(manifest.frames[1].status == .skipped, "\(name): \(manifest.frames[1].reasons)")
      #expect(manifest.count(.skipped) == 1, "\(name)")
      #expect(!manifest.frames[1].reasons.isEmpty)
      #expect(try Self.boxes(folder.path("run-\(name)"), keyframes: 4)[1] == "[]")
    }
    // Cameras alone do without LiDAR: its loss is named, and every frame is perceived.
    let blind = try TestDrive(keyframes: 3)
    for file in blind.files(of: "LIDAR_TOP") + blind.files(of: "LIDAR_TOP", keyframes: false) {
      try FileManager.default.removeItem(at: blind.url(file))
    }
    let cameras = try Self.manifest(
      Self.replay(blind, folder.path("cameras.safetensors"), folder, "blind", status: 3))
    #expect(cameras.count(.degraded) == 3)
    #expect(cameras.frames.allSatisfy { $0.reasons.contains { $0.hasPrefix("LIDAR_TOP") } })
    let whole = try TestDrive(keyframes: 3)
    let seen = try Self.replay(whole, folder.path("cameras.safetensors"), folder, "whole")
    #expect(try Self.boxes(folder.path("blind"), keyframes: 3) == Self.boxes(seen, keyframes: 3))
  }

  // MARK: The same bytes

  @Test func theSameBytesAtAnyThreadsAfterKillsAndOfShards() throws {
    let folder = try TemporaryFolder(), model = try TinyModel.create(in: folder)
    let drive = try TestDrive(scenes: 3, keyframes: 3)
    let whole = try ReplayTests.outputs(Self.replay(drive, model, folder, "whole"))
    for scene in drive.sceneNames {
      let lines = try #require(whole["lanes/\(scene).jsonl"])
      #expect(lines.split(separator: UInt8(ascii: "\n")).count == 3)
      #expect(String(decoding: lines, as: UTF8.self).contains("_divider"), "no line was traced")
    }
    #expect(try ReplayTests.outputs(Self.replay(drive, model, folder, "again")) == whole)
    #expect(try ReplayTests.outputs(Self.replay(drive, model, folder, "one", ["--threads", "1"])) == whole)
    for part in 1...2 { try Self.replay(drive, model, folder, "part-\(part)", ["--shard", "\(part)/2"]) }
    let merged = try Apus.run([
      "merge", folder.path("part-2"), folder.path("part-1"), "--out", folder.path("merged"),
    ])
    #expect(merged.status == 0, "\(merged.standardError)")
    #expect(try ReplayTests.outputs(folder.path("merged")) == whole)
    var kills = 0
    for seed in 0..<3 {
      let name = "killed-\(seed)"
      for attempt in 0..<2 {
        let seconds = 0.12 + 0.09 * Double((seed * 2 + attempt) % 5)
        let outcome = try Apus.run(
          [
            "replay", drive.root.path, "--model", model, "--out", folder.path(name), "--resume", "--threads",
            "2",
          ],
          shell: "timeout -s KILL \(seconds) \"$@\"")
        if outcome.status == 137 { kills += 1 }
      }
      #expect(
        try ReplayTests.outputs(Self.replay(drive, model, folder, name, ["--resume"])) == whole,
        "seed \(seed)")
    }
    #expect(kills > 0, "no kill came in time: the test tested nothing")
  }

  @Test func theRunNamesItsModelAndNoOtherResumesIt() throws {
    let folder = try TemporaryFolder(), model = try TinyModel.create(in: folder)
    let drive = try TestDrive(scenes: 2, keyframes: 2)
    let run = try Self.replay(drive, model, folder)
    let manifest = try Self.manifest(run)
    #expect(manifest.modelName == "tiny.safetensors" && manifest.precision == "f32")
    #expect(
      try manifest.modelSHA256
        == SHA256.hexadecimal([UInt8](Data(contentsOf: URL(fileURLWithPath: model)))))
    let stages = Set(manifest.frames.flatMap { $0.milliseconds.map(\.stage) })
    #expect(
      stages.isSuperset(of: [
        "read", "decode", "image branch", "pillars", "network", "boxes", "map", "occupancy", "volume",
        "track",
        "trajectories", "write",
      ]), "\(stages)")
    let other = try TinyModel.create(in: folder, seed: 2, name: "other")
    for options in [["--model", other], ["--model", model, "--precision", "bf16"], []] {
      let again = try Apus.run(["replay", drive.root.path, "--out", run, "--resume"] + options)
      // A CPU without bf16 refuses it before it looks at the run.
      let wanted =
        options.contains("bf16") && again.lastLine.contains("a CPU with") ? "precision" : "configuration"
      #expect(again.status == 1 && again.lastLine.contains(wanted), "\(options): \(again.lastLine)")
    }
    // The same weights under another name are the same model.
    try FileManager.default.copyItem(atPath: model, toPath: folder.path("copy.safetensors"))
    try Self.replay(drive, folder.path("copy.safetensors"), folder, "run", ["--resume"])
  }

  // MARK: Precisions

  @Test func int8WantsScales() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let line = try FaultTests.refusal(
      drive, ["--model", TinyModel.create(in: folder), "--precision", "int8"])
    #expect(
      line.contains("int8") && (line.contains("apus model quantize") || line.contains("VNNI")), "\(line)")
  }

  @Test func quantisedModelsReplayInInt8() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(scenes: 2, keyframes: 3)
    let model = try TinyModel.create(in: folder), small = folder.path("small.safetensors")
    let quantised = try Apus.run([
      "model", "quantize", model, "--from", drive.root.path, "--frames", "3", "--out", small, "--json",
    ])
    guard try Self.hasPrecision(quantised, "VNNI") else { return }
    let errors = try #require(
      try ModelTests.json(quantised.standardOutput)["int8_error"] as? [String: Double])
    #expect(errors["detection.heatmap"].map { $0 > 0 && $0 < 0.05 } == true, "\(errors)")
    let again = folder.path("again.safetensors")
    try Apus.run(["model", "quantize", model, "--from", drive.root.path, "--frames", "3", "--out", again])
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: small)) == Data(contentsOf: URL(fileURLWithPath: again)))
    let run = try Self.replay(drive, small, folder, "int8", ["--precision", "int8"])
    #expect(try Self.manifest(run).precision == "int8")
    let twice = try Self.replay(drive, small, folder, "twice", ["--precision", "int8"])
    #expect(try ReplayTests.outputs(run) == ReplayTests.outputs(twice))
    // Scales change nothing in f32, and int8 is not f32.
    let single = try Self.replay(drive, small, folder, "f32")
    #expect(try ReplayTests.outputs(single) == ReplayTests.outputs(Self.replay(drive, model, folder, "bare")))
    #expect(try Self.boxes(run, keyframes: 3) != Self.boxes(single, keyframes: 3))
    let table = try Apus.run(["inspect", small]).standardOutput
    #expect(table.contains("with int8 scales") && !table.contains("without"))
  }

  @Test func modelsReplayInBFloat16() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 3)
    let model = try TinyModel.create(in: folder)
    let outcome = try Apus.run([
      "replay", drive.root.path, "--model", model, "--precision", "bf16", "--out", folder.path("run"),
    ])
    guard try Self.hasPrecision(outcome, "bf16") else { return }
    #expect(try Self.manifest(folder.path("run")).precision == "bf16")
    let single = try Self.replay(drive, model, folder, "f32")
    #expect(try Self.boxes(folder.path("run"), keyframes: 3) != Self.boxes(single, keyframes: 3))
  }

  /// False where this CPU lacks what a precision needs, which the program must say in one line.
  static func hasPrecision(_ outcome: Apus.Outcome, _ needed: String) throws -> Bool {
    if outcome.status == 1, outcome.lastLine.contains("precision"), outcome.lastLine.contains("AVX-512") {
      #expect(outcome.standardError.split(separator: "\n").count == 1)
      print("skipped: this CPU has no \(needed): \(outcome.lastLine)")
      return false
    }
    #expect(outcome.status == 0, "\(outcome.standardError)")
    return outcome.status == 0
  }

  @Test func classicalPerceptionHasNoPrecisions() throws {
    let drive = try TestDrive(keyframes: 2), folder = try TemporaryFolder()
    let outcome = try Apus.run([
      "replay", drive.root.path, "--out", folder.path("run"), "--precision", "int8",
    ])
    #expect(outcome.status == 64 && outcome.standardError.contains("--precision is int8"))
  }
}
