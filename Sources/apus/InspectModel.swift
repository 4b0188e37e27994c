import Files
import Foundation
import Models
import NeuralEngine
import Pipeline

/// What `apus inspect MODEL` says.
enum InspectModel {
  /// A table, or JSON, of an ONNX model's operators; of a safetensors file's arrays, as any other name is read.
  ///
  /// - Parameters:
  ///   - shapes: extents of inputs that the model leaves open, by name.
  ///   - effectiveField: a PNG file for the effective receptive field, measured by perturbation.
  static func report(
    path: String, json: Bool, shapes: [String: [Int]] = [:], effectiveField: String? = nil, threads: Int = 1
  ) throws -> String {
    if !path.hasSuffix(".onnx") {
      let file = try SafetensorsFile.read(path)
      return try Model.isModel(file) ? model(path, json: json) : arrays(file, json: json)
    }
    let network = try ONNXNetwork(path: path, shapes: shapes)
    if let effectiveField {
      var report: ProgressReport?
      let field = try EffectiveReceptiveField(network.graph, threads: threads) { done, total in
        if report == nil { report = ProgressReport(label: "effective field: runs", total: total) }
        report?.update(done: done)
      }
      report?.finish()
      try PNGFile.write(effectiveField, field.picture())
    }
    let report = try NetworkReport(network.graph)
    return json ? try encoded(report) : report.table
  }

  /// Extents from `NAME=1,3,224,224` options.
  static func shapes(_ options: [String]) throws -> [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for option in options {
      let parts = option.split(separator: "=", maxSplits: 1)
      let extents = parts.count == 2 ? parts[1].split(separator: ",").map { Int($0) } : []
      guard parts.count == 2, !extents.contains(nil) else {
        throw EngineError(
          file: "--shape", field: option, found: "no extents", expected: "NAME=1,3,224,224")
      }
      shapes[String(parts[0])] = extents.compactMap { $0 }
    }
    return shapes
  }

  private static func encoded<T: Encodable>(_ value: T) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private struct Arrays: Encodable {
    struct Row: Encodable {
      var name: String, type: String, shape: [Int]
    }
    var arrays: [Row], metadata: [String: String], parameters: Int
  }

  private struct ModelReport: Encodable {
    var name: String, parameters: Int, operations: Int, parts: [Model.Part], graphs: [NetworkReport]
    var hasInt8Scales: Bool
  }

  /// What a model's parts cost a frame, and its operators.
  private static func model(_ path: String, json: Bool) throws -> String {
    let model = try Model(contentsOf: path)
    let parts = try model.parts()
    let graphs = try model.graphs()
    let report = ModelReport(
      name: model.configuration.name, parameters: model.parameterCount,
      operations: parts.reduce(0) { $0 + $1.operations }, parts: parts,
      graphs: try graphs.map { try NetworkReport($0.graph) }, hasInt8Scales: model.scales != nil)
    if json { return try encoded(report) }
    let lines = parts.map { part in
      part.name.padding(toLength: 22, withPad: " ", startingAt: 0)
        + String(format: "%10d  %8.3f", part.parameters, Double(part.operations) * 1e-9)
    }
    let total = String(format: "%10d  %8.3f", report.parameters, Double(report.operations) * 1e-9)
    let tables = zip(graphs, report.graphs).map { graph, report in
      "\(report.name), \(graph.runs == 1 ? "once" : "\(graph.runs) times") a frame\n\(report.table)"
    }
    return
      (["\(path): \(report.name), \(report.hasInt8Scales ? "with" : "without") int8 scales", ""]
      + ["part                  parameters     GFLOP"] + lines + ["together              " + total, ""])
      .joined(separator: "\n") + tables.joined(separator: "\n\n")
  }

  private static func arrays(_ file: SafetensorsFile, json: Bool) throws -> String {
    let result = Arrays(
      arrays: file.tensors.map { .init(name: $0.name, type: $0.elementType.rawValue, shape: $0.shape) },
      metadata: Dictionary(file.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }),
      parameters: file.tensors.reduce(0) { $0 + $1.count })
    if json { return try encoded(result) }
    let rows = result.arrays.map {
      "\($0.name)  \($0.type)  \($0.shape.map(String.init).joined(separator: "x"))"
    }
    return (rows + ["", "\(rows.count) arrays, \(result.parameters) values"]).joined(separator: "\n")
  }
}
