import Algorithms
import Glibc

/// Trees and bushes: a trunk with branches and a crown of leaves that lets light and laser through.
package enum PlantMeshes {
  /// A tree of this size (width, length, height) on the origin; `leaves` triangles in its crown.
  package static func tree(size: SIMD3<Float>, seed: UInt64, leaves: Int) -> TriangleMesh {
    var random = CounterRandom(seed, 41)
    var mesh = TriangleMesh()
    let h = size.z
    let trunkHeight = h * random.uniform(0.26, 0.38)
    let trunk = max(0.07, min(0.35, 0.022 * h + 0.03))
    let bark = Finish(.bark, SIMD3(0.12, 0.085, 0.06) * random.uniform(0.7, 1.2))
    let top = SIMD3<Float>(random.uniform(-0.2, 0.2), random.uniform(-0.2, 0.2), 0.62 * h)
    mesh.addTube(
      from: SIMD3(0, 0, -0.2), to: SIMD3(top.x * 0.4, top.y * 0.4, trunkHeight), radius: trunk,
      endRadius: 0.8 * trunk, segments: 8, capped: false, bark)
    mesh.addTube(
      from: SIMD3(top.x * 0.4, top.y * 0.4, trunkHeight), to: top, radius: 0.8 * trunk,
      endRadius: 0.3 * trunk,
      segments: 6, capped: false, bark)
    let crownBase = trunkHeight * 0.85
    let center = SIMD3<Float>(0, 0, (h + crownBase) / 2)
    let radii = SIMD3<Float>(size.y / 2, size.x / 2, (h - crownBase) / 2)
    var blobs: [(SIMD3<Float>, Float)] = []
    for k in 0..<9 {
      let angle = 2.4 * Float(k) + random.uniform()
      let reach = k == 0 ? 0 : random.uniform(0.35, 0.68)
      let z = random.uniform(-0.55, 0.6)
      let flat = (1 - z * z).squareRoot() * reach
      let blob = center + radii * SIMD3(cos(angle) * flat, sin(angle) * flat, z)
      blobs.append((blob, random.uniform(0.36, 0.5)))
      if k < 6 {
        mesh.addTube(
          from: SIMD3(0, 0, trunkHeight * random.uniform(0.8, 1.2)), to: blob, radius: 0.3 * trunk,
          endRadius: 0.1 * trunk, segments: 4, capped: false, bark)
      }
    }
    let green = SIMD3<Float>(0.055, 0.105, 0.028) * random.uniform(0.7, 1.3)
    let warm = random.uniform(-0.15, 0.25)
    let tint = SIMD3<Float>(green.x * (1 + warm), green.y, green.z)
    // The leaves' whole area stays the same whatever their number.
    let area = 5.2 * (radii.x * radii.y + radii.x * radii.z + radii.y * radii.z)
    let side = (area / Float(max(leaves, 1)) * 2.3).squareRoot()
    for k in 0..<leaves {
      let (blob, share) = blobs[k % blobs.count]
      let direction = randomDirection(&random)
      let depth = 1 - 0.55 * random.uniform() * random.uniform()
      let p = blob + radii * direction * (share * depth)
      let shade = 0.75 + 0.35 * (direction.z + 1) / 2 + random.uniform(-0.15, 0.2)
      addLeaf(&mesh, at: p, side: side * random.uniform(0.7, 1.3), Finish(.leaf, tint * shade), &random)
    }
    return mesh
  }

  /// A bush or a piece of hedge of this size on the origin.
  package static func bush(size: SIMD3<Float>, seed: UInt64, leaves: Int) -> TriangleMesh {
    var random = CounterRandom(seed, 42)
    var mesh = TriangleMesh()
    let green = SIMD3<Float>(0.05, 0.10, 0.025) * random.uniform(0.7, 1.4)
    let radii = SIMD3<Float>(size.y / 2, size.x / 2, size.z)
    let area = 2 * (size.x * size.y + 2 * size.z * (size.x + size.y))
    let side = (area / Float(max(leaves, 1)) * 1.7).squareRoot()
    for _ in 0..<leaves {
      var d = randomDirection(&random)
      // Towards a box: hedges are trimmed.
      let largest = max(abs(d.x), abs(d.y), abs(d.z))
      d = d * (0.55 + 0.45 / largest)
      d.z = abs(d.z)
      d = d * random.uniform(0.72, 1)
      d = SIMD3(min(max(d.x, -1), 1), min(max(d.y, -1), 1), min(d.z, 1))
      let shade = 0.7 + 0.4 * d.z + random.uniform(-0.15, 0.2)
      addLeaf(
        &mesh, at: radii * d * SIMD3(1, 1, 0.97), side: side * random.uniform(0.7, 1.3),
        Finish(.leaf, green * shade), &random)
    }
    return mesh
  }

  private static func randomDirection(_ random: inout CounterRandom) -> SIMD3<Float> {
    let z = random.uniform(-1, 1)
    let a = random.uniform(0, 2 * .pi)
    let r = (1 - z * z).squareRoot()
    return SIMD3(r * cos(a), r * sin(a), z)
  }

  private static func addLeaf(
    _ mesh: inout TriangleMesh, at p: SIMD3<Float>, side: Float, _ finish: Finish,
    _ random: inout CounterRandom
  ) {
    let u = randomDirection(&random)
    let v = u.cross(randomDirection(&random)).unit
    mesh.addTriangle(
      p + u * (0.58 * side), p - u * (0.29 * side) + v * (side / 2), p - u * (0.29 * side) - v * (side / 2),
      finish)
  }
}
