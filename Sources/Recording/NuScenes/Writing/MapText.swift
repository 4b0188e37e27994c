import Geometry
import Scenes

/// A map expansion as the JSON of nuScenes' format 1.3: nodes, lines and polygons with tokens, then the layers.
struct MapText {
  private let location: String
  private var nodes: [String] = []
  private var lines: [String] = []
  private var polygons: [String] = []

  private init(location: String) { self.location = location }

  /// The file's bytes; the same for the same map.
  static func encode(_ map: MapExpansion, location: String) -> [UInt8] {
    var text = MapText(location: location)
    let layers = text.layers(map)
    var entries = [
      ("version", "\"1.3\""), ("polygon", list(text.polygons)), ("line", list(text.lines)),
      ("node", list(text.nodes)),
    ]
    entries += layers
    entries.append(("canvas_edge", TableJSON.list([map.canvasEdge.x, map.canvasEdge.y])))
    let body = entries.map { "\"\($0)\": \($1)" }.joined(separator: ",\n")
    return Array("{\(body)}\n".utf8)
  }

  private static func list(_ records: [String]) -> String {
    records.isEmpty ? "[]" : "[\n\(records.joined(separator: ",\n"))\n]"
  }

  private mutating func node(_ p: SIMD2<Double>) -> String {
    let token = StableToken.make("\(location)/node/\(nodes.count)")
    nodes.append(
      TableJSON.object([
        ("token", TableJSON.quoted(token)), ("x", TableJSON.number(p.x)), ("y", TableJSON.number(p.y)),
      ]))
    return token
  }

  private mutating func nodeTokens(_ points: [SIMD2<Double>]) -> [String] {
    var tokens: [String] = []
    for p in points { tokens.append(node(p)) }
    return tokens
  }

  /// A line's token; empty for no points.
  private mutating func line(_ points: [SIMD2<Double>]) -> String {
    points.isEmpty ? "" : line(nodes: nodeTokens(points))
  }

  private mutating func line(nodes tokens: [String]) -> String {
    let token = StableToken.make("\(location)/line/\(lines.count)")
    lines.append(
      TableJSON.object([("token", TableJSON.quoted(token)), ("node_tokens", TableJSON.list(texts: tokens))]))
    return token
  }

  private mutating func polygon(_ area: MapLayer.Area) -> String {
    let token = StableToken.make("\(location)/polygon/\(polygons.count)")
    let outline = nodeTokens(area.outline.points)
    var holes: [String] = []
    for hole in area.holes {
      holes.append(TableJSON.object([("node_tokens", TableJSON.list(texts: nodeTokens(hole.points)))]))
    }
    polygons.append(
      TableJSON.object([
        ("token", TableJSON.quoted(token)), ("exterior_node_tokens", TableJSON.list(texts: outline)),
        ("holes", "[\(holes.joined(separator: ", "))]"),
      ]))
    return token
  }

  /// The record's token and its polygon's.
  private mutating func head(_ record: MapExpansion.AreaRecord) -> [(String, String)] {
    var polygonToken = ""
    if let area = record.areas.first { polygonToken = polygon(area) }
    return [("token", TableJSON.quoted(record.token)), ("polygon_token", TableJSON.quoted(polygonToken))]
  }

  private mutating func segments(_ points: [MapExpansion.DividerPoint]) -> (tokens: [String], text: String) {
    let tokens = nodeTokens(points.map(\.position))
    let records = zip(tokens, points).map {
      TableJSON.object([("node_token", TableJSON.quoted($0)), ("segment_type", TableJSON.quoted($1.type))])
    }
    return (tokens, "[\(records.joined(separator: ", "))]")
  }

