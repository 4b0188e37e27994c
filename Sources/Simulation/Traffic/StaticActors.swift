import Algorithms
import Foundation
import Geometry

/// What stands by the road: parked vehicles, leaning bicycles, road works.
struct StaticActors {
  /// One thing that stands.
  struct Item: Sendable {
    var category: String
    var size: SIMD3<Double>
    var pose: PlanarPose
    var seed: UInt64
    var hasRider = false
  }

  private let network: RoadNetwork
  private var random: RandomSource
  private(set) var items: [Item] = []
  private(set) var closures: [TrafficSimulator.Closure] = []
  private(set) var openings: [TrafficSimulator.Opening] = []

  init(network: RoadNetwork, seed: UInt64) {
    self.network = network
    random = RandomSource(seed: seed, stream: 2)
    layRoadWorks()
    for k in network.roads.indices { parkAlong(k) }
    for carPark in network.carParks { fill(carPark) }
    for k in network.roads.indices { leaveBicycles(k) }
  }

  private mutating func add(_ category: String, _ pose: PlanarPose, size: SIMD3<Double>? = nil) {
    let s = size ?? ActorCatalogue.size(category, &random)
    items.append(Item(category: category, size: s, pose: pose, seed: random.next()))
  }

  /// The side of forward (or backward) lanes: +1 left of the reference line.
  private func side(forward: Bool) -> Double { forward == (network.handedness > 0) ? -1 : 1 }

  // MARK: parked vehicles

  private mutating func parkAlong(_ k: Int) {
    let road = network.roads[k]
    for forward in [true, false] {
      let width = forward ? road.parkingForward : road.parkingBackward
      let lanes = forward ? road.forwardLanes : road.backwardLanes
      guard width > 0, let outer = lanes.last, road.path.length > 40 else { continue }
      let inner = road.medianWidth / 2 + Double(lanes.count) * network.laneWidth
      let aside = side(forward: forward) * (inner + width / 2 + 0.1)
      let fullness = random.uniform(0.4, 0.95)
      var gap: ClosedRange<Double>?
      if random.chance(0.6), road.path.length > 75 {
        let middle = random.uniform(38, road.path.length - 36)
        gap = (middle - 15)...(middle + 14)
        let along = network.lanes[outer].path.project(road.path.pose(at: middle).position).along
        // Seen in the lane's own direction the kerb lies on the traffic's side.
        let off = -network.handedness * (network.laneWidth / 2 + width / 2 + 0.1)
        openings.append(.init(lane: outer, along: along, aside: off))
      }
      park(
        road, from: 14, to: road.path.length - 14, aside: aside, forward: forward, fullness: fullness,
        gap: gap)
    }
  }

  private mutating func park(
    _ road: Road, from: Double, to: Double, aside: Double, forward: Bool, fullness: Double,
    gap: ClosedRange<Double>?
  ) {
    var s = from
    while s < to - 6 {
      let roll = random.uniform()
      let category =
        roll < 0.86
        ? "vehicle.car"
        : roll < 0.93 ? "vehicle.truck" : roll < 0.97 ? "vehicle.motorcycle" : "vehicle.trailer"
      let size = ActorCatalogue.size(category, &random)
      let middle = s + size.y / 2
      s += size.y + random.uniform(0.7, 1.8)
      guard s < to, random.chance(fullness) else { continue }
      if let gap, gap.contains(middle) || gap.contains(s) { continue }
      var pose = road.path.pose(at: middle)
      pose.position = pose.point(ahead: 0, aside: aside + random.uniform(-0.1, 0.1))
      pose.heading += (forward ? 0 : .pi) + random.normal(mean: 0, deviation: 0.015)
      add(category, pose, size: size)
    }
  }

  private mutating func fill(_ carPark: CarPark) {
    let fullness = random.uniform(0.3, 0.9)
    for bay in carPark.bays where random.chance(fullness) {
      var pose = bay
      if random.chance(0.4) { pose.heading += .pi }
      pose.position = pose.point(ahead: random.uniform(-0.2, 0.2), aside: random.uniform(-0.1, 0.1))
      var size = ActorCatalogue.size("vehicle.car", &random)
      size.y = min(size.y, 5)
      add("vehicle.car", pose, size: size)
    }
  }

