internal import Files

/// The records of a table's file, `[{..}, {..}, ..]`, a piece of the file at a time.
///
/// Memory is bounded by the piece and the largest record, whatever the file's size. Each piece is cut between records
/// by counting brackets, and parsed strictly by simdjson.
struct RecordStream: ~Copyable {
  /// Bytes read at a time.
  static let pieceSize = 1 << 20
  /// The most bytes of one record.
  static let recordLimit = 1 << 24
  /// The deepest nesting of lists and objects.
  static let depthLimit = 64

  /// What may come next outside records.
  private enum State {
    case beginning, recordOrEnd, commaOrEnd, record, inside, end
  }

  private let file: OpenFile
  private let parser: JSONParser
  /// One byte of room for `[`, then the piece, then room for `]` and the parser's padding.
  private var buffer: [UInt8]
  private var count = 0
  private var offsetInFile = 0
  private var state = State.beginning
  private var depth = 0
  private var inString = false
  private var escaped = false
  private var recordIndex = 0

  private init(_ file: consuming OpenFile, _ parser: JSONParser) {
    self.file = file
    self.parser = parser
    buffer = [UInt8](repeating: 0, count: 1 + Self.pieceSize + 1 + JSONParser.padding)
  }

  /// Opens a table's file.
  /// - Throws: `RecordingError` where it is no regular file that can be read.
  static func open(_ path: String) throws -> RecordStream {
    do {
      return RecordStream(try OpenFile(path), try JSONParser())
    } catch {
      throw RecordingError(error, file: path)
    }
  }

  /// Calls `body` with each record and its index.
  /// - Throws: `RecordingError` with byte offset, line and column where the text is no list of objects; what `body`
  ///   throws.
  mutating func read(_ body: (TapeValue, Int) throws -> Void) throws {
    var atEnd = false
    var scanned = 0
    while !atEnd {
      atEnd = try fill()
      let (first, last, keep) = try scan(from: &scanned)
      if let first, last > first { try parse(first, last, body) }
      dropFront(keep, &scanned)
    }
    guard state == .end else { throw fault(at: count, found: "the file ends", expected: expectation) }
  }

  private var expectation: String {
    switch state {
    case .beginning: "an array of records"
    case .recordOrEnd: "a record or ']'"
    case .commaOrEnd: "',' or ']'"
    case .record: "a record"
    case .inside: "the end of record \(recordIndex)"
    case .end: "nothing behind ']'"
    }
  }

