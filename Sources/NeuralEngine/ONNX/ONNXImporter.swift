/// A network read from an ONNX file.
public struct ONNXNetwork: Sendable {
  /// The network; its outputs are in the file's order.
  public let graph: Graph
  /// Names of the graph's outputs in the file.
  public let outputNames: [String]
  /// Names of the file's inputs that the graph still has; others were given and folded into it.
  public var inputNames: [String] { graph.inputs.map { graph[$0].name } }

  /// Reads a model and builds its graph.
  ///
  /// Shapes must be known: axes that the file leaves open take the extents of `given`. Integer inputs that are given
  /// become constants (shapes, axes and indices are needed when a graph is built), and so do float inputs that are
  /// needed then, such as Resize's scales.
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

  init(graph: Graph, outputNames: [String]) {
    self.graph = graph
    self.outputNames = outputNames
  }
}

/// Builds a graph from an ONNX model, node by node.
struct ONNXImporter {
  /// What a name of the model stands for.
  enum Value {
    /// Known already; the name is an initializer's.
    case constant(TensorValue, name: String?)
    /// Computed when the graph runs.
    case tensor(TensorID)
  }

  let file: ONNXFile
  let operatorSet: Int
  private(set) var graph: Graph
  private let given: [String: TensorValue]
  private let shapes: [String: [Int]]
  private var values: [String: Value] = [:]
  private var constantIDs: [String: TensorID] = [:]
  /// Most bytes of one computed tensor, and of all that are folded.
  private static let byteLimit = 1 << 32
  /// Bytes that may be folded: as many as the weights a few times over.
  private var foldLimit = 1 << 26
  private var foldedBytes = 0, constantCount = 0

  static func network(
    _ file: ONNXFile, given: [String: TensorValue], shapes: [String: [Int]]
  ) throws -> ONNXNetwork {
    var importer = ONNXImporter(file: file, operatorSet: try file.operatorSet(), given: given, shapes: shapes)
    try importer.addInitializers()
    try importer.addInputs()
    for node in try importer.sortedNodes() { try importer.add(node) }
    let outputNames = try importer.addOutputs()
    return ONNXNetwork(graph: importer.graph, outputNames: outputNames)
  }

  private init(
    file: ONNXFile, operatorSet: Int, given: [String: TensorValue], shapes: [String: [Int]]
  ) {
    self.file = file
    self.operatorSet = operatorSet
    self.given = given
    self.shapes = shapes
    graph = Graph(name: file.path)
  }

  // MARK: The model's parts

  private mutating func addInitializers() throws {
    if !file.model.graph.sparseInitializer.isEmpty {
      throw EngineError(
        file: file.path, field: "sparse_initializer", found: "sparse tensors", expected: "dense ones")
    }
    for tensor in file.model.graph.initializer {
      let field = "initializer \(tensor.name)"
      guard values[tensor.name] == nil else {
        throw EngineError(file: file.path, field: field, found: "two of this name", expected: "one")
      }
      let value = try file.value(tensor, field: field)
      foldLimit += 4 * value.type.byteCount
      values[tensor.name] = .constant(value, name: tensor.name)
    }
  }

  private mutating func addInputs() throws {
    for input in file.model.graph.input where values[input.name] == nil {
      let field = "input \(input.name)"
      guard case .tensorType(let declared)? = input.type.value,
        let element = ONNXElement(rawValue: declared.elemType)
      else {
        throw EngineError(file: file.path, field: field, found: "no tensor of numbers", expected: "one")
      }
      let type = try inputType(declared, element.element, input.name, field)
      guard type.byteCount <= Self.byteLimit else {
        throw EngineError(
          file: file.path, field: field, found: "\(type)", expected: "\(Self.byteLimit) bytes at most")
      }
      if let value = given[input.name], element.element == .int64 {
        values[input.name] = .constant(value, name: nil)
      } else {
        values[input.name] = .tensor(graph.addInput(input.name, type))
      }
    }
    for name in given.keys.sorted() where values[name] == nil {
      throw EngineError(
        file: file.path, field: "input \(name)", found: "no such input",
        expected: file.model.graph.input.map(\.name).joined(separator: ", "))
    }
  }

