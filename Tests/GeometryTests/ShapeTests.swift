import Foundation
import Geometry
import Testing

@Suite struct PolygonTests {
  private let square = Polygon([SIMD2(0, 0), SIMD2(2, 0), SIMD2(2, 2), SIMD2(0, 2)])

  @Test func areasAreSignedByDirection() {
    #expect(square.signedArea == 4)
    #expect(Polygon(square.points.reversed()).signedArea == -4)
    #expect(Polygon(square.points.reversed()).area == 4)
    #expect(Polygon([SIMD2(0, 0), SIMD2(1, 1)]).area == 0 && Polygon([]).area == 0)
    // Far from the origin nothing is lost: sums are taken about the first corner.
    let far = Polygon(square.points.map { $0 + SIMD2(4e6, 5e6) })
    #expect(far.area == 4)
  }

  @Test func pointsAreInsideByTheEvenOddRule() {
    #expect(square.contains(SIMD2(1, 1)) && !square.contains(SIMD2(3, 1)) && !square.contains(SIMD2(1, -1)))
    let u = Polygon([
      SIMD2(0, 0), SIMD2(3, 0), SIMD2(3, 3), SIMD2(2, 3), SIMD2(2, 1), SIMD2(1, 1), SIMD2(1, 3), SIMD2(0, 3),
    ])
    #expect(u.contains(SIMD2(0.5, 2)) && !u.contains(SIMD2(1.5, 2)) && u.contains(SIMD2(2.5, 2)))
    #expect(!Polygon([]).contains(.zero))
  }

  @Test func clippingGivesTheIntersection() {
    let other = Polygon([SIMD2(1, 1), SIMD2(3, 1), SIMD2(3, 3), SIMD2(1, 3)])
    #expect(abs(square.clipped(toConvex: other).area - 1) < 1e-15)
    #expect(square.clipped(toConvex: square).area == 4)
    #expect(square.clipped(toConvex: Polygon(other.points.map { $0 + SIMD2(5, 0) })).area == 0)
    let inner = Polygon([SIMD2(0.5, 0.5), SIMD2(1, 0.5), SIMD2(1, 1)])
    #expect(abs(square.clipped(toConvex: inner).area - inner.area) < 1e-15)
    #expect(abs(inner.clipped(toConvex: square).area - inner.area) < 1e-15)
    #expect(square.clipped(toConvex: Polygon([])).points.isEmpty)
  }

  private func box(_ v: ArraySlice<Double>) -> Box3D {
    let a = Array(v)
    return Box3D(center: SIMD3(a[0], a[1], 0), size: SIMD3(a[2], a[3], 1), rotation: Quaternion(yaw: a[4]))
  }

  @Test func overlapsOfTurnedBoxesEqualShapelys() {
    for row in Golden.overlaps {
      let a = box(row[0..<5])
      let b = box(row[5..<10])
      #expect(abs(a.footprintIoU(with: b) - row[10]) < 1e-12)
      #expect(abs(b.footprintIoU(with: a) - row[10]) < 1e-12)
    }
    let one = box(Golden.overlaps[0][0..<5])
    #expect(abs(one.footprintIoU(with: one) - 1) < 1e-12)
    let empty = Box3D(center: .zero, size: .zero, rotation: .identity)
    #expect(empty.footprintIoU(with: empty) == 0)
  }
}

@Suite struct BoxTests {
  private let box = Box3D(center: SIMD3(10, 5, 1), size: SIMD3(2, 4, 1.5), rotation: Quaternion(yaw: .pi / 2))

  @Test func lengthLiesAlongTheHeading() {
    #expect(box.contains(SIMD3(10, 6.9, 1)) && !box.contains(SIMD3(11.9, 5, 1)))
    #expect(box.contains(SIMD3(10, 5, 1.75)) && !box.contains(SIMD3(10, 5, 1.76)))
    #expect(box.volume == 12 && box.width == 2 && box.length == 4 && box.height == 1.5)
  }

  @Test func theFirstFourCornersAreTheFront() {
    #expect(box.corners.count == 8)
    for corner in box.corners[0..<4] { #expect(abs(corner.y - 7) < 1e-12) }
    // Front left above: left of north is west.
    #expect((box.corners[0] - SIMD3(9, 7, 1.75)).length < 1e-12)
  }

  @Test func theFootprintRunsCounterClockwiseFromFrontLeft() {
    #expect(abs(box.footprint.signedArea - 8) < 1e-12)
    #expect((box.footprint.points[0] - SIMD2(9, 7)).length < 1e-12)
  }

  @Test func aBoxSeenFromAnotherFrameIsTheSameBox() {
    let other = RigidTransform(
      rotation: Quaternion(angle: 0.4, axis: SIMD3(1, 1, 2)), translation: SIMD3(3, 2, 1))
    let moved = box.transformed(by: other)
    for (a, b) in zip(box.corners, moved.corners) { #expect((other * a - b).length < 1e-12) }
    #expect(moved.size == box.size)
  }
}

@Suite struct GridTests {
  @Test func pointOnCellBorderGoesToUpperCell() throws {
    let cell = try #require(BEVGrid.standard.cell(x: 0, y: 0))
    #expect(cell == (128, 128))
    let unit = BEVGrid(minimumX: 0, minimumY: 0, cellSize: 1, countX: 3, countY: 2)
    #expect(try #require(unit.cell(x: 1, y: 1)) == (1, 1))
    #expect(try #require(unit.cell(x: 0.999, y: 0)) == (0, 0))
    #expect(unit.cell(x: 3, y: 0) == nil && unit.cell(x: 0, y: 2) == nil)
    #expect(unit.cell(x: -1e-9, y: 0) == nil)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300, -1e300])
  func nonsenseHasNoCell(_ value: Double) {
    #expect(BEVGrid.standard.cell(x: value, y: 0) == nil && BEVGrid.standard.cell(x: 0, y: value) == nil)
  }

  @Test(arguments: [BEVGrid.standard, .occ3D])
  func everyCentreLiesInItsCellAndEveryCellHasItsPlace(_ grid: BEVGrid) {
    var seen = [Bool](repeating: false, count: grid.count)
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        let p = grid.center(i, j)
        #expect(grid.cell(x: p.x, y: p.y).map { $0 == (i, j) } == true)
        seen[grid.index(i, j)] = true
      }
    }
    #expect(!seen.contains(false))
    #expect(grid.maximumX == -grid.minimumX && grid.maximumY == -grid.minimumY)
  }
}
