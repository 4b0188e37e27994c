import Geometry
import Glibc

/// What a ray met.
package struct SurfaceHit: Sendable {
  /// Metres along the ray.
  package var distance: Float
  /// Unit normal towards the ray's origin.
  package var normal: SIMD3<Float>
  /// What it is made of; for `.ground` also `ground`.
  package var material: SurfaceMaterial
  package var ground: GroundMaterial
  package var color: SIMD3<Float>
  /// The nuScenes-lidarseg class.
  package var lidarseg: UInt8
  /// `Actor.id`, or 0.
  package var actorID: Int32
}

/// A scene at one moment, ready for rays: standing things as they are, actors where they are then.
///
/// Two levels: one hierarchy over all that stands; over each actor's shape its own, reached through the actor's pose.
package struct RayCaster: Sendable {
  /// An actor at the moment.
  package struct Placement: Sendable {
    package var shape: Int
    package var phase: Int
    package var boxFromLocal: AffineTransform
    package var localFromBox: AffineTransform
    package var center: SIMD3<Float>
    package var radius: Float
  }

  package let geometry: SceneGeometry
  package let placements: [Placement]

  /// The actors that exist at the moment within `reach` metres of a place of the local frame.
  package init(
    _ geometry: SceneGeometry, at timestampMicroseconds: Int64, near place: SIMD3<Float>, reach: Float
  ) {
    self.geometry = geometry
    var placements: [Placement] = []
    for (k, shape) in geometry.actors.enumerated() {
      let actor = geometry.scene.actors[shape.actor]
      guard actor.exists(at: timestampMicroseconds) else { continue }
      var pose = actor.path.pose(at: timestampMicroseconds)
      pose.translation -= geometry.origin
      let t = pose.translation
      let center = SIMD3<Float>(Float(t.x), Float(t.y), Float(t.z))
      guard (center - place).length < reach + shape.radius else { continue }
      placements.append(
        Placement(
          shape: k, phase: geometry.phase(of: shape, at: timestampMicroseconds),
          boxFromLocal: pose.inverse.affine,
          localFromBox: pose.affine, center: center, radius: shape.radius))
    }
    self.placements = placements
  }

  /// The nearest surface between two distances along a ray, among what stands and these actors.
  package func nearest(
    origin: SIMD3<Float>, direction: SIMD3<Float>, from near: Float, to far: Float, among candidates: [Int]
  ) -> SurfaceHit? {
    var best = far
    var actorHit: (placement: Int, hit: MeshHit)?
    for k in candidates {
      let p = placements[k]
      // The sphere first: does the ray pass it between the limits?
      let toCenter = p.center - origin
      let along = toCenter.dot(direction)
      if along < -p.radius || along - p.radius > best { continue }
      if toCenter.dot(toCenter) - along * along > p.radius * p.radius { continue }
      let localOrigin = p.boxFromLocal.apply(origin.x, origin.y, origin.z)
      let localDirection = p.boxFromLocal.rotated(direction)
      let hierarchy = geometry.actors[p.shape].hierarchies[p.phase]
      if let hit = hierarchy.nearestHit(origin: localOrigin, direction: localDirection, from: near, to: best)
      {
        best = hit.distance
        actorHit = (k, hit)
      }
    }
    if let hit = geometry.standingHierarchy.nearestHit(
      origin: origin, direction: direction, from: near, to: best)
    {
      return standingHit(hit, origin, direction)
    }
    guard let actorHit else { return nil }
    let p = placements[actorHit.placement]
    let shape = geometry.actors[p.shape]
    let mesh = shape.phases[p.phase]
    let (a, b, c) = mesh.triangle(actorHit.hit.triangle)
    let normal = p.localFromBox.rotated((b - a).cross(c - a).unit)
    let actor = geometry.scene.actors[shape.actor]
    return SurfaceHit(
      distance: actorHit.hit.distance, normal: normal.dot(direction) > 0 ? -normal : normal,
      material: mesh.materials[actorHit.hit.triangle], ground: .terrain,
      color: mesh.colors[actorHit.hit.triangle],
      lidarseg: actor.lidarsegIndex, actorID: actor.id)
  }

  private func standingHit(_ hit: MeshHit, _ origin: SIMD3<Float>, _ direction: SIMD3<Float>) -> SurfaceHit {
    let (a, b, c) = geometry.standing.triangle(hit.triangle)
    var normal = (b - a).cross(c - a).unit
    if normal.dot(direction) > 0 { normal = -normal }
    let material = geometry.standing.materials[hit.triangle]
    guard material == .ground else {
      return SurfaceHit(
        distance: hit.distance, normal: normal, material: material, ground: .terrain,
        color: geometry.standing.colors[hit.triangle], lidarseg: geometry.standingClasses[hit.triangle],
        actorID: 0)
    }
    let meeting = geometry.ground.firstMeeting(
      origin: origin, direction: direction, smoothDistance: hit.distance, smoothNormal: normal)
    return SurfaceHit(
      distance: meeting.distance, normal: meeting.normal, material: .ground, ground: meeting.material,
      color: .zero,
      lidarseg: meeting.material.lidarsegIndex, actorID: 0)
  }
}

extension AffineTransform {
  /// The direction turned, not moved.
  @inline(__always)
  package func rotated(_ d: SIMD3<Float>) -> SIMD3<Float> {
    SIMD3(
      row0.x * d.x + row0.y * d.y + row0.z * d.z, row1.x * d.x + row1.y * d.y + row1.z * d.z,
      row2.x * d.x + row2.y * d.y + row2.z * d.z)
  }
}
