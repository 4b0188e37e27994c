/// What the engine found wrong in a graph, a model file or an input, and what it expected instead.
public struct EngineError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file or, for a graph built in code, the graph's name.
  public var file: String
  /// The operator, tensor, field or offset.
  public var field: String
  /// What was found there.
  public var found: String
  /// What would have been right.
  public var expected: String

  /// An error in `field` of `file`.
  public init(file: String = "graph", field: String, found: String, expected: String) {
    self.file = file
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// `<file>: <field>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}

/// Thrown by an operator's shape inference; `Graph.add` turns it into an `EngineError` with names and shapes.
public enum ShapeError: Error, Equatable, Sendable {
  /// Two inputs (by their positions) whose shapes do not fit at an axis of the first.
  case mismatch(first: Int, second: Int, axis: Int, expected: String)
  /// One input (by its position) that is wrong by itself, at an axis where that can be told.
  case input(Int, axis: Int?, expected: String)
  /// A wrong number of inputs.
  case inputCount(expected: String)
  /// A parameter of the operator itself.
  case parameter(String, found: String, expected: String)
}
