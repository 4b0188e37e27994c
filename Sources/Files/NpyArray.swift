/// An array of numbers with its shape: what one npy file or one entry of an npz archive holds.
public struct NpyArray: Sendable, Equatable {
  /// The elements' type.
  public let elementType: StoredType
  /// The dimensions; empty for a single number.
  public let shape: [Int]
  /// The elements in C order (the last dimension runs fastest), little-endian.
  public let bytes: [UInt8]

  /// The number of elements.
  public var count: Int { bytes.count / elementType.size }

  /// The array with these bytes.
  /// - Precondition: `bytes.count` is the shape's product times the element's size.
  public init(elementType: StoredType, shape: [Int], bytes: [UInt8]) {
    precondition(
      elementType.byteCount(shape: shape) == bytes.count,
      "\(bytes.count) bytes for \(elementType) \(shape)")
    self.elementType = elementType
    self.shape = shape
    self.bytes = bytes
  }

  /// The array of these values, C order.
  /// - Precondition: as many values as the shape's product.
  public init<Element: ArrayElement>(_ values: [Element], shape: [Int]) {
    self.init(
      elementType: Element.elementType, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }

  /// The array of these truth values, C order.
  /// - Precondition: as many values as the shape's product.
  public init(_ values: [Bool], shape: [Int]) {
    self.init(elementType: .bool, shape: shape, bytes: values.map { $0 ? 1 : 0 })
  }

  /// The elements in C order.
  /// - Throws: `ArrayFileError` where the array is of another type.
  public func values<Element: ArrayElement>(as type: Element.Type = Element.self) throws -> [Element] {
    try requireType(Element.elementType)
    return [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
      initialized = count
    }
  }

  /// The truth values in C order: every byte but 0 is true.
  /// - Throws: `ArrayFileError` where the array is of another type.
  public func booleans() throws -> [Bool] {
    try requireType(.bool)
    return bytes.map { $0 != 0 }
  }

  /// The elements as Float32, from `float32`, `float64` (rounded), `float16` or `bfloat16`.
  /// - Throws: `ArrayFileError` where the array holds no floating-point numbers.
  public func floats() throws -> [Float] {
    guard let floats = FloatConversion.floats(bytes, elementType) else {
      throw ArrayFileError(
        file: "array", place: "type", found: elementType.rawValue, expected: "a floating-point type")
    }
    return floats
  }

  private func requireType(_ wanted: StoredType) throws {
    guard elementType == wanted else {
      throw ArrayFileError(
        file: "array", place: "type", found: elementType.rawValue, expected: wanted.rawValue)
    }
  }
}

/// Floating-point formats as Float32.
enum FloatConversion {
  /// The numbers, or nil where the type is no floating-point type.
  static func floats(_ bytes: [UInt8], _ type: StoredType) -> [Float]? {
    bytes.withUnsafeBytes { floats($0, type) }
  }

  static func floats(_ raw: UnsafeRawBufferPointer, _ type: StoredType) -> [Float]? {
    let count = raw.count / type.size
    switch type {
    case .float32:
      return (0..<count).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    case .float64:
      return (0..<count).map { Float(raw.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self)) }
    case .bfloat16:
      return (0..<count).map {
        Float(bitPattern: UInt32(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) << 16)
      }
    case .float16:
      return (0..<count).map { half(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) }
    default:
      return nil
    }
  }

  /// IEEE 754 binary16 as Float32, exactly.
  static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int((bits >> 10) & 0x1f)
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0: return sign * Float(fraction) * 0x1p-24
    case 31:
      let pattern = UInt32(bits & 0x8000) << 16 | 0x7f80_0000 | fraction << 13
      return Float(bitPattern: pattern)
    default:
      return Float(bitPattern: UInt32(bits & 0x8000) << 16 | UInt32(exponent + 112) << 23 | fraction << 13)
    }
  }
}
