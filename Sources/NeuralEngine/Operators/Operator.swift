/// What a node of a graph computes. Each case carries its parameters as a struct nested in `Operator`.
///
/// **Adding an operator** takes three steps, and touches this file in two lines:
///
/// 1. In its family's file `Operators/<Family>.swift`, the parameters and the shape rule:
///    ```swift
///    extension Operator {
///      /// Adds `shift` to every element.  `[any shape] -> [same shape]`
///      public struct Shift: OperatorDefinition, Hashable {
///        /// What is added.
///        public var shift: Float
///        /// An addition of `shift`.
///        public init(_ shift: Float) { self.shift = shift }
///        /// Its name in tables and errors.
///        public var name: String { "shift" }
///        /// The outputs' types, or `ShapeError` where inputs do not fit; `Graph.add` names the culprits.
///        public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
///          try expectInputs(inputs, 1)
///          try expectElement(inputs, 0, .float32)
///          return [inputs[0]]
///        }
///      }
///    }
///    ```
/// 2. In `Kernels/<Family>Kernels.swift`, the plain function over buffers (the reference every fast path is tested
///    against; it runs in a plan wherever oneDNN has no primitive):
///    ```swift
///    extension Operator.Shift {
///      /// Computes the outputs in plain loops; see `OperatorDefinition`.
///      public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws {
///        let x = inputs[0].floats, y = outputs[0].floats
///        context.parallel(inputs[0].count, grain: 4096) { range in for i in range { y[i] = x[i] + shift } }
///      }
///    }
///    ```
/// 3. Here: `case shift(Shift)`, and `case .shift(let o): o` in `definition`. It now runs in the interpreter and in plans
///    (as `graph.apply(.shift(.init(2)), x)`); ONNX files and oneDNN know it after CONTRIBUTING's further steps.
///
/// `operations` (FLOPs), `window` (receptive field) and `scratchByteCount` have defaults to override where they are wrong.
/// Optional inputs are told by the number of inputs, or by a flag in the struct where a later one may be present.
public enum Operator: Sendable {
  // Convolution.swift, Pooling.swift
  case convolution(Convolution)
  case transposedConvolution(TransposedConvolution)
  case pooling(Pooling)
  // Normalization.swift, Softmax.swift
  case batchNormalization(BatchNormalization)
  case groupedNormalization(GroupedNormalization)
  case softmax(Softmax)
  // MatrixMultiplication.swift
  case matrixMultiplication(MatrixMultiplication)
  // Elementwise.swift
  case unary(Unary)
  case binary(Binary)
  // Shaping.swift
  case reshape(Reshape)
  case transpose(Transpose)
  case concatenation(Concatenation)
  case slice(Slice)
  // Reduction.swift, Resize.swift
  case reduction(Reduction)
  case resize(Resize)
  // Indexing.swift
  case gather(Gather)
  case gatherElements(GatherElements)
  case gatherND(GatherND)
  case scatterElements(ScatterElements)
  case scatterND(ScatterND)
  case topK(TopK)
  case argumentOfExtreme(ArgumentOfExtreme)
  // Padding.swift
  case pad(Pad)
  case expand(Expand)
  case tile(Tile)
  // Selection.swift
  case select(Select)
  case cast(Cast)
  case cumulativeSum(CumulativeSum)
  case adaptivePooling(AdaptivePooling)
  // Sampling.swift
  case gridSample(GridSample)
  case affineGrid(AffineGrid)
  case deformableConvolution(DeformableConvolution)
  // Attention.swift, Einsum.swift
  case attention(Attention)
  case einsum(Einsum)
  // Quantization.swift, Recurrence.swift
  case quantization(Quantization)
  case recurrence(Recurrence)
  // Brought by other modules
  case external(ExternalOperator)

  /// The case's parameters with their behaviour.
  public var definition: any OperatorDefinition {
    switch self {
    case .convolution(let o): o
    case .transposedConvolution(let o): o
    case .pooling(let o): o
    case .batchNormalization(let o): o
    case .groupedNormalization(let o): o
    case .softmax(let o): o
    case .matrixMultiplication(let o): o
    case .unary(let o): o
    case .binary(let o): o
    case .reshape(let o): o
    case .transpose(let o): o
    case .concatenation(let o): o
    case .slice(let o): o
    case .reduction(let o): o
    case .resize(let o): o
    case .gather(let o): o
    case .gatherElements(let o): o
    case .gatherND(let o): o
    case .scatterElements(let o): o
    case .scatterND(let o): o
    case .topK(let o): o
    case .argumentOfExtreme(let o): o
    case .pad(let o): o
    case .expand(let o): o
    case .tile(let o): o
    case .select(let o): o
    case .cast(let o): o
    case .cumulativeSum(let o): o
    case .adaptivePooling(let o): o
    case .gridSample(let o): o
    case .affineGrid(let o): o
    case .deformableConvolution(let o): o
    case .attention(let o): o
    case .einsum(let o): o
    case .quantization(let o): o
    case .recurrence(let o): o
    case .external(let o): o
    }
  }
}

/// What every operator tells about itself: shapes, cost, and the plain computation.
public protocol OperatorDefinition: Sendable {
  /// Lower-case name for tables and errors: `convolution`.
  var name: String { get }

  /// The outputs' types for the inputs'; throws `ShapeError` where the inputs do not fit.
  func outputTypes(_ inputs: [TensorType]) throws -> [TensorType]

