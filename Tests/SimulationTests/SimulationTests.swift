import Algorithms
import Geometry
import Simulation
import Testing

@Suite struct ArcPathTests {
  @Test func biarcStartsAndEndsAsAsked() {
    var random = RandomSource(seed: 7)
    for _ in 0..<200 {
      let a = PlanarPose(position: SIMD2(random.uniform(-50, 50), random.uniform(-50, 50)), heading: 0.3)
      let direction = random.uniform(-1.2, 1.2)
      let b = PlanarPose(
        position: a.point(ahead: random.uniform(10, 90), aside: random.uniform(-20, 20)), heading: direction)
      let path = ArcPath(from: a, to: b)
      let end = path.end
      #expect((path.start.position - a.position).length < 1e-9)
      #expect((end.position - b.position).length < 1e-6)
      #expect(abs(wrapAngle(end.heading - b.heading)) < 1e-6)
      let joint = path.pose(at: path.starts[path.starts.count - 1] - 1e-9)
      let after = path.pose(at: path.starts[path.starts.count - 1] + 1e-9)
      #expect((joint.position - after.position).length < 1e-6)
      #expect(abs(wrapAngle(joint.heading - after.heading)) < 1e-6)
    }
  }

  @Test func quarterCircleHasItsRadiusAndOffsetsShrinkIt() {
    // From the origin along x to (10, 10) along y: a quarter of a circle of radius 10.
    let path = ArcPath(
      from: PlanarPose(position: .zero, heading: 0),
      to: PlanarPose(position: SIMD2(10, 10), heading: .pi / 2))
    #expect(abs(path.length - 5 * .pi) < 1e-9)
    #expect(abs(path.sharpest - 0.1) < 1e-9)
    let inner = path.offset(2)
    #expect(abs(inner.length - 4 * .pi) < 1e-9)
    #expect((inner.end.position - SIMD2(8, 10)).length < 1e-9)
    let back = path.reversed
    #expect((back.end.position - SIMD2(0, 0)).length < 1e-9)
    #expect(abs(wrapAngle(back.end.heading - .pi)) < 1e-9)
  }

  @Test func projectionFindsThePlaceItCameFrom() {
    let path = ArcPath(
      from: PlanarPose(position: SIMD2(3, -2), heading: 0.2),
      to: PlanarPose(position: SIMD2(60, 25), heading: 0.9))
    for k in 1..<20 {
      let s = path.length * Double(k) / 20
      let found = path.project(path.pose(at: s).point(ahead: 0, aside: 1.7))
      #expect(abs(found.along - s) < 1e-6)
      #expect(abs(found.aside - 1.7) < 1e-6)
    }
  }
}

@Suite struct DriveTests {
  static let drives = (1...12).map { seed in
    ProceduralDrive(
      .init(
        seed: UInt64(seed), origin: SIMD2(500, 500), keepsRight: seed % 2 == 0,
        startMicroseconds: 1_600_000_000_000_000, seconds: 12))
  }

  @Test func nothingOverlapsAtAnyStep() {
    for drive in Self.drives {
      let ego = drive.scene.ego
      let body = MotionPath(
        timestamps: ego.timestamps,
        poses: ego.poses.map { $0 * RigidTransform(rotation: .identity, translation: SIMD3(1.35, 0, 0.78)) })
      let bodies =
        [(path: body, size: SIMD3(1.73, 4.084, 1.562))]
        + drive.scene.actors.map { (path: $0.path, size: $0.size) }
      let found = OverlapCheck.overlaps(bodies, at: ego.timestamps)
      #expect(found.isEmpty, "seed \(drive.scene.seed): \(found.prefix(3))")
    }
  }

  @Test func fewActorsHadToBeLeftOut() {
    let removed = Self.drives.reduce(0) { $0 + $1.removedActors }
    let kept = Self.drives.reduce(0) { $0 + $1.scene.actors.count }
    #expect(Double(removed) < 0.1 * Double(kept), "\(removed) left out, \(kept) kept")
    // Nobody avoids who was left out; so among those who drive it must be rare.
    let drivers = Self.drives.reduce(0) { sum, drive in
      sum + drive.scene.actors.count { $0.category.hasPrefix("vehicle") && $0.path.timestamps.count > 2 }
    }
    let removedDrivers = Self.drives.reduce(0) { $0 + $1.removedDrivers }
    #expect(Double(removedDrivers) < 0.03 * Double(drivers), "\(removedDrivers) left out, \(drivers) kept")
  }

