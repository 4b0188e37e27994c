import Geometry
import Perception
import PointClouds
import Scenes
import Testing

private let cars = [
  SyntheticScene.car(12, 4, yaw: 0.1), SyntheticScene.car(18, -5, yaw: 0),
  SyntheticScene.car(-14, 6, yaw: 1.2),
  SyntheticScene.car(6, -9, yaw: -0.7), SyntheticScene.car(25, 3, yaw: 0.05),
  SyntheticScene.car(-9, -7, yaw: 0.02),
]

@Suite struct ClassicalPerceptionTests {
  /// What a side hides of a 4.5 m car is guessed from the class's mean of 4.6 m: half of what is unseen, at the most.
  @Test func parkedCarsAreFoundWhereTheyStand() throws {
    let pose = RigidTransform(rotation: Quaternion(yaw: 0.6), translation: SIMD3(1_200, 800, 0))
    let world = SyntheticScene(boxes: cars.map { $0.transformed(by: pose) })
    var perception = ClassicalPerception()
    let frame = try perception.perceive(world.frame(globalFromEgo: pose))
    for box in world.boxes {
      // The six best detections are the six cars.
      let nearest = frame.detections.prefix(cars.count).filter { $0.name == .car }.min {
        ($0.box.center - box.center).length < ($1.box.center - box.center).length
      }
      let found = try #require(nearest)
      #expect((found.box.center.xy - box.center.xy).length < 0.6)
      #expect(abs(found.box.width - box.width) < 0.5 && abs(found.box.length - box.length) < 0.6)
      let turn = abs(wrapAngle(found.box.yaw - box.yaw))
      #expect(min(turn, .pi - turn) < 0.1)
    }
    #expect(frame.detections == frame.detections.sorted { $0.score > $1.score })
  }

  @Test func aWallIsNoVehicle() throws {
    let wall = Box3D(center: SIMD3(10, 12, 3), size: SIMD3(0.4, 60, 6), rotation: .identity)
    var perception = ClassicalPerception()
    let frame = try perception.perceive(SyntheticScene(boxes: [wall, cars[0]]).frame())
    #expect(frame.detections.filter { $0.score > 0.2 }.count == 1)
  }

