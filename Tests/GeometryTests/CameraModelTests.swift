import Foundation
import Geometry
import Testing

@Suite struct CameraModelTests {
  private func camera(_ distortion: CameraModel.Distortion) -> CameraModel {
    CameraModel(
      fx: 1266.4, fy: 1260.2, cx: 816.3, cy: 491.5, width: 1600, height: 900, distortion: distortion)
  }
  private let plumbBob = CameraModel.Distortion.plumbBob(
    k1: -0.31, k2: 0.12, p1: 1.1e-3, p2: -2.3e-3, k3: 0.014)
  private let equidistant = CameraModel.Distortion.equidistant(k1: 0.031, k2: -0.012, k3: 0.004, k4: -0.0011)

  @Test func plumbBobPixelsEqualOpenCVs() throws {
    for row in Golden.plumbBob {
      let pixel = try #require(camera(plumbBob).project(SIMD3(row[0], row[1], row[2])))
      #expect((pixel - SIMD2(row[3], row[4])).length < 1e-9)
    }
  }

  @Test func equidistantPixelsEqualOpenCVs() throws {
    for row in Golden.equidistant {
      let pixel = try #require(camera(equidistant).project(SIMD3(row[0], row[1], row[2])))
      #expect((pixel - SIMD2(row[3], row[4])).length < 1e-9)
    }
  }

  @Test func aPinholesPixelIsByHand() throws {
    let pinhole = CameraModel(fx: 100, fy: 200, cx: 50, cy: 40, width: 100, height: 80)
    #expect(pinhole.project(SIMD3(1, 2, 4)) == SIMD2(75, 140))
    #expect(pinhole.project(SIMD3(1, 2, 0)) == nil && pinhole.project(SIMD3(1, 2, -1)) == nil)
    let ray = try #require(pinhole.unproject(SIMD2(75, 140)))
    #expect((ray - SIMD3(1, 2, 4) / SIMD3(1, 2, 4).length).length < 1e-15)
  }

  /// Every model's inverse, over every pixel of a coarse net over the image.
  @Test func unprojectingThenProjectingGivesThePixelBack() throws {
    for model in [camera(.none), camera(plumbBob), camera(equidistant)] {
      for u in stride(from: -0.5, through: 1599.5, by: 40) {
        for v in stride(from: -0.5, through: 899.5, by: 30) {
          let ray = try #require(model.unproject(SIMD2(u, v)), "\(model.distortion) at \(u), \(v)")
          #expect(abs(ray.length - 1) < 1e-12)
          let back = try #require(model.project(ray))
          #expect((back - SIMD2(u, v)).length < 1e-7, "\(model.distortion) at \(u), \(v)")
        }
      }
    }
  }

  @Test func aFisheyeSeesSidewaysAndBehind() throws {
    let fisheye = CameraModel(
      fx: 300, fy: 300, cx: 500, cy: 500, width: 1001, height: 1001,
      distortion: .equidistant(k1: 0, k2: 0, k3: 0, k4: 0))
    // Without distortion the radius is f θ: a right angle lies at 300 π / 2.
    let side = try #require(fisheye.project(SIMD3(1, 0, 0)))
    #expect((side - SIMD2(500 + 150 * .pi, 500)).length < 1e-9)
    let behind = SIMD3(0.5, 0.2, -0.4)
    let pixel = try #require(fisheye.project(behind))
    let ray = try #require(fisheye.unproject(pixel))
    #expect((ray - behind / behind.length).length < 1e-9)
    #expect(fisheye.project(SIMD3(0, 0, 2)) == SIMD2(500, 500))
    #expect(fisheye.project(SIMD3(0, 0, -2)) == nil)
  }

  @Test func pixelsThatNoDirectionHasGiveNil() {
    // Radial distortion that folds back: beyond the fold there is no inverse.
    let folding = CameraModel(
      fx: 500, fy: 500, cx: 0, cy: 0, width: 4000, height: 4000,
      distortion: .plumbBob(k1: -0.5, k2: 0, p1: 0, p2: 0, k3: 0))
    #expect(folding.unproject(SIMD2(3900, 3900)) == nil)
    let fisheye = CameraModel(
      fx: 100, fy: 100, cx: 0, cy: 0, width: 4000, height: 4000,
      distortion: .equidistant(k1: 0, k2: 0, k3: 0, k4: 0))
    #expect(fisheye.unproject(SIMD2(1000, 0)) == nil)
    #expect(camera(plumbBob).unproject(SIMD2(.nan, 0)) == nil)
  }

  @Test func theImageSpansHalfAPixelAroundItsCentres() {
    let pinhole = camera(.none)
    #expect(pinhole.contains(SIMD2(-0.5, -0.5)) && pinhole.contains(SIMD2(1599.4, 899.4)))
    #expect(!pinhole.contains(SIMD2(1599.5, 0)) && !pinhole.contains(SIMD2(0, 899.5)))
    #expect(!pinhole.contains(SIMD2(-0.51, 0)) && !pinhole.contains(SIMD2(.nan, 0)))
  }
}
