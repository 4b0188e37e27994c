import Files
import Foundation
import Geometry
import Scenes

/// A run's folder while it is being written.
///
/// Scenes are written under `.work/partial/<scene>` and become finished units by one rename to `.work/units/<scene>`;
/// `unit.json` in a unit is the truth about it, so a run that was killed at any moment goes on with the scenes that it
/// finished. A unit's arrays and pictures are then moved to their places in the run (each a rename, repeated when a kill
/// came between), and at the end the units' parts are joined in the order of scenes, `run.json` is written last, and
/// `.work` is removed. Files other than `run.json` are so the same bytes for one run, a resumed one and merged shards.
public final class RunDirectory: Sendable {
  /// What a run writes.
  public enum Kind: String, Sendable {
    /// Detections, tracks, trajectories, grids and previews.
    case perception
    /// Forecasts for annotated agents alone (`--given truth`).
    case forecasting
  }

  /// The folder.
  public let path: String
  /// What the run writes.
  public let kind: Kind
  /// Which files a perception run gets.
  public let contents: RunContents
  /// Whether the run was there whole when it was opened: nothing is left to do.
  public let isComplete: Bool
  private let lock: FolderLock

  var work: String { "\(path)/.work" }

  /// Opens a run's folder for writing: makes it, locks it, and checks before any frame is computed that it can be written
  /// to and belongs to this configuration.
  ///
  /// - Parameters:
  ///   - path: The folder; made where it is absent.
  ///   - kind: What will be written.
  ///   - contents: Which files of a perception run.
  ///   - configuration: Everything that decides the outputs (no times, threads or paths).
  ///   - resume: Whether a run may be there already; without it the folder must be empty or new.
  /// - Throws: `ResultsError` where another process holds the folder, the configuration differs, or the folder is not
  ///   empty; Files' `FileError` where the system refuses.
  public init(
    path: String, kind: Kind, contents: RunContents = .all, configuration: JSONValue, resume: Bool
  ) throws {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = trimmed
    self.kind = kind
    self.contents = contents
    switch try Folders.kind(trimmed) {
    case .other:
      throw ResultsError(file: trimmed, place: "type", found: "a file", expected: "a folder, or nothing yet")
    case .absent: try Folders.make(trimmed)
    case .folder: break
    }
    for name in [
      ".work", ".work/units", ".work/partial", ".work/lock", "bev", "occupancy", "preview", "trajectories",
      "lanes",
    ] {
      try RunFile.refuseLink("\(trimmed)/\(name)")
    }
    let names = try Folders.names(trimmed)
    let begun = names.contains(".work") || names.contains("run.json")
    // `metrics.json` and its like beside a run do not matter; anything else in a new run's folder does.
    if !begun, let stranger = names.first(where: { !$0.hasSuffix(".partial") }) {
      throw ResultsError(
        file: trimmed, place: "content", found: stranger, expected: "an empty or new folder, or a run's")
    }
    if begun && !resume {
      // Another process at work is the better reason, where there is one.
      if names.contains(".work") { _ = try FolderLock("\(trimmed)/.work/lock") }
      throw ResultsError(
        file: trimmed, place: "content", found: "a run", expected: "an empty or new folder, or --resume")
    }
    try Folders.make("\(trimmed)/.work")
    lock = try FolderLock("\(trimmed)/.work/lock")
    isComplete = names.contains("run.json")
    try Self.check(configuration, in: trimmed, complete: isComplete)
    for name in names where name.hasPrefix(".") && name.hasSuffix(".partial") {
      try Folders.remove("\(trimmed)/\(name)")
    }
    try Folders.remove("\(trimmed)/.work/partial")
    try Folders.make("\(trimmed)/.work/partial")
    try Folders.make("\(trimmed)/.work/units")
    if isComplete {
      try Self.checkWhole(trimmed, kind, contents)
      try Folders.remove("\(trimmed)/.work")
    }
  }

  /// Checks that a finished run still has its joined files and each scene's: run.json alone is no run.
  private static func checkWhole(_ path: String, _ kind: Kind, _ contents: RunContents) throws {
    let manifest = try RunManifest(path: "\(path)/run.json")
    var files: [String] = []
    func want(_ part: RunContents.Part, _ names: [String]) {
      if contents.parts.contains(part) { files += names }
    }
    switch kind {
    case .forecasting: files.append("forecasts.json")
    case .perception:
      want(.detections, ["detections.json"])
      want(.tracks, ["tracks.json"])
      want(.bev, ["bev/grid.json"])
      for frame in manifest.frames {
        want(.trajectories, ["trajectories/\(frame.scene).jsonl"])
        guard frame.status != .skipped else { continue }
        want(.bev, ["bev/\(frame.scene)/\(frame.sample).npz"])
        want(.occupancy, ["occupancy/\(frame.scene)/\(frame.sample).npz"])
      }
    }
    if let gone = try files.first(where: { try Folders.kind("\(path)/\($0)") != .other }) {
      throw ResultsError(
        file: "\(path)/\(gone)", place: "file", found: "gone, though run.json says that the run is finished",
        expected: "a whole run; a new folder is wanted")
    }
  }

  /// Compares with the configuration that the folder's run has, or keeps this one: a write that shows that it works.
  private static func check(_ configuration: JSONValue, in path: String, complete: Bool) throws {
    let kept = "\(path)/.work/configuration.json"
    let text = configuration.text
    let old: JSONValue
    let source: String
    if complete {
      source = "\(path)/run.json"
      old = try RunManifest(path: source).configuration
    } else if try Folders.kind(kept) != .absent {
      source = kept
      old = try JSONValue.read(kept, limit: 1 << 26)
    } else {
      return try AtomicFile.write(kept, text: text)
    }
    // Compared as text, so that 1 and 1.0 written alike are alike.
    guard old.text != text else { return }
    throw ResultsError(
      file: source, place: "configuration", found: difference(old, configuration),
      expected: "the same configuration; another one wants a new folder")
  }

