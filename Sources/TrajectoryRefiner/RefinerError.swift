/// What is wrong with a refiner's configuration, weights or anchors.
public struct RefinerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, or what stands for it.
  public var file: String
  /// The field.
  public var field: String
  /// What was found there.
  public var found: String
  /// What would have been right.
  public var expected: String

  /// An error in `field` of `file`.
  public init(file: String = "refiner", field: String, found: String, expected: String) {
    self.file = file
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// `<file>: <field>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}
