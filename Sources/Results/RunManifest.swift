import Files
import Scenes

/// What became of one keyframe.
public struct FrameRecord: Sendable, Hashable {
  /// How the frame ended.
  public enum Status: String, Sendable, Hashable, CaseIterable {
    /// With all that was recorded.
    case ok
    /// With less than was wanted; the reasons say what.
    case degraded
    /// Not at all; the reasons say why.
    case skipped
  }

  /// The scene's name.
  public var scene: String
  /// The sample's token.
  public var sample: String
  /// How the frame ended.
  public var status: Status
  /// Why it is not ok, a sentence each; notes on an ok frame.
  public var reasons: [String]
  /// Stages in the order in which they ran.
  public var milliseconds: [StageTime]

  /// The record with these values.
  public init(
    scene: String, sample: String, status: Status, reasons: [String] = [], milliseconds: [StageTime] = []
  ) {
    self.scene = scene
    self.sample = sample
    self.status = status
    self.reasons = reasons
    self.milliseconds = milliseconds
  }

  var json: JSONValue {
    .members([
      "scene": .string(scene), "sample": .string(sample), "status": .string(status.rawValue),
      "reasons": .array(reasons.map { .string($0) }),
      "milliseconds": .object(milliseconds.map { .init(key: $0.stage, value: .number($0.milliseconds)) }),
    ])
  }

  init(_ value: JSONValue, file: String, place: String) throws {
    guard let scene = value["scene"]?.stringValue, let sample = value["sample"]?.stringValue,
      let status = value["status"]?.stringValue.flatMap(Status.init(rawValue:)),
      case .object(let stages)? = value["milliseconds"], let reasons = value["reasons"]?.arrayValue
    else {
      throw ResultsError(
        file: file, place: place, found: "a frame without all of its fields",
        expected: "scene, sample, status, reasons and milliseconds")
    }
    self.init(
      scene: scene, sample: sample, status: status, reasons: reasons.compactMap(\.stringValue),
      milliseconds: stages.compactMap { member in
        member.value.numberValue.map { StageTime(stage: member.key, milliseconds: $0) }
      })
  }
}

/// The sensors that a run perceived with; a camera that is only drawn is none of them.
public struct RunInputs: Sendable, Hashable {
  /// Whether cameras were.
  public var camera: Bool
  /// Whether the LiDAR was.
  public var lidar: Bool

  /// These sensors.
  public init(camera: Bool, lidar: Bool) {
    self.camera = camera
    self.lidar = lidar
  }
}

/// `run.json`: what was run, on what, and what became of each frame. The only file of a run that holds times, the
/// machine and paths.
public struct RunManifest: Sendable, Hashable {
  /// The version of the file's layout.
  public static let schema = 1

  /// The program's version.
  public var version: String
  /// The command line.
  public var command: [String]
  /// `classical`, or the name of the model's file.
  public var modelName: String
  /// The model file's SHA-256 in hexadecimal; nil for `classical`.
  public var modelSHA256: String?
  /// `f32`, `bf16` or `int8`.
  public var precision: String
  /// Threads used.
  public var threads: Int
  /// The processor and its widest vector instructions.
  public var cpu: String
  /// Everything that decides the outputs. Two runs with the same configuration over the same recording have the same
  /// outputs; a run is resumed or merged only under an equal one.
  public var configuration: JSONValue
  /// The dataroot's version folder: `v1.0-mini`.
  public var versionFolder: String
  /// The split, or nil where all scenes (or one by name) were taken.
  public var split: String?
  /// The names of all scenes of the selection in order, before sharding: the order of scenes in merged files.
  public var scenes: [String]
  /// `i/n` where the run is a shard.
  public var shard: String?
  /// What it perceived with.
  public var inputs: RunInputs
  /// Which files a perception run has.
  public var contents: RunContents
  /// The frames, scene by scene in order.
  public var frames: [FrameRecord]
  /// Wall-clock seconds of the run (of its last part where it was resumed).
  public var seconds: Double
  /// The most memory held at once, in bytes.
  public var peakMemoryBytes: Int

