import Foundation

/// A node of an ONNX graph with typed access to its attributes.
struct ONNXNode {
  let file: String
  let name: String
  let kind: String
  let inputs: [String]
  let outputs: [String]
  /// Names it reads: its inputs, and what its own graphs take from outside.
  let reads: Set<String>
  private let attributes: [String: ONNXAttributeProto]

  init(_ node: ONNXNodeProto, index: Int, isNameTaken: Bool, file: String, prefix: String = "") {
    self.file = file
    kind = ONNXNode.kind(node)
    let own = node.name.isEmpty ? "\(node.opType)_\(index)" : isNameTaken ? "\(node.name)#\(index)" : node.name
    name = prefix + own
    reads = ONNXNode.reads(node)
    inputs = node.input
    outputs = node.output
    attributes = Dictionary(node.attribute.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// The operator's name, with its domain where that is not ONNX's own: `com.microsoft.QLinearAdd`.
  static func kind(_ node: ONNXNodeProto) -> String {
    node.domain.isEmpty || node.domain == "ai.onnx" ? node.opType : "\(node.domain).\(node.opType)"
  }

  private static func reads(_ node: ONNXNodeProto) -> Set<String> {
    var names = Set(node.input)
    for attribute in node.attribute where attribute.hasG {
      var inner = Set<String>()
      for node in attribute.g.node { inner.formUnion(reads(node)) }
      inner.formUnion(attribute.g.output.map(\.name))
      inner.subtract(attribute.g.node.flatMap(\.output))
      inner.subtract(attribute.g.input.map(\.name))
      inner.subtract(attribute.g.initializer.map(\.name))
      names.formUnion(inner)
    }
    names.remove("")
    return names
  }

  /// The graph of an attribute.
  func body(_ name: String) throws -> ONNXGraphProto {
    guard let a = attributes[name], a.hasG else {
      throw fault("no graph \(name)", expected: "an attribute with a graph")
    }
    return a.g
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

  func strings(_ name: String) -> [String]? {
    attributes[name].map { $0.strings.map { String(decoding: $0, as: UTF8.self) } }
  }

  func string(_ name: String, _ standard: String) throws -> String {
    guard let a = attributes[name] else { return standard }
    guard let text = String(data: a.s, encoding: .utf8) else {
      throw fault("attribute \(name) that is no text", expected: "UTF-8")
    }
    return text
  }
}
