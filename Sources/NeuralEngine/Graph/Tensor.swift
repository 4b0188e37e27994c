/// What a tensor's elements are. ONNX's int32 becomes `int64` when a model is read.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
  /// IEEE 754 single precision: what networks compute in.
  case float32
  /// Indices and sizes.
  case int64
  /// One byte, 0 or 1: the result of a comparison.
  case bool

  /// Bytes an element takes.
  public var size: Int {
    switch self {
    case .float32: 4
    case .int64: 8
    case .bool: 1
    }
  }
}

/// A tensor's shape and element type; row-major, the last axis runs fastest.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  /// Extent of each axis; empty for a scalar, 0 allowed.
  public let shape: [Int]
  /// What the elements are.
  public let element: ElementType

  /// A type; the shape must be valid (`init(checking:)` is for shapes from outside).
  ///
  /// - Precondition: no extent is negative and their product is at most 2^40.
  public init(_ shape: [Int], _ element: ElementType = .float32) {
    precondition(TensorType.isValid(shape), "shape \(shape) is negative or too large")
    self.shape = shape
    self.element = element
  }

  /// A type for a shape that comes from outside.
  ///
  /// - Throws: `ShapeError.parameter` where an extent is negative or the product above 2^40.
  public init(checking shape: [Int], _ element: ElementType = .float32) throws {
    guard TensorType.isValid(shape) else {
      throw ShapeError.parameter(
        "shape", found: "\(shape)", expected: "extents of 0 or more, 2^40 elements at most")
    }
    self.init(shape, element)
  }

  /// Whether no extent is negative and the product is at most 2^40.
  public static func isValid(_ shape: [Int]) -> Bool {
    var count = 1
    for extent in shape {
      guard extent >= 0, extent <= 1 << 40 else { return false }
      let (product, overflow) = count.multipliedReportingOverflow(by: max(extent, 1))
      guard !overflow, product <= 1 << 40 else { return false }
      count = product
    }
    return true
  }

  /// Number of axes.
  public var rank: Int { shape.count }
  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// Bytes of all elements.
  public var byteCount: Int { count * element.size }
  /// Elements between neighbours along each axis.
  public var strides: [Int] { rowMajorStrides(shape) }
  /// `float32[1, 3, 4]`.
  public var description: String { "\(element.rawValue)\(shape)" }
}

/// Elements between neighbours along each axis of a row-major array of `shape`.
public func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in stride(from: shape.count - 2, through: 0, by: -1) {
    strides[axis] = strides[axis + 1] * shape[axis + 1]
  }
  return strides
}

/// A tensor's type with its elements: a weight, a constant, an input or an output.
public struct TensorValue: Sendable, Equatable {
  /// The elements, row-major.
  public enum Elements: Sendable, Equatable {
    /// Of `ElementType.float32`.
    case float32([Float])
    /// Of `ElementType.int64`.
    case int64([Int64])
    /// Of `ElementType.bool`.
    case bool([Bool])
  }

  /// Extent of each axis.
  public let shape: [Int]
  /// The elements, row-major; as many as the shape says.
  public let elements: Elements

  /// Float elements of a shape.
  ///
  /// - Precondition: as many elements as the shape says, here and below.
  public init(_ shape: [Int], _ floats: [Float]) { self.init(shape, elements: .float32(floats)) }

  /// Integer elements of a shape.
  public init(_ shape: [Int], integers: [Int64]) { self.init(shape, elements: .int64(integers)) }

  /// Boolean elements of a shape.
  public init(_ shape: [Int], booleans: [Bool]) { self.init(shape, elements: .bool(booleans)) }

  /// Elements of a shape.
  public init(_ shape: [Int], elements: Elements) {
    self.shape = shape
    self.elements = elements
    let count =
      switch elements {
      case .float32(let e): e.count
      case .int64(let e): e.count
      case .bool(let e): e.count
      }
    precondition(count == shape.reduce(1, *), "\(count) elements for shape \(shape)")
  }

  /// A tensor of zeros.
  public init(zeros type: TensorType) {
    switch type.element {
    case .float32: self.init(type.shape, [Float](repeating: 0, count: type.count))
    case .int64: self.init(type.shape, integers: [Int64](repeating: 0, count: type.count))
    case .bool: self.init(type.shape, booleans: [Bool](repeating: false, count: type.count))
    }
  }

  /// Shape and element type.
  public var type: TensorType {
    switch elements {
    case .float32: TensorType(shape)
    case .int64: TensorType(shape, .int64)
    case .bool: TensorType(shape, .bool)
    }
  }

  /// The elements where they are floats, else nil.
  public var floats: [Float]? {
    if case .float32(let e) = elements { e } else { nil }
  }

  /// The elements where they are integers, else nil.
  public var integers: [Int64]? {
    if case .int64(let e) = elements { e } else { nil }
  }

  /// The elements where they are booleans, else nil.
  public var booleans: [Bool]? {
    if case .bool(let e) = elements { e } else { nil }
  }

  /// Calls `body` with the elements' bytes, valid only during the call.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    switch elements {
    case .float32(let e): try e.withUnsafeBytes(body)
    case .int64(let e): try e.withUnsafeBytes(body)
    case .bool(let e): try e.withUnsafeBytes(body)
    }
  }

  /// A tensor of a type with elements copied from memory.
  ///
  /// - Precondition: `bytes` holds `type.byteCount` bytes at least, aligned for the element.
  public init(type: TensorType, copying bytes: UnsafeRawPointer) {
    let count = type.count
    switch type.element {
    case .float32:
      let p = bytes.bindMemory(to: Float.self, capacity: count)
      self.init(type.shape, [Float](UnsafeBufferPointer(start: p, count: count)))
    case .int64:
      let p = bytes.bindMemory(to: Int64.self, capacity: count)
      self.init(type.shape, integers: [Int64](UnsafeBufferPointer(start: p, count: count)))
    case .bool:
      let p = bytes.bindMemory(to: Bool.self, capacity: count)
      self.init(type.shape, booleans: [Bool](UnsafeBufferPointer(start: p, count: count)))
    }
  }
}
