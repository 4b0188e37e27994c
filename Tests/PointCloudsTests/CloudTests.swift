import Geometry
import PointCloudPeers
import PointClouds
import Scenes
import Testing

@Suite struct AccumulationTests {
  @Test func aFixedPointStaysWhereItIsWhileTheEgoDrives() {
    let egoFromSensor = RigidTransform(
      rotation: Quaternion(angle: 0.3, axis: SIMD3(0.1, 0.2, 1)), translation: SIMD3(0.9, 0, 1.8))
    let target = SIMD3(1_010.0, 2_003, 1)
    let poses = [(10.0, 0.1), (5.0, 0.0), (0.0, -0.2)].map {
      RigidTransform(rotation: Quaternion(yaw: $0.1), translation: SIMD3(990 + $0.0, 2_000, 0))
    }
    let sweeps = poses.enumerated().map { k, pose in
      let p = (pose * egoFromSensor).inverse * target
      return Sweep(
        points: cloud([SIMD3(Float(p.x), Float(p.y), Float(p.z))], intensity: Float(k)),
        egoFromSensor: egoFromSensor, globalFromEgo: pose,
        timestampMicroseconds: 1_000_000 - Int64(k) * 100_000)
    }
    let all = AccumulatedCloud(
      sweeps: sweeps, globalFromEgo: poses[0], timestampMicroseconds: 1_000_000, filter: .none)
    let expected = poses[0].inverse * target
    for k in 0..<3 {
      let p = SIMD3<Double>(all.points.position(k))
      // Float32 at 20 m: 2e-6 m a rounding.
      #expect((p - expected).length < 1e-5)
      #expect(all.points.age[k] == Float(k) * 0.1)
      #expect(all.sources[k].range == k..<k + 1)
      let origin = poses[0].inverse * (poses[k] * egoFromSensor).translation
      #expect((SIMD3<Double>(all.sources[k].origin) - origin).length < 1e-5)
    }
    #expect(all.sources.map(\.isKeyframe) == [true, false, false])
  }

  @Test func everyPointIsKeptOrCountedOnce() {
    var points: [SIMD3<Float>] = [SIMD3(10, 0, -1), SIMD3(0.1, 0, 0), SIMD3(200, 0, 0), SIMD3(10, 0, 60)]
    points += [SIMD3(1, 0, -1), SIMD3(.nan, 0, 0), SIMD3(0, .infinity, 0), SIMD3(1e30, 0, 0)]
    let sweep = Sweep(
      points: cloud(points),
      egoFromSensor: RigidTransform(rotation: .identity, translation: SIMD3(1, 0, 1.8)),
      globalFromEgo: .identity, timestampMicroseconds: 0)
    let all = AccumulatedCloud(sweeps: [sweep], globalFromEgo: .identity, timestampMicroseconds: 0)
    #expect(all.points.count == 1)
    #expect(all.dropped.nonFinite == 2)
    #expect(all.dropped.range == 3)
    #expect(all.dropped.egoBody == 1)
    #expect(all.dropped.height == 1)
    #expect(all.points.count + all.dropped.total == points.count)
  }

  @Test func emptySweepsAndWildTimesAreHarmless() {
    let sweep = Sweep(
      points: PointCloud(), egoFromSensor: .identity, globalFromEgo: .identity, timestampMicroseconds: .min)
    let all = AccumulatedCloud(sweeps: [sweep], globalFromEgo: .identity, timestampMicroseconds: .max)
    #expect(all.points.isEmpty && all.sources.count == 1)
  }
}

@Suite struct GroundTests {
  /// A road that climbs and crowns, a pavement, and boxes on it; the truth beside it.
  private func street(seed: UInt64) -> (cloud: PointCloud, ground: @Sendable (Float, Float) -> Float) {
    var generator = SeededGenerator(seed: seed)
    let ground: @Sendable (Float, Float) -> Float = { x, y in 0.03 * x - 0.02 * y - 0.0006 * y * y }
    var cloud = PointCloud()
    for _ in 0..<60_000 {
      let x = Float.random(in: -50...50, using: &generator)
      let y = Float.random(in: -40...40, using: &generator)
      var z = ground(x, y) + Float.random(in: -0.02...0.02, using: &generator)
      let isCar = abs(x.truncatingRemainder(dividingBy: 8)) < 4.5 && abs(abs(y) - 5) < 0.9
      let isWall = abs(y) > 15 && abs(y) < 15.4
      // Of a car, sides and roof are seen and nothing below.
      if isCar { z += Float.random(in: 0.4...1.5, using: &generator) }
      if isWall { z += Float.random(in: 0.2...6, using: &generator) }
      cloud.append(SIMD3(x, y, z), intensity: 0, ring: 0, age: 0)
    }
    return (cloud, ground)
  }

