import Foundation
import Geometry

/// The ground's height with kerbs, smoothed over a step's length.
public struct KerbedGround: Sendable {
  private let ground: Ground
  /// Elevations above the smooth surface, each the mean of nine cells.
  private let raised: HeightField

  /// The surface over a grid; cells of the grid are the kerbs' resolution.
  public init(_ ground: Ground, over grid: BEVGrid) {
    self.ground = ground
    let elevations = [0] + ground.areas.map { Float($0.elevation) }
    let cells = ground.areaIndices(over: grid).map { elevations[Int($0)] }
    var means = cells
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        var sum: Float = 0
        for a in max(0, i - 1)...min(grid.countX - 1, i + 1) {
          for b in max(0, j - 1)...min(grid.countY - 1, j + 1) { sum += cells[grid.index(a, b)] }
        }
        means[grid.index(i, j)] = sum / 9
      }
    }
    raised = HeightField(
      minimumX: grid.center(0, 0).x, minimumY: grid.center(0, 0).y, spacing: grid.cellSize,
      countX: grid.countX,
      countY: grid.countY, values: means)
  }

  /// The height at a place, kerbs as ramps of about a metre.
  public func height(_ p: SIMD2<Double>) -> Double { ground.heights.height(p) + raised.height(p) }

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
