import Foundation
import Geometry
import Results
import Scenes

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

enum Made {
  static func detection(
    _ name: DetectionClass = .car, at center: SIMD3<Double> = SIMD3(1, 2, 0.5), score: Double = 0.5,
    size: SIMD3<Double> = SIMD3(1.9, 4.5, 1.6), velocity: SIMD2<Double> = SIMD2(3, -1)
  ) -> Detection {
    Detection(
      name: name, box: Box3D(center: center, size: size, rotation: Quaternion(yaw: 0.3)), velocity: velocity,
      score: score, attribute: "vehicle.moving")
  }

  static func trajectories(from start: SIMD2<Double> = .zero) -> Trajectories {
    let modes = [1.0, 0.5].map { speed in (1...12).map { start + SIMD2(speed * Double($0) / 2, 0) } }
    return Trajectories(modes: modes, probabilities: [0.7, 0.3])
  }

  static func prediction(
    _ sample: String, time: Int64 = 1_000_000, detections: [Detection] = [detection()],
    layers: BEVLayers? = nil
  ) -> FramePrediction {
    let tracks = detections.enumerated().map { Track(id: "t\($0.offset)", detection: $0.element) }
    let volume = OccupancyVolume.shape
    return FramePrediction(
      keyframe: Keyframe(token: sample, timestampMicroseconds: time),
      globalFromEgo: RigidTransform(rotation: Quaternion(yaw: 0.1), translation: SIMD3(100, 200, 0)),
      detections: detections, tracks: tracks, bev: layers ?? self.layers(),
      volume: OccupancyVolume(semantics: [UInt8](repeating: 17, count: volume.x * volume.y * volume.z)),
      egoTrajectories: trajectories(from: SIMD2(100, 200)),
      agents: tracks.map {
        AgentTrajectories(track: $0, trajectories: trajectories(from: $0.detection.box.center.xy))
      })
  }

  static func layers(occupied: [(Int, Int)] = [(10, 20)]) -> BEVLayers {
    let grid = BEVGrid.standard
    var occupancy = [UInt8](repeating: 127, count: grid.count)
    for (i, j) in occupied { occupancy[grid.index(i, j)] = 250 }
    return BEVLayers(
      grid: grid, occupancy: occupancy, observed: occupancy.map { $0 == 127 ? 0 : 1 },
      mapLayers: [("drivable_area", [UInt8](repeating: 3, count: grid.count))])
  }

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
        outputs.append(try writer.write(prediction(sample, time: Int64(k) * 500_000), preview: picture))
        frames.append(
          FrameRecord(
            scene: scene, sample: sample, status: .ok, milliseconds: [.init(stage: "read", milliseconds: 1.5)]
          ))
      }
    }
    try writer.finish(outputs, frames: frames)
  }
}
