import Geometry
import PointClouds
import References
import Scenes
import Testing

private func layout() throws -> VoxelLayout {
  try VoxelLayout(minimum: SIMD3(-2, -1, 0), cellSize: SIMD3(1, 0.5, 2), counts: SIMD3(4, 4, 2))
}

@Suite struct VoxelTests {
  @Test func pointsAreGroupedByCellInTheirOrder() throws {
    let points: [SIMD3<Float>] = [
      SIMD3(1.5, 0.9, 3.9), SIMD3(-2, -1, 0), SIMD3(1.2, 0.6, 2.1), SIMD3(-1.5, -0.6, 1), SIMD3(2, 0, 0),
    ]
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud(points), layout: try layout())
    #expect(voxels.coordinates == [SIMD3(0, 0, 0), SIMD3(3, 3, 1)])
    #expect(voxels.starts == [0, 2, 4])
    #expect(voxels.points == [1, 3, 0, 2])
    #expect(voxels.dropped.outsideGrid == 1 && voxels.dropped.total == 1)
  }

  @Test func pointOnCellBorderGoesToUpperCell() throws {
    let layout = try layout()
    #expect(layout.cell(SIMD3(-1, -0.5, 2)).map(layout.coordinates) == SIMD3(1, 1, 1))
    #expect(layout.cell(SIMD3(Float(-1).nextDown, -0.5, 2)).map(layout.coordinates) == SIMD3(0, 1, 1))
    #expect(layout.cell(SIMD3(2, 0, 0)) == nil)
    #expect(layout.cell(SIMD3(Float(-2).nextDown, 0, 0)) == nil)
  }

  @Test func pillarsLieOnTheBEVGrid() throws {
    let layout = try VoxelLayout.pillars(over: .standard, z: -5...3)
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<10_000 {
      let x = Float.random(in: -60...60, using: &generator)
      let y = Float.random(in: -60...60, using: &generator)
      let cell = BEVGrid.standard.cell(x: Double(x), y: Double(y))
      #expect(layout.cell(SIMD3(x, y, 0)) == cell.map { BEVGrid.standard.index($0.i, $0.j) })
    }
  }

  @Test func voxelsEqualThePlainLoop() throws {
    let cloud = scan(points: 20_000, seed: 5, hostile: 500)
    let layout = try VoxelLayout(
      minimum: SIMD3(-40, -40, -2), cellSize: SIMD3(0.25, 0.25, 0.5), counts: SIMD3(320, 320, 8))
    var members = [[Int32]](repeating: [], count: layout.count)
    for p in 0..<cloud.count {
      if let cell = layout.cell(cloud.position(p)) { members[cell].append(Int32(p)) }
    }
    let expected = members.indices.filter { !members[$0].isEmpty }
    var voxelizer = Voxelizer()
    for threads in [1, 2, 5] {
      let voxels = voxelizer.voxels(of: cloud, layout: layout, threads: threads)
      #expect(voxels.cells == expected)
      #expect(voxels.points == expected.flatMap { members[$0] })
      #expect((0..<voxels.count).map { voxels.pointCount($0) } == expected.map { members[$0].count })
      #expect(voxels.points.count + voxels.dropped.total == cloud.count)
    }
  }

  @Test func hostilePointsAreDroppedAndCounted() throws {
    var points: [SIMD3<Float>] = []
    for bad in hostileValues {
      points += [SIMD3(bad, 0, 0), SIMD3(0, bad, 0), SIMD3(0, 0, bad), SIMD3(bad, bad, bad)]
    }
    let cloud = cloud(points)
    let nonFinite = points.filter { !($0.x.isFinite && $0.y.isFinite && $0.z.isFinite) }.count
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud, layout: try layout())
    #expect(voxels.dropped.nonFinite == nonFinite)
    #expect(voxels.points.count + voxels.dropped.total == points.count)
    for leaf: Float in [0.1, 1e-20, 1e20] {
      let (thinned, dropped) = try voxelizer.thinned(cloud, leaf: leaf)
      #expect(dropped.nonFinite == nonFinite)
      #expect(thinned.count <= points.count - dropped.total)
    }
    for leaf: Float in [0, -1, .nan, .infinity, .leastNonzeroMagnitude] {
      #expect(throws: PointCloudsError.self) { try voxelizer.thinned(cloud, leaf: leaf) }
    }
  }

  @Test func aLayoutBeyondAnyIndexIsRefused() {
    let big = SIMD3(1 << 30, 1 << 30, 1 << 30)
    #expect(throws: PointCloudsError.self) {
      try VoxelLayout(minimum: .zero, cellSize: SIMD3(repeating: 1), counts: big)
    }
    #expect(throws: PointCloudsError.self) {
      try VoxelLayout(minimum: SIMD3(.nan, 0, 0), cellSize: SIMD3(repeating: 1), counts: SIMD3(1, 1, 1))
    }
  }

  @Test func keysTooLongForTheRadixSortAreSortedAllTheSame() throws {
    let layout = try VoxelLayout(
      minimum: SIMD3(repeating: -1e6), cellSize: SIMD3(repeating: 2), counts: SIMD3(repeating: 1_000_000))
    let cloud = scan(points: 5_000, seed: 3)
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud, layout: layout)
    #expect(voxels.cells == voxels.cells.sorted() && Set(voxels.cells).count == voxels.count)
    for v in 0..<voxels.count {
      for k in voxels.starts[v]..<voxels.starts[v + 1] {
        #expect(layout.cell(cloud.position(Int(voxels.points[Int(k)]))) == voxels.cells[v])
      }
    }
  }

  @Test func emptyCloudHasNoVoxels() throws {
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: PointCloud(), layout: try layout())
    #expect(voxels.count == 0 && voxels.starts == [0] && voxels.dropped.total == 0)
    #expect(PillarFeatures.decorate(PointCloud(), voxels: voxels).isEmpty)
    #expect(try voxelizer.thinned(PointCloud(), leaf: 0.1).cloud.isEmpty)
  }

  /// PCL sums in Float32 in an order of its own: for n points of coordinates below 64 m the means differ by at most
  /// n/2 units in the last place of 64, and cells here hold a few points.
  @Test func thinningGivesTheCentroidsOfPCL() throws {
    let cloud = scan(points: 30_000, seed: 9)
    var voxelizer = Voxelizer()
    for leaf: Float in [0.2, 0.5, 2] {
      let ours = try voxelizer.thinned(cloud, leaf: leaf).cloud
      let theirs = try LibraryVoxelGrid.thinned(cloud, leaf: leaf)
      #expect(ours.count == theirs.count)
      let tolerance: Float = 4e-4
      // Both name each cell once; its centroid's cell sorts both lists alike.
      func cell(_ p: SIMD3<Float>) -> [Float] {
        let q = (p / leaf).rounded(.down)
        return [q.x, q.y, q.z]
      }
      let left = (0..<ours.count).map { ours.position($0) }.sorted {
        cell($0).lexicographicallyPrecedes(cell($1))
      }
      let right = theirs.sorted { cell($0).lexicographicallyPrecedes(cell($1)) }
      var worst: Float = 0
      for (a, b) in zip(left, right) { worst = max(worst, abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z)) }
      #expect(worst < tolerance, "leaf \(leaf): centroids differ by \(worst) m")
    }
  }

  @Test func thinningIsTheSameAtAnyNumberOfThreads() throws {
    let cloud = scan(points: 60_000, seed: 21, hostile: 100)
    var voxelizer = Voxelizer()
    let one = try voxelizer.thinned(cloud, leaf: 0.3)
    for threads in [2, 3, 8] {
      let many = try voxelizer.thinned(cloud, leaf: 0.3, threads: threads)
      #expect(many.cloud == one.cloud && many.dropped == one.dropped)
    }
  }
}

