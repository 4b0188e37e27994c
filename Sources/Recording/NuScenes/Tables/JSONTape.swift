internal import CSimdJSON
internal import Files

/// A value of a parsed document, read from simdjson's tape; valid while the document is.
/// - Source: simdjson 3.0.1, doc/tape.md.
struct TapeValue {
  /// The kind of a value: the tape's letters.
  enum Kind: UInt8 {
    case object = 0x7b, array = 0x5b, string = 0x22, integer = 0x6c, unsigned = 0x75, double = 0x64
    case yes = 0x74, no = 0x66, null = 0x6e, other = 0
  }

  fileprivate let tape: UnsafePointer<UInt64>
  fileprivate let strings: UnsafePointer<UInt8>
  fileprivate let index: Int

  private var payload: UInt64 { tape[index] & 0x00ff_ffff_ffff_ffff }

  var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: tape[index] >> 56)) ?? .other }

  /// What stands there, in words.
  var words: String {
    switch kind {
    case .object: "an object"
    case .array: "a list"
    case .string: "the text \"\(String(decoding: bytes.prefix(40), as: UTF8.self))\""
    case .integer, .unsigned, .double: double.map { "the number \($0)" } ?? "a number"
    case .yes: "true"
    case .no: "false"
    case .null: "null"
    case .other: "nothing"
    }
  }

  /// The index of the word behind this value.
  private var end: Int {
    switch kind {
    case .object, .array: Int(payload & 0xffff_ffff)
    case .integer, .unsigned, .double: index + 2
    default: index + 1
    }
  }

  private func at(_ index: Int) -> TapeValue { TapeValue(tape: tape, strings: strings, index: index) }

  /// A string's bytes, UTF-8.
  /// - Precondition: the value is a string.
  var bytes: UnsafeRawBufferPointer {
    let start = UnsafeRawPointer(strings) + Int(payload)
    return UnsafeRawBufferPointer(start: start + 4, count: Int(start.loadUnaligned(as: UInt32.self)))
  }

  /// The string, or nil where the value is none.
  var string: String? { kind == .string ? String(decoding: bytes, as: UTF8.self) : nil }

  /// The integer, or nil where the value is none or needs more than 63 bits.
  var integer: Int64? { kind == .integer ? Int64(bitPattern: tape[index + 1]) : nil }

  /// The number as a double, or nil where the value is none.
  var double: Double? {
    switch kind {
    case .double: Double(bitPattern: tape[index + 1])
    case .integer: Double(Int64(bitPattern: tape[index + 1]))
    case .unsigned: Double(tape[index + 1])
    default: nil
    }
  }

  /// The truth value, or nil where the value is none.
  var bool: Bool? {
    switch kind {
    case .yes: true
    case .no: false
    default: nil
    }
  }

  /// Calls `body` for each element of a list.
  /// - Precondition: the value is a list.
  @inline(__always)
  func forEachElement(_ body: (TapeValue) throws -> Void) rethrows {
    let last = end - 1
    var position = index + 1
    while position < last {
      let element = at(position)
      try body(element)
      position = element.end
    }
  }

  /// Calls `body` for each key and value of an object.
  /// - Precondition: the value is an object.
  @inline(__always)
  func forEachEntry(_ body: (UnsafeRawBufferPointer, TapeValue) throws -> Void) rethrows {
    let last = end - 1
    var position = index + 1
    while position < last {
      let value = at(position + 1)
      try body(at(position).bytes, value)
      position = value.end
    }
  }
}

/// simdjson's parser; each parse replaces the document before.
final class JSONParser {
  /// How many bytes behind a text must be readable.
  static let padding = apus_json_padding()
  private let parser: OpaquePointer

  init() throws {
    guard let made = apus_json_parser_create() else {
      throw RecordingError(.unreadable, file: "memory", place: "parser", found: "none", expected: "some")
    }
    parser = made
  }

  deinit { apus_json_parser_destroy(parser) }

  /// The root value of the text, or what simdjson says is wrong.
  /// - Precondition: `padding` bytes behind the text are readable.
  func parse(_ text: UnsafeRawBufferPointer) -> Result<TapeValue, JSONRefusal> {
    var tape: UnsafePointer<UInt64>?
    var strings: UnsafePointer<UInt8>?
    var count = 0
    let code = apus_json_parse(
      parser, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count, &tape, &count, &strings)
    guard code == 0, let tape, let strings, count > 1 else {
      return .failure(JSONRefusal(text: code == 0 ? "no value" : String(cString: apus_json_error_text(code))))
    }
    return .success(TapeValue(tape: tape, strings: strings, index: 1))
  }
}

/// Why simdjson refused a text.
struct JSONRefusal: Error {
  let text: String
}

/// A JSON file that is read whole.
enum JSONFile {
  /// Calls `body` with the root value of a file of at most `limit` bytes; a byte order mark is passed over.
  /// - Throws: `RecordingError` with byte offset, line and column where the text is no JSON.
  static func read<Result>(
    _ path: String, limit: Int, _ body: (TapeValue) throws -> Result
  ) throws -> Result {
    var bytes: [UInt8]
    do {
      bytes = try RegularFile.read(path, limit: limit)
    } catch {
      throw RecordingError(error, file: path)
    }
    let start = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    let count = bytes.count
    bytes += [UInt8](repeating: 0, count: JSONParser.padding)
    let parser = try JSONParser()
    return try bytes.withUnsafeBytes { raw in
      let text = UnsafeRawBufferPointer(rebasing: raw[start..<count])
      switch parser.parse(text) {
      case .success(let root): return try body(root)
      case .failure(let refusal):
        let fault = StrictJSON.firstFault(text)
        throw TextPlace(path: path, offset: start + (fault?.offset ?? 0)).error(
          found: fault?.found ?? refusal.text, expected: fault?.expected ?? "JSON")
      }
    }
  }
}

/// A place in a text file: the byte, and the line and column for a person.
struct TextPlace {
  let path: String
  let offset: Int

  /// The error at this place, which reads the file again for the line and column (both from 1; columns are bytes).
  func error(found: String, expected: String) -> RecordingError {
    let (line, column) = lineAndColumn()
    return RecordingError(
      file: path, place: "byte \(offset) (\(line):\(column))", found: found, expected: expected)
  }

  private func lineAndColumn() -> (Int, Int) {
    var line = 1
    var lineStart = 0
    guard let file = try? OpenFile(path) else { return (line, offset + 1) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var position = 0
    while position < offset {
      let wanted = min(buffer.count, offset - position)
      let count = buffer.withUnsafeMutableBytes {
        (try? file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[0..<wanted]), at: position)) ?? 0
      }
      if count == 0 { break }
      for k in 0..<count where buffer[k] == 0x0a {
        line += 1
        lineStart = position + k + 1
      }
      position += count
    }
    return (line, offset - lineStart + 1)
  }
}
