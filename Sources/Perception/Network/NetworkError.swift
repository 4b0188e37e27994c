/// What is wrong with a network's configuration, its parts or what it is given.
public struct NetworkError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file or, for a network built in code, its name.
  public var file: String
  /// The field or the part.
  public var field: String
  /// What was found there.
  public var found: String
  /// What would have been right.
  public var expected: String

  /// An error in `field` of `file`.
  public init(file: String = "network", field: String, found: String, expected: String) {
    self.file = file
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// `<file>: <field>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}
