import Files
import Foundation
internal import SwiftProtobuf

/// Writes graphs as ONNX models.
public enum ONNXExport {
  /// Bytes of weights above which they go to a file of their own (a protocol buffer ends at 2 GiB).
  static let externalLimit = 1 << 30

  /// Writes `folder/model.onnx` and, where the weights are large, `folder/weights.bin`.
  ///
  /// - Parameter outputNames: names for the graph's outputs in the file; their tensors' names where nil.
  /// - Throws: `EngineError` naming an operator that ONNX has no counterpart for; `FileError` where writing fails.
  public static func write(_ graph: Graph, folder: String, outputNames: [String]? = nil) throws {
    var builder = ONNXGraphBuilder(graph, outputNames: outputNames)
    let total = graph.tensors.reduce(0) { sum, tensor in
      switch tensor.source {
      case .weight, .constant: sum + tensor.type.byteCount
      case .input, .node: sum
      }
    }
    builder.keepsWeightsApart = total > externalLimit
    let model = try builder.model()
    try makeFolder(folder)
    if builder.keepsWeightsApart { try AtomicFile.write("\(folder)/weights.bin", builder.weights) }
    try AtomicFile.write("\(folder)/model.onnx", try serialized(model))
  }

  /// Makes a folder and those above it.
  ///
  /// - Throws: `EngineError` where the system refuses.
  public static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      let reason = cause.map { String(cString: strerror(Int32($0.code))) } ?? "no reason given"
      throw EngineError(
        file: path, field: "folder", found: "cannot be made: \(reason)", expected: "a place to write to")
    }
  }

  /// The model's bytes, weights included; the same for the same graph.
  public static func bytes(_ graph: Graph, outputNames: [String]? = nil) throws -> [UInt8] {
    var builder = ONNXGraphBuilder(graph, outputNames: outputNames)
    return try serialized(try builder.model())
  }

  private static func serialized(_ model: ONNXModelProto) throws -> [UInt8] {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    return try model.serializedBytes(options: options)
  }
}

/// Builds an ONNX graph from one of ours.
struct ONNXGraphBuilder {
  let graph: Graph
  var keepsWeightsApart = false
  /// What goes to the file of weights.
  private(set) var weights: [UInt8] = []
  private var proto = ONNXGraphProto()
  private var operatorSet = 23
  private var names: [TensorID: String] = [:]
  private let outputNames: [String]
  private var written: Set<TensorID> = []
  private var counter = 0

  init(_ graph: Graph, outputNames: [String]?) {
    self.graph = graph
    self.outputNames = outputNames ?? graph.outputs.map { graph[$0].name }
  }

  mutating func model() throws -> ONNXModelProto {
    proto.name = "apus"
    for id in graph.inputs { proto.input.append(Self.info(graph[id].name, graph[id].type)) }
    for id in graph.tensors.indices { names[TensorID(index: id)] = graph.tensors[id].name }
    // A name that the file gives to an output must not be another tensor's.
    let taken = Set(outputNames)
    for (i, tensor) in graph.tensors.enumerated() where taken.contains(tensor.name) {
      if case .input = tensor.source { continue }
      names[TensorID(index: i)] = "apus.\(i).\(tensor.name)"
    }
    for node in graph.nodes { try add(node) }
    for (id, name) in zip(graph.outputs, outputNames) {
      if self.name(id) != name { emit("Identity", [self.name(id)], [name]) }
      proto.output.append(Self.info(name, graph[id].type))
    }
    var model = ONNXModelProto()
    model.irVersion = 11
    model.producerName = "apus"
    model.graph = proto
    var set = ONNXOperatorSetIdProto()
    set.domain = ""
    set.version = Int64(operatorSet)
    model.opsetImport = [set]
    return model
  }

  private static func info(_ name: String, _ type: TensorType) -> ONNXValueInfoProto {
    var tensor = ONNXTypeProto.Tensor()
    tensor.elemType = number(type.element)
    tensor.shape.dim = type.shape.map { extent in
      var dimension = ONNXTensorShapeProto.Dimension()
      dimension.dimValue = Int64(extent)
      return dimension
    }
    var info = ONNXValueInfoProto()
    info.name = name
    info.type.tensorType = tensor
    return info
  }

