import Algorithms
import Glibc

/// Poles, lights, signals, signs, fences, walls, benches, hydrants, bins and shelters; on the origin, x along the length.
package enum StreetFurnitureMeshes {
  /// The mesh of a prop that is neither building nor plant; size is (width, length, height) in metres.
  package static func make(_ kind: Prop.Kind, size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 61)
    var mesh = TriangleMesh()
    let (w, l, h) = (size.x, size.y, size.z)
    switch kind {
    case .streetLight: addStreetLight(&mesh, reach: max(w, 0.5), height: h)
    case .trafficLight: addTrafficLight(&mesh, reach: w, height: h, &random)
    case .sign: addSign(&mesh, size, &random)
    case .pole:
      mesh.addTube(
        from: SIMD3(0, 0, -0.2), to: SIMD3(0, 0, h), radius: max(0.03, min(w, l) / 2),
        endRadius: max(0.025, min(w, l) / 2.6),
        h > 6 ? Finish(.wood, 0.16, 0.11, 0.075) : .greyMetal)
    case .fence: addFence(&mesh, size, &random)
    case .wall, .building, .tree, .bush:
      let finishes = [
        Finish(.concrete, 0.36, 0.35, 0.33), Finish(.brick, 0.28, 0.14, 0.1),
        Finish(.plaster, 0.45, 0.42, 0.36),
        Finish(.plastic, 0.05, 0.06, 0.055),
      ]
      let finish = finishes[random.index(finishes.count)]
      mesh.addBox(SIMD3(-l / 2, -w / 2, -0.4), SIMD3(l / 2, w / 2, h), finish)
    case .bench: addBench(&mesh, size)
    case .hydrant:
      let red = Finish(.plastic, 0.45, 0.03, 0.02)
      mesh.addTube(from: .zero, to: SIMD3(0, 0, 0.75 * h), radius: 0.3 * w, red)
      mesh.addEllipsoid(SIMD3(0, 0, 0.75 * h), radii: SIMD3(0.32 * l, 0.32 * w, 0.25 * h), red)
      mesh.addTube(from: SIMD3(0, -w / 2, 0.55 * h), to: SIMD3(0, w / 2, 0.55 * h), radius: 0.13 * w, red)
    case .bin:
      let green = Finish(.plastic, 0.03, 0.09 + 0.1 * random.uniform(), 0.05)
      mesh.addTube(
        from: .zero, to: SIMD3(0, 0, 0.9 * h), radius: 0.42 * min(w, l), endRadius: 0.5 * min(w, l), green)
      mesh.addTube(
        from: SIMD3(0, 0, 0.9 * h), to: SIMD3(0, 0, h), radius: 0.5 * min(w, l), endRadius: 0.2 * min(w, l),
        green)
    case .busShelter: addShelter(&mesh, size)
    }
    return mesh
  }

  private static func addStreetLight(_ mesh: inout TriangleMesh, reach: Float, height h: Float) {
    let pole = Finish(.metal, 0.26, 0.27, 0.27)
    mesh.addTube(from: SIMD3(0, 0, -0.2), to: SIMD3(0, 0, 0.9), radius: 0.13, pole)
    mesh.addTube(from: SIMD3(0, 0, 0.9), to: SIMD3(0, 0, 0.93 * h), radius: 0.095, endRadius: 0.055, pole)
    mesh.addTube(
      from: SIMD3(0, 0, 0.93 * h), to: SIMD3(0, -0.4 * reach, 0.985 * h), radius: 0.05, endRadius: 0.04,
      segments: 6, pole)
    mesh.addTube(
      from: SIMD3(0, -0.4 * reach, 0.985 * h), to: SIMD3(0, -reach, h), radius: 0.04, segments: 6, pole)
    mesh.addBox(
      SIMD3(-0.14, -reach - 0.3, h - 0.1), SIMD3(0.14, -reach + 0.25, h + 0.03),
      Finish(.plastic, 0.3, 0.3, 0.3))
  }

  private static func addTrafficLight(
    _ mesh: inout TriangleMesh, reach: Float, height h: Float, _ random: inout CounterRandom
  ) {
    let pole = Finish(.metal, 0.2, 0.21, 0.2)
    mesh.addTube(from: SIMD3(0, 0, -0.2), to: SIMD3(0, 0, h), radius: 0.1, endRadius: 0.08, pole)
    var heads: [SIMD3<Float>] = [SIMD3(0.12, 0, min(h - 0.5, 3))]
    if reach > 1.5 {
      mesh.addTube(
        from: SIMD3(0, 0, h - 0.15), to: SIMD3(0, -reach, h), radius: 0.07, endRadius: 0.05, segments: 6, pole
      )
      heads.append(SIMD3(0.1, -reach + 0.2, h - 0.2))
      heads.append(SIMD3(0.1, -0.55 * reach, h - 0.25))
    }
    let lit = random.index(3)
    let lamps: [SIMD3<Float>] = [SIMD3(0.9, 0.03, 0.02), SIMD3(0.9, 0.5, 0.02), SIMD3(0.05, 0.8, 0.35)]
    for head in heads {
      let low = head + SIMD3(-0.12, -0.17, -0.5)
      mesh.addBox(low, head + SIMD3(0.08, 0.17, 0.5), Finish(.plastic, 0.02, 0.025, 0.02))
      for k in 0..<3 {
        let c = head + SIMD3(0.09, 0, 0.32 - 0.32 * Float(k))
        let color = k == lit ? lamps[k] : lamps[k] * 0.06
        let p = (0..<6).map { c + SIMD3(0, cos(Float($0) * .pi / 3), sin(Float($0) * .pi / 3)) * 0.11 }
        for j in 1..<5 {
          mesh.addTriangle(p[0], p[j], p[j + 1], Finish(k == lit ? .taillight : .glass, color))
        }
      }
    }
  }

  private static func addSign(_ mesh: inout TriangleMesh, _ size: SIMD3<Float>, _ random: inout CounterRandom)
  {
    let h = size.z
    mesh.addTube(from: SIMD3(0, 0, -0.2), to: SIMD3(0, 0, h), radius: 0.035, segments: 6, .greyMetal)
    let faces: [SIMD3<Float>] = [
      SIMD3(0.7, 0.7, 0.68), SIMD3(0.5, 0.02, 0.02), SIMD3(0.02, 0.1, 0.4), SIMD3(0.7, 0.5, 0.02),
      SIMD3(0.02, 0.2, 0.08),
    ]
    let face = Finish(.retroreflector, faces[random.index(faces.count)])
    let half = max(0.25, size.x / 2)
    let z = h - half
    let x: Float = 0.045
    switch random.index(3) {
    case 0:
      let p = (0..<10).map { k -> SIMD3<Float> in
        let a = Float(k) * 2 * .pi / 10
        return SIMD3(x, cos(a) * half, z + sin(a) * half)
      }
      for k in 1..<9 { mesh.addTriangle(p[0], p[k], p[k + 1], face) }
    case 1:
      mesh.addTriangle(SIMD3(x, -half, z - half), SIMD3(x, half, z - half), SIMD3(x, 0, z + half), face)
    default:
      mesh.addQuad(
        SIMD3(x, -half, z - half), SIMD3(x, half, z - half), SIMD3(x, half, z + half),
        SIMD3(x, -half, z + half), face)
      mesh.addQuad(
        SIMD3(x + 0.005, -0.7 * half, z - 0.25 * half), SIMD3(x + 0.005, 0.7 * half, z - 0.25 * half),
        SIMD3(x + 0.005, 0.7 * half, z + 0.2 * half), SIMD3(x + 0.005, -0.7 * half, z + 0.2 * half),
        Finish(.retroreflector, 0.05, 0.05, 0.05))
    }
  }

  private static func addFence(
    _ mesh: inout TriangleMesh, _ size: SIMD3<Float>, _ random: inout CounterRandom
  ) {
    let (l, h) = (size.y, size.z)
    let dark = Finish(.metal, SIMD3(repeating: random.uniform() < 0.6 ? 0.03 : 0.3))
    let posts = max(1, Int(l / 2.5))
    for k in 0...posts {
      let x = -l / 2 + l * Float(k) / Float(posts)
      mesh.addTube(from: SIMD3(x, 0, -0.3), to: SIMD3(x, 0, h), radius: 0.035, segments: 6, dark)
    }
    for z in [0.12 * h, 0.94 * h] {
      mesh.addBox(SIMD3(-l / 2, -0.02, z - 0.02), SIMD3(l / 2, 0.02, z + 0.02), dark)
    }
    let bars = min(600, Int(l / 0.13))
    for k in 0..<max(1, bars) {
      let x = -l / 2 + l * (Float(k) + 0.5) / Float(max(1, bars))
      for (dx, dy) in [(Float(0.012), Float(0)), (0, 0.012)] {
        mesh.addQuad(
          SIMD3(x - dx, -dy, 0.1 * h), SIMD3(x + dx, dy, 0.1 * h), SIMD3(x + dx, dy, 0.95 * h),
          SIMD3(x - dx, -dy, 0.95 * h), dark)
      }
    }
  }

  private static func addBench(_ mesh: inout TriangleMesh, _ size: SIMD3<Float>) {
    let (w, l, h) = (size.x, size.y, size.z)
    let wood = Finish(.wood, 0.24, 0.14, 0.07)
    mesh.addBox(SIMD3(-l / 2, -w / 2, 0.45 * h), SIMD3(l / 2, 0.3 * w, 0.52 * h), wood)
    mesh.addBox(SIMD3(-l / 2, 0.35 * w, 0.55 * h), SIMD3(l / 2, w / 2, h), wood)
    for x in [-0.42 * l, 0.42 * l] {
      mesh.addBox(SIMD3(x - 0.04, -w / 2, 0), SIMD3(x + 0.04, w / 2, 0.46 * h), .greyMetal)
    }
  }

  private static func addShelter(_ mesh: inout TriangleMesh, _ size: SIMD3<Float>) {
    let (w, l, h) = (size.x, size.y, size.z)
    mesh.addBox(SIMD3(-l / 2, -w / 2, h - 0.15), SIMD3(l / 2, w / 2, h), Finish(.metal, 0.2, 0.2, 0.22))
    for x in [-0.47 * l, 0, 0.47 * l] {
      mesh.addTube(
        from: SIMD3(x, 0.42 * w, 0), to: SIMD3(x, 0.42 * w, h), radius: 0.05, segments: 6, .greyMetal)
    }
    mesh.addFramedPanel(
      SIMD3(-l / 2, 0.45 * w, 0.2), SIMD3(l / 2, 0.45 * w, 0.2), SIMD3(l / 2, 0.45 * w, h - 0.2),
      SIMD3(-l / 2, 0.45 * w, h - 0.2), panes: 3, border: SIMD2(0.02, 0.04), frame: .greyMetal,
      pane: Finish(.pane, 0.05, 0.06, 0.07))
    mesh.addBox(
      SIMD3(-0.4 * l, 0.05 * w, 0.42), SIMD3(0.4 * l, 0.3 * w, 0.48), Finish(.wood, 0.24, 0.14, 0.07))
  }
}