  private mutating func leaveBicycles(_ k: Int) {
    let road = network.roads[k]
    for forward in [true, false] where random.chance(0.5) {
      let half = road.halfWidth(forward: forward, laneWidth: network.laneWidth)
      let s = random.uniform(16, max(17, road.path.length - 16))
      for place in 0..<random.integer(1...4) {
        var pose = road.path.pose(at: s + 0.9 * Double(place))
        let aside = side(forward: forward) * (half + road.sidewalkWidth - 0.1)
        pose.position = pose.point(ahead: 0, aside: aside)
        pose.heading += .pi / 2 + random.normal(mean: 0, deviation: 0.05)
        add(random.chance(0.8) ? "vehicle.bicycle" : "vehicle.motorcycle", pose)
      }
    }
  }

  // MARK: road works

  private mutating func layRoadWorks() {
    let wide = network.roads.indices.filter {
      let road = network.roads[$0]
      return max(road.lanesForward, road.lanesBackward) >= 2 && road.path.length > 75
    }
    let count = random.integer(1...3)
    for k in wide.shuffled(using: &random).prefix(count) {
      let road = network.roads[k]
      let forward = road.lanesForward >= 2 && (road.lanesBackward < 2 || random.chance(0.5))
      guard (forward ? road.parkingForward : road.parkingBackward) == 0 else { continue }
      layRoadWorks(road, lane: (forward ? road.forwardLanes : road.backwardLanes).last)
    }
  }

  private mutating func layRoadWorks(_ road: Road, lane index: Int?) {
    guard let index else { return }
    let lane = network.lanes[index]
    let length = min(random.uniform(24, 38), lane.path.length - 52)
    guard length > 12 else { return }
    let from = max(34, (lane.path.length - length) / 2)
    let to = min(from + length, lane.path.length - 14)
    closures.append(.init(lane: index, from: from - 16, to: to + 2))
    let half = network.laneWidth / 2
    // Towards the lane that stays open.
    let inwards = network.handedness
    for step in 0...5 {
      let u = Double(step) / 5
      let aside = inwards * (half - 0.4) * (2 * u - 1)
      cone(lane.path.pose(at: from - 14 + 12 * u), aside)
    }
    var s = from + 1.6
    while s + 1.5 < to {
      var pose = lane.path.pose(at: s)
      pose.position = pose.point(ahead: 0, aside: inwards * (half - 0.4))
      pose.heading += .pi / 2
      add("movable_object.barrier", pose)
      s += 3.1
    }
    for k in 0...2 { cone(lane.path.pose(at: to), inwards * (half - 0.4) * (1 - Double(k))) }
    work(lane, from: from, to: to, inwards: inwards)
  }

  private mutating func cone(_ pose: PlanarPose, _ aside: Double) {
    add(
      "movable_object.trafficcone",
      PlanarPose(position: pose.point(ahead: 0, aside: aside), heading: random.uniform(0, 2 * .pi)))
  }

  /// The machine, a truck where there is room, and people at work.
  private mutating func work(_ lane: Lane, from: Double, to: Double, inwards: Double) {
    var machine = lane.path.pose(at: from + 7)
    machine.position = machine.point(ahead: 0, aside: -0.35 * inwards)
    machine.heading += random.chance(0.3) ? .pi : 0
    add("vehicle.construction", machine, size: SIMD3(2.35, random.uniform(5, 6.6), random.uniform(2.7, 3.3)))
    if to - from > 25 {
      var truck = lane.path.pose(at: from + 18)
      truck.position = truck.point(ahead: 0, aside: -0.35 * inwards)
      add("vehicle.truck", truck, size: SIMD3(2.3, random.uniform(5.5, 7), random.uniform(2.3, 3)))
    }
    var s = from + 12
    for _ in 0..<random.integer(1...3) {
      guard s < from + 13.6 || s > from + 22.5, s < to - 1 else {
        s += 2
        continue
      }
      let pose = lane.path.pose(at: s)
      add(
        "human.pedestrian.construction_worker",
        PlanarPose(
          position: pose.point(ahead: 0, aside: random.uniform(-0.5, 0.3)),
          heading: random.uniform(0, 2 * .pi)))
      s += 1.3
    }
  }
}
