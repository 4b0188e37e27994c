import Geometry
import Glibc

/// One picture in the making: which triangle each pixel shows, then its light.
final class PictureDrawing {
  private let simulator: CameraSimulator
  private let buffer: FrameBuffer
  private var drawn: [DrawnTriangle] = []
  private let shader: SurfaceShader
  /// The camera's axes and place in the local frame.
  private let right: SIMD3<Float>, down: SIMD3<Float>, forward: SIMD3<Float>
  private let place: SIMD3<Float>
  private var outlines: [Int32: (visible: Int, outline: Int)] = [:]
  private let near: Float = 0.12
  private var view: [SIMD3<Float>] = []
  private var screen: [SIMD3<Float>] = []

  init(_ simulator: CameraSimulator, at moment: Int64) {
    self.simulator = simulator
    let geometry = simulator.geometry
    buffer = FrameBuffer(count: simulator.layout.pixelCount)
    drawn.reserveCapacity(60_000)
    var localFromCamera = geometry.scene.ego.pose(at: moment) * simulator.egoFromCamera
    localFromCamera.translation -= geometry.origin
    let a = localFromCamera.affine
    right = SIMD3(a.row0.x, a.row1.x, a.row2.x)
    down = SIMD3(a.row0.y, a.row1.y, a.row2.y)
    forward = SIMD3(a.row0.z, a.row1.z, a.row2.z)
    place = SIMD3(a.row0.w, a.row1.w, a.row2.w)
    let caster = RayCaster(geometry, at: moment, near: place, reach: 160)
    shader = Self.shader(simulator, caster, at: moment, place: place)
    draw(geometry.ground.mesh, lidarseg: LidarsegClass.terrain, actor: 0)
    for fixture in geometry.fixtures { draw(fixture) }
    for placement in caster.placements { draw(placement) }
  }

  private static func shader(
    _ simulator: CameraSimulator, _ caster: RayCaster, at moment: Int64, place: SIMD3<Float>
  ) -> SurfaceShader {
    let geometry = simulator.geometry
    let lighting = simulator.lighting
    var moving: ShadowMap?
    if lighting.shadows != nil {
      let map = ShadowMap(center: place, toSun: lighting.light.toSun, side: 900, texel: 0.1)
      for p in caster.placements where (p.center - place).length < 55 {
        map.add(geometry.actors[p.shape].phases[p.phase]) { p.localFromBox.apply($0.x, $0.y, $0.z) }
      }
      moving = map
    }
    let cover = CoverMap(center: place)
    for p in caster.placements where (p.center - place).length < 45 {
      let actor = geometry.scene.actors[geometry.actors[p.shape].actor]
      let forward = SIMD2(p.localFromBox.row0.x, p.localFromBox.row1.x)
      cover.add(
        center: p.center, forward: forward, length: Float(actor.size.y), width: Float(actor.size.x),
        strength: actor.category.hasPrefix("vehicle") ? 1.5 : 0.7)
    }
    let ego = geometry.scene.ego.pose(at: moment)
    let lamp = ego * SIMD3(3.2, 0, 0.7) - geometry.origin
    let ahead = ego.rotation.rotate(SIMD3(1, 0, -0.02))
    let headlights = (
      position: SIMD3<Float>(Float(lamp.x), Float(lamp.y), Float(lamp.z)),
      forward: SIMD3<Float>(Float(ahead.x), Float(ahead.y), Float(ahead.z))
    )
    return SurfaceShader(
      lighting: lighting, ground: geometry.ground, moving: moving, camera: place,
      headlights: lighting.light.isNight ? headlights : nil, pixelAngle: Float(1 / simulator.fineCamera.fx),
      cover: cover)
  }

  // MARK: drawing

  private func draw(_ fixture: SceneGeometry.Fixture) {
    let center = (fixture.minimum + fixture.maximum) / 2
    let radius = (fixture.maximum - fixture.minimum).length / 2
    // Fewer pixels need fewer leaves.
    let distance = max(0, (center - place).length - radius * 0.5) * 1266 / Float(simulator.fineCamera.fx)
    var level = 0
    while level < fixture.switchDistances.count, distance > fixture.switchDistances[level] { level += 1 }
    draw(fixture.levels[level], lidarseg: fixture.lidarseg, actor: 0, sphere: (center, radius))
  }

  private func draw(_ p: RayCaster.Placement) {
    let shape = simulator.geometry.actors[p.shape]
    let actor = simulator.geometry.scene.actors[shape.actor]
    draw(
      shape.phases[p.phase], lidarseg: actor.lidarsegIndex, actor: actor.id, sphere: (p.center, p.radius),
      stamp: UInt16(truncatingIfNeeded: shape.actor + 1)
    ) { p.localFromBox.apply($0.x, $0.y, $0.z) }
  }

