import Files
import Foundation
import Scenes

/// What a run holds, finished or not: frames, boxes by class, tracks.
public struct RunSummary: Sendable {
  /// Boxes and tracks of one class.
  public struct ClassCount: Sendable, Hashable {
    /// The class.
    public let name: String
    /// Detections, and those of them with a score of 0.3 or more.
    public var boxes = 0, confident = 0
    /// Different identities.
    public var tracks = 0
  }

  /// The frames of the finished scenes.
  public private(set) var frames: [FrameRecord] = []
  /// Names of the run's scenes, of the finished ones, and whether the run is whole.
  public private(set) var scenes: [String] = []
  /// The scenes that are finished.
  public private(set) var finishedScenes: [String] = []
  /// Whether `run.json` is there: all scenes are.
  public private(set) var isComplete = false
  /// By class, those with most boxes first.
  public private(set) var classes: [ClassCount] = []
  /// Detections of each sample.
  public private(set) var boxCounts: [String: Int] = [:]

  /// The score from which a box counts as confident: previews draw those.
  public static let confidentScore = 0.3

  /// Whether a folder is a run, or one that was begun.
  public static func isRun(_ folder: String) throws -> Bool {
    guard try Folders.kind(folder) == .folder else { return false }
    if try Folders.kind("\(folder)/run.json") != .absent { return true }
    return try Folders.kind("\(folder)/.work/configuration.json") != .absent
  }

  /// Reads a run's folder; of one that was interrupted, the scenes that it finished.
  /// - Throws: `ResultsError` where its files are not as a run writes them.
  /// - Complexity: O(bytes of detections and tracks), a frame's in memory at once.
  public init(run: String) throws {
    isComplete = try Folders.kind("\(run)/run.json") != .absent
    var counts: [String: ClassCount] = [:]
    if isComplete {
      let manifest = try RunManifest(path: "\(run)/run.json")
      frames = manifest.frames
      scenes = manifest.scenes
      try count("\(run)/detections.json", "\(run)/tracks.json", &counts)
    } else {
      let configuration = try JSONValue.read("\(run)/.work/configuration.json", limit: 1 << 26)
      scenes = (configuration["scenes"]?.arrayValue ?? []).compactMap(\.stringValue)
      for scene in scenes {
        let unit = "\(run)/.work/units/\(scene)"
        guard try Folders.kind("\(unit)/unit.json") != .absent else { continue }
        frames += try SceneUnit(folder: unit).frames
        try count("\(unit)/detections.part", "\(unit)/tracks.part", &counts)
      }
    }
    for frame in frames where finishedScenes.last != frame.scene { finishedScenes.append(frame.scene) }
    classes = counts.values.sorted { ($1.boxes, $0.name) < ($0.boxes, $1.name) }
  }

  private mutating func count(
    _ detections: String, _ tracks: String, _ counts: inout [String: ClassCount]
  ) throws {
    try Self.eachLine(of: detections) { sample, boxes in
      boxCounts[sample] = boxes.count
      for box in boxes {
        let name = box["detection_name"]?.stringValue ?? "?"
        counts[name, default: ClassCount(name: name)].boxes += 1
        if box["detection_score"]?.numberValue ?? 0 >= Self.confidentScore {
          counts[name, default: ClassCount(name: name)].confident += 1
        }
      }
    }
    var identities = Set<String>()
    let scene = Dictionary(frames.map { ($0.sample, $0.scene) }, uniquingKeysWith: { first, _ in first })
    try Self.eachLine(of: tracks) { sample, boxes in
      for box in boxes {
        let name = box["tracking_name"]?.stringValue ?? "?"
        let identity = "\(scene[sample] ?? "")/\(box["tracking_id"]?.stringValue ?? "")"
        if identities.insert(identity).inserted { counts[name, default: ClassCount(name: name)].tracks += 1 }
      }
    }
  }

  /// The boxes of each line `"<sample>":[...]` of a submission as a run writes it; none where there is no such file.
  private static func eachLine(of path: String, _ body: (String, [JSONValue]) -> Void) throws {
    guard try Folders.kind(path) != .absent else { return }
    var reader = try LineReader(path)
    while let line = try reader.next() {
      guard line.first == 0x22 else { continue }
      var object: [UInt8] = [0x7b]
      object += line.last == 0x2c ? line.dropLast() : line
      object.append(0x7d)
      guard case .object(let members) = try JSONValue.parse(object, file: path), members.count == 1,
        let boxes = members[0].value.arrayValue
      else {
        throw ResultsError(
          file: path, place: "line", found: "\(line.count) bytes", expected: "a sample's list of boxes")
      }
      body(members[0].key, boxes)
    }
  }

  /// Frames with the most milliseconds together, slowest first.
  public func slowest(_ count: Int) -> [(frame: FrameRecord, milliseconds: Double)] {
    let times = frames.map { frame in
      (frame: frame, milliseconds: frame.milliseconds.reduce(0) { $0 + $1.milliseconds })
    }
    return Array(
      times.filter { $0.milliseconds > 0 }.sorted { $0.milliseconds > $1.milliseconds }.prefix(count))
  }

  /// Frames with the fewest detections, emptiest first; skipped ones, which have none, are left out.
  public func emptiest(_ count: Int) -> [(frame: FrameRecord, boxes: Int)] {
    let found = frames.filter { $0.status != .skipped }.compactMap { frame in
      boxCounts[frame.sample].map { (frame: frame, boxes: $0) }
    }
    return Array(
      found.enumerated().sorted { ($0.element.boxes, $0.offset) < ($1.element.boxes, $1.offset) }
        .map(\.element).prefix(count))
  }
}
