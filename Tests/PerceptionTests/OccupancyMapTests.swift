import Geometry
import Perception
import PointClouds
import Scenes
import Testing

/// A cloud of obstacle returns and one of ground returns, seen from 1.8 m above the origin.
private func frame(
  obstacles: [SIMD2<Float>] = [], ground: [SIMD2<Float>] = [], pose: RigidTransform = .identity,
  time: Int64
) -> (cloud: AccumulatedCloud, heights: [Float]) {
  var points = PointCloud()
  for p in obstacles {
    for z: Float in [0.6, 1.0] { points.append(SIMD3(p.x, p.y, z - 1.8), intensity: 0, ring: 0, age: 0) }
  }
  for p in ground { points.append(SIMD3(p.x, p.y, -1.8), intensity: 0, ring: 0, age: 0) }
  let sweep = Sweep(
    points: points, egoFromSensor: RigidTransform(rotation: .identity, translation: SIMD3(0, 0, 1.8)),
    globalFromEgo: pose, timestampMicroseconds: time)
  let cloud = AccumulatedCloud(
    sweeps: [sweep], globalFromEgo: pose, timestampMicroseconds: time, filter: .none)
  return (cloud, GroundModel.flat.heightsAboveGround(cloud.points))
}

private func value(_ map: OccupancyMap, _ x: Double, _ y: Double) throws -> (odds: Float, observed: UInt8) {
  let (i, j) = try #require(map.grid.cell(x: x, y: y))
  return (map.logOdds[map.grid.index(i, j)], map.observed[map.grid.index(i, j)])
}

@Suite struct OccupancyMapTests {
  @Test func evidenceOfOneSweepIsWhatTheConfigurationSays() throws {
    var map = OccupancyMap()
    let settings = map.configuration
    let (cloud, heights) = frame(obstacles: [SIMD2(10, 0.2)], ground: [SIMD2(0.2, 8.2)], time: 0)
    map.update(with: cloud, heights: heights, ground: .flat)
    #expect(try value(map, 10, 0.2).odds == settings.moreReturns)
    #expect(try value(map, 0.2, 8.2).odds == settings.groundReturn)
    // A ray from 1.8 m to the ground 8.2 m away is lower than 0.5 m on its last 8.2 x 0.5 / 1.8 = 2.3 m.
    #expect(try value(map, 0.2, 7).odds == settings.passingRay)
    #expect(try value(map, 0.2, 5).observed == 0)
    // A ray to 0.6 m is nowhere below 0.5 m, and shows nothing free.
    #expect(try value(map, 9, 0.2).observed == 0)
    #expect(try value(map, 30, 30) == (0, 0))
  }

  @Test func aThingStaysInItsPlaceWhileTheEgoMoves() throws {
    var map = OccupancyMap()
    let (first, heights) = frame(obstacles: [SIMD2(10.2, 2.2), SIMD2(10.2, 2.6)], time: 0)
    map.update(with: first, heights: heights, ground: .flat)
    let pose = RigidTransform(rotation: Quaternion(yaw: .pi / 2), translation: SIMD3(4, 0.4, 0))
    let (second, none) = frame(pose: pose, time: 100_000)
    map.update(with: second, heights: none, ground: .flat)
    // Global (10.2, 2.2) is 6.2 m ahead and 1.8 m to the left of (4, 0.4), and the ego has turned left.
    let there = pose.inverse * SIMD3(10.2, 2.4, 0)
    #expect(try value(map, there.x, there.y).odds > 0.5)
    #expect(try value(map, 10.2, 2.2).odds == 0)
  }

  @Test func whatDrivesAwayIsForgottenWithinThreeSweeps() throws {
    var map = OccupancyMap()
    for k in 0..<10 {
      let (cloud, heights) = frame(obstacles: [SIMD2(10, 0.2)], time: Int64(k) * 100_000)
      map.update(with: cloud, heights: heights, ground: .flat)
    }
    #expect(try value(map, 10, 0.2).odds == map.configuration.bounds.upperBound)
    for k in 10..<13 {
      let (cloud, heights) = frame(ground: [SIMD2(10, 0.2)], time: Int64(k) * 100_000)
      map.update(with: cloud, heights: heights, ground: .flat)
    }
    #expect(try value(map, 10, 0.2).odds < 0)
  }

