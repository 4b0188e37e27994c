import Synchronization

/// A graph compiled for this CPU: fused, laid out, its memory planned; then run without allocating.
///
/// Results have the same bytes for the same inputs, weights, thread count and instruction set. Across thread counts they
/// agree to 1e-5 relative, as oneDNN may split sums by thread. Compile and run a plan on one thread (OpenMP keeps a pool
/// of workers for each thread that calls it).
public final class Plan: @unchecked Sendable {
  /// What numbers are computed in.
  public enum Precision: String, Sendable, CaseIterable, Codable {
    /// IEEE single precision.
    case float32 = "f32"
    /// bfloat16 with sums in single precision, on CPUs with AVX512_BF16 or better.
    case bfloat16 = "bf16"
    /// 8-bit integers by static calibration; weights have 8 bits with VNNI, else 7 (`WeightChannels.limit`).
    case int8
  }

  /// How a graph is compiled.
  public struct Options: Sendable {
    /// Threads of one run.
    public var threads: Int
    /// What numbers are computed in.
    public var precision: Precision
    /// For int8: inputs like those to come, each a value for every graph input by name.
    public var calibration: [[String: TensorValue]]
    /// For int8, in place of calibration: scales by tensor name, as `Plan.scales` of an earlier plan told.
    public var scales: [String: TensorScale]
    /// Whether operators are folded and fused.
    public var fuses: Bool
    /// Whether 3x3 convolutions may use Winograd's algorithm.
    public var winograd: Bool
    /// Names of inputs that runs in a row leave as they are: what depends on them alone comes first, and
    /// `executeAgain` leaves it out.
    public var steadyInputs: Set<String>

    /// Options; everything on, one thread.
    public init(
      threads: Int = 1, precision: Precision = .float32, calibration: [[String: TensorValue]] = [],
      scales: [String: TensorScale] = [:], fuses: Bool = true, winograd: Bool = true,
      steadyInputs: Set<String> = []
    ) {
      self.threads = threads
      self.precision = precision
      self.calibration = calibration
      self.scales = scales
      self.fuses = fuses
      self.winograd = winograd
      self.steadyInputs = steadyInputs
    }
  }

  /// What a step is, and what it costs.
  public struct StepInfo: Sendable {
    /// The operators it stands for.
    public let name: String
    /// Which code runs.
    public let implementation: String
    /// Operations of the operators it stands for, a multiply-add counted as two; Winograd's algorithm does fewer.
    public let operations: Int
    /// What it multiplies in.
    public let precision: Precision
  }

  /// The options it was compiled with.
  public let options: Options
  /// What it does at each run, in order.
  public let steps: [StepInfo]
  /// Bytes of activations at their peak, scratch memory included.
  public let activationByteCount: Int
  /// Bytes the activations would take without reuse.
  public let unsharedActivationByteCount: Int
  /// Bytes of constants: weights in the layouts that primitives read.
  public let constantByteCount: Int
  /// Names of inputs and outputs with their types.
  public let inputs: [(name: String, type: TensorType)], outputs: [(name: String, type: TensorType)]

  /// For int8: the scales of tensors stored in 8 bits, by name; `Options.scales` takes them in place of calibration.
  public let scales: [String: TensorScale]
  /// For int8 by calibration: what it costs each output in accuracy, on the calibration inputs.
  public private(set) var outputErrors: [OutputError] = []
  /// For int8 by calibration: the mean square of each 8-bit tensor over that of its rounding and clipping.
  public private(set) var signalToNoise: [String: Double] = [:]

  private enum Bound {
    case primitive(Primitive)
    case kernel(any OperatorDefinition, [TensorView], [MutableTensorView], KernelContext)
    case custom(any CustomKernel, [UnsafeMutableRawPointer], KernelContext)
  }

  private let bound: [Bound]
  /// Steps that depend on steady inputs alone; they are the first ones.
  private let steadyCount: Int
  private let memory: KernelMemory
  private let constants: [KernelMemory]
  private let inputAddresses: [UnsafeMutableRawPointer]
  private let outputAddresses: [UnsafeMutableRawPointer]
  private let graphName: String
  private let lock = Mutex(())

