import Evaluation
import Foundation
import Geometry
import Results
import Scenes
import Testing

@Suite struct MapMetricsTests {
  private let grid = BEVGrid(minimumX: -4, minimumY: -4, cellSize: 1, countX: 8, countY: 8)

  private func layers(_ marked: (SIMD2<Double>) -> Bool) -> BEVLayers {
    var values = [UInt8](repeating: 127, count: grid.count)
    for i in 0..<8 { for j in 0..<8 where marked(grid.center(i, j)) { values[grid.index(i, j)] = 128 } }
    let zero = [UInt8](repeating: 0, count: grid.count)
    return BEVLayers(grid: grid, occupancy: zero, observed: zero, mapLayers: [("drivable_area", values)])
  }

  private func rectangle(_ low: SIMD2<Double>, _ high: SIMD2<Double>) -> Polygon {
    Polygon([low, SIMD2(high.x, low.y), high, SIMD2(low.x, high.y)])
  }

  @Test func overlapOverUnionIsCountedInCells() {
    // Truth: x in [0, 2) (2 x 8 = 16 cells); marked: x in [1, 4) (24 cells); both 8: 8 / (16 + 24 - 8) = 1/4.
    let map = [MapLayer(name: "drivable_area", areas: [.init(outline: rectangle(SIMD2(0, -9), SIMD2(2, 9)))])]
    var metrics = MapMetrics()
    metrics.add(layers { $0.x > 1 }, map: map, globalFromEgo: .identity)
    #expect(metrics.mean == 0.25)
    #expect(metrics.json["iou"]?["drivable_area"]?.numberValue == 0.25)
  }

  @Test func theMapIsSeenFromTheEgo() {
    // The ego is at (100, 50) and looks along global y: the area ahead of it in [1, 3) of ego x is global y in [51, 53).
    let pose = RigidTransform(rotation: Quaternion(yaw: .pi / 2), translation: SIMD3(100, 50, 3))
    let map = [
      MapLayer(name: "drivable_area", areas: [.init(outline: rectangle(SIMD2(80, 51), SIMD2(120, 53)))])
    ]
    var metrics = MapMetrics()
    metrics.add(layers { $0.x > 1 && $0.x < 3 }, map: map, globalFromEgo: pose)
    #expect(metrics.mean == 1)
    var swapped = MapMetrics()
    swapped.add(layers { $0.y > 1 && $0.y < 3 }, map: map, globalFromEgo: pose)
    #expect((swapped.mean ?? 1) < 0.2)
  }

  @Test func holesAreNotOfTheLayer() {
    let area = MapLayer.Area(
      outline: rectangle(SIMD2(-9, -9), SIMD2(9, 9)), holes: [rectangle(SIMD2(-4, -4), SIMD2(0, 4))])
    var metrics = MapMetrics()
    metrics.add(
      layers { $0.x > 0 }, map: [MapLayer(name: "drivable_area", areas: [area])], globalFromEgo: .identity)
    #expect(metrics.mean == 1)
  }
}

@Suite struct LaneMetricsTests {
  private func metrics(_ truth: [[SIMD2<Double>]], _ found: [LaneMetrics.Line]) -> [Double]? {
    LaneMetrics([(layer: "lane_divider", frames: [(truth, found)])]).layers[0].averagePrecisions
  }

  private let straight = [SIMD2(0.0, 0.0), SIMD2(10, 0)]

  @Test func aShiftedLineIsRightFromItsDistanceOn() {
    // Parallel lines 0.8 m apart: each point's nearest is 0.8 m away, so the Chamfer distance is 0.8.
    let shifted = LaneMetrics.Line(points: [SIMD2(0, 0.8), SIMD2(10, 0.8)])
    #expect(metrics([straight], [shifted]) == [0, 1, 1])
  }

  @Test func directionDoesNotMatter() {
    #expect(metrics([straight], [.init(points: straight.reversed())]) == [1, 1, 1])
  }

  @Test func halfALineIsFarFromTheWhole() throws {
    // Half to whole: 0. Whole to half: points from 5 to 10 m are 0 to 5 m away: mean 2.5 x 1/2 = 1.25 over all. Half of
    // that is the Chamfer distance: 0.625, so right at 1.0 but not at 0.5. One direction alone would give 0.
    #expect(metrics([straight], [.init(points: [SIMD2(0, 0), SIMD2(5, 0)])]) == [0, 1, 1])
  }

