import Geometry
import Scenes

/// Reads a map expansion's JSON into `MapExpansion`, nodes resolved.
///
/// Records whose nodes are missing, and areas of fewer than three nodes, are left out with a warning; wrong types
/// throw.
struct MapReader {
  private let file: String
  private var pool = TokenPool()
  private var layers: [String: TapeValue] = [:]
  private var nodes = Geometry2D()
  private var lines: [TokenKey: [SIMD2<Double>]] = [:]
  private var polygons: [TokenKey: MapLayer.Area] = [:]
  private var warnings: [String] = []

  private struct Geometry2D {
    var tokens: [TokenKey] = []
    var positions: [SIMD2<Double>] = []
    var index = TokenIndex()
  }

  init(file: String) { self.file = file }

  /// The map of a document.
  /// - Throws: `RecordingError` naming layer, record and field.
  mutating func read(_ root: TapeValue) throws -> (map: MapExpansion, warnings: [String]) {
    guard root.kind == .object else {
      throw RecordingError(file: file, place: "file", found: root.words, expected: "an object of layers")
    }
    try root.forEachEntry { key, value in
      let name = String(decoding: key, as: UTF8.self)
      guard layers.updateValue(value, forKey: name) == nil else {
        throw RecordingError(file: file, place: name, found: "the key twice", expected: "each key once")
      }
    }
    try readGeometry()
    var map = MapExpansion(canvasEdge: try canvasEdge())
    try readAreas(&map)
    try readRoads(&map)
    try readLanes(&map)
    try readLines(&map)
    try readConnectivity(&map)
    try readArclines(&map)
    return (map, warnings)
  }

  private func canvasEdge() throws -> SIMD2<Double> {
    guard let value = layers["canvas_edge"] else { return SIMD2(0, 0) }
    let numbers = try Self.numbers(value, 2, file, "canvas_edge")
    return SIMD2(numbers[0], numbers[1])
  }

  private static func numbers(_ value: TapeValue, _ count: Int, _ file: String, _ place: String) throws
    -> [Double]
  {
    var numbers: [Double] = []
    if value.kind == .array { value.forEachElement { $0.double.map { numbers.append($0) } } }
    guard numbers.count == count else {
      throw RecordingError(file: file, place: place, found: value.words, expected: "\(count) numbers")
    }
    return numbers
  }

  /// Calls `body` for each record of a layer; a layer that is missing is noted.
  private mutating func forEach(
    _ layer: String, _ names: [StaticString],
    _ body: (inout MapReader, RecordFields, String) throws -> Void
  ) throws {
    guard let value = layers[layer] else {
      warnings.append("\(file): \(layer): missing (expected a layer)")
      return
    }
    guard value.kind == .array else {
      throw RecordingError(file: file, place: layer, found: value.words, expected: "a list of records")
    }
    var fields = RecordFields(file: "\(file): \(layer)", names: ["token"] + names)
    var k = 0
    try value.forEachElement { record in
      try fields.take(record, k)
      try body(&self, fields, try fields.string(0))
      k += 1
    }
  }

  private mutating func readGeometry() throws {
    var nodes = Geometry2D()
    try forEach("node", ["x", "y"]) { reader, fields, _ in
      nodes.tokens.append(try fields.token(0, &reader.pool))
      guard let x = fields.optional(1)?.double, let y = fields.optional(2)?.double else {
        throw fields.error("x and y", "no numbers", "two numbers")
      }
      nodes.positions.append(SIMD2(x, y))
    }
    do {
      nodes.index = try TokenIndex(nodes.tokens)
    } catch {
      throw RecordingError(
        file: file, place: "node: record \(error.second): token", found: "as in record \(error.first)",
        expected: "each token once")
    }
    self.nodes = nodes
    try forEach("line", ["node_tokens"]) { reader, fields, token in
      if let line = try reader.positions(fields.references(1, &reader.pool), "line \(token)") {
        reader.lines[try fields.token(0, &reader.pool)] = line
      }
    }
    try forEach("polygon", ["exterior_node_tokens", "holes"]) { reader, fields, token in
      let outline = try reader.outline(fields.references(1, &reader.pool), "polygon \(token)")
      var holes: [Polygon] = []
      for keys in try reader.holes(fields) {
        if let hole = reader.outline(keys, "hole of polygon \(token)") { holes.append(hole) }
      }
      if let outline {
        reader.polygons[try fields.token(0, &reader.pool)] = MapLayer.Area(outline: outline, holes: holes)
      }
    }
  }

