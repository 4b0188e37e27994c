/// A tensor of a graph.
public struct TensorID: Hashable, Sendable {
  /// Position in `Graph.tensors`.
  public let index: Int
}

/// A static network: named tensors of known shape and the operators between them, in an order that can be run.
///
/// Shapes are inferred and checked as operators are added. A graph is a value: copies are independent, and tools (the
/// plan, export, gradients) read it or build another.
public struct Graph: Sendable {
  /// Where a tensor's elements come from.
  public enum Source: Sendable {
    /// Given at each run.
    case input
    /// Learned; replaced by name when weights are loaded.
    case weight(TensorValue)
    /// Fixed for good.
    case constant(TensorValue)
    /// An operator's output: position of the node and of the output.
    case node(Int, output: Int)
  }

  /// A named tensor.
  public struct Tensor: Sendable {
    /// Unique within the graph.
    public let name: String
    /// Shape and element type.
    public let type: TensorType
    /// Where the elements come from.
    public internal(set) var source: Source
    /// Of a weight: what it is for, where that was said when it was added; `Graph.weightRoles` knows all.
    public internal(set) var role: WeightRole?
  }

  /// An operator with its tensors.
  public struct Node: Sendable {
    /// Unique within the graph's nodes.
    public let name: String
    /// What it computes.
    public let operation: Operator
    /// Tensors it reads.
    public let inputs: [TensorID]
    /// Tensors it makes.
    public let outputs: [TensorID]
  }

  /// Name for errors: the file it was read from, else `graph`.
  public var name: String
  /// Seed of the weights' initial values.
  public let seed: UInt64
  /// All tensors.
  public private(set) var tensors: [Tensor] = []
  /// All operators; each reads only tensors made before it.
  public private(set) var nodes: [Node] = []
  /// Inputs, in the order they were added.
  public private(set) var inputs: [TensorID] = []
  /// Outputs, in the order they were marked.
  public private(set) var outputs: [TensorID] = []

  private var scope: [String] = []
  private var indexByName: [String: Int] = [:]
  private var nodeNames: Set<String> = []

  /// An empty graph.
  public init(name: String = "graph", seed: UInt64 = 0) {
    self.name = name
    self.seed = seed
  }

  /// The tensor's name, type and source.
  public subscript(_ id: TensorID) -> Tensor { tensors[id.index] }

  /// The tensor's extents.
  public func shape(_ id: TensorID) -> [Int] { tensors[id.index].type.shape }

  /// The tensor of a name, if there is one.
  public func tensor(named name: String) -> TensorID? { indexByName[name].map(TensorID.init(index:)) }

  /// All weights, in the order they were added.
  public var weights: [TensorID] {
    tensors.indices.filter { if case .weight = tensors[$0].source { true } else { false } }
      .map(TensorID.init(index:))
  }

  /// Number of learned values.
  public var parameterCount: Int { weights.reduce(0) { $0 + self[$1].type.count } }

  /// The elements of a weight or constant; nil for other tensors.
  public func value(_ id: TensorID) -> TensorValue? {
    switch tensors[id.index].source {
    case .weight(let value), .constant(let value): value
    case .input, .node: nil
    }
  }

  // MARK: Building

  /// Adds an input. A name that is taken gets a suffix, here and below.
  public mutating func addInput(_ name: String, _ type: TensorType) -> TensorID {
    let id = addTensor(name, type, .input)
    inputs.append(id)
    return id
  }

  /// Adds a float input of a shape.
  public mutating func addInput(_ name: String, _ shape: [Int]) -> TensorID {
    addInput(name, TensorType(shape))
  }

  /// Adds a fixed tensor.
  public mutating func addConstant(_ name: String, _ value: TensorValue) -> TensorID {
    addTensor(name, value.type, .constant(value))
  }

  /// Adds a weight with given values; its role is told by what reads it unless given.
  public mutating func addWeight(_ name: String, _ value: TensorValue, role: WeightRole? = nil) -> TensorID {
    let id = addTensor(name, value.type, .weight(value))
    tensors[id.index].role = role
    return id
  }

  /// Adds a learned float tensor, initialised from the graph's seed and its own name.
  public mutating func addWeight(_ name: String, _ shape: [Int], _ initial: Initialization) -> TensorID {
    let full = uniqueTensorName(name)
    return insert(full, TensorType(shape), .weight(initial.value(shape: shape, name: full, seed: seed)))
  }

  /// Adds an operator; its outputs are named after it (`name`, `name.1`, ...) unless `outputNames` says otherwise.
  ///
  /// - Throws: `EngineError` that names this operator and the ones its inputs come from, their shapes and the axis.
  public mutating func add(
    _ operation: Operator, _ inputs: [TensorID], name: String? = nil, outputNames: [String]? = nil
  ) throws -> [TensorID] {
    let definition = operation.definition
    let nodeName = uniqueNodeName(name ?? definition.name)
    let inputTypes = inputs.map { self[$0].type }
    let types: [TensorType]
    do {
      types = try definition.outputTypes(inputTypes)
      for type in types where !TensorType.isValid(type.shape) {
        throw ShapeError.parameter("output", found: "\(type.shape)", expected: "2^40 elements at most")
      }
    } catch let error as ShapeError {
      throw explain(error, operation: definition.name, node: nodeName, inputs: inputs)
    }
    nodeNames.insert(nodeName)
    let outputs = types.indices.map { i in
      let given = outputNames.flatMap { i < $0.count ? $0[i] : nil }
      let tensorName = uniqueName(given ?? (i == 0 ? nodeName : "\(nodeName).\(i)"))
      return insert(tensorName, types[i], .node(nodes.count, output: i))
    }
    nodes.append(Node(name: nodeName, operation: operation, inputs: inputs, outputs: outputs))
    return outputs
  }

