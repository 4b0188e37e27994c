import Glibc

/// How far the sun's light reaches: for each texel of a plane across the light the surface nearest to the sun.
final class ShadowMap: @unchecked Sendable {
  // Written while it is made, then only read.
  private let side: Int
  private let texel: Float
  private let center: SIMD3<Float>
  private let across: SIMD3<Float>, along: SIMD3<Float>
  private let toSun: SIMD3<Float>
  private let reach: UnsafeMutablePointer<Float>

  /// An empty map of `side` x `side` texels of `texel` metres about a place.
  init(center: SIMD3<Float>, toSun: SIMD3<Float>, side: Int, texel: Float) {
    self.side = side
    self.texel = texel
    self.center = center
    self.toSun = toSun
    across = SIMD3<Float>(0, 0, 1).cross(toSun).unit
    along = toSun.cross(across)
    reach = UnsafeMutablePointer<Float>.allocate(capacity: side * side)
    reach.initialize(repeating: -1e9, count: side * side)
  }

  deinit { reach.deallocate() }

  @inline(__always)
  private func project(_ p: SIMD3<Float>) -> SIMD3<Float> {
    let d = p - center
    let half = Float(side) / 2
    return SIMD3(d.dot(across) / texel + half, d.dot(along) / texel + half, d.dot(toSun))
  }

  /// Adds a mesh whose positions are in the local frame after `place`.
  func add(_ mesh: TriangleMesh, place: (SIMD3<Float>) -> SIMD3<Float> = { $0 }) {
    let projected = mesh.positions.map { project(place($0)) }
    for (k, c) in mesh.corners.enumerated() where mesh.materials[k] != .glass {
      Rasterizer.scan(
        projected[Int(c.x)], projected[Int(c.y)], projected[Int(c.z)], width: side, height: side
      ) { y, x0, x1, value, step in
        var v = value
        let row = reach + y * side
        for x in x0...x1 {
          if v > row[x] { row[x] = v }
          v += step
        }
      }
    }
  }

  /// The share of the sun that a point sees, 0 to 1: four texels, each blocked or not, blended.
  @inline(__always)
  func light(_ p: SIMD3<Float>, bias: Float) -> Float {
    let q = project(p)
    let x = q.x - 0.5
    let y = q.y - 0.5
    guard x >= 0, y >= 0, x < Float(side - 2), y < Float(side - 2) else { return 1 }
    let (i, j) = (Int(x), Int(y))
    let (u, v) = (x - Float(i), y - Float(j))
    let limit = q.z + bias
    let a = reach + j * side + i
    let l00: Float = a[0] <= limit ? 1 : 0
    let l10: Float = a[1] <= limit ? 1 : 0
    let l01: Float = a[side] <= limit ? 1 : 0
    let l11: Float = a[side + 1] <= limit ? 1 : 0
    return (l00 * (1 - u) + l10 * u) * (1 - v) + (l01 * (1 - u) + l11 * u) * v
  }
}
