/// What was wrong with a cloud or with the measures of a stage, in one line.
public struct PointCloudsError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The stage: `ground plane`, `registration`, ...
  public let stage: String
  /// The field or input.
  public let field: String
  /// What was found.
  public let found: String
  /// What was expected.
  public let expected: String

  /// The error with these parts.
  public init(stage: String, field: String, found: String, expected: String) {
    self.stage = stage
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// `<stage>: <field>: <found> (expected ...)`.
  public var description: String { "\(stage): \(field): \(found) (expected \(expected))" }
}
