/// Reads JSON from a file piece by piece, in constant memory, knowing what it looks for and where it is.
///
/// `NaN` and `Infinity` are read as numbers, as some writers give them; the caller says what it takes. Nesting is limited
/// to 64 levels, strings to 4 KiB, numbers to 400 bytes.
package struct JSONPull: ~Copyable {
  private let file: OpenFile
  private let buffer: UnsafeMutableRawBufferPointer
  private var position = 0
  private var end = 0
  private var base = 0
  private var scratch: [UInt8] = []

  package init(_ path: String) throws {
    file = try OpenFile(path)
    buffer = .allocate(byteCount: 1 << 20, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// The file's path.
  package var path: String { file.path }
  /// The byte that is read next, from the file's beginning.
  package var offset: Int { base + position }

  /// An error at a byte of the file.
  package func fault(_ found: String, _ expected: String, at offset: Int? = nil) -> ArrayFileError {
    ArrayFileError(file: file.path, place: "byte \(offset ?? self.offset)", found: found, expected: expected)
  }

  /// Fills the buffer again; false at the end of the file.
  private mutating func refill() throws -> Bool {
    base += end
    position = 0
    end = try file.read(into: buffer, at: base)
    return end > 0
  }

  /// The next byte without taking it; 0 at the end.
  private mutating func here() throws -> UInt8 {
    if position == end { guard try refill() else { return 0 } }
    return buffer[position]
  }

  private mutating func describe() throws -> String {
    let byte = try here()
    if byte == 0, position == end { return "the end of the file" }
    return byte > 0x20 && byte < 0x7f
      ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
  }

  /// The next byte after spaces without taking it; 0 at the end.
  package mutating func peek() throws -> UInt8 {
    while true {
      let byte = try here()
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
      position += 1
    }
  }

  /// Takes a byte after spaces where it is the next one.
  package mutating func take(_ byte: UInt8) throws -> Bool {
    guard try peek() == byte, position < end else { return false }
    position += 1
    return true
  }

  /// Takes a byte after spaces.
  package mutating func expect(_ byte: UInt8) throws {
    guard try take(byte) else {
      throw fault(try describe(), "'\(Character(UnicodeScalar(byte)))'")
    }
  }

  /// After an item of a list or an object: true where another follows.
  package mutating func another(close: UInt8) throws -> Bool {
    if try take(0x2c) { return true }
    guard try take(close) else {
      throw fault(try describe(), "',' or '\(Character(UnicodeScalar(close)))'")
    }
    return false
  }

  /// Checks that nothing follows.
  package mutating func finish() throws {
    let byte = try peek()
    guard byte == 0, position == end else { throw fault(try describe(), "the end of the file") }
  }

  /// A string.
  package mutating func string() throws -> String {
    try expect(0x22)
    let start = offset
    scratch.removeAll(keepingCapacity: true)
    while true {
      let byte = try here()
      guard position < end, byte >= 0x20 else {
        throw fault(try describe(), "the end of a string", at: start)
      }
      position += 1
      if byte == 0x22 { break }
      if byte == 0x5c { try escape() } else { scratch.append(byte) }
      guard scratch.count <= 4096 else {
        throw fault("a string of more than 4096 bytes", "a token or a name", at: start)
      }
    }
    guard let text = String(validating: scratch, as: UTF8.self) else {
      throw fault("a string that is not UTF-8", "UTF-8", at: start)
    }
    return text
  }

  private mutating func escape() throws {
    let letter = try here()
    position += position < end ? 1 : 0
    switch letter {
    case 0x22, 0x5c, 0x2f: scratch.append(letter)
    case 0x62: scratch.append(0x08)
    case 0x66: scratch.append(0x0c)
    case 0x6e: scratch.append(0x0a)
    case 0x72: scratch.append(0x0d)
    case 0x74: scratch.append(0x09)
    case 0x75:
      var code = try hexadecimal()
      if (0xd800..<0xdc00).contains(code) {
        let pair = try here() == 0x5c
        position += pair ? 1 : 0
        guard pair, try here() == 0x75 else { throw fault("a lone surrogate", "a character") }
        position += 1
        let low = try hexadecimal()
        guard (0xdc00..<0xe000).contains(low) else { throw fault("a lone surrogate", "a character") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = UnicodeScalar(code) else { throw fault("a lone surrogate", "a character") }
      scratch.append(contentsOf: String(Character(scalar)).utf8)
    default: throw fault("an unknown escape", "one of \"\\/bfnrtu")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(UnicodeScalar(try here())).hexDigitValue else {
        throw fault(try describe(), "four hexadecimal digits")
      }
      position += 1
      code = code << 4 | UInt32(digit)
    }
    return code
  }

  /// A number, and whether it was written as a whole one.
  ///
  /// Up to fifteen digits with a small exponent are read directly (exact, as both factors are), the rest by the library.
  package mutating func number() throws -> (value: Double, isInteger: Bool) {
    let first = try peek()
    let start = offset
    if first == 0x4e || first == 0x49 { return (try word(), false) }
    scratch.removeAll(keepingCapacity: true)
    var mantissa: UInt64 = 0
    var digits = 0
    var decimals = 0
    var plain = true
    var point = false
    while true {
      let byte = try here()
      guard position < end else { break }
      switch byte {
      case 0x30...0x39:
        if digits < 16 { mantissa = mantissa * 10 + UInt64(byte - 0x30) }
        digits += 1
        decimals += point ? 1 : 0
      case 0x2e:
        plain = plain && !point
        point = true
      case 0x2d where scratch.isEmpty: break
      case 0x2d, 0x2b, 0x65, 0x45: plain = false
      case 0x49 where scratch == [0x2d]: return (-(try word()), false)
      default:
        return (try value(start, mantissa, digits, decimals, plain), !point && plain)
      }
      position += 1
      scratch.append(byte)
      guard scratch.count <= 400 else {
        throw fault("a number of more than 400 bytes", "a number", at: start)
      }
    }
    return (try value(start, mantissa, digits, decimals, plain), !point && plain)
  }

  private func value(
    _ start: Int, _ mantissa: UInt64, _ digits: Int, _ decimals: Int, _ plain: Bool
  ) throws -> Double {
    // JSON's grammar, as the library takes more: a digit first, a digit after the point, no leading zero.
    let body = scratch.first == 0x2d ? scratch.dropFirst() : scratch[...]
    let well =
      body.first.map { (0x30...0x39).contains($0) } == true
      && scratch.last.map { (0x30...0x39).contains($0) } == true
      && !(body.count > 1 && body.first == 0x30 && (0x30...0x39).contains(body[body.startIndex + 1]))
    guard well else {
      throw fault("'\(String(decoding: scratch.prefix(40), as: UTF8.self))'", "a number", at: start)
    }
    if plain, digits <= 15 {
      let value = Double(mantissa) / Self.powersOfTen[decimals]
      return scratch.first == 0x2d ? -value : value
    }
    guard let value = Double(String(decoding: scratch, as: UTF8.self)) else {
      throw fault("'\(String(decoding: scratch.prefix(40), as: UTF8.self))'", "a number", at: start)
    }
    return value
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]

  private mutating func word() throws -> Double {
    let start = offset
    scratch.removeAll(keepingCapacity: true)
    while scratch.count < 9, case let byte = try here(),
      (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    {
      scratch.append(byte)
      position += 1
    }
    switch String(decoding: scratch, as: UTF8.self) {
    case "NaN": return .nan
    case "Infinity": return .infinity
    default: throw fault("'\(String(decoding: scratch, as: UTF8.self))'", "a number", at: start)
    }
  }

  /// A list of exactly `count` numbers, handed over one by one.
  package mutating func numbers(_ count: Int, _ body: (Int, Double) -> Void) throws {
    let start = offset
    try expect(0x5b)
    for k in 0..<count {
      if k > 0, try !another(close: 0x5d) { throw fault("a list of \(k) numbers", "\(count)", at: start) }
      body(k, try number().value)
    }
    guard try take(0x5d) else { throw fault(try describe(), "']' after \(count) numbers") }
  }

  /// Passes over any value.
  package mutating func skip(depth: Int = 0) throws {
    guard depth <= 64 else { throw fault("nesting deeper than 64", "at most 64 levels") }
    switch try peek() {
    case 0x7b:
      position += 1
      if try take(0x7d) { return }
      repeat {
        _ = try string()
        try expect(0x3a)
        try skip(depth: depth + 1)
      } while try another(close: 0x7d)
    case 0x5b:
      position += 1
      if try take(0x5d) { return }
      repeat { try skip(depth: depth + 1) } while try another(close: 0x5d)
    case 0x22: _ = try string()
    case 0x74, 0x66, 0x6e:
      let start = offset
      var word: [UInt8] = []
      while word.count < 6, case let byte = try here(), (0x61...0x7a).contains(byte) {
        word.append(byte)
        position += 1
      }
      let text = String(decoding: word, as: UTF8.self)
      guard text == "true" || text == "false" || text == "null" else {
        throw fault("'\(text)'", "a value", at: start)
      }
    default: _ = try number()
    }
  }
}
