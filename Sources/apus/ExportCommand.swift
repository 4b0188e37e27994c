import ArgumentParser
import Calibration
import Models
import NeuralEngine
import Pipeline

/// `apus export`: a network as ONNX.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a network as ONNX: a model's parts, or an ONNX file as it was read.",
    discussion: """
      Examples: apus export model.safetensors --onnx folder --rig calibration/nuscenes.yaml
                apus export network.onnx --onnx folder
      """)

  @Argument(help: "The network: a model's file (.safetensors) or an ONNX file.") var model: String
  @Option(help: "The folder that gets model.onnx (in a folder for each part of a model).") var onnx: String
  @Option(help: "A rig, for the indices by which a model's image features are pooled: pooling.npz.") var rig:
    String?
  @Option(help: "A value for an input that an ONNX file's shapes depend on, as NAME=FILE.npy.") var input:
    [String] = []

  func validate() throws {
    let isModel = model.hasSuffix(".safetensors")
    guard !isModel || input.isEmpty else {
      throw ValidationError("--input is for ONNX files; a model's shapes are known.")
    }
    guard isModel || rig == nil else { throw ValidationError("--rig is for models (.safetensors).") }
  }

  func run() throws {
    if model.hasSuffix(".safetensors") {
      let files = try Model(contentsOf: model).export(to: onnx, rig: try rig.map { try Rig(contentsOf: $0) })
      return try Output.result(files.joined(separator: "\n"))
    }
    let network = try ONNXNetwork(path: model, given: RunCommand.values(input))
    try ONNXExport.write(network.graph, folder: onnx, outputNames: network.outputNames)
  }
}