  /// The node tokens of each hole.
  private mutating func holes(_ fields: RecordFields) throws -> [[TokenKey]] {
    guard let value = fields.optional(2) else { return [] }
    guard value.kind == .array else { throw fields.error(2, value.words, "a list of holes") }
    var result: [[TokenKey]] = []
    var hole = RecordFields(file: "\(fields.file): holes", names: ["node_tokens"])
    try value.forEachElement { element in
      try hole.take(element, result.count)
      result.append(try hole.references(0, &pool))
    }
    return result
  }

  private mutating func positions(_ keys: [TokenKey], _ what: String) -> [SIMD2<Double>]? {
    var points: [SIMD2<Double>] = []
    for key in keys {
      let row = nodes.index.row(key, in: nodes.tokens)
      guard row != TokenIndex.noRow else {
        warnings.append("\(file): \(what): names node \(pool.text(key)) (expected a known node); left out")
        return nil
      }
      points.append(nodes.positions[Int(row)])
    }
    return points
  }

  private mutating func outline(_ keys: [TokenKey], _ what: String) -> Polygon? {
    guard let points = positions(keys, what) else { return nil }
    guard points.count >= 3 else {
      warnings.append("\(file): \(what): \(points.count) nodes (expected three or more); left out")
      return nil
    }
    return Polygon(points)
  }

  /// The area that a record's `polygon_token` names, as a record of its own; nil, with a warning, where there is none.
  private mutating func area(_ fields: RecordFields, _ slot: Int, _ token: String) throws -> MapExpansion
    .AreaRecord?
  {
    let key = try fields.reference(slot, &pool)
    guard let polygon = polygons[key] else {
      warnings.append("\(fields.file): \(token): no usable polygon \(pool.text(key)); left out")
      return nil
    }
    return MapExpansion.AreaRecord(token: token, areas: [polygon])
  }

  /// A text that may be missing.
  private func text(_ fields: RecordFields, _ slot: Int) throws -> String {
    fields.optional(slot) == nil ? "" : try fields.string(slot)
  }

  /// A line that may be missing.
  private mutating func line(_ fields: RecordFields, _ slot: Int) throws -> [SIMD2<Double>] {
    guard fields.optional(slot) != nil else { return [] }
    let key = try fields.reference(slot, &pool)
    if key == .none { return [] }
    guard let line = lines[key] else {
      warnings.append("\(fields.file): no usable line \(pool.text(key))")
      return []
    }
    return line
  }

  private mutating func texts(_ fields: RecordFields, _ slot: Int) throws -> [String] {
    guard fields.optional(slot) != nil else { return [] }
    return try fields.references(slot, &pool).map { pool.text($0) }
  }

  private mutating func readAreas(_ map: inout MapExpansion) throws {
    try forEach("drivable_area", ["polygon_tokens"]) { reader, fields, token in
      var areas: [MapLayer.Area] = []
      for key in try fields.references(1, &reader.pool) {
        if let polygon = reader.polygons[key] {
          areas.append(polygon)
        } else {
          reader.warnings.append("\(fields.file): \(token): no usable polygon \(reader.pool.text(key))")
        }
      }
      map.drivableAreas.append(.init(token: token, areas: areas))
    }
    try forEach("walkway", ["polygon_token"]) { reader, fields, token in
      if let area = try reader.area(fields, 1, token) { map.walkways.append(area) }
    }
    try forEach("ped_crossing", ["polygon_token", "road_segment_token"]) { reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.pedestrianCrossings.append(.init(record: area, roadSegmentToken: try reader.text(fields, 2)))
    }
    try forEach("carpark_area", ["polygon_token", "orientation", "road_block_token"]) {
      reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.carparkAreas.append(
        .init(
          record: area, orientation: fields.optional(2)?.double ?? 0,
          roadBlockToken: try reader.text(fields, 3)))
    }
    try forEach(
      "stop_line",
      ["polygon_token", "stop_line_type", "ped_crossing_tokens", "traffic_light_tokens", "road_block_token"]
    ) { reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.stopLines.append(
        .init(
          record: area, type: try reader.text(fields, 2),
          pedestrianCrossingTokens: try reader.texts(fields, 3),
          trafficLightTokens: try reader.texts(fields, 4), roadBlockToken: try reader.text(fields, 5)))
    }
  }

  private mutating func readRoads(_ map: inout MapExpansion) throws {
    try forEach("road_segment", ["polygon_token", "is_intersection", "drivable_area_token"]) {
      reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.roadSegments.append(
        .init(
          record: area, isIntersection: fields.optional(2)?.bool ?? false,
          drivableAreaToken: try reader.text(fields, 3)))
    }
    try forEach(
      "road_block", ["polygon_token", "from_edge_line_token", "to_edge_line_token", "road_segment_token"]
    ) { reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.roadBlocks.append(
        .init(
          record: area, fromEdge: try reader.line(fields, 2), toEdge: try reader.line(fields, 3),
          roadSegmentToken: try reader.text(fields, 4)))
    }
  }

