/// What was wrong with the measures of a frustum or a fusion, in one line.
public struct LiftSplatError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file, or what was being built: `depth bins`, `frustum`.
  public let file: String
  /// The field.
  public let field: String
  /// What was found.
  public let found: String
  /// What was expected.
  public let expected: String

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
