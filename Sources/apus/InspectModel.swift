import ArrayFiles
import Foundation
import NeuralEngine

/// What `apus inspect MODEL` says.
enum InspectModel {
  /// A table, or JSON, of an ONNX model's operators; of a safetensors file's arrays.
  ///
  /// - Parameters:
  ///   - shapes: extents of inputs that the model leaves open, by name.
  ///   - effectiveField: a PNG file for the effective receptive field, measured by perturbation.
  static func report(
    path: String, json: Bool, shapes: [String: [Int]] = [:], effectiveField: String? = nil, threads: Int = 1
  ) throws -> String {
    if path.hasSuffix(".safetensors") { return try arrays(path, json: json) }
    let network = try ONNXNetwork(path: path, shapes: shapes)
    if let effectiveField {
      let field = try EffectiveReceptiveField(network.graph, threads: threads)
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

  private static func arrays(_ path: String, json: Bool) throws -> String {
    let file = try SafetensorsFile.read(path)
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
