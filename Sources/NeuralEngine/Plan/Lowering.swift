/// Where a tensor's first byte is: a buffer and an offset into it.
struct Location: Hashable {
  var buffer: Int
  var offset = 0
}

/// A tensor's place and arrangement; without a layout it is dense and oneDNN does not touch it.
struct Placed {
  var layout: Layout?
  var location: Location
}

/// One thing a plan does at each run.
struct Step {
  /// What does it.
  enum Action {
    /// A oneDNN primitive on memories in these places.
    case primitive(Primitive, [(argument: Int32, layout: Layout, location: Location)])
    /// An operator's plain kernel on dense tensors.
    case kernel(any OperatorDefinition, [(TensorType, Location)], [(TensorType, Location)])
    /// A kernel of the plan's own.
    case custom(CustomKernel, [Location])
  }

  var name: String
  /// Which code runs: `brgconv:avx512_core`, `plain kernel`, `reorder`.
  var implementation: String
  var action: Action
  var reads: [Location]
  var writes: [Location]
  var scratchByteCount: Int
  var operations: Int
  var precision = Plan.Precision.float32
}

/// A kernel made for a layout when the plan is compiled.
protocol CustomKernel: Sendable {
  /// Bytes of scratch memory it wants.
  func scratchByteCount(threads: Int) -> Int
  /// Computes, on the addresses of the step's locations in their order.
  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext)
}

/// Turns a fused graph into steps: chooses primitives and layouts in the order of the nodes, and puts reorders in where
/// a consumer needs another arrangement.
final class Lowering {
  var graph: PlanGraph
  let library: Library
  let options: Plan.Options
  let eightBit: EightBitPlan
  var steps: [Step] = []
  /// Steps that depend on steady inputs alone; they are the first ones.
  private(set) var steadyStepCount = 0
  var buffers: [PlanBuffer] = []
  var placed: [Int: Placed] = [:]
  /// Copies of values in other layouts.
  private var copies: [Int: [Placed]] = [:]
  /// Position of the last node that reads each value; the number of nodes for outputs.
  private(set) var lastRead: [Int: Int] = [:]
  /// Values that live in each buffer.
  private var tenants: [Int: [Int]] = [:]
  /// Position of the node being lowered.
  private(set) var position = 0
  /// Inputs and outputs of the graph, in their order.
  var inputLocations: [Location] = []
  /// Parts of concatenations that their makers write at once.
  var slots = ConcatenationSlots()
  var outputLocations: [Location] = []
  /// Poolings whose gradients come later, by their results.
  var trainedPoolings: [Int: TrainedPooling] = [:]

  init(_ graph: PlanGraph, _ library: Library, _ options: Plan.Options, _ eightBit: EightBitPlan) {
    self.graph = graph
    self.eightBit = eightBit
    self.library = library
    self.options = options
  }

  /// Lowers the whole graph.
  func run() throws {
    let steadyCount = graph.moveFirst(dependingOn: options.steadyInputs)
    for (i, node) in graph.nodes.enumerated() { for value in node.reads { lastRead[value] = i } }
    for value in graph.outputs { lastRead[value] = graph.nodes.count }
    slots = try ConcatenationSlots(graph)
    for value in graph.inputs {
      let location = newBuffer(graph.values[value].type.byteCount)
      buffers[location.buffer].isPersistent = true
      place(value, naturalLayout(value), location)
      inputLocations.append(location)
    }
    for i in graph.nodes.indices {
      position = i
      try lower(graph.nodes[i])
      if i + 1 == steadyCount { keepResults() }
    }
    position = graph.nodes.count
    for value in graph.outputs { outputLocations.append(try outputLocation(value)) }
    for (i, step) in steps.enumerated() {
      for location in step.reads + step.writes {
        buffers[location.buffer].firstStep = min(buffers[location.buffer].firstStep, i)
        buffers[location.buffer].lastStep = max(buffers[location.buffer].lastStep, i)
      }
    }
  }

  /// Ends the steady steps: nothing later is written over what they leave.
  private func keepResults() {
    steadyStepCount = steps.count
    for i in buffers.indices where buffers[i].constant == nil { buffers[i].isPersistent = true }
  }

