import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Testing

/// Where points go: borders, moved cameras, missing cameras, distorted lenses, and when plans are made anew.
@Suite struct PlannerTests {
  static let model = CameraModel(fx: 40, fy: 40, cx: 31.5, cy: 15.5, width: 64, height: 32)

  static func layout(cameras: Int = 1, grid: BEVGrid = smallGrid, bilinear: Bool = false) throws
    -> FrustumLayout
  {
    try FrustumLayout(
      cameras: cameras, featureHeight: 4, featureWidth: 8, stride: 8,
      bins: DepthBins(spacing: .uniform, minimum: 0.5, maximum: 20.5, count: 20), grid: grid, heights: -5...5,
      bilinear: bilinear)
  }

  /// Features `[cell]` of one channel for a depth tensor that is its own index's hash: unlike at every point.
  static func pooled(_ layout: FrustumLayout, _ cameras: [LiftCamera?]) throws -> [Float] {
    var planner = PoolingPlanner(layout), random = TestRandom(17)
    planner.update(cameras)
    let context = [Float](repeating: 1, count: layout.cameras * layout.pixelsPerCamera)
    return try outputs(
      PoolingGraph(layout, channels: 1).graph,
      poolingInputs(planner, depth: random.floats(layout.pointCount, 0...1), context: context, channels: 1))[
        0]
  }

  @Test func pointOnACellBorderGoesToTheUpperCell() throws {
    // A camera that looks along x from x = -10, its one pixel on the axis: depths 1, 2, ... are x = -9, -8, ...
    let model = CameraModel(fx: 40, fy: 40, cx: 0, cy: 0, width: 1, height: 1)
    let layout = try FrustumLayout(
      cameras: 1, featureHeight: 1, featureWidth: 1, stride: 1,
      bins: DepthBins(spacing: .uniform, minimum: 0.5, maximum: 9.5, count: 9),
      grid: BEVGrid(minimumX: -10, minimumY: -1, cellSize: 1, countX: 10, countY: 2), heights: 0...2)
    var planner = PoolingPlanner(layout)
    planner.update([camera(model, at: SIMD3(-10, 0, 1))])
    // y = 0 is the border of columns 0 and 1, x = -9 that of rows 0 and 1.
    #expect(planner.entryCount == 9)
    for k in 0..<9 {
      let cell = layout.grid.index(k + 1, 1)
      #expect(planner.starts[cell] + 1 == planner.starts[cell + 1])
      #expect(planner.points[Int(planner.starts[cell])] == Int64(k))
    }
    // Heights are closed at both ends.
    planner.update([camera(model, at: SIMD3(-10, 0, 2))])
    #expect(planner.entryCount == 9)
    planner.update([camera(model, at: SIMD3(-10, 0, 2.001))])
    #expect(planner.entryCount == 0)
  }

  @Test(arguments: [false, true]) func movingACameraMovesFeatures(bilinear: Bool) throws {
    let layout = try Self.layout(bilinear: bilinear)
    let place = SIMD3(0.31, 0.17, 1.5)
    let before = try Self.pooled(layout, [camera(Self.model, heading: 0.3, at: place)])
    // Three cells forward, two to the left.
    let after = try Self.pooled(layout, [camera(Self.model, heading: 0.3, at: place + SIMD3(3, 2, 0))])
    #expect(before.contains { $0 > 0 })
    func at(_ features: [Float], _ i: Int, _ j: Int) -> Float {
      i < 0 || j < 0 || i >= 64 || j >= 50 ? 0 : features[i * 50 + j]
    }
    for i in 0..<64 {
      for j in 0..<50 {
        let difference = at(after, i, j) - at(before, i - 3, j - 2)
        #expect(abs(difference) < 1e-5)
      }
    }
  }

  @Test func turningACameraByAQuarterTurnsFeatures() throws {
    let square = BEVGrid(minimumX: -24, minimumY: -24, cellSize: 1, countX: 48, countY: 48)
    let layout = try Self.layout(grid: square)
    // Off the cells' borders, so that rounding of the turned points cannot move them to neighbours.
    let before = try Self.pooled(layout, [camera(Self.model, heading: 0.1234, at: SIMD3(0, 0, 1.5))])
    let after = try Self.pooled(layout, [camera(Self.model, heading: 0.1234 + .pi / 2, at: SIMD3(0, 0, 1.5))])
    // (x, y) becomes (-y, x): row i takes what was in column 47 - i, column j what was in row j.
    for i in 0..<48 {
      for j in 0..<48 {
        let difference = after[i * 48 + j] - before[j * 48 + 47 - i]
        #expect(abs(difference) < 1e-5)
      }
    }
    // And a camera that looks forward fills rows ahead of it, on both sides: not columns.
    let forward = try Self.pooled(layout, [camera(Self.model, at: SIMD3(0, 0, 1.5))])
    let ahead = forward[(24 * 48)...].reduce(0, +)
    #expect(ahead == forward.reduce(0, +) && ahead > 0)
  }

