import Algorithms
import Glibc

/// People on foot, sitting and riding, and the two-wheelers that they ride.
package enum PersonMeshes {
  private static let cloths: [SIMD3<Float>] = [
    SIMD3(0.02, 0.02, 0.025), SIMD3(0.05, 0.06, 0.09), SIMD3(0.03, 0.05, 0.14), SIMD3(0.18, 0.18, 0.18),
    SIMD3(0.55, 0.55, 0.52), SIMD3(0.30, 0.03, 0.03), SIMD3(0.10, 0.16, 0.06), SIMD3(0.28, 0.22, 0.14),
    SIMD3(0.40, 0.30, 0.05), SIMD3(0.12, 0.04, 0.14),
  ]
  private static let skins: [SIMD3<Float>] = [
    SIMD3(0.55, 0.34, 0.24), SIMD3(0.40, 0.23, 0.15), SIMD3(0.22, 0.11, 0.07), SIMD3(0.62, 0.42, 0.32),
  ]

  /// What a person wears.
  struct Looks {
    var shirt: Finish, trousers: Finish, skin: Finish, hair: Finish, hasVest: Bool, hasBag: Bool
    init(seed: UInt64, category: String) {
      var random = CounterRandom(seed, 21)
      shirt = Finish(.cloth, cloths[random.index(cloths.count)])
      trousers = Finish(.cloth, cloths[random.index(5)])
      skin = Finish(.skin, skins[random.index(skins.count)])
      hair = Finish(.hair, random.uniform() < 0.8 ? SIMD3(0.012, 0.01, 0.01) : SIMD3(0.2, 0.13, 0.06))
      hasVest = category.hasSuffix("construction_worker") || category.hasSuffix("police_officer")
      hasBag = random.uniform() < 0.35
      if hasVest {
        shirt = Finish(.cloth, SIMD3(0.75, 0.45, 0.02))
        hair = Finish(.plastic, SIMD3(0.7, 0.6, 0.05))
      }
    }
  }

  /// A standing or walking person who fills the box in height, about the origin; phase 0 to 2 pi is two steps.
  package static func pedestrian(size: SIMD3<Float>, seed: UInt64, category: String, phase: Float, sits: Bool)
    -> TriangleMesh
  {
    let looks = Looks(seed: seed, category: category)
    var mesh = TriangleMesh()
    if sits {
      addPerson(&mesh, height: size.z / 0.78, hip: SIMD3(0, 0, 0.28 * size.z), looks, pose: .sitting, lean: 0)
      mesh.addBox(
        SIMD3(-0.22, -0.22, 0), SIMD3(0.22, 0.22, 0.25 * size.z), Finish(.plastic, 0.1, 0.1, 0.1))
    } else {
      let h = size.z
      addPerson(
        &mesh, height: h, hip: SIMD3(0, 0, 0.51 * h), looks, pose: .walking(phase: phase),
        lean: 0.04)
    }
    let (low, high) = mesh.bounds
    let scale = size.z / max(high.z - low.z, 0.1)
    // Arms and legs keep their proportions, but do not leave the box.
    let shrink = SIMD3<Float>(
      min(1, size.y / max(scale * (high.x - low.x), 0.1)),
      min(1, size.x / max(scale * (high.y - low.y), 0.1)), 1)
    let middle = SIMD3<Float>((low.x + high.x) / 2, (low.y + high.y) / 2, low.z)
    return mesh.mapped { ($0 - middle) * scale * shrink - SIMD3(0, 0, size.z / 2) }
  }

  enum Pose {
    case walking(phase: Float)
    case sitting
    case riding(phase: Float)
  }

  /// Adds a person with the hip at this place, facing x.
  static func addPerson(
    _ mesh: inout TriangleMesh, height h: Float, hip: SIMD3<Float>, _ looks: Looks, pose: Pose, lean: Float
  ) {
    let (thigh, shin) = (0.255 * h, 0.255 * h)
    for side: Float in [-1, 1] {
      var (swing, bend, arm): (Float, Float, Float)
      switch pose {
      case .walking(let phase):
        let p = phase + (side > 0 ? 0 : Float.pi)
        swing = 0.48 * sin(p)
        bend = max(0, 0.75 * cos(p)) + 0.08
        arm = -0.42 * sin(p)
      case .sitting:
        swing = 1.45
        bend = 1.5
        arm = 0.6
      case .riding(let phase):
        let p = phase + (side > 0 ? 0 : Float.pi)
        swing = 1.0 + 0.35 * sin(p)
        bend = 1.15 - 0.35 * cos(p)
        arm = 1.0
      }
      let joint = hip + SIMD3(0, side * 0.055 * h, 0)
      let knee = joint + SIMD3(sin(swing), 0, -cos(swing)) * thigh
      let ankle = knee + SIMD3(sin(swing - bend), 0, -cos(swing - bend)) * shin
      mesh.addTube(
        from: joint, to: knee, radius: 0.052 * h, endRadius: 0.036 * h, segments: 7, looks.trousers)
      mesh.addTube(
        from: knee, to: ankle, radius: 0.036 * h, endRadius: 0.025 * h, segments: 6, looks.trousers)
      mesh.addBox(
        ankle + SIMD3(-0.03 * h, -0.025 * h, -0.022 * h), ankle + SIMD3(0.1 * h, 0.025 * h, 0.018 * h),
        Finish(.plastic, 0.03, 0.028, 0.025))
      let chest = hip + SIMD3(sin(lean), 0, cos(lean)) * (0.31 * h)
      let shoulder = chest + SIMD3(0, side * 0.115 * h, 0)
      let elbow = shoulder + SIMD3(sin(arm), side * 0.12, -cos(arm)) * (0.17 * h)
      let reach = arm + 0.35
      let hand = elbow + SIMD3(sin(reach), 0, -cos(reach)) * (0.15 * h)
      mesh.addTube(
        from: shoulder, to: elbow, radius: 0.03 * h, endRadius: 0.025 * h, segments: 6, looks.shirt)
      mesh.addTube(from: elbow, to: hand, radius: 0.024 * h, endRadius: 0.018 * h, segments: 6, looks.skin)
    }
    addTorso(&mesh, height: h, hip: hip, looks, lean: lean)
  }

  private static func addTorso(
    _ mesh: inout TriangleMesh, height h: Float, hip: SIMD3<Float>, _ looks: Looks, lean: Float
  ) {
    let up = SIMD3<Float>(sin(lean), 0, cos(lean))
    let squash = SIMD3<Float>(0.62, 1, 1)
    var torso = TriangleMesh()
    torso.addTube(
      from: SIMD3(0, 0, -0.02 * h), to: SIMD3(0, 0, 0.16 * h), radius: 0.092 * h, endRadius: 0.1 * h,
      segments: 9,
      looks.shirt)
    torso.addTube(
      from: SIMD3(0, 0, 0.16 * h), to: SIMD3(0, 0, 0.33 * h), radius: 0.1 * h, endRadius: 0.075 * h,
      segments: 9,
      looks.shirt)
    if looks.hasVest {
      let band = Finish(.retroreflector, 0.6, 0.6, 0.6)
      torso.addTube(
        from: SIMD3(0, 0, 0.12 * h), to: SIMD3(0, 0, 0.15 * h), radius: 0.103 * h, segments: 9, capped: false,
        band)
      torso.addTube(
        from: SIMD3(0, 0, 0.2 * h), to: SIMD3(0, 0, 0.225 * h), radius: 0.103 * h, segments: 9, capped: false,
        band)
    }
    if looks.hasBag {
      torso.addBox(SIMD3(-0.22 * h, -0.07 * h, 0.08 * h), SIMD3(-0.1 * h, 0.07 * h, 0.29 * h), looks.trousers)
    }
    torso.addTube(
      from: SIMD3(0, 0, 0.33 * h), to: SIMD3(0, 0, 0.37 * h), radius: 0.034 * h, segments: 6, looks.skin)
    torso.addEllipsoid(
      SIMD3(0.01 * h, 0, 0.425 * h), radii: SIMD3(0.075, 0.045, 0.065) * h, looks.skin)
    torso.addEllipsoid(
      SIMD3(-0.008 * h, 0, 0.443 * h), radii: SIMD3(0.085, 0.05, 0.055) * h, looks.hair)
    mesh.append(torso) { p in
      let q = p * squash
      return hip + SIMD3(q.x + up.x * q.z, q.y, up.z * q.z)
    }
  }

  /// A bicycle or motorcycle that fills the box about the origin, with its rider where it has one.
  package static func cycle(size: SIMD3<Float>, seed: UInt64, isMotor: Bool, hasRider: Bool, phase: Float)
    -> TriangleMesh
  {
    var random = CounterRandom(seed, 22)
    var mesh = TriangleMesh()
    let l = size.y
    let radius = isMotor ? min(0.31, 0.16 * l) : min(0.34, 0.2 * l)
    let paint = CarMesh.paint(&random)
    let (rear, front) = (-l / 2 + radius, l / 2 - radius)
    addCycleWheel(&mesh, SIMD3(rear, 0, radius), radius: radius, tyre: isMotor ? 0.06 : 0.022)
    addCycleWheel(&mesh, SIMD3(front, 0, radius), radius: radius, tyre: isMotor ? 0.06 : 0.022)
    let thickness: Float = isMotor ? 0.045 : 0.02
    let seat = SIMD3<Float>(rear + 0.28 * (front - rear), 0, isMotor ? 0.76 : 0.9)
    let crank = SIMD3<Float>(rear + 0.42 * (front - rear), 0, radius * 0.85)
    let head = SIMD3<Float>(front - 0.22 * (front - rear), 0, isMotor ? 0.85 : 0.85)
    let bar = head + SIMD3(isMotor ? -0.08 : 0.02, 0, 0.18)
    for (a, b) in [
      (SIMD3(rear, 0, radius), crank), (SIMD3(rear, 0, radius), seat), (crank, seat), (crank, head),
      (seat, head),
      (head, SIMD3(front, 0, radius)), (head, bar),
    ] {
      mesh.addTube(from: a, to: b, radius: thickness, segments: 6, paint)
    }
    let reach: Float = isMotor ? 0.34 : 0.26
    mesh.addTube(
      from: bar - SIMD3(0, reach, 0), to: bar + SIMD3(0, reach, 0), radius: 0.018, segments: 6, .blackPlastic)
    mesh.addBox(seat + SIMD3(-0.14, -0.07, 0), seat + SIMD3(0.14, 0.07, 0.06), .blackPlastic)
    if isMotor {
      mesh.addBox(
        crank + SIMD3(-0.2, -0.14, -0.08), crank + SIMD3(0.25, 0.14, 0.3), Finish(.metal, 0.12, 0.12, 0.12))
      mesh.addEllipsoid((seat + head) / 2 + SIMD3(0, 0, 0.02), radii: SIMD3(0.28, 0.15, 0.14), paint)
      mesh.addBox(seat + SIMD3(-0.45, -0.13, -0.18), seat + SIMD3(0.05, 0.13, 0.04), paint)
      mesh.addEllipsoid(head + SIMD3(0.1, 0, 0.05), radii: SIMD3(0.06, 0.09, 0.09), .headlight)
      mesh.addBox(seat + SIMD3(-0.48, -0.08, -0.1), seat + SIMD3(-0.45, 0.08, 0), .taillight)
    }
    if hasRider {
      var looks = Looks(seed: seed &+ 1, category: "")
      if isMotor { looks.hair = Finish(.plastic, 0.05 + 0.5 * random.uniform(), 0.05, 0.06) }
      let person = max(1.3, (size.z - seat.z) / 0.48)
      addPerson(
        &mesh, height: min(person, 1.95), hip: seat + SIMD3(0, 0, 0.1), looks,
        pose: isMotor ? .riding(phase: 1) : .riding(phase: phase), lean: isMotor ? 0.2 : 0.38)
    }
    return mesh.fitted(to: SIMD3(size.y, size.x, size.z))
  }

  private static func addCycleWheel(
    _ mesh: inout TriangleMesh, _ center: SIMD3<Float>, radius: Float, tyre: Float
  ) {
    let segments = 16
    func point(_ k: Int, _ r: Float, _ y: Float) -> SIMD3<Float> {
      let a = 2 * Float.pi * Float(k) / Float(segments)
      return center + SIMD3(cos(a) * r, y, sin(a) * r)
    }
    for k in 0..<segments {
      for y in [-tyre / 2, tyre / 2] {
        mesh.addQuad(
          point(k, radius - 1.6 * tyre, y), point(k + 1, radius - 1.6 * tyre, y), point(k + 1, radius, y),
          point(k, radius, y), .tyre)
      }
      mesh.addQuad(
        point(k, radius, -tyre / 2), point(k + 1, radius, -tyre / 2), point(k + 1, radius, tyre / 2),
        point(k, radius, tyre / 2), .tyre)
      if k % 2 == 0 {
        mesh.addTriangle(center, point(k, radius - tyre, 0.004), point(k, radius - tyre, -0.004), .greyMetal)
      }
    }
  }
}
