import Algorithms
import Foundation
import Geometry

/// Fills a network with moving vehicles and people.
struct Population {
  private let network: RoadNetwork
  private var random: RandomSource
  private let fixed: StaticActors
  private(set) var vehicles: [Vehicle] = []
  private(set) var walkers: [Walker] = []

  /// The first vehicle is the ego.
  init(network: RoadNetwork, fixed: StaticActors, seed: UInt64) {
    self.network = network
    self.fixed = fixed
    random = RandomSource(seed: seed, stream: 5)
    placeVehicles()
    placeWalkers()
  }

  // MARK: vehicles

  private mutating func placeVehicles() {
    let roads = network.lanes.indices.filter {
      network.lanes[$0].road != nil && network.lanes[$0].path.length > 70
    }
    guard !roads.isEmpty else { return }
    let middle =
      network.junctions.reduce(SIMD2<Double>.zero) { $0 + $1.pose.position }
      / Double(max(1, network.junctions.count))
    let central = roads.sorted {
      (network.lanes[$0].path.pose(at: 30).position - middle).length
        < (network.lanes[$1].path.pose(at: 30).position - middle).length
    }
    for lane in central.prefix(8).shuffled(using: &random) + central where vehicles.isEmpty {
      add("vehicle.car", lane: lane, at: random.uniform(25, 40), isEgo: true)
    }
    let density = random.uniform(10, 24) / 1000
    for lane in roads {
      var s = random.uniform(16, 16 + 1.2 / density)
      while s < network.lanes[lane].stopAt - 22 {
        let category = ActorCatalogue.movingCategory(&random)
        add(category, lane: lane, at: s, isEgo: false)
        s += random.uniform(13, 13 + 1.7 / density)
      }
    }
  }

  private mutating func add(_ category: String, lane: Int, at place: Double, isEgo: Bool) {
    let ridden = category == "vehicle.bicycle" || category == "vehicle.motorcycle"
    var size =
      ridden ? ActorCatalogue.riddenSize(category, &random) : ActorCatalogue.size(category, &random)
    if isEgo { size = SIMD3(1.73, 4.084, 1.562) }
    var trailer: (size: SIMD3<Double>, gap: Double)?
    var kind = category
    if category == "vehicle.trailer" {
      trailer = (size, 1.7)
      kind = "vehicle.truck"
      size = ActorCatalogue.size(kind, &random)
    }
    let limit = network.lanes[lane].speedLimit
    var v = Vehicle(
      category: kind, size: size, appearanceSeed: random.next(), hasRider: ridden, isEgo: isEgo,
      trailer: trailer,
      route: Route(legs: [.init(lane: lane, start: 0, offset: 0)]), s: place, speed: 0.7 * limit,
      eagerness: random.uniform(0.8, 1.08), topSpeed: 20, headway: random.uniform(1.0, 1.6),
      acceleration: random.uniform(1.2, 1.9), braking: random.uniform(1.8, 2.4),
      nextLaneChange: place + random.uniform(0, 60))
    if kind == "vehicle.bicycle" {
      v.topSpeed = random.uniform(3.5, 6)
      v.route.keep = -network.handedness * 1.0
    } else if kind == "vehicle.construction" {
      v.topSpeed = 7
    } else if v.isLong {
      v.acceleration *= 0.7
    }
    v.speed = min(v.speed, 0.8 * v.topSpeed)
    guard v.rear > 3, v.front < network.lanes[lane].stopAt - 18, hasRoom(v, lane) else { return }
    vehicles.append(v)
  }

  private func hasRoom(_ v: Vehicle, _ lane: Int) -> Bool {
    for other in vehicles where other.route.legs[0].lane == lane {
      if v.rear < other.front + 7, v.front > other.rear - 7 { return false }
    }
    for closure in fixed.closures where closure.lane == lane {
      if v.rear < closure.to + 3, v.front > closure.from - 25 { return false }
    }
    return true
  }

  // MARK: people

  private mutating func placeWalkers() {
    let liveliness = random.uniform(0.7, 2)
    for k in network.roads.indices {
      for left in [true, false] {
        let groups = Int(liveliness * random.uniform(0, 5))
        for _ in 0..<groups { placeGroup(road: k, left: left) }
      }
    }
    for k in network.crossings.indices where random.chance(0.6 * liveliness) {
      for _ in 0..<random.integer(1...3) { placeCrosser(k) }
    }
  }

