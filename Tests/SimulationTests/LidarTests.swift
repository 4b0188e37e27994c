import Dispatch
import Geometry
import Glibc
import Scenes
import Simulation
import Synchronization
import Testing

@Suite struct LidarTests {
  static let mount = RigidTransform(rotation: .identity, translation: SIMD3(0.9, 0, 1.84))

  static func simulator(
    _ scene: SimulationScene, _ sensor: LidarSensor, body: LidarSimulator.EgoBody = .none
  ) -> LidarSimulator {
    LidarSimulator(SceneGeometry(scene), sensor: sensor, egoFromSensor: mount, body: body)
  }

  @Test func publishedBeamTables() throws {
    let velodyne = try LidarSensor.hdl32E().beams.map { $0.elevation * 180 / .pi }
    #expect(velodyne.count == 32)
    #expect(abs(velodyne[0] + 30.67) < 1e-9 && abs(velodyne[31] - 10.67) < 0.01 && abs(velodyne[23]) < 0.01)
    let hesai = try LidarSensor.pandar64().beams.map { $0.elevation * 180 / .pi }
    #expect(hesai.count == 64 && hesai[0] == -25 && abs(hesai[63] - 15) < 1e-9)
    #expect(zip(hesai, hesai.dropFirst()).allSatisfy { $0 < $1 })
    #expect(hesai.filter { $0 > -6.01 && $0 < 2.01 }.count == 49)
  }

  @Test func levelFloorIsMetWhereTheBeamsPoint() throws {
    let sensor = try LidarSensor.hdl32E(columnsPerSweep: 180)
    let sweep = Self.simulator(SensorScenes.flat(), sensor).sweep(endingAt: SensorScenes.start)
    #expect(sweep.cloud.count == 180 * 32 && sweep.classes.count == sweep.cloud.count)
    var seen = 0
    for k in 0..<sweep.cloud.count {
      let p = sweep.cloud.position(k)
      let range = Double(p.length)
      guard range > 0 else { continue }
      seen += 1
      let elevation = sensor.beams[Int(sweep.cloud.ring[k])].elevation
      let expected = 1.84 / -sin(elevation)
      // Range noise of 12 mm never exceeds 3.5 deviations; Float32 adds a tenth of a millimetre.
      #expect(abs(range - expected) < 0.045, "ring \(sweep.cloud.ring[k]): \(range) for \(expected)")
      #expect(abs(Double(p.z) / range - sin(elevation)) < 1e-5)
      #expect(sweep.classes[k] == LidarsegClass.terrain && sweep.actors[k] == 0)
    }
    // 22 beams point down at floors within 60 m; dark floors lose some of the farther ones.
    #expect(seen > 180 * 17 && seen < 180 * 24, "\(seen) returns")
  }

  @Test func firingsTurnClockwiseFromTheFirstAzimuth() throws {
    let sensor = try LidarSensor.hdl32E(columnsPerSweep: 360)
    let sweep = Self.simulator(SensorScenes.flat(), sensor).sweep(endingAt: SensorScenes.start)
    for (column, degrees) in [(0, 179.5), (90, 89.5), (180, -0.5), (270, -90.5)] {
      let p = sweep.cloud.position(column * 32 + 5)
      #expect(p.length > 1, "column \(column) has no return")
      let expected = SIMD2(cos(degrees * .pi / 180), sin(degrees * .pi / 180))
      let flat = SIMD2(Double(p.x), Double(p.y))
      #expect((flat / flat.length - expected).length < 1e-4, "column \(column): \(p)")
    }
  }

