import Algorithms
import Foundation
import Geometry

/// Vehicles and people on a road network, stepped through time.
///
/// Vehicles follow their lane by the intelligent driver model (Treiber, Hennecke and Helbing, Physical Review E 62,
/// 2000), change lanes where there is room, and enter a junction only with a reservation of their connector, which is
/// given when no conflicting one is held, the signal is green, nobody crosses and the exit has room.
struct TrafficSimulator {
  static let step = 0.05

  /// A stretch of a lane that is closed.
  struct Closure: Sendable {
    var lane: Int
    var from: Double, to: Double
  }

  /// Room to park beside a lane: the middle along it, and metres to its left.
  struct Opening: Sendable {
    var lane: Int
    var along: Double
    var aside: Double
  }

  let network: RoadNetwork
  let closures: [Closure]
  let openings: [Opening]
  var vehicles: [Vehicle] = []
  var walkers: [Walker] = []
  var time = 0.0
  var random: RandomSource
  private var takenOpenings: Set<Int> = []
  private var occupancy: [[Occupant]]
  private var busyCrossings: [Bool]
  private var wantedCrossings: [Bool]

  /// A body on a lane: its rear and front along it.
  private struct Occupant {
    var vehicle: Int
    var rear: Double, front: Double
  }

  init(network: RoadNetwork, closures: [Closure], openings: [Opening], seed: UInt64) {
    self.network = network
    self.closures = closures
    self.openings = openings
    random = RandomSource(seed: seed, stream: 4)
    occupancy = Array(repeating: [], count: network.lanes.count)
    busyCrossings = Array(repeating: false, count: network.crossings.count)
    wantedCrossings = busyCrossings
  }

  /// Moves everything on by one step.
  mutating func advance() {
    registerOccupants()
    lookAtCrossings()
    for k in vehicles.indices { extendRoute(k) }
    grantReservations()
    let accelerations = vehicles.indices.map { acceleration(of: $0) }
    for k in vehicles.indices { move(k, accelerations[k]) }
    for k in vehicles.indices { considerLaneChange(k) }
    for k in vehicles.indices { considerParking(k) }
    for k in walkers.indices { walk(k) }
    time += Self.step
  }

  // MARK: where everybody is

  private mutating func registerOccupants() {
    for k in occupancy.indices { occupancy[k].removeAll(keepingCapacity: true) }
    for (k, v) in vehicles.enumerated() where abs(v.route.aside(v.s)) < 2.3 || v.parkAt == nil {
      var leg = v.route.legIndex(v.rear)
      while leg < v.route.legs.count, v.route.legs[leg].start <= v.front {
        let l = v.route.legs[leg]
        occupancy[l.lane].append(
          Occupant(vehicle: k, rear: l.offset + v.rear - l.start, front: l.offset + v.front - l.start))
        leg += 1
      }
      if let leaving = v.leaving, v.rear < leaving.until {
        occupancy[leaving.lane].append(
          Occupant(vehicle: k, rear: v.rear + leaving.shift, front: v.front + leaving.shift))
      }
    }
  }

  private mutating func lookAtCrossings() {
    for k in busyCrossings.indices {
      busyCrossings[k] = false
      wantedCrossings[k] = false
    }
    for w in walkers {
      guard let crossing = w.crossing else { continue }
      if w.isCrossing { busyCrossings[crossing] = true }
      if let since = w.waitingSince, time - since > 0.8 { wantedCrossings[crossing] = true }
    }
  }

  /// The body ahead on the route: the gap to its rear and its speed.
  private func leader(of k: Int, within reach: Double) -> (gap: Double, speed: Double)? {
    let v = vehicles[k]
    var best: (gap: Double, speed: Double)?
    var leg = v.route.legIndex(v.rear)
    while leg < v.route.legs.count, v.route.legs[leg].start < v.front + reach {
      let l = v.route.legs[leg]
      for o in occupancy[l.lane] where o.vehicle != k {
        let front = o.front - l.offset + l.start
        let gap = o.rear - l.offset + l.start - v.front
        guard front > v.front || (front == v.front && o.vehicle < k) else { continue }
        if gap < reach, gap < best?.gap ?? .infinity { best = (gap, vehicles[o.vehicle].speed) }
      }
      leg += 1
    }
    return best
  }

