import Files
import Foundation
import Testing

/// Inputs that users of other tools have reported, dressed differently or wrong in an ordinary way.
@Suite(.serialized) struct PublicReportTests {
  /// A drive of two keyframes and what its replay writes.
  private struct Base {
    let drive: TestDrive
    let folder: TemporaryFolder
    let outputs: [String: Data]

    init() throws {
      drive = try TestDrive(keyframes: 2)
      folder = try TemporaryFolder()
      outputs = try Self.replay(drive, folder.path("base"))
    }

    static func replay(_ drive: TestDrive, _ run: String) throws -> [String: Data] {
      let outcome = try Apus.run(["replay", drive.root.path, "--out", run])
      #expect(outcome.status == 0, "\(outcome.standardError)")
      return try ReplayTests.outputs(run)
    }
  }

  private static func evaluate(_ run: String, _ drive: TestDrive, _ more: [String] = []) throws -> [String:
    Any]
  {
    let outcome = try Apus.run(["evaluate", run, "--truth", drive.root.path, "--json"] + more)
    #expect(outcome.status == 0, "\(outcome.standardError)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
  }

  @Test func camerasAsPNGGiveTheSameResults() throws {
    let base = try Base()
    for channel in ["CAM_FRONT", "CAM_BACK"] {
      for (k, file) in base.drive.files(of: channel).enumerated() {
        var pixels: [UInt8] = []
        for row in 0..<90 {
          for column in 0..<160 { pixels += [UInt8(60 + k), UInt8(row * 2), UInt8(column)] }
        }
        let picture = PNGPicture(width: 160, height: 90, channels: 3, pixels: pixels)
        try base.drive.write(Data(PNGFile.encode(picture)), to: file)
      }
    }
    let found = try Base.replay(base.drive, base.folder.path("png"))
    #expect(found.keys == base.outputs.keys)
    for (name, bytes) in found where !name.hasPrefix("preview/") {
      #expect(bytes == base.outputs[name], "\(name)")
    }
  }

