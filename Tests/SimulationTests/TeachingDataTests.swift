import Calibration
import Foundation
import Geometry
import Recording
import Scenes
import Simulation
import Testing

/// What makes simulated drives fit to teach: actors on the ground, hills, rigs of all kinds, tracks without sensors.
@Suite struct StandingTests {
  /// A plane that rises by 5 % along x, with a raised area on its left half.
  private let surface: KerbedGround = {
    let heights = HeightField(
      minimumX: 0, minimumY: 0, spacing: 100, countX: 2, countY: 2, values: [0, 0, 5, 5])
    let raised = Polygon([SIMD2(0, 50), SIMD2(100, 50), SIMD2(100, 100), SIMD2(0, 100)])
    return KerbedGround(
      Ground(heights: heights, areas: [GroundArea(material: .sidewalk, outline: raised, elevation: 0.14)]),
      over: BEVGrid(minimumX: 0, minimumY: 0, cellSize: 0.5, countX: 200, countY: 200))
  }()

  private func actor(_ category: String, size: SIMD3<Double>, from: SIMD3<Double>, to: SIMD3<Double>) -> Actor
  {
    Actor(
      id: 1, category: category, size: size, appearanceSeed: 1,
      path: MotionPath(
        timestamps: [0, 500_000, 1_000_000],
        poses: [from, (from + to) / 2, to].map { RigidTransform(rotation: .identity, translation: $0) }))
  }

  @Test func aCarThatWasRecordedInTheAirStandsOnTheSlope() throws {
    let car = actor("vehicle.car", size: SIMD3(2, 4, 1.6), from: SIMD3(10, 20, 7), to: SIMD3(30, 20, -3))
    let standing = surface.standing(car)
    for time in [Int64(0), 500_000, 750_000, 1_000_000] {
      let box = try #require(standing.box(at: time))
      // The middle of the lower face lies on the plane, and so do its ends.
      for ahead in [-2.0, 0, 2] {
        let foot = box.center + box.rotation.rotate(SIMD3(ahead, 0, -0.8))
        #expect(abs(foot.z - 0.05 * foot.x) < 0.01, "\(time), \(ahead)")
      }
    }
    #expect(standing.path.timestamps.first == 0 && standing.path.timestamps.last == 1_000_000)
  }

  @Test func aPersonOnASidewalkStandsUprightAKerbHigher() throws {
    let size = SIMD3(0.7, 0.7, 1.8)
    let person = actor("human.pedestrian.adult", size: size, from: SIMD3(40, 70, 0), to: SIMD3(41, 70, 0))
    let box = try #require(surface.standing(person).box(at: 0))
    #expect(abs(box.center.z - (2 + 0.14 + 0.9)) < 1e-3)
    #expect(box.rotation.angle(to: .identity) < 1e-9)
  }
}

@Suite(.serialized) struct TeachingDataTests {
  private func folder() -> String { NSTemporaryDirectory() + "teaching-\(UUID().uuidString)" }

