import Files

/// Named tensors in an order: a network's weights, an optimiser's moments, averages, what a checkpoint holds.
public struct WeightSet: Sendable, Equatable {
  /// The names, in their order.
  public private(set) var names: [String] = []
  private var values: [String: TensorValue] = [:]

  /// An empty set.
  public init() {}

  /// The weights of a graph, in its order.
  public init(_ graph: Graph) {
    for id in graph.weights { self[graph[id].name] = graph.value(id) }
  }

  /// The tensor of a name; a new one goes to the end.
  public subscript(_ name: String) -> TensorValue? {
    get { values[name] }
    set {
      if values[name] == nil, newValue != nil { names.append(name) }
      if newValue == nil { names.removeAll { $0 == name } }
      values[name] = newValue
    }
  }

  /// Number of tensors.
  public var count: Int { names.count }

  /// The tensors by name.
  public var byName: [String: TensorValue] { values }

  /// Those whose names begin with a prefix, which is taken off.
  public func withoutPrefix(_ prefix: String) -> WeightSet {
    var part = WeightSet()
    for name in names where name.hasPrefix(prefix) {
      part[String(name.dropFirst(prefix.count))] = values[name]
    }
    return part
  }

  /// Adds another set's tensors, their names after a prefix.
  public mutating func add(_ other: WeightSet, prefix: String = "") {
    for name in other.names { self[prefix + name] = other[name] }
  }

  /// Writes all as safetensors (F32, I64, BOOL), whole or not at all.
  ///
  /// - Throws: `FileError`.
  public func save(_ path: String, metadata: [(key: String, value: String)] = []) throws {
    let tensors = names.compactMap { name in values[name].map { (name: name, array: $0.array) } }
    try SafetensorsFile.write(path, tensors: tensors, metadata: metadata)
  }

  /// Reads all tensors of a safetensors file, in its order.
  ///
  /// - Throws: `ArrayFileError` where the file is broken or a float is NaN or infinite; `FileError`.
  public init(_ file: SafetensorsFile) throws {
    for tensor in file.tensors {
      let shape = tensor.shape
      switch tensor.elementType {
      case .int64: self[tensor.name] = TensorValue(shape, integers: try file.array(tensor).values())
      case .bool: self[tensor.name] = TensorValue(shape, booleans: try file.array(tensor).booleans())
      default: self[tensor.name] = TensorValue(shape, try file.finiteFloats(tensor))
      }
    }
  }
}
