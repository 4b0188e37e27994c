/// A JSON value whose objects keep their order: small documents as run.json and metrics.json.
public indirect enum JSONValue: Sendable, Hashable {
  /// A key with its value.
  public struct Member: Sendable, Hashable {
    /// The key.
    public var key: String
    /// The value.
    public var value: JSONValue
    /// The member with this key and value.
    public init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A whole number.
  case integer(Int)
  /// Any number; written as null where it is not finite.
  case number(Double)
  /// Text.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Members in order.
  case object([Member])

  /// An object with these members in order.
  public static func members(_ pairs: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(pairs.map { Member(key: $0.key, value: $0.value) })
  }

  /// The number, or null where there is none.
  public static func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }

  /// The text, or null where there is none.
  public static func optional(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

  /// The member of an object, or nil.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The text of a string, or nil.
  public var stringValue: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The value of a number, or nil.
  public var numberValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The value of a whole number, or nil.
  public var integerValue: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The items of a list, or nil.
  public var arrayValue: [JSONValue]? {
    if case .array(let items) = self { items } else { nil }
  }

  /// The value as text, objects and lists of objects over lines of two spaces' indentation, a newline at the end.
  public var text: String {
    var text = JSONText()
    append(to: &text, indentation: 0)
    text.raw("\n")
    return text.text
  }

  private var isFlat: Bool {
    switch self {
    case .object, .array: false
    default: true
    }
  }

  func append(to text: inout JSONText, indentation: Int) {
    switch self {
    case .null: text.raw("null")
    case .bool(let value): value ? text.raw("true") : text.raw("false")
    case .integer(let value): text.integer(value)
    case .number(let value): text.number(value)
    case .string(let value): text.string(value)
    case .array(let items):
      let flat = items.allSatisfy(\.isFlat)
      Self.lines(items, "[", "]", flat, indentation, &text) { item, text in
        item.append(to: &text, indentation: indentation + 1)
      }
    case .object(let members):
      let flat = members.allSatisfy(\.value.isFlat) && members.count <= 12 && indentation > 1
      Self.lines(members, "{", "}", flat, indentation, &text) { member, text in
        text.string(member.key)
        text.raw(": ")
        member.value.append(to: &text, indentation: indentation + 1)
      }
    }
  }

  private static func lines<Item>(
    _ items: [Item], _ open: StaticString, _ close: StaticString, _ flat: Bool, _ indentation: Int,
    _ text: inout JSONText, _ body: (Item, inout JSONText) -> Void
  ) {
    text.raw(open)
    for (k, item) in items.enumerated() {
      if k > 0 { flat ? text.raw(", ") : text.raw(",") }
      if !flat {
        text.raw("\n")
        text.raw(repeatElement(0x20, count: 2 * (indentation + 1)))
      }
      body(item, &text)
    }
    if !flat, !items.isEmpty {
      text.raw("\n")
      text.raw(repeatElement(0x20, count: 2 * indentation))
    }
    text.raw(close)
  }
}

extension JSONValue {
  /// The value that these bytes are.
  /// - Parameter file: what the bytes are called in errors.
  /// - Throws: `ArrayFileError` with the byte offset; duplicate keys and depths over 64 are refused.
  public static func parse(_ bytes: [UInt8], file: String) throws -> JSONValue {
    do {
      return try convert(bytes.withUnsafeBytes { try StrictJSON.parse($0) }, file)
    } catch let fault as StrictJSON.Fault {
      throw ArrayFileError(
        file: file, place: "byte \(fault.offset)", found: fault.found, expected: fault.expected)
    }
  }

  /// The value in a file.
  /// - Throws: `ArrayFileError`; `FileError` where the file cannot be read.
  public static func read(_ path: String, limit: Int = 1 << 30) throws -> JSONValue {
    try parse(RegularFile.read(path, limit: limit), file: path)
  }

  private static func convert(_ value: StrictJSON.Value, _ file: String) throws -> JSONValue {
    switch value {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .string(let value): return .string(value)
    case .number(let text):
      if let value = Int(text) { return .integer(value) }
      guard let value = Double(text), value.isFinite else {
        throw ArrayFileError(
          file: file, place: "a number", found: "\(text.prefix(40))", expected: "a finite number")
      }
      return .number(value)
    case .array(let items): return .array(try items.map { try convert($0, file) })
    case .object(let members):
      return .object(try members.map { Member(key: $0.key, value: try convert($0.value, file)) })
    }
  }
}