  @Test func motionIsCompensatedOrNotAsStated() throws {
    let scene = SensorScenes.flat(speed: 20, props: [SensorScenes.wall(ahead: 15)])
    func wallDistances(_ compensates: Bool) throws -> [(column: Int, x: Double)] {
      let base = try LidarSensor.hdl32E(columnsPerSweep: 360)
      let sensor = try LidarSensor(
        beams: base.beams, columnsPerSweep: 360, sweepSeconds: 0.05, firstAzimuth: -.pi, minimumRange: 0.4,
        maximumRange: 100, rangeAtTenPercent: 200, rangeNoise: 0, divergence: 0, recordsMissing: true,
        compensatesEgoMotion: compensates)
      let sweep = Self.simulator(scene, sensor).sweep(endingAt: SensorScenes.start)
      return (0..<sweep.cloud.count).compactMap { k in
        sweep.classes[k] == LidarsegClass.manmade && sweep.cloud.z[k] > -1 && sweep.cloud.z[k] < 3
          ? (k / 32, Double(sweep.cloud.x[k])) : nil
      }
    }
    // The wall's face is 15 m before the ego at the sweep's end, the sensor 0.9 m before the ego's origin.
    let steady = try wallDistances(true)
    #expect(steady.count > 500)
    // Within half a pose interval at 20 m/s.
    for point in steady { #expect(abs(point.x - 14.1) < 0.012, "\(point)") }
    // Uncompensated, a column at half the turn was 25 ms and half a metre farther away.
    for point in try wallDistances(false) {
      let before = (360 - Double(point.column) - 0.5) / 360 * 0.05
      #expect(abs(point.x - 14.1 - 20 * before) < 0.012 + 20 * 8.5 / 360 * 0.05, "\(point)")
    }
  }

  @Test func missingReturnsLieWhereTheSensorWas() throws {
    let sensor = try LidarSensor.hdl32E(columnsPerSweep: 360)
    let sweep = Self.simulator(SensorScenes.flat(speed: 10), sensor).sweep(endingAt: SensorScenes.start)
    // The topmost ring sees sky alone: its points trail from half a metre behind to the origin.
    let sky = (0..<360).map { sweep.cloud.position($0 * 32 + 31) }
    for p in sky { #expect(abs(p.y) < 1e-4 && abs(p.z) < 1e-4 && p.x <= 1e-4 && p.x > -0.51, "\(p)") }
    #expect(abs(sky[0].x + 0.49) < 0.02 && abs(sky[359].x) < 0.02)
    // A moving car's missing returns are not at the origin: their class tells them.
    for k in 0..<sweep.cloud.count {
      #expect(
        sweep.isReturn(k) == (sweep.cloud.position(k).length > 0.51), "\(k): \(sweep.cloud.position(k))")
    }
    let dropping = try LidarSensor.pandar64(columnsPerSweep: 90)
    let returns = Self.simulator(SensorScenes.flat(), dropping).sweep(endingAt: SensorScenes.start)
    let near = (0..<returns.cloud.count).filter { returns.cloud.position($0).length <= 0.5 }
    #expect(returns.cloud.count < 64 * 90 && near.isEmpty)
  }

  @Test func actorPointsLieInItsBoxAndCarryItsName() throws {
    let size = SIMD3(1.9, 4.6, 1.6)
    let car = SensorScenes.standing("vehicle.car", id: 5, ahead: 12, aside: 3, size: size, yaw: 0.4)
    let walker = SensorScenes.standing(
      "human.pedestrian.adult", id: 9, ahead: 7, aside: -3, size: SIMD3(0.7, 0.7, 1.75))
    let sweep = Self.simulator(SensorScenes.flat(actors: [car, walker]), try .hdl32E())
      .sweep(endingAt: SensorScenes.start)
    for (actor, least, lidarseg) in [(car, 60, UInt8(17)), (walker, 20, 2)] {
      var box = try #require(actor.box(at: SensorScenes.start))
      box.center -= SIMD3(500.9, 800, 1.84)
      box.size += SIMD3(0.1, 0.1, 0.1)  // range noise
      let own = (0..<sweep.cloud.count).filter { sweep.actors[$0] == actor.id }
      #expect(own.count >= least, "\(actor.category): \(own.count) points")
      for k in own {
        let p = sweep.cloud.position(k)
        #expect(box.contains(SIMD3(Double(p.x), Double(p.y), Double(p.z))), "\(actor.category): \(p)")
        #expect(sweep.classes[k] == lidarseg)
      }
    }
  }

  @Test func sidewalkStandsAboveTheRoadAndHasAKerb() throws {
    func strip(_ low: Double, _ high: Double) -> Polygon {
      Polygon([SIMD2(440, low), SIMD2(560, low), SIMD2(560, high), SIMD2(440, high)])
    }
    let areas = [
      GroundArea(material: .road, outline: strip(795, 805)),
      GroundArea(material: .sidewalk, outline: strip(805, 809), elevation: 0.15),
    ]
    let sweep = Self.simulator(SensorScenes.flat(areas: areas), try .hdl32E()).sweep(
      endingAt: SensorScenes.start)
    var (tops, faces) = (0, 0)
    for k in 0..<sweep.cloud.count {
      let p = sweep.cloud.position(k)
      guard p.length > 1, p.length < 20 else { continue }
      let height = p.z + 1.84
      if sweep.classes[k] == LidarsegClass.sidewalk {
        if p.y > 5.2, p.y < 8.8 {
          tops += 1
          #expect(abs(height - 0.15) < 0.03, "\(p)")
        } else {
          faces += 1
          #expect(height > -0.03 && height < 0.18 && p.y > 4.8, "\(p)")
        }
      } else if sweep.classes[k] == LidarsegClass.driveableSurface {
        #expect(abs(height) < 0.03 && p.y < 5.25, "\(p)")
      }
    }
    #expect(tops > 300 && faces > 5, "\(tops) on top, \(faces) on kerbs")
  }

  @Test func wetGroundAndFogCostReturns() throws {
    let sensor = try LidarSensor.hdl32E(columnsPerSweep: 360)
    func returns(_ wetness: Double, _ fog: Double) -> Int {
      let weather = Weather(
        sunAzimuth: 0, sunElevation: 0.5, cloudCover: 0, wetness: wetness, fogDensity: fog, exposureBias: 0)
      let sweep = Self.simulator(SensorScenes.flat(weather: weather), sensor).sweep(
        endingAt: SensorScenes.start)
      return (0..<sweep.cloud.count).filter { sweep.cloud.position($0).length > 1 }.count
    }
    let dry = returns(0, 0)
    #expect(returns(1, 0) < dry * 9 / 10 && returns(0, 0.05) < dry * 95 / 100, "\(dry) dry")
  }

  @Test func nearerAndBrighterSurfacesReturnMore() throws {
    func share(_ ahead: Double) throws -> Double {
      let sensor = try LidarSensor(
        beams: [.init(elevation: 0)], columnsPerSweep: 2000, sweepSeconds: 0.05, firstAzimuth: -.pi,
        minimumRange: 0.4,
        maximumRange: 200, rangeAtTenPercent: 30, rangeNoise: 0.01, divergence: 0, recordsMissing: true)
      let scene = SensorScenes.flat(props: [SensorScenes.wall(ahead: ahead, width: 2 * ahead)])
      let sweep = Self.simulator(scene, sensor).sweep(endingAt: SensorScenes.start)
      let facing = 1000 - 60..<1000 + 60
      return Double(facing.filter { sweep.cloud.position($0).length > 1 }.count) / 120
    }
    let (near, far) = (try share(10), try share(85))
    #expect(near > 0.95 && far < 0.5, "\(near) near, \(far) far")
  }

  @Test func sameBytesOnEveryThread() throws {
    let car = SensorScenes.standing("vehicle.car", id: 1, ahead: 9, aside: 2, size: SIMD3(1.9, 4.6, 1.6))
    let simulator = Self.simulator(
      SensorScenes.flat(speed: 8, actors: [car]), try .hdl32E(columnsPerSweep: 270), body: .hatchback)
    let first = simulator.sweep(endingAt: SensorScenes.start)
    let agreeing = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      let again = simulator.sweep(endingAt: SensorScenes.start)
      if again.cloud == first.cloud, again.classes == first.classes, again.actors == first.actors {
        agreeing.add(1, ordering: .relaxed)
      }
    }
    #expect(agreeing.load(ordering: .relaxed) == 4)
    #expect(simulator.sweep(endingAt: SensorScenes.start + 50_000).cloud != first.cloud)
    #expect(first.classes.contains(LidarsegClass.ego))
  }

  @Test func impossibleSensorsAreRefused() {
    func refusal(_ make: () throws -> LidarSensor) -> String {
      do {
        _ = try make()
        return "none"
      } catch {
        return "\(error)"
      }
    }
    #expect(
      refusal { try .hdl32E(columnsPerSweep: -3) } == "lidar: columnsPerSweep: -3 (expected 1 to 100000)")
    let none = refusal {
      try LidarSensor(
        beams: [], columnsPerSweep: 10, sweepSeconds: 0.1, firstAzimuth: 0, minimumRange: 1, maximumRange: 50,
        rangeAtTenPercent: 50, rangeNoise: 0, divergence: 0)
    }
    #expect(none == "lidar: beams: 0 (expected 1 to 1024)")
    let inverted = refusal {
      try LidarSensor(
        beams: [.init(elevation: 0)], columnsPerSweep: 10, sweepSeconds: 0.1, firstAzimuth: 0,
        minimumRange: 60,
        maximumRange: 50, rangeAtTenPercent: 50, rangeNoise: 0, divergence: 0)
    }
    #expect(inverted == "lidar: maximumRange: 50.0 (expected above the minimum, at most 1000)")
  }
}
