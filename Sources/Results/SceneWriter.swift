import Files
import Foundation
import Scenes

/// What one frame adds to its scene's files, and what is to be said of it.
public struct FrameOutput: Sendable {
  /// The sample's token.
  public let sample: String
  /// What could not be written (numbers that are not finite, ...): the frame is degraded. A sentence each.
  public let flags: [String]
  /// What is worth a note and no loss of quality, as the limit of 500 boxes.
  public let notes: [String]
}

/// Writes one scene's files into a folder of its own, which becomes a finished unit whole or not at all.
///
/// `write` may be called from several threads at once; the order of frames is that of `finish`'s argument.
public struct SceneWriter: Sendable {
  /// The scene's name.
  public let scene: String
  let folder: String
  let run: RunDirectory

  /// Writes a frame's arrays, preview and lines, as far as the run's contents want them. Thread-safe.
  /// - Parameter preview: where the frame is in its drive, and its picture, RGB; nil writes none.
  /// - Throws: `FileError` with path and bytes where the system refuses.
  public func write(
    _ prediction: FramePrediction, preview: (place: FramePlace, image: Image)?
  ) throws -> FrameOutput {
    let sample = try fileName(
      prediction.keyframe.token, field: "sample token", file: "\(folder): sample.json")
    if run.contents.parts.contains(.bev) {
      try writeWithinUnit("\(folder)/bev/\(sample).npz", GridFiles.encode(prediction.bev))
    }
    if run.contents.parts.contains(.occupancy) {
      try writeWithinUnit("\(folder)/occupancy/\(sample).npz", GridFiles.encode(prediction.volume))
    }
    if let preview {
      try PreviewFile.write(preview.image, place: preview.place, sample: sample, into: "\(folder)/preview")
    }
    let detections = Submission.detections(prediction.detections, sample: sample)
    let tracks = Submission.tracks(prediction.tracks, sample: sample)
    let trajectories = TrajectoryLine.encode(prediction)
    let lanes = LaneLine.encode(prediction)
    try writeLines(sample, [detections.bytes, tracks.bytes, trajectories.bytes, lanes.bytes])
    return FrameOutput(
      sample: sample, flags: detections.flags + tracks.flags + trajectories.flags + lanes.flags,
      notes: detections.notes + tracks.notes)
  }

  /// What a skipped frame adds: empty lists, as every sample has its place in a submission.
  public func skipped(_ sample: String) throws -> FrameOutput {
    let name = try fileName(sample, field: "sample token", file: "\(folder): sample.json")
    try writeLines(
      name,
      [Submission.detections([], sample: name).bytes, Submission.tracks([], sample: name).bytes, [], []])
    return FrameOutput(sample: name, flags: [], notes: [])
  }

  /// The joined files of a scene, and what stands between the lines of two frames.
  private static let parts: [(part: RunContents.Part, name: String, separator: StaticString)] = [
    (.detections, "detections.part", ",\n"), (.tracks, "tracks.part", ",\n"),
    (.trajectories, "trajectories.jsonl", ""), (.lanes, "lanes.jsonl", ""),
  ]

  /// Keeps a frame's lines on disk until the scene is finished, so that memory does not grow with its length.
  private func writeLines(_ sample: String, _ lines: [[UInt8]]) throws {
    try Folders.make("\(folder)/lines")
    for (part, bytes) in zip(Self.parts, lines) where run.contents.parts.contains(part.part) {
      try writeWithinUnit("\(folder)/lines/\(sample).\(part.name)", bytes)
    }
  }

  /// Finishes a scene of a perception run.
  /// - Parameters:
  ///   - outputs: One a keyframe, in order.
  ///   - frames: The records for `run.json`, in order.
  /// - Precondition: as many outputs as frames; the run's kind is `.perception`.
  public func finish(_ outputs: [FrameOutput], frames: [FrameRecord]) throws {
    precondition(run.kind == .perception, "a perception scene in a \(run.kind) run")
    precondition(outputs.count == frames.count, "\(outputs.count) outputs for \(frames.count) frames")
    for part in Self.parts where run.contents.parts.contains(part.part) {
      var file = try StreamedFile("\(folder)/\(part.name)")
      for (k, output) in outputs.enumerated() {
        if k > 0 { try file.append(part.separator) }
        try file.append(file: "\(folder)/lines/\(output.sample).\(part.name)")
      }
      try file.finishWithinUnit()
    }
    try Folders.remove("\(folder)/lines")
    // Before unit.json, which makes the folder a finished unit.
    try syncFiles(besides: folder)
    try SceneUnit(scene: scene, parts: run.contents.submissionParts, frames: frames).write(folder)
    try run.finish(scene, from: folder)
  }

  /// Finishes a scene of a forecasting run.
  /// - Returns: what could not be written, a sentence each.
  /// - Precondition: the run's kind is `.forecasting`.
  @discardableResult
  public func finish(forecasts: [Forecast], frames: [FrameRecord]) throws -> [String] {
    precondition(run.kind == .forecasting, "a forecasting scene in a \(run.kind) run")
    let lines = ForecastLines.encode(forecasts)
    try AtomicFile.write("\(folder)/forecasts.part", lines.bytes)
    try SceneUnit(scene: scene, parts: ["forecasts.part"], frames: frames).write(folder)
    try run.finish(scene, from: folder)
    return lines.flags
  }
}

/// `unit.json`: what makes a scene's folder a finished unit. It is written last, and names its parts with their sizes.
struct SceneUnit {
  let scene: String
  let parts: [String]
  let frames: [FrameRecord]

  init(scene: String, parts: [String], frames: [FrameRecord]) {
    self.scene = scene
    self.parts = parts
    self.frames = frames
  }

  func write(_ folder: String) throws {
    let sizes = try parts.map {
      JSONValue.Member(key: $0, value: .integer(try OpenFile("\(folder)/\($0)").size))
    }
    let document = JSONValue.members([
      "scene": .string(scene), "parts": .object(sizes), "frames": .array(frames.map(\.json)),
    ])
    try AtomicFile.write("\(folder)/unit.json", text: document.text)
  }

  /// Reads a unit and holds its parts against their sizes.
  /// - Throws: `ResultsError` where it is no finished unit.
  init(folder: String) throws {
    let path = "\(folder)/unit.json"
    guard try Folders.kind(path) != .absent else {
      throw ResultsError(file: path, place: "file", found: "none", expected: "a finished unit's")
    }
    let value = try JSONValue.read(path)
    guard let scene = value["scene"]?.stringValue, case .object(let sizes)? = value["parts"],
      let frames = value["frames"]?.arrayValue
    else {
      throw ResultsError(file: path, place: "fields", found: "not all", expected: "scene, parts and frames")
    }
    for member in sizes {
      let part = "\(folder)/\(member.key)"
      guard try Folders.kind(part) == .other, try OpenFile(part).size == member.value.integerValue else {
        throw ResultsError(file: part, place: "size", found: "another or none", expected: member.value.text)
      }
    }
    self.scene = scene
    parts = sizes.map(\.key)
    self.frames = try frames.enumerated().map { try FrameRecord($1, file: path, place: "frames[\($0)]") }
  }
}