  /// Floating-point operations (a multiply-add is two). Default: one per output element.
  ///
  /// - Throws: `ShapeError` where the inputs do not fit (they do once a graph has taken the operator).
  func operations(_ inputs: [TensorType], _ outputs: [TensorType]) throws -> Int

  /// The sliding window over the spatial axes (all after the second), for receptive fields. Default: nil, pointwise.
  func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow?

  /// Bytes of scratch memory `compute` wants. Default: 0.
  func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) throws -> Int

  /// Computes the outputs in plain loops. Inputs have the types `outputTypes` accepted; outputs those it returned.
  ///
  /// - Throws: `EngineError` where elements (an index out of range) are wrong.
  func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
}

extension OperatorDefinition {
  /// Floating-point operations of one run with these input and output types.
  public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    outputs.reduce(0) { $0 + $1.count }
  }
  /// The window that an output element sees along each spatial axis, for receptive fields.
  public func window(_ inputs: [TensorType], _ outputs: [TensorType]) -> SlidingWindow? { nil }
  /// Bytes of scratch memory that the kernel wants.
  public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) -> Int { 0 }

  /// Parameters, FLOPs and bytes moved, for a node with these types.
  public func cost(_ inputs: [TensorType], _ outputs: [TensorType]) throws -> Cost {
    Cost(
      operations: try operations(inputs, outputs), bytesRead: inputs.reduce(0) { $0 + $1.byteCount },
      bytesWritten: outputs.reduce(0) { $0 + $1.byteCount })
  }
}

/// What one run of an operator costs, before any fusing.
public struct Cost: Sendable, Equatable {
  /// Floating-point operations; a multiply-add is two.
  public var operations: Int
  /// Bytes of all inputs, weights among them.
  public var bytesRead: Int
  /// Bytes of all outputs.
  public var bytesWritten: Int

  /// A cost.
  public init(operations: Int, bytesRead: Int, bytesWritten: Int) {
    self.operations = operations
    self.bytesRead = bytesRead
    self.bytesWritten = bytesWritten
  }
}

/// The window an operator slides over its first input's spatial axes.
public struct SlidingWindow: Sendable, Equatable {
  /// Window extent per axis, before dilation.
  public var kernel: [Int]
  /// Step per axis.
  public var strides: [Int]
  /// Distance of taps per axis.
  public var dilations: [Int]
  /// Padding before the first element per axis.
  public var padding: Padding
  /// Whether the window goes the other way (transposed convolution: the stride divides the jump).
  public var transposed: Bool

  /// A window.
  public init(
    kernel: [Int], strides: [Int], dilations: [Int], padding: Padding, transposed: Bool = false
  ) {
    self.kernel = kernel
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
    self.transposed = transposed
  }
}

// Helpers for shape rules.

/// The product, or the largest number where it does not fit.
func saturatingProduct(_ factors: [Int]) -> Int {
  factors.reduce(1) { product, factor in
    let (next, overflow) = product.multipliedReportingOverflow(by: factor)
    return overflow ? .max : next
  }
}

/// Throws unless there are `count` inputs.
func expectInputs(_ inputs: [TensorType], _ count: Int) throws {
  if inputs.count != count {
    throw ShapeError.inputCount(expected: "\(count) input\(count == 1 ? "" : "s"), not \(inputs.count)")
  }
}

/// Throws unless the number of inputs is in `range`.
func expectInputs(_ inputs: [TensorType], _ range: ClosedRange<Int>) throws {
  if !range.contains(inputs.count) {
    throw ShapeError.inputCount(
      expected: "\(range.lowerBound) to \(range.upperBound) inputs, not \(inputs.count)")
  }
}

/// Throws unless input `index` has the element type.
func expectElement(_ inputs: [TensorType], _ index: Int, _ element: ElementType) throws {
  if inputs[index].element != element {
    throw ShapeError.input(index, axis: nil, expected: "elements of \(element.rawValue)")
  }
}

/// Throws unless input `index` has the rank.
func expectRank(_ inputs: [TensorType], _ index: Int, _ ranks: ClosedRange<Int>) throws {
  if !ranks.contains(inputs[index].rank) {
    let wanted = ranks.count == 1 ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"
    throw ShapeError.input(index, axis: nil, expected: "\(wanted) axes")
  }
}

/// `axis` counted from the front (negative ones count from the back); throws where it is outside the rank.
func resolveAxis(_ axis: Int, rank: Int, name: String = "axis") throws -> Int {
  guard axis >= -rank, axis < rank else {
    throw ShapeError.parameter(name, found: "\(axis)", expected: "\(-rank) to \(rank - 1)")
  }
  return axis < 0 ? axis + rank : axis
}

/// The shape of two inputs broadcast against each other as NumPy does; throws naming their axis where they do not fit.
func broadcastShape(_ inputs: [TensorType], _ first: Int, _ second: Int) throws -> [Int] {
  let a = inputs[first].shape, b = inputs[second].shape
  let rank = max(a.count, b.count)
  return try (0..<rank).map { axis in
    let i = axis - (rank - a.count), j = axis - (rank - b.count)
    let x = i < 0 ? 1 : a[i], y = j < 0 ? 1 : b[j]
    guard x == y || x == 1 || y == 1 else {
      throw ShapeError.mismatch(first: first, second: second, axis: i, expected: "equal extents, or 1")
    }
    return x == 1 ? y : x
  }
}
