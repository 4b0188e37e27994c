import Calibration
import Files
import Foundation
import FrameSync
import Recording
import Results
import Scenes

/// What a dataroot holds: scenes, channels with their offsets and losses, annotations, maps, files that are not there.
struct DatarootReport {
  struct SceneRow {
    var name: String
    var location: String
    var keyframes: Int
    var seconds: Double
    var annotations: Int
    var report: SyncReport
    var mapLayers: Int
  }

  let version: String
  private(set) var scenes: [SceneRow] = []
  private(set) var warnings: [String] = []
  /// Folder → how many of its listed files are not there, and how many are listed.
  private(set) var folders: [(name: String, missing: Int, listed: Int)] = []

  init(_ dataset: Dataset) throws {
    version = dataset.version
    var layers: [String: Int] = [:]
    var samples = ChannelSamples()
    for name in dataset.sceneNames {
      let scene = try dataset.scene(named: name)
      let synced = try synchronize(scene)
      warnings += synced.report.warnings.map { "\(name): \($0)" }
      let rig = try Rig(
        name: name, scene: scene, file: "\(dataset.root)/\(dataset.version)/calibrated_sensor.json")
      warnings += rig.warnings.map { "\(name): \($0)" }
      countFiles(of: scene, root: dataset.root)
      warnings += try samples.oddities(of: scene, in: dataset)
      if layers[scene.location] == nil {
        layers[scene.location] = try dataset.mapLayers(location: scene.location).count
        warnings += try dataset.mapWarnings(location: scene.location)
      }
      let times = scene.keyframes.map(\.timestampMicroseconds)
      scenes.append(
        SceneRow(
          name: name, location: scene.location, keyframes: scene.keyframes.count,
          seconds: Double((times.last ?? 0) - (times.first ?? 0)) * 1e-6,
          annotations: try scene.keyframes.reduce(0) { try $0 + dataset.annotations(sample: $1.token).count },
          report: synced.report, mapLayers: layers[scene.location] ?? 0))
    }
    for folder in folders where folder.missing > 0 {
      warnings.append("\(folder.missing) of \(folder.listed) files missing from \(folder.name)")
    }
  }

  private mutating func countFiles(of scene: Scene, root: String) {
    for data in scene.measurements {
      let name = String(data.file.split(separator: "/").dropLast().joined(separator: "/"))
      let k =
        folders.firstIndex { $0.name == name }
        ?? {
          folders.append((name, 0, 0))
          return folders.count - 1
        }()
      folders[k].listed += 1
      if !FileManager.default.fileExists(atPath: "\(root)/\(data.file)") { folders[k].missing += 1 }
    }
  }

  var json: JSONValue {
    .members([
      "version_folder": .string(version),
      "scenes": .array(
        scenes.map { scene in
          .members([
            "name": .string(scene.name), "location": .string(scene.location),
            "keyframes": .integer(scene.keyframes),
            "seconds": .number(scene.seconds), "annotations": .integer(scene.annotations),
            "map_layers": .integer(scene.mapLayers), "ok": .integer(scene.report.ok),
            "degraded": .integer(scene.report.degraded), "skipped": .integer(scene.report.skipped),
            "channels": .array(scene.report.channels.map(Self.json)),
          ])
        }),
      "folders": .array(
        folders.map {
          .members(["name": .string($0.name), "listed": .integer($0.listed), "missing": .integer($0.missing)])
        }),
      "warnings": .array(warnings.map { .string($0) }),
    ])
  }

  private static func json(_ channel: SyncReport.Channel) -> JSONValue {
    .members([
      "name": .string(channel.name),
      "nominal_offset_milliseconds": .number(Double(channel.nominalOffsetMicroseconds) / 1000),
      "measurements": .integer(channel.measurements), "matched": .integer(channel.matched),
      "missing": .integer(channel.missing), "late": .integer(channel.late),
      "duplicates": .integer(channel.duplicates), "out_of_order": .integer(channel.outOfOrder),
    ])
  }

  var text: String {
    var lines = ["\(version): \(scenes.count) scenes"]
    for scene in scenes {
      lines.append(
        "\(scene.name) (\(scene.location)): \(scene.keyframes) keyframes in \(RunReport.oneDecimal(scene.seconds)) s, "
          + "\(scene.annotations) annotations, \(scene.mapLayers) map layers; "
          + "\(scene.report.ok) frames whole, \(scene.report.degraded) degraded, \(scene.report.skipped) without LiDAR"
      )
      for channel in scene.report.channels {
        let offset = RunReport.oneDecimal(Double(channel.nominalOffsetMicroseconds) / 1000)
        lines.append(
          "  \(channel.name): \(channel.measurements) measurements, \(offset) ms from the LiDAR, "
            + "\(channel.matched) matched, \(channel.missing) missing, \(channel.late) late")
      }
    }
    let listed = folders.reduce(0) { $0 + $1.listed }, missing = folders.filter { $0.missing > 0 }
    lines.append("files: \(listed) listed, \(missing.reduce(0) { $0 + $1.missing }) missing")
    lines += missing.map { "  \($0.name): \($0.missing) of \($0.listed) missing" }
    return lines.joined(separator: "\n")
  }
}