  /// Compiles a graph.
  ///
  /// - Throws: `EngineError` where the CPU lacks the precision, calibration inputs do not fit, or memory is short.
  public convenience init(_ graph: Graph, _ options: Options = Options()) throws {
    try Plan.check(options)
    EngineThreads.use(options.threads)
    var rewritten = try PlanGraph(graph)
    if options.fuses {
      try rewritten.simplify()
      rewritten.fuse()
    }
    let names = Names(
      inputs: graph.inputs.map { (graph[$0].name, graph[$0].type) },
      outputs: graph.outputs.map { (graph[$0].name, graph[$0].type) })
    guard options.precision == .int8 else {
      try self.init(rewritten, EightBitPlan(), options, names)
      return
    }
    var eightBit = EightBitPlan(rewritten)
    guard options.calibration.isEmpty else {
      let calibration = try Calibration(rewritten, eightBit, options, names)
      eightBit.scales = calibration.scales
      try self.init(rewritten, eightBit, options, names)
      signalToNoise = calibration.signalToNoise
      outputErrors = try calibration.errors(of: self, options.calibration)
      return
    }
    for tensor in eightBit.tensors {
      let name = rewritten.values[tensor].name
      guard let scale = options.scales[name] else {
        throw EngineError(
          file: graph.name, field: "scales", found: "none for \(name)",
          expected: "the scales of a plan of this network")
      }
      try scale.check(name)
      eightBit.scales[tensor] = scale
    }
    try self.init(rewritten, eightBit, options, names)
  }

  /// The largest weight in int8 on this CPU: 127 with VNNI, else 64 (`WeightChannels.limit`).
  public static var int8WeightLimit: Int { Int(WeightChannels.limit) }

  /// Throws unless this CPU computes in a precision; cheap, so that commands ask before they read anything.
  /// - Throws: `EngineError` naming the instruction set found and the one needed.
  public static func require(_ precision: Precision) throws {
    _ = try InstructionSet.inUse()
    if precision == .bfloat16, !Library.hasBFloat16 {
      throw EngineError(
        field: "precision", found: "bf16 on a CPU with \(Library.instructionSet)",
        expected: "AVX-512 with bf16, or f32")
    }
  }

  private static func check(_ options: Options) throws {
    guard options.threads >= 1 else {
      throw EngineError(field: "threads", found: "\(options.threads)", expected: "1 or more")
    }
    try require(options.precision)
    guard options.precision == .int8 else { return }
    guard options.calibration.isEmpty != options.scales.isEmpty else {
      throw EngineError(
        field: "precision", found: "int8 with \(options.scales.isEmpty ? "neither" : "both")",
        expected: "calibration inputs or scales")
    }
  }

  /// Inputs and outputs as the graph names them.
  struct Names {
    var inputs: [(name: String, type: TensorType)], outputs: [(name: String, type: TensorType)]
  }

