import Algorithms
import Glibc

/// Cones, barriers and whatever else lies or stands on roads as an annotated object.
package enum RoadObjectMeshes {
  /// A traffic cone with a white band on a square foot, about the origin.
  package static func cone(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var mesh = TriangleMesh()
    let h = size.z
    let orange = Finish(.conePlastic, 0.75, 0.13, 0.02)
    let white = Finish(.retroreflector, 0.75, 0.75, 0.75)
    let foot = SIMD3<Float>(size.y / 2, size.x / 2, 0.04)
    mesh.addBox(SIMD3(-foot.x, -foot.y, 0), foot, Finish(.plastic, 0.03, 0.03, 0.03))
    let base = 0.4 * min(size.x, size.y)
    func radius(_ v: Float) -> Float { base * (1 - v) + 0.03 * v }
    for (a, b, finish) in [
      (Float(0.04), Float(0.45), orange), (0.45, 0.62, white), (0.62, 0.75, orange), (0.75, 0.86, white),
      (0.86, 1, orange),
    ] {
      mesh.addTube(
        from: SIMD3(0, 0, a * h), to: SIMD3(0, 0, b * h), radius: radius(a), endRadius: radius(b),
        segments: 10,
        capped: b == 1, finish)
    }
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// A barrier as at road works, its long side along the wider of width and length: water-filled plastic or concrete.
  package static func barrier(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 31)
    var mesh = TriangleMesh()
    let kind = random.uniform()
    let finish: Finish
    if kind < 0.7 {
      finish =
        random.uniform() < 0.5
        ? Finish(.conePlastic, 0.55, 0.09, 0.04) : Finish(.conePlastic, 0.62, 0.62, 0.6)
    } else {
      finish = Finish(.concrete, 0.35, 0.34, 0.32)
    }
    // A profile of New Jersey: wide foot, steep sides, along y.
    let profile: [SIMD2<Float>] = [SIMD2(0.5, 0), SIMD2(0.5, 0.12), SIMD2(0.3, 0.4), SIMD2(0.18, 1)]
    let alongY = size.x >= size.y
    let half: Float = 0.5
    for (p, q) in zip(profile, profile.dropFirst()) {
      for side: Float in [-1, 1] {
        mesh.addQuad(
          SIMD3(side * p.x, -half, p.y), SIMD3(side * p.x, half, p.y), SIMD3(side * q.x, half, q.y),
          SIMD3(side * q.x, -half, q.y), finish)
      }
      for y in [-half, half] {
        mesh.addQuad(
          SIMD3(-p.x, y, p.y), SIMD3(p.x, y, p.y), SIMD3(q.x, y, q.y), SIMD3(-q.x, y, q.y), finish)
      }
    }
    mesh.addQuad(
      SIMD3(-0.18, -half, 1), SIMD3(0.18, -half, 1), SIMD3(0.18, half, 1), SIMD3(-0.18, half, 1), finish)
    if kind < 0.7 {
      for side: Float in [-1, 1] {
        mesh.addQuad(
          SIMD3(side * 0.235, -0.1, 0.62), SIMD3(side * 0.235, 0.1, 0.62), SIMD3(side * 0.205, 0.1, 0.82),
          SIMD3(side * 0.205, -0.1, 0.82), Finish(.retroreflector, 0.7, 0.7, 0.7))
      }
    }
    let turned = alongY ? mesh : mesh.mapped { SIMD3($0.y, $0.x, $0.z) }
    return turned.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// Any other annotated thing: a cart, a heap, an animal's body; a rounded box in a dull colour.
  package static func other(size: SIMD3<Float>, seed: UInt64, category: String) -> TriangleMesh {
    var random = CounterRandom(seed, 32)
    var mesh = TriangleMesh()
    let grey = 0.05 + 0.3 * random.uniform()
    let finish = Finish(.plastic, grey * 1.1, grey, grey * 0.8)
    if category == "animal" {
      mesh.addEllipsoid(SIMD3(0, 0, 0.62), radii: SIMD3(0.4, 0.2, 0.24), Finish(.hair, 0.2, 0.13, 0.07))
      mesh.addEllipsoid(SIMD3(0.42, 0, 0.85), radii: SIMD3(0.16, 0.12, 0.15), Finish(.hair, 0.2, 0.13, 0.07))
      for x: Float in [-0.28, 0.28] {
        for y: Float in [-0.1, 0.1] {
          mesh.addTube(
            from: SIMD3(x, y, 0), to: SIMD3(x, y, 0.5), radius: 0.06, segments: 6,
            Finish(.hair, 0.2, 0.13, 0.07))
        }
      }
    } else {
      mesh.addBox(SIMD3(-0.5, -0.5, 0.15), SIMD3(0.5, 0.5, 0.75), finish)
      mesh.addBox(SIMD3(-0.4, -0.4, 0.75), SIMD3(0.3, 0.4, 1), finish)
      for x: Float in [-0.4, 0.4] {
        mesh.addTube(from: SIMD3(x, -0.45, 0.08), to: SIMD3(x, 0.45, 0.08), radius: 0.08, .tyre)
      }
    }
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }
}
