/// The head of an npy file: a Python dictionary with exactly `descr`, `fortran_order` and `shape`.
struct NpyHeader {
  let elementType: StoredType
  let bigEndian: Bool
  let fortranOrder: Bool
  let shape: [Int]
  /// Where the data begin.
  let dataOffset: Int

  init(_ bytes: [UInt8], name: String) throws {
    func fail(_ place: String, _ found: String, _ expected: String) -> ArrayFileError {
      ArrayFileError(file: name, place: place, found: found, expected: expected)
    }
    guard bytes.count >= 10, bytes[0] == 0x93, bytes[1..<6].elementsEqual("NUMPY".utf8) else {
      throw fail("byte 0", "no npy magic in \(bytes.count) bytes", "0x93 \"NUMPY\"")
    }
    guard (1...3).contains(bytes[6]), bytes[7] == 0 else {
      throw fail("byte 6", "format version \(bytes[6]).\(bytes[7])", "1.0, 2.0 or 3.0")
    }
    let wide = bytes[6] > 1
    guard bytes.count >= 12 else { throw fail("byte 8", "the file ends", "the header's length") }
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if wide { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    let start = wide ? 12 : 10
    guard length <= NpyFile.headerLimit else {
      throw fail("byte 8", "a header of \(length) bytes", "at most \(NpyFile.headerLimit)")
    }
    guard start + length <= bytes.count else {
      throw fail(
        "byte 8", "a header of \(length) bytes in a file of \(bytes.count)", "a header within the file")
    }
    var literal = PythonLiteral(bytes[start..<start + length])
    guard let entries = literal.dictionary() else {
      throw fail("byte \(literal.position)", "no dictionary of three entries", "{'descr': .., ..}")
    }
    dataOffset = start + length
    guard let fortran = entries.fortranOrder else {
      throw fail("fortran_order", "missing", "True or False")
    }
    fortranOrder = fortran
    guard let shape = entries.shape else { throw fail("shape", "missing", "a tuple of numbers") }
    self.shape = shape
    guard let descr = entries.descr else {
      throw fail("descr", "missing or a record type", "a simple type such as '<f4'")
    }
    if descr.hasSuffix("O") {
      throw fail("descr", "'\(descr)': Python objects, which are pickles and never run", "numbers")
    }
    guard let order = descr.first, "<>|=".contains(order),
      let type = StoredType.allCases.first(where: { $0.numpyCode == String(descr.dropFirst()) })
    else {
      throw fail("descr", "'\(descr)'", "f2, f4, f8, i1 to i8, u1 to u8 or b1")
    }
    elementType = type
    bigEndian = order == ">"
  }
}

/// As much of Python's literals as numpy writes into a header.
private struct PythonLiteral {
  struct Entries {
    var descr: String?
    var fortranOrder: Bool?
    var shape: [Int]?
  }

  private let text: ArraySlice<UInt8>
  private(set) var position: Int

  init(_ text: ArraySlice<UInt8>) {
    self.text = text
    position = text.startIndex
  }

  /// The dictionary, or nil where the text is something else; `position` is then where it went wrong.
  mutating func dictionary() -> Entries? {
    var entries = Entries()
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = string(), take(":") else { return nil }
      switch key {
      case "descr":
        guard entries.descr == nil, let value = string() else { return nil }
        entries.descr = value
      case "fortran_order":
        guard entries.fortranOrder == nil, let value = boolean() else { return nil }
        entries.fortranOrder = value
      case "shape":
        guard entries.shape == nil, let value = tuple() else { return nil }
        entries.shape = value
      default: return nil
      }
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skipSpace()
    return position == text.endIndex ? entries : nil
  }

  private mutating func skipSpace() {
    while position < text.endIndex, [0x20, 0x09, 0x0a, 0x0d].contains(text[position]) { position += 1 }
  }

  private mutating func take(_ word: String) -> Bool {
    skipSpace()
    guard text[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func string() -> String? {
    skipSpace()
    guard position < text.endIndex, text[position] == 0x27 || text[position] == 0x22 else { return nil }
    let quote = text[position]
    guard let end = text[(position + 1)...].firstIndex(of: quote) else { return nil }
    let content = text[(position + 1)..<end]
    guard !content.contains(0x5c) else { return nil }
    position = end + 1
    return String(decoding: content, as: UTF8.self)
  }

  private mutating func boolean() -> Bool? {
    if take("True") { return true }
    if take("False") { return false }
    return nil
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var values: [Int] = []
    while !take(")") {
      skipSpace()
      let start = position
      while position < text.endIndex, (0x30...0x39).contains(text[position]) { position += 1 }
      guard position > start, values.count < 32,
        let value = Int(String(decoding: text[start..<position], as: UTF8.self))
      else { return nil }
      _ = take("L")  // Python 2 wrote 3L
      values.append(value)
      if !take(",") {
        guard take(")") else { return nil }
        break
      }
    }
    return values
  }
}
