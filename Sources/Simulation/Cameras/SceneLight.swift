import Glibc

/// The sun, the sky and what lies between: the light of a scene's weather, in units of a white surface at noon.
struct SceneLight: Sendable {
  /// Unit direction to the sun.
  let toSun: SIMD3<Float>
  /// The sun's light on a surface that faces it; zero below the horizon or behind clouds.
  let sun: SIMD3<Float>
  /// The sky overhead and at the horizon.
  let zenith: SIMD3<Float>, horizon: SIMD3<Float>
  /// What the ground sends up.
  let bounce: SIMD3<Float>
  /// What the whole sky sends down on a level surface, white-balanced.
  let fill: SIMD3<Float>
  let cloudCover: Float
  let fogDensity: Float
  let wetness: Float
  /// What one unit of light is multiplied by for the sensor: 1 lands a white surface near the top.
  let exposure: Float
  /// Whether lamps are lit.
  let isNight: Bool
  private let noise: NoiseTexture

  init(_ weather: Weather, noise: NoiseTexture) {
    self.noise = noise
    let elevation = Float(weather.sunElevation)
    let azimuth = Float(weather.sunAzimuth)
    let low = max(elevation, 0.06)
    toSun = SIMD3(cos(low) * cos(azimuth), cos(low) * sin(azimuth), sin(low))
    cloudCover = Float(min(max(weather.cloudCover, 0), 1))
    fogDensity = Float(max(weather.fogDensity, 0))
    wetness = Float(min(max(weather.wetness, 0), 1))
    // Day fades through dusk between 8 degrees above and 8 below the horizon.
    let day = min(max((elevation + 0.14) / 0.28, 0), 1)
    isNight = day < 0.3
    let warm = min(max(1 - elevation / 0.6, 0), 1)
    let sunColor = SIMD3<Float>(1, 0.95 - 0.25 * warm, 0.88 - 0.5 * warm)
    let strength = max(0, sin(max(elevation, 0))).squareRoot() * (1 - 0.97 * cloudCover)
    sun = sunColor * (1.9 * strength)
    let clearZenith = SIMD3<Float>(0.14, 0.28, 0.62)
    let clearHorizon = SIMD3<Float>(0.62, 0.72, 0.85) * (1 - 0.2 * warm) + SIMD3(0.3, 0.12, 0) * (warm * 0.5)
    let grey = SIMD3<Float>(0.62, 0.64, 0.67)
    let nightZenith = SIMD3<Float>(0.006, 0.008, 0.014)
    let nightHorizon = SIMD3<Float>(0.035, 0.03, 0.026)
    func mix(_ a: SIMD3<Float>, _ b: SIMD3<Float>, _ t: Float) -> SIMD3<Float> { a + (b - a) * t }
    zenith = mix(nightZenith, mix(clearZenith, grey, cloudCover * 0.85), day)
    horizon = mix(nightHorizon, mix(clearHorizon, grey * 1.1, cloudCover), day)
    let sky = (zenith + horizon) / 2
    // A camera's white balance takes half of the blue out of what the sky lights.
    let mean = zenith * 0.55 + horizon * 0.45
    fill = mix(mean, SIMD3(repeating: mean.sum() / 3), 0.75) * 0.8
    bounce = (sky * 0.5 + sun * (0.6 * toSun.z)) * 0.22
    // A mid-grey road in this light lands where a camera's metering would put it.
    let level = ((sky + sun * toSun.z) * SIMD3(0.3, 0.55, 0.15)).sum()
    exposure = 1.0 / pow(max(level, 0.16), 0.8) * pow(2, Float(weather.exposureBias))
  }

  /// Light from sky and ground on a surface with this upward part of its normal.
  @inline(__always)
  func ambient(_ normalZ: Float) -> SIMD3<Float> {
    let up = 0.5 + 0.5 * normalZ
    return fill * up + bounce * (1 - up)
  }

  /// The sky in a direction without clouds, for mirror images; below the horizon the ground.
  @inline(__always)
  func mirrored(_ d: SIMD3<Float>) -> SIMD3<Float> {
    let below = bounce * 0.9
    if d.z < -0.08 { return below }
    let t = min(1, max(0, d.z) * 1.6)
    // Streets reflect houses and trees before the sky.
    let skyline = min(1, max(0.3, (d.z - 0.05) * 3))
    let above = (horizon + (zenith - horizon) * t) * skyline
    let blend = min(1, (d.z + 0.08) / 0.16)
    return below + (above - below) * blend
  }

  /// The sky that a camera sees in a unit direction.
  func sky(_ d: SIMD3<Float>) -> SIMD3<Float> {
    let z = max(d.z, 0)
    let t = 1 - (1 - min(1, z * 1.15)) * (1 - min(1, z * 1.15))
    var color = horizon + (zenith - horizon) * t
    let glow = max(0, d.dot(toSun))
    let g2 = glow * glow
    let g8 = g2 * g2 * g2 * g2
    color += sun * (0.10 * g2 + 0.35 * g8 * g8)
    if glow > 0.9996, cloudCover < 0.6 { color += sun * 8 }
    if z > 0.01 {
      let scale = 2.2 / (z + 0.12)
      let density = noise.cloud(d.x * scale + 31, d.y * scale + 87)
      let edge = 0.72 - 0.45 * cloudCover
      let cover = min(1, max(0, (density - edge) * 5)) * min(1, z * 6)
      let white = (horizon * 0.75 + sun * 0.35 + SIMD3(repeating: 0.05 * horizon.x)) * (1.15 - 0.5 * density)
      color += (white - color) * (cover * 0.85)
    }
    return color
  }

  /// A colour as it is seen through the air over this distance.
  @inline(__always)
  func throughAir(_ color: SIMD3<Float>, _ distance: Float) -> SIMD3<Float> {
    let haze = 1 - exp(-(fogDensity + 0.0003) * distance)
    return color + (horizon * 0.92 - color) * haze
  }
}