  private func inputType(
    _ declared: ONNXTypeProto.Tensor, _ element: ElementType, _ name: String, _ field: String
  ) throws -> TensorType {
    let value = given[name]
    let dims: [Int?] = declared.shape.dim.map { if case .dimValue(let d)? = $0.value { Int(d) } else { nil } }
    if let wanted = value?.shape ?? shapes[name] {
      let found = TensorType.isValid(wanted) ? wanted : []
      let fits =
        !declared.hasShape
        || (dims.count == found.count && zip(dims, found).allSatisfy { $0 == nil || $0 == $1 })
      guard fits, value?.type.element ?? element == element else {
        let open = dims.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")
        throw EngineError(
          file: file.path, field: field, found: "\(value?.type.element ?? element)\(wanted)",
          expected: "\(element.rawValue)[\(open)]")
      }
      return TensorType(found, element)
    }
    let known = dims.compactMap { $0 }
    guard declared.hasShape, known.count == dims.count, TensorType.isValid(known) else {
      throw EngineError(
        file: file.path, field: field, found: "a shape left open", expected: "a value given for this input")
    }
    return TensorType(known, element)
  }

  /// The nodes in an order in which each finds its inputs made; the file's own order where that is one.
  private func sortedNodes() throws -> [ONNXNode] {
    var used: Set<String> = []
    let nodes = file.model.graph.node.enumerated().map { index, proto in
      ONNXNode(proto, index: index, isNameTaken: !used.insert(proto.name).inserted, file: file.path)
    }
    for (node, proto) in zip(nodes, file.model.graph.node) {
      guard proto.domain.isEmpty || proto.domain == "ai.onnx" else {
        throw node.fault("operator domain \(proto.domain)", expected: "ONNX's own operators")
      }
    }
    var made = Set(values.keys).union([""]), makers: [String: Int] = [:]
    for (i, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        guard !made.contains(output), makers.updateValue(i, forKey: output) == nil else {
          throw node.fault("output \(output) made twice", expected: "one node for each tensor")
        }
      }
    }
    var waiting = nodes.map { node in Set(node.inputs.filter { !made.contains($0) }).count }
    var readers: [String: [Int]] = [:]
    for (i, node) in nodes.enumerated() {
      for input in Set(node.inputs) where !made.contains(input) {
        guard makers[input] != nil else {
          throw node.fault(
            "input \(input), which nothing makes", expected: "an input, initializer or node's output")
        }
        readers[input, default: []].append(i)
      }
    }
    var ready = nodes.indices.filter { waiting[$0] == 0 }, order: [Int] = [], next = 0
    while next < ready.count {
      let i = ready[next]
      next += 1
      order.append(i)
      for output in nodes[i].outputs where made.insert(output).inserted {
        for reader in readers[output] ?? [] {
          waiting[reader] -= 1
          if waiting[reader] == 0 { ready.append(reader) }
        }
      }
    }
    if order.count < nodes.count, let stuck = nodes.indices.first(where: { waiting[$0] > 0 }) {
      throw nodes[stuck].fault("a cycle through this node", expected: "a graph without cycles")
    }
    return order.map { nodes[$0] }
  }

  private mutating func add(_ node: ONNXNode) throws {
    guard let build = ONNXOperators.builders[node.kind] else {
      throw node.fault("operator \(node.kind)", expected: "one of those in Sources/NeuralEngine/README.md")
    }
    let results = try build(&self, node)
    for (name, value) in zip(node.outputs, results) where !name.isEmpty { values[name] = value }
    for (i, name) in node.outputs.enumerated() where !name.isEmpty && i >= results.count {
      throw node.fault("output \(i) (\(name))", expected: "\(results.count) outputs")
    }
  }

  private mutating func addOutputs() throws -> [String] {
    var marked: Set<TensorID> = []
    for output in file.model.graph.output {
      guard let value = values[output.name] else {
        throw EngineError(
          file: file.path, field: "output \(output.name)", found: "nothing that makes it",
          expected: "a node's output")
      }
      var id = id(value)
      let isComputed = if case .node = graph[id].source { true } else { false }
      // An output is a node's, and each its own.
      if !isComputed || marked.contains(id) { id = try graph.apply(.unary(.init(.identity)), id) }
      marked.insert(id)
      graph.markOutput(id)
    }
    return file.model.graph.output.map(\.name)
  }

  // MARK: What builders use

  /// The node's input, nil where it is left out.
  func input(_ node: ONNXNode, _ index: Int) throws -> Value? {
    guard index < node.inputs.count, !node.inputs[index].isEmpty else { return nil }
    guard let value = values[node.inputs[index]] else {
      throw node.fault("input \(node.inputs[index]) not made", expected: "a tensor")
    }
    return value
  }

  /// The node's input, which must be there.
  func required(_ node: ONNXNode, _ index: Int) throws -> Value {
    guard let value = try input(node, index) else {
      throw node.fault("\(node.inputs.count) inputs", expected: "\(index + 1) at least")
    }
    return value
  }

  /// All inputs, which must be there.
  func allInputs(_ node: ONNXNode) throws -> [Value] {
    guard !node.inputs.isEmpty else { throw node.fault("no inputs", expected: "1 at least") }
    return try node.inputs.indices.map { try required(node, $0) }
  }

  func type(_ value: Value) -> TensorType {
    switch value {
    case .constant(let value, _): value.type
    case .tensor(let id): graph[id].type
    }
  }

  func shape(_ value: Value) -> [Int] { type(value).shape }

  /// The elements where they are known when the graph is built: a constant, or an input that is given.
  func known(_ value: Value) -> TensorValue? {
    switch value {
    case .constant(let value, _): return value
    case .tensor(let id):
      if let value = graph.value(id) { return value }
      if case .input = graph[id].source { return given[graph[id].name] }
      return nil
    }
  }

  /// The node's integer input, whose elements must be known; nil where it is left out.
  func knownIntegers(_ node: ONNXNode, _ index: Int) throws -> [Int]? {
    guard let value = try input(node, index) else { return nil }
    guard let integers = known(value)?.integers else {
      throw node.fault("input \(node.inputs[index]) is not known", expected: "constant or given integers")
    }
    return integers.map { Int($0) }
  }

  /// The node's float input, whose elements must be known; nil where it is left out.
  func knownFloats(_ node: ONNXNode, _ index: Int) throws -> [Float]? {
    guard let value = try input(node, index) else { return nil }
    guard let floats = known(value)?.floats else {
      throw node.fault("input \(node.inputs[index]) is not known", expected: "constant or given floats")
    }
    return floats
  }

  /// The value as a tensor of the graph.
  mutating func id(_ value: Value) -> TensorID {
    switch value {
    case .tensor(let id): return id
    case .constant(let value, let name):
      if let name, let id = constantIDs[name] { return id }
      let isWeight = name != nil && value.floats != nil
      constantCount += 1
      let unnamed = "constant.\(constantCount)"
      let id =
        isWeight ? graph.addWeight(name ?? unnamed, value) : graph.addConstant(name ?? unnamed, value)
      if let name { constantIDs[name] = id }
      return id
    }
  }

  /// Adds an operator, or computes it at once where all inputs are known.
  ///
  /// - Parameter isLast: whether its outputs are the node's, and take their names.
  mutating func emit(
    _ operation: Operator, _ inputs: [Value], _ node: ONNXNode, isLast: Bool = true
  ) throws -> [Value] {
    let constants = inputs.compactMap { if case .constant(let value, _) = $0 { value } else { nil } }
    if constants.count == inputs.count {
      var types: [TensorType] = []
      do { types = try operation.definition.outputTypes(constants.map(\.type)) } catch is ShapeError {}
      let bytes = types.reduce(0) { $0 + $1.byteCount }
      if !types.isEmpty, bytes <= foldLimit - foldedBytes {
        foldedBytes += bytes
        do {
          return try Interpreter.evaluate(operation, constants).map { .constant($0, name: nil) }
        } catch let error as EngineError {
          throw node.fault(error.found, expected: error.expected)
        }
      }
    }
    let ids = inputs.map { id($0) }
    let outputs = try graph.add(
      operation, ids, name: isLast ? node.name : node.name + "." + operation.definition.name,
      outputNames: isLast ? node.outputs.filter { !$0.isEmpty } : nil)
    for output in outputs where graph[output].type.byteCount > Self.byteLimit {
      throw node.fault("a tensor of \(graph[output].type)", expected: "\(Self.byteLimit) bytes at most")
    }
    return outputs.map { .tensor($0) }
  }

  /// Adds an intermediate operator with one output.
  mutating func step(_ operation: Operator, _ inputs: [Value], _ node: ONNXNode) throws -> Value {
    try emit(operation, inputs, node, isLast: false)[0]
  }

  /// A fixed tensor.
  func constant(_ value: TensorValue) -> Value { .constant(value, name: nil) }
}
