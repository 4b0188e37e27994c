import Foundation
import Geometry

/// Runs the traffic and keeps what comes near the ego.
struct DriveRecorder {
  private let options: ProceduralDrive.Options
  private let surface: KerbedGround
  private(set) var actors: [Actor] = []
  private(set) var ego = MotionPath(timestamps: [0], poses: [.identity])
  private(set) var removed = 0
  private(set) var removedDrivers = 0
  private var times: [Int64] = []
  private var vehicleTracks: [[PlanarPose]] = []
  private var trailerTracks: [[PlanarPose]] = []
  private var walkerTracks: [[PlanarPose]] = []

  init(options: ProceduralDrive.Options, surface: KerbedGround) {
    self.options = options
    self.surface = surface
  }

  mutating func run(network: RoadNetwork, fixed: StaticActors) {
    let people = Population(network: network, fixed: fixed, seed: options.seed)
    var traffic = TrafficSimulator(
      network: network, closures: fixed.closures, openings: fixed.openings, seed: options.seed)
    traffic.vehicles = people.vehicles
    traffic.walkers = people.walkers
    let step = TrafficSimulator.step
    for _ in 0..<Int(ProceduralDrive.warmUp / step) { traffic.advance() }
    vehicleTracks = Array(repeating: [], count: traffic.vehicles.count)
    trailerTracks = vehicleTracks
    walkerTracks = Array(repeating: [], count: traffic.walkers.count)
    let count = Int(((options.seconds + 2) / step).rounded(.up))
    for k in 0...count {
      times.append(options.startMicroseconds - 1_000_000 + Int64(k) * Int64(step * 1e6))
      note(traffic)
      traffic.advance()
    }
    keep(traffic, fixed)
  }

  private mutating func note(_ traffic: TrafficSimulator) {
    let lanes = traffic.network.lanes
    for (k, v) in traffic.vehicles.enumerated() {
      vehicleTracks[k].append(v.route.bodyPose(v.s, length: v.length, lanes))
      if let trailer = v.trailer {
        let middle = v.s - v.length / 2 - trailer.gap - trailer.size.y / 2
        trailerTracks[k].append(v.route.bodyPose(middle, length: trailer.size.y, lanes))
      }
    }
    for (k, w) in traffic.walkers.enumerated() { walkerTracks[k].append(w.pose) }
  }

  /// The path of a body of this height over its planar track; one pose twice for what never moves.
  private func path(_ track: [PlanarPose], height: Double, kerbs: Bool) -> MotionPath {
    let moves = track.contains { ($0.position - track[0].position).length > 0.02 }
    if !moves {
      return MotionPath(
        standingAt: surface.pose(track[0], lift: height / 2, kerbs: kerbs), from: times[0],
        to: times[times.count - 1])
    }
    return MotionPath(
      timestamps: times, poses: track.map { surface.pose($0, lift: height / 2, kerbs: kerbs) })
  }

  private func comesNear(_ track: [PlanarPose], _ way: [PlanarPose]) -> Bool {
    for k in stride(from: 0, to: way.count, by: 10) {
      let p = track[min(k, track.count - 1)].position
      if (p - way[k].position).length < ProceduralDrive.reach { return true }
    }
    return false
  }

  private mutating func keep(_ traffic: TrafficSimulator, _ fixed: StaticActors) {
    guard let egoIndex = traffic.vehicles.firstIndex(where: { $0.isEgo }) else { return }
    let way = vehicleTracks[egoIndex]
    // nuScenes' ego frame is the rear axle on the ground; the box's middle is 1.35 m ahead of it.
    ego = MotionPath(
      timestamps: times,
      poses: way.map {
        surface.pose(
          PlanarPose(position: $0.point(ahead: -1.35, aside: 0), heading: $0.heading), lift: 0, kerbs: false)
      })
    let egoBody = path(way, height: traffic.vehicles[egoIndex].size.z, kerbs: false)
    for (k, v) in traffic.vehicles.enumerated() where k != egoIndex && comesNear(vehicleTracks[k], way) {
      append(v.category, v.size, v.appearanceSeed, v.hasRider, vehicleTracks[k], kerbs: false)
      if let trailer = v.trailer {
        append("vehicle.trailer", trailer.size, v.appearanceSeed &+ 1, false, trailerTracks[k], kerbs: false)
      }
    }
    for (k, w) in traffic.walkers.enumerated() where comesNear(walkerTracks[k], way) {
      append(w.category, w.size, w.appearanceSeed, false, walkerTracks[k], kerbs: true)
    }
    for item in fixed.items where comesNear([item.pose], way) {
      append(item.category, item.size, item.seed, item.hasRider, [item.pose], kerbs: true)
    }
    dropOverlapping(egoBody, size: traffic.vehicles[egoIndex].size)
  }

  private mutating func append(
    _ category: String, _ size: SIMD3<Double>, _ seed: UInt64, _ hasRider: Bool, _ track: [PlanarPose],
    kerbs: Bool
  ) {
    actors.append(
      Actor(
        id: Int32(actors.count + 1), category: category, size: size, appearanceSeed: seed, hasRider: hasRider,
        path: path(track, height: size.z, kerbs: kerbs)))
  }

  /// Leaves out, of each pair that overlaps at any time, the one that is not the ego's and comes later.
  private mutating func dropOverlapping(_ egoBody: MotionPath, size: SIMD3<Double>) {
    let bodies = [(path: egoBody, size: size)] + actors.map { (path: $0.path, size: $0.size) }
    let moments = stride(from: 0, to: times.count, by: 1).map { times[$0] }
    var dropped: Set<Int> = []
    for overlap in OverlapCheck.overlaps(bodies, at: moments) {
      if dropped.contains(overlap.first) || dropped.contains(overlap.second) { continue }
      dropped.insert(overlap.second)
    }
    removed = dropped.count
    removedDrivers = dropped.count {
      $0 > 0 && actors[$0 - 1].path.timestamps.count > 2
        && actors[$0 - 1].category.hasPrefix("vehicle")
    }
    let kept = actors.indices.filter { !dropped.contains($0 + 1) }.map { actors[$0] }
    actors = kept.enumerated().map { place, actor in
      var a = actor
      a.id = Int32(place + 1)
      return a
    }
  }
}
