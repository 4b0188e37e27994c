import Geometry
import LiftSplat
import Testing

/// The example that `docs/lift-splat-shoot.md` works by hand.
@Suite struct WorkedExampleTests {
  private func layout() throws -> FrustumLayout {
    try FrustumLayout(
      cameras: 1, featureHeight: 8, featureWidth: 22, stride: 16,
      bins: try DepthBins(spacing: .uniform, minimum: 4, maximum: 45, count: 41), grid: .standard,
      heights: -10...10)
  }

  @Test func onePixelAndOneDepthFallIntoTheCellOfTheDocument() throws {
    let layout = try layout()
    #expect(layout.pixel(row: 3, column: 10) == SIMD2(167.5, 55.5))
    #expect(layout.bins.center(5) == 9.5)
    let camera = LiftCamera(
      camera: CameraModel(fx: 200, fy: 200, cx: 127.5, cy: 55.5, width: 352, height: 128),
      egoFromCamera: RigidTransform(
        rotation: Quaternion(rows: (SIMD3(0, 0, 1), SIMD3(-1, 0, 0), SIMD3(0, -1, 0))),
        translation: SIMD3(0, 0, 1.5)))
    let ray = try #require(camera.ray(SIMD2(167.5, 55.5)))
    #expect((ray - SIMD3(0.2, 0, 1)).length < 1e-12)
    let point = try #require(layout.point(of: camera, depth: 5, row: 3, column: 10))
    #expect((point - SIMD3(9.5, -1.9, 1.5)).length < 1e-9)
    let cell = try #require(layout.grid.cell(x: point.x, y: point.y))
    #expect(cell == (151, 123))
    // The explicit reference puts the whole point there.
    let index = layout.index(camera: 0, depth: 5, row: 3, column: 10)
    let found = ExplicitLiftSplat.contributions(layout, [camera]).filter { $0.point == index }
    #expect(found.map(\.cell) == [layout.grid.index(151, 123)] && found.map(\.weight) == [1])
  }
}
