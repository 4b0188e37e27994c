import ArgumentParser
import Files
import Foundation
import NeuralEngine

extension Plan.Precision: ExpressibleByArgument {}

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
  @Option(help: "What numbers are computed in: f32, bf16 or int8.") var precision: Plan.Precision = .float32
  @Option(
    help:
      "For int8: an input like those to come, as NAME=FILE.npy; the k-th of a name goes into the k-th set.")
  var calibrate: [String] = []
  @Flag(help: "Print what each step takes, on stderr.") var profile = false
  @Flag(help: "Run operator by operator in plain loops: slow, the reference.") var interpret = false
  @Flag(help: "Print the times as JSON.") var json = false

  func validate() throws {
    if let r = `repeat`, r < 1 { throw ValidationError("--repeat must be 1 or more.") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads must be 1 to 1024.") }
    if precision == .int8, calibrate.isEmpty {
      throw ValidationError("--precision int8 needs --calibrate NAME=FILE.npy for every input.")
    }
  }

  func run() throws {
    try Plan.require(precision)
    let given = try Self.values(input)
    try ONNXExport.makeFolder(output)
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let outputs = try interpret ? interpreted(given, threads: threads) : planned(given, threads: threads)
    let files = OutputFileNames(outputs.names)
    for (k, value) in outputs.values.enumerated() {
      try NpyFile.write("\(output)/\(files.files[k])", value.array(as: outputs.elements[k]))
    }
    if files.areChanged {
      for (name, file) in zip(outputs.names, files.files) { Output.note("output \(name): \(output)/\(file)") }
    }
    if json {
      var report = outputs.report
      report.outputs = Dictionary(zip(outputs.names, files.files), uniquingKeysWith: { first, _ in first })
      try Output.result(report.json)
    }
  }

  /// What a network gave, and the times that it took.
  private struct Outputs {
    var names: [String], elements: [StoredType?], values: [TensorValue], report: RunTimes
  }

  private func planned(_ inputs: [String: TensorValue], threads: Int) throws -> Outputs {
    let sets = try Self.calibrationSets(calibrate)
    let program = try ONNXProgram(
      path: model, options: Plan.Options(threads: threads, precision: precision, calibration: sets))
    // Compiles, fills the inputs' memory, and warms up.
    let values = try program.run(inputs)
    let clock = ContinuousClock()
    var milliseconds: [Double] = []
    for _ in 0..<(`repeat` ?? 0) {
      if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
      milliseconds.append(try clock.measure { try program.runAgain() } / .milliseconds(1))
    }
    var report = RunTimes(milliseconds: milliseconds)
    if let plan = program.plan {
      if precision == .int8 { report.addErrors(of: plan, names: program.outputNames, eachTensor: profile) }
      if profile { try report.addProfile(of: plan) }
    }
    return Outputs(
      names: program.outputNames, elements: program.outputElements, values: values, report: report)
  }

  private func interpreted(_ given: [String: TensorValue], threads: Int) throws -> Outputs {
    let network = try ONNXNetwork(path: model, given: given)
    let clock = ContinuousClock()
    var values = try Interpreter.run(network.graph, given, threads: threads), milliseconds: [Double] = []
    for _ in 0..<(`repeat` ?? 0) {
      milliseconds.append(
        try clock.measure { values = try Interpreter.run(network.graph, given, threads: threads) }
          / .milliseconds(1))
    }
    return Outputs(
      names: network.outputNames, elements: network.outputElements, values: values,
      report: RunTimes(milliseconds: milliseconds))
  }

  /// Tensors of `NAME=FILE.npy` options.
  static func values(_ options: [String]) throws -> [String: TensorValue] {
    var values: [String: TensorValue] = [:]
    for (name, file) in try options.map(pair) {
      guard values[name] == nil else { throw ValidationError("--input \(name) is given twice.") }
      values[name] = try TensorValue(NpyFile.read(file))
    }
    return values
  }

  /// The k-th file of each name makes the k-th set.
  private static func calibrationSets(_ options: [String]) throws -> [[String: TensorValue]] {
    var sets: [[String: TensorValue]] = [], counts: [String: Int] = [:]
    for (name, file) in try options.map(pair) {
      let k = counts[name, default: 0]
      counts[name] = k + 1
      if k == sets.count { sets.append([:]) }
      sets[k][name] = try TensorValue(NpyFile.read(file))
    }
    return sets
  }

  private static func pair(_ option: String) throws -> (name: String, file: String) {
    guard let mark = option.firstIndex(of: "=") else {
      throw ValidationError("\(option): expected NAME=FILE.npy.")
    }
    return (String(option[..<mark]), String(option[option.index(after: mark)...]))
  }
}
