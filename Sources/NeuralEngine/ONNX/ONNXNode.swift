import Foundation

/// A node of an ONNX graph with typed access to its attributes.
struct ONNXNode {
  let file: String
  let name: String
  let kind: String
  let inputs: [String]
  let outputs: [String]
  private let attributes: [String: ONNXAttributeProto]

  init(_ node: ONNXNodeProto, index: Int, isNameTaken: Bool, file: String) {
    self.file = file
    kind = node.opType
    name = node.name.isEmpty ? "\(node.opType)_\(index)" : isNameTaken ? "\(node.name)#\(index)" : node.name
    inputs = node.input
    outputs = node.output
    attributes = Dictionary(node.attribute.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// An error in this node.
  func fault(_ found: String, expected: String) -> EngineError {
    EngineError(file: file, field: "node \(name) (\(kind))", found: found, expected: expected)
  }

  /// Whether output `index` is wanted.
  func hasOutput(_ index: Int) -> Bool { index < outputs.count && !outputs[index].isEmpty }

  /// Whether the attribute is there.
  func has(_ name: String) -> Bool { attributes[name] != nil }

  func attribute(_ name: String) -> ONNXAttributeProto? { attributes[name] }

  func int(_ name: String, _ standard: Int) throws -> Int {
    guard let a = attributes[name] else { return standard }
    guard a.hasI else { throw fault("attribute \(name) without an integer", expected: "an integer") }
    return Int(a.i)
  }

  func flag(_ name: String) throws -> Bool { try int(name, 0) != 0 }

  func float(_ name: String, _ standard: Float) throws -> Float {
    guard let a = attributes[name] else { return standard }
    if a.hasI, !a.hasF { return Float(a.i) }
    guard a.hasF else { throw fault("attribute \(name) without a float", expected: "a float") }
    return a.f
  }

  func ints(_ name: String) -> [Int]? { attributes[name].map { $0.ints.map { Int($0) } } }

  func floats(_ name: String) -> [Float]? { attributes[name].map(\.floats) }

  func string(_ name: String, _ standard: String) throws -> String {
    guard let a = attributes[name] else { return standard }
    guard let text = String(data: a.s, encoding: .utf8) else {
      throw fault("attribute \(name) that is no text", expected: "UTF-8")
    }
    return text
  }
}