  private func draw(
    _ mesh: TriangleMesh, lidarseg: UInt8, actor: Int32, sphere: (SIMD3<Float>, Float)? = nil,
    stamp: UInt16 = 0,
    _ toLocal: (SIMD3<Float>) -> SIMD3<Float> = { $0 }
  ) {
    for face in simulator.layout.faces {
      let axes = (
        right * face.right.x + down * face.right.y + forward * face.right.z,
        right * face.down.x + down * face.down.y + forward * face.down.z,
        right * face.forward.x + down * face.forward.y + forward * face.forward.z
      )
      if let (center, radius) = sphere, !Self.mayShow(center - place, radius, axes, face) { continue }
      view.removeAll(keepingCapacity: true)
      screen.removeAll(keepingCapacity: true)
      for position in mesh.positions {
        let d = toLocal(position) - place
        let v = SIMD3<Float>(d.dot(axes.0), d.dot(axes.1), d.dot(axes.2))
        view.append(v)
        let w = 1 / max(v.z, 1e-3)
        screen.append(SIMD3(v.x * w * face.fx + face.cx, v.y * w * face.fy + face.cy, w))
      }
      rasterize(mesh, face, lidarseg, actor, stamp, toLocal)
    }
  }

  /// Whether a sphere can reach into a face's field of view.
  private static func mayShow(
    _ d: SIMD3<Float>, _ radius: Float, _ axes: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>),
    _ face: PictureFace
  ) -> Bool {
    let z = d.dot(axes.2)
    guard z > -radius else { return false }
    func beyond(_ v: Float, _ limit: Float, _ focal: Float) -> Bool {
      // Distance outside the plane through the eye and the picture's border.
      let slope = limit / focal
      return (v - slope * z) / (1 + slope * slope).squareRoot() > radius
    }
    let x = d.dot(axes.0)
    let y = d.dot(axes.1)
    return !beyond(x, Float(face.width) - face.cx, face.fx) && !beyond(-x, face.cx + 1, face.fx)
      && !beyond(y, Float(face.height) - face.cy, face.fy) && !beyond(-y, face.cy + 1, face.fy)
  }

  private func rasterize(
    _ mesh: TriangleMesh, _ face: PictureFace, _ lidarseg: UInt8, _ actor: Int32, _ stamp: UInt16,
    _ toLocal: (SIMD3<Float>) -> SIMD3<Float>
  ) {
    let nearness = buffer.nearness + face.offset
    let identities = buffer.identities + face.offset
    let stamps = buffer.stamps + face.offset
    var outline = 0
    for (k, c) in mesh.corners.enumerated() {
      let (i, j, l) = (Int(c.x), Int(c.y), Int(c.z))
      let identity = UInt32(truncatingIfNeeded: drawn.count + 1)
      var isSeen = false
      func fill(_ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>) {
        Rasterizer.scan(a, b, c, width: face.width, height: face.height) { y, x0, x1, value, step in
          let start = y * face.width
          var v = value
          for at in (start + x0)...(start + x1) {
            if stamp != 0, stamps[at] != stamp {
              stamps[at] = stamp
              outline += 1
            }
            if v > nearness[at] {
              nearness[at] = v
              identities[at] = identity
              isSeen = true
            }
            v += step
          }
        }
      }
      if min(view[i].z, min(view[j].z, view[l].z)) >= near {
        fill(screen[i], screen[j], screen[l])
      } else {
        Rasterizer.clipped(view[i], view[j], view[l], near: near) { a, b, c in
          fill(Self.project(a, face), Self.project(b, face), Self.project(c, face))
        }
      }
      if isSeen { append(mesh, k, toLocal, lidarseg, actor) }
    }
    if stamp != 0, outline > 0 { outlines[actor, default: (0, 0)].outline += outline }
  }

  @inline(__always)
  private static func project(_ v: SIMD3<Float>, _ face: PictureFace) -> SIMD3<Float> {
    SIMD3(v.x / v.z * face.fx + face.cx, v.y / v.z * face.fy + face.cy, 1 / v.z)
  }

  private func append(
    _ mesh: TriangleMesh, _ k: Int, _ toLocal: (SIMD3<Float>) -> SIMD3<Float>, _ lidarseg: UInt8,
    _ actor: Int32
  ) {
    let (a, b, c) = mesh.triangle(k)
    let corner = toLocal(a)
    var normal = (toLocal(b) - corner).cross(toLocal(c) - corner).unit
    var plane = normal.dot(corner - place)
    if plane > 0 {
      normal = -normal
      plane = -plane
    }
    var triangle = DrawnTriangle(
      normal: normal, plane: plane, color: mesh.colors[k], direct: .zero, indirect: .zero,
      material: mesh.materials[k], lidarseg: lidarseg, actor: actor)
    shader.prepare(&triangle)
    drawn.append(triangle)
  }

  // MARK: pixels

  /// A ray of the picture in the local frame, and the place of the triangle it shows in `drawn` plus 1: 0 for sky, -1
  /// where the lens gives no ray.
  @inline(__always)
  private func sample(_ x: Int, _ y: Int) -> (ray: SIMD3<Float>, identity: Int) {
    let camera = simulator.fineCamera
    let layout = simulator.layout
    let i = y * camera.width + x
    if let rays = layout.rays, let lookups = layout.lookups {
      let at = Int(lookups[i])
      guard at >= 0 else { return (.zero, -1) }
      let r = rays[i]
      return (right * r.x + down * r.y + forward * r.z, Int(buffer.identities[at]))
    }
    let u = (Float(x) - Float(camera.cx)) / Float(camera.fx)
    let v = (Float(y) - Float(camera.cy)) / Float(camera.fy)
    return (forward + right * u + down * v, Int(buffer.identities[i]))
  }

  /// Metres times the ray's length to the triangle's plane; where the neighbouring pixel's triangle is meant, clamped.
  @inline(__always)
  private static func depth(_ t: DrawnTriangle, _ ray: SIMD3<Float>) -> Float {
    let slope = t.normal.dot(ray)
    return slope < -1e-6 ? min(t.plane / slope, 4000) : 4000
  }

  /// Adds this picture's light: a pixel whose rays all show one triangle is shaded once, along their middle.
  func addLight(to light: UnsafeMutablePointer<SIMD4<Float>>, share: Float) {
    let (n, width) = (simulator.raysPerSide, simulator.camera.width)
    let all = Float(n * n)
    for y in 0..<simulator.camera.height {
      for x in 0..<width {
        var (sum, identity) = sample(x * n, y * n)
        var isOne = true
        for k in 1..<max(1, n * n) {
          let s = sample(x * n + k % n, y * n + k / n)
          isOne = isOne && s.identity == identity
          sum += s.ray
        }
        var color = SIMD3<Float>.zero
        if isOne {
          color = shade(identity, sum / all, span: Float(n)) * all
        } else {
          for k in 0..<n * n {
            (sum, identity) = sample(x * n + k % n, y * n + k / n)
            color += shade(identity, sum, span: 1)
          }
        }
        light[y * width + x] += SIMD4(color, 0) * share
      }
    }
  }

  /// The light along a ray that is as wide as so many.
  @inline(__always)
  private func shade(_ identity: Int, _ ray: SIMD3<Float>, span: Float) -> SIMD3<Float> {
    if identity > 0 {
      let triangle = drawn[identity - 1]
      return shader.shade(triangle, ray: ray, depth: Self.depth(triangle, ray), span: span)
    }
    return identity < 0 ? .zero : simulator.lighting.light.sky(ray.unit)
  }

  /// Depth, classes and actors a pixel.
  func truth() -> (depth: [Float], classes: [UInt8], actors: [Int32]) {
    let count = simulator.camera.width * simulator.camera.height
    var depth = [Float](repeating: 0, count: count)
    var classes = [UInt8](repeating: 255, count: count)
    var actors = [Int32](repeating: 0, count: count)
    let (n, width) = (simulator.raysPerSide, simulator.camera.width)
    for i in 0..<count {
      // The ray nearest to the pixel's middle speaks for it.
      let (ray, identity) = sample(i % width * n + n / 2, i / width * n + n / 2)
      guard identity > 0 else { continue }
      let triangle = drawn[identity - 1]
      let along = Self.depth(triangle, ray)
      depth[i] = along * ray.dot(forward)
      classes[i] = triangle.lidarseg
      actors[i] = triangle.actor
      if triangle.material == .ground {
        let length = ray.length
        let meeting = simulator.geometry.ground.firstMeeting(
          origin: place, direction: ray / length, smoothDistance: along * length,
          smoothNormal: triangle.normal)
        classes[i] = meeting.material.lidarsegIndex
        depth[i] = meeting.distance / length * ray.dot(forward)
      }
    }
    return (depth, classes, actors)
  }

  /// The actors in the picture, in order of id.
  func visibility() -> [CameraView.Visibility] {
    for face in simulator.layout.faces {
      for at in face.offset..<face.offset + face.width * face.height {
        let identity = buffer.identities[at]
        guard identity != 0 else { continue }
        let actor = drawn[Int(identity) - 1].actor
        if actor != 0 { outlines[actor, default: (0, 0)].visible += 1 }
      }
    }
    return outlines.keys.sorted().map { id in
      let o = outlines[id] ?? (0, 0)
      let share = simulator.raysPerSide * simulator.raysPerSide
      return CameraView.Visibility(
        actor: id, visiblePixels: o.visible / share, outlinePixels: max(o.outline, o.visible) / share)
    }
  }
}