  @Test func precisionIsTakenByFallingScore() {
    // By score: wrong (0.9), right (0.8), and of a second true line nothing: recalls 0, 1/2; precisions 0, 1/2: AP 1/4.
    let other = [SIMD2(0.0, 10.0), SIMD2(10, 10)]
    let wrong = LaneMetrics.Line(points: [SIMD2(0, -10), SIMD2(10, -10)], score: 0.9)
    let right = LaneMetrics.Line(points: straight, score: 0.8)
    #expect(metrics([straight, other], [wrong, right]) == [0.25, 0.25, 0.25])
    // The right one first: precision 1 at recall 1/2.
    #expect(metrics([straight, other], [wrong, .init(points: straight, score: 0.95)]) == [0.5, 0.5, 0.5])
  }

  @Test func aLineFoundTwiceIsRightOnce() {
    #expect(
      metrics([straight, [SIMD2(0, 9), SIMD2(9, 9)]], [.init(points: straight), .init(points: straight)]) == [
        0.5, 0.5, 0.5,
      ])
  }

  @Test func linesAreCutAtTheRange() {
    // Beyond 30 m ahead nothing is compared: both lines are the same within it.
    let long = [SIMD2(0.0, 0.0), SIMD2(60, 0)]
    #expect(metrics([long], [.init(points: [SIMD2(0, 0), SIMD2(30, 0)])]) == [1, 1, 1])
    #expect(metrics([[SIMD2(31, 0), SIMD2(60, 0)]], []) == nil)
    // 15 m to the sides.
    #expect(metrics([[SIMD2(0, 16), SIMD2(9, 16)]], []) == nil)
  }
}

@Suite struct VehicleAreaMetricsTests {
  private func box(_ x: Double, _ y: Double) -> Polygon {
    Box3D(center: SIMD3(x, y, 0), size: SIMD3(2, 4, 1), rotation: .identity).footprint
  }

  @Test func cellsAreCountedOverAllFrames() {
    // A box of 4 m x 2 m has 8 x 4 = 32 cells of 0.5 m. Shifted by 2 m along x: 16 in both, 48 in either.
    var metrics = VehicleAreaMetrics()
    metrics.add(truth: [box(10, 0)], results: [(box(12, 0), 0.55)])
    let third = 16.0 / 48
    #expect(metrics.values[4] == third && metrics.values[5] == 0)
    // A second frame without a vehicle but with a box at score 0.3: 32 more cells in either at thresholds up to 0.3.
    metrics.add(truth: [], results: [(box(0, 0), 0.3)])
    #expect(metrics.values[4] == third && metrics.values[2] == 0.2)
    #expect(metrics.best?.threshold == 0.4 && metrics.best?.value == third)
  }

  @Test func nothingThereAndNothingFoundHasNoFigure() {
    var metrics = VehicleAreaMetrics()
    metrics.add(truth: [], results: [])
    #expect(metrics.best == nil && metrics.json["iou_at_half"] == .null)
  }
}

@Suite struct VolumeMetricsTests {
  private static let count = 200 * 200 * 16

  /// A volume that is free but for the cells of these (i, j, k) with their class.
  private func volume(_ cells: [(Int, Int, Int, UInt8)]) -> OccupancyVolume {
    var semantics = [UInt8](repeating: OccupancyVolume.free, count: Self.count)
    for (i, j, k, value) in cells { semantics[(i * 200 + j) * 16 + k] = value }
    return OccupancyVolume(semantics: semantics)
  }

  private func labels(_ volume: OccupancyVolume, hidden: [(Int, Int, Int)] = []) -> OccupancyLabels {
    var seen = [Bool](repeating: true, count: Self.count)
    for (i, j, k) in hidden { seen[(i * 200 + j) * 16 + k] = false }
    return OccupancyLabels(volume: volume, isSeenByCamera: seen)
  }

