import Foundation
import Results
import Testing

/// What must hold whatever is wrong: refused before anything is written, in one line, without a hang.
@Suite(.serialized) struct ReliabilityTests {
  private static func replay(_ drive: TestDrive, _ run: String, _ more: [String] = [], shell: String? = nil)
    throws
    -> Apus.Outcome
  {
    try Apus.run(["replay", drive.root.path, "--out", run] + more, shell: shell)
  }

  /// F10, F17, F75: what is wrong with a later scene is said before the run's folder is made, with that of all others.
  @Test func faultsOfAllScenesStopBeforeTheFolderIsMade() throws {
    let drive = try TestDrive(scenes: 3, keyframes: 3)
    let folder = try TemporaryFolder()
    let chain = try #require(
      drive.tables["sample"]?.firstIndex { $0["token"] as? String == TestDrive.token(7, 1, 1) })
    drive.tables["sample"]?[chain]["prev"] = TestDrive.token(7, 1, 2)
    let jump = try #require(
      drive.tables["sample_data"]?.firstIndex { $0["token"] as? String == TestDrive.token(10, 2, 1) })
    let time = drive.tables["sample_data"]?[jump]["timestamp"] as? Int ?? 0
    drive.tables["sample_data"]?[jump]["timestamp"] = time - 5_000_000
    try drive.writeTables()
    let outcome = try Self.replay(drive, folder.path("run"))
    #expect(outcome.status == 1)
    let lines = outcome.standardError.split(separator: "\n")
    #expect(lines.count == 2, "\(outcome.standardError)")
    #expect(lines[0].hasPrefix("apus: ") && lines[0].contains("drive-1") && lines[0].contains("prev"))
    #expect(lines[1].hasPrefix("apus: ") && lines[1].contains("drive-2") && lines[1].contains("timestamp"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  /// F10: a chain that runs in a circle.
  @Test func aCircleOfSamplesIsRefused() throws {
    let drive = try TestDrive(keyframes: 3)
    drive.tables["sample"]?[2]["next"] = TestDrive.token(7, 0, 0)
    try drive.writeTables()
    let line = try FaultTests.refusal(drive)
    #expect(line.contains("drive-0") && line.contains("cycle"), "\(line)")
  }

  /// F11: NUL bytes, dots and absolute names of sensor files are never opened.
  @Test func namesThatLeadOutAreNotOpened() throws {
    for name in ["../../etc/passwd", "/etc/passwd", "samples/\u{0}x"] {
      let drive = try TestDrive(keyframes: 1)
      let sweep = try #require(
        drive.tables["sample_data"]?.firstIndex { ($0["filename"] as? String ?? "").contains("LIDAR") })
      drive.tables["sample_data"]?[sweep]["filename"] = name
      try drive.writeTables()
      let folder = try TemporaryFolder()
      let outcome = try Self.replay(drive, folder.path("run"))
      #expect([1, 3].contains(outcome.status), "\(name): \(outcome.standardError)")
      #expect(outcome.standardError.contains("expected a path inside"), "\(outcome.standardError)")
    }
  }

  /// F29: images of another size than their calibration.
  @Test func imagesOfAnotherSizeAreRefusedBeforeAnythingIsWritten() throws {
    let drive = try TestDrive(scenes: 2, keyframes: 1)
    let file = try #require(drive.files(of: "CAM_BACK").last)
    try drive.write(TestDrive.jpeg(width: 80, height: 45, shade: 9), to: file)
    let line = try FaultTests.refusal(drive)
    #expect(line.contains(file) && line.contains("80x45") && line.contains("160x90"), "\(line)")
  }

  /// F85, F64: whatever the limit on address space, the replay succeeds or says in one line what there is too little of.
  @Test func tooLittleAddressSpaceIsOneLine() throws {
    let drive = try TestDrive(keyframes: 2)
    var foretold = 0
    for megabytes in stride(from: 250, through: 900, by: 50) {
      let folder = try TemporaryFolder()
      let start = ContinuousClock.now
      let outcome = try Self.replay(
        drive, folder.path("run"), ["--threads", "2"], shell: "ulimit -v \(megabytes * 1024); \"$@\"")
      #expect(ContinuousClock.now - start < .seconds(60))
      let lines = outcome.standardError.split(separator: "\n")
      // Below what the loader itself needs it is the loader that speaks.
      if outcome.status == 127 { continue }
      #expect(
        outcome.status == 0 || (outcome.status == 1 && lines.count == 1), "\(megabytes) MiB: \(outcome)")
      if outcome.status == 1 {
        foretold += 1
        #expect(outcome.lastLine.contains("ulimit -v"), "\(outcome.lastLine)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
      }
    }
    #expect(foretold > 0)
  }

  /// F65: few open files.
  @Test func fewOpenFilesWorkOrAreNamed() throws {
    let drive = try TestDrive(keyframes: 1)
    let folder = try TemporaryFolder()
    let few = try Self.replay(drive, folder.path("few"), shell: "ulimit -n 7; \"$@\"")
    #expect(few.status == 1 && few.lastLine.contains("ulimit -n"), "\(few)")
    let enough = try Self.replay(drive, folder.path("enough"), shell: "ulimit -n 16; \"$@\"")
    #expect(enough.status == 0, "\(enough)")
  }

  /// F82: a run belongs to its recording.
  @Test func anotherRecordingOfTheSameNamesIsRefused() throws {
    let drive = try TestDrive(scenes: 2, keyframes: 1)
    let folder = try TemporaryFolder()
    #expect(try Self.replay(drive, folder.path("a"), ["--shard", "1/2"]).status == 0)
    #expect(try Self.replay(drive, folder.path("a"), ["--shard", "1/2", "--resume"]).status == 0)
    drive.tables["ego_pose"]?[0]["translation"] = [100.5, 200.0, 0.0]
    try drive.writeTables()
    let resumed = try Self.replay(drive, folder.path("a"), ["--shard", "1/2", "--resume"])
    #expect(resumed.status == 1 && resumed.lastLine.contains("recording"), "\(resumed)")
    #expect(resumed.lastLine.contains("another one wants a new folder"))
    #expect(try Self.replay(drive, folder.path("b"), ["--shard", "2/2"]).status == 0)
    let merged = try Apus.run(["merge", folder.path("a"), folder.path("b"), "--out", folder.path("all")])
    #expect(merged.status == 1 && merged.lastLine.contains("configuration"), "\(merged)")
  }

  /// F82: run.json alone is no finished run.
  @Test(arguments: ["detections.json", "bev/drive-0", "trajectories/drive-0.jsonl"])
  func aFinishedRunWithoutItsFilesIsNotTakenOnTrust(name: String) throws {
    let drive = try TestDrive(keyframes: 1)
    let folder = try TemporaryFolder()
    #expect(try Self.replay(drive, folder.path("run")).status == 0)
    #expect(try Self.replay(drive, folder.path("run"), ["--resume"]).status == 0)
    try FileManager.default.removeItem(atPath: folder.path("run/\(name)"))
    let outcome = try Self.replay(drive, folder.path("run"), ["--resume"])
    #expect(
      outcome.status == 1 && outcome.lastLine.contains(name) && outcome.lastLine.contains("gone"),
      "\(outcome)")
  }

  /// F81: a map that is absent, one folder too high or broken.
  @Test func aMapThatIsNotThereWarnsAndIsAnErrorUnderStrict() throws {
    let drive = try TestDrive(keyframes: 1)
    let folder = try TemporaryFolder()
    try FileManager.default.removeItem(at: drive.url("maps/expansion/test-town.json"))
    let absent = try Self.replay(drive, folder.path("absent"))
    #expect(
      absent.status == 0 && absent.standardError.contains("maps/expansion/test-town.json: no such file"))
    let strict = try Self.replay(drive, folder.path("strict"), ["--strict"])
    #expect(strict.status == 1 && strict.standardError.contains("test-town.json"), "\(strict)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("strict")))
    try drive.write(Data("{\"node\": [".utf8), to: "maps/expansion/test-town.json")
    let broken = try Self.replay(drive, folder.path("broken"))
    #expect(broken.status == 0 && broken.standardError.contains("test-town.json"), "\(broken)")
    let inspected = try Apus.run(["inspect", drive.root.path])
    #expect(inspected.standardError.contains("test-town.json"), "\(inspected)")
  }

  /// F83: a run of other people's puts neither markup nor files of ours on the page.
  @Test func theReportEscapesAndEmbedsOnlyTheRunsPictures() throws {
    let drive = try TestDrive(keyframes: 2)
    let folder = try TemporaryFolder()
    let run = folder.path("run")
    #expect(try Self.replay(drive, run).status == 0)
    let secret = TestDrive.jpeg(width: 8, height: 8, shade: 1)
    let picture = try Data(
      contentsOf: URL(fileURLWithPath: "\(run)/preview/drive-0/\(TestDrive.token(7, 0, 0)).png"))
    try secret.write(to: URL(fileURLWithPath: folder.path("secret.png")))
    let linked = "\(run)/preview/drive-0/\(TestDrive.token(7, 0, 1)).png"
    try FileManager.default.removeItem(atPath: linked)
    try FileManager.default.createSymbolicLink(atPath: linked, withDestinationPath: folder.path("secret.png"))
    let manifest = URL(fileURLWithPath: "\(run)/run.json")
    var text = try String(contentsOf: manifest, encoding: .utf8)
    text = try text.replacing(
      Regex(#""precision":\s*"f32""#), with: "\"precision\": \"<script>alert(1)</script>\"")
    #expect(text.contains("<script>"))
    // A frame whose names lead to the secret.
    let frame =
      "{\"scene\":\"drive-0\",\"sample\":\"../../../secret\",\"status\":\"ok\",\"reasons\":[],\"milliseconds\":{}}"
    let list = try #require(text.firstRange(of: try Regex(#""frames":\s*\["#)))
    text.insert(contentsOf: frame + ",", at: list.upperBound)
    try Data(text.utf8).write(to: manifest)
    let outcome = try Apus.run([
      "evaluate", run, "--truth", drive.root.path, "--html", folder.path("page.html"),
    ])
    #expect(outcome.status == 0, "\(outcome)")
    let page = try String(contentsOf: URL(fileURLWithPath: folder.path("page.html")), encoding: .utf8)
    #expect(!page.contains("<script") && page.contains("&lt;script&gt;"))
    #expect(page.contains(picture.base64EncodedString()))
    #expect(!page.contains(secret.base64EncodedString()))
  }

  /// F84: links within a run's folder.
  @Test func linksWithinARunAreNotFollowed() throws {
    let drive = try TestDrive(keyframes: 1)
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder.path("elsewhere"), withIntermediateDirectories: true)
    try Data("kept".utf8).write(to: URL(fileURLWithPath: folder.path("elsewhere/file")))
    try manager.createDirectory(atPath: folder.path("run"), withIntermediateDirectories: true)
    try manager.createSymbolicLink(
      atPath: folder.path("run/.work"), withDestinationPath: folder.path("elsewhere"))
    let outcome = try Self.replay(drive, folder.path("run"), ["--resume"])
    #expect(outcome.status == 1 && outcome.lastLine.contains("a symbolic link"), "\(outcome)")
    #expect(try contents(of: folder.path("elsewhere")).keys.sorted() == ["file"])
    #expect(try Self.replay(drive, folder.path("part")).status == 0)
    try manager.moveItem(atPath: folder.path("part/bev/drive-0"), toPath: folder.path("moved"))
    try manager.createSymbolicLink(
      atPath: folder.path("part/bev/drive-0"), withDestinationPath: folder.path("moved"))
    let merged = try Apus.run(["merge", folder.path("part"), "--out", folder.path("all")])
    #expect(merged.status == 1 && merged.lastLine.contains("a symbolic link"), "\(merged)")
  }

  /// Whatever names say, an error is one short line.
  @Test func errorsAreOneShortLineWithoutControlCharacters() throws {
    for name in ["a\nb", "\u{1B}[31mred\u{7}", "\u{202E}drow", String(repeating: "long", count: 5000)] {
      let drive = try TestDrive(keyframes: 1)
      drive.tables["scene"]?[0]["name"] = "\(name)/x"
      try drive.writeTables()
      let line = try FaultTests.refusal(drive)
      #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x202E })
      #expect(line.unicodeScalars.count <= 620 && line.contains("scene.json"), "\(line)")
    }
  }

  /// A signal ends long work within a second.
  @Test(arguments: [("INT", Int32(130)), ("TERM", Int32(143))]) func aSignalEndsSimulateWithinASecond(
    signal: String, status: Int32
  ) throws {
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(
      ["simulate", "--out", folder.path("drives"), "--scenes", "2", "--seed", "1"],
      shell: """
        "$@" & p=$!; sleep 1.5; kill -\(signal) $p; s=$(date +%s%N); wait $p; rc=$?
        echo $(( ($(date +%s%N) - s) / 1000000 )) > \(folder.path("milliseconds")); exit $rc
        """)
    #expect(outcome.status == status, "\(outcome)")
    let text = try String(contentsOf: URL(fileURLWithPath: folder.path("milliseconds")), encoding: .utf8)
    let milliseconds = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    // On a busy machine the end itself may take some time.
    #expect(milliseconds < 1500, "\(milliseconds) ms")
  }
}
