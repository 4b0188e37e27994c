import Algorithms
import Foundation
internal import Yams

/// The fields of one mapping of a rig file, with errors that name their place.
struct RigFields {
  private let pairs: [(key: String, value: Node)]
  private let path: String
  private let file: String

  /// The keys in the file's order.
  var keys: [String] { pairs.map(\.key) }

  init(_ node: Node, path: String, file: String) throws {
    self.path = path
    self.file = file
    guard case .mapping(let mapping) = node else {
      throw CalibrationError(
        file: file, field: path.isEmpty ? "file" : path, found: describe(node), expected: "a mapping")
    }
    var pairs: [(String, Node)] = []
    for (key, value) in mapping {
      guard case .scalar(let scalar) = key else {
        throw CalibrationError(
          file: file, field: path.isEmpty ? "file" : path, found: "a key that is \(describe(key))",
          expected: "a name")
      }
      pairs.append((scalar.string, value))
    }
    self.pairs = pairs
  }

  func error(_ key: String, _ found: String, _ expected: String) -> CalibrationError {
    CalibrationError(file: file, field: place(key), found: found, expected: expected)
  }

  /// Refuses other keys, with the nearest of these.
  func allow(_ known: [String]) throws {
    for key in keys where !known.contains(key) {
      let names = known.joined(separator: ", ")
      throw error(key, "an unknown key", "one of \(names)\(suggestion(for: key, among: known))")
    }
  }

  func text(_ key: String) throws -> String {
    guard let text = try optionalText(key) else { throw error(key, "nothing", "text") }
    return text
  }

  func optionalText(_ key: String) throws -> String? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node else { throw error(key, describe(node), "text") }
    return scalar.string
  }

  func number(_ key: String) throws -> Double {
    guard let value = try optionalNumber(key) else { throw error(key, "nothing", "a number") }
    return value
  }

  func optionalNumber(_ key: String) throws -> Double? { try node(key).map { try number($0, key) } }

  /// A field that names one of a few choices.
  func optionalChoice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, _: Choice.Type) throws
    -> Choice?
  {
    guard let text = try optionalText(key) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      throw error(key, text, Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }

  func numbers(_ key: String) throws -> [Double] {
    guard let values = try optionalNumbers(key) else { throw error(key, "nothing", "a list of numbers") }
    return values
  }

  func optionalNumbers(_ key: String) throws -> [Double]? {
    guard let node = node(key) else { return nil }
    guard case .sequence(let sequence) = node else { throw error(key, describe(node), "a list of numbers") }
    guard sequence.count <= 1024 else { throw error(key, "\(sequence.count) numbers", "1024 at most") }
    return try sequence.enumerated().map { try number($0.element, "\(key)[\($0.offset)]") }
  }

  func numbers(_ key: String, count: Int) throws -> [Double] {
    let values = try numbers(key)
    guard values.count == count else { throw error(key, "\(values.count) numbers", "\(count) numbers") }
    return values
  }

  func fields(_ key: String) throws -> RigFields {
    guard let fields = try optionalFields(key) else { throw error(key, "nothing", "a mapping") }
    return fields
  }

  func optionalFields(_ key: String) throws -> RigFields? {
    try node(key).map { try RigFields($0, path: place(key), file: file) }
  }

  private func node(_ key: String) -> Node? { pairs.first { $0.key == key }?.value }

  /// A channel stands for itself: `CAM_BACK.intrinsics`, not `sensors.CAM_BACK.intrinsics`.
  private func place(_ key: String) -> String { path.isEmpty || path == "sensors" ? key : "\(path).\(key)" }

  private func number(_ node: Node, _ key: String) throws -> Double {
    guard case .scalar(let scalar) = node, let value = Double(scalar.string), value.isFinite else {
      throw error(key, describe(node), "a finite number")
    }
    return value
  }
}

/// What a node is, for messages.
private func describe(_ node: Node) -> String {
  switch node {
  case .scalar(let scalar): "\"\(scalar.string.prefix(40))\""
  case .sequence(let sequence): "a list of \(sequence.count)"
  case .mapping: "a mapping"
  case .alias: "an alias"
  }
}

/// `, did you mean "x"?` for the known name that is nearest, where one is near.
func suggestion(for name: String, among known: [String]) -> String {
  let distances = known.map { (distance: editDistance(name, $0), name: $0) }
  guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= max(name.count / 2, 1)
  else {
    return ""
  }
  return "; did you mean \"\(best.name)\"?"
}

/// Refuses what would cost a YAML reader more than a rig is worth: anchors and aliases (a few lines of them expand to
/// gigabytes), deep nesting and, with a word of its own, tabs in the indentation.
/// - Complexity: O(characters).
package func checkYAML(_ text: String, file: String) throws {
  guard text.utf8.count <= Rig.maximumFileBytes else {
    throw CalibrationError(
      file: file, field: "file", found: "\(text.utf8.count) bytes",
      expected: "\(Rig.maximumFileBytes) at most")
  }
  var depth = 0
  for (k, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    .enumerated()
  {
    func fail(_ found: String, _ expected: String) -> CalibrationError {
      CalibrationError(file: file, field: "line \(k + 1)", found: found, expected: expected)
    }
    let indentation = line.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    if indentation.contains(UInt8(ascii: "\t")) { throw fail("a tab in the indentation", "spaces") }
    guard indentation.count <= 64 else {
      throw fail("\(indentation.count) spaces before the text", "64 at most")
    }
    var quote: UInt8?
    var previous = UInt8(ascii: " ")
    for byte in line {
      if let open = quote {
        if byte == open { quote = nil }
      } else if previous == UInt8(ascii: " ") || "[{,".utf8.contains(previous) {
        if byte == UInt8(ascii: "#") { break }
        if byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*") { throw fail("an anchor or alias", "none") }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { quote = byte }
      }
      if quote == nil, "[{".utf8.contains(byte) { depth += 1 }
      if quote == nil, "]}".utf8.contains(byte) { depth -= 1 }
      guard depth <= 16 else { throw fail("brackets nested more than 16 deep", "16 at most") }
      previous = byte
    }
  }
}

extension YamlError {
  /// Where the text is wrong.
  var place: String {
    switch self {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
      "line \(mark.line), column \(mark.column)"
    case .duplicatedKeysInMapping(_, let context): "line \(context.mark.line), column \(context.mark.column)"
    case .reader(_, let offset, _, _): "offset \(offset ?? 0)"
    default: "file"
    }
  }

  /// What is wrong, in one line.
  var problem: String {
    switch self {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _),
      .reader(let problem, _, _, _):
      problem
    case .duplicatedKeysInMapping(let duplicates, _):
      "the same key twice: \(duplicates.joined(separator: ", "))"
    default: "\(self)".replacingOccurrences(of: "\n", with: " ")
    }
  }
}
