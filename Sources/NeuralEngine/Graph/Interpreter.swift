/// Runs a graph operator by operator with the plain kernels: slow and simple, what compiled plans are tested against.
public enum Interpreter {
  /// Values of the graph's outputs, in their order.
  ///
  /// - Parameter inputs: a value for each graph input, by name.
  /// - Throws: `EngineError` where an input is missing or of the wrong type, or an operator finds a wrong element.
  public static func run(
    _ graph: Graph, _ inputs: [String: TensorValue], threads: Int = 1
  ) throws -> [TensorValue] {
    let values = try allValues(graph, inputs, threads: threads)
    return try graph.outputs.map { id in
      guard let value = values[id.index] else {
        throw EngineError(
          file: graph.name, field: "output \(graph[id].name)", found: "no value",
          expected: "a computed tensor")
      }
      return value
    }
  }

  /// Values of all tensors, by position in `Graph.tensors`.
  public static func allValues(
    _ graph: Graph, _ inputs: [String: TensorValue], threads: Int = 1
  ) throws -> [TensorValue?] {
    var values: [TensorValue?] = try graph.tensors.map { tensor in
      switch tensor.source {
      case .weight(let value), .constant(let value): return value
      case .node: return nil
      case .input: return try checkedInput(graph.name, tensor.name, tensor.type, inputs[tensor.name])
      }
    }
    for node in graph.nodes {
      let operands = try node.inputs.map { id in
        guard let value = values[id.index] else {
          throw EngineError(
            file: graph.name, field: node.name, found: "\(graph[id].name) not computed", expected: "its value"
          )
        }
        return value
      }
      let results = try evaluate(
        node.operation, operands, types: node.outputs.map { graph[$0].type }, threads: threads)
      for (id, value) in zip(node.outputs, results) { values[id.index] = value }
    }
    return values
  }

  /// The outputs of one operator for input values.
  public static func evaluate(
    _ operation: Operator, _ inputs: [TensorValue], types: [TensorType]? = nil, threads: Int = 1
  ) throws -> [TensorValue] {
    let definition = operation.definition
    let inputTypes = inputs.map(\.type)
    let types = try types ?? definition.outputTypes(inputTypes)
    let memory = (inputTypes + types).map { KernelMemory($0.byteCount) }
    for (value, buffer) in zip(inputs, memory) { value.withBytes { buffer.base.copyMemory(from: $0) } }
    let scratch = KernelMemory(try definition.scratchByteCount(inputTypes, types, threads: threads))
    let views = zip(inputTypes, memory).map { TensorView($0, $1.base) }
    let results = zip(types, memory.dropFirst(inputs.count)).map { MutableTensorView($0, $1.base) }
    return try withExtendedLifetime((memory, scratch)) {
      try definition.compute(views, results, KernelContext(threads: threads, scratch: scratch.buffer))
      return results.map { TensorValue(type: $0.type, copying: $0.base) }
    }
  }
}

/// The value given for an input, after checking that it is there and of the right type.
func checkedInput(_ graph: String, _ name: String, _ type: TensorType, _ value: TensorValue?) throws
  -> TensorValue
{
  guard let value else {
    throw EngineError(file: graph, field: "input \(name)", found: "no value", expected: "\(type)")
  }
  guard value.type == type else {
    throw EngineError(file: graph, field: "input \(name)", found: "\(value.type)", expected: "\(type)")
  }
  return value
}

/// Zeroed memory aligned to 64 bytes, freed with its owner.
final class KernelMemory: @unchecked Sendable {
  let buffer: UnsafeMutableRawBufferPointer
  /// The first byte; there is always at least one.
  let base: UnsafeMutableRawPointer

  init(_ byteCount: Int) {
    base = .allocate(byteCount: max(byteCount, 64), alignment: 4096)
    buffer = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 64))
  }

  deinit { base.deallocate() }
}

extension UnsafeMutableRawPointer {
  /// Copies all of a buffer here; an empty one has no address.
  func copyMemory(from buffer: UnsafeRawBufferPointer) {
    if let start = buffer.baseAddress { copyMemory(from: start, byteCount: buffer.count) }
  }
}
