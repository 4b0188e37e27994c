/// The type of an array's elements, as npy and safetensors name it.
public enum StoredType: String, Sendable, Hashable, CaseIterable {
  case float64, float32, float16, bfloat16, int64, int32, int16, int8, uint64, uint32, uint16, uint8, bool

  /// Bytes an element.
  public var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// The type in numpy's words without the byte order (`f4`), or nil for bfloat16, which numpy does not have.
  public var numpyCode: String? {
    switch self {
    case .float64: "f8"
    case .float32: "f4"
    case .float16: "f2"
    case .bfloat16: nil
    case .int64: "i8"
    case .int32: "i4"
    case .int16: "i2"
    case .int8: "i1"
    case .uint64: "u8"
    case .uint32: "u4"
    case .uint16: "u2"
    case .uint8: "u1"
    case .bool: "b1"
    }
  }

  /// The type in safetensors' words: `F32`.
  public var safetensorsCode: String {
    switch self {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int64: "I64"
    case .int32: "I32"
    case .int16: "I16"
    case .int8: "I8"
    case .uint64: "U64"
    case .uint32: "U32"
    case .uint16: "U16"
    case .uint8: "U8"
    case .bool: "BOOL"
    }
  }

  /// The number of bytes that an array of this shape takes, or nil where a dimension is negative or it overflows.
  public func byteCount(shape: [Int]) -> Int? {
    // A zero anywhere makes the array empty, but the other dimensions must not overflow either: numpy refuses that too.
    var nonzero = size
    var empty = false
    for dimension in shape {
      guard dimension >= 0 else { return nil }
      if dimension == 0 {
        empty = true
        continue
      }
      let (product, overflow) = nonzero.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      nonzero = product
    }
    return empty ? 0 : nonzero
  }
}

/// A Swift type whose arrays are read and written as they lie in memory (little-endian machines).
public protocol ArrayElement: Sendable, BitwiseCopyable {
  /// The type in files.
  static var elementType: StoredType { get }
}

extension Double: ArrayElement {
  /// `float64`
  public static var elementType: StoredType { .float64 }
}
extension Float: ArrayElement {
  /// `float32`
  public static var elementType: StoredType { .float32 }
}
extension Int64: ArrayElement {
  /// `int64`
  public static var elementType: StoredType { .int64 }
}
extension Int32: ArrayElement {
  /// `int32`
  public static var elementType: StoredType { .int32 }
}
extension Int16: ArrayElement {
  /// `int16`
  public static var elementType: StoredType { .int16 }
}
extension Int8: ArrayElement {
  /// `int8`
  public static var elementType: StoredType { .int8 }
}
extension UInt64: ArrayElement {
  /// `uint64`
  public static var elementType: StoredType { .uint64 }
}
extension UInt32: ArrayElement {
  /// `uint32`
  public static var elementType: StoredType { .uint32 }
}
extension UInt16: ArrayElement {
  /// `uint16`
  public static var elementType: StoredType { .uint16 }
}
extension UInt8: ArrayElement {
  /// `uint8`
  public static var elementType: StoredType { .uint8 }
}
