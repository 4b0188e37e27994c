import ArgumentParser
import ArrayFiles
import Foundation
import NeuralEngine

/// `apus run`: an ONNX model on npy inputs.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs an ONNX model on npy files.",
    discussion: "Example: apus run model.onnx --input images=images.npy --output results --repeat 10 --json")

  @Argument(help: "The ONNX file.") var model: String
  @Option(help: "An input, as NAME=FILE.npy; once for each.") var input: [String] = []
  @Option(help: "The folder that gets an npy file for each output.") var output: String
  @Option(help: "Timed inferences after one to warm up.") var `repeat`: Int?
  @Option(help: "Threads; all cores unless given.") var threads: Int?
  @Flag(help: "Print the times as JSON.") var json = false

  func validate() throws {
    if let r = `repeat`, r < 1 { throw ValidationError("--repeat must be 1 or more.") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads must be 1 to 1024.") }
  }

  func run() throws {
    let given = try Self.values(input)
    let network = try ONNXNetwork(path: model, given: given)
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let results = try Interpreter.run(network.graph, given, threads: threads)
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    for (name, value) in zip(network.outputNames, results) {
      try NpyFile.write("\(output)/\(name).npy", value.array)
    }
  }

  /// Tensors of `NAME=FILE.npy` options.
  static func values(_ options: [String]) throws -> [String: TensorValue] {
    var values: [String: TensorValue] = [:]
    for option in options {
      guard let mark = option.lastIndex(of: "=") else {
        throw ValidationError("\(option): expected NAME=FILE.npy.")
      }
      let name = String(option[..<mark]), file = String(option[option.index(after: mark)...])
      values[name] = try TensorValue(NpyFile.read(file))
    }
    return values
  }
}
