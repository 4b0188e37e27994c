import ArgumentParser
import Foundation
import Recording
import Results

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a dataroot, a run or a model holds, and what is odd about it.",
    discussion: """
      Examples: apus inspect ~/data/nuscenes
                apus inspect runs/mini --json
      """)

  @Argument(help: "A dataroot or a run's folder.") var path: String
  @Option(help: "A dataroot's version folder, where there are several.") var version: String?
  @Flag(help: "Print one JSON value.") var json = false

  func run() throws {
    if FileManager.default.fileExists(atPath: "\(path)/run.json") {
      let manifest = try RunManifest(path: "\(path)/run.json")
      for line in LossSummary(manifest.frames).lines { Output.note("apus: \(line)") }
      return try RunReport(manifest, path: path).print(json: json)
    }
    let dangling = try Dataset.danglingKeys(root: path, version: version)
    guard dangling.isEmpty else {
      for key in dangling.dropLast() { Output.note("apus: \(key)") }
      throw dangling[dangling.count - 1]
    }
    let report = try DatarootReport(Dataset(root: path, version: version))
    for warning in report.warnings { Output.note("apus: \(warning)") }
    try Output.result(json ? report.json.text.trimmingCharacters(in: .whitespacesAndNewlines) : report.text)
  }
}
