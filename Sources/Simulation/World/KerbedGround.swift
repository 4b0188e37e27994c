import Foundation
import Geometry

/// The ground's height with kerbs, smoothed over a step's length.
public struct KerbedGround: Sendable {
  private let ground: Ground
  private let grid: BEVGrid
  private let areas: [UInt16]

  /// The surface over a grid; cells of the grid are the kerbs' resolution.
  public init(_ ground: Ground, over grid: BEVGrid) {
    self.ground = ground
    self.grid = grid
    areas = ground.areaIndices(over: grid)
  }

  /// The height at a place, kerbs as ramps of about a metre.
  public func height(_ p: SIMD2<Double>) -> Double {
    var raised = 0.0
    for a in -2...2 {
      for b in -2...2 {
        guard let cell = grid.cell(x: p.x + 0.2 * Double(a), y: p.y + 0.2 * Double(b)) else { continue }
        let k = areas[grid.index(cell.i, cell.j)]
        if k > 0 { raised += ground.areas[Int(k) - 1].elevation }
      }
    }
    return ground.heights.height(p) + raised / 25
  }

  /// The height of the smooth surface alone.
  func smooth(_ p: SIMD2<Double>) -> Double { ground.heights.height(p) }

  /// A body's pose on the ground: upright over its heading, tilted as the smooth surface is.
  func pose(_ planar: PlanarPose, lift: Double, kerbs: Bool) -> RigidTransform {
    let normal = ground.heights.normal(planar.position)
    let axis = SIMD3(0.0, 0, 1).cross(normal)
    var rotation = Quaternion(yaw: planar.heading)
    if !kerbs, axis.length > 1e-6 {
      rotation = (Quaternion(angle: asin(min(1, axis.length)), axis: axis) * rotation).normalized
    }
    let base = kerbs ? height(planar.position) : smooth(planar.position)
    let translation = SIMD3(planar.position.x, planar.position.y, base) + rotation.rotate(SIMD3(0, 0, lift))
    return RigidTransform(rotation: rotation, translation: translation)
  }
}