  @Test func slopingGroundIsFoundUnderCars() throws {
    let (cloud, truth) = street(seed: 4)
    let model = try GroundModel(fitting: cloud)
    var worst: Float = 0
    for x in stride(from: Float(-40), through: 40, by: 0.7) {
      for y in stride(from: Float(-14), through: 14, by: 0.7) {
        worst = max(worst, abs(model.height(x, y) - truth(x, y)))
      }
    }
    // A tenth of a metre: a third of the height at which a point counts as an obstacle.
    #expect(worst < 0.1, "the ground is \(worst) m off")
    let heights = model.heightsAboveGround(cloud)
    #expect(model.heightsAboveGround(cloud, threads: 4) == heights)
  }

  @Test func reflectionsBelowTheRoadDoNotSinkIt() throws {
    var (cloud, truth) = street(seed: 8)
    var generator = SeededGenerator(seed: 80)
    for _ in 0..<150 {
      let x = Float.random(in: -40...40, using: &generator)
      let y = Float.random(in: -12...12, using: &generator)
      cloud.append(SIMD3(x, y, truth(x, y) - 3), intensity: 0, ring: 0, age: 0)
    }
    let model = try GroundModel(fitting: cloud)
    for x in stride(from: Float(-30), through: 30, by: 1) {
      for y in stride(from: Float(-10), through: 10, by: 1) {
        #expect(abs(model.height(x, y) - truth(x, y)) < 0.12)
      }
    }
  }

  @Test func cloudsWithoutGroundGiveTheEgoFramesOwn() throws {
    #expect(try GroundModel(fitting: PointCloud()).height(3, 4) == 0)
    let bad = cloud(hostileValues.map { SIMD3($0, $0, $0) })
    let model = try GroundModel(fitting: bad)
    #expect(model.height(1e30, -1e30).isFinite)
    #expect(model.heightsAboveGround(bad).count == bad.count)
    let roofOnly = try GroundModel(fitting: cloud((0..<400).map { SIMD3(Float($0 % 20), Float($0 / 20), 3) }))
    #expect(abs(roofOnly.height(0, 0)) < 0.2)
  }

  @Test func planeOfPCLIsTheOneThatPointsWereMadeFrom() throws {
    var generator = SeededGenerator(seed: 1)
    var points: [SIMD3<Float>] = []
    for k in 0..<2_000 {
      let x = Float.random(in: -20...20, using: &generator)
      let y = Float.random(in: -20...20, using: &generator)
      let up = k % 4 == 0 ? Float.random(in: 0.5...3, using: &generator) : 0
      points.append(SIMD3(x, y, 0.05 * x - 0.5 + up))
    }
    let found = try GroundPlane.fit(cloud(points), distance: 0.1, maximumTilt: 0.2, iterations: 200)
    let plane = try #require(found)
    #expect(abs(plane.distance(SIMD3(10, 3, 0))) < 0.01)
    #expect(abs(plane.normal.z - 0.99875) < 1e-3)
    #expect(try GroundPlane.fit(cloud(points), distance: 0.1, maximumTilt: 0.2, iterations: 200) == plane)
    #expect(try GroundPlane.fit(PointCloud(), distance: 0.1, maximumTilt: 0.2, iterations: 10) == nil)
  }
}

