internal import Files
import Foundation
import Geometry
import Scenes

/// Writes a dataroot in nuScenes v1.0 layout that nuscenes-devkit loads: all thirteen tables, `splits.json`, lidarseg's
/// table and map expansions.
///
/// Files of a scene are staged and moved into place when the scene is added; the tables are written into a new folder
/// that then takes the old one's place. So a scene is there whole or not at all.
public struct DatasetWriter: Sendable {
  /// The dataroot.
  public let root: String
  /// The version folder's name.
  public let version: String
  /// All categories that the dataset has.
  public let categories: [StandardNames.Category]
  /// The scenes, in order.
  public private(set) var recordings: [SceneRecording] = []
  private var maps: [(location: String, map: MapExpansion)] = []
  private var splits: [(name: String, scenes: [String])] = []
  private var workFolder: String { "\(root)/.work" }

  /// A writer for a new dataroot.
  /// - Parameters:
  ///   - root: The folder, made where it is missing.
  ///   - version: The version folder.
  ///   - categories: All categories that annotations may have.
  ///   - replaces: Whether a version folder that is there may be replaced.
  /// - Throws: `RecordingError` where the version folder is there already, or the root cannot be made.
  public init(
    root: String, version: String = "v1.0-mini",
    categories: [StandardNames.Category] = StandardNames.categories,
    replaces: Bool = false
  ) throws {
    self.root = root
    self.version = version
    self.categories = categories
    guard replaces || !FileManager.default.fileExists(atPath: "\(root)/\(version)") else {
      throw RecordingError(
        file: "\(root)/\(version)", place: "folder", found: "it exists", expected: "a new dataroot")
    }
    try Folders.make(root)
    if !FileManager.default.fileExists(atPath: "\(root)/\(version)"),
      FileManager.default.fileExists(atPath: "\(workFolder)/complete")
    {
      try Self.move("\(workFolder)/complete", "\(root)/\(version)")
    }
    // What a killed writer left behind.
    try? FileManager.default.removeItem(atPath: workFolder)
  }

  /// A place for the files of a scene that is being made.
  /// - Throws: `RecordingError` where its folder cannot be made.
  public func stage(scene name: String) throws -> SceneStage {
    let stage = SceneStage(name: name, folder: "\(workFolder)/\(StableToken.make("stage/\(name)"))")
    stage.discard()
    try Folders.make(stage.folder)
    return stage
  }

  /// Adds a scene and moves its staged files into place.
  /// - Throws: `RecordingError` where the scene is inconsistent or a file cannot be moved.
  public mutating func add(_ recording: SceneRecording, stage: SceneStage? = nil) throws {
    try SceneCheck(recording, categories: categories, file: "\(root)/\(version)").check()
    guard !recordings.contains(where: { $0.scene.name == recording.scene.name }) else {
      throw RecordingError(
        file: "\(root)/\(version)", place: "scene \(recording.scene.name)", found: "twice",
        expected: "each name once")
    }
    if let stage { try moveFiles(stage) }
    recordings.append(recording)
  }

  /// Sets the map of a location.
  public mutating func setMap(_ map: MapExpansion, location: String) {
    maps.removeAll { $0.location == location }
    maps.append((location, map))
  }

  /// Sets the scenes of a split; without any, the split `all` has every scene.
  public mutating func setSplit(_ name: String, scenes: [String]) {
    splits.removeAll { $0.name == name }
    splits.append((name, scenes))
  }

  /// Writes maps and tables of all scenes that were added; may be called again after more scenes.
  /// - Throws: `RecordingError` for records that contradict each other, `FileError` where the system refuses.
  public func publish() throws {
    try Folders.make("\(root)/maps/expansion")
    for (location, map) in maps {
      try AtomicFile.write("\(root)/maps/expansion/\(location).json", MapText.encode(map, location: location))
    }
    // The devkit wants a mask picture to exist; it says nothing.
    let mask = PNGPicture(width: 1, height: 1, channels: 1, pixels: [0])
    try PNGFile.write("\(root)/maps/none.png", mask)
    let splits = splits.isEmpty ? [("all", recordings.map(\.scene.name))] : splits
    let tables = try TableText(recordings, categories: categories, splits: splits, file: "\(root)/\(version)")
      .files()
    let new = "\(workFolder)/tables"
    try? FileManager.default.removeItem(atPath: new)
    try Folders.make(new)
    for (name, bytes) in tables { try AtomicFile.write("\(new)/\(name)", bytes) }
    try exchange(new, with: "\(root)/\(version)")
    for left in ["old", "tables"] { try? FileManager.default.removeItem(atPath: "\(workFolder)/\(left)") }
    rmdir(workFolder)  // stays where other scenes are staged
    try AtomicFile.syncFolder(root)
  }

