import Algorithms
import Geometry
import Glibc
import Scenes

/// One turn of a simulated LiDAR with its exact truth, point by point.
public struct LidarSweep: Sendable {
  /// The points in the sensor frame at the sweep's end, `age` 0; column by column in the order of firing.
  public var cloud: PointCloud
  /// The nuScenes-lidarseg class of each point (0, noise, for a recorded missing return).
  public var classes: [UInt8]
  /// `Actor.id` of each point, 0 where it belongs to none.
  public var actors: [Int32]

  /// Whether point `k` was sent back by something; the others are records of missing returns.
  public func isReturn(_ k: Int) -> Bool { classes[k] != LidarsegClass.noise }
}

/// Casts the beams of a spinning LiDAR into a scene.
///
/// Each firing is cast from where the ego is at that very moment, against actors where they are then (poses are renewed
/// every 16 firings, under a millisecond). Points are then given in the sensor frame at the sweep's end: corrected for
/// ego motion, as nuScenes gives them, or as they were measured, by `LidarSensor.compensatesEgoMotion`.
public struct LidarSimulator: Sendable {
  /// Shapes of the vehicle that carries the sensor.
  public enum EgoBody: Sendable, Hashable {
    /// None: the LiDAR sees nothing of its own car.
    case none
    /// A small hatchback, as nuScenes' cars.
    case hatchback
    /// A minivan, as PandaSet's.
    case minivan
  }

  private let geometry: SceneGeometry
  private let sensor: LidarSensor
  private let egoFromSensor: RigidTransform
  private let body: TriangleMesh
  private let bodyHierarchy: BoundingVolumeHierarchy
  private let reflection: Reflection
  private let columnsPerPose = 16

  /// The sensor on its mount in a scene.
  public init(_ geometry: SceneGeometry, sensor: LidarSensor, egoFromSensor: RigidTransform, body: EgoBody) {
    self.geometry = geometry
    self.sensor = sensor
    self.egoFromSensor = egoFromSensor
    switch body {
    case .none: self.body = TriangleMesh()
    case .hatchback: self.body = EgoBodyMesh.hatchback()
    case .minivan: self.body = EgoBodyMesh.minivan()
    }
    bodyHierarchy = BoundingVolumeHierarchy(self.body)
    reflection = Reflection(sensor, geometry.scene.weather)
  }

  /// The sweep that ends at this moment. The same sweep gives the same points on any thread.
  /// - Complexity: O(beams × columns × log triangles).
  public func sweep(endingAt timestampMicroseconds: Int64) -> LidarSweep {
    var sweep = LidarSweep(cloud: PointCloud(), classes: [], actors: [])
    let shots = sensor.beams.count * sensor.columnsPerSweep
    sweep.cloud.reserveCapacity(shots)
    sweep.classes.reserveCapacity(shots)
    sweep.actors.reserveCapacity(shots)
    let seed =
      CounterRandom.mix(geometry.scene.seed ^ 0x11DA_5EED) ^ UInt64(bitPattern: timestampMicroseconds)
    let end = globalFromSensor(at: timestampMicroseconds)
    let step = sensor.sweepSeconds * 1e6 / Double(sensor.columnsPerSweep)
    var column = 0
    while column < sensor.columnsPerSweep {
      let last = min(column + columnsPerPose, sensor.columnsPerSweep)
      let before = Double(sensor.columnsPerSweep) - Double(column + last) / 2
      let moment = timestampMicroseconds - Int64((before * step).rounded())
      cast(column..<last, at: moment, end: end, seed: seed, into: &sweep)
      column = last
    }
    return sweep
  }

  private func globalFromSensor(at timestampMicroseconds: Int64) -> RigidTransform {
    geometry.scene.ego.pose(at: timestampMicroseconds) * egoFromSensor
  }

  /// Casts a few columns from one pose.
  private func cast(
    _ columns: Range<Int>, at moment: Int64, end: RigidTransform, seed: UInt64, into sweep: inout LidarSweep
  ) {
    var localFromSensor = globalFromSensor(at: moment)
    localFromSensor.translation -= geometry.origin
    var endLocal = end
    endLocal.translation -= geometry.origin
    let outFromSensor =
      sensor.compensatesEgoMotion
      ? (endLocal.inverse * localFromSensor).affine : RigidTransform.identity.affine
    let local = localFromSensor.affine
    let ego = egoFromSensor.affine
    let origin = SIMD3<Float>(local.row0.w, local.row1.w, local.row2.w)
    let caster = RayCaster(geometry, at: moment, near: origin, reach: Float(sensor.maximumRange))
    let direction = sensor.turnsClockwise ? -1.0 : 1.0
    let turn = 2 * Double.pi / Double(sensor.columnsPerSweep) * direction
    let middle = sensor.firstAzimuth + turn * Double(columns.lowerBound + columns.upperBound) / 2
    let candidates = candidates(
      caster, local, origin, azimuth: middle, halfWidth: abs(turn) * Double(columns.count))
    for column in columns {
      let azimuth = sensor.firstAzimuth + turn * (Double(column) + 0.5)
      for (ring, beam) in sensor.beams.enumerated() {
        var random = CounterRandom(seed, UInt64(column), UInt64(ring))
        let around = azimuth + beam.azimuthOffset
        let flat = cos(beam.elevation)
        let nominal = SIMD3<Float>(
          Float(flat * cos(around)), Float(flat * sin(around)), Float(sin(beam.elevation)))
        let shot = shoot(nominal, local, ego, origin, caster, candidates, &random)
        record(shot, nominal, ring, outFromSensor, &random, into: &sweep)
      }
    }
  }