  @Test func newThingsAreOccupiedAtOnce() throws {
    var map = OccupancyMap()
    for k in 0..<10 {
      let (cloud, heights) = frame(ground: [SIMD2(10, 0.2)], time: Int64(k) * 100_000)
      map.update(with: cloud, heights: heights, ground: .flat)
    }
    let (cloud, heights) = frame(obstacles: [SIMD2(10, 0.2)], time: 1_000_000)
    map.update(with: cloud, heights: heights, ground: .flat)
    #expect(try value(map, 10, 0.2).odds > 0)
  }

  @Test func aSweepCountsOnce() throws {
    var map = OccupancyMap()
    let (cloud, heights) = frame(ground: [SIMD2(10, 0.2)], time: 7)
    map.update(with: cloud, heights: heights, ground: .flat)
    let once = map.logOdds
    map.update(with: cloud, heights: heights, ground: .flat)
    #expect(map.logOdds == once)
    map.reset()
    #expect(map.layers().observed.allSatisfy { $0 == 0 })
    #expect(map.layers().occupancy.allSatisfy { $0 == 127 })
  }
}

@Suite struct LShapeFitTests {
  @Test(arguments: [0, 17, 44, 61, 89])
  func headingAndSidesOfAnLAreFound(degrees: Int) {
    let angle = Double(degrees) * .pi / 180
    var points: [SIMD2<Float>] = []
    for k in 0...20 {
      for local in [SIMD2(Double(k) * 0.2, 0), SIMD2(0, Double(k) * 0.09)] {
        let p = local.rotated(by: angle) + SIMD2(8, -3)
        points.append(SIMD2(Float(p.x), Float(p.y)))
      }
    }
    let found = LShapeFit.fit(points, weights: [Float](repeating: 1, count: points.count))
    let turn = abs(Double(found.angle) - angle).truncatingRemainder(dividingBy: .pi / 2)
    #expect(min(turn, .pi / 2 - turn) < 0.02)
    let sides = [found.extent.x, found.extent.y].sorted()
    #expect(abs(sides[0] - 1.8) < 0.08 && abs(sides[1] - 4) < 0.08)
    #expect(found.closeness > 0.95)
  }

  /// The search in two steps is held against every heading in steps of a tenth of a degree.
  @Test func noHeadingIsMuchCloser() {
    var generator = SeededGenerator(seed: 31)
    for _ in 0..<20 {
      let angle = Double.random(in: 0..<(.pi / 2), using: &generator)
      let points = (0..<60).map { k in
        let noise = Double.random(in: -0.03...0.03, using: &generator)
        let local = k % 3 == 0 ? SIMD2(noise, Double(k) * 0.03) : SIMD2(Double(k) * 0.07, noise)
        let p = local.rotated(by: angle)
        return SIMD2(Float(p.x), Float(p.y))
      }
      let weights = [Float](repeating: 1, count: points.count)
      let found = LShapeFit.fit(points, weights: weights)
      let best = (0..<900).map { closeness(points, degrees: Double($0) / 10) }.max() ?? 0
      // Steps of 1° leave up to half a degree: 2 cm over 2 m, of the 10 cm within which a point is on the edge.
      #expect(Double(found.closeness) > best - 0.05)
    }
  }

  private func closeness(_ points: [SIMD2<Float>], degrees: Double) -> Double {
    let turned = points.map { SIMD2(Double($0.x), Double($0.y)).rotated(by: -degrees * .pi / 180) }
    let (xs, ys) = (turned.map(\.x), turned.map(\.y))
    guard let left = xs.min(), let right = xs.max(), let low = ys.min(), let high = ys.max() else { return 0 }
    return turned.reduce(0.0) {
      let d = min($1.x - left, right - $1.x, $1.y - low, high - $1.y)
      return $0 + 0.1 / max(d, 0.1)
    } / Double(points.count)
  }

  @Test func onePointIsARectangleOfNoExtent() {
    let found = LShapeFit.fit([SIMD2(3, 4)], weights: [1])
    #expect(found.extent == .zero && found.closeness == 1)
  }
}
