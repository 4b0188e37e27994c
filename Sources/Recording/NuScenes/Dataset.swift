internal import Files
import Foundation
import Geometry
import Scenes

/// One opened dataroot in nuScenes v1.0 layout: its tables, as columns, and its files.
///
/// Opening reads and checks all thirteen tables; sensor files are opened only when they are asked for, so that a
/// partial download loads.
/// - Source: the nuScenes schema, docs/schema_nuscenes.md of nuscenes-devkit 1.2.0.
public final class Dataset: Sendable {
  /// The folder that was opened, as it was given.
  public let root: String
  /// The version folder's name: `v1.0-mini`.
  public let version: String
  let tables: Tables
  /// The root without symbolic links.
  let canonicalRoot: String
  private let sceneRows: [String: Int]

  /// Opens a dataroot.
  /// - Parameters:
  ///   - root: The folder that holds the version folder.
  ///   - version: The version folder's name; nil where there is only one.
  /// - Throws: `RecordingError` that names the file, the record or byte, and what is wrong; `DanglingKey` where a token
  ///   leads nowhere.
  /// - Complexity: O(bytes of the tables); memory as in the module's README.
  public init(root: String, version: String? = nil) throws {
    let (loader, version) = try Self.load(root: root, version: version)
    if let first = loader.dangling.first { throw first }
    self.root = root
    self.version = version
    tables = loader.tables
    canonicalRoot = try ContainedPath.canonical(root)
    var rows: [String: Int] = [:]
    for (row, scene) in tables.scenes.enumerated() {
      if let other = rows.updateValue(row, forKey: scene.name) {
        throw RecordingError(
          file: "\(root)/\(version)/scene.json", place: "record \(row): name",
          found: "\(scene.name), as in record \(other)", expected: "each name once")
      }
    }
    sceneRows = rows
  }

  /// Every token that leads nowhere, in the order of the tables as they are read.
  /// - Throws: `RecordingError` where the tables cannot be read at all.
  public static func danglingKeys(root: String, version: String? = nil) throws -> [DanglingKey] {
    try load(root: root, version: version).loader.dangling
  }

  /// The scenes' names in order of the table.
  public var sceneNames: [String] { tables.scenes.map(\.name) }

  /// The row of a scene.
  /// - Throws: `RecordingError` naming the scene.
  func sceneRow(_ name: String) throws -> Int {
    guard let row = sceneRows[name] else {
      let known = sceneNames.prefix(8).joined(separator: ", ")
      throw RecordingError(
        file: tablePath("scene"), place: "name", found: "no scene \(name)",
        expected: "one of \(known)\(sceneNames.count > 8 ? ", .." : "")")
    }
    return row
  }

  /// The path of a table's file.
  func tablePath(_ table: String) -> String { "\(root)/\(version)/\(table).json" }

  // MARK: opening

  private static func load(
    root: String, version: String?
  ) throws -> (loader: TableLoader, version: String) {
    let version = try versionFolder(root: root, version: version)
    let folder = "\(root)/\(version)"
    let missing = TableLoader.required.filter {
      !FileManager.default.fileExists(atPath: "\(folder)/\($0).json")
    }
    guard missing.isEmpty else {
      throw RecordingError(
        .missing, file: folder, place: "tables",
        found: "no \(missing.map { "\($0).json" }.joined(separator: ", "))",
        expected: "all \(TableLoader.required.count) tables")
    }
    var loader = TableLoader(folder: folder)
    try loader.load()
    return (loader, version)
  }

  /// The version folders of a dataroot: those that begin with `v1.0` or hold a scene table, sorted.
  /// - Throws: `RecordingError` where the root is no folder.
  public static func versions(root: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else {
      throw RecordingError(
        .missing, file: root, place: "dataroot", found: "no such folder", expected: "a folder with v1.0-*")
    }
    guard isFolder.boolValue else {
      throw foreign(root)
        ?? RecordingError(file: root, place: "dataroot", found: "a file", expected: "a folder with v1.0-*")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: root)
    } catch {
      throw RecordingError(
        .unreadable, file: root, place: "dataroot", found: "a folder that cannot be listed",
        expected: "a readable folder")
    }
    return names.filter { name in
      FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder) && isFolder.boolValue
        && (name.hasPrefix("v1.0") || FileManager.default.fileExists(atPath: "\(root)/\(name)/scene.json"))
    }.sorted()
  }

  /// The error for a recording in another layout; nil where it is none that is known.
  private static func foreign(_ root: String) -> RecordingError? {
    ForeignRecording.description(of: root).map {
      RecordingError(
        file: root, place: "dataroot", found: $0,
        expected: "nuScenes' layout, a folder with v1.0-*: convert it first, as CONTRIBUTING.md says")
    }
  }

  private static func versionFolder(root: String, version: String?) throws -> String {
    let versions = try versions(root: root)
    let known = versions.isEmpty ? "there is none" : versions.joined(separator: ", ")
    if let version {
      guard versions.contains(version) else {
        throw RecordingError(
          .missing, file: root, place: "version", found: "no folder \(version)",
          expected: "a version folder: \(known)")
      }
      return version
    }
    guard let only = versions.first else { throw foreign(root) ?? noVersion(in: root) }
    guard versions.count == 1 else {
      throw RecordingError(
        .invalid, file: root, place: "version", found: "\(versions.count) version folders: \(known)",
        expected: "one, or a named one")
    }
    return only
  }

  /// Why a folder has no version folder: it is one itself, or a folder in it is the dataroot.
  private static func noVersion(in root: String) -> RecordingError {
    let manager = FileManager.default
    if manager.fileExists(atPath: "\(root)/scene.json") {
      let above = URL(fileURLWithPath: root).standardizedFileURL.deletingLastPathComponent().path
      return RecordingError(
        .missing, file: root, place: "version", found: "tables: this is a version folder itself",
        expected: "the folder above it, \(above)")
    }
    let walk = manager.enumerator(atPath: root)
    var seen = 0
    while seen < 20_000, let path = walk?.nextObject() as? String {
      seen += 1
      let parts = path.split(separator: "/")
      guard parts.count == 2 else { continue }
      walk?.skipDescendants()
      guard parts[1].hasPrefix("v1.0-") || manager.fileExists(atPath: "\(root)/\(path)/scene.json") else {
        continue
      }
      return RecordingError(
        .missing, file: root, place: "version", found: "no version folder, but one in \(parts[0])",
        expected: "the dataroot itself, \(root)/\(parts[0])")
    }
    return RecordingError(
      .missing, file: root, place: "version", found: "no version folder", expected: "a folder with v1.0-*")
  }
}
