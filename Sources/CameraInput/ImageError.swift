/// Why an image cannot be used: `<file>: <field>: <found> (expected ...)`.
public struct ImageError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The image's file.
  public var file: String
  /// What about it.
  public var field: String
  /// What was found.
  public var found: String
  /// What was expected.
  public var expected: String

  /// The error with these parts.
  public init(file: String, field: String, found: String, expected: String) {
    self.file = file
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// One line without a line break.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}