  // MARK: driving

  private func interaction(_ v: Vehicle, gap: Double, speed: Double, standstill: Double) -> Double {
    let approach = v.speed * (v.speed - speed) / (2 * (v.acceleration * v.braking).squareRoot())
    let wanted = standstill + max(0, v.speed * v.headway + approach)
    let ratio = wanted / max(gap, 0.05)
    return ratio * ratio
  }

  private func acceleration(of k: Int) -> Double {
    let v = vehicles[k]
    if v.isParked { return -v.speed / Self.step }
    let desired = max(1, desiredSpeed(v))
    var brake = 0.0
    if let ahead = leader(of: k, within: 80) {
      brake = max(brake, interaction(v, gap: ahead.gap, speed: ahead.speed, standstill: v.isLong ? 2.6 : 2.0))
    }
    if let stop = stopPlace(k) {
      brake = max(brake, interaction(v, gap: stop - v.front, speed: 0, standstill: 0.4))
    }
    let ratio = v.speed / desired
    let free = ratio <= 1 ? 1 - ratio * ratio * ratio * ratio : -(ratio - 1) * 4
    return min(max(v.acceleration * (free - brake), -7), v.acceleration)
  }

  /// The speed that limits, bends ahead and the driver allow.
  private func desiredSpeed(_ v: Vehicle) -> Double {
    let lane = network.lanes[v.route.legs[v.route.legIndex(v.s)].lane]
    var speed = min(lane.speedLimit * v.eagerness, v.topSpeed)
    var ahead = 0.0
    while ahead < 45 {
      let curvature = abs(v.route.curvature(v.front + ahead, network.lanes))
      if curvature > 1e-3 {
        let bend = (2.2 / curvature).squareRoot()
        speed = min(speed, (bend * bend + 2 * 1.6 * ahead).squareRoot())
      }
      ahead += 3
    }
    return speed
  }

  /// Where the front has to stop: a stop line without a reservation, a closure, a parking place.
  private func stopPlace(_ k: Int) -> Double? {
    let v = vehicles[k]
    var place: Double?
    if let connector = nextConnector(v), !v.reservations.contains(where: { $0.connector == connector.lane }) {
      place = connector.stop
    }
    let current = v.route.legIndex(v.s)
    for leg in v.route.legs[current...] {
      for closure in closures where closure.lane == leg.lane {
        let at = leg.start + closure.from - leg.offset - 4
        if at > v.front - 2 { place = min(place ?? .infinity, at) }
      }
    }
    if let parkAt = v.parkAt { place = min(place ?? .infinity, parkAt) }
    return place
  }

  /// The first connector that the front has not reached, and where to wait for it.
  private func nextConnector(_ v: Vehicle) -> (lane: Int, leg: Int, stop: Double)? {
    var k = v.route.legIndex(v.front)
    while k + 1 < v.route.legs.count {
      let leg = v.route.legs[k]
      let next = v.route.legs[k + 1]
      if network.lanes[next.lane].junction != nil {
        return (next.lane, k + 1, leg.start + network.lanes[leg.lane].stopAt - leg.offset)
      }
      k += 1
    }
    return nil
  }

  private mutating func move(_ k: Int, _ acceleration: Double) {
    let speed = max(0, vehicles[k].speed + acceleration * Self.step)
    // Beside a curved lane's centre the way is longer or shorter than the lane's.
    let aside = vehicles[k].route.aside(vehicles[k].s)
    let stretch = 1 - vehicles[k].route.curvature(vehicles[k].s, network.lanes) * aside
    vehicles[k].s += (vehicles[k].speed + speed) / 2 * Self.step / max(0.5, stretch)
    vehicles[k].speed = speed
    let rear = vehicles[k].rear
    vehicles[k].reservations.removeAll { rear > $0.releaseAt }
    if let leaving = vehicles[k].leaving, rear > leaving.until { vehicles[k].leaving = nil }
  }

