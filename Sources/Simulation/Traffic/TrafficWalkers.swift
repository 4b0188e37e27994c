import Geometry

/// People on foot in traffic.
extension TrafficSimulator {
  /// Moves somebody on by one step: along, waiting at the kerb, over.
  mutating func walk(_ k: Int) {
    var w = walkers[k]
    var target = w.desiredSpeed
    if let gate = w.gate, !w.isCrossing, w.s <= gate {
      if gate - w.s < 0.4 {
        if w.waitingSince == nil { w.waitingSince = time }
        if mayCross(w) {
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

  private func mayCross(_ w: Walker) -> Bool {
    if let crossing = w.crossing { return isFree(crossing) }
    guard let open = w.openRoad else { return true }
    return isFree(open, seconds: (w.crossingEnd - w.s) / w.desiredSpeed + 1.5)
  }

  /// Whether nobody drives over a place of a road for so many seconds.
  private func isFree(_ open: (road: Int, along: Double), seconds: Double) -> Bool {
    let road = network.roads[open.road]
    let place = road.path.pose(at: open.along).position
    for lane in road.forwardLanes + road.backwardLanes {
      let along = network.lanes[lane].path.project(place).along
      for o in occupancy[lane] where o.rear < along + 1 {
        let speed = max(vehicles[o.vehicle].speed, 1)
        if along - o.front < max(6, speed * seconds) { return false }
      }
    }
    return true
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
