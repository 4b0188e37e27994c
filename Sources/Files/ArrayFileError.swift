/// What is wrong with a file of numbers: the file, the place in it, what was found and what was expected.
public struct ArrayFileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's path, or the name that the caller gave the bytes.
  public let file: String
  /// The field, entry or byte offset.
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
