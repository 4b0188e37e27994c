import Algorithms
import Glibc

/// The colour of light that a surface sends to a camera.
final class SurfaceShader {
  let lighting: SceneLighting
  let ground: GroundMesh
  /// Shadows of what moves, at the picture's moment.
  let moving: ShadowMap?
  let camera: SIMD3<Float>
  /// The ego's forward direction and where its headlights are, for nights.
  let headlights: (position: SIMD3<Float>, forward: SIMD3<Float>)?
  /// Radians a pixel.
  let pixelAngle: Float

  /// How much of the sky what moves hides from the ground.
  let cover: CoverMap
  private let light: SceneLight
  private let noise: NoiseTexture

  init(
    lighting: SceneLighting, ground: GroundMesh, moving: ShadowMap?, camera: SIMD3<Float>,
    headlights: (position: SIMD3<Float>, forward: SIMD3<Float>)?, pixelAngle: Float, cover: CoverMap
  ) {
    self.lighting = lighting
    self.ground = ground
    self.moving = moving
    self.camera = camera
    self.headlights = headlights
    self.pixelAngle = pixelAngle
    self.cover = cover
    light = lighting.light
    noise = lighting.noise
  }

  /// Colours of ground materials by raw value, linear.
  static let groundColors: [SIMD3<Float>] = GroundMaterial.allCases.map {
    switch $0 {
    case .terrain: SIMD3(0.115, 0.135, 0.05)
    case .road: SIMD3(0.125, 0.125, 0.128)
    case .carPark: SIMD3(0.155, 0.152, 0.148)
    case .sidewalk: SIMD3(0.33, 0.315, 0.29)
    case .median: SIMD3(0.13, 0.14, 0.065)
    case .whitePaint: SIMD3(0.60, 0.60, 0.58)
    case .yellowPaint: SIMD3(0.52, 0.36, 0.06)
    }
  }

  /// Fills in the light of a triangle that faces the camera.
  func prepare(_ t: inout DrawnTriangle) {
    var facing = t.normal.dot(light.toSun)
    var color = t.color
    if t.material == .leaf {
      // Light passes through leaves.
      facing = facing > 0 ? 0.35 + 0.65 * facing : 0.30 + 0.25 * -facing
      color *= SIMD3(1, 1, 0.9)
    }
    t.direct = color * light.sun * max(facing, 0)
    t.indirect = color * light.ambient(t.normal.z)
    if light.isNight {
      switch t.material {
      case .headlight: t.indirect += SIMD3(0.9, 0.85, 0.75)
      case .taillight: t.indirect += t.color * 0.9
      case .pane:
        let bits = CounterRandom.mix(UInt64(t.plane.bitPattern &* 31 ^ t.normal.x.bitPattern))
        if bits & 3 == 0 { t.indirect += SIMD3(0.22, 0.17, 0.09) * Float(bits >> 8 & 0xFF) * (1 / 255) }
      default: break
      }
    } else if t.material == .headlight {
      t.indirect *= 1.2
    }
  }

  /// The sun's share at a point.
  @inline(__always)
  func sunlight(_ p: SIMD3<Float>, _ n: SIMD3<Float>) -> Float {
    let lifted = p + n * 0.12
    var share: Float = 1
    if let shadows = lighting.shadows { share = shadows.light(lifted, bias: 0.15) }
    if share > 0, let moving { share *= moving.light(p + n * 0.05, bias: 0.08) }
    return share
  }

  /// The light from a drawn triangle towards the camera along `ray` (not of unit length; `depth` times it is the point).
  /// - Parameter span: how many rays' width the ray stands for.
  func shade(_ t: DrawnTriangle, ray: SIMD3<Float>, depth: Float, span: Float) -> SIMD3<Float> {
    if t.material == .ground { return shadeGround(t, ray: ray, depth: depth, angle: pixelAngle * span) }
    let p = camera + ray * depth
    var texture: Float = 1
    switch t.material {
    case .brick: texture = brick(p, t.normal, depth * pixelAngle * span)
    case .concrete, .plaster, .canvas, .roof: texture = stain(p, t.normal)
    case .bark, .wood: texture = 0.75 + 0.5 * noise.at(p.x * 9 + p.y * 9, p.z * 2)
    case .cloth: texture = 0.85 + 0.3 * noise.at(p.x * 11 + p.z * 7, p.y * 11 + p.z * 5)
    default: break
    }
    var result = t.indirect * texture
    var share: Float = 0
    if t.direct.max() > 0.001 {
      share = sunlight(p, t.normal)
      result += t.direct * (texture * share)
    }
    let gloss = SurfaceMaterial.table[Int(t.material.rawValue)].gloss
    let length = ray.length
    if gloss > 0 { result += reflection(t, ray / length, gloss, share) }
    if let lamps = lighting.lamps { result += night(p, t.normal, t.color * texture, lamps) }
    return light.throughAir(result, depth * length)
  }

