import Files

/// A line of `lanes/<scene>.jsonl` as it was written.
public struct LaneRecord: Sendable {
  /// A perceived line of the map.
  public struct Line: Sendable {
    /// The layer's name.
    public var layer: String
    /// In the global frame, in metres.
    public var points: [SIMD2<Double>]
    /// Confidence; 1 where the file has none.
    public var score: Double
  }

  /// The keyframe.
  public var sampleToken: String
  /// The lines.
  public var lines: [Line]

  /// Reads a scene's records in the order of the file, one at a time.
  ///
  /// - Throws: `ResultsError` with file, line and field where a line is no such record; what `body` throws.
  /// - Complexity: O(bytes); one line in memory.
  public static func read(_ path: String, _ body: (LaneRecord) throws -> Void) throws {
    var reader = try LineReader(path)
    var number = 0
    while let line = try reader.next() {
      number += 1
      if line.isEmpty { continue }
      let place = "\(path): line \(number)"
      let value = try JSONValue.parse(Array(line), file: place)
      guard let token = value["sample"]?.stringValue, let lines = value["lines"]?.arrayValue else {
        throw ResultsError(
          file: place, place: "sample, lines", found: "one is missing", expected: "a keyframe's lines")
      }
      try body(
        LaneRecord(
          sampleToken: token,
          lines: try lines.enumerated().map { try Self.line($0.element, file: place, number: $0.offset) }))
    }
  }

  private static func line(_ value: JSONValue, file: String, number: Int) throws -> Line {
    let points = (value["points"]?.arrayValue ?? []).compactMap { point -> SIMD2<Double>? in
      let numbers = point.arrayValue?.compactMap(\.numberValue) ?? []
      return numbers.count == 2 ? SIMD2(numbers[0], numbers[1]) : nil
    }
    guard let layer = value["layer"]?.stringValue, points.count >= 2,
      points.count == value["points"]?.arrayValue?.count
    else {
      throw ResultsError(
        file: file, place: "lines[\(number)]", found: "no layer, or no two points [x, y]", expected: "a line")
    }
    return Line(layer: layer, points: points, score: value["score"]?.numberValue ?? 1)
  }
}
