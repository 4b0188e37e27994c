/// A small JSON reader that says where it stops: RFC 8259 without exceptions, duplicate keys refused.
///
/// It reads headers (safetensors) and finds the place of a fault in text that a faster parser has refused.
/// - Source: RFC 8259.
package struct StrictJSON {
  /// A value; objects keep their order.
  package indirect enum Value: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number as it is written.
    case number(String)
    case string(String)
    case array([Value])
    case object([(key: String, value: Value)])

    package static func == (a: Value, b: Value) -> Bool {
      switch (a, b) {
      case (.null, .null): true
      case (.bool(let x), .bool(let y)): x == y
      case (.number(let x), .number(let y)): x == y
      case (.string(let x), .string(let y)): x == y
      case (.array(let x), .array(let y)): x == y
      case (.object(let x), .object(let y)): x.elementsEqual(y) { $0 == $1 }
      default: false
      }
    }
  }

  /// Where and why reading stopped.
  package struct Fault: Error, Sendable, Hashable {
    /// The byte, from the text's beginning.
    package let offset: Int
    /// What is there.
    package let found: String
    /// What should be there.
    package let expected: String
  }

  private let text: UnsafeRawBufferPointer
  private let depthLimit: Int
  private let keeps: Bool
  private var position = 0

  private init(_ text: UnsafeRawBufferPointer, depthLimit: Int, keeps: Bool) {
    self.text = text
    self.depthLimit = depthLimit
    self.keeps = keeps
  }

  /// The value that the whole text is.
  /// - Throws: `Fault`.
  package static func parse(_ text: UnsafeRawBufferPointer, depthLimit: Int = 64) throws(Fault) -> Value {
    var reader = StrictJSON(text, depthLimit: depthLimit, keeps: true)
    return try reader.document()
  }

  /// The first fault of the text, or nil where it is one JSON value; keeps nothing in memory.
  package static func firstFault(_ text: UnsafeRawBufferPointer, depthLimit: Int = 64) -> Fault? {
    do throws(Fault) {
      var reader = StrictJSON(text, depthLimit: depthLimit, keeps: false)
      _ = try reader.document()
      return nil
    } catch {
      return error
    }
  }

  private mutating func document() throws(Fault) -> Value {
    let value = try value(depth: 0)
    skipSpace()
    guard position == text.count else { throw fault("more text", "the end") }
    return value
  }

  private func fault(_ found: String, _ expected: String, at offset: Int? = nil) -> Fault {
    Fault(offset: offset ?? position, found: found, expected: expected)
  }

  private func here() -> String {
    guard position < text.count else { return "the text ends" }
    let byte = text[position]
    return byte > 0x20 && byte < 0x7f
      ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
  }

  private mutating func skipSpace() {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(Fault) -> Value {
    guard depth <= depthLimit else {
      throw fault("nesting deeper than \(depthLimit)", "at most \(depthLimit) levels")
    }
    skipSpace()
    guard position < text.count else { throw fault("the text ends", "a value") }
    switch text[position] {
    case 0x7b: return try object(depth: depth)
    case 0x5b: return try array(depth: depth)
    case 0x22: return .string(try string())
    case 0x2d, 0x30...0x39: return try number()
    case 0x74: return try word("true", .bool(true))
    case 0x66: return try word("false", .bool(false))
    case 0x6e: return try word("null", .null)
    default: throw fault(here(), "a value")
    }
  }

  private mutating func word(_ word: StaticString, _ value: Value) throws(Fault) -> Value {
    for k in 0..<word.utf8CodeUnitCount {
      guard position < text.count, text[position] == word.utf8Start[k] else { throw fault(here(), "\(word)") }
      position += 1
    }
    return value
  }

  private mutating func object(depth: Int) throws(Fault) -> Value {
    position += 1
    var entries: [(key: String, value: Value)] = []
    var keys = Set<String>()
    if take(0x7d) { return .object([]) }
    while true {
      skipSpace()
      guard position < text.count, text[position] == 0x22 else { throw fault(here(), "a key in quotes") }
      let start = position
      let key = try string()
      guard keys.insert(key).inserted else {
        throw fault("key \"\(key)\" twice in one object", "each key once", at: start)
      }
      guard take(0x3a) else { throw fault(here(), "':'") }
      let value = try value(depth: depth + 1)
      if keeps { entries.append((key, value)) }
      if take(0x2c) { continue }
      guard take(0x7d) else { throw fault(here(), "',' or '}'") }
      return .object(entries)
    }
  }

  private mutating func array(depth: Int) throws(Fault) -> Value {
    position += 1
    var values: [Value] = []
    if take(0x5d) { return .array([]) }
    while true {
      let value = try value(depth: depth + 1)
      if keeps { values.append(value) }
      if take(0x2c) { continue }
      guard take(0x5d) else { throw fault(here(), "',' or ']'") }
      return .array(values)
    }
  }

  private mutating func number() throws(Fault) -> Value {
    let start = position
    if text[position] == 0x2d { position += 1 }
    let first = position
    try digits()
    if text[first] == 0x30, position - first > 1 { throw fault("a leading zero", "a number", at: first) }
    if position < text.count, text[position] == 0x2e {
      position += 1
      try digits()
    }
    if position < text.count, text[position] | 0x20 == 0x65 {
      position += 1
      if position < text.count, text[position] == 0x2b || text[position] == 0x2d { position += 1 }
      try digits()
    }
    guard keeps else { return .null }
    return .number(String(decoding: text[start..<position], as: UTF8.self))
  }

  private mutating func digits() throws(Fault) {
    let start = position
    while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
    guard position > start else { throw fault(here(), "a digit") }
  }

  private mutating func string() throws(Fault) -> String {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      switch byte {
      case 0x22:
        position += 1
        return String(decoding: bytes, as: UTF8.self)
      case 0x5c: try escape(into: &bytes)
      case 0..<0x20: throw fault("control byte 0x" + String(byte, radix: 16) + " in a string", "an escape")
      case 0x20..<0x80:
        bytes.append(byte)
        position += 1
      default:
        let length = try sequenceLength()
        bytes.append(contentsOf: text[position..<position + length])
        position += length
      }
    }
    throw fault("a string without an end, begun at byte \(start)", "'\"'")
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(Fault) {
    let start = position
    guard position + 1 < text.count else {
      position = text.count
      throw fault("the text ends", "an escape")
    }
    let letter = text[position + 1]
    position += 2
    switch letter {
    case 0x22, 0x5c, 0x2f: bytes.append(letter)
    case 0x62: bytes.append(0x08)
    case 0x66: bytes.append(0x0c)
    case 0x6e: bytes.append(0x0a)
    case 0x72: bytes.append(0x0d)
    case 0x74: bytes.append(0x09)
    case 0x75:
      var code = try hexadecimal()
      if (0xdc00..<0xe000).contains(code) { throw fault("a lone low surrogate", "a character", at: start) }
      if (0xd800..<0xdc00).contains(code) {
        guard position + 1 < text.count, text[position] == 0x5c, text[position + 1] == 0x75 else {
          throw fault("a lone high surrogate", "a pair", at: start)
        }
        position += 2
        let low = try hexadecimal()
        guard (0xdc00..<0xe000).contains(low) else {
          throw fault("a lone high surrogate", "a pair", at: start)
        }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = UnicodeScalar(code) else { throw fault("no character", "a character", at: start) }
      bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
    default: throw fault("an unknown escape", "one of \"\\/bfnrtu", at: start)
    }
  }

  private mutating func hexadecimal() throws(Fault) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard position < text.count, let digit = Character(UnicodeScalar(text[position])).hexDigitValue else {
        throw fault(here(), "four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  /// The length of the well-formed UTF-8 sequence here (RFC 3629: no overlong forms, no surrogates).
  private func sequenceLength() throws(Fault) -> Int {
    let b = text[position]
    let (length, low, high): (Int, UInt8, UInt8) =
      switch b {
      case 0xc2...0xdf: (2, 0x80, 0xbf)
      case 0xe0: (3, 0xa0, 0xbf)
      case 0xed: (3, 0x80, 0x9f)
      case 0xe1...0xef: (3, 0x80, 0xbf)
      case 0xf0: (4, 0x90, 0xbf)
      case 0xf1...0xf3: (4, 0x80, 0xbf)
      case 0xf4: (4, 0x80, 0x8f)
      default: (0, 0, 0)
      }
    guard length > 0, position + length <= text.count, (low...high).contains(text[position + 1]),
      text[(position + 1)..<(position + length)].allSatisfy({ $0 & 0xc0 == 0x80 })
    else { throw fault("invalid UTF-8 (byte 0x" + String(b, radix: 16) + ")", "UTF-8") }
    return length
  }
}

extension StrictJSON {
  /// A string as JSON writes it, with quotes; control characters, `"` and `\` are escaped.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
