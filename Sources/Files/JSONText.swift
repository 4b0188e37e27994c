/// JSON being written, byte by byte: keys in the order of the calls, numbers as the shortest decimals that read back the
/// same, never a NaN.
public struct JSONText: Sendable {
  /// The text so far, in UTF-8.
  public private(set) var bytes: [UInt8] = []

  /// Nothing yet.
  public init() {}

  /// The text as it stands.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Adds text as it is.
  public mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Adds bytes as they are.
  public mutating func raw(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  /// Adds a string in quotes; control characters, `"` and `\` are escaped.
  public mutating func string(_ text: String) {
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22: raw("\\\"")
      case 0x5c: raw("\\\\")
      case 0x0a: raw("\\n")
      case 0x0d: raw("\\r")
      case 0x09: raw("\\t")
      case 0..<0x20, 0x7f:
        raw("\\u00")
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  /// Adds a number as the shortest decimal that reads back the same; null where it is not finite, as JSON has no NaN.
  public mutating func number(_ value: Double) {
    if value.isFinite { raw(value.description.utf8) } else { raw("null") }
  }

  /// Adds a whole number.
  public mutating func integer(_ value: some BinaryInteger) { raw(String(value).utf8) }

  /// Adds `[a, b, ...]`.
  public mutating func numbers(_ values: some Sequence<Double>) {
    bytes.append(0x5b)
    var first = true
    for value in values {
      if !first { bytes.append(0x2c) }
      first = false
      number(value)
    }
    bytes.append(0x5d)
  }

  /// Adds `[[x, y], ...]`.
  public mutating func points(_ values: [SIMD2<Double>]) {
    bytes.append(0x5b)
    for (k, value) in values.enumerated() {
      if k > 0 { bytes.append(0x2c) }
      numbers([value.x, value.y])
    }
    bytes.append(0x5d)
  }
}
