import Geometry
import Recording
import Scenes

/// Writes a road network as layers of a nuScenes map expansion.
struct MapExport {
  private let network: RoadNetwork
  private let surfaces: RoadSurfaces
  private let name: String

  /// - Parameter name: what the records' tokens derive from: unique within the map.
  init(_ network: RoadNetwork, name: String) {
    self.network = network
    self.name = name
    surfaces = RoadSurfaces(network)
  }

  /// Adds the network to a map, and widens the map's canvas to hold it.
  func add(to map: inout MapExpansion) {
    let drivable = token("drivable_area", 0)
    let parks = network.carParks.flatMap { [$0.outline, $0.driveway] }
    let areas = (surfaces.roadAreas + surfaces.junctionAreas + parks).map { MapLayer.Area(outline: $0) }
    map.drivableAreas.append(.init(token: drivable, areas: areas))
    addRoads(&map, drivable)
    addLanes(&map)
    addCrossings(&map)
    for (k, outline) in surfaces.sidewalks.enumerated() {
      map.walkways.append(record("walkway", k, outline))
    }
    for (k, carPark) in network.carParks.enumerated() {
      map.carparkAreas.append(
        .init(record: record("carpark_area", k, carPark.outline), orientation: carPark.pose.heading))
    }
    addDividers(&map)
    for area in areas {
      for p in area.outline.points {
        map.canvasEdge = SIMD2(max(map.canvasEdge.x, p.x + 50), max(map.canvasEdge.y, p.y + 50))
      }
    }
  }

  private func token(_ layer: String, _ k: Int) -> String { StableToken.make("\(name)/\(layer)/\(k)") }

  private func record(_ layer: String, _ k: Int, _ outline: Polygon) -> MapExpansion.AreaRecord {
    .init(token: token(layer, k), areas: [MapLayer.Area(outline: outline)])
  }

  private func laneToken(_ k: Int) -> String {
    token(network.lanes[k].junction == nil ? "lane" : "lane_connector", k)
  }

  private func addRoads(_ map: inout MapExpansion, _ drivable: String) {
    for (k, outline) in (surfaces.roadAreas + surfaces.junctionAreas).enumerated() {
      map.roadSegments.append(
        .init(
          record: record("road_segment", k, outline), isIntersection: k >= surfaces.roadAreas.count,
          drivableAreaToken: drivable))
    }
    var block = 0
    for (k, road) in network.roads.enumerated() {
      for lanes in [road.forwardLanes, road.backwardLanes] {
        guard let inner = lanes.first, let outer = lanes.last else { continue }
        // Lanes of a direction lie side by side; the outermost one is towards the kerb.
        let outwards = -network.handedness * network.laneWidth / 2
        let a = network.lanes[inner].path.points(spacing: 4, aside: -outwards)
        let b = network.lanes[outer].path.points(spacing: 4, aside: outwards)
        map.roadBlocks.append(
          .init(
            record: record("road_block", block, Polygon(a + b.reversed())), fromEdge: [a[0], b[0]],
            toEdge: [a[a.count - 1], b[b.count - 1]], roadSegmentToken: token("road_segment", k)))
        block += 1
      }
    }
  }

  private func addLanes(_ map: inout MapExpansion) {
    let half = network.laneWidth / 2
    for (k, lane) in network.lanes.enumerated() {
      let area = MapLayer.Area(outline: RoadSurfaces.lanePolygon(lane, width: network.laneWidth))
      let token = laneToken(k)
      if lane.junction == nil {
        let start = lane.path.start
        let end = lane.path.end
        map.lanes.append(
          .init(
            record: .init(token: token, areas: [area]), type: "CAR",
            fromEdge: [start.point(ahead: 0, aside: half), start.point(ahead: 0, aside: -half)],
            toEdge: [end.point(ahead: 0, aside: half), end.point(ahead: 0, aside: -half)],
            leftDivider: divider(lane, left: true), rightDivider: divider(lane, left: false)))
      } else {
        map.laneConnectors.append(.init(token: token, areas: [area]))
      }
      map.connectivity.append(
        .init(token: token, incoming: lane.incoming.map(laneToken), outgoing: lane.outgoing.map(laneToken)))
      map.arclinePaths.append(.init(token: token, curves: lane.path.arcs.map(Self.curve)))
    }
  }

  /// The marking on one side of a lane: towards the road's middle, towards another lane, or at the kerb.
  private func divider(_ lane: Lane, left: Bool) -> [MapExpansion.DividerPoint] {
    guard let road = lane.road.map({ network.roads[$0] }) else { return [] }
    let inwards = left == (network.handedness > 0)
    let count = lane.isForward ? road.lanesForward : road.lanesBackward
    let twoWay = road.lanesForward > 0 && road.lanesBackward > 0
    let kind: String
    if inwards {
      kind = lane.place > 0 ? "SINGLE_DASHED_WHITE" : twoWay ? "DOUBLE_SOLID_YELLOW" : "NIL"
    } else {
      kind = lane.place + 1 < count ? "SINGLE_DASHED_WHITE" : "NIL"
    }
    let aside = (left ? 1 : -1) * network.laneWidth / 2
    return lane.path.points(spacing: 10, aside: aside).map { .init(position: $0, type: kind) }
  }

  /// An arc as a Dubins curve of which only one piece has a length.
  private static func curve(_ arc: Arc) -> MapExpansion.ArclinePath.Curve {
    let end = arc.pose(at: arc.length)
    let isStraight = abs(arc.curvature) < 1e-6
    return .init(
      start: SIMD3(arc.start.position.x, arc.start.position.y, wrapAngle(arc.start.heading)),
      end: SIMD3(end.position.x, end.position.y, wrapAngle(end.heading)),
      shape: arc.curvature < 0 ? "RSR" : "LSL", radius: isStraight ? 999.999 : 1 / abs(arc.curvature),
      segmentLengths: isStraight ? SIMD3(0, arc.length, 0) : SIMD3(arc.length, 0, 0))
  }

  private func addCrossings(_ map: inout MapExpansion) {
    for (k, crossing) in network.crossings.enumerated() {
      map.pedestrianCrossings.append(
        .init(
          record: record("ped_crossing", k, crossing.area),
          roadSegmentToken: token("road_segment", crossing.road)))
    }
    for (k, line) in surfaces.stopLines.enumerated() {
      let lane = network.lanes[line.lane]
      let ahead = lane.crossings.filter { $0.from > lane.stopAt - 1 }
      map.stopLines.append(
        .init(
          record: record("stop_line", k, line.area), type: ahead.isEmpty ? "YIELD" : "PED_CROSSING",
          pedestrianCrossingTokens: ahead.map { token("ped_crossing", $0.crossing) }))
    }
  }

  private func addDividers(_ map: inout MapExpansion) {
    for (k, divider) in surfaces.roadDividers.enumerated() {
      map.roadDividers.append(.init(token: token("road_divider", k), line: divider.points))
    }
    for (k, divider) in surfaces.laneDividers.enumerated() {
      map.laneDividers.append(
        .init(
          token: token("lane_divider", k),
          points: divider.points.map { .init(position: $0, type: divider.segmentType) }))
    }
  }
}
