import Files

/// A network read from an ONNX file.
public struct ONNXNetwork: Sendable {
  /// The network; its outputs are in the file's order.
  public let graph: Graph
  /// Names of the graph's outputs in the file.
  public let outputNames: [String]
  /// The element types that the file states for its outputs; nil where it states none, or one of another kind.
  public let outputElements: [StoredType?]
  /// Names of the file's inputs, without initializers.
  public var inputNames: [String] { graph.inputs.map { graph[$0].name } }

  /// Reads a model and builds its graph.
  ///
  /// Shapes must be known: axes that the file leaves open (by a name, or as -1) take the extents of `given`. All inputs
  /// stay live, but where building needs elements (a shape, an axis, Resize's scales), those of `given` are taken for
  /// good; `ONNXProgram` runs networks whose shapes depend on what they compute.
  ///
  /// - Parameters:
  ///   - given: values of inputs, by name.
  ///   - shapes: extents of inputs that the file leaves open and for which no value is given.
  /// - Throws: `EngineError` naming the node, tensor or field; `ArrayFileError`, `FileError` for unreadable files.
  public init(path: String, given: [String: TensorValue] = [:], shapes: [String: [Int]] = [:]) throws {
    self = try ONNXImporter.network(ONNXFile(path: path), given: given, shapes: shapes)
  }

  /// Builds the graph of a model's bytes; `name` stands for the file in errors, and external data are sought beside it.
  public init(bytes: [UInt8], name: String, given: [String: TensorValue] = [:]) throws {
    self = try ONNXImporter.network(ONNXFile(bytes: bytes, path: name), given: given, shapes: [:])
  }

  /// Names of all operators that are read, with their domain where that is not ONNX's own, in order.
  public static var operators: [String] { ONNXOperators.builders.keys.sorted() }

  init(graph: Graph, outputNames: [String], outputElements: [StoredType?]) {
    self.graph = graph
    self.outputNames = outputNames
    self.outputElements = outputElements
  }
}