  /// Puts a new folder in an old one's place. A writer that is killed between the two steps leaves the new folder where
  /// the next one finds it.
  private func exchange(_ new: String, with old: String) throws {
    let complete = "\(workFolder)/complete"
    try Self.move(new, complete)
    if FileManager.default.fileExists(atPath: old) { try Self.move(old, "\(workFolder)/old") }
    try Self.move(complete, old)
  }

  private static func move(_ source: String, _ target: String) throws {
    try? FileManager.default.removeItem(atPath: target)
    guard rename(source, target) == 0 else {
      throw FileError(path: target, operation: "moving the tables into place", code: errno)
    }
  }

  private func moveFiles(_ stage: SceneStage) throws {
    guard let walker = FileManager.default.enumerator(atPath: stage.folder) else { return }
    var files: [String] = []
    for case let name as String in walker {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: "\(stage.folder)/\(name)", isDirectory: &isFolder),
        !isFolder.boolValue
      {
        files.append(name)
      }
    }
    var folders = Set<String>()
    for name in files.sorted() {
      let target = "\(root)/\(name)"
      let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
      if folders.insert(folder).inserted { try Folders.make(folder) }
      guard rename("\(stage.folder)/\(name)", target) == 0 else {
        throw FileError(path: target, operation: "moving into place", code: errno)
      }
    }
    for folder in folders.sorted() { try AtomicFile.syncFolder(folder) }
    stage.discard()
  }
}

/// What must hold in a recording before it is written.
private struct SceneCheck {
  let recording: SceneRecording
  let categories: [StandardNames.Category]
  let file: String

  init(_ recording: SceneRecording, categories: [StandardNames.Category], file: String) {
    self.recording = recording
    self.categories = categories
    self.file = file
  }

  private func fail(_ place: String, _ found: String, _ expected: String) -> RecordingError {
    RecordingError(
      file: file, place: "scene \(recording.scene.name): \(place)", found: found, expected: expected)
  }

  func check() throws {
    let scene = recording.scene
    guard !scene.keyframes.isEmpty else { throw fail("keyframes", "none", "one or more") }
    guard scene.location == recording.log.location else {
      throw fail("location", scene.location, "the log's \(recording.log.location)")
    }
    let samples = Set(scene.keyframes.map(\.token))
    guard samples.count == scene.keyframes.count else {
      throw fail("keyframes", "a token twice", "each once")
    }
    for data in scene.measurements {
      guard samples.contains(data.sampleToken) else {
        throw fail("measurement \(data.token): sample_token", data.sampleToken, "a keyframe of the scene")
      }
      try check(data.globalFromEgo, "measurement \(data.token): ego pose")
      try check(data.sensor.egoFromSensor, "sensor \(data.sensor.channel)")
      try check(time: data.timestampMicroseconds, "measurement \(data.token)")
      if data.sensor.modality == .camera, data.sensor.camera == nil {
        throw fail("sensor \(data.sensor.channel)", "no camera model", "one")
      }
    }
    for keyframe in scene.keyframes {
      try check(time: keyframe.timestampMicroseconds, "sample \(keyframe.token)")
    }
    let names = Set(categories.map(\.name))
    for box in recording.annotations {
      let place = "annotation \(box.token)"
      guard samples.contains(box.sampleToken) else {
        throw fail("\(place): sample_token", box.sampleToken, "a keyframe of the scene")
      }
      guard names.contains(box.category) else {
        throw fail("\(place): category", box.category, "one of the dataset's")
      }
      if let attribute = box.attribute, !StandardNames.attributes.contains(attribute) {
        throw fail(
          "\(place): attribute", attribute, "one of \(StandardNames.attributes.joined(separator: ", "))")
      }
      guard box.visibility.isEmpty || ["1", "2", "3", "4"].contains(box.visibility) else {
        throw fail("\(place): visibility", box.visibility, "1 to 4, or empty")
      }
      try check(box.box.ownerFromBox, place)
      guard box.box.size.isFinite, box.box.size.x >= 0, box.box.size.y >= 0, box.box.size.z >= 0 else {
        throw fail("\(place): size", "\(box.box.size)", "0 or more")
      }
    }
  }

  private func check(time: Int64, _ place: String) throws {
    guard time > 0, time < 1 << 53 else {
      throw fail("\(place): timestamp", "\(time)", "above 0 and below 2^53")
    }
  }

  private func check(_ pose: RigidTransform, _ place: String) throws {
    guard pose.translation.isFinite else {
      throw fail("\(place): translation", "\(pose.translation)", "finite numbers")
    }
    guard abs(pose.rotation.norm - 1) <= 1e-3 else {
      throw fail("\(place): rotation", "norm \(pose.rotation.norm)", "norm 1 within 0.001")
    }
  }
}
