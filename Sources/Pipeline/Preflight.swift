import Calibration
import CameraInput
import FrameSync
import Recording
import Results
import Scenes

/// Everything that is wrong with the scenes of a replay, a line each.
public struct ReplayFaults: Error, Sendable, CustomStringConvertible {
  /// The lines.
  public private(set) var problems: [String] = []
  /// The most lines that are kept.
  public static let limit = 50
  private var count = 0

  mutating func add(_ problem: String) {
    count += 1
    if problems.count < Self.limit { problems.append(problem) }
  }

  /// Runs a check, and keeps what it throws.
  mutating func check(_ body: (inout ReplayFaults) throws -> Void) {
    do { try body(&self) } catch { add("\(error)") }
  }

  func throwIfAny() throws {
    guard count > 0 else { return }
    var all = self
    if count > problems.count { all.problems.append("and \(count - problems.count) more") }
    throw all
  }

  /// The lines.
  public var description: String { problems.joined(separator: "\n") }
}

extension Replay {
  /// Checks all scenes of the selection before anything is written: chains of samples, units and jumps of time, names,
  /// maps and road lines, that there is a sensor to see with, and that images have the size of their calibration.
  ///
  /// - Returns: what tells this recording from another of the same names.
  /// - Throws: `ReplayFaults` with the faults of all scenes; with `--strict` warnings are among them.
  /// - Complexity: O(measurements); one image of each camera and scene is read.
  func preflight(_ stages: NetworkStages?, report: (ReplayEvent) -> Void) throws -> String {
    var faults = ReplayFaults(), fingerprint = RecordingFingerprint()
    var locations: Set<String> = []
    var warnings: [String] = []
    func warn(_ text: String, _ faults: inout ReplayFaults) {
      if options.strict {
        faults.add("\(text) (expected nothing amiss, as --strict asks)")
      } else {
        warnings.append(text)
      }
    }
    for name in selection {
      faults.check { faults in
        let table = { (table: String) in "\(dataset.root)/\(dataset.version)/\(table).json" }
        let scene = try dataset.scene(named: name)
        try RunDirectory.checkName(name, field: "name", file: table("scene"))
        for keyframe in scene.keyframes {
          try RunDirectory.checkName(keyframe.token, field: "token", file: table("sample"))
        }
        try fingerprint.add(scene, of: dataset, withFiles: !options.givenTruth)
        if locations.insert(scene.location).inserted {
          checkMap(scene.location, isUsed: stages?.refiner != nil, &faults, warn)
        }
        guard !options.givenTruth else { return }
        let synced: SyncedScene
        do {
          synced = try synchronize(scene, policy: stages?.policy(for: scene) ?? SyncPolicy())
        } catch var error as SyncError {
          error.file = "\(dataset.root)/\(dataset.version)/\(error.file)"
          throw error
        }
        if stages == nil, scene.referenceLidar() == nil {
          faults.add(
            "\(table("sensor")): scene \(name): no LiDAR (expected one: classical perception sees with it; a network with "
              + "cameras, by --model, runs without)")
        }
        try checkImageSizes(of: scene, &faults)
        guard options.strict else { return }
        let rig = try Rig(name: name, scene: scene, file: table("calibrated_sensor"))
        for warning in synced.report.warnings {
          warn("\(table("sample_data")): \(name): \(warning)", &faults)
        }
        for frame in synced.frames {
          for loss in [frame.skipReason].compactMap({ $0 }) + frame.degradations {
            warn("\(table("sample_data")): \(name): frame \(frame.keyframe.token): \(loss)", &faults)
          }
        }
        for warning in rig.warnings { warn("\(table("calibrated_sensor")): \(name): \(warning)", &faults) }
      }
    }
    try faults.throwIfAny()
    for warning in warnings { report(.warning(warning)) }
    return fingerprint.digest
  }

  /// A map that is broken is a fault where a model needs it, and a warning elsewhere.
  private func checkMap(
    _ location: String, isUsed: Bool, _ faults: inout ReplayFaults,
    _ warn: (String, inout ReplayFaults) -> Void
  ) {
    do {
      for warning in try dataset.mapWarnings(location: location).prefix(20) { warn(warning, &faults) }
      if isUsed { _ = try dataset.roadLines(location: location) }
    } catch {
      if isUsed { faults.add("\(error)") } else { warn("\(error)", &faults) }
    }
  }

  /// Holds the first image that is there of each camera against its calibration; one that cannot be decoded is a loss of
  /// its frame later.
  private func checkImageSizes(of scene: Scene, _ faults: inout ReplayFaults) throws {
    var seen: Set<String> = []
    var decoder = try ImageDecoder()
    for data in scene.measurements where !seen.contains(data.sensor.channel) {
      guard let camera = data.sensor.camera else { continue }
      do {
        let size = try decoder.size(of: dataset.readFile(data.file), file: "\(dataset.root)/\(data.file)")
        seen.insert(data.sensor.channel)
        guard size.width != camera.width || size.height != camera.height else { continue }
        faults.add(
          "\(dataset.root)/\(data.file): size: \(size.width)x\(size.height) "
            + "(expected \(camera.width)x\(camera.height), as \(data.sensor.channel) is calibrated)")
      } catch is ImageError {
        seen.insert(data.sensor.channel)
      } catch is RecordingError {
        continue  // another image may be there
      }
    }
  }
}
