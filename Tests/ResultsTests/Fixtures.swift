import Files
import Foundation
import Geometry
import Results
import Scenes
import TestKit

/// A folder that is removed with its owner.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "apus-results-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path)") }
  }

  /// Every file below a folder with its bytes, but for run.json.
  func files(_ folder: String) throws -> [String: Data] {
    var result: [String: Data] = [:]
    let root = "\(path)/\(folder)"
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) where name != "run.json" {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder)
      if !isFolder.boolValue { result[name] = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(name)")) }
    }
    return result
  }
}

extension Made {
  static func manifest(_ scenes: [String], shard: String? = nil) -> RunManifest {
    RunManifest(
      version: "1", command: ["apus", "replay"], threads: 1, cpu: "made up", configuration: configuration,
      versionFolder: "v1.0-mini", split: nil, scenes: scenes, shard: shard)
  }

  static let configuration = JSONValue.members(["model": .string("classical"), "cell": .number(0.4)])
  static let scenes = ["scene-a", "scene-b", "scene-c"]

  /// Replays made-up scenes into a folder, as the pipeline does.
  static func run(_ path: String, _ scenes: [String], all: [String] = scenes, resume: Bool = false) throws {
    let run = try RunDirectory(path: path, kind: .perception, configuration: configuration, resume: resume)
    if run.isComplete { return }
    for scene in scenes where try run.finishedScene(scene) == nil { try write(scene, into: run) }
    try run.assemble(scenes: scenes, manifest: manifest(all, shard: scenes == all ? nil : "part"))
  }

  static func write(_ scene: String, into run: RunDirectory) throws {
    let writer = try run.beginScene(scene)
    var outputs: [FrameOutput] = []
    var frames: [FrameRecord] = []
    for k in 0..<3 {
      let sample = "\(scene)-\(k)"
      if k == 1, scene == "scene-b" {
        outputs.append(try writer.skipped(sample))
        frames.append(FrameRecord(scene: scene, sample: sample, status: .skipped, reasons: ["no sweep"]))
      } else {
        let picture = Image(width: 2, height: 1, channels: 3, pixels: [1, 2, 3, 4, 5, UInt8(k)])
        let place = FramePlace(scene: scene, index: k, count: 3, seconds: Double(k) / 2)
        outputs.append(
          try writer.write(prediction(sample, time: Int64(k) * 500_000), preview: (place, picture)))
        frames.append(
          FrameRecord(
            scene: scene, sample: sample, status: .ok, milliseconds: [.init(stage: "read", milliseconds: 1.5)]
          ))
      }
    }
    try writer.finish(outputs, frames: frames)
  }
}
