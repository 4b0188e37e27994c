import Algorithms
import Foundation
import Geometry

/// Makes a `RoadNetwork` from a seed: a jittered, turned grid of junctions with some roads left out, curves between.
struct RoadNetworkBuilder {
  private var random: RandomSource
  private let columns = 4
  private let rows = 3
  private let origin: SIMD2<Double>
  private var network: RoadNetwork
  private let cornerRadius: Double

  /// - Parameter origin: the map's middle, in metres.
  init(seed: UInt64, origin: SIMD2<Double>, keepsRight: Bool) {
    random = RandomSource(seed: seed, stream: 1)
    self.origin = origin
    cornerRadius = random.uniform(5.5, 8)
    network = RoadNetwork(
      handedness: keepsRight ? 1 : -1, laneWidth: random.uniform(3.2, 3.6), roads: [], junctions: [],
      lanes: [], crossings: [], carParks: [])
  }

  /// The network.
  static func build(seed: UInt64, origin: SIMD2<Double>, keepsRight: Bool) -> RoadNetwork {
    var builder = RoadNetworkBuilder(seed: seed, origin: origin, keepsRight: keepsRight)
    builder.placeJunctions()
    builder.joinJunctions()
    builder.dropRoads()
    builder.shapeRoads()
    builder.layLanes()
    builder.layCrossings()
    builder.layConnectors()
    builder.findConflicts()
    return builder.network
  }

  private mutating func placeJunctions() {
    let turn = random.uniform(0, 2 * .pi)
    let spacing = random.uniform(118, 150)
    for row in 0..<rows {
      for column in 0..<columns {
        let jitter = SIMD2(random.uniform(-12, 12), random.uniform(-12, 12))
        let place =
          SIMD2(
            (Double(column) - Double(columns - 1) / 2) * spacing,
            (Double(row) - Double(rows - 1) / 2) * spacing
          ) + jitter
        let heading = turn + random.uniform(-0.12, 0.12)
        network.junctions.append(
          Junction(
            pose: PlanarPose(position: origin + place.rotated(by: turn), heading: heading),
            arms: [nil, nil, nil, nil], radii: [0, 0, 0, 0], hasSignals: random.chance(0.5),
            signalOffset: random.uniform(0, 34)))
      }
    }
  }

  private mutating func joinJunctions() {
    for row in 0..<rows {
      for column in 0..<columns {
        let here = row * columns + column
        if column + 1 < columns { addRoad(here, 0, here + 1, 2) }
        if row + 1 < rows { addRoad(here, 1, here + columns, 3) }
      }
    }
  }

  private mutating func addRoad(_ a: Int, _ armA: Int, _ b: Int, _ armB: Int) {
    let wide = random.chance(0.3)
    var forward = wide ? random.integer(2...3) : random.integer(1...2)
    let backward = random.chance(0.8) ? forward : max(1, forward - 1)
    if random.chance(0.06) { forward = 4 }
    let parks = random.chance(0.7)
    let median = wide && random.chance(0.6) ? random.uniform(1.5, 3) : 0
    network.roads.append(
      Road(
        path: ArcPath([Arc(start: network.junctions[a].pose, curvature: 0, length: 1)]), from: a, to: b,
        fromArm: armA, toArm: armB, lanesForward: forward, lanesBackward: backward, medianWidth: median,
        parkingForward: parks && random.chance(0.8) ? 2.4 : 0,
        parkingBackward: parks && random.chance(0.8) ? 2.4 : 0,
        sidewalkWidth: random.uniform(2.4, 4), speedLimit: random.uniform(8.5, 12.5) + (wide ? 2 : 0)))
    network.junctions[a].arms[armA] = network.roads.count - 1
    network.junctions[b].arms[armB] = network.roads.count - 1
  }

  /// Leaves out some roads whose ends keep two others at least, and makes one road one-way where its ends allow.
  private mutating func dropRoads() {
    var kept = [Bool](repeating: true, count: network.roads.count)
    for k in network.roads.indices where random.chance(0.18) {
      let road = network.roads[k]
      guard network.junctions[road.from].degree >= 3, network.junctions[road.to].degree >= 3 else { continue }
      kept[k] = false
      network.junctions[road.from].arms[road.fromArm] = nil
      network.junctions[road.to].arms[road.toArm] = nil
    }
    var place: [Int: Int] = [:]
    var roads: [Road] = []
    for k in network.roads.indices where kept[k] {
      place[k] = roads.count
      roads.append(network.roads[k])
    }
    for j in network.junctions.indices {
      network.junctions[j].arms = network.junctions[j].arms.map { $0.flatMap { place[$0] } }
      if network.junctions[j].degree < 3 { network.junctions[j].hasSignals = false }
    }
    network.roads = roads
    let candidates = roads.indices.filter {
      network.junctions[roads[$0].from].degree >= 3 && network.junctions[roads[$0].to].degree >= 3
    }
    if random.chance(0.5), let chosen = candidates.randomElement(using: &random) {
      network.roads[chosen].lanesForward = random.integer(1...4)
      network.roads[chosen].lanesBackward = 0
      network.roads[chosen].medianWidth = 0
      network.roads[chosen].parkingBackward = 0
    }
  }