  private func half(_ road: Road, left: Bool) -> Double {
    road.halfWidth(forward: left != (network.handedness > 0), laneWidth: network.laneWidth)
  }

  private mutating func category() -> String {
    let roll = random.uniform()
    return roll < 0.88
      ? "human.pedestrian.adult" : roll < 0.97 ? "human.pedestrian.child" : "human.pedestrian.police_officer"
  }

  private mutating func placeGroup(road k: Int, left: Bool) {
    let road = network.roads[k]
    let sign = left ? 1.0 : -1
    let along = random.chance(0.5)
    let speed = random.uniform(0.9, 1.6)
    let stands = random.chance(0.2)
    let s = random.uniform(8, max(9, road.path.length - 8))
    let inner = half(road, left: left) + 0.6
    let outer = half(road, left: left) + road.sidewalkWidth - 1.1
    // Who walks one way keeps to the kerb, who walks the other way to the houses.
    let middle = (inner + max(inner, outer)) / 2
    let base =
      along
      ? random.uniform(inner, max(inner + 0.01, middle - 0.4))
      : random.uniform(min(outer, middle + 0.4), outer)
    for member in 0..<random.index(weights: [0, 0.6, 0.28, 0.12]) {
      let aside = base + (member % 2 == 0 ? 0 : base + 0.85 < outer ? 0.85 : -0.85)
      let from = s + 0.95 * Double(member / 2) * 1.2
      guard aside > inner - 0.3 else { continue }
      var points = road.path.points(from: 3, to: road.path.length - 3, spacing: 2, aside: sign * aside)
      if !along { points.reverse() }
      let start = along ? from - 3 : road.path.length - 3 - from
      let kind = category()
      var w = Walker(
        category: kind, size: ActorCatalogue.size(kind, &random), appearanceSeed: random.next(),
        points: points,
        speed: speed)
      if stands {
        let at = road.path.pose(at: from).point(ahead: 0, aside: sign * aside)
        w = Walker(
          category: kind, size: w.size, appearanceSeed: w.appearanceSeed, points: [at, at], speed: 0)
        w.standingHeading = random.uniform(0, 2 * .pi)
      } else {
        guard start > 0, start < w.length - 2 else { continue }
        w.s = start
      }
      add(w)
    }
  }

  /// Adds somebody who does not start within a metre of another.
  private mutating func add(_ walker: Walker) {
    let place = walker.pose.position
    let isTaken = walkers.contains { ($0.pose.position - place).length < 1 }
    let isBlocked = fixed.items.contains {
      ($0.pose.position - place).length < SIMD2($0.size.x, $0.size.y).length / 2 + 0.6
    }
    if !isTaken && !isBlocked { walkers.append(walker) }
  }

  /// Somebody who comes along the sidewalk, crosses, and goes on.
  private mutating func placeCrosser(_ k: Int) {
    let crossing = network.crossings[k]
    let road = network.roads[crossing.road]
    let fromLeft = random.chance(0.5)
    let sign = fromLeft ? 1.0 : -1
    let near = half(road, left: fromLeft)
    let far = half(road, left: !fromLeft)
    let asideNear = near + random.uniform(0.8, max(0.9, road.sidewalkWidth - 1.2))
    let asideFar = far + random.uniform(0.8, max(0.9, road.sidewalkWidth - 1.2))
    let away = crossing.isAtStart ? 1.0 : -1
    let s = (crossing.from + crossing.to) / 2 + random.uniform(-1.1, 1.1)
    let approach = random.uniform(2, min(30, road.path.length * 0.4))
    let leave = random.uniform(6, min(32, road.path.length * 0.4))
    let before = road.path.points(
      from: s + away * approach, to: s + away * 0.3, spacing: 2, aside: sign * asideNear)
    let after = road.path.points(
      from: s + away * 0.3, to: s + away * leave, spacing: 2, aside: -sign * asideFar)
    let pose = road.path.pose(at: s)
    let over = [
      pose.point(ahead: 0, aside: sign * (near + 0.4)), pose.point(ahead: 0, aside: -sign * (far + 0.4)),
    ]
    let kind = category()
    var w = Walker(
      category: kind, size: ActorCatalogue.size(kind, &random), appearanceSeed: random.next(),
      points: before + over + after, speed: random.uniform(1.1, 1.6))
    w.crossing = k
    w.gate = w.distances[before.count]
    w.crossingEnd = w.distances[before.count + 1]
    add(w)
  }
}
