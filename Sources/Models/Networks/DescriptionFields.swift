import Files
internal import Yams

/// The fields of one mapping of a description or parameter file, with errors that name their place.
struct DescriptionFields {
  /// The file, for errors.
  let file: String
  private let path: String
  private let pairs: [(key: String, value: Node)]

  /// The fields of a YAML file's outermost mapping.
  /// - Throws: `ModelError` where it is no YAML mapping; `FileError`.
  init(file: String) throws {
    let bytes = try RegularFile.read(file)
    guard bytes.count <= 1 << 22, let text = String(validating: bytes, as: UTF8.self) else {
      throw ModelError(
        file: file, field: "file", found: "\(bytes.count) bytes", expected: "UTF-8 text of 4 MiB at most")
    }
    let node: Node?
    do { node = try compose(yaml: text) } catch {
      let line = "\(error)".split(separator: "\n").first.map(String.init) ?? "no YAML"
      throw ModelError(file: file, field: "file", found: line, expected: "YAML")
    }
    try self.init(node ?? Node(""), path: "", file: file)
  }

  private init(_ node: Node, path: String, file: String) throws {
    self.file = file
    self.path = path
    guard let mapping = node.mapping else {
      throw ModelError(
        file: file, field: path.isEmpty ? "file" : path, found: "no mapping", expected: "keys with values")
    }
    pairs = mapping.map { ($0.key.scalar?.string ?? "", $0.value) }
    for (k, pair) in pairs.enumerated() where pairs[..<k].contains(where: { $0.key == pair.key }) {
      throw error(pair.key, "given twice", "once")
    }
  }

  /// The keys in the file's order.
  var keys: [String] { pairs.map(\.key) }

  func error(_ key: String, _ found: String, _ expected: String) -> ModelError {
    ModelError(file: file, field: path.isEmpty ? key : "\(path).\(key)", found: found, expected: expected)
  }

  /// Refuses keys other than these.
  func allow(_ known: [String]) throws {
    for key in keys where !known.contains(key) {
      throw error(key, "an unknown key", "one of \(known.joined(separator: ", "))")
    }
  }

  func has(_ key: String) -> Bool { pairs.contains { $0.key == key } }

  private func node(_ key: String) throws -> Node {
    guard let node = pairs.first(where: { $0.key == key })?.value else {
      throw error(key, "nothing", "a value")
    }
    return node
  }

  func section(_ key: String) throws -> DescriptionFields {
    try DescriptionFields(try node(key), path: path.isEmpty ? key : "\(path).\(key)", file: file)
  }

  /// The mappings of a list.
  func sections(_ key: String) throws -> [DescriptionFields] {
    try list(key).enumerated().map {
      try DescriptionFields($1, path: (path.isEmpty ? key : "\(path).\(key)") + "[\($0)]", file: file)
    }
  }

  func isMapping(_ key: String) -> Bool { pairs.first { $0.key == key }?.value.mapping != nil }

  func text(_ key: String, oneOf choices: [String]? = nil) throws -> String {
    guard let text = try node(key).scalar?.string else { throw error(key, "no text", "text") }
    if let choices, !choices.contains(text) { throw error(key, text, choices.joined(separator: " or ")) }
    return text
  }

  /// Text, or nil for a null.
  func optionalText(_ key: String) throws -> String? {
    let node = try node(key)
    return node.null == nil ? try text(key) : nil
  }

  func texts(_ key: String) throws -> [String] {
    try list(key).map {
      guard let text = $0.scalar?.string else { throw error(key, "a list of other things", "names") }
      return text
    }
  }

  func flag(_ key: String) throws -> Bool {
    guard let value = try node(key).bool else { throw error(key, try describe(key), "true or false") }
    return value
  }

  func number(_ key: String, _ range: ClosedRange<Double> = -1e9...1e9) throws -> Double {
    guard let value = try node(key).float, value.isFinite else { throw error(key, try describe(key), "a number") }
    guard range.contains(value) else {
      throw error(key, "\(value)", "\(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int {
    guard let value = try node(key).int, range.contains(value) else {
      throw error(key, try describe(key), "a whole number of \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func numbers(_ key: String, count: Int? = nil) throws -> [Double] {
    let values = try list(key).map { node -> Double in
      guard let value = node.float, value.isFinite else { throw error(key, "no number in a list", "numbers") }
      return value
    }
    if let count, values.count != count { throw error(key, "\(values.count) numbers", "\(count)") }
    return values
  }

  func rows(_ key: String, count: Int) throws -> [[Double]] {
    try list(key).map { row in
      let values = (row.sequence.map(Array.init) ?? []).compactMap(\.float)
      guard values.count == count, values.allSatisfy(\.isFinite) else {
        throw error(key, "a row of \(values.count) numbers", "\(count) each")
      }
      return values
    }
  }

  private func list(_ key: String) throws -> [Node] {
    guard let list = try node(key).sequence else { throw error(key, try describe(key), "a list") }
    return Array(list)
  }

  private func describe(_ key: String) throws -> String {
    let node = try node(key)
    return node.scalar.map { String($0.string.prefix(60)) } ?? (node.mapping != nil ? "a mapping" : "a list")
  }
}