  /// The half width of an arm's road towards the next arm counter-clockwise (`left`) or the one before.
  private func halfWidth(junction: Int, arm: Int, left: Bool) -> Double {
    guard let k = network.junctions[junction].arms[arm] else { return 0 }
    let road = network.roads[k]
    let startsHere = road.from == junction && road.fromArm == arm
    // Looking out along the arm, forward lanes of a road that starts here lie right where traffic keeps right.
    let forwardIsRight = (network.handedness > 0) == startsHere
    return road.halfWidth(forward: forwardIsRight != left, laneWidth: network.laneWidth)
  }

  private mutating func shapeRoads() {
    for j in network.junctions.indices {
      for arm in 0..<4 where network.junctions[j].arms[arm] != nil {
        let before = halfWidth(junction: j, arm: (arm + 3) % 4, left: true)
        let after = halfWidth(junction: j, arm: (arm + 1) % 4, left: false)
        network.junctions[j].radii[arm] = max(before, after, 2) + cornerRadius
      }
    }
    for k in network.roads.indices {
      let road = network.roads[k]
      let a = armPose(road.from, road.fromArm)
      var b = armPose(road.to, road.toArm)
      b.heading += .pi
      network.roads[k].path = curve(from: a, to: b, halfWidth: widest(road))
    }
  }

  /// Where an arm's road begins, facing away from the junction.
  private func armPose(_ junction: Int, _ arm: Int) -> PlanarPose {
    let j = network.junctions[junction]
    let heading = j.pose.heading + Double(arm) * .pi / 2
    let direction = SIMD2(cos(heading), sin(heading))
    return PlanarPose(position: j.pose.position + direction * j.radii[arm], heading: heading)
  }

  private func widest(_ road: Road) -> Double {
    max(
      road.halfWidth(forward: true, laneWidth: network.laneWidth),
      road.halfWidth(forward: false, laneWidth: network.laneWidth)) + road.sidewalkWidth
  }

  /// A curve through a point beside the middle, as far aside as the curvature allows.
  private mutating func curve(from a: PlanarPose, to b: PlanarPose, halfWidth: Double) -> ArcPath {
    let chord = b.position - a.position
    let direct = atan2(chord.y, chord.x)
    var aside = random.chance(0.6) ? random.uniform(-0.13, 0.13) * chord.length : 0
    for _ in 0..<6 where aside != 0 {
      let middle = PlanarPose(position: (a.position + b.position) / 2, heading: direct)
      let via = PlanarPose(position: middle.point(ahead: 0, aside: aside), heading: direct)
      let path = ArcPath(from: a, to: via).followed(by: ArcPath(from: via, to: b))
      if path.sharpest < 1 / (halfWidth + 18) { return path }
      aside *= 0.6
    }
    return ArcPath(from: a, to: b)
  }

  private mutating func layLanes() {
    let width = network.laneWidth
    for k in network.roads.indices {
      let road = network.roads[k]
      let inner = road.medianWidth / 2
      for place in 0..<road.lanesForward {
        let aside = -network.handedness * (inner + (Double(place) + 0.5) * width)
        network.roads[k].forwardLanes.append(network.lanes.count)
        appendLane(road.path.offset(aside), road: k, isForward: true, place: place)
      }
      for place in 0..<road.lanesBackward {
        let aside = network.handedness * (inner + (Double(place) + 0.5) * width)
        network.roads[k].backwardLanes.append(network.lanes.count)
        appendLane(road.path.offset(aside).reversed, road: k, isForward: false, place: place)
      }
    }
  }

  private mutating func appendLane(_ path: ArcPath, road: Int, isForward: Bool, place: Int) {
    var lane = Lane(path: path, speedLimit: network.roads[road].speedLimit, stopAt: path.length)
    lane.road = road
    lane.isForward = isForward
    lane.place = place
    network.lanes.append(lane)
  }

  private mutating func layCrossings() {
    for k in network.roads.indices {
      for atStart in [true, false] {
        let road = network.roads[k]
        let junction = network.junctions[atStart ? road.from : road.to]
        guard junction.degree >= 3 else { continue }
        let has = random.chance(0.75)
        let from = atStart ? 2.0 : road.path.length - 5.5
        let lanesIn = atStart ? road.backwardLanes : road.forwardLanes
        for lane in lanesIn {
          network.lanes[lane].stopAt = network.lanes[lane].path.length - (has ? 6.8 : 1.2)
        }
        if has { addCrossing(road: k, from: from, to: from + 3.5, atStart: atStart) }
      }
    }
  }

