import Algorithms
import Glibc

/// What comes back of one shot from one surface: whether it is seen, passes or is mirrored away, and how bright.
package struct Reflection: Sendable {
  /// Diffuse reflectivity at 905 nm and its spread, of ground.
  static let ground: [(reflectivity: Float, spread: Float, retro: Float)] = GroundMaterial.allCases.map {
    switch $0 {
    case .terrain: (0.24, 0.45, 0)
    case .road: (0.10, 0.4, 0)
    case .carPark: (0.11, 0.4, 0)
    case .sidewalk: (0.16, 0.35, 0)
    case .median: (0.22, 0.35, 0)
    case .whitePaint: (0.38, 0.3, 0.35)
    case .yellowPaint: (0.30, 0.3, 0.3)
    }
  }

  /// What an actor's darkest surface still sends back, as a diffuse reflectivity: decides whether it is seen, not how
  /// bright. Set by points a car beyond 40 m in pandaset-002.
  static let darkestActor: Float = 0.035

  let wetness: Float
  let fogDensity: Float
  let squaredRangeAtOne: Float
  let intensityScale: Float

  /// The reflections that this sensor sees in this weather.
  init(_ sensor: LidarSensor, _ weather: Weather) {
    wetness = Float(min(max(weather.wetness, 0), 1))
    fogDensity = Float(max(weather.fogDensity, 0))
    // Received power falls with the square of range: 10 % at R is as 100 % at R √10.
    let range = Float(sensor.rangeAtTenPercent)
    squaredRangeAtOne = 10 * range * range
    intensityScale = Float(sensor.intensityScale)
  }

  /// What happens to a shot.
  enum Outcome {
    case seen(intensity: Float)
    case passes
    case lost
  }

  /// The outcome of a shot at this hit; `random` is the shot's own stream, `patch` that of the surface's spot.
  func outcome(
    _ hit: SurfaceHit, direction: SIMD3<Float>, random: inout CounterRandom, patch: inout CounterRandom
  )
    -> Outcome
  {
    let optics: SurfaceMaterial.Optics
    let facing = max(abs(hit.normal.dot(direction)), 0.01)
    if hit.material == .ground {
      let g = Self.ground[Int(hit.ground.rawValue)]
      let dryness = 1 - 0.55 * wetness
      optics = SurfaceMaterial.Optics(
        g.reflectivity * dryness, spread: g.spread, mirror: 0.35 * wetness * (1 - facing),
        retro: g.retro * dryness)
    } else {
      optics = SurfaceMaterial.table[Int(hit.material.rawValue)]
    }
    let chance = random.uniform()
    let isSquare = facing > 0.985
    if chance < optics.transmission { return .passes }
    if chance < optics.transmission + optics.mirror, !isSquare { return .lost }
    var reflectivity =
      optics.reflectivity * exp(optics.spread * patch.normal() - 0.5 * optics.spread * optics.spread)
    if hit.material == .carPaint || hit.material == .cloth || hit.material == .canvas {
      reflectivity *= 0.35 + 1.1 * min((hit.color * SIMD3(0.3, 0.5, 0.2)).sum(), 0.8)
    }
    // A mirror met squarely sends its beam back.
    if isSquare { reflectivity += 0.6 * optics.mirror }
    let retro = optics.retro > 0 && facing > 0.25 ? optics.retro * (0.5 + 0.5 * patch.uniform()) : 0
    // Rough ground sends more back at grazing angles than Lambert's law says (Oren and Nayar 1994).
    let rough = hit.material == .ground ? facing.squareRoot() : facing
    var power = reflectivity * rough
    if hit.actorID != 0 {
      // Bodies are rounder than their meshes: some of a footprint faces the sensor, and clear coat and skin send a little
      // back however dark they are. Recorded cars hardly thin out with distance for their paint.
      power = max(reflectivity, Self.darkestActor) * facing.squareRoot()
    }
    power += retro
    let loss = exp(-2 * fogDensity * hit.distance)
    let ratio = power * loss * squaredRangeAtOne / (hit.distance * hit.distance)
    // Half are seen at ratio 1, nearly all at 2.
    let quarter = ratio * ratio
    guard random.uniform() < quarter * quarter / (1 + quarter * quarter) else { return .lost }
    let calibrated = reflectivity * (0.45 + 0.55 * rough)
    let noise = exp(0.16 * random.normal())
    var intensity = intensityScale * calibrated * noise
    if retro > 0 { intensity += intensityScale * min(retro, 1.5) * (0.6 + 0.4 * facing) }
    return .seen(intensity: min(255, max(0, intensity.rounded())))
  }
}
