import ArgumentParser
import Calibration
import Files
import Foundation
import Models
import NeuralEngine
import Pipeline
import Recording
import Results
import Yams

/// A configuration file that says what no configuration says: wrong use, as a wrong option is.
struct ConfigurationFault: Error, CustomStringConvertible {
  let error: any Error
  var description: String { "\(error)" }
}

/// `apus model`: makes model files.
struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Makes model files: from a configuration, or with int8 scales.",
    subcommands: [Create.self, Quantize.self])

  /// `apus model create`.
  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes a model with first weights, which know nothing yet.",
      discussion: """
        Example: apus model create configurations/default.yaml --seed 1 --out first.safetensors
                 apus inspect first.safetensors
        """)

    @Argument(help: "The network's configuration, in YAML.") var path: String
    @Option(help: "Seed of the first weights.") var seed: UInt64 = 0
    @Option(help: "The model file: safetensors.") var out: String
    @Flag(help: "Print one JSON value.") var json = false

    func validate() throws {
      guard out.hasSuffix(".safetensors") else {
        throw ValidationError("--out is \(out); a model's file ends in .safetensors.")
      }
    }

    func run() throws {
      let model: Model
      do {
        model = try Model(try ModelCommand.configuration(contentsOf: path), seed: seed, file: path)
      } catch  where !(error is FileError || error is ArrayFileError) {
        throw ConfigurationFault(error: error)
      }
      try model.write(out)
      try ModelCommand.report(try Model(contentsOf: out), path: out, json: json)
    }
  }

  /// `apus model quantize`.
  struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Adds int8 scales, found on frames of a drive, to a model; says what int8 costs in accuracy.",
      discussion: """
        Example: apus model quantize first.safetensors --from ~/data/nuscenes --frames 16 --out small.safetensors
        """)

    @Argument(help: "The model file.") var path: String
    @Option(help: "A dataroot like those that will be replayed.") var from: String
    @Option(name: .customLong("version-folder"), help: "Its version folder, where there are several.")
    var version: String?
    @Option(help: "Frames to calibrate on, spread over the dataroot's scenes.") var frames = 16
    @Option(help: "Threads.") var threads = ProcessInfo.processInfo.activeProcessorCount
    @Option(help: "The model file to write.") var out: String
    @Flag(help: "Print one JSON value.") var json = false

    func validate() throws {
      guard out.hasSuffix(".safetensors") else {
        throw ValidationError("--out is \(out); a model's file ends in .safetensors.")
      }
      guard (1...1000).contains(frames) else {
        throw ValidationError("--frames is \(frames) (1 to 1000).")
      }
      guard (1...1024).contains(threads) else {
        throw ValidationError("--threads is \(threads) (1 to 1024).")
      }
    }

    func run() throws {
      try Plan.require(.int8)
      let dataset = try Dataset(root: from, version: version)
      var model = try Model(contentsOf: path)
      var progress: ProgressReport?
      let errors = try model.quantize(on: dataset, frames: frames, threads: threads) { done, total in
        if progress == nil { progress = ProgressReport(label: "frames", total: total) }
        progress?.update(done: done, detail: "")
      }
      progress?.finish()
      try model.write(out)
      if json {
        let document = JSONValue.members([
          "model": .string(out),
          "int8_error": .object(errors.map { .init(key: $0.name, value: .number($0.meanOfRange)) }),
        ])
        return try Output.result(document.text.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      let lines = errors.map { String(format: "  %6.3f %%  ", 100 * $0.meanOfRange) + $0.name }
      try Output.result(
        (["\(out): mean error of int8, of each output's range in f32:"] + lines).joined(separator: "\n"))
    }
  }

  /// Reads a network's configuration.
  static func configuration(contentsOf path: String) throws -> Model.Configuration {
    let bytes = try RegularFile.read(path, limit: 1 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ModelError(file: path, field: "file", found: "bytes that are no UTF-8", expected: "YAML in UTF-8")
    }
    try checkYAML(text, file: path)
    do { return try YAMLDecoder().decode(Model.Configuration.self, from: text) } catch {
      throw ModelError(error, file: path) ?? error
    }
  }

  static func report(_ model: Model, path: String, json: Bool) throws {
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    if json {
      let document = JSONValue.members([
        "model": .string(path), "name": .string(model.configuration.name),
        "parameters": .integer(model.parameterCount), "bytes": .integer(size),
        "sha256": .optional(model.sha256),
      ])
      return try Output.result(document.text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    try Output.result(
      "\(path): \(model.configuration.name), \(model.parameterCount) weights, \(size / 1024) KiB")
  }
}