  @Test func theLidarMayHaveAnotherName() throws {
    let base = try Base()
    base.drive.tables["sensor"]?[0]["channel"] = "LIDAR_CONCAT"
    try base.drive.writeTables()
    #expect(try Base.replay(base.drive, base.folder.path("other")) == base.outputs)
    let before = try #require(
      try Self.evaluate(base.folder.path("base"), base.drive)["detection"] as? [String: Any])
    let after = try #require(
      try Self.evaluate(base.folder.path("other"), base.drive)["detection"] as? [String: Any])
    #expect(before["mean_ap"] as? Double == after["mean_ap"] as? Double)
    #expect((before["mean_ap"] as? Double ?? 0) > 0)
  }

  @Test func linksOfTheOwnerAndAbsoluteNamesInsideAreFollowed() throws {
    let base = try Base()
    let manager = FileManager.default
    let disk = base.folder.path("disk")
    try manager.createDirectory(atPath: disk, withIntermediateDirectories: true)
    try manager.moveItem(atPath: base.drive.url("samples").path, toPath: disk + "/samples")
    try manager.createSymbolicLink(
      atPath: base.drive.url("samples").path, withDestinationPath: disk + "/samples")
    #expect(try Base.replay(base.drive, base.folder.path("linked")) == base.outputs)
    for k in (base.drive.tables["sample_data"] ?? []).indices {
      let name = base.drive.tables["sample_data"]?[k]["filename"] as? String ?? ""
      base.drive.tables["sample_data"]?[k]["filename"] = base.drive.url(name).path
    }
    try base.drive.writeTables()
    #expect(try Base.replay(base.drive, base.folder.path("absolute")) == base.outputs)
    // What leads elsewhere from within is still refused: a link below the top, an absolute name, dots.
    let outside = base.folder.path("outside.pcd.bin")
    try TestLidar.sweep(seconds: 0, seed: 1).write(to: URL(fileURLWithPath: outside))
    let first = try #require(
      base.drive.tables["sample_data"]?.firstIndex { $0["is_key_frame"] as? Bool == true })
    try manager.createSymbolicLink(
      atPath: base.drive.url("samples/LIDAR_TOP/link.pcd.bin").path, withDestinationPath: outside)
    for name in ["samples/LIDAR_TOP/link.pcd.bin", outside, "samples/../../x/outside.pcd.bin"] {
      base.drive.tables["sample_data"]?[first]["filename"] = name
      try base.drive.writeTables()
      let outcome = try Apus.run(["replay", base.drive.root.path, "--out", base.folder.path("refused")])
      #expect(outcome.status == 3 || outcome.status == 1)
      #expect(outcome.standardError.contains("expected a path inside"), "\(outcome.standardError)")
      try manager.removeItem(atPath: base.folder.path("refused"))
    }
  }

  @Test func whereNothingCanBeScoredNoScoreIsPrinted() throws {
    let base = try Base()
    let run = base.folder.path("base")
    // No category that a class is known for: the map from categories to classes gives the figures back.
    let before = try #require(try Self.evaluate(run, base.drive)["detection"] as? [String: Any])
    base.drive.tables["category"]?[0]["name"] = "my.car"
    try base.drive.writeTables()
    let unknown = try Apus.run(["evaluate", run, "--truth", base.drive.root.path])
    #expect(unknown.status == 1)
    #expect(
      unknown.lastLine.contains("my.car (4)") && unknown.lastLine.contains("--category"),
      "\(unknown.lastLine)")
    #expect(!unknown.standardOutput.contains("mAP"))
    let mapped = try Self.evaluate(run, base.drive, ["--category", "my.car=car"])
    #expect((mapped["detection"] as? [String: Any])?["mean_ap"] as? Double == before["mean_ap"] as? Double)
    base.drive.tables["sample_annotation"] = []
    base.drive.tables["instance"] = []
    try base.drive.writeTables()
    let none = try Apus.run(["evaluate", run, "--truth", base.drive.root.path])
    #expect(none.status == 1)
    #expect(none.lastLine.contains("no annotations in the 2 samples"), "\(none.lastLine)")
  }

  @Test func valuesThatTheDevkitTakesAreTaken() throws {
    let base = try Base()
    let run = base.folder.path("base")
    let file = URL(fileURLWithPath: run + "/detections.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let before = try #require(try Self.evaluate(run, base.drive)["detection"] as? [String: Any])
    let velocities = try text.replacing(Regex(#""velocity":\[[^\]]*\]"#), with: "\"velocity\":[NaN,NaN]")
    try Data(velocities.utf8).write(to: file)
    let after = try #require(try Self.evaluate(run, base.drive)["detection"] as? [String: Any])
    #expect(after["mean_ap"] as? Double == before["mean_ap"] as? Double)
    #expect((after["tp_errors"] as? [String: Any])?["vel_err"] as? Double == 1)
    let scores = try text.replacing(Regex(#""detection_score":[0-9.e-]+"#), with: "\"detection_score\":1")
    try Data(scores.utf8).write(to: file)
    #expect(try Self.evaluate(run, base.drive)["detection"] is [String: Any])
    let sizes = try text.replacing(Regex(#""size":\[[^,]*,"#), with: "\"size\":[0.0,")
    try Data(sizes.utf8).write(to: file)
    let refused = try Apus.run(["evaluate", run, "--truth", base.drive.root.path])
    #expect(refused.status == 1)
    #expect(refused.standardError.contains("size: 0.0, ") && !refused.standardError.contains("SIMD"))
  }

  @Test func aWrongFolderIsToldWhichIsRight() throws {
    let drive = try TestDrive(keyframes: 1)
    let deep = try Apus.run(["inspect", drive.url("v1.0-mini").path])
    #expect(
      deep.status == 1 && deep.lastLine.contains("the folder above it, \(drive.root.path)"),
      "\(deep.lastLine)")
    let folder = try TemporaryFolder()
    try FileManager.default.moveItem(atPath: drive.root.path, toPath: folder.path("boston-tour"))
    defer {
      do {
        try FileManager.default.moveItem(atPath: folder.path("boston-tour"), toPath: drive.root.path)
      } catch {}
    }
    let high = try Apus.run(["inspect", folder.url.path])
    #expect(high.status == 1 && high.lastLine.contains("boston-tour"), "\(high.lastLine)")
  }

  @Test func otherUnitsOfTimeAreNamed() throws {
    for (table, change, words) in [
      ("sample", { $0 * 1000 }, ["sample.json", "timestamp", "nanoseconds"]),
      ("ego_pose", { $0 / 1_000_000 }, ["ego_pose.json", "timestamp", "seconds"]),
      ("sample_data", { $0 / 1000 }, ["sample_data.json", "timestamp", "milliseconds"]),
    ] as [(String, (Int) -> Int, [String])] {
      let drive = try TestDrive(keyframes: 2)
      for k in (drive.tables[table] ?? []).indices {
        let written = drive.tables[table]?[k]["timestamp"] as? Int ?? 0
        drive.tables[table]?[k]["timestamp"] = change(written)
      }
      try drive.writeTables()
      let line = try FaultTests.refusal(drive)
      for word in words { #expect(line.contains(word), "\(line)") }
    }
  }

  @Test func onePoseAKeyframeServesAllItsSensors() throws {
    let drive = try TestDrive(keyframes: 2)
    let lidar = Dictionary(
      (drive.tables["sample_data"] ?? []).filter {
        ($0["filename"] as? String ?? "").contains("samples/LIDAR")
      }
      .map { ($0["sample_token"] as? String ?? "", $0["ego_pose_token"] as? String ?? "") },
      uniquingKeysWith: { first, _ in first })
    for k in (drive.tables["sample_data"] ?? []).indices {
      let sample = drive.tables["sample_data"]?[k]["sample_token"] as? String ?? ""
      drive.tables["sample_data"]?[k]["ego_pose_token"] = lidar[sample]
    }
    drive.tables["ego_pose"]?.removeAll { !lidar.values.contains($0["token"] as? String ?? "") }
    try drive.writeTables()
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("run")])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    #expect(
      outcome.standardError.contains("CAM_FRONT: 1 measurement outside the ego poses' times"),
      "\(outcome.standardError)")
  }

  @Test func aMapOneFolderTooHighIsNamed() throws {
    let drive = try TestDrive(keyframes: 1)
    try FileManager.default.moveItem(
      at: drive.url("maps/expansion/test-town.json"), to: drive.url("maps/test-town.json"))
    let outcome = try Apus.run(["inspect", drive.root.path])
    #expect(outcome.standardError.contains("maps/test-town.json: the map lies one folder too high"))
    #expect(outcome.standardError.contains("maps/expansion/test-town.json"))
  }
}
