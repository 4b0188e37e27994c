import Algorithms
import Glibc

/// Cars: a lofted body with wheel arches, a cabin with windows one can see through, seats, lights, plates and mirrors.
package enum CarMesh {
  /// The side profile of a kind of car, as shares of length (x from rear 0 to front 1) and height.
  struct Style {
    /// Stations along the lower body: x, top, half-width share.
    var body: [SIMD3<Float>]
    /// Where the cabin's base begins and ends, and its roof.
    var baseRear: Float, roofRear: Float, roofFront: Float, baseFront: Float
    /// Height of the belt (where windows begin), the roof's half-width share, panes a side, an open bed behind.
    var belt: Float, roofWidth: Float, panes: Int, hasBed: Bool, hasRearGlass: Bool

    static let sedan = Style(
      body: [
        SIMD3(0, 0.50, 0.80), SIMD3(0.02, 0.62, 0.92), SIMD3(0.18, 0.66, 1), SIMD3(0.5, 0.64, 1),
        SIMD3(0.72, 0.62, 1), SIMD3(0.92, 0.53, 0.95), SIMD3(0.98, 0.47, 0.86), SIMD3(1, 0.36, 0.74),
      ],
      baseRear: 0.12, roofRear: 0.30, roofFront: 0.58, baseFront: 0.75, belt: 0.64, roofWidth: 0.74, panes: 2,
      hasBed: false, hasRearGlass: true)
    static let hatchback = Style(
      body: [
        SIMD3(0, 0.48, 0.86), SIMD3(0.02, 0.62, 0.94), SIMD3(0.15, 0.64, 1), SIMD3(0.5, 0.61, 1),
        SIMD3(0.75, 0.58, 1), SIMD3(0.93, 0.50, 0.94), SIMD3(0.985, 0.43, 0.84), SIMD3(1, 0.33, 0.74),
      ],
      baseRear: 0.01, roofRear: 0.14, roofFront: 0.58, baseFront: 0.79, belt: 0.61, roofWidth: 0.78, panes: 3,
      hasBed: false, hasRearGlass: true)
    static let suv = Style(
      body: [
        SIMD3(0, 0.46, 0.88), SIMD3(0.02, 0.60, 0.95), SIMD3(0.15, 0.62, 1), SIMD3(0.5, 0.60, 1),
        SIMD3(0.74, 0.59, 1), SIMD3(0.95, 0.54, 0.95), SIMD3(0.99, 0.47, 0.88), SIMD3(1, 0.36, 0.8),
      ],
      baseRear: 0.01, roofRear: 0.07, roofFront: 0.60, baseFront: 0.73, belt: 0.60, roofWidth: 0.80, panes: 3,
      hasBed: false, hasRearGlass: true)
    static let van = Style(
      body: [
        SIMD3(0, 0.45, 0.95), SIMD3(0.01, 0.55, 0.98), SIMD3(0.3, 0.55, 1), SIMD3(0.8, 0.54, 1),
        SIMD3(0.95, 0.47, 0.96), SIMD3(0.99, 0.40, 0.90), SIMD3(1, 0.30, 0.84),
      ],
      baseRear: 0.005, roofRear: 0.02, roofFront: 0.74, baseFront: 0.90, belt: 0.55, roofWidth: 0.88,
      panes: 3,
      hasBed: false, hasRearGlass: true)
    static let pickup = Style(
      body: [
        SIMD3(0, 0.50, 0.94), SIMD3(0.01, 0.58, 0.97), SIMD3(0.3, 0.58, 1), SIMD3(0.6, 0.58, 1),
        SIMD3(0.78, 0.58, 1), SIMD3(0.96, 0.54, 0.96), SIMD3(0.99, 0.47, 0.9), SIMD3(1, 0.36, 0.84),
      ],
      baseRear: 0.34, roofRear: 0.37, roofFront: 0.62, baseFront: 0.73, belt: 0.58, roofWidth: 0.80, panes: 2,
      hasBed: true, hasRearGlass: true)
  }

  /// Paints as they are seen on roads, about as often: white, silver, grey and black before all.
  private static let paints: [SIMD3<Float>] = [
    SIMD3(0.75, 0.75, 0.74), SIMD3(0.72, 0.73, 0.74), SIMD3(0.70, 0.69, 0.66), SIMD3(0.38, 0.39, 0.40),
    SIMD3(0.33, 0.34, 0.35), SIMD3(0.11, 0.115, 0.12), SIMD3(0.05, 0.052, 0.058), SIMD3(0.018, 0.018, 0.02),
    SIMD3(0.02, 0.02, 0.022), SIMD3(0.02, 0.045, 0.14), SIMD3(0.03, 0.10, 0.24), SIMD3(0.26, 0.015, 0.02),
    SIMD3(0.36, 0.03, 0.025), SIMD3(0.03, 0.10, 0.06), SIMD3(0.24, 0.19, 0.12), SIMD3(0.55, 0.36, 0.03),
  ]

  /// A paint for this seed.
  static func paint(_ random: inout CounterRandom) -> Finish {
    Finish(.carPaint, paints[random.index(paints.count)])
  }

  /// A car that fills the box of this size (width, length, height in metres) about the origin, x forward.
  package static func make(size: SIMD3<Float>, seed: UInt64) -> TriangleMesh {
    var random = CounterRandom(seed, 11)
    let pick = random.uniform()
    let (l, h) = (size.y, size.z)
    let style: Style
    if h > 1.95 {
      style = .van
    } else if l > 5.3 && h > 1.7 && pick < 0.7 {
      style = .pickup
    } else if h > 1.62 {
      style = pick < 0.8 ? .suv : .van
    } else if l < 4.3 {
      style = .hatchback
    } else {
      style = pick < 0.75 ? .sedan : .hatchback
    }
    return make(size: size, style: style, paint: paint(&random))
  }

  /// A car of this style and paint.
  static func make(size: SIMD3<Float>, style: Style, paint: Finish) -> TriangleMesh {
    var mesh = TriangleMesh()
    let frame = Frame(size: size)
    addBody(&mesh, frame, style, paint)
    addCabin(&mesh, frame, style, paint)
    addInterior(&mesh, frame, style)
    addWheels(&mesh, frame, rear: 0.2, front: 0.8, radius: min(0.36, 0.215 * size.z))
    addLights(&mesh, frame, style)
    if style.hasBed { addBed(&mesh, frame, paint) }
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  /// Shares of a box to metres: x from the rear, z from the ground, y as a share of the half-width.
  struct Frame {
    let length: Float, width: Float, height: Float
    init(size: SIMD3<Float>) {
      length = size.y
      width = size.x * 0.94  // the mirrors take the rest
      height = size.z
    }
    func point(_ x: Float, _ y: Float, _ z: Float) -> SIMD3<Float> {
      SIMD3((x - 0.5) * length, y * width / 2, z * height)
    }
  }

  private static func addBody(_ mesh: inout TriangleMesh, _ frame: Frame, _ style: Style, _ paint: Finish) {
    let bottom: Float = 0.16
    /// Half a cross-section, from the sill over the shoulder to the middle of the top.
    func section(_ s: SIMD3<Float>) -> [SIMD3<Float>] {
      let lift = bottom + (s.x < 0.04 || s.x > 0.96 ? 0.05 : 0)
      let top = s.y
      return [
        frame.point(s.x, 0.86 * s.z, lift), frame.point(s.x, 0.985 * s.z, lift + 0.3 * (top - lift)),
        frame.point(s.x, s.z, lift + 0.62 * (top - lift)), frame.point(s.x, 0.95 * s.z, top - 0.02),
        frame.point(s.x, 0.80 * s.z, top), frame.point(s.x, 0, top + 0.012),
      ]
    }
    let mirror = SIMD3<Float>(1, -1, 1)
    var previous: [SIMD3<Float>]?
    for station in style.body {
      let now = section(station)
      if let before = previous {
        for k in 0..<(now.count - 1) {
          let finish = k == 0 ? Finish.blackPlastic : paint
          mesh.addQuad(before[k], now[k], now[k + 1], before[k + 1], finish)
          mesh.addQuad(
            before[k] * mirror, now[k] * mirror, now[k + 1] * mirror, before[k + 1] * mirror, finish)
        }
        mesh.addQuad(before[0], now[0], now[0] * mirror, before[0] * mirror, .blackPlastic)
      }
      previous = now
    }
    for (station, isFront) in [(style.body[0], false), (style.body[style.body.count - 1], true)] {
      let end = section(station)
      for k in 0..<(end.count - 1) {
        let finish = isFront && k == 1 || k == 0 ? Finish.blackPlastic : paint
        mesh.addQuad(end[k], end[k + 1], end[k + 1] * mirror, end[k] * mirror, finish)
      }
    }
  }

  private static func addCabin(_ mesh: inout TriangleMesh, _ frame: Frame, _ style: Style, _ paint: Finish) {
    let base = style.belt - 0.01
    let roof: Float = 0.985
    let w: Float = 0.93
    let r = style.roofWidth
    func corner(_ x: Float, _ y: Float, _ z: Float) -> SIMD3<Float> { frame.point(x, y, z) }
    for side: Float in [-1, 1] {
      mesh.addFramedPanel(
        corner(style.baseRear, side * w, base), corner(style.baseFront, side * w, base),
        corner(style.roofFront, side * r, roof), corner(style.roofRear, side * r, roof), panes: style.panes,
        border: SIMD2(0.045, 0.07), frame: paint, pane: .glass)
    }
    mesh.addFramedPanel(
      corner(style.baseFront, -w, base), corner(style.baseFront, w, base), corner(style.roofFront, r, roof),
      corner(style.roofFront, -r, roof), panes: 1, border: SIMD2(0.04, 0.05), frame: paint, pane: .glass)
    mesh.addFramedPanel(
      corner(style.baseRear, -w, base), corner(style.baseRear, w, base), corner(style.roofRear, r, roof),
      corner(style.roofRear, -r, roof), panes: 1, border: SIMD2(0.08, 0.12), frame: paint,
      pane: style.hasRearGlass ? .glass : paint)
    let (rl, rr) = (style.roofRear, style.roofFront)
    let crown: Float = 1
    mesh.addQuad(
      corner(rl, -r, roof), corner(rr, -r, roof), corner(rr, 0, crown), corner(rl, 0, crown), paint)
    mesh.addQuad(corner(rl, r, roof), corner(rr, r, roof), corner(rr, 0, crown), corner(rl, 0, crown), paint)
    // Mirrors reach the box's full width.
    let x = style.baseFront - 0.06
    for side: Float in [-1, 1] {
      let from = corner(x, side * 0.95, style.belt)
      let to = corner(x + 0.03, side / 0.94, style.belt + 0.09)
      mesh.addBox(pointwiseMin(from, to), pointwiseMax(from, to), paint)
    }
  }

  private static func addInterior(_ mesh: inout TriangleMesh, _ frame: Frame, _ style: Style) {
    let dark = Finish(.cloth, 0.03, 0.03, 0.032)
    for x in [style.roofFront - 0.07, style.roofRear + 0.10] where x > style.baseRear {
      for side: Float in [-0.42, 0.42] {
        let c = frame.point(x, side, 0)
        mesh.addBox(
          c + SIMD3(-0.08, -0.24, 0.3 * frame.height),
          c + SIMD3(0.08, 0.24, (style.belt + 0.14) * frame.height), dark)
        mesh.addBox(
          c + SIMD3(-0.06, -0.12, (style.belt + 0.14) * frame.height),
          c + SIMD3(0.04, 0.12, (style.belt + 0.24) * frame.height), dark)
      }
    }
    let dash = frame.point(style.baseFront - 0.05, 0, 0)
    mesh.addBox(
      dash + SIMD3(-0.15, -0.4 * frame.width, 0.4 * frame.height),
      dash + SIMD3(0.1, 0.4 * frame.width, (style.belt + 0.02) * frame.height), dark)
  }

  /// Adds four wheels with their arches, axles at these shares of the length.
  static func addWheels(_ mesh: inout TriangleMesh, _ frame: Frame, rear: Float, front: Float, radius: Float)
  {
    for x in [rear, front] {
      for side: Float in [-1, 1] {
        var c = frame.point(x, side, 0)
        c.z = radius
        let outward = SIMD3<Float>(0, side, 0)
        mesh.addWheel(c - outward * 0.1, radius: radius, width: 0.22)
        let face = c + outward * 0.006
        for k in 0..<8 {
          let (a0, a1) = (Float.pi * Float(k) / 8, Float.pi * Float(k + 1) / 8)
          let arch = radius * 1.17
          mesh.addTriangle(
            face, face + SIMD3(cos(a0) * arch, 0, sin(a0) * arch),
            face + SIMD3(cos(a1) * arch, 0, sin(a1) * arch),
            .blackPlastic)
        }
      }
    }
  }

  private static func addLights(_ mesh: inout TriangleMesh, _ frame: Frame, _ style: Style) {
    let front = style.body[style.body.count - 2]
    for side: Float in [-1, 1] {
      let y = side * front.z
      mesh.addQuad(
        frame.point(0.997, y * 0.55, front.y - 0.14), frame.point(0.975, y * 0.99, front.y - 0.12),
        frame.point(0.965, y * 0.98, front.y - 0.02), frame.point(0.990, y * 0.55, front.y - 0.035),
        .headlight)
      let z = style.body[1].y
      mesh.addQuad(
        frame.point(-0.008, side * 0.62, z - 0.15), frame.point(0, side * 0.95, z - 0.15),
        frame.point(0.008, side * 0.95, z - 0.02), frame.point(-0.006, side * 0.66, z - 0.02), .taillight)
    }
    for (x, z) in [(Float(-0.006), Float(0.40)), (1.003, 0.30)] {
      mesh.addQuad(
        frame.point(x, -0.28, z - 0.035), frame.point(x, 0.28, z - 0.035), frame.point(x, 0.28, z + 0.035),
        frame.point(x, -0.28, z + 0.035), .plate)
    }
    mesh.addQuad(
      frame.point(1.002, -0.55, 0.36), frame.point(1.002, 0.55, 0.36), frame.point(0.997, 0.5, 0.44),
      frame.point(0.997, -0.5, 0.44), .blackPlastic)
  }

  private static func addBed(_ mesh: inout TriangleMesh, _ frame: Frame, _ paint: Finish) {
    // The bed's inside: dark, a hand above the body's top where side walls stand.
    for side: Float in [-1, 1] {
      let a = frame.point(0.01, side * 0.98, 0.57)
      let b = frame.point(0.34, side * 0.90, 0.64)
      mesh.addBox(pointwiseMin(a, b), pointwiseMax(a, b), paint)
    }
    mesh.addQuad(
      frame.point(0.02, -0.88, 0.596), frame.point(0.33, -0.88, 0.596), frame.point(0.33, 0.88, 0.596),
      frame.point(0.02, 0.88, 0.596), .blackPlastic)
    let a = frame.point(0, -0.97, 0.57)
    let b = frame.point(0.012, 0.97, 0.64)
    mesh.addBox(a, b, paint)
  }
}
