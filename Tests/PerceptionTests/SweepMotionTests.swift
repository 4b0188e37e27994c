import Foundation
import Geometry
import Perception
import PointClouds
import Scenes
import Testing

/// Boxes that move at constant velocity, seen by the keyframe's sweep and four before it at 10 Hz.
private struct MovingWorld {
  var boxes: [(box: Box3D, velocity: SIMD2<Double>)]
  var globalFromEgo = RigidTransform.identity

  func frame(earlierSweeps: Int = 4) -> AccumulatedCloud {
    let now: Int64 = 5_000_000
    let sweeps = (0...earlierSweeps).map { k in
      let seconds = 0.1 * Double(k)
      let scene = SyntheticScene(
        boxes: boxes.map { box, velocity in
          var moved = box
          moved.center -= SIMD3(velocity.x, velocity.y, 0) * seconds
          return moved
        })
      return scene.sweep(globalFromEgo: globalFromEgo, timestampMicroseconds: now - Int64(k) * 100_000)
    }
    return AccumulatedCloud(sweeps: sweeps, globalFromEgo: globalFromEgo, timestampMicroseconds: now)
  }

  /// The detection nearest to a box, which must lie within a metre.
  func detection(of box: Box3D, earlierSweeps: Int = 4) throws -> Detection {
    var perception = ClassicalPerception()
    let frame = try perception.perceive(frame(earlierSweeps: earlierSweeps))
    let nearest = frame.detections.min {
      ($0.box.center.xy - box.center.xy).length < ($1.box.center.xy - box.center.xy).length
    }
    let found = try #require(nearest)
    #expect((found.box.center.xy - box.center.xy).length < 1)
    return found
  }
}

@Suite struct SweepMotionTests {
  /// Along the street, across it, and away: columns are 0.2 m wide and the oldest sweep 0.4 s old, so a fit to all of them
  /// is good to 0.7 m/s.
  @Test(arguments: [SIMD2(12.0, 0), SIMD2(-9, 0), SIMD2(0, 6), SIMD2(3, 0)])
  func aDrivingCarsVelocityShowsInOneFrame(velocity: SIMD2<Double>) throws {
    let yaw = velocity.x == 0 ? Double.pi / 2 : 0
    let car = SyntheticScene.car(14, 3, yaw: yaw)
    let found = try MovingWorld(boxes: [(car, velocity)]).detection(of: car)
    #expect((found.velocity - velocity).length < 0.7, "\(found.velocity)")
    #expect(found.velocityDeviation.map { $0 < 1 } == true)
    #expect(found.attribute == "vehicle.moving")
    let heading = SIMD2(cos(found.box.yaw), sin(found.box.yaw))
    #expect((heading * velocity).sum() > 0, "it drives forwards")
  }

  @Test func velocitiesAreGlobal() throws {
    let pose = RigidTransform(rotation: Quaternion(yaw: 1.1), translation: SIMD3(300, -200, 0))
    let car = SyntheticScene.car(14, 3, yaw: 0).transformed(by: pose)
    let velocity = pose.rotation.rotate(SIMD3(12, 0, 0)).xy
    let found = try MovingWorld(boxes: [(car, velocity)], globalFromEgo: pose).detection(of: car)
    #expect((found.velocity - velocity).length < 0.6, "\(found.velocity)")
  }

  /// A row of parked cars of one shape, 6 m apart: each has a neighbour where 15 m/s would have put it.
  @Test func parkedNeighboursAreNoMotion() throws {
    let row = (0..<4).map { SyntheticScene.car(6 + 6 * Double($0), 4, yaw: 0) }
    let world = MovingWorld(boxes: row.map { ($0, .zero) })
    for car in row {
      let found = try world.detection(of: car)
      #expect(found.velocity == .zero && found.velocityDeviation != nil)
    }
    #expect(try world.detection(of: row[0]).attribute == "vehicle.parked")
  }

  @Test func aWalkersVelocityShows() throws {
    let walker = Box3D(
      center: SIMD3(9, -3, 0.95), size: SIMD3(0.6, 0.6, 1.7), rotation: .identity)
    let found = try MovingWorld(boxes: [(walker, SIMD2(0, 1.5))]).detection(of: walker)
    #expect((found.velocity - SIMD2(0, 1.5)).length < 0.6, "\(found.velocity)")
  }

  @Test func oneSweepTellsNoMotion() throws {
    let car = SyntheticScene.car(14, 3, yaw: 0)
    let found = try MovingWorld(boxes: [(car, SIMD2(12, 0))]).detection(of: car, earlierSweeps: 0)
    #expect(found.velocity == .zero && found.velocityDeviation == nil)
  }

  /// The cells that a car at 10 m/s has left are free in the same frame, though all sweeps but the last hit it there.
  @Test func aDrivingCarLeavesNoTrail() throws {
    let car = SyntheticScene.car(10, 0, yaw: 0)
    var perception = ClassicalPerception()
    let world = MovingWorld(boxes: [(car, SIMD2(10, 0))])
    let bev = try perception.perceive(world.frame()).bev
    let left = try (0..<8).map { k in
      let cell = try #require(bev.grid.cell(x: 6.0 + 0.2 * Double(k), y: 0))
      return bev.occupancy[bev.grid.index(cell.i, cell.j)]
    }
    #expect(left.allSatisfy { $0 < 127 }, "\(left)")
    let face = try #require(bev.grid.cell(x: 7.8, y: 0))
    #expect(bev.occupancy[bev.grid.index(face.i, face.j)] > 127)
  }
}
