import Foundation
import Geometry

/// The surfaces of a road network: areas of ground, and the lines and areas of its map.
struct RoadSurfaces {
  /// A line of the map, with its kind as nuScenes names it.
  struct Divider: Sendable {
    var points: [SIMD2<Double>]
    var segmentType: String
  }

  var roadAreas: [Polygon] = []
  var junctionAreas: [Polygon] = []
  var sidewalks: [Polygon] = []
  var medians: [Polygon] = []
  var laneDividers: [Divider] = []
  var roadDividers: [Divider] = []
  var stopLines: [(area: Polygon, lane: Int)] = []
  private var paint: [GroundArea] = []
  private let network: RoadNetwork

  init(_ network: RoadNetwork) {
    self.network = network
    for road in network.roads { layRoad(road) }
    for k in network.junctions.indices { layJunction(k) }
    for crossing in network.crossings { paintCrossing(crossing) }
    for (k, lane) in network.lanes.enumerated() where lane.road != nil { paintStopLine(k, lane) }
    for carPark in network.carParks { paintBays(carPark) }
  }

  /// The ground's areas in order: sidewalks, then roads over them, then medians, car parks and paint.
  var groundAreas: [GroundArea] {
    var areas: [GroundArea] = []
    areas += sidewalks.map { GroundArea(material: .sidewalk, outline: $0, elevation: 0.14) }
    areas += (roadAreas + junctionAreas).map { GroundArea(material: .road, outline: $0) }
    areas += medians.map { GroundArea(material: .median, outline: $0, elevation: 0.14) }
    for carPark in network.carParks {
      areas.append(GroundArea(material: .carPark, outline: carPark.driveway))
      areas.append(GroundArea(material: .carPark, outline: carPark.outline))
    }
    return areas + paint
  }

  /// Metres from the reference line to the left and to the right kerb.
  private func halves(_ road: Road) -> (left: Double, right: Double) {
    let forwardIsRight = network.handedness > 0
    return (
      road.halfWidth(forward: !forwardIsRight, laneWidth: network.laneWidth),
      road.halfWidth(forward: forwardIsRight, laneWidth: network.laneWidth)
    )
  }

  private static func strip(
    _ path: ArcPath, from: Double, to: Double, right: Double, left: Double, spacing: Double? = nil
  )
    -> Polygon
  {
    let spacing = spacing ?? fineness(path)
    let leftSide = path.points(from: from, to: to, spacing: spacing, aside: left)
    let rightSide = path.points(from: from, to: to, spacing: spacing, aside: right)
    return Polygon(rightSide + leftSide.reversed())
  }

  /// Metres between points at which chords lie within 3 cm of the path's sharpest arc.
  private static func fineness(_ path: ArcPath) -> Double {
    path.sharpest < 1e-6 ? 20 : min(20, max(0.8, (0.24 / path.sharpest).squareRoot()))
  }

  /// The strip of a lane or connector.
  static func lanePolygon(_ lane: Lane, width: Double) -> Polygon {
    strip(lane.path, from: 0, to: lane.path.length, right: -width / 2, left: width / 2)
  }

  private mutating func layRoad(_ road: Road) {
    let (left, right) = halves(road)
    let length = road.path.length
    roadAreas.append(Self.strip(road.path, from: 0, to: length, right: -right, left: left))
    sidewalks.append(
      Self.strip(road.path, from: 0, to: length, right: left, left: left + road.sidewalkWidth))
    sidewalks.append(
      Self.strip(road.path, from: 0, to: length, right: -right - road.sidewalkWidth, left: -right))
    if road.medianWidth > 0.5, length > 30 {
      medians.append(
        Self.strip(
          road.path, from: 9, to: length - 9, right: 0.25 - road.medianWidth / 2,
          left: road.medianWidth / 2 - 0.25))
    }
    paintRoad(road)
  }

  private mutating func line(
    _ path: ArcPath, from: Double, to: Double, aside: Double, width: Double, _ material: GroundMaterial
  ) {
    guard to - from > 0.3 else { return }
    paint.append(
      GroundArea(
        material: material,
        outline: Self.strip(
          path, from: from, to: to, right: aside - width / 2, left: aside + width / 2)))
  }

  private mutating func paintRoad(_ road: Road) {
    let length = road.path.length
    let starts = network.junctions[road.from].degree >= 3 ? 7.0 : 0.0
    let ends = network.junctions[road.to].degree >= 3 ? length - 7.0 : length
    if road.lanesBackward > 0 {
      if road.medianWidth > 0 {
        for sign in [-1.0, 1] {
          line(
            road.path, from: starts, to: ends, aside: sign * (road.medianWidth / 2 - 0.05), width: 0.15,
            .yellowPaint)
        }
      } else {
        for aside in [-0.13, 0.13] {
          line(road.path, from: starts, to: ends, aside: aside, width: 0.12, .yellowPaint)
        }
      }
      roadDividers.append(
        Divider(
          points: road.path.points(from: 0, to: length, spacing: Self.fineness(road.path)),
          segmentType: "DOUBLE_SOLID_YELLOW"))
    }
    for (forward, lanes) in [(true, road.lanesForward), (false, road.lanesBackward)] where lanes > 0 {
      let sign = forward == (network.handedness > 0) ? -1.0 : 1.0
      let parking = forward ? road.parkingForward : road.parkingBackward
      for place in 1...lanes {
        let aside = sign * (road.medianWidth / 2 + Double(place) * network.laneWidth)
        if place < lanes {
          divide(road, aside: aside, starts: starts, ends: ends, solidAtEnd: forward)
        } else if parking > 0 {
          line(road.path, from: starts + 4, to: ends - 4, aside: aside, width: 0.12, .whitePaint)
        }
      }
    }
  }