  @Test func distortedLensesAreFollowed() throws {
    for distortion in [
      CameraModel.Distortion.plumbBob(k1: -0.25, k2: 0.06, p1: 0.002, p2: -0.001, k3: 0),
      .equidistant(k1: 0.03, k2: -0.01, k3: 0.001, k4: 0),
    ] {
      var model = Self.model
      model.distortion = distortion
      let layout = try Self.layout(), lift = camera(model, heading: -0.4)
      var moved = 0.0
      for row in 0..<4 {
        for column in 0..<8 {
          let pixel = layout.pixel(row: row, column: column)
          let point = try #require(layout.point(of: lift, depth: 7, row: row, column: column))
          // Back through the lens to the pixel, at the depth that the bin stands for.
          let inCamera = lift.egoFromCamera.inverse * point
          let seen = try #require(model.project(inCamera))
          #expect((seen - pixel).length < 1e-6)
          #expect(abs(lift.depth(of: inCamera) - layout.bins.center(7)) < 1e-9)
          let straight = try #require(
            layout.point(of: camera(Self.model, heading: -0.4), depth: 7, row: row, column: column))
          moved = max(moved, (straight - point).length)
        }
      }
      #expect(moved > 0.2)
    }
  }

  @Test func aMissingCameraAddsNothing() throws {
    let layout = try Self.layout(cameras: 2)
    let front = camera(Self.model), back = camera(Self.model, heading: .pi)
    let both = try Self.pooled(layout, [front, back]), one = try Self.pooled(layout, [front, nil])
    let other = try Self.pooled(layout, [nil, back])
    #expect(one.contains { $0 > 0 } && other.contains { $0 > 0 })
    for k in both.indices {
      let difference = both[k] - one[k] - other[k]
      #expect(abs(difference) < 1e-5)
    }
    #expect(try Self.pooled(layout, [nil, nil]).allSatisfy { $0 == 0 })
  }

  @Test func posesThatAreNotNumbersAddNothing() throws {
    for bilinear in [false, true] {
      var planner = PoolingPlanner(try Self.layout(bilinear: bilinear))
      planner.update([camera(Self.model, at: SIMD3(.nan, 0, 1))])
      #expect(planner.entryCount == 0)
      planner.update([camera(Self.model, at: SIMD3(.infinity, 0, 1))])
      #expect(planner.entryCount == 0)
      planner.update([camera(Self.model, at: SIMD3(1e300, -1e300, 1))])
      #expect(planner.entryCount == 0)
    }
  }

  @Test func plansAreMadeAnewOnlyWhenSomethingChanged() throws {
    for bilinear in [false, true] {
      let layout = try Self.layout(cameras: 3, bilinear: bilinear)
      var rig: [LiftCamera?] = (0..<3).map { camera(Self.model, heading: 2 * Double($0)) }
      var planner = PoolingPlanner(layout, threads: 2)
      var answers = [planner.update(rig), planner.update(rig)]
      #expect(answers == [true, false])
      let steps: [(inout [LiftCamera?]) -> Void] = [
        { $0[1]?.egoFromCamera.translation.x += 1e-12 }, { $0[2] = nil }, { $0[0]?.camera.fx = 41 },
        { $0[2] = camera(Self.model, heading: -1) },
        { $0[0]?.camera.distortion = .plumbBob(k1: -0.2, k2: 0, p1: 0, p2: 0, k3: 0) },
        { $0 = [nil, nil, nil] }, { $0[1] = camera(Self.model, heading: 0.5) },
      ]
      for step in steps {
        step(&rig)
        answers = [planner.update(rig), planner.update(rig)]
        #expect(answers == [true, false])
        var fresh = PoolingPlanner(layout)
        fresh.update(rig)
        #expect(planner.starts == fresh.starts)
        #expect(planner.points[..<planner.entryCount] == fresh.points[..<fresh.entryCount])
        if bilinear { #expect(planner.weights[..<planner.entryCount] == fresh.weights[..<fresh.entryCount]) }
      }
    }
  }

  @Test func aPlanIsWrittenIntoInputs() throws {
    let layout = try Self.layout(bilinear: true)
    var planner = PoolingPlanner(layout)
    planner.update([camera(Self.model)])
    let plan = try Plan(PoolingGraph(layout, channels: 3).graph, .init(threads: 1))
    func view(_ name: String) throws -> MutableTensorView {
      plan.inputView(try #require(plan.inputs.firstIndex { $0.name == name }))
    }
    planner.write(
      points: try view("pool.points"), starts: try view("pool.starts"), weights: try view("pool.weights"))
    let count = planner.entryCount
    #expect(count > 0)
    let points = Array(UnsafeBufferPointer(start: try view("pool.points").integers, count: count))
    #expect(points == Array(planner.points[..<count]))
    let starts = Array(UnsafeBufferPointer(start: try view("pool.starts").integers, count: layout.startCount))
    #expect(starts == planner.starts)
    let weights = Array(UnsafeBufferPointer(start: try view("pool.weights").floats, count: count))
    #expect(weights == Array(planner.weights[..<count]))
  }

  @Test func depthBinsAreWhereTheirFormulasSay() throws {
    let uniform = try DepthBins(spacing: .uniform, minimum: 4, maximum: 45, count: 41)
    #expect(uniform.center(0) == 4.5 && abs(uniform.center(40) - 44.5) < 1e-12 && uniform.edge(41) == 45)
    // CaDDN's: 2 m over 10 parts of k (k + 1) / 2 = 1, 3, 6, 10.
    let growing = try DepthBins(spacing: .linearIncreasing, minimum: 1, maximum: 3, count: 4)
    for (k, edge) in [1, 1.2, 1.6, 2.2, 3].enumerated() { #expect(abs(growing.edge(k) - edge) < 1e-12) }
    #expect(abs(growing.center(1) - 1.4) < 1e-12)
    for bins in [uniform, growing] {
      for k in 0..<bins.count {
        #expect(bins.bin(of: bins.center(k)) == k)
        #expect(bins.bin(of: bins.edge(k)) == k)
        #expect(bins.bin(of: bins.edge(k + 1).nextDown) == k)
      }
      #expect(bins.bin(of: bins.maximum) == nil && bins.bin(of: .nan) == nil)
      #expect(bins.bin(of: bins.minimum.nextDown) == nil)
    }
  }

  @Test func wrongMeasuresAreErrorsThatNameTheField() throws {
    func fault(_ minimum: Double, _ maximum: Double, _ count: Int) -> String? {
      do {
        _ = try DepthBins(spacing: .uniform, minimum: minimum, maximum: maximum, count: count)
        return nil
      } catch { return "\(error)" }
    }
    #expect(fault(1, 45, 41) == nil)
    #expect(fault(-1, 45, 41) == "depth bins: minimum: -1.0 m (expected 0 or more)")
    #expect(fault(4, 4, 41) == "depth bins: maximum: 4.0 m (expected more than the minimum of 4.0 m)")
    #expect(fault(4, .nan, 41)?.contains("maximum") == true)
    #expect(fault(4, 45, 0) == "depth bins: count: 0 (expected 1 to 4096)")
    let bins = try DepthBins(spacing: .linearIncreasing, minimum: 1, maximum: 45, count: 4096)
    #expect(try JSONDecoder().decode(DepthBins.self, from: JSONEncoder().encode(bins)) == bins)
    let wrong = Data(#"{"spacing":"uniform","minimum":3,"maximum":1,"count":5}"#.utf8)
    #expect(throws: LiftSplatError.self) { try JSONDecoder().decode(DepthBins.self, from: wrong) }
    #expect(throws: LiftSplatError.self) {
      try FrustumLayout(
        cameras: 6, featureHeight: 1024, featureWidth: 1024, stride: 16, bins: bins, grid: smallGrid,
        heights: 0...1)
    }
    #expect(throws: LiftSplatError.self) {
      try FrustumLayout(
        cameras: 0, featureHeight: 8, featureWidth: 22, stride: 16, bins: bins, grid: smallGrid,
        heights: 0...1)
    }
  }
}