  /// Reads more of the file behind what is there; true at the file's end.
  private mutating func fill() throws -> Bool {
    let capacity = buffer.count - 2 - JSONParser.padding
    if count == capacity {
      guard capacity < Self.recordLimit else {
        throw fault(
          at: 0, found: "a record of more than \(Self.recordLimit) bytes", expected: "smaller records")
      }
      buffer += [UInt8](repeating: 0, count: capacity)
    }
    let room = buffer.count - 2 - JSONParser.padding - count
    let start = count + 1
    let got: Int
    do {
      got = try buffer.withUnsafeMutableBytes {
        try file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: $0[start..<(start + room)]), at: offsetInFile + count)
      }
    } catch {
      throw RecordingError(error, file: file.path)
    }
    if offsetInFile == 0, count == 0, got >= 3, buffer[1...3].elementsEqual([0xef, 0xbb, 0xbf]) {
      // A byte order mark is white space here.
      for k in 1...3 { buffer[k] = 0x20 }
    }
    count += got
    return got < room
  }

  /// Walks over the new bytes; gives where the first record begins and the last whole one ends, and from where on the
  /// bytes are still needed.
  private mutating func scan(from position: inout Int) throws -> (first: Int?, last: Int, keep: Int) {
    // A record that was begun before lies at the front.
    var first: Int? = state == .inside ? 0 : nil
    var begun = 0
    var last = 0
    var k = position
    while k < count {
      if state == .inside {
        k = try scanRecord(k)
        if state != .inside { last = k }
        continue
      }
      let byte = buffer[k + 1]
      if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
        k += 1
        continue
      }
      switch (state, byte) {
      case (.beginning, 0x5b): state = .recordOrEnd
      case (.recordOrEnd, 0x7b), (.record, 0x7b):
        state = .inside
        begun = k
        if first == nil { first = k }
        depth = 0
        continue
      case (.recordOrEnd, 0x5d), (.commaOrEnd, 0x5d): state = .end
      case (.commaOrEnd, 0x2c): state = .record
      default: throw fault(at: k, found: words(byte), expected: expectation)
      }
      k += 1
    }
    position = k
    return (first, last, state == .inside ? begun : count)
  }

  /// Walks within a record to its end or the buffer's.
  private mutating func scanRecord(_ start: Int) throws -> Int {
    let end = count
    var depth = self.depth
    var inString = self.inString
    var escaped = self.escaped
    var tooDeep: Int?
    let stopped: Int = buffer.withUnsafeBytes { raw in
      var k = start
      while k < end {
        let byte = raw[k + 1]
        k += 1
        if inString {
          if escaped {
            escaped = false
          } else if byte == 0x5c {
            escaped = true
          } else if byte == 0x22 {
            inString = false
          }
          continue
        }
        switch byte {
        case 0x22: inString = true
        case 0x7b, 0x5b:
          depth += 1
          if depth > Self.depthLimit {
            tooDeep = k - 1
            return k
          }
        case 0x7d, 0x5d:
          depth -= 1
          if depth == 0 { return k }
        default: break
        }
      }
      return k
    }
    self.depth = depth
    self.inString = inString
    self.escaped = escaped
    if let tooDeep {
      throw fault(
        at: tooDeep, found: "nesting deeper than \(Self.depthLimit)",
        expected: "at most \(Self.depthLimit) levels")
    }
    if depth == 0 { state = .commaOrEnd }
    return stopped
  }

  /// Parses the whole records between two places.
  private mutating func parse(_ first: Int, _ last: Int, _ body: (TapeValue, Int) throws -> Void) throws {
    let saved = (buffer[first], buffer[last + 1])
    buffer[first] = 0x5b
    buffer[last + 1] = 0x5d
    var refusal: JSONRefusal?
    var place = 0
    var index = recordIndex
    try buffer.withUnsafeBytes { raw in
      let text = UnsafeRawBufferPointer(rebasing: raw[first...(last + 1)])
      switch parser.parse(text) {
      case .success(let root):
        try root.forEachElement {
          try body($0, index)
          index += 1
        }
      case .failure(let failure):
        let strict = StrictJSON.firstFault(text)
        place = first + (strict?.offset ?? 1) - 1
        refusal = JSONRefusal(
          text: strict.map { "\($0.found)\u{0}\($0.expected)" } ?? "\(failure.text)\u{0}JSON")
      }
    }
    if let refusal {
      let parts = refusal.text.split(separator: "\u{0}")
      throw TextPlace(path: file.path, offset: offsetInFile + place).error(
        found: String(parts[0]), expected: String(parts[parts.count - 1]))
    }
    recordIndex = index
    buffer[first] = saved.0
    buffer[last + 1] = saved.1
  }

  /// Moves what follows the parsed records to the front.
  private mutating func dropFront(_ last: Int, _ scanned: inout Int) {
    guard last > 0 else { return }
    let left = count - last
    buffer.withUnsafeMutableBytes { raw in
      guard left > 0, let base = raw.baseAddress else { return }
      (base + 1).copyMemory(from: base + 1 + last, byteCount: left)
    }
    count = left
    offsetInFile += last
    scanned -= last
  }

  private func words(_ byte: UInt8) -> String {
    byte > 0x20 && byte < 0x7f ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
  }

  /// The fault, moved to an earlier one where the bytes from the last whole record on have one: a lost quotation mark
  /// shows far behind its place.
  private func fault(at k: Int, found: String, expected: String) -> RecordingError {
    var (offset, found, expected) = (k, found, expected)
    if state == .inside || state == .commaOrEnd || state == .record {
      buffer.withUnsafeBytes { raw in
        var begin = 1
        while begin <= count, [0x20, 0x0a, 0x0d, 0x09, 0x2c, 0x5b].contains(raw[begin]) { begin += 1 }
        // Whatever the rest is, it is read as one list's content.
        var text: [UInt8] = [0x5b]
        text += raw[begin..<(count + 1)]
        let strict = text.withUnsafeBytes { StrictJSON.firstFault($0, depthLimit: Self.depthLimit) }
        if let strict, strict.offset - 1 + begin - 1 < k {
          offset = strict.offset - 1 + begin - 1
          found = strict.found
          expected = strict.expected
        }
      }
    }
    return TextPlace(path: file.path, offset: offsetInFile + offset).error(found: found, expected: expected)
  }
}
