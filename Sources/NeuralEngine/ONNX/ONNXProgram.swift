import Files

/// An ONNX network that takes inputs of any shape, and whose shapes may depend on what it computes.
///
/// Plans are compiled for the inputs' shapes when they first come, and a bounded number is kept. Where a node's shapes
/// need elements that the network computes (NonZero, NonMaxSuppression, a computed Reshape), the network is cut there: one
/// plan up to the cut, the node, and a plan for the rest, kept by its shapes too.
public final class ONNXProgram {
  /// Names of the file's inputs, in its order; initializers are none.
  public let inputNames: [String]
  /// Names of the file's outputs, in its order.
  public let outputNames: [String]
  /// The element types that the file states for its outputs; nil where it states none.
  public let outputElements: [StoredType?]

  private let file: ONNXFile
  private let options: Plan.Options
  private let limit: Int
  private var first: [Stage] = []
  private var last: (stages: [Stage], inputs: [String: TensorValue])?

  /// Reads a model; nothing is compiled before the first run.
  ///
  /// - Parameter limit: plans kept for each part of the network.
  /// - Throws: `EngineError` naming all operators that are not read; `ArrayFileError`, `FileError` for unreadable files.
  public convenience init(path: String, options: Plan.Options = Plan.Options(), limit: Int = 4) throws {
    try self.init(ONNXFile(path: path), options, limit)
  }

  /// As above, of a model's bytes; `name` stands for the file in errors.
  public convenience init(
    bytes: [UInt8], name: String, options: Plan.Options = Plan.Options(), limit: Int = 4
  ) throws {
    try self.init(ONNXFile(bytes: bytes, path: name), options, limit)
  }

  private init(_ file: ONNXFile, _ options: Plan.Options, _ limit: Int) throws {
    precondition(limit >= 1, "limit \(limit)")
    try ONNXOperators.check(file)
    self.file = file
    self.options = options
    self.limit = limit
    let fixed = Set(file.model.graph.initializer.map(\.name))
    inputNames = file.model.graph.input.map(\.name).filter { !fixed.contains($0) }
    outputNames = file.model.graph.output.map(\.name)
    outputElements = file.model.graph.output.map { ONNXImporter.statedElement($0)?.stored }
  }

  /// The type that the file states for an input: extents that it leaves open are nil.
  public func inputShape(_ name: String) -> [Int?]? {
    guard let input = file.model.graph.input.first(where: { $0.name == name }),
      case .tensorType(let type)? = input.type.value, type.hasShape
    else { return nil }
    return ONNXImporter.extents(type)
  }

  /// The plan of the last run where that took one; nil where the network is cut or has not run.
  public var plan: Plan? {
    guard let last, last.stages.count == 1 else { return nil }
    return last.stages[0].plan
  }

  /// Values of the file's outputs, in its order, for values of all its inputs by name.
  ///
  /// - Throws: `EngineError` where an input is missing, unknown or does not fit, or an operator cannot be computed.
  public func run(_ inputs: [String: TensorValue]) throws -> [TensorValue] {
    var values = inputs, results: [String: TensorValue] = [:], stages: [Stage] = []
    while true {
      let known = stages.last.map(\.next) ?? first
      let stage: Stage
      if let found = known.first(where: { $0.fits(values) }) {
        stage = found
      } else {
        stage = try makeStage(after: stages.last, values, done: Set(results.keys))
        let kept = [stage] + known.prefix(limit - 1)
        if let before = stages.last { before.next = kept } else { first = kept }
      }
      stages.append(stage)
      let made = try stage.run(values)
      for name in stage.outputs { results[name] = made[name] }
      guard !stage.importer.deferred.isEmpty else { break }
      values = try between(stage, made)
    }
    last = (stages, inputs)
    return try outputNames.map { name in
      guard let value = results[name] else {
        throw EngineError(
          file: file.path, field: "output \(name)", found: "nothing that makes it", expected: "a node's output")
      }
      return value
    }
  }

  /// Runs once more on the inputs of the last run, without copying them where that took one plan.
  public func runAgain() throws {
    guard let last else { return }
    if let plan { try plan.execute() } else { _ = try run(last.inputs) }
  }

  private func makeStage(after before: Stage?, _ values: [String: TensorValue], done: Set<String>) throws -> Stage {
    var importer: ONNXImporter
    if let before {
      importer = try ONNXImporter(continuing: before.importer, computed: values)
      guard importer.deferred.count < before.importer.deferred.count else {
        let waiting = importer.deferred[0]
        throw waiting.node.fault(waiting.reason.found, expected: waiting.reason.expected)
      }
    } else {
      importer = try ONNXImporter(file: file, given: values, shapes: [:], defers: true)
      try importer.addModel()
    }
    return try Stage(importer, outputNames.filter { !done.contains($0) }, values, options)
  }

  /// What the rest of the network reads, and what the nodes at the cut make of it.
  private func between(_ stage: Stage, _ made: [String: TensorValue]) throws -> [String: TensorValue] {
    var values: [String: TensorValue] = [:]
    for waiting in stage.importer.deferred {
      for name in waiting.node.reads where made[name] != nil { values[name] = made[name] }
      guard case .host(let compute) = waiting.reason else { continue }
      let inputs = waiting.node.inputs.map { name -> TensorValue? in
        if case .constant(let value, _)? = stage.importer.values[name] { return value }
        return made[name]
      }
      for (name, value) in zip(waiting.node.outputs, try compute(inputs)) where !name.isEmpty {
        values[name] = value
      }
    }
    return values
  }
}

/// A part of a network, compiled for shapes of its inputs and for the elements of those that it was built from.
private final class Stage {
  let importer: ONNXImporter
  let plan: Plan
  /// Outputs of the file that it makes.
  let outputs: [String]
  /// Kept plans of the part that follows, the newest first.
  var next: [Stage] = []
  /// The file's names of what it makes, with the graph's.
  private let names: [(file: String, graph: String)]
  private let types: [String: TensorType]
  private let settled: [String: TensorValue]

  init(
    _ imported: ONNXImporter, _ wanted: [String], _ inputs: [String: TensorValue], _ options: Plan.Options
  ) throws {
    var importer = imported
    outputs = wanted.filter { importer.values[$0] != nil }
    var read = Set(outputs), order = outputs
    for waiting in importer.deferred {
      for name in waiting.node.reads.sorted() {
        if case .tensor? = importer.values[name], read.insert(name).inserted { order.append(name) }
      }
    }
    let built = importer
    names = try order.map { ($0, try importer.addOutput($0)) }
    plan = try Plan(importer.graph, options)
    self.importer = built
    types = inputs.mapValues(\.type)
    settled = inputs.filter { importer.settled.names.contains($0.key) }
  }

  func fits(_ values: [String: TensorValue]) -> Bool {
    types.count == values.count && types.allSatisfy { values[$0.key]?.type == $0.value }
      && settled.allSatisfy { values[$0.key] == $0.value }
  }

  func run(_ values: [String: TensorValue]) throws -> [String: TensorValue] {
    let made = try plan.run(values)
    return Dictionary(
      names.compactMap { name in made[name.graph].map { (name.file, $0) } },
      uniquingKeysWith: { first, _ in first })
  }
}
