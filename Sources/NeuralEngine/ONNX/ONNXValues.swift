/// What builders of operators use.
extension ONNXImporter {
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

  /// The elements where they are known when the graph is built: a constant, a given input, or what follows from
  /// constants and given integers. Elements of inputs are then taken for good (`settled`).
  func known(_ value: Value) throws -> TensorValue? {
    switch value {
    case .constant(let value, _): return value
    case .tensor(let id): return try settled.value(id, graph, given)
    }
  }

  /// The node's input, whose elements must be known.
  func knownInput(_ node: ONNXNode, _ index: Int) throws -> TensorValue {
    guard let value = try known(try required(node, index)) else {
      throw Deferred.Reason.needs(node.inputs[index])
    }
    return value
  }

  /// The node's integer input, whose elements must be known; nil where it is left out.
  func knownIntegers(_ node: ONNXNode, _ index: Int) throws -> [Int]? {
    guard try input(node, index) != nil else { return nil }
    guard let integers = try knownInput(node, index).integers else {
      throw node.fault("input \(node.inputs[index]) of other elements", expected: "integers")
    }
    return integers.map { Int($0) }
  }

  /// The node's float input, whose elements must be known; nil where it is left out.
  func knownFloats(_ node: ONNXNode, _ index: Int) throws -> [Float]? {
    guard try input(node, index) != nil else { return nil }
    guard let floats = try knownInput(node, index).floats else {
      throw node.fault("input \(node.inputs[index]) of other elements", expected: "floats")
    }
    return floats
  }

  /// How the file stores the node's input, where that is known.
  func storedElement(_ node: ONNXNode, _ index: Int) -> ONNXElement? {
    index < node.inputs.count ? storedElements[node.inputs[index]] : nil
  }

  /// Says how the file stores the node's output.
  mutating func setStoredElement(_ node: ONNXNode, output: Int = 0, _ element: ONNXElement) {
    if node.hasOutput(output) { storedElements[node.outputs[output]] = element }
  }

  /// The value as floats: those that integers were made of, where they were.
  mutating func floats(_ value: Value, _ node: ONNXNode) throws -> Value {
    if type(value).element == .float32 { return value }
    if case .tensor(let id) = value, let floats = wholeFloats[id] { return floats }
    return try step(.cast(.init(to: .float32)), [value], node)
  }

  /// Whole floats as integers; `floats` gives them back.
  mutating func integers(_ value: Value, _ node: ONNXNode, isLast: Bool = true) throws -> Value {
    let y = try emit(.cast(.init(to: .int64)), [value], node, isLast: isLast)[0]
    if case .tensor(let id) = y { wholeFloats[id] = value }
    return y
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
