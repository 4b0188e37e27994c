import ArgumentParser
import Files
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
                apus inspect model.safetensors
                apus inspect network.onnx --shape image=6,3,128,352 --effective-field field.png
      """)

  @Argument(help: "A dataroot, a run's folder, or a model (.onnx, .safetensors).") var path: String
  @Option(name: .customLong("version-folder"), help: "A dataroot's version folder, where there are several.")
  var version: String?
  @Option(help: "A model's input extents where the file leaves them open: NAME=1,3,224,224.") var shape:
    [String] = []
  @Option(help: "Write a model's effective receptive field to this PNG file.") var effectiveField: String?
  @Flag(help: "Print one JSON value.") var json = false

  func run() throws {
    if try RunSummary.isRun(path) {
      let inspection = try RunInspection(path: path)
      return try Output.result(
        json
          ? inspection.json.text.trimmingCharacters(in: .whitespacesAndNewlines) : inspection.text)
    }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if path.hasSuffix(".onnx") || path.hasSuffix(".safetensors") || (exists && !isFolder.boolValue) {
      return try Output.result(
        InspectModel.report(
          path: path, json: json, shapes: try InspectModel.shapes(shape), effectiveField: effectiveField,
          threads: ProcessInfo.processInfo.activeProcessorCount))
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
