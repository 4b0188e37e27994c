import Files
import Foundation

/// Reads files of one JSON object a line.
enum JSONLines {
  /// What `body` makes of each line.
  /// - Throws: `ResultsError` naming the line.
  static func read<Value>(_ path: String, _ body: (JSONFields) throws -> Value) throws -> [Value] {
    var reader = try LineReader(path)
    var result: [Value] = []
    while let line = try reader.next() {
      let place = "line \(result.count + 1)"
      let value = try JSONValue.parse(Array(line), file: "\(path): \(place)")
      result.append(try body(JSONFields(value, file: path, place: place)))
    }
    return result
  }
}

/// A JSON object whose fields are read by name, with errors that name the file and the place.
struct JSONFields {
  private let value: JSONValue
  private let file: String
  private let place: String

  init(_ value: JSONValue, file: String, place: String) {
    self.value = value
    self.file = file
    self.place = place
  }

  func fault(_ key: String, found: String, expected: String) -> ResultsError {
    ResultsError(file: file, place: "\(place): \(key)", found: found, expected: expected)
  }

  private func field<Value>(_ key: String, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value {
    guard let found = value[key] else { throw fault(key, found: "none", expected: kind) }
    guard let result = read(found) else {
      let text = found.text.trimmingCharacters(in: .whitespacesAndNewlines)
      throw fault(key, found: String(text.prefix(40)), expected: kind)
    }
    return result
  }

  func text(_ key: String) throws -> String { try field(key, "text", \.stringValue) }

  func integer(_ key: String) throws -> Int { try field(key, "a whole number", \.integerValue) }

  func object(_ key: String) throws -> JSONFields {
    try field(key, "an object") { value in
      if case .object = value { JSONFields(value, file: file, place: "\(place): \(key)") } else { nil }
    }
  }

  func objects(_ key: String) throws -> [JSONFields] {
    try field(key, "a list", \.arrayValue).enumerated().map {
      JSONFields($0.element, file: file, place: "\(place): \(key)[\($0.offset)]")
    }
  }

  /// A list of exactly `count` numbers.
  func numbers(_ key: String, _ count: Int) throws -> [Double] {
    try field(key, "\(count) numbers") { Self.numbers($0, count) }
  }

  /// `[[x, y], ...]`
  func points(_ key: String) throws -> [SIMD2<Double>] { try field(key, "a list of points", Self.points) }

  /// `[[[x, y], ...], ...]`
  func paths(_ key: String) throws -> [[SIMD2<Double>]] {
    try field(key, "a list of paths") { value in
      guard let items = value.arrayValue else { return nil }
      let paths = items.compactMap(Self.points)
      return paths.count == items.count ? paths : nil
    }
  }

  private static func numbers(_ value: JSONValue, _ count: Int) -> [Double]? {
    guard let items = value.arrayValue, items.count == count else { return nil }
    let numbers = items.compactMap(\.numberValue)
    return numbers.count == count ? numbers : nil
  }

  private static func points(_ value: JSONValue) -> [SIMD2<Double>]? {
    guard let items = value.arrayValue else { return nil }
    let points = items.compactMap { numbers($0, 2).map { SIMD2($0[0], $0[1]) } }
    return points.count == items.count ? points : nil
  }
}
