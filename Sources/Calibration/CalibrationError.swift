/// Why a rig cannot be used: `<file>: <CHANNEL.field>: <found> (expected ...)`.
public struct CalibrationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The rig's file, or the scene it was taken from.
  public var file: String
  /// The channel and its field.
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