  /// Adds lanes until the route reaches 70 m ahead.
  private mutating func extendRoute(_ k: Int) {
    while vehicles[k].route.end(network.lanes) < vehicles[k].front + 70 {
      let last = vehicles[k].route.legs[vehicles[k].route.legs.count - 1]
      let choices = network.lanes[last.lane].outgoing
      guard !choices.isEmpty else { return }
      let weights = choices.map { choice -> Double in
        guard network.lanes[choice].junction != nil else { return 1 }
        switch network.lanes[choice].turn {
        case .straight: return vehicles[k].isLong ? 20 : 1.4
        case .near: return 1
        case .far: return 0.8
        }
      }
      let next = choices[random.index(weights: weights)]
      let start = vehicles[k].route.end(network.lanes)
      vehicles[k].route.legs.append(Route.Leg(lane: next, start: start, offset: 0))
    }
  }

  // MARK: junctions

  private mutating func grantReservations() {
    var requests: [(vehicle: Int, since: Double)] = []
    for k in vehicles.indices {
      let v = vehicles[k]
      guard let next = nextConnector(v), !v.reservations.contains(where: { $0.connector == next.lane }) else {
        vehicles[k].requestedAt = nil
        continue
      }
      let distance = next.stop - v.front
      guard distance < max(9, v.speed * v.speed / 2.4 + 7) else { continue }
      let since = v.requestedAt ?? time
      vehicles[k].requestedAt = since
      requests.append((k, since))
    }
    requests.sort { ($0.since, $0.vehicle) < ($1.since, $1.vehicle) }
    for request in requests {
      guard let next = nextConnector(vehicles[request.vehicle]) else { continue }
      if mayEnter(request.vehicle, connector: next.lane, waited: time - request.since) {
        grant(request.vehicle, connector: next.lane, leg: next.leg)
      }
    }
  }

  private mutating func grant(_ k: Int, connector: Int, leg: Int) {
    let out = network.lanes[connector].outgoing[0]
    let clear = exitClearance(out)
    let end = vehicles[k].route.legs[leg].start + network.lanes[connector].path.length
    vehicles[k].reservations.append(.init(connector: connector, releaseAt: end + clear))
    vehicles[k].requestedAt = nil
  }

  /// Metres along a lane that leaves a junction until its crossing is behind.
  private func exitClearance(_ lane: Int) -> Double {
    let first = network.lanes[lane].crossings.first { $0.to < network.lanes[lane].path.length / 2 }
    return (first?.to ?? 0) + 1
  }

  /// Crossings that a connector's traffic passes between stop line and exit.
  private func crossings(of connector: Int) -> [Int] {
    let into = network.lanes[connector].incoming[0]
    let out = network.lanes[connector].outgoing[0]
    let before = network.lanes[into].crossings.filter { $0.from > network.lanes[into].path.length / 2 }
    let after = network.lanes[out].crossings.filter { $0.to < network.lanes[out].path.length / 2 }
    return (before + after).map { $0.crossing }
  }

  private func mayEnter(_ k: Int, connector c: Int, waited: Double) -> Bool {
    let lane = network.lanes[c]
    guard let j = lane.junction, isGreen(junction: j, lane: lane.incoming[0]) else { return false }
    for crossing in crossings(of: c) where busyCrossings[crossing] || wantedCrossings[crossing] {
      return false
    }
    for (other, v) in vehicles.enumerated() where other != k {
      for reservation in v.reservations where lane.conflicts.contains(reservation.connector) { return false }
    }
    guard exitHasRoom(k, connector: c) else { return false }
    return waited > 10 || !mustYield(k, connector: c)
  }

