/// An operator that another module brings: its behaviour as closures.
public struct ExternalOperator: OperatorDefinition {
  /// Builds the gradients as graph operators: for a node's inputs, outputs and the gradients of its outputs, the
  /// gradients of its inputs (nil where there is none).
  public typealias Backward =
    @Sendable (
      _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
    ) throws -> [TensorID?]

  /// Name for tables and errors.
  public let name: String
  private let shape: @Sendable ([TensorType]) throws -> [TensorType]
  private let forward: @Sendable ([TensorView], [MutableTensorView], KernelContext) throws -> Void
  private let cost: @Sendable ([TensorType], [TensorType]) -> Int
  private let scratch: @Sendable ([TensorType], [TensorType], Int) -> Int
  /// Builds the gradient; nil where the operator is not differentiable.
  public let backward: Backward?

  /// An operator from its closures.
  ///
  /// - Parameters:
  ///   - shape: output types for input types; throws `ShapeError`.
  ///   - forward: computes the outputs; must not depend on the thread count.
  ///   - backward: builds gradient operators, nil where there is no gradient.
  ///   - cost: floating-point operations.
  ///   - scratch: bytes of scratch memory that `forward` wants, for a number of threads.
  public init(
    name: String,
    shape: @escaping @Sendable ([TensorType]) throws -> [TensorType],
    forward: @escaping @Sendable ([TensorView], [MutableTensorView], KernelContext) throws -> Void,
    backward: Backward? = nil,
    cost: @escaping @Sendable ([TensorType], [TensorType]) -> Int = { $1.reduce(0) { $0 + $1.count } },
    scratch: @escaping @Sendable ([TensorType], [TensorType], Int) -> Int = { _, _, _ in 0 }
  ) {
    self.name = name
    self.shape = shape
    self.forward = forward
    self.backward = backward
    self.cost = cost
    self.scratch = scratch
  }

  /// The outputs' types, after the inputs have been checked.
  public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] { try shape(inputs) }

  /// Floating-point operations of one run with these input and output types.
  public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { cost(inputs, outputs) }

  /// Bytes of scratch memory that the kernel wants.
  public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) -> Int {
    scratch(inputs, outputs, threads)
  }

  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    try forward(inputs, outputs, context)
  }

  /// What `backward` builds.
  ///
  /// - Throws: `EngineError` where there is none.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let backward else {
      throw EngineError(
        file: graph.name, field: "\(name) \(graph[outputs[0]].name)", found: "no gradient",
        expected: "an operator that has one")
    }
    return try backward(&graph, inputs, outputs, gradients)
  }
}