  static func number(_ element: ElementType) -> Int32 {
    switch element {
    case .float32: ONNXElement.float.rawValue
    case .int64: ONNXElement.int64.rawValue
    case .bool: ONNXElement.bool.rawValue
    }
  }

  // MARK: What exporters of operators use

  /// Uses a later operator set where an operator needs it.
  mutating func require(operatorSet version: Int) { operatorSet = max(operatorSet, version) }

  /// The tensor's name in the file; weights and constants are written at their first use.
  mutating func name(_ id: TensorID) -> String {
    let name = names[id] ?? graph[id].name
    if let value = graph.value(id), written.insert(id).inserted { initializer(name, value) }
    return name
  }

  /// A fixed tensor of its own.
  mutating func constant(_ value: TensorValue) -> String {
    counter += 1
    let name = "apus.constant.\(counter)"
    initializer(name, value)
    return name
  }

  mutating func integers(_ values: [Int]) -> String {
    constant(TensorValue([values.count], integers: values.map { Int64($0) }))
  }

  mutating func scalar(_ value: Float) -> String { constant(TensorValue([], [value])) }

  /// A new name for a tensor between two nodes.
  mutating func fresh() -> String {
    counter += 1
    return "apus.step.\(counter)"
  }

  /// Adds a node.
  mutating func emit(
    _ kind: String, _ inputs: [String], _ outputs: [String], _ attributes: [ONNXAttributeProto] = []
  ) {
    var node = ONNXNodeProto()
    node.opType = kind
    node.name = "\(kind).\(proto.node.count)"
    node.input = inputs
    node.output = outputs
    node.attribute = attributes
    proto.node.append(node)
  }

  /// Adds a node with one output in between and returns its name.
  mutating func step(_ kind: String, _ inputs: [String], _ attributes: [ONNXAttributeProto] = []) -> String {
    let output = fresh()
    emit(kind, inputs, [output], attributes)
    return output
  }

  private mutating func initializer(_ name: String, _ value: TensorValue) {
    var tensor = ONNXTensorProto()
    tensor.name = name
    tensor.dims = value.shape.map { Int64($0) }
    tensor.dataType = Self.number(value.type.element)
    if keepsWeightsApart, value.type.byteCount >= 1024 {
      func entry(_ key: String, _ value: String) -> ONNXStringStringEntryProto {
        var entry = ONNXStringStringEntryProto()
        entry.key = key
        entry.value = value
        return entry
      }
      weights += [UInt8](repeating: 0, count: (64 - weights.count % 64) % 64)
      tensor.dataLocation = 1
      tensor.externalData = [
        entry("location", "weights.bin"), entry("offset", "\(weights.count)"),
        entry("length", "\(value.type.byteCount)"),
      ]
      value.withBytes { weights += $0 }
    } else {
      tensor.rawData = value.withBytes { Data($0) }
    }
    proto.initializer.append(tensor)
  }
}

/// Attributes of nodes.
extension ONNXAttributeProto {
  static func ints(_ name: String, _ values: [Int]) -> Self {
    var a = Self()
    a.name = name
    a.type = 7
    a.ints = values.map { Int64($0) }
    return a
  }

  static func int(_ name: String, _ value: Int) -> Self {
    var a = Self()
    a.name = name
    a.type = 2
    a.i = Int64(value)
    return a
  }

  static func flag(_ name: String, _ value: Bool) -> Self { int(name, value ? 1 : 0) }

  static func float(_ name: String, _ value: Float) -> Self {
    var a = Self()
    a.name = name
    a.type = 1
    a.f = value
    return a
  }

  static func text(_ name: String, _ value: String) -> Self {
    var a = Self()
    a.name = name
    a.type = 3
    a.s = Data(value.utf8)
    return a
  }
}
