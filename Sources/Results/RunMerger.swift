import Files
import Foundation

/// Joins the runs of shards into one run whose files, but for run.json, are the bytes of an unsharded run.
public enum RunMerger {
  /// Merges finished runs.
  ///
  /// - Parameters:
  ///   - runs: The folders; together they must hold each scene of their common selection once.
  ///   - out: The merged run's folder: empty, new, or a merge that was interrupted.
  ///   - command: The command line, for run.json.
  /// - Returns: The merged manifest.
  /// - Throws: `ResultsError` where configurations differ, a scene is missing or there twice, or a file is not a run's.
  @discardableResult
  public static func merge(runs: [String], into out: String, command: [String]) throws -> RunManifest {
    for run in runs {
      for name in [
        "run.json", "detections.json", "tracks.json", "forecasts.json", "bev", "occupancy", "preview",
        "trajectories", "lanes",
      ] {
        try RunFile.refuseLink("\(run)/\(name)")
      }
    }
    let manifests = try runs.map { try RunManifest(path: "\($0)/run.json") }
    guard let first = manifests.first else {
      throw ResultsError(file: out, place: "runs", found: "none", expected: "at least one run to merge")
    }
    let owners = try owners(runs, manifests)
    let forecasting = try Folders.kind("\(runs[0])/forecasts.json") != .absent
    let directory = try RunDirectory(
      path: out, kind: forecasting ? .forecasting : .perception, contents: first.contents,
      configuration: first.configuration, resume: true)
    guard !directory.isComplete else { return try RunManifest(path: "\(out)/run.json") }
    for (run, manifest) in zip(runs, manifests) {
      try takeScenes(of: run, manifest, into: directory)
    }
    var merged = first
    merged.command = command
    merged.shard = nil
    merged.seconds = manifests.reduce(0) { $0 + $1.seconds }
    merged.peakMemoryBytes = manifests.reduce(0) { max($0, $1.peakMemoryBytes) }
    let hasGrid = !forecasting && first.contents.parts.contains(.bev)
    let grid = hasGrid ? try GridFiles.readGrid("\(runs[0])/bev/grid.json") : .standard
    return try directory.assemble(
      scenes: first.scenes.filter { owners[$0] != nil }, grid: grid, manifest: merged)
  }

  /// Which run holds each scene, after checking that the runs are shards of one.
  private static func owners(_ runs: [String], _ manifests: [RunManifest]) throws -> [String: Int] {
    let first = manifests[0]
    var owners: [String: Int] = [:]
    for (k, manifest) in manifests.enumerated() {
      let file = "\(runs[k])/run.json"
      for (field, mine, theirs) in [
        ("configuration", manifest.configuration.text, first.configuration.text),
        ("version_folder", manifest.versionFolder, first.versionFolder),
        ("scenes", "\(manifest.scenes)", "\(first.scenes)"),
        ("write", "\(manifest.contents.names)", "\(first.contents.names)"),
        ("preview", manifest.contents.previews.text, first.contents.previews.text),
        ("inputs", "\(manifest.inputs)", "\(first.inputs)"),
      ] where mine != theirs {
        throw ResultsError(
          file: file, place: field, found: "another than in \(runs[0])", expected: "shards of one run")
      }
      for scene in sceneOrder(manifest) {
        if let other = owners.updateValue(k, forKey: scene) {
          throw ResultsError(
            file: file, place: "scene \(scene)", found: "also in \(runs[other])", expected: "each scene once")
        }
      }
    }
    if let missing = first.scenes.first(where: { owners[$0] == nil }) {
      throw ResultsError(
        file: "\(runs[0])/run.json", place: "scene \(missing)", found: "in none of the \(runs.count) runs",
        expected: "all \(first.scenes.count) scenes of the selection")
    }
    return owners
  }

  /// The scenes that a manifest has frames of, in order.
  private static func sceneOrder(_ manifest: RunManifest) -> [String] {
    var order: [String] = []
    for frame in manifest.frames where order.last != frame.scene { order.append(frame.scene) }
    return order
  }

