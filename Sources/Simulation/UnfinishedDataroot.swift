import Algorithms
import Calibration
import Files
import Foundation
import Recording

/// A dataroot that is being made: `unfinished.json` in it says by which options, until all of it is there.
///
/// After a kill the same command goes on behind the scenes that are whole; other options are refused. Files that no
/// table names, left by a scene that was cut short, are removed first.
struct UnfinishedDataroot {
  private let root: String
  private let options: String
  private var marker: String { "\(root)/unfinished.json" }

  /// - Parameter options: all that the dataroot's bytes derive from, as text.
  init(root: String, options: String) {
    self.root = root
    self.options = options
  }

  /// A writer for the dataroot, and the scenes in it that are whole.
  /// - Throws: `SimulationError` for a dataroot that other options began, `RecordingError` for one that is finished or
  ///   cannot be made.
  func open() throws -> (writer: DatasetWriter, scenes: [String: SceneRecording]) {
    guard FileManager.default.fileExists(atPath: marker) else {
      let writer = try DatasetWriter(root: root)
      try AtomicFile.write(marker, text: options)
      return (writer, [:])
    }
    guard FileManager.default.contents(atPath: marker) == Data(options.utf8) else {
      throw SimulationError(
        file: marker, field: "options", found: "others: a simulation that was not finished",
        expected: "the command that began it, or a new folder")
    }
    let writer = try DatasetWriter(root: root, replaces: true)
    var scenes: [String: SceneRecording] = [:]
    if FileManager.default.fileExists(atPath: "\(root)/\(writer.version)") {
      let dataset = try Dataset(root: root, version: writer.version)
      for name in dataset.sceneNames { scenes[name] = try dataset.recording(sceneNamed: name) }
    }
    try removeStrays(keeping: Array(scenes.values))
    return (writer, scenes)
  }

  /// Takes the mark away: the dataroot is whole.
  func finish() throws {
    guard unlink(marker) == 0 || errno == ENOENT else {
      throw FileError(path: marker, operation: "removing", code: errno)
    }
    try AtomicFile.syncFolder(root)
  }

  /// Removes files of measurements and truth that these scenes do not name, and what half-written files are left.
  private func removeStrays(keeping scenes: [SceneRecording]) throws {
    var files = Set<String>()
    var tokens = Set<String>()
    var names = Set<String>()
    for recording in scenes {
      names.insert(recording.scene.name)
      for data in recording.scene.measurements {
        files.insert(data.file)
        tokens.insert(data.token)
      }
      files.formUnion(recording.lidarLabelFiles.values)
    }
    for folder in ["samples", "sweeps", "lidarseg", "gts", "image_truth", "maps"] {
      guard let walker = FileManager.default.enumerator(atPath: "\(root)/\(folder)") else { continue }
      for case let name as String in walker {
        let path = "\(root)/\(folder)/\(name)"
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
          continue
        }
        let isKept: Bool
        switch folder {
        case "maps": isKept = !name.hasSuffix(".partial")
        case "gts": isKept = names.contains(String(name.prefix { $0 != "/" }))
        case "image_truth":
          isKept = tokens.contains(URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent)
        default: isKept = files.contains("\(folder)/\(name)")
        }
        if !isKept, unlink(path) != 0, errno != ENOENT {
          throw FileError(path: path, operation: "removing what no table names", code: errno)
        }
      }
    }
  }
}

extension SimulationOptions {
  /// All that the dataroot's bytes derive from: every option but the threads and where it is written.
  func identity(rig: Rig) throws -> String {
    var fields: [String: String] = [
      "rig": "\(rig.name) \(RandomSource.seed(ofText: try rig.yaml()))", "scale": "\(scale)",
      "sweepsPerKeyframe": "\(sweepsPerKeyframe)", "seconds": seconds.map { "\($0)" } ?? "",
      "faults": faultText ?? "", "poseNoise": "\(poseNoise)", "imageTruth": "\(savesImageTruth)",
      "motionBlur": "\(motionBlurSamples)", "jpegQuality": "\(jpegQuality)",
    ]
    switch source {
    case .procedural(let scenes, let seed):
      fields["scenes"] = "\(scenes)"
      fields["seed"] = "\(seed)"
    case .recorded(let root, let scene, let seed):
      fields["from"] = URL(fileURLWithPath: root).standardizedFileURL.path
      fields["scene"] = scene ?? ""
      fields["seed"] = "\(seed)"
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(fields), as: UTF8.self) + "\n"
  }
}