  private func lower(_ node: PlanGraph.Node) throws {
    if eightBit.computed.contains(node.outputs[0]), try lowerInEightBits(node) { return }
    let done: Bool
    switch node.operation {
    case .convolution(let o): done = try lowerConvolution(node, o)
    case .transposedConvolution(let o): done = try lowerTransposedConvolution(node, o)
    case .pooling(let o): done = try lowerPooling(node, o)
    case .matrixMultiplication(let o): done = try lowerMatrixMultiplication(node, o)
    case .unary(let o): done = try lowerUnary(node, o)
    case .binary(let o): done = try lowerBinary(node, o)
    case .softmax(let o): done = try lowerSoftmax(node, o)
    case .attention(let o): done = try lowerAttention(node, o)
    case .groupedNormalization(let o): done = try lowerRowNormalization(node, o)
    case .concatenation(let o): done = try lowerConcatenation(node, o)
    case .reshape: done = try lowerReshape(node)
    case .transpose(let o): done = try lowerTranspose(node, o)
    case .slice(let o): done = try lowerSlice(node, o)
    case .reduction(let o): done = try lowerReduction(node, o)
    case .resize(let o): done = try lowerResize(node, o)
    case .unaryGradient(let o): done = try lowerUnaryGradient(node, o)
    case .convolutionWeightGradient(let o): done = try lowerConvolutionWeightGradient(node, o)
    case .poolingGradient(let o): done = try lowerPoolingGradient(node, o)
    case .batchNormalization(let o): done = try lowerBatchNormalization(node, o)
    case .batchNormalizationGradient(let o): done = try lowerBatchNormalizationGradient(node, o)
    default: done = false
    }
    if !done { try lowerByKernel(node) }
  }

  // MARK: Places

  func type(_ value: Int) -> TensorType { graph.values[value].type }

  /// The scale that a value and another are both kept with in 8 bits; nil where they are not.
  func sharedScale(_ value: Int, _ other: Int) -> TensorScale? {
    guard let scale = eightBit.scales[value], eightBit.scales[other] == scale else { return nil }
    return scale
  }

  /// What activations are stored as.
  var storage: StorageType { options.precision == .bfloat16 ? .bfloat16 : .float32 }

  /// Dense float layout where oneDNN can describe it.
  func naturalLayout(_ value: Int) -> Layout? {
    let type = type(value)
    return type.element == .float32 && Layout.supports(type.shape) ? Layout(plain: type.shape) : nil
  }

  func newBuffer(_ byteCount: Int) -> Location {
    buffers.append(PlanBuffer(byteCount: byteCount))
    return Location(buffer: buffers.count - 1)
  }

  func place(_ value: Int, _ layout: Layout?, _ location: Location) {
    placed[value] = Placed(layout: layout, location: location)
    tenants[location.buffer, default: []].append(value)
  }

  /// Gives a value a new buffer of its own, or its part of the concatenation that reads it.
  func define(_ value: Int, _ layout: Layout?) -> Location {
    if let layout, let location = slots.location(of: value, layout, graph, newBuffer) {
      place(value, layout, location)
      return location
    }
    let location = newBuffer(layout?.byteCount ?? type(value).byteCount)
    place(value, layout, location)
    return location
  }

  /// Where a value is as floats (or whatever its elements are): one kept in 8 bits is converted first.
  func current(_ value: Int) throws -> Placed {
    let own = try stored(value)
    guard let layout = own.layout, layout.storage == .unsigned8 else { return own }
    if let copy = copies[value]?.first(where: { $0.layout?.storage == .float32 }) { return copy }
    let floats = layout.with(.float32)
    return Placed(layout: floats, location: try request(value, floats))
  }

  /// Where a value is as it was written; constants get their memory when first asked for.
  func stored(_ value: Int) throws -> Placed {
    if let found = placed[value] { return found }
    guard let constant = graph.values[value].constant else {
      throw EngineError(
        file: graph.name, field: graph.values[value].name, found: "not computed yet",
        expected: "an earlier operator")
    }
    let memory = KernelMemory(constant.type.byteCount)
    constant.withBytes { memory.base.copyMemory(from: $0) }
    let location = addConstant(memory, byteCount: constant.type.byteCount)
    place(value, naturalLayout(value), location)
    return Placed(layout: naturalLayout(value), location: location)
  }

  func addConstant(_ memory: KernelMemory, byteCount: Int) -> Location {
    buffers.append(PlanBuffer(byteCount: byteCount, constant: memory))
    return Location(buffer: buffers.count - 1)
  }

