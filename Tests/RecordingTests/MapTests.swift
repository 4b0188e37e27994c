import Foundation
import Geometry
import Recording
import Scenes
import Testing

/// A map with something in every layer.
func fullMap() -> MapExpansion {
  func area(_ x: Double, hole: Bool = false) -> MapLayer.Area {
    let outline = Polygon([SIMD2(x, 0), SIMD2(x + 10, 0), SIMD2(x + 10, 10), SIMD2(x, 10)])
    let inner = Polygon([SIMD2(x + 2, 2), SIMD2(x + 4, 2), SIMD2(x + 3, 4)])
    return MapLayer.Area(outline: outline, holes: hole ? [inner] : [])
  }
  func record(_ name: String, _ x: Double) -> MapExpansion.AreaRecord {
    .init(token: StableToken.make(name), areas: [area(x)])
  }
  var map = MapExpansion(canvasEdge: SIMD2(200, 100.5))
  map.drivableAreas = [.init(token: StableToken.make("drivable"), areas: [area(0, hole: true), area(20)])]
  map.roadSegments = [
    .init(record: record("segment", 0), isIntersection: true, drivableAreaToken: map.drivableAreas[0].token)
  ]
  map.roadBlocks = [
    .init(record: record("block", 5), fromEdge: [SIMD2(5, 0), SIMD2(5, 10)], roadSegmentToken: "s")
  ]
  map.lanes = [
    .init(
      record: record("lane", 1), fromEdge: [SIMD2(1, 0), SIMD2(1, 10)],
      toEdge: [SIMD2(11, 0), SIMD2(11, 10)],
      leftDivider: [.init(position: SIMD2(1, 10), type: "DOUBLE_DASHED_WHITE")],
      rightDivider: [.init(position: SIMD2(1, 0), type: "NIL"), .init(position: SIMD2(11, 0), type: "NIL")])
  ]
  map.laneConnectors = [record("connector", 11)]
  map.pedestrianCrossings = [
    .init(record: record("crossing", 3), roadSegmentToken: map.roadSegments[0].record.token)
  ]
  map.walkways = [record("walkway", 40)]
  map.stopLines = [
    .init(
      record: record("stop", 4), type: "PED_CROSSING",
      pedestrianCrossingTokens: [map.pedestrianCrossings[0].record.token])
  ]
  map.carparkAreas = [.init(record: record("carpark", 60), orientation: -1.25)]
  map.roadDividers = [.init(token: StableToken.make("rd"), line: [SIMD2(0, 5), SIMD2(10.125, 5.1)])]
  map.laneDividers = [
    .init(
      token: StableToken.make("ld"),
      points: [
        .init(position: SIMD2(0, 3), type: "SINGLE_SOLID_WHITE"), .init(position: SIMD2(9, 3), type: "NIL"),
      ])
  ]
  map.connectivity = [
    .init(token: map.lanes[0].record.token, incoming: [], outgoing: [map.laneConnectors[0].token])
  ]
  map.arclinePaths = [
    .init(
      token: map.lanes[0].record.token,
      curves: [
        .init(
          start: SIMD3(1, 5, 0), end: SIMD3(11, 5, 0.1), shape: "LSR", radius: 999,
          segmentLengths: SIMD3(0.5, 9, 0.5))
      ])
  ]
  return map
}

@Test func mapWithEveryLayerIsReadBackEqual() throws {
  let map = fullMap()
  let small = try SmallDataset(map: map)
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  let read = try #require(try dataset.mapExpansion(location: "singapore-onenorth"))
  #expect(read.map == map)
  #expect(read.warnings.isEmpty)
  let layers = try dataset.mapLayers(location: "singapore-onenorth")
  #expect(
    layers.map(\.name) == [
      "drivable_area", "road_segment", "road_block", "lane", "lane_connector", "ped_crossing", "walkway",
      "stop_line", "carpark_area", "road_divider", "lane_divider",
    ])
  #expect(layers[0].areas.count == 2 && layers[0].areas[0].holes.count == 1)
  #expect(layers[10].lines == [[SIMD2(0, 3), SIMD2(9, 3)]])
  #expect(try dataset.mapLayers(location: "nowhere").isEmpty)
}

@Test func recordsOfMissingNodesAreLeftOutWithAWarning() throws {
  let small = try SmallDataset(map: fullMap())
  defer { small.remove() }
  let path = "\(small.root)/maps/expansion/singapore-onenorth.json"
  let token = StableToken.make("singapore-onenorth/node/0")
  var text = try String(contentsOfFile: path, encoding: .utf8)
  text = text.replacingOccurrences(of: "{\"token\": \"\(token)\"", with: "{\"token\": \"gone\"")
  text = text.replacingOccurrences(of: "\"walkway\":", with: "\"sidewalk\":")
  try text.write(toFile: path, atomically: false, encoding: .utf8)
  let read = try #require(try Dataset(root: small.root).mapExpansion(location: "singapore-onenorth"))
  #expect(read.map.drivableAreas[0].areas.count == 1)
  #expect(read.map.walkways.isEmpty)
  #expect(read.warnings.contains { $0.contains("names node \(token)") })
  #expect(read.warnings.contains { $0.hasSuffix("walkway: missing (expected a layer)") })
  #expect(read.map.lanes == fullMap().lanes)
}

@Test func brokenMapIsAnErrorWithItsPlace() throws {
  let small = try SmallDataset(map: fullMap())
  defer { small.remove() }
  let path = "\(small.root)/maps/expansion/singapore-onenorth.json"
  let text = try String(contentsOfFile: path, encoding: .utf8)
  try String(text.prefix(text.count / 2)).write(toFile: path, atomically: false, encoding: .utf8)
  let dataset = try Dataset(root: small.root)
  let line = try #require(errorLine { _ = try dataset.mapLayers(location: "singapore-onenorth") })
  #expect(line.contains("singapore-onenorth.json: byte \(text.utf8.count / 2) ("))
}
