/// What is wrong with a run's files: the file, the place in it, what was found and what was expected.
public struct ResultsError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file or folder.
  public let file: String
  /// The field or byte offset.
  public let place: String
  /// What is there.
  public let found: String
  /// What should be there.
  public let expected: String

  /// The error with these parts.
  public init(file: String, place: String, found: String, expected: String) {
    self.file = file
    self.place = place
    self.found = found
    self.expected = expected
  }

  /// One line: `<file>: <place>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(place): \(found) (expected \(expected))" }
}

/// A name from a recording that becomes a file name: a scene's or a sample's.
/// - Throws: `ResultsError` where it could lead outside its folder or hide.
func fileName(_ name: String, field: String) throws -> String {
  guard !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 200,
    !name.utf8.contains(where: { $0 == 0x2f || $0 < 0x20 || $0 == 0x7f })
  else {
    throw ResultsError(
      file: "the recording", place: field, found: "\"\(name.prefix(80))\"",
      expected: "a name that can be a file's: no '/', no leading '.', 1 to 200 bytes")
  }
  return name
}
