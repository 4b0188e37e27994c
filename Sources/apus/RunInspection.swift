import Files
import Foundation
import Results

/// What `apus inspect RUN` says: beside the totals, boxes and tracks by class, why frames were lost, and the frames that
/// are worth a look.
struct RunInspection {
  /// Frames that are named of each kind.
  private static let namedFrames = 3

  let path: String
  let summary: RunSummary
  /// Nil for a run that was interrupted.
  let manifest: RunManifest?

  init(path: String) throws {
    self.path = path
    summary = try RunSummary(run: path)
    manifest = summary.isComplete ? try RunManifest(path: "\(path)/run.json") : nil
  }

  private func count(_ status: FrameRecord.Status) -> Int {
    summary.frames.reduce(0) { $0 + ($1.status == status ? 1 : 0) }
  }

  var text: String {
    var lines: [String] = []
    if let manifest {
      lines.append(RunReport(manifest, path: path).text)
    } else {
      lines.append(
        "\(path): interrupted; \(summary.finishedScenes.count) of \(summary.scenes.count) scenes are finished, with "
          + "\(summary.frames.count) frames: \(count(.ok)) ok, \(count(.degraded)) degraded, \(count(.skipped)) skipped; "
          + "--resume goes on")
    }
    if !summary.classes.isEmpty {
      lines += ["", "class                   boxes  score 0.3 on  a frame  tracks"]
      let frames = Double(max(1, summary.frames.count - count(.skipped)))
      lines += summary.classes.map { row in
        row.name.padding(toLength: 20, withPad: " ", startingAt: 0)
          + String(
            format: "%9d %13d %8.1f %7d", row.boxes, row.confident, Double(row.confident) / frames, row.tracks
          )
      }
    }
    let losses = LossSummary(summary.frames).lines
    if !losses.isEmpty { lines += ["", "losses:"] + losses.map { "  \($0)" } }
    let slowest = summary.slowest(Self.namedFrames)
    if !slowest.isEmpty {
      lines += ["", "slowest frames:"]
      lines += slowest.map { entry in
        let most = entry.frame.milliseconds.max { $0.milliseconds < $1.milliseconds }
        return "  \(RunReport.oneDecimal(entry.milliseconds)) ms  \(entry.frame.scene) \(entry.frame.sample)"
          + (most.map { ", most of it \($0.stage)" } ?? "")
      }
    }
    let emptiest = summary.emptiest(Self.namedFrames)
    if !emptiest.isEmpty {
      lines += ["", "frames with the fewest boxes:"]
      lines += emptiest.map { "  \($0.boxes)  \($0.frame.scene) \($0.frame.sample)" }
    }
    return lines.joined(separator: "\n")
  }

  var json: JSONValue {
    var members: [JSONValue.Member] = []
    if let manifest {
      if case .object(let totals) = RunReport(manifest, path: path).json { members = totals }
    } else {
      members = [
        .init(key: "run", value: .string(path)), .init(key: "frames", value: .integer(summary.frames.count)),
        .init(key: "ok", value: .integer(count(.ok))),
        .init(key: "degraded", value: .integer(count(.degraded))),
        .init(key: "skipped", value: .integer(count(.skipped))),
      ]
    }
    func named(_ frame: FrameRecord, _ key: String, _ value: JSONValue) -> JSONValue {
      .object([
        .init(key: "scene", value: .string(frame.scene)), .init(key: "sample", value: .string(frame.sample)),
        .init(key: key, value: value),
      ])
    }
    members += [
      .init(key: "complete", value: .bool(summary.isComplete)),
      .init(key: "scenes", value: .integer(summary.scenes.count)),
      .init(key: "finished_scenes", value: .integer(summary.finishedScenes.count)),
      .init(
        key: "classes",
        value: .object(
          summary.classes.map { row in
            .init(
              key: row.name,
              value: .members([
                "boxes": .integer(row.boxes), "confident": .integer(row.confident),
                "tracks": .integer(row.tracks),
              ]))
          })),
      .init(key: "losses", value: .array(LossSummary(summary.frames).lines.map { .string($0) })),
      .init(
        key: "slowest",
        value: .array(
          summary.slowest(Self.namedFrames).map { named($0.frame, "milliseconds", .number($0.milliseconds)) })
      ),
      .init(
        key: "emptiest",
        value: .array(summary.emptiest(Self.namedFrames).map { named($0.frame, "boxes", .integer($0.boxes)) })
      ),
    ]
    return .object(members)
  }
}
