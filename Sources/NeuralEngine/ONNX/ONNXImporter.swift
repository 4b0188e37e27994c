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
  var graph: Graph
  var given: [String: TensorValue]
  private let shapes: [String: [Int]]
  var values: [String: Value] = [:]
  /// How the file stores what a name stands for, where that is known: 8-bit integers are int64 in a graph.
  var storedElements: [String: ONNXElement] = [:]
  /// Floats with the same whole elements as an integer tensor that was made of them.
  var wholeFloats: [TensorID: Value] = [:]
  /// What elements of inputs were taken for good.
  private(set) var settled = SettledInputs()
  /// Nodes that wait for what the graph computes; empty unless `defers`.
  private(set) var deferred: [Deferred] = []
  /// Whether nodes that need elements that the graph computes are put off, for `ONNXProgram`; else they are errors.
  private let defers: Bool
  var constantIDs: [String: TensorID] = [:]
  /// Put before names within a node's own graph.
  var prefix = ""
  /// Most bytes of one computed tensor, and of all that are folded.
  static let byteLimit = 1 << 32
  /// Bytes that may be folded: as many as the weights a few times over.
  var foldLimit = 1 << 26
  var foldedBytes = 0, constantCount = 0

  static func network(
    _ file: ONNXFile, given: [String: TensorValue], shapes: [String: [Int]]
  ) throws -> ONNXNetwork {
    var importer = try ONNXImporter(file: file, given: given, shapes: shapes, defers: false)
    try importer.addModel()
    for output in file.model.graph.output { try importer.addOutput(output.name) }
    return ONNXNetwork(
      graph: importer.graph, outputNames: file.model.graph.output.map(\.name),
      outputElements: file.model.graph.output.map { ONNXImporter.statedElement($0)?.stored })
  }

  init(
    file: ONNXFile, given: [String: TensorValue], shapes: [String: [Int]], defers: Bool
  ) throws {
    self.file = file
    self.operatorSet = try file.operatorSet()
    self.given = given
    self.shapes = shapes
    self.defers = defers
    graph = Graph(name: file.path)
  }

  /// Adds the model's initializers, inputs and nodes.
  ///
  /// - Throws: `EngineError`, one for all operators that are not read.
  mutating func addModel() throws {
    try ONNXOperators.check(file)
    try addInitializers(file.model.graph)
    try addInputs()
    for node in try sortedNodes(file.model.graph.node) { try add(node) }
  }

  /// The graph that continues where another ended: what is computed there is an input here.
  ///
  /// - Parameter computed: values by name of what the deferred nodes read and of what was made between the two.
  init(continuing last: ONNXImporter, computed: [String: TensorValue]) throws {
    self = last
    graph = Graph(name: file.path)
    (deferred, constantIDs, wholeFloats) = ([], [:], [:])
    settled = SettledInputs()
    given = computed
    for (name, value) in values {
      guard case .tensor = value else { continue }
      values[name] = nil
    }
    for (name, value) in computed.sorted(by: { $0.key < $1.key }) {
      values[name] = .tensor(graph.addInput(name, value.type))
    }
    for waiting in last.deferred {
      if case .host = waiting.reason { continue }
      try add(waiting.node)
    }
  }

  // MARK: The model's parts

  private mutating func addInitializers(_ proto: ONNXGraphProto) throws {
    if !proto.sparseInitializer.isEmpty {
      throw EngineError(
        file: file.path, field: "sparse_initializer", found: "sparse tensors", expected: "dense ones")
    }
    var seen: Set<String> = []
    for tensor in proto.initializer {
      let field = "initializer \(tensor.name)"
      guard seen.insert(tensor.name).inserted else {
        throw EngineError(file: file.path, field: field, found: "two of this name", expected: "one")
      }
      let value = try file.value(tensor, field: field)
      foldLimit += 4 * value.type.byteCount
      values[tensor.name] = .constant(value, name: prefix + tensor.name)
      storedElements[tensor.name] = ONNXElement(rawValue: tensor.dataType)
    }
  }

  private mutating func addInputs() throws {
    let names = file.model.graph.input.map(\.name)
    for name in (Array(given.keys) + shapes.keys).sorted() where !names.contains(name) {
      throw EngineError(
        file: file.path, field: "input \(name)", found: "no such input",
        expected: names.joined(separator: ", "))
    }
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
      values[input.name] = .tensor(graph.addInput(input.name, type))
      storedElements[input.name] = element
    }
  }

  private func inputType(
    _ declared: ONNXTypeProto.Tensor, _ element: ElementType, _ name: String, _ field: String
  ) throws -> TensorType {
    let value = given[name]
    let dims = Self.extents(declared)
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
  private func sortedNodes(_ protos: [ONNXNodeProto]) throws -> [ONNXNode] {
    var used: Set<String> = []
    let nodes = protos.enumerated().map { index, proto in
      ONNXNode(
        proto, index: index, isNameTaken: !used.insert(proto.name).inserted, file: file.path, prefix: prefix)
    }
    var makers: [String: Int] = [:]
    var made = Set(values.keys).union([""])
    for (i, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        // A name of a node's own graph may hide one outside.
        let isTaken = prefix.isEmpty && made.contains(output)
        guard !isTaken, makers.updateValue(i, forKey: output) == nil else {
          throw node.fault("output \(output) made twice", expected: "one node for each tensor")
        }
      }
    }
    made.subtract(makers.keys)
    var waiting = nodes.map { node in node.reads.filter { !made.contains($0) }.count }
    var readers: [String: [Int]] = [:]
    for (i, node) in nodes.enumerated() {
      for input in node.reads where !made.contains(input) {
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
      throw node.fault("operator \(node.kind)", expected: "one of those in \(ONNXOperators.list)")
    }
    let isReady = node.reads.allSatisfy { $0.isEmpty || values[$0] != nil }
    if defers, prefix.isEmpty, !isReady { return deferred.append(Deferred(node: node, reason: .waits)) }
    let results: [Value]
    do {
      results = try build(&self, node)
    } catch let reason as Deferred.Reason {
      // A node with graphs of its own waits as a whole.
      guard prefix.isEmpty else { throw reason }
      guard defers else { throw node.fault(reason.found, expected: reason.expected) }
      return deferred.append(Deferred(node: node, reason: reason))
    }
    for (i, name) in node.outputs.enumerated() where !name.isEmpty {
      guard i < results.count else {
        throw node.fault("output \(i) (\(name))", expected: "\(results.count) outputs")
      }
      values[name] = results[i]
      if storedElements[name] == nil, type(results[i]).element == .int64 {
        let elements = node.inputs.compactMap { storedElements[$0] }
        storedElements[name] = elements.first { $0.element == .int64 }
      }
    }
  }

  /// Adds the nodes of an attribute's graph and returns the values of its outputs.
  ///
  /// - Parameter inputs: what the graph's own inputs stand for.
  mutating func addBody(_ body: ONNXGraphProto, of node: ONNXNode, _ inputs: [Value]) throws -> [Value] {
    guard body.input.count == inputs.count else {
      throw node.fault("a graph of \(body.input.count) inputs", expected: "\(inputs.count)")
    }
    let (outerValues, outerElements, outerPrefix) = (values, storedElements, prefix)
    defer { (values, storedElements, prefix) = (outerValues, outerElements, outerPrefix) }
    prefix += "\(node.name)/"
    try addInitializers(body)
    for (input, value) in zip(body.input, inputs) {
      values[input.name] = value
      if case .tensorType(let declared)? = input.type.value {
        storedElements[input.name] = ONNXElement(rawValue: declared.elemType)
      }
    }
    for inner in try sortedNodes(body.node) { try add(inner) }
    return try body.output.map { output in
      guard let value = values[output.name] else {
        throw node.fault("output \(output.name) of its graph, which nothing makes", expected: "a node's output")
      }
      return value
    }
  }

  /// Marks a tensor as an output of the graph and returns its name there.
  @discardableResult
  mutating func addOutput(_ name: String) throws -> String {
    guard let value = values[name] else {
      throw EngineError(
        file: file.path, field: "output \(name)", found: "nothing that makes it", expected: "a node's output")
    }
    var id = id(value)
    let isComputed = if case .node = graph[id].source { true } else { false }
    // An output is a node's, and each its own.
    if !isComputed || graph.outputs.contains(id) { id = try graph.apply(.unary(.init(.identity)), id) }
    graph.markOutput(id)
    return graph[id].name
  }

  /// A declared type's extents, nil where they are open: without a number, or -1 as some exporters write it.
  static func extents(_ type: ONNXTypeProto.Tensor) -> [Int?] {
    type.shape.dim.map { if case .dimValue(let d)? = $0.value, d != -1 { Int(d) } else { nil } }
  }

  /// The element type that the file states for one of its outputs.
  static func statedElement(_ output: ONNXValueInfoProto) -> ONNXElement? {
    guard case .tensorType(let declared)? = output.type.value else { return nil }
    return ONNXElement(rawValue: declared.elemType)
  }
}