  /// Adds an operator with one output.
  public mutating func apply(_ operation: Operator, _ inputs: TensorID..., name: String? = nil) throws
    -> TensorID
  {
    let outputs = try add(operation, inputs, name: name)
    precondition(outputs.count == 1, "\(operation.definition.name) has \(outputs.count) outputs")
    return outputs[0]
  }

  /// Marks a tensor as an output of the graph.
  public mutating func markOutput(_ id: TensorID) { outputs.append(id) }

  /// Makes these tensors the only outputs.
  public mutating func replaceOutputs(by ids: [TensorID]) { outputs = ids }

  /// Marks a tensor as an output of the graph under a name of its own.
  public mutating func markOutput(_ id: TensorID, name: String) throws {
    if self[id].name == name { return outputs.append(id) }
    guard indexByName[name] == nil else {
      throw EngineError(
        file: self.name, field: "output \(name)", found: "another tensor of this name", expected: "a new name"
      )
    }
    outputs += try add(.reshape(.init(shape(id))), [id], name: name, outputNames: [name])
  }

  /// Calls `body` with names prefixed by `name` and a dot.
  public mutating func scoped<R>(_ name: String, _ body: (inout Graph) throws -> R) rethrows -> R {
    scope.append(name)
    defer { scope.removeLast() }
    return try body(&self)
  }

  /// Replaces weights by name.
  ///
  /// - Throws: `EngineError` listing every missing, unexpected and wrongly shaped tensor; then no weight has changed.
  public mutating func setWeights(_ values: [String: TensorValue], file: String = "weights") throws {
    var faults: [String] = []
    let ids = weights
    for id in ids {
      let tensor = self[id]
      guard let value = values[tensor.name] else {
        faults.append("\(tensor.name): missing (\(tensor.type))")
        continue
      }
      if value.type != tensor.type { faults.append("\(tensor.name): \(value.type) for \(tensor.type)") }
    }
    let known = Set(ids.map { self[$0].name })
    faults += values.keys.filter { !known.contains($0) }.sorted().map { "\($0): not in the network" }
    if !faults.isEmpty {
      throw EngineError(
        file: file, field: "tensors", found: faults.joined(separator: "; "),
        expected: "the network's \(ids.count) weights")
    }
    for id in ids {
      if let value = values[self[id].name] { tensors[id.index].source = .weight(value) }
    }
  }

  // MARK: Names and errors

  private func qualified(_ name: String) -> String {
    scope.isEmpty ? name : scope.joined(separator: ".") + "." + name
  }

  private func uniqueName(_ name: String) -> String {
    guard indexByName[name] != nil else { return name }
    var k = 2
    while indexByName["\(name)_\(k)"] != nil { k += 1 }
    return "\(name)_\(k)"
  }

  private func uniqueTensorName(_ name: String) -> String { uniqueName(qualified(name)) }

  private func uniqueNodeName(_ name: String) -> String {
    let name = qualified(name)
    guard nodeNames.contains(name) else { return name }
    var k = 2
    while nodeNames.contains("\(name)_\(k)") { k += 1 }
    return "\(name)_\(k)"
  }

  private mutating func addTensor(_ name: String, _ type: TensorType, _ source: Source) -> TensorID {
    insert(uniqueTensorName(name), type, source)
  }

  private mutating func insert(_ name: String, _ type: TensorType, _ source: Source) -> TensorID {
    indexByName[name] = tensors.count
    tensors.append(Tensor(name: name, type: type, source: source, role: nil))
    return TensorID(index: tensors.count - 1)
  }

  /// `convolution conv1 [1, 3, 8, 8]`: the operator a tensor comes from, and its shape.
  private func origin(_ id: TensorID) -> String {
    let tensor = self[id]
    switch tensor.source {
    case .node(let index, _): return "\(nodes[index].operation.definition.name) \(tensor.name) \(tensor.type)"
    case .input: return "input \(tensor.name) \(tensor.type)"
    case .weight: return "weight \(tensor.name) \(tensor.type)"
    case .constant: return "constant \(tensor.name) \(tensor.type)"
    }
  }

  private func explain(
    _ error: ShapeError, operation: String, node: String, inputs: [TensorID]
  ) -> EngineError {
    let field = "\(operation) \(node)"
    switch error {
    case .mismatch(let first, let second, let axis, let expected):
      return EngineError(
        file: name, field: field,
        found: "axis \(axis): \(origin(inputs[first])) does not fit \(origin(inputs[second]))",
        expected: expected)
    case .input(let index, let axis, let expected):
      let place = axis.map { "axis \($0): " } ?? ""
      let found = index < inputs.count ? origin(inputs[index]) : "no input \(index)"
      return EngineError(file: name, field: field, found: place + found, expected: expected)
    case .inputCount(let expected):
      return EngineError(file: name, field: field, found: "\(inputs.count) inputs", expected: expected)
    case .parameter(let parameter, let found, let expected):
      return EngineError(file: name, field: "\(field): \(parameter)", found: found, expected: expected)
    }
  }
}
