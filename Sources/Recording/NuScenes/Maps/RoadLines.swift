import Geometry
import Scenes

extension Dataset {
  /// The road points ("SD map") of a location, from `maps/expansion/<location>.roads.json`, or none where there is no such
  /// file.
  ///
  /// The file: `{"version": 1, "roads": [{"points": [{"x", "y", "z", "curvature", "heading", "slope", "lane_type"}, ..],
  /// "speed_limit", ..}, ..]}`; a road's kind is its first point's `lane_type`.
  /// - Throws: `RecordingError` naming road, point and field.
  public func roadLines(location: String) throws -> [RoadLine] {
    let relative = "maps/expansion/\(location).roads.json"
    guard try fileExists(relative) else { return [] }
    let reader = RoadLineReader(file: "\(root)/\(relative)")
    return try JSONFile.read(try filePath(relative), limit: 1 << 28) { try reader.read($0) }
  }
}

/// Reads road points from JSON.
struct RoadLineReader {
  let file: String

  func read(_ root: TapeValue) throws -> [RoadLine] {
    guard root.kind == .object else { throw error("file", root, "an object with roads") }
    var roads: [RoadLine] = []
    var isThere = false
    var version: Int64?
    try root.forEachEntry { key, value in
      switch String(decoding: key, as: UTF8.self) {
      case "version": version = value.integer
      case "roads":
        guard value.kind == .array else { throw error("roads", value, "a list") }
        isThere = true
        try value.forEachElement { roads.append(try road($0, "roads[\(roads.count)]")) }
      default: break
      }
    }
    guard version == 1 else {
      throw RecordingError(
        file: file, place: "version", found: version.map { "\($0)" } ?? "missing", expected: "1")
    }
    guard isThere else {
      throw RecordingError(file: file, place: "roads", found: "missing", expected: "a list")
    }
    return roads
  }

  private func road(_ value: TapeValue, _ place: String) throws -> RoadLine {
    guard value.kind == .object else { throw error(place, value, "an object") }
    var points: [RoadPoint] = []
    var kind: RoadLine.Kind?
    var limit: Double?
    try value.forEachEntry { key, value in
      switch String(decoding: key, as: UTF8.self) {
      case "speed_limit": limit = try number(value, "\(place).speed_limit")
      case "points":
        guard value.kind == .array else { throw error("\(place).points", value, "a list") }
        try value.forEachElement {
          let (point, type) = try self.point($0, "\(place).points[\(points.count)]")
          points.append(point)
          kind = kind ?? type
        }
      default: break
      }
    }
    guard let kind, points.count > 1 else {
      throw RecordingError(
        file: file, place: "\(place).points", found: "\(points.count) points", expected: "2 or more")
    }
    return RoadLine(kind: kind, speedLimit: limit, points: points)
  }

  private func point(_ value: TapeValue, _ place: String) throws -> (RoadPoint, RoadLine.Kind) {
    guard value.kind == .object else { throw error(place, value, "an object") }
    let names = ["x", "y", "z", "curvature", "heading", "slope"]
    var numbers = [Double?](repeating: nil, count: names.count)
    var kind: RoadLine.Kind?
    try value.forEachEntry { key, value in
      let name = String(decoding: key, as: UTF8.self)
      if let k = names.firstIndex(of: name) {
        numbers[k] = try number(value, "\(place).\(name)")
      } else if name == "lane_type" {
        kind = value.string.flatMap { RoadLine.Kind(rawValue: $0) }.flatMap { $0.isRoad ? $0 : nil }
        if kind == nil { throw error("\(place).lane_type", value, "a road's lane type") }
      }
    }
    func required(_ k: Int) throws -> Double {
      guard let value = numbers[k] else {
        throw RecordingError(
          file: file, place: "\(place).\(names[k])", found: "missing", expected: "a number")
      }
      return value
    }
    guard let kind else {
      throw RecordingError(
        file: file, place: "\(place).lane_type", found: "missing", expected: "a road's lane type")
    }
    let position = SIMD3(try required(0), try required(1), try required(2))
    return (
      RoadPoint(
        position: position, curvature: try required(3), heading: try required(4), slope: try required(5)),
      kind
    )
  }

  private func number(_ value: TapeValue, _ place: String) throws -> Double {
    guard let number = value.double, number.isFinite else { throw error(place, value, "a number") }
    return number
  }

  private func error(_ place: String, _ value: TapeValue, _ expected: String) -> RecordingError {
    RecordingError(file: file, place: place, found: value.words, expected: expected)
  }
}