  /// The actors that columns about this azimuth can meet.
  private func candidates(
    _ caster: RayCaster, _ local: AffineTransform, _ origin: SIMD3<Float>, azimuth: Double, halfWidth: Double
  ) -> [Int] {
    let heading = local.rotated(SIMD3(Float(cos(azimuth)), Float(sin(azimuth)), 0))
    // Beams may be offset within a column, and a tilted sensor's columns are no vertical planes.
    let offsets = sensor.beams.reduce(0.0) { max($0, abs($1.azimuthOffset)) }
    let slack = Float(halfWidth + offsets + 0.12)
    return caster.placements.indices.filter { k in
      let p = caster.placements[k]
      let toward = p.center - origin
      let distance = (toward.x * toward.x + toward.y * toward.y).squareRoot()
      if distance <= p.radius * 1.05 { return true }
      let across = (heading.x * heading.x + heading.y * heading.y).squareRoot()
      let cosine = (toward.x * heading.x + toward.y * heading.y) / (distance * across)
      return acos(min(1, max(-1, cosine))) <= slack + asin(p.radius / distance)
    }
  }

  private struct Shot {
    var range: Float, intensity: Float, lidarseg: UInt8, actorID: Int32
  }

  /// Follows one beam through glass until something sends it back; nil where nothing does.
  private func shoot(
    _ nominal: SIMD3<Float>, _ local: AffineTransform, _ ego: AffineTransform, _ origin: SIMD3<Float>,
    _ caster: RayCaster, _ candidates: [Int], _ random: inout CounterRandom
  ) -> Shot? {
    // One direction within the beam's footprint: at an edge some shots meet the near surface and some the far one.
    let spread = Float(sensor.divergence) / 4
    let jitter = SIMD3<Float>(random.normal(), random.normal(), random.normal()) * spread
    let inSensor = (nominal + jitter).unit
    let direction = local.rotated(inSensor)
    let exact = local.rotated(nominal)
    let bodyHit = meetBody(inSensor, ego)
    var near = Float(sensor.minimumRange)
    var far = Float(sensor.maximumRange)
    if let bodyHit {
      if bodyHit.distance < near { return nil }
      far = min(far, bodyHit.distance)
    }
    for _ in 0..<6 {
      guard
        let hit = caster.nearest(origin: origin, direction: direction, from: near, to: far, among: candidates)
          ?? bodyHit
      else { return nil }
      let point = origin + direction * hit.distance
      let key = hit.actorID != 0 ? UInt64(UInt32(bitPattern: hit.actorID)) : Self.spotKey(point)
      var patch = CounterRandom(geometry.scene.seed, key, UInt64(hit.material.rawValue))
      switch reflection.outcome(hit, direction: direction, random: &random, patch: &patch) {
      case .lost: return nil
      case .passes: near = hit.distance + 0.01
      case .seen(let intensity):
        // The range along the beam's axis to the plane that was met: no jitter on a smooth surface.
        let slope = exact.dot(hit.normal)
        var range = hit.distance
        if abs(slope) > 0.002 {
          let onPlane = hit.distance * direction.dot(hit.normal) / slope
          let limit = max(0.02, hit.distance * 0.15)
          if abs(onPlane - hit.distance) < limit { range = onPlane }
        }
        range += Float(sensor.rangeNoise) * random.normal()
        guard range > Float(sensor.minimumRange), range < Float(sensor.maximumRange) else { return nil }
        return Shot(range: range, intensity: intensity, lidarseg: hit.lidarseg, actorID: hit.actorID)
      }
      if near >= far { return nil }
    }
    return nil
  }

  /// The spot of a third of a metre that a point of standing things lies in: neighbours there look alike.
  private static func spotKey(_ point: SIMD3<Float>) -> UInt64 {
    let spot = SIMD3<Int32>((point * 3).rounded(.down))
    let mixed = spot &* SIMD3<Int32>(73_856_093, 19_349_663, 83_492_791)
    return UInt64(UInt32(bitPattern: mixed.x ^ mixed.y ^ mixed.z)) | 1 << 40
  }

  /// Where a beam meets the car that carries it.
  private func meetBody(_ direction: SIMD3<Float>, _ ego: AffineTransform) -> SurfaceHit? {
    guard body.count > 0 else { return nil }
    let start = SIMD3<Float>(ego.row0.w, ego.row1.w, ego.row2.w)
    let d = ego.rotated(direction)
    guard let hit = bodyHierarchy.nearestHit(origin: start, direction: d, from: 0.05, to: 8) else {
      return nil
    }
    let (a, b, c) = body.triangle(hit.triangle)
    let normal = (b - a).cross(c - a).unit
    return SurfaceHit(
      distance: hit.distance, normal: normal.dot(d) > 0 ? -normal : normal,
      material: body.materials[hit.triangle],
      ground: .terrain, color: body.colors[hit.triangle], lidarseg: LidarsegClass.ego, actorID: 0)
  }

  private func record(
    _ shot: Shot?, _ direction: SIMD3<Float>, _ ring: Int, _ outFromSensor: AffineTransform,
    _ random: inout CounterRandom, into sweep: inout LidarSweep
  ) {
    guard shot != nil || sensor.recordsMissing else { return }
    let p = direction * (shot?.range ?? 0)
    let out = outFromSensor.apply(p.x, p.y, p.z)
    // A missing return's intensity is what the detector last held: small, and now and then large.
    let intensity = shot?.intensity ?? min(255, (6 * exp(1.2 * random.normal())).rounded())
    sweep.cloud.append(out, intensity: intensity, ring: Float(ring), age: 0)
    sweep.classes.append(shot?.lidarseg ?? LidarsegClass.noise)
    sweep.actors.append(shot?.actorID ?? 0)
  }
}
