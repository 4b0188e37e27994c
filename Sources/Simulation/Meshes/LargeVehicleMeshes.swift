import Algorithms
import Glibc

/// Buses, trucks, trailers and construction vehicles: boxes with the parts that make them look and return like themselves.
package enum LargeVehicleMeshes {
  /// A bus that fills the box (width, length, height) about the origin, x forward.
  package static func bus(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 12)
    let bodies: [SIMD3<Float>] = [
      SIMD3(0.6, 0.6, 0.6), SIMD3(0.30, 0.03, 0.03), SIMD3(0.05, 0.22, 0.10), SIMD3(0.55, 0.5, 0.4),
    ]
    let paint = Finish(.carPaint, bodies[random.index(bodies.count)])
    let (l, w, h) = (size.y, size.x * 0.96, size.z)
    let panes = max(3, Int(l / 1.6))
    var mesh = TriangleMesh()
    let isTall = h > 3.9
    func p(_ x: Float, _ y: Float, _ z: Float) -> SIMD3<Float> { SIMD3(x * l / 2, y * w / 2, z * h) }
    let bands: [(Float, Float, Bool)] =
      isTall
      ? [(0.08, 0.26, false), (0.26, 0.44, true), (0.44, 0.60, false), (0.60, 0.84, true), (0.84, 1, false)]
      : [(0.1, 0.36, false), (0.36, 0.78, true), (0.78, 1, false)]
    for side: Float in [-1, 1] {
      for (low, high, isGlass) in bands {
        if isGlass {
          mesh.addFramedPanel(
            p(-1, side, low), p(1, side, low), p(1, side, high), p(-1, side, high), panes: panes,
            border: SIMD2(0.012, 0.03), frame: .blackPlastic, pane: .glass)
        } else {
          mesh.addQuad(p(-1, side, low), p(1, side, low), p(1, side, high), p(-1, side, high), paint)
        }
      }
    }
    for (x, bottom) in [(Float(1), Float(0.3)), (-1, 0.5)] {
      mesh.addQuad(p(x, -1, 0.1), p(x, 1, 0.1), p(x, 1, bottom), p(x, -1, bottom), paint)
      mesh.addFramedPanel(
        p(x, -1, bottom), p(x, 1, bottom), p(x, 1, 0.86), p(x, -1, 0.86), panes: 1, border: SIMD2(0.05, 0.04),
        frame: paint, pane: .glass)
      mesh.addQuad(p(x, -1, 0.86), p(x, 1, 0.86), p(x, 1, 1), p(x, -1, 1), .blackPlastic)
    }
    mesh.addQuad(p(-1, -1, 1), p(1, -1, 1), p(1, 1, 1), p(-1, 1, 1), paint)
    mesh.addQuad(p(-1, -1, 0.1), p(1, -1, 0.1), p(1, 1, 0.1), p(-1, 1, 0.1), .blackPlastic)
    let seat = Finish(.cloth, 0.04, 0.05, 0.09)
    for k in 0..<panes {
      let x = -l / 2 + l * (Float(k) + 0.5) / Float(panes)
      for y in [-0.3 * w, 0.3 * w] {
        mesh.addBox(SIMD3(x - 0.06, y - 0.4, 0.3 * h), SIMD3(x + 0.06, y + 0.4, 0.48 * h), seat)
      }
    }
    addAxles(&mesh, at: [-0.27 * l, 0.30 * l], halfWidth: w / 2, radius: min(0.5, 0.16 * h))
    addLights(&mesh, halfLength: l / 2, halfWidth: w / 2, low: 0.16 * h)
    addMirrors(&mesh, x: l / 2 - 0.1, halfWidth: size.x / 2, z: 0.62 * h)
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// A truck that fills the box (width, length, height) about the origin: cab and box body, flat bed or tank.
  package static func truck(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 13)
    if size.z < 2.05 { return CarMesh.make(size: size, style: .pickup, paint: CarMesh.paint(&random)) }
    if size.y < 6 && size.z < 2.7 {
      return CarMesh.make(size: size, style: .van, paint: CarMesh.paint(&random))
    }
    let (l, w, h) = (size.y, size.x * 0.95, size.z)
    var mesh = TriangleMesh()
    let paint = CarMesh.paint(&random)
    let cabLength = min(2.2, 0.3 * l)
    let cabHeight = min(h, max(2.4, 0.8 * h))
    addCab(&mesh, front: l / 2, length: cabLength, width: w, height: cabHeight, paint)
    let floor: Float = min(1.1, 0.35 * h)
    let cargoEnd = l / 2 - cabLength - 0.15
    let cargo = random.uniform()
    let body = Finish(.canvas, cargo < 0.7 ? SIMD3(0.6, 0.6, 0.58) : SIMD3(0.12, 0.2, 0.34))
    if cargo < 0.75 {
      mesh.addBox(SIMD3(-l / 2, -w / 2, floor), SIMD3(cargoEnd, w / 2, h), body)
      mesh.addQuad(
        SIMD3(-l / 2 - 0.01, -0.02, floor), SIMD3(-l / 2 - 0.01, 0.02, floor), SIMD3(-l / 2 - 0.01, 0.02, h),
        SIMD3(-l / 2 - 0.01, -0.02, h), .blackPlastic)
    } else {
      mesh.addBox(SIMD3(-l / 2, -w / 2, floor), SIMD3(cargoEnd, w / 2, floor + 0.15), .greyMetal)
      for k in 0..<3 {
        let x0 = -l / 2 + 0.3 + Float(k) * (cargoEnd + l / 2) / 3
        let top = floor + 0.4 + random.uniform() * (h - floor - 0.4)
        mesh.addBox(
          SIMD3(x0, -0.4 * w, floor + 0.15), SIMD3(x0 + 0.28 * (cargoEnd + l / 2), 0.4 * w, k == 0 ? h : top),
          Finish(.wood, 0.3, 0.2, 0.11))
      }
    }
    mesh.addBox(SIMD3(-l / 2 + 0.1, -0.35 * w, 0.5), SIMD3(l / 2 - 0.4, 0.35 * w, floor), .blackPlastic)
    let radius = min(0.5, 0.17 * h)
    var axles = [l / 2 - cabLength * 0.6, -l / 2 + 0.22 * l]
    if l > 8 { axles.append(-l / 2 + 0.22 * l + 1.25) }
    addAxles(&mesh, at: axles, halfWidth: w / 2, radius: radius)
    addLights(&mesh, halfLength: l / 2, halfWidth: w / 2, low: 0.7)
    addMirrors(&mesh, x: l / 2 - 0.15, halfWidth: size.x / 2, z: 0.75 * cabHeight)
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// A trailer that fills the box: a box body on wheels at the rear, with legs in front.
  package static func trailer(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 14)
    let (l, w, h) = (size.y, size.x, size.z)
    var mesh = TriangleMesh()
    let floor = min(1.15, 0.35 * h)
    let grey = 0.3 + 0.4 * random.uniform()
    let body = Finish(.canvas, SIMD3(repeating: grey))
    mesh.addBox(SIMD3(-l / 2, -w / 2, floor), SIMD3(l / 2, w / 2, h), body)
    for k in 1..<max(2, Int(l / 1.2)) {
      let x = -l / 2 + Float(k) * 1.2
      mesh.addBox(SIMD3(x, -w / 2 - 0.02, floor), SIMD3(x + 0.06, w / 2 + 0.02, h - 0.05), .greyMetal)
    }
    mesh.addBox(SIMD3(-l / 2 + 0.2, -0.3 * w, 0.7 * floor), SIMD3(l / 2 - 0.2, 0.3 * w, floor), .blackPlastic)
    let radius = min(0.5, 0.42 * floor)
    addAxles(
      &mesh, at: l > 6 ? [-0.32 * l, -0.32 * l + 1.2, -0.32 * l + 2.4] : [-0.1 * l], halfWidth: w / 2,
      radius: radius)
    for y in [-0.3 * w, 0.3 * w] {
      mesh.addTube(from: SIMD3(0.3 * l, y, 0), to: SIMD3(0.3 * l, y, floor), radius: 0.07, .greyMetal)
    }
    for y in [-0.42 * w, 0.42 * w] {
      let x = -l / 2 - 0.012
      mesh.addQuad(
        SIMD3(x, y - 0.15, 0.75 * floor), SIMD3(x, y + 0.15, 0.75 * floor), SIMD3(x, y + 0.15, 0.95 * floor),
        SIMD3(x, y - 0.15, 0.95 * floor), .taillight)
    }
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// A construction vehicle that fills the box: tracks or wheels, a cab, an engine and a boom with a bucket.
  package static func construction(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 15)
    let (l, w, h) = (size.y, size.x, size.z)
    var mesh = TriangleMesh()
    let yellows: [SIMD3<Float>] = [SIMD3(0.62, 0.36, 0.02), SIMD3(0.6, 0.2, 0.02), SIMD3(0.05, 0.25, 0.10)]
    let paint = Finish(.carPaint, yellows[random.index(3)])
    let base = 0.28 * h
    let hasTracks = random.uniform() < 0.6
    for side: Float in [-1, 1] {
      if hasTracks {
        let y = side * (w / 2 - 0.22)
        mesh.addBox(SIMD3(-0.42 * l, y - 0.22, 0.05), SIMD3(0.25 * l, y + 0.22, base), .tyre)
      }
    }
    if !hasTracks { addAxles(&mesh, at: [-0.3 * l, 0.2 * l], halfWidth: w / 2, radius: 0.75 * base) }
    mesh.addBox(SIMD3(-l / 2, -0.46 * w, base), SIMD3(-0.05 * l, 0.46 * w, 0.62 * h), paint)
    let (x0, x1, y0, y1) = (-0.12 * l, 0.18 * l, -0.05 * w, 0.46 * w)
    let post = Finish.blackPlastic
    func panel(_ ax: Float, _ ay: Float, _ bx: Float, _ by: Float) {
      mesh.addFramedPanel(
        SIMD3(ax, ay, base), SIMD3(bx, by, base), SIMD3(bx, by, 0.97 * h), SIMD3(ax, ay, 0.97 * h), panes: 1,
        border: SIMD2(0.1, 0.14), frame: paint, pane: .glass)
    }
    panel(x0, y0, x1, y0)
    panel(x0, y1, x1, y1)
    panel(x1, y0, x1, y1)
    panel(x0, y0, x0, y1)
    mesh.addBox(SIMD3(x0, y0, 0.96 * h), SIMD3(x1, y1, h), post)
    let root = SIMD3<Float>(0.05 * l, -0.25 * w, 0.45 * h)
    let elbow = SIMD3<Float>(0.3 * l, -0.25 * w, 0.93 * h)
    let tip = SIMD3<Float>(0.45 * l, -0.25 * w, 0.3 * h)
    mesh.addTube(from: root, to: elbow, radius: 0.16, segments: 6, paint)
    mesh.addTube(from: elbow, to: tip, radius: 0.13, segments: 6, paint)
    mesh.addBox(SIMD3(0.36 * l, -0.48 * w, 0.02 * h), SIMD3(l / 2, 0.1 * w, 0.28 * h), .greyMetal)
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  private static func addCab(
    _ mesh: inout TriangleMesh, front: Float, length: Float, width: Float, height: Float, _ paint: Finish
  ) {
    let (x0, x1, w) = (front - length, front, width / 2)
    let (low, belt) = (Float(0.45), 0.56 * height)
    for y in [-w, w] {
      mesh.addQuad(
        SIMD3(x0, y, low), SIMD3(x1, y, low), SIMD3(x1, y, belt), SIMD3(x0, y, belt), paint)
      mesh.addFramedPanel(
        SIMD3(x0, y, belt), SIMD3(x1, y, belt), SIMD3(x1 - 0.15, y, height), SIMD3(x0, y, height), panes: 1,
        border: SIMD2(0.16, 0.14), frame: paint, pane: .glass)
    }
    mesh.addQuad(SIMD3(x1, -w, low), SIMD3(x1, w, low), SIMD3(x1, w, belt), SIMD3(x1, -w, belt), paint)
    mesh.addFramedPanel(
      SIMD3(x1, -w, belt), SIMD3(x1, w, belt), SIMD3(x1 - 0.15, w, height), SIMD3(x1 - 0.15, -w, height),
      panes: 1,
      border: SIMD2(0.05, 0.1), frame: paint, pane: .glass)
    mesh.addQuad(SIMD3(x0, -w, low), SIMD3(x0, w, low), SIMD3(x0, w, height), SIMD3(x0, -w, height), paint)
    mesh.addQuad(
      SIMD3(x0, -w, height), SIMD3(x1 - 0.15, -w, height), SIMD3(x1 - 0.15, w, height), SIMD3(x0, w, height),
      paint)
    let grille = x1 + 0.01
    mesh.addQuad(
      SIMD3(grille, -0.6 * w, 0.7), SIMD3(grille, 0.6 * w, 0.7), SIMD3(grille, 0.6 * w, belt - 0.2),
      SIMD3(grille, -0.6 * w, belt - 0.2), .blackPlastic)
    let seat = Finish(.cloth, 0.03, 0.03, 0.03)
    mesh.addBox(SIMD3(x0 + 0.2, -0.8 * w, belt - 0.6), SIMD3(x0 + 0.5, 0.8 * w, belt + 0.3), seat)
  }

  private static func addAxles(_ mesh: inout TriangleMesh, at axles: [Float], halfWidth: Float, radius: Float)
  {
    for x in axles {
      for side: Float in [-1, 1] {
        mesh.addWheel(SIMD3(x, side * (halfWidth - 0.15), radius), radius: radius, width: 0.3)
      }
    }
  }

  private static func addLights(_ mesh: inout TriangleMesh, halfLength: Float, halfWidth: Float, low: Float) {
    for side: Float in [-1, 1] {
      for (x, finish) in [(halfLength + 0.012, Finish.headlight), (-halfLength - 0.012, .taillight)] {
        let (y0, y1) = (side * halfWidth * 0.6, side * halfWidth * 0.95)
        mesh.addQuad(
          SIMD3(x, y0, low), SIMD3(x, y1, low), SIMD3(x, y1, low + 0.22), SIMD3(x, y0, low + 0.22), finish)
      }
    }
    for x in [halfLength + 0.013, -halfLength - 0.013] {
      mesh.addQuad(
        SIMD3(x, -0.26, low - 0.12), SIMD3(x, 0.26, low - 0.12), SIMD3(x, 0.26, low), SIMD3(x, -0.26, low),
        .plate)
    }
  }

  private static func addMirrors(_ mesh: inout TriangleMesh, x: Float, halfWidth: Float, z: Float) {
    for side: Float in [-1, 1] {
      let (a, b) = (side * (halfWidth - 0.12), side * halfWidth)
      mesh.addBox(SIMD3(x, min(a, b), z - 0.25), SIMD3(x + 0.08, max(a, b), z + 0.25), .blackPlastic)
    }
  }
}