  /// A value in a layout, reordered where it is in another; `source` re-reads its dense elements as another shape.
  ///
  /// To and from 8 bits it is converted by its scale.
  func request(_ value: Int, _ layout: Layout, source: Layout? = nil) throws -> Location {
    var own = try stored(value)
    if source != nil { own.location = try requestPlain(value) }
    guard let ownLayout = source ?? own.layout else {
      throw EngineError(
        file: graph.name, field: graph.values[value].name, found: "\(type(value))", expected: "floats")
    }
    if ownLayout.isSameArrangement(as: layout) { return own.location }
    if let copy = copies[value]?.first(where: { $0.layout.map { $0.isSameArrangement(as: layout) } ?? false })
    {
      return copy.location
    }
    let location: Location
    if let memory = buffers[own.location.buffer].constant {
      location = try reorderedConstant(memory.base + own.location.offset, ownLayout, layout)
    } else {
      let attributes = try conversion(value, from: ownLayout.storage, to: layout.storage)
      guard let description = PrimitiveDescription.reorder(ownLayout, layout, attributes, library) else {
        throw EngineError(
          file: graph.name, field: graph.values[value].name, found: "no reorder", expected: "a oneDNN layout")
      }
      location = newBuffer(layout.byteCount)
      try append(
        description, name: "\(graph.values[value].name) (reorder)", operations: 0,
        reads: [(Primitive.from, ownLayout, own.location)], writes: [(Primitive.to, layout, location)])
    }
    copies[value, default: []].append(Placed(layout: layout, location: location))
    tenants[location.buffer, default: []].append(value)
    return location
  }

  /// A reorder's attributes where it changes how a value is stored.
  private func conversion(_ value: Int, from source: StorageType, to target: StorageType) throws -> Attributes
  {
    guard (source == .unsigned8) != (target == .unsigned8) else { return try Attributes() }
    guard let scale = eightBit.scales[value] else {
      throw EngineError(
        file: graph.name, field: graph.values[value].name, found: "no scale", expected: "one for 8 bits")
    }
    if target == .unsigned8 {
      return try Attributes(outputScales: [1 / scale.scale], targetZeroPoint: scale.zeroPoint)
    }
    return try Attributes(outputScales: [scale.scale], sourceZeroPoint: scale.zeroPoint)
  }

  /// Constant elements brought into another layout now.
  func reorderedConstant(_ address: UnsafeMutableRawPointer, _ source: Layout, _ target: Layout) throws
    -> Location
  {
    guard let description = PrimitiveDescription.reorder(source, target, try Attributes(), library) else {
      throw EngineError(file: graph.name, field: "weights", found: "no reorder", expected: "a oneDNN layout")
    }
    let primitive = try Primitive(description)
    let memory = KernelMemory(target.byteCount), scratch = KernelMemory(description.scratchpadByteCount)
    try primitive.bind(Primitive.from, source, address)
    try primitive.bind(Primitive.to, target, memory.base)
    try primitive.bindScratchpad(scratch.base)
    try withExtendedLifetime((memory, scratch)) { try primitive.run() }
    return addConstant(memory, byteCount: target.byteCount)
  }

  /// A value dense in float32 (or whatever its element type is), as plain kernels read it.
  func requestPlain(_ value: Int) throws -> Location {
    guard try stored(value).layout != nil else { return try stored(value).location }
    return try request(value, Layout(plain: type(value).shape))
  }

  /// Whether nothing after the node being lowered reads the buffer a value is in.
  func canOverwrite(_ value: Int) throws -> Bool { canOverwrite(try current(value).location) }

  /// Whether nothing after the node being lowered reads what lies there.
  func canOverwrite(_ location: Location) -> Bool {
    let buffer = buffers[location.buffer]
    guard buffer.constant == nil, !buffer.isPersistent else { return false }
    return tenants[location.buffer, default: []].allSatisfy { lastRead[$0, default: -1] <= position }
  }

  /// Whether a step may write over what lies there while it, or a later step of the same node, reads other values:
  /// nothing after the node reads it, and none of them is a view of it or a copy in it.
  ///
  /// A step does not always read an element before it writes it: a sum over channels comes in parts, an operand is
  /// broadcast, a view is in another order.
  func canOverwrite(_ location: Location, beside values: [Int]) -> Bool {
    canOverwrite(location)
      && values.allSatisfy { value in
        placed[value]?.location.buffer != location.buffer
          && copies[value, default: []].allSatisfy { $0.location.buffer != location.buffer }
      }
  }

