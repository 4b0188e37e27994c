import Algorithms
import Glibc

/// Buildings: walls with storeys of windows, a ground floor of shop fronts or doors, a parapet and a roof.
package enum BuildingMesh {
  /// A building of this size (width, length, height) on the origin.
  package static func make(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 51)
    var mesh = TriangleMesh()
    let (w, l, h) = (size.x / 2, size.y / 2, size.z)
    let walls: [Finish] = [
      Finish(.plaster, 0.55, 0.52, 0.46), Finish(.plaster, 0.62, 0.61, 0.58),
      Finish(.brick, 0.27, 0.12, 0.085),
      Finish(.concrete, 0.33, 0.33, 0.33), Finish(.plaster, 0.48, 0.40, 0.28),
      Finish(.brick, 0.36, 0.22, 0.15),
      Finish(.concrete, 0.24, 0.25, 0.27), Finish(.plaster, 0.36, 0.42, 0.40),
    ]
    let wall = walls[random.index(walls.count)]
    let isGlassTower = h > 18 && random.uniform() < 0.4
    let glass = Finish(.pane, SIMD3(0.03, 0.045, 0.06) * random.uniform(0.6, 1.5))
    let trim = Finish(.concrete, wall.color * random.uniform(0.55, 1.3))
    let roof = Finish(.roof, 0.22, 0.21, 0.2)
    let corners: [SIMD2<Float>] = [SIMD2(-l, -w), SIMD2(l, -w), SIMD2(l, w), SIMD2(-l, w)]
    let storey = isGlassTower ? 3.8 : random.uniform(3.0, 3.6)
    let bay = isGlassTower ? 1.6 : random.uniform(2.4, 4.2)
    let facade = Facade(
      storey: storey, bay: bay, windowWidth: isGlassTower ? 0.92 : random.uniform(0.38, 0.68),
      windowHeight: isGlassTower ? 0.86 : random.uniform(0.42, 0.62), glass: glass, trim: trim,
      hasShops: random.uniform() < 0.5)
    for k in 0..<4 {
      let (a, b) = (corners[k], corners[(k + 1) % 4])
      mesh.addQuad(
        SIMD3(a.x, a.y, -1.5), SIMD3(b.x, b.y, -1.5), SIMD3(b.x, b.y, h), SIMD3(a.x, a.y, h), wall)
      addWindows(&mesh, from: a, to: b, height: h, facade, &random)
    }
    mesh.addQuad(
      SIMD3(-l, -w, h - 0.4), SIMD3(l, -w, h - 0.4), SIMD3(l, w, h - 0.4), SIMD3(-l, w, h - 0.4), roof)
    if min(w, l) > 4 && h > 6 {
      mesh.addBox(
        SIMD3(-0.3 * l, -0.3 * w, h - 0.4), SIMD3(0.1 * l, 0.2 * w, h + 1.8), Finish(.concrete, 0.4, 0.4, 0.4)
      )
    }
    return mesh
  }

  private struct Facade {
    var storey: Float, bay: Float, windowWidth: Float, windowHeight: Float
    var glass: Finish, trim: Finish, hasShops: Bool
  }

  private static func addWindows(
    _ mesh: inout TriangleMesh, from a: SIMD2<Float>, to b: SIMD2<Float>, height: Float, _ facade: Facade,
    _ random: inout CounterRandom
  ) {
    let edge = b - a
    let length = (edge * edge).sum().squareRoot()
    guard length > 1.5, height > 2.4 else { return }
    let along = edge / length
    let outward = SIMD2<Float>(along.y, -along.x)
    func quad(_ u0: Float, _ v0: Float, _ u1: Float, _ v1: Float, _ proud: Float, _ finish: Finish) {
      func p(_ u: Float, _ v: Float) -> SIMD3<Float> {
        let q = a + along * u + outward * proud
        return SIMD3(q.x, q.y, v)
      }
      mesh.addQuad(p(u0, v0), p(u1, v0), p(u1, v1), p(u0, v1), finish)
    }
    let floors = max(1, Int((height - 0.6) / facade.storey))
    let bays = max(1, Int(length / facade.bay))
    let bay = length / Float(bays)
    for floor in 0..<min(floors, 40) {
      let z = Float(floor) * facade.storey + (floor == 0 ? 0.15 : 0.2)
      for k in 0..<bays {
        let u = (Float(k) + 0.5) * bay
        var width = bay * facade.windowWidth / 2
        var (low, high) = (
          z + (1 - facade.windowHeight) * 0.62 * facade.storey,
          z + facade.storey * (0.38 + 0.62 * facade.windowHeight)
        )
        if floor == 0 {
          if facade.hasShops {
            width = bay * 0.44
            (low, high) = (0.35, min(2.7, height - 0.3))
          } else if random.uniform() < 0.2 {
            width = min(0.9, bay * 0.4)
            (low, high) = (0, 2.2)
          }
        }
        high = min(high, height - 0.3)
        guard high - low > 0.3 else { continue }
        quad(u - width - 0.08, low - 0.08, u + width + 0.08, high + 0.08, 0.03, facade.trim)
        let isDrawn = random.uniform() < 0.12
        let pane = isDrawn ? Finish(.pane, 0.3, 0.29, 0.26) : facade.glass
        quad(u - width, low, u + width, high, 0.045, pane)
      }
    }
    quad(0, height - 0.35, length, height, 0.08, facade.trim)
  }
}