  private mutating func layers(_ map: MapExpansion) -> [(String, String)] {
    var layers: [(String, String)] = []
    func add(_ name: String, _ records: [String]) { layers.append((name, Self.list(records))) }
    var drivable: [String] = []
    for record in map.drivableAreas {
      var tokens: [String] = []
      for area in record.areas { tokens.append(polygon(area)) }
      drivable.append(
        TableJSON.object([
          ("token", TableJSON.quoted(record.token)), ("polygon_tokens", TableJSON.list(texts: tokens)),
        ]))
    }
    add("drivable_area", drivable)
    add(
      "road_segment",
      map.roadSegments.map {
        TableJSON.object(
          head($0.record) + [
            ("is_intersection", $0.isIntersection ? "true" : "false"),
            ("drivable_area_token", TableJSON.quoted($0.drivableAreaToken)),
          ])
      })
    add("road_block", roadBlocks(map))
    add("lane", lanes(map))
    add("ped_crossing", crossings(map))
    add("walkway", map.walkways.map { TableJSON.object(head($0)) })
    add("stop_line", stopLines(map))
    add(
      "carpark_area",
      map.carparkAreas.map {
        TableJSON.object(
          head($0.record) + [
            ("orientation", TableJSON.number($0.orientation)),
            ("road_block_token", TableJSON.quoted($0.roadBlockToken)),
          ])
      })
    add("road_divider", roadDividers(map))
    add("lane_divider", laneDividers(map))
    add("traffic_light", [])
    add("lane_connector", map.laneConnectors.map { TableJSON.object(head($0)) })
    layers.append(("connectivity", Self.connectivity(map)))
    layers.append(("arcline_path_3", Self.arclines(map)))
    return layers
  }

  private mutating func roadBlocks(_ map: MapExpansion) -> [String] {
    map.roadBlocks.map {
      TableJSON.object(
        head($0.record) + [
          ("from_edge_line_token", TableJSON.quoted(line($0.fromEdge))),
          ("to_edge_line_token", TableJSON.quoted(line($0.toEdge))),
          ("road_segment_token", TableJSON.quoted($0.roadSegmentToken)),
        ])
    }
  }

  private mutating func lanes(_ map: MapExpansion) -> [String] {
    map.lanes.map {
      TableJSON.object(
        head($0.record) + [
          ("lane_type", TableJSON.quoted($0.type)),
          ("from_edge_line_token", TableJSON.quoted(line($0.fromEdge))),
          ("to_edge_line_token", TableJSON.quoted(line($0.toEdge))),
          ("left_lane_divider_segments", segments($0.leftDivider).text),
          ("right_lane_divider_segments", segments($0.rightDivider).text),
        ])
    }
  }

  private mutating func crossings(_ map: MapExpansion) -> [String] {
    map.pedestrianCrossings.map {
      TableJSON.object(head($0.record) + [("road_segment_token", TableJSON.quoted($0.roadSegmentToken))])
    }
  }

  private mutating func stopLines(_ map: MapExpansion) -> [String] {
    map.stopLines.map {
      TableJSON.object(
        head($0.record) + [
          ("stop_line_type", TableJSON.quoted($0.type)),
          ("ped_crossing_tokens", TableJSON.list(texts: $0.pedestrianCrossingTokens)),
          ("traffic_light_tokens", TableJSON.list(texts: $0.trafficLightTokens)),
          ("road_block_token", TableJSON.quoted($0.roadBlockToken)),
        ])
    }
  }

  private mutating func roadDividers(_ map: MapExpansion) -> [String] {
    map.roadDividers.map {
      TableJSON.object([
        ("token", TableJSON.quoted($0.token)), ("line_token", TableJSON.quoted(line($0.line))),
        ("road_segment_token", TableJSON.quoted($0.roadSegmentToken)),
      ])
    }
  }

  private mutating func laneDividers(_ map: MapExpansion) -> [String] {
    map.laneDividers.map {
      let (tokens, text) = segments($0.points)
      return TableJSON.object([
        ("token", TableJSON.quoted($0.token)), ("line_token", TableJSON.quoted(line(nodes: tokens))),
        ("lane_divider_segments", text),
      ])
    }
  }

  private static func connectivity(_ map: MapExpansion) -> String {
    let entries = map.connectivity.map {
      "\(TableJSON.quoted($0.token)): "
        + TableJSON.object([
          ("incoming", TableJSON.list(texts: $0.incoming)), ("outgoing", TableJSON.list(texts: $0.outgoing)),
        ])
    }
    return "{\(entries.joined(separator: ",\n"))}"
  }

  private static func arclines(_ map: MapExpansion) -> String {
    let entries = map.arclinePaths.map { path in
      let curves = path.curves.map {
        TableJSON.object([
          ("start_pose", TableJSON.vector($0.start)), ("end_pose", TableJSON.vector($0.end)),
          ("shape", TableJSON.quoted($0.shape)), ("radius", TableJSON.number($0.radius)),
          ("segment_length", TableJSON.vector($0.segmentLengths)),
        ])
      }
      return "\(TableJSON.quoted(path.token)): [\(curves.joined(separator: ", "))]"
    }
    return "{\(entries.joined(separator: ",\n"))}"
  }
}
