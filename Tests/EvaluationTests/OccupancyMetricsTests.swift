import Evaluation
import Geometry
import Scenes
import Testing

@Suite struct OccupancyMetricsTests {
  /// A road that falls 6 % to the left and rises to the front, with walls 1 m high along both sides and a kerb 0.2 m high.
  private struct Street {
    var points: [SIMD3<Double>] = []
    var kinds: [OccupancyMetrics.PointKind] = []
    let grid = BEVGrid.standard

    static func ground(_ x: Double, _ y: Double) -> Double { 0.04 * x - 0.06 * y + 0.0004 * x * x }

    init() {
      for a in -140...140 {
        let x = Double(a) * 0.25
        for b in -24...24 {
          let y = Double(b) * 0.25
          points.append(SIMD3(x, y, Self.ground(x, y)))
          kinds.append(.road)
        }
        for y in [-8.1, 8.1] {
          for k in 0..<3 {
            // The wall's points, and beside it a kerb's, which is manmade but no obstacle.
            points.append(SIMD3(x, y, Self.ground(x, y) + 0.4 + 0.2 * Double(k)))
            points.append(SIMD3(x, y * 0.9, Self.ground(x, y * 0.9) + 0.2))
            kinds += [.obstacle, .obstacle]
          }
        }
      }
      points.append(SIMD3(.nan, 0, 0))
      kinds.append(.obstacle)
    }

    /// Layers with these rows of y occupied and the rest free.
    func layers(_ isOccupied: (SIMD2<Double>) -> Bool) -> BEVLayers {
      var occupancy = [UInt8](repeating: 10, count: grid.count)
      for i in 0..<grid.countX {
        for j in 0..<grid.countY where isOccupied(grid.center(i, j)) { occupancy[grid.index(i, j)] = 240 }
      }
      return BEVLayers(grid: grid, occupancy: occupancy, observed: [UInt8](repeating: 1, count: grid.count))
    }
  }

  @Test func wallsOnASlopeAreOccupiedAndTheRoadIsFree() {
    let street = Street()
    var metrics = OccupancyMetrics()
    metrics.add(street.layers { abs(abs($0.y) - 8.1) < 0.3 }, points: street.points, kinds: street.kinds)
    #expect(metrics.occupiedRecall == 1 && metrics.freeRecall == 1 && metrics.intersectionOverUnion == 1)
    // Two walls over 70 m in 0.4 m cells; the kerb, though manmade, does not count.
    #expect(abs(metrics.occupied - 2 * 175) < 6, "\(metrics.occupied)")
    #expect(metrics.free > 4000)
  }

  @Test func theOtherWayRoundNothingIsRight() {
    let street = Street()
    var metrics = OccupancyMetrics()
    metrics.add(street.layers { abs($0.y) < 7 }, points: street.points, kinds: street.kinds)
    #expect(metrics.occupiedRecall == 0 && metrics.freeRecall == 0 && metrics.intersectionOverUnion == 0)
  }

  @Test func whatWasNotObservedIsNotFree() {
    let street = Street()
    var layers = street.layers { _ in false }
    layers.observed = layers.observed.map { _ in 0 }
    var metrics = OccupancyMetrics()
    metrics.add(layers, points: street.points, kinds: street.kinds)
    #expect(metrics.freeRecall == 0)
  }

  @Test func swappedAxesFail() {
    let street = Street()
    var metrics = OccupancyMetrics()
    metrics.add(street.layers { abs(abs($0.x) - 8.1) < 0.3 }, points: street.points, kinds: street.kinds)
    #expect((metrics.occupiedRecall ?? 1) < 0.1)
  }

  @Test(arguments: [
    ("vehicle.car", true), ("vehicle.ego", false), ("human.pedestrian.adult", true), ("static.manmade", true),
    ("static.other", true), ("static.vegetation", false), ("movable_object.barrier", false), ("noise", false),
  ])
  func whatIsAnObstacle(category: String, isObstacle: Bool) {
    #expect((OccupancyMetrics.PointKind(category: category) == .obstacle) == isObstacle)
  }
}