  /// The mirror image of sky and sun in a glossy surface.
  private func reflection(_ t: DrawnTriangle, _ d: SIMD3<Float>, _ gloss: Float, _ share: Float) -> SIMD3<
    Float
  > {
    let facing = -d.dot(t.normal)
    let away = 1 - max(0, facing)
    let squared = away * away
    let fresnel = gloss + (1 - gloss) * squared * squared * away * 0.8
    let mirrored = d + t.normal * (2 * facing)
    var result = light.mirrored(mirrored) * fresnel
    if share > 0 {
      let glint = max(0, mirrored.dot(light.toSun))
      let g = glint * glint * glint * glint
      let sharp = g * g * g * g
      result += light.sun * (share * fresnel * (0.25 * g + 5 * sharp * sharp))
    }
    return result
  }

  /// Lamps and headlights.
  private func night(_ p: SIMD3<Float>, _ n: SIMD3<Float>, _ color: SIMD3<Float>, _ lamps: LampField)
    -> SIMD3<Float>
  {
    let warm = SIMD3<Float>(1, 0.82, 0.55)
    var result = color * warm * (lamps.at(p.x, p.y) * (0.35 + 0.65 * max(n.z, 0)))
    if let headlights {
      let d = p - headlights.position
      let squared = d.dot(d)
      let along = d.dot(headlights.forward) / squared.squareRoot()
      if along > 0.75 {
        let cone = (along - 0.75) * 4
        let facing = max(0.12, -n.dot(d) / squared.squareRoot())
        result += color * (cone * cone * facing * 38 / (squared + 30))
      }
    }
    return result
  }

  private func brick(_ p: SIMD3<Float>, _ n: SIMD3<Float>, _ footprint: Float) -> Float {
    let u = p.x * -n.y + p.y * n.x
    let row = (p.z / 0.075).floored
    let x = u / 0.23 + (Int(row) & 1 == 0 ? 0 : 0.5)
    let tone = 0.8 + 0.4 * noise.at(x.floored * 3.7, row * 5.3)
    let fine = max(0, 1 - footprint / 0.03)
    let mortar = (p.z / 0.075 - row) < 0.13 || (x - x.floored) < 0.05
    return (1 - fine * 0.6) + fine * 0.6 * (mortar ? 1.5 : tone) + (1 - fine) * 0.1
  }

  private func stain(_ p: SIMD3<Float>, _ n: SIMD3<Float>) -> Float {
    let u = p.x * -n.y + p.y * n.x
    return 0.82 + 0.24 * noise.at(u * 0.6, p.z * 0.25) + 0.12 * noise.at(u * 5, p.z * 5)
  }

  // MARK: ground

  private func shadeGround(_ t: DrawnTriangle, ray: SIMD3<Float>, depth: Float, angle: Float) -> SIMD3<Float>
  {
    let length = ray.length
    let d = ray / length
    var distance = depth * length
    var normal = t.normal
    var isKerb = false
    let fall = max(-d.dot(normal), 0.002)
    let footprint = distance * angle / fall
    if ground.maximumElevation > 0, distance < 45 {
      let meeting = ground.firstMeeting(
        origin: camera, direction: d, smoothDistance: distance, smoothNormal: normal,
        stride: max(0.06, footprint))
      distance = meeting.distance
      isKerb = meeting.isKerb
      normal = meeting.normal
    }
    let p = camera + d * distance
    var color: SIMD3<Float>
    if isKerb {
      color = SIMD3(0.30, 0.295, 0.28) * (0.8 + 0.3 * noise.at(p.x * 2, p.y * 2))
    } else {
      color = groundColor(p, d, footprint, across: distance * angle)
    }
    var gloss: Float = 0
    if light.wetness > 0 {
      color *= 1 - 0.45 * light.wetness
      let puddle = noise.cloud(p.x * 0.25, p.y * 0.25)
      gloss = light.wetness * min(1, max(0.15, (puddle - 0.35) * 4))
    }
    var result = color * light.ambient(normal.z) * occlusion(p)
    let facing = normal.dot(light.toSun)
    var share: Float = 0
    if facing > 0, light.sun.max() > 0.001 {
      share = sunlight(p, normal)
      result += color * light.sun * (facing * share)
    }
    let away = 1 - fall
    let squared = away * away
    let sheen = squared * squared * away
    let mirrored = d + normal * (2 * fall)
    result += light.mirrored(mirrored) * (sheen * (0.05 + 0.7 * gloss) + 0.03 * gloss)
    if let lamps = lighting.lamps { result += night(p, normal, color, lamps) }
    return light.throughAir(result, distance)
  }

