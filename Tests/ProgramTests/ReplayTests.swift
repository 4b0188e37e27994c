import Files
import Foundation
import Recording
import Results
import Testing

/// `apus replay` and `apus merge` as a user runs them, on a made-up drive.
@Suite(.serialized) struct ReplayTests {
  /// Every file of a run but run.json, which alone holds times and paths.
  static func outputs(_ run: String) throws -> [String: Data] {
    try contents(of: run).filter { $0.key != "run.json" }
  }

  @Test func aWholeDriveGivesEveryFileOfTheRun() throws {
    let drive = try TestDrive()
    let folder = try TemporaryFolder()
    let run = folder.path("run")
    let outcome = try Apus.run(["replay", drive.root.path, "--out", run, "--json"])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let totals = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
    #expect(totals?["frames"] as? Int == 6)
    #expect(totals?["ok"] as? Int == 6)
    let files = Set(try contents(of: run).keys)
    #expect(files.isSuperset(of: ["run.json", "detections.json", "tracks.json", "bev/grid.json"]))
    #expect(files.contains("trajectories/drive-0.jsonl"))
    #expect(files.contains("lanes/drive-0.jsonl"))
    for k in 0..<6 {
      let sample = TestDrive.token(7, 0, k)
      #expect(files.contains("bev/drive-0/\(sample).npz"))
      #expect(files.contains("occupancy/drive-0/\(sample).npz"))
      #expect(files.contains("preview/drive-0/\(sample).png"))
      #expect(files.contains { $0.hasPrefix("preview/drive-0/0") && $0.hasSuffix("s_\(sample).jpg") })
    }
    #expect(files.count == 6 + 24)
  }

