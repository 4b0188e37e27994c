import Foundation

extension Dataset {
  /// The names of the scenes of a split, in order of the table; all scenes where `split` is nil.
  ///
  /// Splits are those of the version folder's `splits.json`, else nuScenes' own (`train`, `val`, `mini_val`, ...), of
  /// which the scenes that are there are given.
  /// - Throws: `RecordingError` naming the splits there are, or a scene of a split that does not exist.
  public func sceneNames(split: String?) throws -> [String] {
    guard let split else { return sceneNames }
    let custom = try customSplits()
    if let wanted = custom.first(where: { $0.name == split }) {
      for name in wanted.scenes { _ = try sceneRow(name) }
      let set = Set(wanted.scenes)
      return sceneNames.filter { set.contains($0) }
    }
    if let official = OfficialSplits.scenes(of: split) {
      let present = sceneNames.filter { official.contains($0) }
      if !present.isEmpty { return present }
    }
    let known =
      custom.map(\.name)
      + OfficialSplits.names.filter { name in
        OfficialSplits.scenes(of: name).map { official in sceneNames.contains { official.contains($0) } }
          ?? false
      }
    throw RecordingError(
      file: tablePath("splits"), place: "split", found: "no scenes of split \(split)",
      expected: "one of \(known.joined(separator: ", "))")
  }

  /// The splits of the version folder's `splits.json`, in the file's order; empty where there is none.
  /// - Throws: `RecordingError` where the file is no object of lists of names.
  public func customSplits() throws -> [(name: String, scenes: [String])] {
    let path = tablePath("splits")
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try JSONFile.read(path, limit: 1 << 26) { root in
      guard root.kind == .object else {
        throw RecordingError(
          file: path, place: "file", found: root.words, expected: "an object of lists of scene names")
      }
      var splits: [(name: String, scenes: [String])] = []
      try root.forEachEntry { key, value in
        let name = String(decoding: key, as: UTF8.self)
        guard !splits.contains(where: { $0.name == name }) else {
          throw RecordingError(file: path, place: name, found: "the key twice", expected: "each key once")
        }
        guard value.kind == .array else {
          throw RecordingError(file: path, place: name, found: value.words, expected: "a list of scene names")
        }
        var scenes: [String] = []
        try value.forEachElement {
          guard let scene = $0.string else {
            throw RecordingError(file: path, place: name, found: $0.words, expected: "a scene's name")
          }
          scenes.append(scene)
        }
        splits.append((name, scenes))
      }
      return splits
    }
  }
}