  private static func takeScenes(of run: String, _ manifest: RunManifest, into out: RunDirectory) throws {
    let perception = out.kind == .perception
    let parts = perception ? out.contents.submissionParts.map { String($0.dropLast(5)) } : ["forecasts"]
    var readers = try PartReaders(run: run, parts: parts)
    var rest = manifest.frames[...]
    while let scene = rest.first?.scene {
      let frames = Array(rest.prefix { $0.scene == scene })
      rest = rest.dropFirst(frames.count)
      let name = try fileName(scene, field: "scene name", file: "\(run)/run.json")
      let folder = "\(out.work)/partial/\(name)"
      let done = try out.finishedScene(name) != nil
      try Folders.remove(folder)
      try Folders.make(folder)
      try readers.take(frames, into: folder, keyed: perception)
      if done {
        try Folders.remove(folder)
        continue
      }
      if perception {
        for (source, target) in [
          ("bev/\(name)", "bev"), ("occupancy/\(name)", "occupancy"), ("preview/\(name)", "preview"),
          ("trajectories/\(name).jsonl", "trajectories.jsonl"), ("lanes/\(name).jsonl", "lanes.jsonl"),
        ] where try Folders.kind("\(run)/\(source)") != .absent {
          try copy("\(run)/\(source)", "\(folder)/\(target)")
          if target == "preview" { try PreviewFile.link(picturesIn: "\(folder)/preview") }
        }
        try syncFiles(besides: folder)
      }
      try SceneUnit(scene: name, parts: parts.map { "\($0).part" }, frames: frames).write(folder)
      try out.finish(name, from: folder)
    }
    try readers.finish()
  }

  /// Copies a file or a folder of files.
  private static func copy(_ source: String, _ destination: String) throws {
    try RunFile.refuseLink(source)
    guard try Folders.kind(source) == .folder else {
      return try AtomicFile.write(destination, RegularFile.read(source))
    }
    try Folders.make(destination)
    for name in try Folders.names(source) where !name.hasPrefix(".") {
      // The links beside pictures are made anew; no other may be there.
      if PreviewFile.isLink(name, beside: source) { continue }
      try RunFile.refuseLink("\(source)/\(name)")
      try writeWithinUnit("\(destination)/\(name)", RegularFile.read("\(source)/\(name)"))
    }
  }
}

/// The joined files of one run, read side by side and taken apart into scenes again.
private struct PartReaders {
  private final class Source {
    let name: String
    var reader: LineReader
    var line: ArraySlice<UInt8>?

    init(run: String, part: String) throws {
      name = part
      reader = try LineReader("\(run)/\(part).json")
      _ = try reader.next()
      line = try reader.next()
    }
  }

  private let sources: [Source]

  init(run: String, parts: [String]) throws {
    sources = try parts.map { try Source(run: run, part: $0) }
  }

  /// Writes a scene's lines of every file into `<folder>/<part>.part`. `keyed`: each frame has one line, which begins with
  /// its token; else each line names its sample, and a scene has any number.
  mutating func take(_ frames: [FrameRecord], into folder: String, keyed: Bool) throws {
    let samples = Set(frames.map(\.sample))
    for source in sources {
      var file = try StreamedFile("\(folder)/\(source.name).part")
      var count = 0
      while let line = source.line {
        var body = line
        if keyed {
          guard count < frames.count else { break }
          let key = Array("\"\(frames[count].sample)\":[".utf8)
          guard body.starts(with: key) else {
            throw ResultsError(
              file: source.reader.path, place: "line of sample \(frames[count].sample)",
              found: "another line",
              expected: "the order of run.json, as it was written")
          }
        } else {
          guard let sample = Self.sample(of: body), samples.contains(sample) else { break }
        }
        if body.last == 0x2c { body = body.dropLast() }
        if count > 0 { try file.append(",\n") }
        try body.withUnsafeBytes { try file.append($0) }
        count += 1
        source.line = try source.reader.next()
      }
      guard !keyed || count == frames.count else {
        throw ResultsError(
          file: source.reader.path, place: "lines", found: "\(count) of \(frames.count) samples of a scene",
          expected: "a line a sample")
      }
      try file.finish()
    }
  }

  /// Checks that nothing but the last line is left.
  func finish() throws {
    for source in sources where source.line?.isEmpty == true { source.line = try source.reader.next() }
    for source in sources where source.line?.first != 0x7d && source.line?.first != 0x5d {
      throw ResultsError(
        file: source.reader.path, place: "end", found: "lines of no scene in run.json",
        expected: "its frames' alone")
    }
  }

  private static func sample(of line: ArraySlice<UInt8>) -> String? {
    let key = Array("\"sample\":\"".utf8)
    guard let start = line.indices.first(where: { line[$0...].starts(with: key) }) else { return nil }
    let rest = line[(start + key.count)...]
    return String(decoding: rest.prefix { $0 != 0x22 }, as: UTF8.self)
  }
}