  /// Compiles a rewritten graph, with scales for what is stored in 8 bits.
  init(_ rewritten: PlanGraph, _ eightBit: EightBitPlan, _ options: Options, _ names: Names) throws {
    self.options = options
    graphName = rewritten.name
    var named: [String: TensorScale] = [:]
    for (tensor, scale) in eightBit.scales { named[rewritten.values[tensor].name] = scale }
    scales = named
    let lowering = Lowering(rewritten, try Library(), options, eightBit)
    try lowering.run()
    let layout = MemoryPlan(lowering.buffers, stepCount: lowering.steps.count)
    let scratchByteCount =
      (lowering.steps.map(\.scratchByteCount).max() ?? 0)
    let scratchStart = (layout.byteCount + 4095) / 4096 * 4096
    let memory = KernelMemory(scratchStart + scratchByteCount)
    func address(_ location: Location) -> UnsafeMutableRawPointer {
      if let constant = lowering.buffers[location.buffer].constant { return constant.base + location.offset }
      return memory.base + layout.offsets[location.buffer] + location.offset
    }
    bound = try lowering.steps.map { step in
      let scratch = memory.base + scratchStart
      let context = KernelContext(
        threads: options.threads,
        scratch: UnsafeMutableRawBufferPointer(start: scratch, count: step.scratchByteCount))
      switch step.action {
      case .primitive(let primitive, let arguments):
        for argument in arguments {
          try primitive.bind(argument.argument, argument.layout, address(argument.location))
        }
        try primitive.bindScratchpad(scratch)
        return .primitive(primitive)
      case .kernel(let definition, let inputs, let outputs):
        return .kernel(
          definition, inputs.map { TensorView($0.0, address($0.1)) },
          outputs.map { MutableTensorView($0.0, address($0.1)) }, context)
      case .custom(let kernel, let locations): return .custom(kernel, locations.map(address), context)
      }
    }
    self.memory = memory
    steadyCount = lowering.steadyStepCount
    // What no step reads was only needed to make other constants.
    constants = lowering.buffers.compactMap { $0.lastStep >= 0 ? $0.constant : nil }
    steps = lowering.steps.map {
      StepInfo(
        name: $0.name, implementation: $0.implementation, operations: $0.operations, precision: $0.precision)
    }
    activationByteCount = layout.byteCount + scratchByteCount
    unsharedActivationByteCount = layout.unsharedByteCount + scratchByteCount
    constantByteCount = constants.reduce(0) { $0 + $1.buffer.count }
    inputs = names.inputs
    outputs = names.outputs
    inputAddresses = lowering.inputLocations.map(address)
    outputAddresses = lowering.outputLocations.map(address)
  }

  /// Runs once: values for all inputs by name, to values of all outputs by name.
  ///
  /// - Throws: `EngineError` where an input is missing or of another type, or an operator finds a wrong element.
  public func run(_ values: [String: TensorValue]) throws -> [String: TensorValue] {
    try lock.withLock { _ in
      try write(values)
      try runSteps()
      return Dictionary(
        zip(outputs, outputAddresses).map { ($0.name, TensorValue(type: $0.type, copying: $1)) },
        uniquingKeysWith: { first, _ in first })
    }
  }

  /// The memory of an input, to be filled before `execute()`; it keeps its elements between runs.
  public func inputView(_ index: Int) -> MutableTensorView {
    MutableTensorView(inputs[index].type, inputAddresses[index])
  }

  /// The memory of an output, valid until the next run.
  public func outputView(_ index: Int) -> TensorView {
    TensorView(outputs[index].type, outputAddresses[index])
  }

  /// Copies values into the inputs' memory.
  func fill(_ values: [String: TensorValue]) throws { try lock.withLock { _ in try write(values) } }

  /// Runs on what the inputs' memory holds; allocates nothing.
  public func execute() throws { try lock.withLock { _ in try runSteps() } }

  /// Runs once more after inputs other than the steady ones have changed: what depends on those alone is kept from the
  /// last `execute` (or `run`).
  public func executeAgain() throws { try lock.withLock { _ in try runSteps(from: steadyCount) } }

  /// Runs on what the inputs' memory holds and tells each step's seconds.
  public func profile() throws -> [Double] {
    try lock.withLock { _ in
      EngineThreads.use(options.threads)
      let clock = ContinuousClock()
      return try bound.map { step in
        let duration = try clock.measure { try Plan.run(step) }
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
      }
    }
  }

  private func write(_ values: [String: TensorValue]) throws {
    for (input, address) in zip(inputs, inputAddresses) {
      let value = try checkedInput(graphName, input.name, input.type, values[input.name])
      value.withBytes { address.copyMemory(from: $0) }
    }
  }

  private func runSteps(from first: Int = 0) throws {
    EngineThreads.use(options.threads)
    for k in first..<bound.count { try Plan.run(bound[k]) }
  }

  private static func run(_ step: Bound) throws {
    switch step {
    case .primitive(let primitive): try primitive.run()
    case .kernel(let definition, let inputs, let outputs, let context):
      try definition.compute(inputs, outputs, context)
    case .custom(let kernel, let addresses, let context): kernel.run(addresses, context)
    }
  }
}