@Suite struct PillarFeatureTests {
  @Test func nineFeaturesOfTwoPoints() throws {
    let layout = try VoxelLayout(
      minimum: SIMD3(0, 0, -2), cellSize: SIMD3(2, 2, 4), counts: SIMD3(2, 2, 1))
    var cloud = PointCloud()
    cloud.append(SIMD3(0.5, 1, 0), intensity: 7, ring: 0, age: 0)
    cloud.append(SIMD3(1.5, 0.5, 1), intensity: 9, ring: 0, age: 0)
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud, layout: layout)
    let features = PillarFeatures.decorate(cloud, voxels: voxels)
    #expect(
      features == [
        0.5, 1, 0, 7, -0.5, 0.25, -0.5, -0.5, 0,
        1.5, 0.5, 1, 9, 0.5, -0.25, 0.5, 0.5, -0.5,
      ])
    let mean = PillarFeatures.reduce(features, channels: 9, voxels: voxels, by: .mean)
    #expect(mean == [1, 0.75, 0.5, 8, 0, 0, 0, 0, -0.25])
    let largest = PillarFeatures.reduce(features, channels: 9, voxels: voxels, by: .max)
    #expect(largest == [1.5, 1, 1, 9, 0.5, 0.25, 0.5, 0.5, 0])
  }

  /// Offsets are sums of Float32 numbers below 64: a few units in the last place, 4e-6 each, over dozens of points.
  @Test func featuresEqualThePlainLoopInDouble() throws {
    let cloud = scan(points: 40_000, seed: 2)
    let layout = try VoxelLayout.pillars(over: .standard, z: -3...5)
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud, layout: layout)
    let features = PillarFeatures.decorate(cloud, voxels: voxels)
    var worst = 0.0
    for v in 0..<voxels.count {
      let range = Int(voxels.starts[v])..<Int(voxels.starts[v + 1])
      let positions = range.map { SIMD3<Double>(cloud.position(Int(voxels.points[$0]))) }
      let mean = positions.reduce(.zero, +) / Double(range.count)
      let center = layout.center(voxels.cells[v])
      for (k, p) in zip(range, positions) {
        let offset = p - mean
        let expected = [
          p.x, p.y, p.z, Double(cloud.intensity[Int(voxels.points[k])]), offset.x, offset.y, offset.z,
          p.x - center.x, p.y - center.y,
        ]
        for c in 0..<9 { worst = max(worst, abs(expected[c] - Double(features[9 * k + c]))) }
      }
    }
    #expect(worst < 1e-4, "features differ by \(worst)")
    for threads in [2, 7] {
      #expect(PillarFeatures.decorate(cloud, voxels: voxels, threads: threads) == features)
      for reduction in [VoxelReduction.mean, .max] {
        let one = PillarFeatures.reduce(features, channels: 9, voxels: voxels, by: reduction)
        let many = PillarFeatures.reduce(
          features, channels: 9, voxels: voxels, by: reduction, threads: threads)
        #expect(one == many)
      }
    }
  }
}
