import ArgumentParser
import NeuralEngine

/// `apus export`: a network as ONNX.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Writes a network as an ONNX model.",
    discussion: "Example: apus export network.onnx --onnx folder")

  @Argument(help: "The network: an ONNX file.") var model: String
  @Option(help: "The folder that gets model.onnx, and weights.bin where the weights are large.") var onnx:
    String
  @Option(help: "A value for an input that shapes depend on, as NAME=FILE.npy.") var input: [String] = []

  func run() throws {
    let network = try ONNXNetwork(path: model, given: RunCommand.values(input))
    try ONNXExport.write(network.graph, folder: onnx, outputNames: network.outputNames)
  }
}
