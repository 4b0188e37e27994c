import Algorithms

/// Reads one section of a configuration file: absent keys keep their defaults, unknown keys are errors.
package struct ConfigurationSection<Key: CodingKey & CaseIterable & Hashable> {
  private let container: KeyedDecodingContainer<Key>

  /// - Throws: `DecodingError.dataCorrupted` at the section's path for a key that is not a `Key`, with the nearest one.
  package init(_ decoder: any Decoder, _ keys: Key.Type) throws {
    try refuseUnknown(in: decoder.container(keyedBy: AnyKey.self), known: Key.allCases.map(\.stringValue))
    container = try decoder.container(keyedBy: Key.self)
  }

  /// Replaces a default that cannot check its keys itself, as `read` does.
  /// - Throws: as `init` for a key of the value that is not among `keys`.
  package func read<Value: Decodable>(_ key: Key, _ value: inout Value, keys: [String]) throws {
    guard let found = try container.decodeIfPresent(Value.self, forKey: key) else { return }
    try refuseUnknown(in: container.nestedContainer(keyedBy: AnyKey.self, forKey: key), known: keys)
    value = found
  }

  /// Replaces a default by the key's value, where there is one.
  package func read<Value: Decodable>(_ key: Key, _ value: inout Value) throws {
    if let found = try container.decodeIfPresent(Value.self, forKey: key) { value = found }
  }

  /// The key's value, nil where it is absent.
  package func value<Value: Decodable>(_ key: Key) throws -> Value? {
    try container.decodeIfPresent(Value.self, forKey: key)
  }
}

private func refuseUnknown(in container: KeyedDecodingContainer<AnyKey>, known: [String]) throws {
  for key in container.allKeys where !known.contains(key.stringValue) {
    let nearest = known.min { editDistance($0, key.stringValue) < editDistance($1, key.stringValue) } ?? ""
    throw DecodingError.dataCorrupted(
      .init(
        codingPath: container.codingPath,
        debugDescription: "unknown key \(key.stringValue) (did you mean \(nearest)?)"))
  }
}

/// A key of any name.
private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { return nil }
}