  @Test func carsParkedSideBySideAreTwo() throws {
    let pair = [SyntheticScene.car(14, 2, yaw: 0.3), SyntheticScene.car(13.2, 4.5, yaw: 0.3)]
    var perception = ClassicalPerception()
    let frame = try perception.perceive(SyntheticScene(boxes: pair).frame())
    for box in pair {
      #expect(
        frame.detections.prefix(2).contains { ($0.box.center.xy - box.center.xy).length < 0.8 })
    }
  }

  @Test func groundIsFreeFacesAreOccupiedAndShadowsAreUnknown() throws {
    let box = SyntheticScene.car(12, 0, yaw: 0)
    var perception = ClassicalPerception()
    let frame = try perception.perceive(SyntheticScene(boxes: [box]).frame())
    let bev = frame.bev
    func value(_ x: Double, _ y: Double) throws -> (occupancy: UInt8, observed: UInt8) {
      let (i, j) = try #require(bev.grid.cell(x: x, y: y))
      return (bev.occupancy[bev.grid.index(i, j)], bev.observed[bev.grid.index(i, j)])
    }
    for y in [-0.6, 0, 0.6] { #expect(try value(9.8, y).occupancy > 127) }
    for x in [6.0, 8, 9] { #expect(try value(x, 0).occupancy < 127) }
    for y in [-12.0, -5, 5, 12] {
      #expect(try value(12, y).occupancy < 127)
      #expect(try value(12, y).observed == 1)
    }
    // The roof, 1.7 m up, hides the road behind from 1.9 m to far beyond the grid.
    #expect(try value(20, 0).observed == 0)
    #expect(try value(20, 0).occupancy == 127)
  }

  @Test func theVolumeHasTheGroundTheCarAndFreeSpace() throws {
    let box = SyntheticScene.car(12, 0, yaw: 0)
    var perception = ClassicalPerception()
    let frame = try perception.perceive(SyntheticScene(boxes: [box]).frame())
    func label(_ x: Double, _ y: Double, _ z: Double) -> UInt8 {
      let i = Int((x + 40) / 0.4)
      let j = Int((y + 40) / 0.4)
      return frame.volume.semantics[(i * 200 + j) * 16 + Int((z + 1) / 0.4)]
    }
    #expect(label(12, 0, 0.9) == 4)
    #expect(label(12, 0, 4) == 17)
    #expect(label(12, 6, 0.9) == 17)
    let road = (0..<200).flatMap { i in (0..<200).map { j in frame.volume.semantics[(i * 200 + j) * 16 + 2] }
    }
    #expect(road.filter { $0 == 11 }.count > 1_000)
  }

  @Test func resultsAreTheSameAtAnyNumberOfThreads() throws {
    var frames: [[ClassicalFrame]] = []
    for threads in [1, 2, 5] {
      var configuration = ClassicalPerception.Configuration()
      configuration.threads = threads
      var perception = ClassicalPerception(configuration: configuration)
      var run: [ClassicalFrame] = []
      for k in 0..<3 {
        let pose = RigidTransform(
          rotation: Quaternion(yaw: 0.02 * Double(k)), translation: SIMD3(Double(k), 0.1, 0))
        let cloud = SyntheticScene(boxes: cars).frame(
          globalFromEgo: pose, timestampMicroseconds: Int64(k) * 500_000)
        run.append(try perception.perceive(cloud))
      }
      frames.append(run)
    }
    for run in frames.dropFirst() {
      for (a, b) in zip(frames[0], run) {
        #expect(
          a.detections == b.detections && a.bev == b.bev && a.volume == b.volume && a.ground == b.ground)
      }
    }
  }

  @Test func badCloudsGiveAFrameWithoutObjects() throws {
    let wild: [Float] = [.nan, .infinity, 1e30, -1e30, .leastNonzeroMagnitude, 0, 50, 51.2, -51.2]
    var points = PointCloud()
    for x in wild {
      for y in wild { for z in wild { points.append(SIMD3(x, y, z), intensity: x, ring: y, age: z) } }
    }
    for cloud in [PointCloud(), points] {
      let sweep = Sweep(
        points: cloud, egoFromSensor: .identity, globalFromEgo: .identity, timestampMicroseconds: 5)
      for filter in [CloudFilter(), .none] {
        let accumulated = AccumulatedCloud(
          sweeps: [sweep], globalFromEgo: .identity, timestampMicroseconds: 5, filter: filter)
        var perception = ClassicalPerception()
        let frame = try perception.perceive(accumulated)
        #expect(frame.detections.allSatisfy { $0.box.center.isFinite && $0.score.isFinite })
        #expect(frame.bev.occupancy.count == 256 * 256)
      }
    }
    var perception = ClassicalPerception()
    let nothing = AccumulatedCloud(sweeps: [], globalFromEgo: .identity, timestampMicroseconds: 0)
    #expect(try perception.perceive(nothing).detections.isEmpty)
  }

  @Test func withholdingTheKeyframeLeavesOccupancyToEarlierSweeps() throws {
    let empty = SyntheticScene(boxes: [])
    let box = SyntheticScene.car(12, 0, yaw: 0)
    var configuration = ClassicalPerception.Configuration()
    configuration.withholdsKeyframeSweep = true
    let earlier = empty.sweep(globalFromEgo: .identity, timestampMicroseconds: 900_000)
    let cloud = SyntheticScene(boxes: [box]).frame(earlier: [earlier])
    var perception = ClassicalPerception(configuration: configuration)
    let frame = try perception.perceive(cloud)
    #expect(frame.bev.occupancy.allSatisfy { $0 <= 127 })
    #expect(!frame.volume.semantics.contains(4))
    #expect(frame.detections.contains { $0.name == .car })
    // The withheld sweep belongs to the past of the next frame.
    let next = AccumulatedCloud(
      sweeps: [
        empty.sweep(globalFromEgo: .identity, timestampMicroseconds: 1_500_000),
        SyntheticScene(boxes: [box]).sweep(globalFromEgo: .identity, timestampMicroseconds: 1_000_000),
      ], globalFromEgo: .identity, timestampMicroseconds: 1_500_000)
    #expect(try perception.perceive(next).bev.occupancy.contains { $0 > 127 })
  }
}