  @Test func trafficAloneHasTracksMapsAndEmptySweeps() throws {
    let (one, two) = (folder(), folder())
    defer { for f in [one, two] { try? FileManager.default.removeItem(atPath: f) } }
    for (out, threads) in [(one, 1), (two, 2)] {
      var simulator = try Simulator(
        SimulationOptions(
          out: out, source: .procedural(scenes: 3, seed: 8), seconds: 4, threads: threads, isTrafficOnly: true
        ))
      _ = try simulator.run()
    }
    let dataset = try Dataset(root: one)
    #expect(dataset.sceneNames.count == 3)
    var moving = 0
    for name in dataset.sceneNames {
      let scene = try dataset.scene(named: name)
      #expect(scene.keyframes.count == 8)
      #expect(scene.measurements.allSatisfy { $0.sensor.channel == "LIDAR_TOP" })
      for keyframe in scene.keyframes {
        let boxes = try dataset.annotations(sample: keyframe.token)
        #expect(boxes.count > 5)
        #expect(boxes.allSatisfy { $0.lidarPointCount <= 1 })
        moving += boxes.count { $0.attribute == "vehicle.moving" }
      }
      #expect(try dataset.mapExpansion(location: scene.location) != nil)
    }
    #expect(moving > 60, "\(moving) boxes of moving vehicles in 24 keyframes")
    for table in ["sample_annotation", "ego_pose", "instance"] {
      let path = "v1.0-mini/\(table).json"
      #expect(
        FileManager.default.contents(atPath: "\(one)/\(path)")
          == FileManager.default.contents(atPath: "\(two)/\(path)"), "\(table) at one and two threads")
    }
  }

  @Test func drawnRigsDifferBySceneAndShareTheirChannels() throws {
    let out = folder()
    defer { try? FileManager.default.removeItem(atPath: out) }
    var simulator = try Simulator(
      SimulationOptions(
        out: out, source: .procedural(scenes: 3, seed: 21), scale: 0.03, lidarHertz: 2, seconds: 0.5,
        threads: 2,
        drawsRigs: true))
    _ = try simulator.run()
    let dataset = try Dataset(root: out)
    let sensors = try dataset.sceneNames.map { name in
      let scene = try dataset.scene(named: name)
      return Dictionary(scene.measurements.map { ($0.sensor.channel, $0.sensor) }) { first, _ in first }
    }
    #expect(Set(sensors.map { Set($0.keys) }).count == 1)
    let lidars = sensors.compactMap { $0["LIDAR_TOP"]?.egoFromSensor }
    #expect(lidars.count == 3)
    #expect(Set(lidars.map(\.translation.z)).count == 3)
    for place in lidars {
      #expect((1.5...2.3).contains(place.translation.z))
      // At most two degrees of pitch and two of roll.
      let up = place.rotation.rotate(SIMD3(0, 0, 1))
      #expect(up.z > cos(2.9 * Double.pi / 180))
    }
    let focal = sensors.compactMap { $0["CAM_FRONT"]?.camera?.fx }
    #expect(Set(focal).count == 3)
  }

  @Test func faultsAndRigsThatDoNotFitAreRefused() throws {
    let source = SimulationOptions.Source.procedural(scenes: 1, seed: 0)
    #expect(throws: SimulationError.self) {
      try Simulator(
        SimulationOptions(out: folder(), source: source, faultText: "drop-lidar@0", isTrafficOnly: true))
    }
    #expect(throws: SimulationError.self) {
      try Simulator(SimulationOptions(out: folder(), source: source, rig: .nuScenes(), drawsRigs: true))
    }
    #expect(throws: SimulationError.self) {
      try Simulator(SimulationOptions(out: folder(), source: source, drawsRigs: true, isTrafficOnly: true))
    }
  }
}

@Suite struct LivelyTrafficTests {
  @Test func mapsHaveHillsOfUpToEightPercentAndThingsAsTallAsCars() {
    var steepest = 0.0
    for drive in DriveTests.drives {
      for pose in drive.scene.ego.poses {
        let normal = drive.scene.ground.heights.normal(pose.translation.xy)
        let slope = (normal.x * normal.x + normal.y * normal.y).squareRoot() / normal.z
        #expect(slope < 0.085)
        steepest = max(steepest, slope)
      }
    }
    #expect(steepest > 0.04)
    let low = DriveTests.drives.flatMap(\.scene.props).filter { prop in
      [.bush, .wall, .fence, .bin].contains(prop.kind) && prop.size.y > 2 && (1.0...2.2).contains(prop.size.z)
    }
    #expect(low.count > 20 * DriveTests.drives.count, "\(low.count) of a car's height")
  }

  @Test func someReverse() {
    let reversing = DriveTests.drives.flatMap(\.scene.actors).filter { actor in
      guard actor.category == "vehicle.car" else { return false }
      return zip(actor.path.poses, actor.path.poses.dropFirst()).contains { a, b in
        (b.translation - a.translation).dot(a.rotation.rotate(SIMD3(1, 0, 0))) < -0.02
      }
    }
    #expect(!reversing.isEmpty)
  }

  @Test func someTurnRoundAndSomeCrossBetweenJunctions() {
    #expect(DriveTests.drives.contains { $0.network.lanes.contains { $0.turn == .around } })
    let onRoads = DriveTests.drives.filter { drive in
      drive.scene.actors.contains { actor in
        guard actor.category.hasPrefix("human"), actor.path.timestamps.count > 2 else { return false }
        return actor.path.poses.contains { pose in
          let p = pose.translation.xy
          return drive.network.roads.contains { road in
            let place = road.path.project(p)
            return abs(place.aside) < 3 && place.along > 20 && place.along < road.path.length - 20
          }
        }
      }
    }
    #expect(!onRoads.isEmpty)
  }
}
