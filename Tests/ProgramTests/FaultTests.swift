import Foundation
import Results
import Testing

/// What faults in the input and the output get, each injected (the rows of the fault table by number).
@Suite(.serialized) struct FaultTests {
  /// Runs a replay that must stop before anything is written, and gives its one line.
  static func refusal(_ drive: TestDrive, _ more: [String] = []) throws -> String {
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("run")] + more)
    #expect(outcome.status == 1, "\(outcome.standardError)")
    let lines = outcome.standardError.split(separator: "\n")
    #expect(lines.count == 1, "\(outcome.standardError)")
    #expect(outcome.lastLine.hasPrefix("apus: "))
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")), "something was written")
    return outcome.lastLine
  }

  /// Runs a replay that must finish with this status, and gives its manifest.
  static func replay(_ drive: TestDrive, status: Int32, _ more: [String] = []) throws -> RunManifest {
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("run")] + more)
    #expect(outcome.status == status, "\(outcome.standardError)")
    let manifest = try RunManifest(path: folder.path("run/run.json"))
    let frames = manifest.frames
    #expect(frames.count == manifest.count(.ok) + manifest.count(.degraded) + manifest.count(.skipped))
    #expect(frames.count == 6)
    return manifest
  }

  static func reasons(_ manifest: RunManifest) -> String {
    manifest.frames.flatMap(\.reasons).joined(separator: "\n")
  }

  @Test func f1NoDatarootOrAFile() throws {
    let folder = try TemporaryFolder()
    for path in [folder.path("nothing"), "/etc/hostname"] {
      let outcome = try Apus.run(["replay", path, "--out", folder.path("run")])
      #expect(outcome.status == 1)
      #expect(outcome.lastLine.contains(path))
    }
    let drive = try TestDrive(keyframes: 2)
    #expect(try Self.refusal(drive, ["--version-folder", "v1.0-trainval"]).contains("v1.0-mini"))
  }

  @Test func f2AllMissingTablesAreNamedAtOnce() throws {
    let drive = try TestDrive(keyframes: 2)
    for table in ["sample_data", "log"] {
      try FileManager.default.removeItem(at: drive.url("v1.0-mini/\(table).json"))
    }
    let line = try Self.refusal(drive)
    #expect(line.contains("sample_data.json") && line.contains("log.json"))
  }

  @Test func f3ATruncatedTableNamesFileByteAndLine() throws {
    let drive = try TestDrive(keyframes: 3)
    let name = "v1.0-mini/sample_data.json"
    let whole = try drive.read(name)
    for length in stride(from: 1, to: whole.count, by: max(1, whole.count / 12)) {
      try drive.write(whole.prefix(length), to: name)
      let line = try Self.refusal(drive)
      #expect(line.contains("sample_data.json") && line.contains("byte"), "\(line)")
    }
  }

  @Test func f4ATableThatIsNoArray() throws {
    let drive = try TestDrive(keyframes: 2)
    for text in ["{}", "17", "", "\"x\""] {
      try drive.write(Data(text.utf8), to: "v1.0-mini/instance.json")
      #expect(try Self.refusal(drive).contains("array of records"))
    }
  }

  @Test(arguments: ["missing", "null", "number"]) func f5AFieldOfTheWrongKind(kind: String) throws {
    let drive = try TestDrive(keyframes: 2)
    let values: [String: Any] = ["null": NSNull(), "number": 3]
    drive.tables["sample_data"]?[2]["ego_pose_token"] = values[kind]
    try drive.writeTables()
    let line = try Self.refusal(drive)
    let token = try #require(drive.tables["sample_data"]?[2]["token"] as? String)
    #expect(line.contains("sample_data") && line.contains("ego_pose_token") && line.contains("2"), "\(line)")
    #expect(line.contains(token), "\(line)")
  }

  @Test func f6UnknownFieldsAreIgnored() throws {
    let drive = try TestDrive()
    for k in drive.tables["sample_data"].map({ $0.indices }) ?? 0..<0 {
      drive.tables["sample_data"]?[k]["info_filename"] = ["nested": [1, 2, "x"]]
    }
    try drive.writeTables()
    #expect(try Self.replay(drive, status: 0).count(.ok) == 6)
  }

  @Test func f9ADanglingKeyIsNamedAndInspectListsAll() throws {
    let drive = try TestDrive(keyframes: 2)
    drive.tables["sample_data"]?[0]["ego_pose_token"] = "feedfeedfeedfeedfeedfeedfeedfeed"
    drive.tables["sample_annotation"]?[1]["instance_token"] = "beefbeefbeefbeefbeefbeefbeefbeef"
    try drive.writeTables()
    let line = try Self.refusal(drive)
    #expect(line.contains("ego_pose") || line.contains("instance"), "\(line)")
    let inspection = try Apus.run(["inspect", drive.root.path])
    #expect(inspection.status == 1)
    for token in ["feedfeed", "beefbeef"] { #expect(inspection.standardError.contains(token)) }
  }

  @Test func f12And19MissingCamerasDegradeAndAreGrouped() throws {
    let drive = try TestDrive()
    for file in drive.files(of: "CAM_BACK").prefix(4) {
      try FileManager.default.removeItem(at: drive.url(file))
    }
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("run")])
    #expect(outcome.status == 3)
    #expect(
      outcome.standardError.contains("4 files missing from samples/CAM_BACK"), "\(outcome.standardError)")
    let manifest = try RunManifest(path: folder.path("run/run.json"))
    #expect((manifest.count(.ok), manifest.count(.degraded), manifest.count(.skipped)) == (2, 4, 0))
    #expect(manifest.frames[0].reasons.contains { $0.hasPrefix("CAM_BACK") })
    // The same where the tables have no record at all.
    let gone = try TestDrive()
    gone.tables["sample_data"]?.removeAll { ($0["filename"] as? String ?? "").contains("CAM_FRONT") }
    let few = gone.files(of: "CAM_BACK").prefix(2)
    gone.tables["sample_data"]?.removeAll { few.contains($0["filename"] as? String ?? "") }
    for k in (gone.tables["sample_data"] ?? []).indices
    where (gone.tables["sample_data"]?[k]["filename"] as? String ?? "").contains("CAM_BACK") {
      // The third image is now the channel's first.
      if (gone.tables["sample_data"]?[k]["prev"] as? String) == TestDrive.token(11, 0, 1) {
        gone.tables["sample_data"]?[k]["prev"] = ""
      }
    }
    try gone.writeTables()
    let second = try Self.replay(gone, status: 3)
    #expect(second.count(.degraded) == 2)
    #expect(Self.reasons(second).contains("CAM_BACK"))
    #expect(try Self.refusalUnderStrict(drive).contains("CAM_BACK"))
  }

  static func refusalUnderStrict(_ drive: TestDrive) throws -> String {
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("run"), "--strict"])
    #expect(outcome.status == 1)
    #expect(!FileManager.default.fileExists(atPath: folder.path("run/run.json")))
    return outcome.lastLine
  }

  @Test func f20AMissingLidarFileSkipsItsFrame() throws {
    let drive = try TestDrive()
    try FileManager.default.removeItem(at: drive.url(drive.files(of: "LIDAR_TOP")[2]))
    let manifest = try Self.replay(drive, status: 3)
    #expect(manifest.frames[2].status == .skipped)
    #expect(manifest.frames[2].reasons.contains { $0.contains("LIDAR_TOP") })
    #expect(manifest.count(.skipped) == 1)
  }

  @Test func f21ALateCameraIsLeftOutByName() throws {
    let drive = try TestDrive()
    for (k, record) in (drive.tables["sample_data"] ?? []).enumerated()
    where (record["filename"] as? String ?? "") == drive.files(of: "CAM_FRONT")[3] {
      drive.tables["sample_data"]?[k]["timestamp"] = (record["timestamp"] as? Int ?? 0) + 150_000
      for (p, pose) in (drive.tables["ego_pose"] ?? []).enumerated()
      where pose["token"] as? String == record["token"] as? String {
        drive.tables["ego_pose"]?[p]["timestamp"] = (record["timestamp"] as? Int ?? 0) + 150_000
      }
    }
    try drive.writeTables()
    let manifest = try Self.replay(drive, status: 3)
    #expect(manifest.count(.degraded) == 1)
    #expect(manifest.frames[3].reasons == ["CAM_FRONT is 150.0 ms off (at most 50.0)"])
  }

  @Test func f35ACloudOfALyingSizeSkipsItsFrame() throws {
    let drive = try TestDrive()
    let file = drive.files(of: "LIDAR_TOP")[1]
    try drive.write(drive.read(file) + Data([1, 2, 3]), to: file)
    let manifest = try Self.replay(drive, status: 3)
    #expect(manifest.frames[1].status == .skipped)
    let reason = manifest.frames[1].reasons.joined()
    #expect(reason.contains(file) && reason.contains("remainder of 3"), "\(reason)")
  }

  @Test func f36AnEmptyCloudDegradesOrSkips() throws {
    let drive = try TestDrive()
    for file in drive.files(of: "LIDAR_TOP").prefix(2) { try drive.write(Data(), to: file) }
    let manifest = try Self.replay(drive, status: 3)
    #expect(manifest.frames[0].status != .ok && manifest.frames[1].status != .ok)
    #expect(manifest.count(.ok) == 4)
  }

  @Test func f37PointsThatAreNoNumbersAreDropped() throws {
    let drive = try TestDrive()
    let bad: [Float] = [
      .nan, .infinity, -.infinity, 1e30, -1e30, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    ]
    for file in drive.files(of: "LIDAR_TOP") {
      var extra: [Float] = []
      for value in bad {
        extra += [value, 1, 1, 1, 1, 1, value, 1, 1, 1, 1, 1, value, 1, 1, value, value, value, value, 1]
      }
      try drive.write(drive.read(file) + extra.withUnsafeBytes { Data($0) }, to: file)
    }
    #expect(try Self.replay(drive, status: 0).count(.ok) == 6)
  }

  @Test func f41ATruncatedPictureIsLeftOut() throws {
    let drive = try TestDrive()
    let files = drive.files(of: "CAM_FRONT")
    for (k, file) in files.enumerated() {
      let whole = try drive.read(file)
      try drive.write(whole.prefix(whole.count * (2 * k + 1) / 16), to: file)
    }
    let manifest = try Self.replay(drive, status: 3)
    #expect(manifest.count(.degraded) == 6)
    #expect(manifest.frames.allSatisfy { $0.reasons.contains { $0.hasPrefix("CAM_FRONT") } })
  }

  /// F56: a device that is full at some write. The limit on file sizes refuses writes just as a full disk does.
  @Test func f56AFullDiskIsAnErrorAndResumeFinishes() throws {
    let drive = try TestDrive(scenes: 2, keyframes: 3)
    let folder = try TemporaryFolder()
    #expect(try Apus.run(["replay", drive.root.path, "--out", folder.path("whole")]).status == 0)
    let expected = try ReplayTests.outputs(folder.path("whole"))
    for kilobytes in [1, 4, 40, 200] {
      let run = folder.path("run-\(kilobytes)")
      let outcome = try Apus.run(
        ["replay", drive.root.path, "--out", run], shell: "ulimit -f \(kilobytes); \"$@\"")
      #expect(outcome.status == 1, "\(kilobytes) kB: \(outcome.standardError)")
      #expect(outcome.lastLine.contains(run) && outcome.lastLine.contains("bytes"), "\(outcome.lastLine)")
      #expect(!FileManager.default.fileExists(atPath: run + "/run.json"))
      let resumed = try Apus.run(["replay", drive.root.path, "--out", run, "--resume"])
      #expect(resumed.status == 0, "\(resumed.standardError)")
      #expect(try ReplayTests.outputs(run) == expected, "\(kilobytes) kB")
    }
    let full = try Apus.run(["inspect", folder.path("whole")], shell: "\"$@\" > /dev/full")
    #expect(full.status == 1)
  }
}
