import Algorithms
import Glibc

/// What hangs on façades and stands before them: sign boards, awnings, balconies, boxes of air conditioners, drainpipes,
/// tubs with plants.
enum FacadeClutter {
  /// A wall and how to build out from it.
  private struct Wall {
    var start: SIMD2<Float>, along: SIMD2<Float>, outward: SIMD2<Float>

    func point(_ u: Float, _ out: Float, _ z: Float) -> SIMD3<Float> {
      let p = start + along * u + outward * out
      return SIMD3(p.x, p.y, z)
    }
  }

  /// Adds clutter to the wall between two corners (counter-clockwise seen from above), in metres.
  static func add(
    to mesh: inout TriangleMesh, from a: SIMD2<Float>, to b: SIMD2<Float>, height: Float, storey: Float,
    bay: Float,
    shops: Bool, _ random: inout CounterRandom
  ) {
    let edge = b - a
    let length = (edge * edge).sum().squareRoot()
    guard length > 4, height > 3 else { return }
    let along = edge / length
    let wall = Wall(start: a, along: along, outward: SIMD2(along.y, -along.x))
    let bays = max(1, Int(length / bay))
    let width = length / Float(bays)
    if shops { addShopFronts(&mesh, wall, bays, width, height, &random) }
    let floors = min(12, max(1, Int((height - 0.6) / storey)))
    let balconies = floors > 1 && random.uniform() < 0.3
    let balcony = Finish(.concrete, SIMD3(repeating: random.uniform(0.2, 0.5)))
    for floor in 1..<max(2, floors) where floor < floors {
      let z = Float(floor) * storey + 0.2
      for k in 0..<bays {
        let u = (Float(k) + 0.5) * width
        if balconies, k % 2 == 0 {
          box(&mesh, wall, u - 0.42 * width, u + 0.42 * width, 0, 1.1, z, z + 0.15, balcony)
          box(&mesh, wall, u - 0.42 * width, u + 0.42 * width, 1.05, 1.1, z + 0.15, z + 1, balcony)
        } else if random.uniform() < 0.05 {
          box(&mesh, wall, u - 0.4, u + 0.4, 0.05, 0.45, z, z + 0.6, Finish(.metal, 0.5, 0.5, 0.48))
        }
      }
    }
    var u: Float = 0.3
    while u < length {
      mesh.addTube(
        from: wall.point(u, 0.08, 0), to: wall.point(u, 0.08, height), radius: 0.055, segments: 4,
        capped: false,
        Finish(.metal, 0.2, 0.2, 0.19))
      u += random.uniform(7, 14)
    }
    for k in 0..<bays where random.uniform() < 0.12 {
      let u = (Float(k) + random.uniform(0.1, 0.4)) * width
      box(&mesh, wall, u, u + random.uniform(0.5, 1.4), 0.1, 0.6, 0, 0.5, Finish(.brick, 0.3, 0.15, 0.09))
      mesh.addEllipsoid(
        wall.point(u + 0.4, 0.35, 0.7), radii: SIMD3(0.4, 0.4, 0.35), Finish(.leaf, 0.05, 0.1, 0.03))
    }
  }

  /// Boards with stripes of another colour, as writing looks from afar, and awnings.
  private static func addShopFronts(
    _ mesh: inout TriangleMesh, _ wall: Wall, _ bays: Int, _ width: Float, _ height: Float,
    _ random: inout CounterRandom
  ) {
    let top = min(3.6, height - 0.2)
    let boards: [SIMD3<Float>] = [
      SIMD3(0.5, 0.04, 0.03), SIMD3(0.03, 0.09, 0.35), SIMD3(0.6, 0.45, 0.03), SIMD3(0.03, 0.2, 0.07),
      SIMD3(0.7, 0.7, 0.66), SIMD3(0.04, 0.04, 0.045), SIMD3(0.4, 0.12, 0.02), SIMD3(0.25, 0.05, 0.25),
    ]
    var k = 0
    while k < bays {
      let span = min(bays - k, 1 + random.index(3))
      let (u0, u1) = (Float(k) * width + 0.15, Float(k + span) * width - 0.15)
      k += span
      guard random.uniform() < 0.75, top > 3 else { continue }
      let color = boards[random.index(boards.count)] * random.uniform(0.6, 1.2)
      box(&mesh, wall, u0, u1, 0.02, 0.16, top - 0.7, top, Finish(.canvas, color))
      let bright = (color * SIMD3(0.3, 0.59, 0.11)).sum() > 0.25
      let writing = Finish(.canvas, SIMD3(repeating: bright ? 0.03 : 0.75))
      var u = u0 + 0.3
      let end = u0 + (u1 - u0) * random.uniform(0.5, 0.9)
      while u < end {
        let letter = random.uniform(0.1, 0.3)
        box(&mesh, wall, u, u + letter, 0.16, 0.17, top - 0.52, top - 0.18, writing)
        u += letter + random.uniform(0.06, 0.2)
      }
      if random.uniform() < 0.35 {
        let awning = Finish(.canvas, boards[random.index(boards.count)])
        mesh.addQuad(
          wall.point(u0, 0.1, top - 0.75), wall.point(u1, 0.1, top - 0.75), wall.point(u1, 1.5, top - 1.15),
          wall.point(u0, 1.5, top - 1.15), awning)
      }
    }
  }

  private static func box(
    _ mesh: inout TriangleMesh, _ wall: Wall, _ u0: Float, _ u1: Float, _ near: Float, _ far: Float,
    _ low: Float,
    _ high: Float, _ finish: Finish
  ) {
    func p(_ u: Float, _ out: Float, _ z: Float) -> SIMD3<Float> { wall.point(u, out, z) }
    mesh.addQuad(p(u0, far, low), p(u1, far, low), p(u1, far, high), p(u0, far, high), finish)
    mesh.addQuad(p(u0, near, low), p(u0, far, low), p(u0, far, high), p(u0, near, high), finish)
    mesh.addQuad(p(u1, far, low), p(u1, near, low), p(u1, near, high), p(u1, far, high), finish)
    mesh.addQuad(p(u0, near, high), p(u0, far, high), p(u1, far, high), p(u1, near, high), finish)
    mesh.addQuad(p(u0, far, low), p(u0, near, low), p(u1, near, low), p(u1, far, low), finish)
  }
}