  /// Paints dashes between lanes, a solid line where traffic waits for the junction.
  private mutating func divide(_ road: Road, aside: Double, starts: Double, ends: Double, solidAtEnd: Bool) {
    let length = road.path.length
    let hasStop = network.junctions[solidAtEnd ? road.to : road.from].degree >= 3
    let solid = hasStop ? min(22, 0.3 * length) : 0
    let dashFrom = solidAtEnd ? starts : starts + solid
    let dashTo = solidAtEnd ? ends - solid : ends
    var s = dashFrom
    while s + 3 < dashTo {
      line(road.path, from: s, to: s + 3, aside: aside, width: 0.15, .whitePaint)
      s += 7.5
    }
    laneDividers.append(
      Divider(
        points: road.path.points(from: dashFrom, to: dashTo, spacing: Self.fineness(road.path), aside: aside),
        segmentType: "SINGLE_DASHED_WHITE"))
    guard solid > 0 else { return }
    let from = solidAtEnd ? dashTo : starts
    let to = solidAtEnd ? ends : dashFrom
    line(road.path, from: from, to: to, aside: aside, width: 0.15, .whitePaint)
    laneDividers.append(
      Divider(
        points: road.path.points(from: from, to: to, spacing: Self.fineness(road.path), aside: aside),
        segmentType: "SINGLE_SOLID_WHITE"))
  }

  private mutating func paintCrossing(_ crossing: Crossing) {
    let road = network.roads[crossing.road]
    let (left, right) = halves(road)
    var aside = -right + 0.4
    while aside + 0.5 < left {
      line(road.path, from: crossing.from, to: crossing.to, aside: aside + 0.25, width: 0.5, .whitePaint)
      aside += 1
    }
  }

  private mutating func paintStopLine(_ k: Int, _ lane: Lane) {
    guard lane.stopAt < lane.path.length - 0.5 else { return }
    let half = network.laneWidth / 2
    let area = Self.strip(
      lane.path, from: lane.stopAt + 0.2, to: lane.stopAt + 0.6, right: -half, left: half)
    stopLines.append((area, k))
    paint.append(GroundArea(material: .whitePaint, outline: area))
  }

  private mutating func paintBays(_ carPark: CarPark) {
    for bay in carPark.bays {
      for aside in [-1.25, 1.25] {
        let corners = [(-2.5, aside - 0.05), (2.5, aside - 0.05), (2.5, aside + 0.05), (-2.5, aside + 0.05)]
        let outline = Polygon(corners.map { bay.point(ahead: $0.0, aside: $0.1) })
        paint.append(GroundArea(material: .whitePaint, outline: outline))
      }
    }
  }

  // MARK: junctions

  /// An arm's end: looking out of the junction, its corners and how wide its sidewalk is.
  private struct ArmEnd {
    var pose: PlanarPose
    var left: Double, right: Double
    var sidewalk: Double
  }

  private func armEnd(_ junction: Junction, _ arm: Int, _ index: Int) -> ArmEnd? {
    guard let k = junction.arms[arm] else { return nil }
    let road = network.roads[k]
    let (left, right) = halves(road)
    if road.from == index, road.fromArm == arm {
      return ArmEnd(pose: road.path.start, left: left, right: right, sidewalk: road.sidewalkWidth)
    }
    var pose = road.path.end
    pose.heading += .pi
    return ArmEnd(pose: pose, left: right, right: left, sidewalk: road.sidewalkWidth)
  }

  private mutating func layJunction(_ index: Int) {
    let junction = network.junctions[index]
    let ends = (0..<4).compactMap { armEnd(junction, $0, index) }
    var outline: [SIMD2<Double>] = []
    for (k, a) in ends.enumerated() {
      let b = ends[(k + 1) % ends.count]
      outline.append(a.pose.point(ahead: 0, aside: -a.right))
      let kerb = Self.corner(a.pose, a.left, b.pose, -b.right)
      outline += kerb
      let outer = Self.corner(a.pose, a.left + a.sidewalk, b.pose, -b.right - b.sidewalk)
      sidewalks.append(Polygon(kerb.reversed() + outer))
      outline.removeLast()
    }
    junctionAreas.append(Polygon(outline))
  }

  /// A rounded corner from a point aside of one arm's end to a point aside of the next one's.
  private static func corner(_ a: PlanarPose, _ asideA: Double, _ b: PlanarPose, _ asideB: Double)
    -> [SIMD2<Double>]
  {
    let p = a.point(ahead: 0, aside: asideA)
    let q = b.point(ahead: 0, aside: asideB)
    let cross = a.forward.cross(b.forward)
    var control = (p + q) / 2
    if abs(cross) > 0.3 {
      // Lines inwards from both corners meet here.
      let t = (q - p).cross(b.forward) / cross
      control = p + a.forward * t
    }
    return (0...8).map { k in
      let u = Double(k) / 8
      return p * ((1 - u) * (1 - u)) + control * (2 * u * (1 - u)) + q * (u * u)
    }
  }
}