@Suite struct ClusterTests {
  @Test func euclideanClustersAreNumberedByFallingSize() throws {
    var points: [SIMD3<Float>] = []
    for k in 0..<5 { points.append(SIMD3(Float(k) * 0.3, 0, 0)) }
    for k in 0..<9 { points.append(SIMD3(10 + Float(k) * 0.3, 0, 0)) }
    points.append(SIMD3(.nan, 0, 0))
    points.append(SIMD3(50, 50, 0))
    let clusters = try EuclideanClusters(of: cloud(points), tolerance: 0.5, sizes: 2...100)
    #expect(clusters.count == 2)
    #expect(
      clusters.labels
        == [Int32](repeating: 1, count: 5) + [Int32](repeating: 0, count: 9) + [-1, -1])
    #expect(throws: PointCloudsError.self) { try EuclideanClusters(of: cloud(points), tolerance: 0) }
    #expect(try EuclideanClusters(of: PointCloud(), tolerance: 1).count == 0)
  }

  @Test func everyLevelOfTheTreeIsTheSingleLinkageOfItsDistance() {
    var generator = SeededGenerator(seed: 77)
    var seen = Set<SIMD2<Int32>>()
    var cells: [SIMD2<Int32>] = []
    for _ in 0..<400 {
      let c = SIMD2(Int32.random(in: 0..<64, using: &generator), Int32.random(in: 0..<64, using: &generator))
      if seen.insert(c).inserted { cells.append(c) }
    }
    let distances: [Float] = [1.5, 2.3, 3.7]
    let tree = ClusterTree(coordinates: cells, side: 64, distances: distances)
    for (level, distance) in distances.enumerated() {
      #expect(partition(of: tree, atLevel: level, count: cells.count) == linked(cells, within: distance))
    }
    #expect(tree.cells.sorted() == (0..<Int32(cells.count)).map { $0 })
    #expect(ClusterTree(coordinates: [], side: 8, distances: [1]).nodes.isEmpty)
  }

  /// Each cell's cluster at a level, named by its smallest cell.
  private func partition(of tree: ClusterTree, atLevel level: Int, count: Int) -> [Int32] {
    var label = [Int32](repeating: -1, count: count)
    for node in tree.nodes where node.level <= level {
      let members = tree.cells[node.range]
      let smallest = members.min() ?? -1
      for k in members { label[Int(k)] = smallest }
    }
    return label
  }

  /// The same by brute force.
  private func linked(_ cells: [SIMD2<Int32>], within distance: Float) -> [Int32] {
    var label = (0..<Int32(cells.count)).map { $0 }
    var isChanged = true
    while isChanged {
      isChanged = false
      for a in cells.indices {
        for b in cells.indices where label[b] < label[a] {
          let d = cells[a] &- cells[b]
          if Float(d.x * d.x + d.y * d.y).squareRoot() <= distance {
            label[a] = label[b]
            isChanged = true
          }
        }
      }
    }
    return label
  }
}

@Suite struct RegistrationTests {
  @Test(arguments: [
    CloudRegistration.Method.closestPoints(maximumDistance: 2), .normalDistributions(resolution: 2),
  ])
  func aMovedCloudIsBroughtBack(method: CloudRegistration.Method) throws {
    var generator = SeededGenerator(seed: 6)
    var target: [SIMD3<Float>] = []
    for _ in 0..<3_000 {
      let u = Float.random(in: -10...10, using: &generator)
      let v = Float.random(in: 0...3, using: &generator)
      target += [
        SIMD3(u, 6 + 0.02 * u * u, v), SIMD3(-7, u, v),
        SIMD3(u, Float.random(in: -8...6, using: &generator), 0),
      ]
    }
    let truth = RigidTransform(rotation: Quaternion(yaw: 0.03), translation: SIMD3(0.25, -0.15, 0.05))
    let source = target.map { p in
      let q = truth.inverse * SIMD3<Double>(p)
      return SIMD3(Float(q.x), Float(q.y), Float(q.z))
    }
    let result = try CloudRegistration(source: cloud(source), target: cloud(target), method: method)
    #expect(result.converged)
    #expect((result.targetFromSource.translation - truth.translation).length < 0.03)
    #expect(result.targetFromSource.rotation.angle(to: truth.rotation) < 0.005)
  }

  @Test func tooFewPointsAreRefused() {
    #expect(throws: PointCloudsError.self) {
      try CloudRegistration(
        source: PointCloud(), target: PointCloud(), method: .closestPoints(maximumDistance: 1))
    }
  }
}