  private func exitHasRoom(_ k: Int, connector c: Int) -> Bool {
    let out = network.lanes[c].outgoing[0]
    var needed = vehicles[k].totalLength + 3
    for (other, v) in vehicles.enumerated() where other != k {
      let holds = v.reservations.contains { network.lanes[$0.connector].outgoing[0] == out }
      if holds { needed += v.totalLength + 3 }
    }
    var room = Double.infinity
    for o in occupancy[out] where vehicles[o.vehicle].speed < 3 && o.vehicle != k {
      let holds = vehicles[o.vehicle].reservations.contains { network.lanes[$0.connector].outgoing[0] == out }
      if !holds { room = min(room, o.rear) }
    }
    return room - exitClearance(out) >= needed
  }

  /// Whether somebody with priority is about to cross the connector's way.
  private func mustYield(_ k: Int, connector c: Int) -> Bool {
    guard network.lanes[c].turn == .far else { return false }
    for (other, v) in vehicles.enumerated() where other != k {
      guard let theirs = nextConnector(v), network.lanes[c].conflicts.contains(theirs.lane),
        network.lanes[theirs.lane].turn != .far, let j = network.lanes[theirs.lane].junction,
        isGreen(junction: j, lane: network.lanes[theirs.lane].incoming[0])
      else { continue }
      if v.speed > 2, theirs.stop - v.front < v.speed * 3.5 { return true }
    }
    return false
  }

  private func isGreen(junction j: Int, lane: Int) -> Bool {
    let junction = network.junctions[j]
    guard junction.hasSignals, let road = network.lanes[lane].road else { return true }
    let arm = junction.arms.firstIndex(of: road) ?? 0
    let phase = (time + junction.signalOffset).truncatingRemainder(dividingBy: 34)
    return arm % 2 == 0 ? phase < 13 : phase >= 17 && phase < 30
  }

  // MARK: lane changes and parking

  private mutating func considerLaneChange(_ k: Int) {
    let v = vehicles[k]
    guard v.s > v.nextLaneChange, v.category != "vehicle.bicycle", v.trailer == nil, v.parkAt == nil,
      v.leaving == nil, v.reservations.isEmpty, v.speed > 2.5
    else { return }
    let leg = v.route.legs[v.route.legIndex(v.s)]
    guard let road = network.lanes[leg.lane].road, v.route.legIndex(v.rear) == v.route.legIndex(v.s) else {
      return
    }
    let closed = closures.contains {
      $0.lane == leg.lane && $0.from > leg.offset + v.front - leg.start
        && $0.from - (leg.offset + v.front - leg.start) < 70
    }
    let slow = leader(of: k, within: 30).map { $0.speed < v.speed - 0.5 || $0.speed < 0.6 * v.topSpeed * 0.6 }
    guard closed || slow == true || random.chance(0.004) else { return }
    let all =
      network.lanes[leg.lane].isForward ? network.roads[road].forwardLanes : network.roads[road].backwardLanes
    let place = network.lanes[leg.lane].place
    for target in [place - 1, place + 1] where all.indices.contains(target) {
      if changeLane(k, from: leg, to: all[target]) { return }
    }
  }