  @Test func classesAreCountedApart() {
    // Cars (4): two true, one found of them, one more found elsewhere: 1 / 3. Walls (15): true once, found as car: 0.
    let truth = volume([(10, 10, 5, 4), (11, 10, 5, 4), (50, 50, 5, 15)])
    let found = volume([(10, 10, 5, 4), (50, 50, 5, 4)])
    var metrics = VolumeMetrics()
    metrics.add(found, truth: labels(truth))
    #expect(metrics.intersectionOverUnion(ofClass: 4) == 1.0 / 3)
    #expect(metrics.intersectionOverUnion(ofClass: 15) == 0)
    #expect(metrics.intersectionOverUnion(ofClass: 0) == nil)
    let half = (1.0 / 3) / 2
    #expect(metrics.mean == half)
    // Geometry: both have cells (10) and (50); (11) is missed: 2 / 3.
    #expect(metrics.geometry == 2.0 / 3)
  }

  @Test func whatNoCameraSeesIsNotCounted() {
    let truth = volume([(10, 10, 5, 4), (11, 10, 5, 4)])
    let found = volume([(10, 10, 5, 4)])
    var masked = VolumeMetrics()
    masked.add(found, truth: labels(truth, hidden: [(11, 10, 5)]))
    #expect(masked.mean == 1 && masked.cells == Self.count - 1)
    // Without the mask the missed cell counts.
    var unmasked = VolumeMetrics()
    unmasked.add(found, truth: labels(truth))
    #expect(unmasked.mean == 0.5)
  }

  /// A wall across the way at index i, one cell thick and as wide and high as the volume.
  private func wall(at i: Int, thickness: Int = 1) -> OccupancyVolume {
    volume(
      (i..<i + thickness).flatMap { i in
        (0..<200).flatMap { j in (0..<16).map { k in (i, j, k, UInt8(15)) } }
      })
  }

  @Test func aRayEndsAtTheFirstCell() throws {
    // From (0, 0, 1) along x to the wall whose near face is at -40 + 0.4 x 125 = 10 m.
    var metrics = RayMetrics()
    metrics.add(wall(at: 125), truth: wall(at: 125), origins: [SIMD3(0.1, 0.1, 1)])
    #expect(metrics.mean == 1 && metrics.rays > 1000)
  }

  @Test func aWallOneAndAHalfMetresNearerIsRightAtTwoMetresOnly() throws {
    // Four cells nearer is 1.6 m straight ahead and more along slanted rays; all rays within 36 degrees of ahead differ by
    // less than 2 m. Nothing is right at 1 m; at 4 m nearly all are (differences reach 4 m at 66 degrees).
    var metrics = RayMetrics()
    metrics.add(wall(at: 121), truth: wall(at: 125), origins: [SIMD3(0.1, 0.1, 1)])
    #expect(metrics.intersectionOverUnion(threshold: 0) == 0)
    let two = try #require(metrics.intersectionOverUnion(threshold: 1))
    let four = try #require(metrics.intersectionOverUnion(threshold: 2))
    #expect(two > 0.1 && two < four && four < 1)
  }

  @Test func aThickWallEarnsNothingMore() {
    // By volume a wall three cells thick has IoU 1/3 with one of one cell; along rays it is the same wall.
    var rays = RayMetrics()
    rays.add(wall(at: 125, thickness: 3), truth: wall(at: 125), origins: [SIMD3(0.1, 0.1, 1)])
    #expect(rays.mean == 1)
    var cells = VolumeMetrics()
    cells.add(wall(at: 125, thickness: 3), truth: labels(wall(at: 125)))
    let third = 1.0 / 3
    #expect(abs((cells.mean ?? 1) - third) < 1e-12)
  }

  @Test func raysAreTheReferences() {
    // Ten inclinations below, and on from -0.0997 in steps of atan(1/9) - atan(1/10) = 0.0110 while below 0.21: 29 more.
    let count = RayMetrics.directions.count
    #expect(count % 360 == 0)
    let inclinations = count / 360
    let step = atan(1.0 / 9) - atan(1.0 / 10)
    let more = (0.21 + atan(0.1)) / step
    #expect(inclinations == 10 + Int(more.rounded(.up)))
    #expect(RayMetrics.directions.allSatisfy { direction in abs(direction.length - 1) < 1e-12 })
  }

  @Test func originsAreEightAtMost() {
    let places = (0..<40).map { SIMD3<Double>(Double($0) * 2, 0, 1.8) }
    let origins = RayMetrics.origins(places)
    #expect(origins.count == 8 && origins.first?.x == 0 && origins.last?.x == 38)
  }
}