  @Test func overlapCheckFindsAnOverlap() {
    let still = MotionPath(standingAt: .identity, from: 0, to: 1_000_000)
    let passing = MotionPath(
      timestamps: [0, 1_000_000],
      poses: [-10.0, 10].map { RigidTransform(rotation: .identity, translation: SIMD3($0, 0.5, 0)) })
    let found = OverlapCheck.overlaps(
      [(path: still, size: SIMD3(2, 4, 1)), (path: passing, size: SIMD3(1, 1, 1))],
      at: [0, 250_000, 500_000, 1_000_000])
    #expect(found.map { $0.timestampMicroseconds } == [500_000])
    #expect(abs((found.first?.area ?? 0) - 1) < 1e-9)
  }

  @Test func nobodyJumps() {
    for drive in Self.drives {
      let paths = drive.scene.actors.map { ($0.category, $0.path) } + [("ego", drive.scene.ego)]
      for (name, path) in paths where path.timestamps.count > 2 {
        for k in 1..<path.timestamps.count {
          let a = path.poses[k - 1]
          let b = path.poses[k]
          let seconds = Double(path.timestamps[k] - path.timestamps[k - 1]) * 1e-6
          #expect((b.translation - a.translation).length < 22 * seconds)
          #expect(a.rotation.angle(to: b.rotation) < 2.5 * seconds, "\(name), seed \(drive.scene.seed)")
          guard k > 1 else { continue }
          let before = (a.translation - path.poses[k - 2].translation) / seconds
          let after = (b.translation - a.translation) / seconds
          #expect(
            (after - before).length < 12 * seconds, "\(name), seed \(drive.scene.seed), \(before) to \(after)"
          )
        }
      }
    }
  }

  @Test func allTenClassesAppearWithTheirSizes() {
    let means: [(String, SIMD3<Double>)] = [
      ("vehicle.car", SIMD3(1.96, 4.61, 1.73)), ("human.pedestrian.adult", SIMD3(0.67, 0.73, 1.77)),
      ("movable_object.barrier", SIMD3(2.5, 0.48, 0.98)),
      ("movable_object.trafficcone", SIMD3(0.41, 0.41, 1.06)),
    ]
    let actors = Self.drives.flatMap { $0.scene.actors }
    for name in [
      "vehicle.car", "vehicle.truck", "vehicle.bus.rigid", "vehicle.trailer", "vehicle.construction",
      "human.pedestrian.adult", "vehicle.motorcycle", "vehicle.bicycle", "movable_object.trafficcone",
      "movable_object.barrier",
    ] { #expect(actors.contains { $0.category == name }, "\(name)") }
    for (name, mean) in means {
      let sizes = actors.filter { $0.category == name }.map { $0.size }
      let found = sizes.reduce(.zero, +) / Double(max(1, sizes.count))
      #expect((found / mean - 1).length < 0.06, "\(name): \(found)")
    }
  }

  @Test func trafficMovesAndKeepsToItsLanes() {
    var driven = 0
    for drive in Self.drives {
      let way = drive.scene.ego.distances[drive.scene.ego.distances.count - 1]
      if way > 20 { driven += 1 }
      let lanes = drive.network.lanes
      for pose in drive.scene.ego.poses {
        let nearest = lanes.map { abs($0.path.project(pose.translation.xy).aside) }.min() ?? .infinity
        #expect(nearest < 2.2)
      }
    }
    #expect(driven >= 8, "the ego drove 20 m in \(driven) of 12 drives")
  }

  @Test func lanesJoinWithoutGaps() {
    for drive in Self.drives {
      for (k, lane) in drive.network.lanes.enumerated() {
        for next in lane.outgoing {
          let other = drive.network.lanes[next]
          #expect((lane.path.end.position - other.path.start.position).length < 1e-6)
          #expect(abs(wrapAngle(lane.path.end.heading - other.path.start.heading)) < 1e-6)
          #expect(other.incoming.contains(k))
        }
        if lane.junction == nil { #expect(!lane.outgoing.isEmpty, "lane \(k) leads nowhere") }
      }
    }
  }

  @Test func propsStandOffTheRoads() {
    for drive in Self.drives {
      let roads = drive.scene.ground.areas.filter { $0.material == .road }
      for prop in drive.scene.props {
        let p = prop.globalFromProp.translation.xy
        #expect(!roads.contains { $0.outline.contains(p) }, "\(prop.kind)")
      }
      #expect(drive.scene.props.contains { $0.kind == .building })
      #expect(drive.scene.props.contains { $0.kind == .tree })
    }
  }

  @Test func sameSeedMakesTheSameDrive() {
    let a = Self.drives[2].scene
    let b = ProceduralDrive(
      .init(
        seed: 3, origin: SIMD2(500, 500), keepsRight: false, startMicroseconds: 1_600_000_000_000_000,
        seconds: 12)
    ).scene
    #expect(a.actors == b.actors)
    #expect(a.props == b.props)
    #expect(a.ego == b.ego)
    #expect(a.ground.areas == b.ground.areas)
  }
}