  private mutating func addCrossing(road k: Int, from: Double, to: Double, atStart: Bool) {
    let road = network.roads[k]
    let forward = road.halfWidth(forward: true, laneWidth: network.laneWidth) * -network.handedness
    let backward = road.halfWidth(forward: false, laneWidth: network.laneWidth) * network.handedness
    let a = road.path.pose(at: from)
    let b = road.path.pose(at: to)
    let area = Polygon([
      a.point(ahead: 0, aside: forward), b.point(ahead: 0, aside: forward),
      b.point(ahead: 0, aside: backward), a.point(ahead: 0, aside: backward),
    ])
    let crossing = network.crossings.count
    network.crossings.append(Crossing(road: k, from: from, to: to, isAtStart: atStart, area: area))
    for lane in road.forwardLanes + road.backwardLanes {
      let path = network.lanes[lane].path
      let middle = path.project((a.position + b.position) / 2).along
      network.lanes[lane].crossings.append((crossing: crossing, from: middle - 2.2, to: middle + 2.2))
    }
  }

  private mutating func layConnectors() {
    for j in network.junctions.indices {
      for armIn in 0..<4 {
        let entering = lanes(of: j, arm: armIn, entering: true)
        guard !entering.isEmpty else { continue }
        connect(j, armIn, entering)
      }
    }
  }

  private func lanes(of junction: Int, arm: Int, entering: Bool) -> [Int] {
    guard let k = network.junctions[junction].arms[arm] else { return [] }
    let road = network.roads[k]
    let startsHere = road.from == junction && road.fromArm == arm
    return startsHere == entering ? road.backwardLanes : road.forwardLanes
  }

  private mutating func connect(_ j: Int, _ armIn: Int, _ entering: [Int]) {
    let nearArm = (armIn + (network.handedness > 0 ? 1 : 3)) % 4
    let farArm = (armIn + (network.handedness > 0 ? 3 : 1)) % 4
    let straightLanes = lanes(of: j, arm: (armIn + 2) % 4, entering: false)
    let nearLanes = lanes(of: j, arm: nearArm, entering: false)
    let farLanes = lanes(of: j, arm: farArm, entering: false)
    for (place, lane) in entering.enumerated() {
      var made = false
      if !straightLanes.isEmpty, place < straightLanes.count || place == 0 {
        addConnector(j, lane, straightLanes[min(place, straightLanes.count - 1)], .straight)
        made = true
      }
      if let last = nearLanes.last, place == entering.count - 1 {
        addConnector(j, lane, last, .near)
        made = true
      }
      if let first = farLanes.first, place == 0 {
        addConnector(j, lane, first, .far)
        made = true
      }
      if made { continue }
      // A lane in between, or of a road that ends here: it goes where its neighbours go.
      if !nearLanes.isEmpty, farLanes.isEmpty || 2 * place >= entering.count {
        let out = max(0, nearLanes.count - (entering.count - place))
        addConnector(j, lane, nearLanes[out], .near)
      } else if !farLanes.isEmpty {
        addConnector(j, lane, farLanes[min(place, farLanes.count - 1)], .far)
      } else if let last = straightLanes.last {
        addConnector(j, lane, last, .straight)
      }
    }
  }

  private mutating func addConnector(_ junction: Int, _ from: Int, _ to: Int, _ turn: Turn) {
    let path = ArcPath(from: network.lanes[from].path.end, to: network.lanes[to].path.start)
    let limit = min(network.lanes[from].speedLimit, max(2.5, (2.4 / max(path.sharpest, 1e-3)).squareRoot()))
    var lane = Lane(path: path, speedLimit: limit, stopAt: path.length)
    lane.junction = junction
    lane.turn = turn
    lane.incoming = [from]
    lane.outgoing = [to]
    let index = network.lanes.count
    network.lanes.append(lane)
    network.lanes[from].outgoing.append(index)
    network.lanes[to].incoming.append(index)
    network.junctions[junction].connectors.append(index)
  }

  /// Connectors whose centre lines come nearer than a wide vehicle needs.
  private mutating func findConflicts() {
    for junction in network.junctions {
      let points = junction.connectors.map { network.lanes[$0].path.points(spacing: 1) }
      for (a, connectorA) in junction.connectors.enumerated() {
        for (b, connectorB) in junction.connectors.enumerated() where a != b {
          let near = points[a].contains { p in points[b].contains { ($0 - p).length < 3.3 } }
          if near { network.lanes[connectorA].conflicts.append(connectorB) }
        }
      }
    }
  }
}