  /// The ground's colour with the grain of its material, less fine the farther away.
  @inline(__always)
  private func groundColor(
    _ p: SIMD3<Float>, _ d: SIMD3<Float>, _ footprint: Float, across: Float
  ) -> SIMD3<Float> {
    var (color, material) = Self.groundColors.withUnsafeBufferPointer { palette in
      // Seen from near, the table's cells would show as steps along slanting lines.
      if footprint < ground.cell { return ground.smoothBlend(p.x, p.y, palette) }
      var (color, material) = ground.blend(p.x, p.y, palette)
      if footprint > 0.08 {
        // A pixel that is long on the ground sees more than one place.
        let step = footprint * 0.33
        let flat = SIMD2<Float>(d.x, d.y) * step
        let near = ground.blend(p.x - flat.x, p.y - flat.y, palette)
        let far = ground.blend(p.x + flat.x, p.y + flat.y, palette)
        color = (color + near.color + far.color) / 3
        if near.material == far.material { material = near.material }
        if across > 0.05 {
          // And one that is wide sees both sides of a line.
          let side = SIMD2<Float>(-d.y, d.x) * (across * 0.3)
          let left = ground.blend(p.x - side.x, p.y - side.y, palette)
          let right = ground.blend(p.x + side.x, p.y + side.y, palette)
          color = color * 0.5 + (left.color + right.color) * 0.25
        }
      }
      return (color, material)
    }
    let fine = max(0, 1 - footprint / 0.05)
    switch material {
    case .terrain, .median:
      let patch = noise.cloud(p.x * 0.35, p.y * 0.35)
      let blade = noise.at(p.x * 13, p.y * 13) - 0.5
      let near: Float = max(0, 1 - footprint / 0.15)
      let tone: Float = 0.7 + 0.6 * patch + 0.7 * blade * near
      color *= tone
      color += SIMD3<Float>(0.07, 0.035, 0.01) * max(Float(0), patch - 0.55)
    case .sidewalk:
      let (u, v) = (p.x / 1.2, p.y / 1.2)
      let joint = min(u - u.floored, v - v.floored) < 0.02
      let stone = noise.at(u.floored * 7.3, v.floored * 3.1)
      let slab: Float = 0.86 + 0.24 * stone
      color *= joint ? slab - 0.3 * fine : slab
      let grain: Float = (noise.at(p.x * 31, p.y * 31) - 0.5) * fine
      color *= 1 + 0.2 * grain
    default:
      // Patches, tyre-darkened stretches, grain; paint is worn.
      let patch = noise.cloud(p.x * 0.11, p.y * 0.11) - 0.5
      let blotch = noise.at(p.x * 1.3, p.y * 1.3) - 0.5
      let grain: Float = (noise.at(p.x * 43, p.y * 43) - 0.5) * fine
      let tone: Float = 1 + 0.35 * patch + 0.14 * blotch + 0.4 * grain
      color *= tone
    }
    return color
  }

  /// Under and beside vehicles little sky is seen.
  @inline(__always)
  private func occlusion(_ p: SIMD3<Float>) -> Float { cover.share(p.x, p.y) }
}

/// The share of the sky that actors leave to the ground around the camera, 0 to 1 a quarter metre.
final class CoverMap {
  private let side = 320
  private let cell: Float = 0.25
  private let minimumX: Float, minimumY: Float
  private var values: [Float]

  init(center: SIMD3<Float>) {
    minimumX = center.x - Float(side) * cell / 2
    minimumY = center.y - Float(side) * cell / 2
    values = Array(repeating: 1, count: side * side)
  }

  /// Darkens the ground under a box: half a width outside nothing is left of it.
  func add(center: SIMD3<Float>, forward: SIMD2<Float>, length: Float, width: Float, strength: Float) {
    let reach = (length + width) / 2 + 0.8
    let (x, y) = ((center.x - minimumX) / cell, (center.y - minimumY) / cell)
    let r = reach / cell
    guard x > -r, y > -r, x < Float(side) + r, y < Float(side) + r else { return }
    for i in max(0, Int(x - r))...min(side - 1, max(0, Int(x + r))) {
      for j in max(0, Int(y - r))...min(side - 1, max(0, Int(y + r))) {
        let dx = minimumX + (Float(i) + 0.5) * cell - center.x
        let dy = minimumY + (Float(j) + 0.5) * cell - center.y
        let u = abs(dx * forward.x + dy * forward.y) - length / 2
        let v = abs(dy * forward.x - dx * forward.y) - width / 2
        let outside = max(u, v)
        let hidden = min(0.9, strength * min(1, max(0, 0.55 - outside / 0.9)))
        values[i * side + j] *= 1 - hidden
      }
    }
  }

  @inline(__always)
  func share(_ x: Float, _ y: Float) -> Float {
    let i = (x - minimumX) / cell - 0.5
    let j = (y - minimumY) / cell - 0.5
    guard i >= 0, j >= 0, i < Float(side - 1), j < Float(side - 1) else { return 1 }
    let (a, b) = (Int(i), Int(j))
    let (u, v) = (i - Float(a), j - Float(b))
    let k = a * side + b
    let low = values[k] * (1 - v) + values[k + 1] * v
    let high = values[k + side] * (1 - v) + values[k + side + 1] * v
    return low * (1 - u) + high * u
  }
}