  /// The manifest with these values.
  public init(
    version: String, command: [String], modelName: String = "classical", modelSHA256: String? = nil,
    precision: String = "f32", threads: Int, cpu: String, configuration: JSONValue, versionFolder: String,
    split: String?, scenes: [String], shard: String? = nil,
    inputs: RunInputs = RunInputs(camera: false, lidar: true), contents: RunContents = .all,
    frames: [FrameRecord] = [], seconds: Double = 0,
    peakMemoryBytes: Int = 0
  ) {
    self.version = version
    self.command = command
    self.modelName = modelName
    self.modelSHA256 = modelSHA256
    self.precision = precision
    self.threads = threads
    self.cpu = cpu
    self.configuration = configuration
    self.versionFolder = versionFolder
    self.split = split
    self.scenes = scenes
    self.shard = shard
    self.inputs = inputs
    self.contents = contents
    self.frames = frames
    self.seconds = seconds
    self.peakMemoryBytes = peakMemoryBytes
  }

  /// How many frames ended so.
  public func count(_ status: FrameRecord.Status) -> Int {
    frames.reduce(0) { $0 + ($1.status == status ? 1 : 0) }
  }

  /// The document, keys in a fixed order.
  public var json: JSONValue {
    .members([
      "schema": .integer(Self.schema), "program": .string("apus"), "version": .string(version),
      "command": .array(command.map { .string($0) }),
      "model": .members(["name": .string(modelName), "sha256": .optional(modelSHA256)]),
      "precision": .string(precision), "threads": .integer(threads), "cpu": .string(cpu),
      "configuration": configuration, "version_folder": .string(versionFolder), "split": .optional(split),
      "scenes": .array(scenes.map { .string($0) }), "shard": .optional(shard),
      "inputs": .members(["camera": .bool(inputs.camera), "lidar": .bool(inputs.lidar)]),
      "write": .array(contents.names.map { .string($0) }), "preview": .string(contents.previews.text),
      "frames": .array(frames.map(\.json)),
      "totals": .members([
        "frames": .integer(frames.count), "ok": .integer(count(.ok)), "degraded": .integer(count(.degraded)),
        "skipped": .integer(count(.skipped)), "seconds": .number(seconds),
        "peak_memory_bytes": .integer(peakMemoryBytes),
      ]),
    ])
  }

  /// Writes run.json, whole or not at all.
  public func write(_ path: String) throws { try AtomicFile.write(path, text: json.text) }

  /// Reads run.json.
  /// - Throws: `ResultsError` naming the field; Files' errors where the file cannot be read.
  public init(path: String) throws {
    let value = try JSONValue.read(path)
    func field<Value>(_ name: String, _ found: Value?) throws -> Value {
      guard let found else {
        throw ResultsError(
          file: path, place: name, found: "none or of another type", expected: "the field of a run.json")
      }
      return found
    }
    let schema = try field("schema", value["schema"]?.integerValue)
    guard schema == Self.schema else {
      throw ResultsError(file: path, place: "schema", found: "\(schema)", expected: "\(Self.schema)")
    }
    version = try field("version", value["version"]?.stringValue)
    command = (value["command"]?.arrayValue ?? []).compactMap(\.stringValue)
    modelName = try field("model.name", value["model"]?["name"]?.stringValue)
    modelSHA256 = value["model"]?["sha256"]?.stringValue
    precision = try field("precision", value["precision"]?.stringValue)
    threads = try field("threads", value["threads"]?.integerValue)
    cpu = try field("cpu", value["cpu"]?.stringValue)
    configuration = try field("configuration", value["configuration"])
    versionFolder = try field("version_folder", value["version_folder"]?.stringValue)
    split = value["split"]?.stringValue
    scenes = try field("scenes", value["scenes"]?.arrayValue).compactMap(\.stringValue)
    shard = value["shard"]?.stringValue
    inputs = RunInputs(
      camera: value["inputs"]?["camera"] == .bool(true), lidar: value["inputs"]?["lidar"] != .bool(false))
    contents = .all
    if let names = value["write"]?.arrayValue {
      contents = try field(
        "write",
        RunContents(names: names.compactMap(\.stringValue), previews: value["preview"]?.stringValue ?? ""))
    }
    frames = try field("frames", value["frames"]?.arrayValue).enumerated().map {
      try FrameRecord($1, file: path, place: "frames[\($0)]")
    }
    seconds = value["totals"]?["seconds"]?.numberValue ?? 0
    peakMemoryBytes = value["totals"]?["peak_memory_bytes"]?.integerValue ?? 0
  }
}