  private func outputLocation(_ value: Int) throws -> Location {
    let location = try requestPlain(value)
    let isFree =
      buffers[location.buffer].constant == nil && !buffers[location.buffer].isPersistent
      && location.offset == 0
    if isFree {
      buffers[location.buffer].isPersistent = true
      return location
    }
    let target = newBuffer(type(value).byteCount)
    buffers[target.buffer].isPersistent = true
    try appendKernel(
      Operator.Unary(.identity), name: graph.values[value].name, [(type(value), location)],
      [(type(value), target)],
      operations: 0)
    return target
  }

  // MARK: Steps

  /// Adds a step that runs a primitive.
  func append(
    _ description: borrowing PrimitiveDescription, name: String, operations: Int,
    precision: Plan.Precision? = nil,
    reads: [(argument: Int32, layout: Layout, location: Location)],
    writes: [(argument: Int32, layout: Layout, location: Location)]
  ) throws {
    steps.append(
      Step(
        name: name, implementation: description.implementation,
        action: .primitive(try Primitive(description), reads + writes), reads: reads.map(\.location),
        writes: writes.map(\.location), scratchByteCount: description.scratchpadByteCount,
        operations: operations, precision: precision ?? (storage == .bfloat16 ? .bfloat16 : .float32)))
  }

  func appendKernel(
    _ definition: any OperatorDefinition, name: String, _ inputs: [(TensorType, Location)],
    _ outputs: [(TensorType, Location)], operations: Int
  ) throws {
    steps.append(
      Step(
        name: name, implementation: "plain kernel", action: .kernel(definition, inputs, outputs),
        reads: inputs.map(\.1), writes: outputs.map(\.1),
        scratchByteCount: try definition.scratchByteCount(
          inputs.map(\.0), outputs.map(\.0), threads: options.threads),
        operations: operations))
  }

  /// Adds a kernel of the plan's own that reads dense tensors and makes the node's one output, dense too.
  func appendCustom(
    _ kernel: some CustomKernel, _ implementation: String, _ node: PlanGraph.Node, reads: [Int]
  ) throws {
    let y = node.outputs[0]
    let sources = try reads.map { try requestPlain($0) }
    let target = define(y, Layout(plain: type(y).shape))
    steps.append(
      Step(
        name: node.names.joined(separator: " + "), implementation: implementation,
        action: .custom(kernel, sources + [target]), reads: sources, writes: [target],
        scratchByteCount: kernel.scratchByteCount(threads: options.threads), operations: node.operations))
  }

  /// Runs the operator's plain kernel on dense tensors, then what was fused into it.
  func lowerByKernel(_ node: PlanGraph.Node) throws {
    let inputs = try node.inputs.map { (type($0), try requestPlain($0)) }
    let results = node.fused.isEmpty ? node.outputs : [temporary(like: node.outputs[0], node)]
    let outputs = results.map { (type($0), define($0, naturalLayout($0))) }
    try appendKernel(
      node.operation.definition, name: node.names.joined(separator: " + "), inputs, outputs,
      operations: node.operations)
    try lowerFused(node, from: results[0])
  }

  /// A new value of the same type, for a result before its fused steps.
  func temporary(like value: Int, _ node: PlanGraph.Node) -> Int {
    let new = graph.addValue("\(graph.values[value].name).raw", type(value))
    lastRead[new] = position
    return new
  }

  /// Does what was fused into a node as steps of their own.
  func lowerFused(_ node: PlanGraph.Node, from first: Int) throws {
    var value = first
    for (i, step) in node.fused.enumerated() {
      let result = i == node.fused.count - 1 ? node.outputs[0] : temporary(like: node.outputs[0], node)
      var single = PlanGraph.Node(
        operation: .unary(.init(.identity)), inputs: [value], outputs: [result], names: [], operations: 0)
      switch step {
      case .unary(let function): single.operation = .unary(.init(function))
      case .binary(let function, let operand):
        single.operation = .binary(.init(function))
        single.inputs.append(operand)
      }
      single.names = ["\(node.names.last ?? "") \(single.operation.definition.name)"]
      try lower(single)
      value = result
    }
  }
}