  private static func difference(_ old: JSONValue, _ new: JSONValue) -> String {
    guard case .object(let before) = old, case .object(let after) = new else {
      return "another configuration"
    }
    let keys = before.map(\.key) + after.map(\.key)
    for key in keys where old[key]?.text != new[key]?.text {
      let shown = { (value: JSONValue?) in
        (value?.text ?? "none").trimmingCharacters(in: .whitespacesAndNewlines).prefix(80)
      }
      return "\(key) \(shown(old[key])) and now \(shown(new[key]))"
    }
    return "keys in another order"
  }

  // MARK: Scenes

  /// Begins a scene: an empty folder of its own under `.work`.
  /// - Throws: `ResultsError` for a name that cannot be a file's; `FileError` where the system refuses.
  public func beginScene(_ scene: String) throws -> SceneWriter {
    let name = try fileName(scene, field: "scene name", file: "\(path): scene.json")
    let folder = "\(work)/partial/\(name)"
    try Folders.remove(folder)
    try Folders.make(folder)
    if kind == .perception {
      for part in contents.folders { try Folders.make("\(folder)/\(part)") }
    }
    return SceneWriter(scene: name, folder: folder, run: self)
  }

  /// The frames of a scene that was finished before, or nil where it is to be done (again): a unit whose `unit.json` is
  /// missing or does not fit its files is removed.
  public func finishedScene(_ scene: String) throws -> [FrameRecord]? {
    let name = try fileName(scene, field: "scene name", file: "\(path): scene.json")
    let folder = "\(work)/units/\(name)"
    guard try Folders.kind(folder) == .folder else { return nil }
    do {
      let unit = try SceneUnit(folder: folder)
      try publish(name)
      return unit.frames
    } catch is ResultsError {
      try Folders.remove(folder)
      return nil
    }
  }

  /// Turns a written scene into a finished unit, and moves what has its place already.
  func finish(_ scene: String, from folder: String) throws {
    let unit = "\(work)/units/\(scene)"
    try Folders.remove(unit)
    try AtomicFile.syncFolder(folder)
    guard rename(folder, unit) == 0 else {
      throw FileError(path: unit, operation: "moving \(folder) here", code: errno)
    }
    try AtomicFile.syncFolder("\(work)/units")
    try publish(scene)
  }

  /// Moves a unit's arrays and pictures to their places; those that were moved before are left.
  private func publish(_ scene: String) throws {
    guard kind == .perception else { return }
    let unit = "\(work)/units/\(scene)"
    for (source, folder, name) in [
      ("bev", "bev", scene), ("occupancy", "occupancy", scene), ("preview", "preview", scene),
      ("trajectories.jsonl", "trajectories", "\(scene).jsonl"), ("lanes.jsonl", "lanes", "\(scene).jsonl"),
    ] where try Folders.kind("\(unit)/\(source)") != .absent {
      try Folders.make("\(path)/\(folder)")
      try Folders.move("\(unit)/\(source)", to: "\(path)/\(folder)/\(name)")
      try AtomicFile.syncFolder("\(path)/\(folder)")
    }
  }

  // MARK: The end

  /// Joins the finished scenes' parts into the run's files, writes `run.json` last, and removes `.work`.
  ///
  /// - Parameters:
  ///   - scenes: This run's scenes in order; each must be finished.
  ///   - grid: The BEV grid, for `bev/grid.json`.
  ///   - manifest: What `run.json` says; its frames are taken from the units.
  /// - Returns: The manifest as written.
  /// - Throws: `ResultsError` where a scene is not finished; `FileError` where the system refuses.
  @discardableResult
  public func assemble(
    scenes: [String], grid: BEVGrid = .standard, manifest: RunManifest
  ) throws -> RunManifest {
    var manifest = manifest
    manifest.frames = []
    for scene in scenes {
      guard let frames = try finishedScene(scene) else {
        throw ResultsError(
          file: "\(work)/units/\(scene)", place: "unit.json", found: "none", expected: "a finished scene")
      }
      manifest.frames += frames
    }
    switch kind {
    case .perception:
      let head = Submission.head(manifest.inputs)
      for part in contents.submissionParts {
        try join(part, scenes, "\(part.dropLast(5)).json", head, Submission.tail)
      }
      if contents.parts.contains(.bev) {
        try Folders.make("\(path)/bev")
        try AtomicFile.write("\(path)/bev/grid.json", text: GridFiles.gridJSON(grid).text)
      }
    case .forecasting:
      try join("forecasts.part", scenes, "forecasts.json", ForecastLines.head, ForecastLines.tail)
    }
    try manifest.write("\(path)/run.json")
    try Folders.remove(work)
    return manifest
  }

  private func join(
    _ part: String, _ scenes: [String], _ name: String, _ head: String, _ tail: StaticString
  ) throws {
    var file = try StreamedFile("\(path)/\(name)")
    try Array(head.utf8).withUnsafeBytes { try file.append($0) }
    var first = true
    for scene in scenes {
      let source = "\(work)/units/\(scene)/\(part)"
      guard try OpenFile(source).size > 0 else { continue }
      if !first { try file.append(",\n") }
      first = false
      try file.append(file: source)
    }
    try file.append(tail)
    try file.finish()
  }
}
