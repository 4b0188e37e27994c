/// What cannot be simulated, in one line.
public struct SimulationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file or option.
  public var file: String
  /// The field.
  public var field: String
  /// What was found there.
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

  /// `<file>: <field>: <found> (expected ...)`.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}
