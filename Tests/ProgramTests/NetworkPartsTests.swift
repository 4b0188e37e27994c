import Files
import Foundation
import Results
import Testing

/// Networks of some sensors and some heads, forecasts from annotations, and `apus bench`.
@Suite(.serialized) struct NetworkPartsTests {
  /// A network without the head of trajectories.
  private static func heads(_ names: String) -> [(String, String)] {
    [("heads: [detection, map, occupancy, volume, trajectories]", "heads: [\(names)]")]
      + (names.contains("trajectories") ? [] : [("bevChannels: 4", "bevChannels: 0")])
  }

  /// Whatever is built, a run has all of its files; heads that are not built are empty in them.
  @Test(arguments: ["detection", "map", "occupancy", "volume", "trajectories", "detection, map"])
  func anySubsetOfHeadsReplays(names: String) throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let model = try TinyModel.create(in: folder, Self.heads(names))
    let parts = try ModelTests.inspect(model).parts
    for head in ["detection", "map", "occupancy", "volume", "trajectories"] {
      #expect(parts.contains("heads.\(head)") == names.contains(head), "\(head)")
    }
    let run = try NetworkReplayTests.replay(drive, model, folder)
    let files = try contents(of: run)
    #expect(files["lanes/drive-0.jsonl"] != nil && files["trajectories/drive-0.jsonl"] != nil)
    #expect(files.keys.filter { $0.hasSuffix(".npz") || $0.hasSuffix(".png") }.count == 6)
    let boxes = try NetworkReplayTests.boxes(run, keyframes: 2)
    #expect(boxes.allSatisfy { ($0 == "[]") != names.contains("detection") })
  }

  @Test func oneSensorAloneReplays() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 3)
    for (name, sensor) in [("camera", TinyModel.camerasOnly), ("lidar", TinyModel.lidarOnly)] {
      let model = try TinyModel.create(in: folder, sensor, name: name)
      let parts = try ModelTests.inspect(model).parts
      #expect(parts.contains("image") == (name == "camera") && parts.contains("lidar") == (name == "lidar"))
      let run = try NetworkReplayTests.replay(drive, model, folder, "run-\(name)")
      let before = try ReplayTests.outputs(run)
      // What the network has no eyes for changes nothing but the picture.
      let channels = name == "camera" ? ["LIDAR_TOP"] : ["CAM_FRONT", "CAM_BACK"]
      let other = try TestDrive(keyframes: 3)
      for file in channels.flatMap({ other.files(of: $0) }) {
        try other.write(
          name == "camera"
            ? TestLidar.sweep(seconds: 9, seed: 3) : TestDrive.jpeg(width: 160, height: 90, shade: 99),
          to: file)
      }
      let after = try ReplayTests.outputs(NetworkReplayTests.replay(other, model, folder, "other-\(name)"))
      for (file, bytes) in before where !file.hasPrefix("preview/") {
        #expect(after[file] == bytes, "\(file)")
      }
    }
  }

  @Test func aModelWithoutTrajectoriesForecastsByPhysics() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 3)
    let line = "trajectories: {modes: 6, width: 16, blocks: 1, heads: 2, agentsPerChunk: 4, bevChannels: 4}"
    let model = try TinyModel.create(in: folder, [(line, "")])
    let run = try NetworkReplayTests.replay(drive, model, folder)
    #expect(try contents(of: run)["trajectories/drive-0.jsonl"] != nil)
    #expect(try !ModelTests.inspect(model).parts.contains("trajectory"))
  }

  @Test func moreCamerasThanTheNetworkHasAreNamed() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let model = try TinyModel.create(in: folder, [("count: 2\n    height", "count: 1\n    height")])
    let outcome = try Apus.run([
      "replay", drive.root.path, "--model", model, "--out", folder.path("run"),
    ])
    #expect(outcome.status == 0)
    #expect(
      outcome.standardError.contains(
        "drive-0: CAM_FRONT is left out: the model has no place for another camera"),
      "\(outcome.standardError)")
    #expect(!outcome.standardError.contains("CAM_BACK"))
    // And fewer: the network's other places are empty.
    let three = try TinyModel.create(
      in: folder, [("count: 2\n    height", "count: 3\n    height")], name: "three")
    try NetworkReplayTests.replay(drive, three, folder, "three")
  }

  /// Forecasts as the prediction challenge takes them: at most 25 modes of 12 points, a probability each.
  @Test func givenTruthForecastsWithoutSensorFiles() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 16)
    for name in ["samples", "sweeps"] { try FileManager.default.removeItem(at: drive.url(name)) }
    let model = try TinyModel.create(in: folder)
    let run = try NetworkReplayTests.replay(drive, model, folder, "run", ["--given", "truth"])
    #expect(Set(try contents(of: run).keys) == ["run.json", "forecasts.json"])
    let forecasts = try contents(of: run)["forecasts.json"] ?? Data()
    let rows = try #require(try JSONSerialization.jsonObject(with: forecasts) as? [[String: Any]])
    #expect(rows.count == 2 * 15)
    for row in rows {
      let modes = try #require(row["prediction"] as? [[[Double]]])
      let probabilities = try #require(row["probabilities"] as? [Double])
      #expect((1...25).contains(modes.count) && modes.count == probabilities.count)
      #expect(modes.allSatisfy { $0.count == 12 && $0.allSatisfy { $0.count == 2 } })
      #expect(probabilities.allSatisfy { $0 >= 0 } && abs(probabilities.reduce(0, +) - 1) < 1e-3)
      let keys: [String] = ["instance", "sample"]
      #expect(keys.allSatisfy { row[$0] is String })
    }
    let again = try NetworkReplayTests.replay(drive, model, folder, "again", ["--given", "truth"])
    #expect(try contents(of: again)["forecasts.json"] == forecasts)
    let one = try NetworkReplayTests.replay(
      drive, model, folder, "one", ["--given", "truth", "--threads", "1"])
    #expect(try contents(of: one)["forecasts.json"] == forecasts)
    // Not what physics says.
    let physics = try Apus.run([
      "replay", drive.root.path, "--given", "truth", "--out", folder.path("physics"),
    ])
    #expect(physics.status == 0)
    #expect(try contents(of: folder.path("physics"))["forecasts.json"] != forecasts)
    let evaluation = try Apus.run(["evaluate", run, "--truth", drive.root.path])
    #expect(evaluation.status == 0, "\(evaluation.standardError)")
  }

  @Test func benchTimesEveryStage() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 3)
    let model = try TinyModel.create(in: folder)
    let arguments = ["bench", drive.root.path, "--model", model, "--threads", "1,2", "--frames", "4"]
    let outcome = try Apus.run(arguments + ["--json"])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let runs = try #require(try ModelTests.json(outcome.standardOutput)["runs"] as? [[String: Any]])
    #expect(runs.map { $0["threads"] as? Int } == [1, 2])
    for run in runs {
      #expect(run["frames"] as? Int == 4 && run["precision"] as? String == "f32")
      let rate = try #require(run["frames_per_second"] as? Double)
      let seconds = try #require(run["seconds"] as? Double)
      #expect(abs(rate * seconds - 4) < 1e-6 && rate > 0)
      let stages = try #require(run["milliseconds"] as? [String: Double])
      for stage in ["decode", "image branch", "pillars", "network", "boxes", "trajectories"] {
        #expect(stages[stage].map { $0 > 0 } == true, "\(stage)")
      }
      // One thread can do no more in a frame than the frame takes; stages of two threads overlap.
      if run["threads"] as? Int == 1 {
        #expect(stages.values.reduce(0, +) <= 1000 * seconds / 4 * 1.02, "\(stages)")
      }
    }
    let table = try Apus.run(arguments)
    #expect(table.standardOutput.contains("frames a second") && table.standardOutput.contains("peak memory"))
    #expect(try Apus.run(arguments + ["--precision", "f64"]).status == 64)
  }

  @Test func exportWritesThePartsAndTheIndicesBetweenThem() throws {
    let folder = try TemporaryFolder(), model = try TinyModel.create(in: folder)
    let rig = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("calibration/nuscenes.yaml").path
    let outcome = try Apus.run(["export", model, "--onnx", folder.path("onnx"), "--rig", rig])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let files = Set(try contents(of: folder.path("onnx")).keys)
    #expect(
      files.isSuperset(of: [
        "image_branch/model.onnx", "bev_encoder/model.onnx", "refiner_encoder/model.onnx",
        "refiner_step/model.onnx",
        "pooling.npz",
      ]))
    for file in files where file.hasSuffix(".onnx") {
      #expect(try Apus.run(["inspect", folder.path("onnx/" + file)]).status == 0)
    }
    let lidar = try TinyModel.create(in: folder, TinyModel.lidarOnly, name: "lidar")
    #expect(try Apus.run(["export", lidar, "--onnx", folder.path("lidar")]).status == 0)
    let wrong = try Apus.run(["export", model, "--onnx", folder.path("x"), "--rig", folder.path("none.yaml")])
    #expect(wrong.status == 1 && wrong.lastLine.contains("none.yaml"))
  }
}