  /// The cars of the street are found where they are, and the one ahead moves as it does.
  @Test func theCarsOfTheStreetAreFound() throws {
    let drive = try TestDrive()
    let folder = try TemporaryFolder()
    #expect(try Apus.run(["replay", drive.root.path, "--out", folder.path("run")]).status == 0)
    let document =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: folder.path("run/detections.json"))))
      as? [String: Any]
    let results = try #require(document?["results"] as? [String: [[String: Any]]])
    let boxes = try #require(results[TestDrive.token(7, 0, 5)])
    for car in 0..<2 {
      let truth = TestLidar.car(car, seconds: 2.5).center
      let near = boxes.filter { box in
        guard let p = box["translation"] as? [Double] else { return false }
        return hypot(p[0] - 100 - truth.x, p[1] - 200 - truth.y) < 1
      }
      #expect(!near.isEmpty, "car \(car) was not found")
    }
  }

  @Test func threadsDoNotChangeAByte() throws {
    let drive = try TestDrive()
    let folder = try TemporaryFolder()
    for threads in ["1", "2", "5"] {
      let run = folder.path("run-\(threads)")
      #expect(try Apus.run(["replay", drive.root.path, "--out", run, "--threads", threads]).status == 0)
    }
    let one = try Self.outputs(folder.path("run-1"))
    #expect(try Self.outputs(folder.path("run-2")) == one)
    #expect(try Self.outputs(folder.path("run-5")) == one)
  }

  /// Six times as long a drive takes no more memory but for noise.
  @Test func memoryDoesNotGrowWithTheDrive() throws {
    var peaks: [Int] = []
    for keyframes in [15, 90] {
      let drive = try TestDrive(keyframes: keyframes)
      let folder = try TemporaryFolder()
      #expect(
        try Apus.run(["replay", drive.root.path, "--out", folder.path("run"), "--threads", "2"]).status == 0)
      peaks.append(try RunManifest(path: folder.path("run/run.json")).peakMemoryBytes)
    }
    #expect(peaks[1] < peaks[0] + (16 << 20), "\(peaks)")
  }

  @Test func mergedShardsAreTheWholeRun() throws {
    let drive = try TestDrive(scenes: 3, keyframes: 3)
    let folder = try TemporaryFolder()
    #expect(try Apus.run(["replay", drive.root.path, "--out", folder.path("whole")]).status == 0)
    for part in 1...2 {
      let arguments = [
        "replay", drive.root.path, "--out", folder.path("part-\(part)"), "--shard", "\(part)/2",
      ]
      #expect(try Apus.run(arguments).status == 0)
    }
    let outcome = try Apus.run([
      "merge", folder.path("part-2"), folder.path("part-1"), "--out", folder.path("merged"),
    ])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    #expect(try Self.outputs(folder.path("merged")) == Self.outputs(folder.path("whole")))
    let missing = try Apus.run(["merge", folder.path("part-1"), "--out", folder.path("half")])
    #expect(missing.status == 1)
    #expect(missing.lastLine.contains("drive-1"))
  }

  /// F57: kill -9 at some moment, any number of times; `--resume` ends with the bytes of an undisturbed run.
  @Test func killsAndResumesLeaveTheSameBytes() throws {
    let drive = try TestDrive(scenes: 4, keyframes: 3)
    let folder = try TemporaryFolder()
    let undisturbed = try Apus.run(["replay", drive.root.path, "--out", folder.path("whole")])
    #expect(undisturbed.status == 0)
    let expected = try Self.outputs(folder.path("whole"))
    var kills = 0
    for seed in 0..<6 {
      let run = folder.path("run-\(seed)")
      for attempt in 0..<3 {
        let seconds = 0.05 + 0.11 * Double((seed * 7 + attempt * 3) % 10)
        let outcome = try Apus.run(
          ["replay", drive.root.path, "--out", run, "--resume"],
          shell: "timeout -s KILL \(seconds) \"$@\"")
        if outcome.status == 137 { kills += 1 }
      }
      let last = try Apus.run(["replay", drive.root.path, "--out", run, "--resume"])
      #expect(last.status == 0, "\(last.standardError)")
      #expect(try Self.outputs(run) == expected, "seed \(seed)")
      #expect(!FileManager.default.fileExists(atPath: run + "/.work"))
    }
    #expect(kills > 0, "no kill came in time: the test tested nothing")
  }

  @Test func interruptionKeepsFinishedScenesAndExitsWithItsCode() throws {
    let drive = try TestDrive(scenes: 6, keyframes: 3)
    let folder = try TemporaryFolder()
    for (signal, status) in [("INT", Int32(130)), ("TERM", 143)] {
      let run = folder.path("run-\(signal)")
      let outcome = try Apus.run(
        ["replay", drive.root.path, "--out", run, "--threads", "1"],
        shell: "timeout --preserve-status -s \(signal) 0.4 \"$@\"")
      guard outcome.status != 0 else { continue }  // A very fast machine was done before the signal.
      #expect(outcome.status == status, "\(outcome.standardError)")
      #expect(outcome.lastLine.hasPrefix("apus: "))
      #expect(!FileManager.default.fileExists(atPath: run + "/run.json"))
      #expect(try Apus.run(["replay", drive.root.path, "--out", run, "--resume"]).status == 0)
    }
  }

  /// F59: another configuration wants another folder.
  @Test func anotherConfigurationIsRefused() throws {
    let drive = try TestDrive(scenes: 2, keyframes: 2)
    let folder = try TemporaryFolder()
    let run = folder.path("run")
    #expect(try Apus.run(["replay", drive.root.path, "--out", run, "--scene", "drive-0"]).status == 0)
    let again = try Apus.run(["replay", drive.root.path, "--out", run, "--resume"])
    #expect(again.status == 1)
    #expect(again.lastLine.contains("configuration"))
    let fresh = try Apus.run(["replay", drive.root.path, "--out", run])
    #expect(fresh.status == 1)
    #expect(fresh.lastLine.contains("--resume"))
  }

  @Test func givenTruthForecastsWithoutSensorFiles() throws {
    let drive = try TestDrive(keyframes: 16)
    try FileManager.default.removeItem(at: drive.url("samples"))
    try FileManager.default.removeItem(at: drive.url("sweeps"))
    let folder = try TemporaryFolder()
    let outcome = try Apus.run(["replay", drive.root.path, "--given", "truth", "--out", folder.path("run")])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("run/forecasts.json")))
    let rows = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    #expect(rows.count == 2 * 15)
    #expect(Set(try contents(of: folder.path("run")).keys) == ["run.json", "forecasts.json"])
  }
}