  private mutating func changeLane(_ k: Int, from leg: Route.Leg, to target: Int) -> Bool {
    let v = vehicles[k]
    let lane = network.lanes[target]
    // The change begins at the front axle, so that no part of the body is moved at once.
    let begin = v.s + 0.3 * v.length + 0.1
    guard v.route.legIndex(begin) == v.route.legIndex(v.s) else { return false }
    let (along, aside) = lane.path.project(v.route.point(begin, network.lanes))
    let middle = along - (begin - v.s)
    let reach = max(16, 2.8 * v.speed)
    guard along > v.length, along + reach + v.length / 2 + 8 < lane.stopAt else { return false }
    // Where the road bends, places on neighbouring lanes do not run alike.
    for ahead in [-v.length / 2, 0, v.length / 2, reach / 2, reach]
    where abs(lane.path.curvature(at: along + ahead)) > 0.006 {
      return false
    }
    for closure in closures
    where closure.lane == target && closure.from < along + reach + 30 && closure.to > along - 10 {
      return false
    }
    for o in occupancy[target] where o.vehicle != k {
      let ahead = o.rear - (middle + v.length / 2)
      let behind = (middle - v.length / 2) - o.front
      let other = vehicles[o.vehicle].speed
      if ahead < 4 + 0.6 * v.speed + 2 * max(0, v.speed - other),
        behind < 4 + 0.6 * other + 2 * max(0, other - v.speed)
      {
        return false
      }
    }
    let current = v.route.legIndex(v.s)
    vehicles[k].route.legs.removeSubrange((current + 1)...)
    vehicles[k].route.legs.append(Route.Leg(lane: target, start: begin, offset: along))
    // What the constant part keeps aside stays so on the new lane.
    vehicles[k].route.shifts.append(
      .init(from: begin, to: begin + reach, before: aside - v.route.keep, after: 0))
    vehicles[k].leaving = (leg.lane, leg.offset - leg.start, begin + 0.75 * reach)
    vehicles[k].nextLaneChange = begin + reach + 40
    occupancy[target].append(
      Occupant(vehicle: k, rear: middle - v.length / 2, front: middle + v.length / 2))
    extendRoute(k)
    return true
  }

  private mutating func considerParking(_ k: Int) {
    let v = vehicles[k]
    guard v.category == "vehicle.car", !v.isEgo, v.parkAt == nil, v.leaving == nil else { return }
    let leg = v.route.legs[v.route.legIndex(v.s)]
    for (index, opening) in openings.enumerated() where opening.lane == leg.lane {
      let ahead = opening.along - (leg.offset + v.s - leg.start)
      guard ahead > 22, ahead < 40, !takenOpenings.contains(index), !v.triedOpenings.contains(index) else {
        continue
      }
      vehicles[k].triedOpenings.append(index)
      guard random.chance(0.6) else { continue }
      takenOpenings.insert(index)
      let place = v.s + ahead
      vehicles[k].parkAt = place + v.length / 2 + 0.4
      vehicles[k].route.shifts.append(
        .init(from: place - 17, to: place - 3, before: 0, after: opening.aside))
      return
    }
  }

  // MARK: people

  private mutating func walk(_ k: Int) {
    var w = walkers[k]
    var target = w.desiredSpeed
    if let gate = w.gate, let crossing = w.crossing, !w.isCrossing, w.s <= gate {
      if gate - w.s < 0.4 {
        if w.waitingSince == nil { w.waitingSince = time }
        if isFree(crossing) {
          w.isCrossing = true
          w.waitingSince = nil
        } else {
          target = 0
        }
      } else {
        target = min(target, (2 * 1.2 * max(0.02, gate - w.s - 0.25)).squareRoot())
      }
    }
    if w.isCrossing, w.s > w.crossingEnd { w.isCrossing = false }
    let rest = w.length - w.s
    target = min(target, (2 * 1.2 * max(0, rest)).squareRoot())
    let speed = min(max(target, w.speed - 2.5 * Self.step), w.speed + 1.5 * Self.step)
    w.s = min(w.length, w.s + max(0, speed) * Self.step)
    w.speed = max(0, speed)
    walkers[k] = w
  }

  /// Whether no vehicle holds the right to pass a crossing or stands on it.
  private func isFree(_ crossing: Int) -> Bool {
    for v in vehicles {
      for r in v.reservations where crossings(of: r.connector).contains(crossing) { return false }
    }
    for lane in network.roads[network.crossings[crossing].road].forwardLanes
      + network.roads[network.crossings[crossing].road].backwardLanes
    {
      guard let band = network.lanes[lane].crossings.first(where: { $0.crossing == crossing }) else {
        continue
      }
      for o in occupancy[lane] where o.rear < band.to && o.front > band.from { return false }
    }
    return true
  }
}