  private mutating func readLanes(_ map: inout MapExpansion) throws {
    try forEach(
      "lane",
      [
        "polygon_token", "lane_type", "from_edge_line_token", "to_edge_line_token",
        "left_lane_divider_segments",
        "right_lane_divider_segments",
      ]
    ) { reader, fields, token in
      guard let area = try reader.area(fields, 1, token) else { return }
      map.lanes.append(
        .init(
          record: area, type: try reader.text(fields, 2), fromEdge: try reader.line(fields, 3),
          toEdge: try reader.line(fields, 4), leftDivider: try reader.dividerPoints(fields, 5),
          rightDivider: try reader.dividerPoints(fields, 6)))
    }
    try forEach("lane_connector", ["polygon_token"]) { reader, fields, token in
      if let area = try reader.area(fields, 1, token) { map.laneConnectors.append(area) }
    }
  }

  /// Points and markings of a divider; points that are not there are left out.
  private mutating func dividerPoints(_ fields: RecordFields, _ slot: Int) throws -> [MapExpansion
    .DividerPoint]
  {
    guard let value = fields.optional(slot) else { return [] }
    guard value.kind == .array else { throw fields.error(slot, value.words, "a list of points") }
    var result: [MapExpansion.DividerPoint] = []
    var segment = RecordFields(
      file: "\(fields.file): \(fields.names[slot])", names: ["node_token", "segment_type"])
    var k = 0
    try value.forEachElement { element in
      try segment.take(element, k)
      k += 1
      let key = try segment.reference(0, &pool)
      if let place = positions([key], "\(fields.names[slot])")?.first {
        result.append(.init(position: place, type: try segment.string(1)))
      }
    }
    return result
  }

  private mutating func readLines(_ map: inout MapExpansion) throws {
    try forEach("road_divider", ["line_token", "road_segment_token"]) { reader, fields, token in
      let line = try reader.line(fields, 1)
      guard !line.isEmpty else { return }
      map.roadDividers.append(.init(token: token, line: line, roadSegmentToken: try reader.text(fields, 2)))
    }
    try forEach("lane_divider", ["line_token", "lane_divider_segments"]) { reader, fields, token in
      var points = try reader.dividerPoints(fields, 2)
      if points.isEmpty { points = try reader.line(fields, 1).map { .init(position: $0, type: "NIL") } }
      if !points.isEmpty { map.laneDividers.append(.init(token: token, points: points)) }
    }
  }

  /// An object's entries; lists stand for empty objects, as some exports have them.
  private func entries(_ layer: String) throws -> [(String, TapeValue)] {
    guard let value = layers[layer] else { return [] }
    var result: [(String, TapeValue)] = []
    if value.kind == .object {
      value.forEachEntry { result.append((String(decoding: $0, as: UTF8.self), $1)) }
    } else if value.kind == .array {
      var count = 0
      value.forEachElement { _ in count += 1 }
      if count > 0 {
        throw RecordingError(file: file, place: layer, found: "a list", expected: "an object by lane token")
      }
    } else {
      throw RecordingError(file: file, place: layer, found: value.words, expected: "an object by lane token")
    }
    return result
  }

  private mutating func readConnectivity(_ map: inout MapExpansion) throws {
    for (token, value) in try entries("connectivity") {
      var fields = RecordFields(file: "\(file): connectivity \(token)", names: ["incoming", "outgoing"])
      try fields.take(value, 0)
      map.connectivity.append(
        .init(token: token, incoming: try texts(fields, 0), outgoing: try texts(fields, 1)))
    }
  }

  private mutating func readArclines(_ map: inout MapExpansion) throws {
    for (token, value) in try entries("arcline_path_3") {
      guard value.kind == .array else {
        throw RecordingError(
          file: file, place: "arcline_path_3.\(token)", found: value.words, expected: "a list of curves")
      }
      var fields = RecordFields(
        file: "\(file): arcline_path_3 \(token)",
        names: ["start_pose", "end_pose", "shape", "radius", "segment_length"])
      var curves: [MapExpansion.ArclinePath.Curve] = []
      try value.forEachElement { element in
        try fields.take(element, curves.count)
        var n: [Double] = []
        for slot in [0, 1, 4] { try fields.numbers(slot, count: 3, into: &n) }
        guard let radius = fields.optional(3)?.double else { throw fields.error(3, "no number", "a number") }
        curves.append(
          .init(
            start: SIMD3(n[0], n[1], n[2]), end: SIMD3(n[3], n[4], n[5]), shape: try fields.string(2),
            radius: radius, segmentLengths: SIMD3(n[6], n[7], n[8])))
      }
      map.arclinePaths.append(.init(token: token, curves: curves))
    }
  }
}
