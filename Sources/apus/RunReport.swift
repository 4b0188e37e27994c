import Files
import Foundation
import Results
import Scenes

/// The totals of a run for people and as JSON.
struct RunReport {
  let manifest: RunManifest
  let path: String

  init(_ manifest: RunManifest, path: String) {
    self.manifest = manifest
    self.path = path
  }

  /// Mean milliseconds of each stage over the frames that were processed, in the order in which they ran.
  var stages: [StageTime] {
    var sums: [StageTime] = []
    let frames = manifest.frames.filter { $0.status != .skipped }
    for frame in frames {
      for time in frame.milliseconds {
        if let k = sums.firstIndex(where: { $0.stage == time.stage }) {
          sums[k].milliseconds += time.milliseconds
        } else {
          sums.append(time)
        }
      }
    }
    return sums.map { .init(stage: $0.stage, milliseconds: $0.milliseconds / Double(max(1, frames.count))) }
  }

  var json: JSONValue {
    .members([
      "run": .string(path), "frames": .integer(manifest.frames.count), "ok": .integer(manifest.count(.ok)),
      "degraded": .integer(manifest.count(.degraded)), "skipped": .integer(manifest.count(.skipped)),
      "seconds": .number(manifest.seconds), "peak_memory_bytes": .integer(manifest.peakMemoryBytes),
      "threads": .integer(manifest.threads),
      "milliseconds": .object(stages.map { .init(key: $0.stage, value: .number($0.milliseconds)) }),
    ])
  }

  var text: String {
    let times = stages.map { "\($0.stage) \(Self.oneDecimal($0.milliseconds))" }.joined(separator: ", ")
    let scenes = Set(manifest.frames.map(\.scene)).count
    return """
      \(path): \(manifest.frames.count) frames of \(scenes) scenes: \(manifest.count(.ok)) ok, \
      \(manifest.count(.degraded)) degraded, \(manifest.count(.skipped)) skipped
      milliseconds a frame: \(times)
      \(Self.oneDecimal(manifest.seconds)) s with \(manifest.threads) threads, peak memory \
      \(manifest.peakMemoryBytes >> 20) MiB, on \(manifest.cpu)
      """
  }

  func print(json: Bool) throws {
    try Output.result(json ? self.json.text.trimmingCharacters(in: .whitespacesAndNewlines) : text)
  }

  static func oneDecimal(_ value: Double) -> String { String(format: "%.1f", value) }
}

/// Losses grouped for people: "412 files missing from samples/CAM_BACK" rather than 412 lines.
struct LossSummary {
  private var groups: [(key: String, count: Int, example: String)] = []

  init(_ frames: [FrameRecord]) {
    for frame in frames where frame.status != .ok {
      for reason in frame.reasons { add(reason, frame: frame) }
    }
  }

  private mutating func add(_ reason: String, frame: FrameRecord) {
    let key = Self.group(of: reason)
    if let k = groups.firstIndex(where: { $0.key == key }) {
      groups[k].count += 1
    } else {
      groups.append((key, 1, "\(frame.scene) \(frame.sample): \(reason)"))
    }
  }

  /// What a reason has in common with others of its kind: the folder of a missing file; else its text without digits.
  static func group(of reason: String) -> String {
    if reason.localizedCaseInsensitiveContains("no such file"),
      let path = reason.split(separator: " ").first(where: { $0.contains("/") })
    {
      let parts = path.split(separator: "/")
      if let k = parts.firstIndex(where: { $0 == "samples" || $0 == "sweeps" }), k + 1 < parts.count {
        return "files missing from \(parts[k])/\(parts[k + 1])"
      }
    }
    return String(reason.map { $0.isNumber ? "#" : $0 }.prefix(60))
  }

  var lines: [String] {
    groups.map { group in
      if group.count == 1 { return group.example }
      return group.key.hasPrefix("files missing")
        ? "\(group.count) \(group.key)" : "\(group.count) frames like \(group.example)"
    }
  }
}
