import Foundation

/// One record's fields, found by name and read by type; the table's loader asks for them by their place in `names`.
///
/// Unknown fields are passed over. A field that is asked for and is missing, null or of another type throws the table,
/// the record's index, its token and the field.
struct RecordFields {
  let file: String
  let names: [StaticString]
  private var values: [TapeValue?]
  /// For the k-th key of a record, the field that it was in the record before: keys come in the same order.
  private var guesses: [Int] = []
  private var index = 0

  /// - Precondition: the first name is `token`, where records have one.
  init(file: String, names: [StaticString]) {
    self.file = file
    self.names = names
    values = Array(repeating: nil, count: names.count)
  }

  /// Takes a record apart.
  /// - Throws: `RecordingError` where it is no object or has a key twice.
  mutating func take(_ record: TapeValue, _ index: Int) throws {
    self.index = index
    for k in values.indices { values[k] = nil }
    guard record.kind == .object else {
      throw RecordingError(
        file: file, place: "record \(index)", found: record.words, expected: "an object")
    }
    var place = 0
    var unknown: [UnsafeRawBufferPointer] = []
    var twice: UnsafeRawBufferPointer?
    record.forEachEntry { key, value in
      let slot = find(key, place)
      place += 1
      if slot < 0 {
        if unknown.contains(where: { Self.same($0, key) }) { twice = key }
        unknown.append(key)
      } else {
        if values[slot] != nil { twice = key }
        values[slot] = value
      }
    }
    if let twice {
      throw error(
        "\"\(String(decoding: twice, as: UTF8.self))\"", "the key twice in one object", "each key once")
    }
  }

  private mutating func find(_ key: UnsafeRawBufferPointer, _ place: Int) -> Int {
    if place < guesses.count {
      let guess = guesses[place]
      if guess >= 0, Self.same(key, names[guess]) { return guess }
    }
    let slot = names.firstIndex { Self.same(key, $0) } ?? -1
    // An object of many unknown keys is not worth remembering.
    if place < 64 {
      while guesses.count <= place { guesses.append(-1) }
      guesses[place] = slot
    }
    return slot
  }

  private static func same(_ a: UnsafeRawBufferPointer, _ b: StaticString) -> Bool {
    same(a, UnsafeRawBufferPointer(start: b.utf8Start, count: b.utf8CodeUnitCount))
  }

  private static func same(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count, let p = a.baseAddress, let q = b.baseAddress else { return a.count == b.count }
    return memcmp(p, q, a.count) == 0
  }

  /// An error at a field of this record.
  func error(_ field: String, _ found: String, _ expected: String) -> RecordingError {
    let token = values.first.flatMap { $0?.string }.map { " (token \($0.prefix(80)))" } ?? ""
    return RecordingError(
      file: file, place: "record \(index)\(token): \(field)", found: found, expected: expected)
  }

  func error(_ slot: Int, _ found: String, _ expected: String) -> RecordingError {
    error("\(names[slot])", found, expected)
  }

  private func missing(_ slot: Int, _ expected: String) -> RecordingError {
    error(slot, values[slot].map(\.words) ?? "missing", expected)
  }

  /// The value, or nil where the field is missing or null.
  func optional(_ slot: Int) -> TapeValue? { values[slot].flatMap { $0.kind == .null ? nil : $0 } }

  func text(_ slot: Int) throws -> UnsafeRawBufferPointer {
    guard let value = values[slot], value.kind == .string else { throw missing(slot, "a text") }
    return value.bytes
  }

  func string(_ slot: Int) throws -> String { String(decoding: try text(slot), as: UTF8.self) }

  /// The record's own token, which is not empty.
  func token(_ slot: Int, _ pool: inout TokenPool) throws -> TokenKey {
    let text = try text(slot)
    guard !text.isEmpty else { throw error(slot, "an empty token", "a token") }
    return pool.key(text)
  }

  /// A token of another record; `none` where it is empty.
  func reference(_ slot: Int, _ pool: inout TokenPool) throws -> TokenKey { pool.key(try text(slot)) }

  func bool(_ slot: Int) throws -> Bool {
    guard let value = values[slot]?.bool else { throw missing(slot, "true or false") }
    return value
  }

  func integer(_ slot: Int, in range: ClosedRange<Int64>) throws -> Int64 {
    guard let value = values[slot]?.integer else { throw missing(slot, "an integer") }
    guard range.contains(value) else {
      throw error(slot, "\(value)", "\(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A time in microseconds since 1970: above 0 and below 2^53, so that differences cannot overflow.
  func timestamp(_ slot: Int) throws -> Int64 {
    guard let value = values[slot]?.integer else { throw missing(slot, "an integer of microseconds") }
    guard value > 0, value < 1 << 53 else {
      // From the year 1998 to 2099 in nanoseconds.
      let unit =
        (900_000_000_000_000_000..<4_100_000_000_000_000_000).contains(value)
        ? ", which looks like nanoseconds" : ""
      throw error(slot, "\(value)\(unit)", "microseconds above 0 and below 2^53")
    }
    return value
  }

  /// A list of exactly as many numbers, appended to `out`.
  func numbers(_ slot: Int, count: Int, into out: inout [Double]) throws {
    guard let value = values[slot], value.kind == .array else { throw missing(slot, "\(count) numbers") }
    let start = out.count
    var wrong: TapeValue?
    value.forEachElement { element in
      if let number = element.double { out.append(number) } else { wrong = element }
    }
    if let wrong { throw error(slot, wrong.words, "\(count) numbers") }
    guard out.count == start + count else {
      throw error(slot, "\(out.count - start) numbers", "\(count) numbers")
    }
  }

  /// A unit quaternion w, x, y, z, appended to `out`; scaled to length 1 where it is within 0.001 of it.
  func rotation(_ slot: Int, into out: inout [Double]) throws {
    let start = out.count
    try numbers(slot, count: 4, into: &out)
    var square = 0.0
    for k in start..<(start + 4) { square += out[k] * out[k] }
    let norm = square.squareRoot()
    guard norm.isFinite, abs(norm - 1) <= 1e-3 else {
      throw error(slot, "a quaternion of norm \(norm)", "norm 1 within 0.001")
    }
    // A quaternion that was scaled once stays as it is, so that what was written is read back equal.
    if abs(square - 1) > 1e-12 {
      for k in start..<(start + 4) { out[k] /= norm }
    }
  }

  /// A list of tokens.
  func references(_ slot: Int, _ pool: inout TokenPool) throws -> [TokenKey] {
    guard let value = values[slot], value.kind == .array else { throw missing(slot, "a list of tokens") }
    var keys: [TokenKey] = []
    var wrong: TapeValue?
    value.forEachElement { element in
      if element.kind == .string { keys.append(pool.key(element.bytes)) } else { wrong = element }
    }
    if let wrong { throw error(slot, wrong.words, "a list of tokens") }
    return keys
  }
}
