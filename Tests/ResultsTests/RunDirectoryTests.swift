import Files
import Foundation
import Geometry
import Results
import Scenes
import TestKit
import Testing

@Suite struct RunDirectoryTests {
  @Test func aRunHasItsFilesAndNothingIsLeftOver() throws {
    let scratch = try Scratch()
    try Made.run("\(scratch.path)/run", Made.scenes)
    let names = try scratch.files("run").keys.sorted()
    #expect(names.contains("bev/grid.json") && names.contains("bev/scene-b/scene-b-2.npz"))
    #expect(
      names.contains("occupancy/scene-a/scene-a-0.npz")
        && names.contains("preview/scene-c/0001_000.5s_scene-c-1.jpg")
        && names.contains("preview/scene-c/scene-c-1.png"))
    #expect(!names.contains("bev/scene-b/scene-b-1.npz"), "a skipped frame has no layers")
    #expect(!names.contains { $0.contains(".work") || $0.contains(".partial") })
    let manifest = try RunManifest(path: "\(scratch.path)/run/run.json")
    #expect(manifest.frames.count == 9 && manifest.count(.skipped) == 1 && manifest.scenes == Made.scenes)
    #expect(manifest.frames[0].milliseconds == [.init(stage: "read", milliseconds: 1.5)])
    let grid = try GridFiles.readGrid("\(scratch.path)/run/bev/grid.json")
    #expect(grid == .standard)
    let layers = try GridFiles.readLayers("\(scratch.path)/run/bev/scene-a/scene-a-0.npz", grid: grid)
    #expect(layers == Made.layers())
    let volume = try GridFiles.readVolume("\(scratch.path)/run/occupancy/scene-a/scene-a-0.npz")
    #expect(volume.semantics.allSatisfy { $0 == 17 })
  }

  @Test func aRunThatWasKilledAnywhereResumesToTheSameBytes() throws {
    let scratch = try Scratch()
    try Made.run("\(scratch.path)/whole", Made.scenes)
    let whole = try scratch.files("whole")
    for stop in 0..<5 {
      let path = "\(scratch.path)/killed-\(stop)"
      try interrupt(path, stop)
      try Made.run(path, Made.scenes, resume: true)
      #expect(try scratch.files("killed-\(stop)") == whole, "killed at \(stop)")
    }
  }

  /// Leaves a run's folder as a kill would at one of five moments.
  private func interrupt(_ path: String, _ stop: Int) throws {
    let run = try RunDirectory(
      path: path, kind: .perception, configuration: Made.configuration, resume: false)
    let manager = FileManager.default
    guard stop > 0 else { return }
    try Made.write("scene-a", into: run)
    let unit = "\(path)/.work/units/scene-a"
    switch stop {
    case 1:  // within a scene
      _ = try run.beginScene("scene-b").write(Made.prediction("scene-b-0"), preview: nil)
    case 2:  // between a unit's rename and the moves to its files' places
      try manager.moveItem(atPath: "\(path)/bev/scene-a", toPath: "\(unit)/bev")
      try manager.moveItem(atPath: "\(path)/trajectories/scene-a.jsonl", toPath: "\(unit)/trajectories.jsonl")
    case 3:  // a unit whose part is not what unit.json says
      try Data("cut".utf8).write(to: URL(fileURLWithPath: "\(unit)/detections.part"))
    default:  // while joining
      for scene in ["scene-b", "scene-c"] { try Made.write(scene, into: run) }
      try Data("{".utf8).write(to: URL(fileURLWithPath: "\(path)/.detections.json.77.partial"))
      try Data("half".utf8).write(to: URL(fileURLWithPath: "\(path)/tracks.json"))
    }
  }

  @Test func aFinishedRunResumesToNothing() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/run"
    try Made.run(path, Made.scenes)
    let run = try RunDirectory(path: path, kind: .perception, configuration: Made.configuration, resume: true)
    #expect(run.isComplete)
    #expect(!FileManager.default.fileExists(atPath: "\(path)/.work"))
  }

  @Test func mergedShardsAreTheBytesOfOneRun() throws {
    let scratch = try Scratch()
    try Made.run("\(scratch.path)/whole", Made.scenes)
    try Made.run("\(scratch.path)/one", ["scene-a", "scene-c"], all: Made.scenes)
    try Made.run("\(scratch.path)/two", ["scene-b"], all: Made.scenes)
    let runs = ["\(scratch.path)/two", "\(scratch.path)/one"]
    let manifest = try RunMerger.merge(
      runs: runs, into: "\(scratch.path)/merged", command: ["apus", "merge"])
    #expect(try scratch.files("merged") == scratch.files("whole"))
    #expect(
      manifest.frames.map(\.sample)
        == (try RunManifest(path: "\(scratch.path)/whole/run.json")).frames.map(\.sample))
    #expect(manifest.shard == nil)
    #expect(throws: ResultsError.self) {
      try RunMerger.merge(runs: [runs[0]], into: "\(scratch.path)/half", command: [])
    }
    #expect(throws: ResultsError.self) {
      try RunMerger.merge(runs: runs + [runs[0]], into: "\(scratch.path)/twice", command: [])
    }
  }

  @Test func forecastsOfShardsMergeToo() throws {
    let scratch = try Scratch()
    func run(_ name: String, _ scenes: [String]) throws {
      let run = try RunDirectory(
        path: "\(scratch.path)/\(name)", kind: .forecasting, configuration: Made.configuration, resume: false)
      for scene in scenes {
        let forecasts = (0..<(scene == "scene-b" ? 0 : 3)).map {
          Forecast(instanceToken: "i\($0)", sampleToken: "\(scene)-s", trajectories: Made.trajectories())
        }
        try run.beginScene(scene).finish(
          forecasts: forecasts, frames: [FrameRecord(scene: scene, sample: "\(scene)-s", status: .ok)])
      }
      try run.assemble(scenes: scenes, manifest: Made.manifest(Made.scenes))
    }
    try run("whole", Made.scenes)
    try run("one", ["scene-a", "scene-c"])
    try run("two", ["scene-b"])
    try RunMerger.merge(
      runs: ["\(scratch.path)/one", "\(scratch.path)/two"], into: "\(scratch.path)/merged", command: [])
    #expect(try scratch.files("merged") == scratch.files("whole"))
    var count = 0
    try Submission.readForecasts("\(scratch.path)/merged/forecasts.json") { _ in count += 1 }
    #expect(count == 6)
  }

  @Test func anotherConfigurationIsRefusedByName() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/run"
    let other = JSONValue.members(["model": .string("classical"), "cell": .number(0.2)])
    try interrupt(path, 1)
    for complete in [false, true] {
      if complete { try Made.run(path, Made.scenes, resume: true) }
      let error = #expect(throws: ResultsError.self) {
        try RunDirectory(path: path, kind: .perception, configuration: other, resume: true)
      }
      #expect(error?.description.contains("cell 0.4 and now 0.2") == true)
      #expect(error?.description.contains("new folder") == true)
    }
  }

  @Test func aFolderThatCannotHoldARunIsRefusedBeforeAnyFrame() throws {
    let scratch = try Scratch()
    func open(_ path: String, resume: Bool = false) throws {
      _ = try RunDirectory(path: path, kind: .perception, configuration: Made.configuration, resume: resume)
    }
    try Data().write(to: URL(fileURLWithPath: "\(scratch.path)/file"))
    let folder = "\(scratch.path)/strange"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: "\(folder)/letter.txt"))
    for path in [
      "\(scratch.path)/file", "\(scratch.path)/file/below", folder,
      "\(scratch.path)/" + String(repeating: "x", count: 5000), "/proc/apus",
    ] {
      let error = #expect(throws: (any Error).self) { try open(path) }
      #expect("\(error.map { "\($0)" } ?? "")".count < 1000, "the message is short")
    }
    try Made.run("\(scratch.path)/run", ["scene-a"])
    let error = #expect(throws: ResultsError.self) { try open("\(scratch.path)/run") }
    #expect(error?.description.contains("--resume") == true)
    #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/run/.work"))
  }

  @Test func aSecondProcessIsToldWhoHoldsTheFolder() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/run"
    let first = try RunDirectory(
      path: path, kind: .perception, configuration: Made.configuration, resume: false)
    for resume in [false, true] {
      let error = #expect(throws: ResultsError.self) {
        try RunDirectory(path: path, kind: .perception, configuration: Made.configuration, resume: resume)
      }
      #expect(
        error?.description.contains("locked by pid \(ProcessInfo.processInfo.processIdentifier)") == true)
    }
    #expect(!first.isComplete)
  }

  @Test(arguments: ["../up", "a/b", "", ".hidden", "a\u{0}b", "a\nb"])
  func aSceneNameThatLeadsElsewhereIsRefused(name: String) throws {
    let scratch = try Scratch()
    let run = try RunDirectory(
      path: "\(scratch.path)/run", kind: .perception, configuration: Made.configuration, resume: false)
    #expect(throws: ResultsError.self) { try run.beginScene(name) }
  }
}
