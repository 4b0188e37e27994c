/// What is wrong with a run's figures or with the truth that they are held against, all of it at once: a line each, as
/// `<file>: <field or token>: <found> (expected <expected>)`.
public struct EvaluationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The lines, in the order in which they were met.
  public private(set) var problems: [String] = []
  /// How many there were, also beyond those that are kept.
  public private(set) var count = 0
  /// The most lines that are kept.
  public static let limit = 50

  /// Nothing wrong yet.
  public init() {}

  /// Adds a line.
  public mutating func add(file: String, place: String, found: String, expected: String) {
    count += 1
    if problems.count < Self.limit { problems.append("\(file): \(place): \(found) (expected \(expected))") }
  }

  /// Throws where anything was added.
  public func check() throws {
    if count > 0 { throw self }
  }

  /// The problems, and how many more there were.
  public var lines: [String] {
    problems + (count > problems.count ? ["and \(count - problems.count) more"] : [])
  }

  /// The lines.
  public var description: String { lines.joined(separator: "\n") }
}
