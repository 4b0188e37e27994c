import Geometry
import Glibc

/// What all cameras of a scene share: its light, the shadows of what stands, lamps at night, and textures.
public struct SceneLighting: Sendable {
  let light: SceneLight
  let noise: NoiseTexture
  let shadows: ShadowMap?
  let lamps: LampField?

  /// The lighting of a scene.
  /// - Complexity: O(triangles + shadow texels); some tenths of a second.
  public init(_ geometry: SceneGeometry) {
    noise = NoiseTexture(seed: geometry.scene.seed)
    light = SceneLight(geometry.scene.weather, noise: noise)
    var low = SIMD3<Float>(repeating: .infinity)
    var high = SIMD3<Float>(repeating: -.infinity)
    for pose in geometry.scene.ego.poses {
      let p = pose.translation - geometry.origin
      let q = SIMD3<Float>(Float(p.x), Float(p.y), Float(p.z))
      low = pointwiseMin(low, q)
      high = pointwiseMax(high, q)
    }
    lamps = light.isNight ? LampField(geometry, low: low, high: high) : nil
    guard light.sun.max() > 0.02 else {
      shadows = nil
      return
    }
    let extent = max(high.x - low.x, high.y - low.y) + 150
    let side = 4096
    let map = ShadowMap(
      center: (low + high) / 2, toSun: light.toSun, side: side, texel: max(0.06, extent / Float(side)))
    for fixture in geometry.fixtures { map.add(fixture.levels[fixture.castLevel]) }
    shadows = map
  }
}

/// Light of street lamps and shop windows on the ground, metre by metre.
struct LampField: Sendable {
  private let minimumX: Float, minimumY: Float
  private let countX: Int, countY: Int
  private let values: [Float]

  init(_ geometry: SceneGeometry, low: SIMD3<Float>, high: SIMD3<Float>) {
    minimumX = low.x - 90
    minimumY = low.y - 90
    countX = Int(high.x - low.x) + 180
    countY = Int(high.y - low.y) + 180
    var values = [Float](repeating: 0, count: countX * countY)
    for (prop, fixture) in zip(geometry.scene.props, geometry.fixtures) where prop.kind == .streetLight {
      // The lamp hangs at the arm's end, over the prop's -y side.
      let top = prop.globalFromProp * SIMD3(0, -prop.size.x, prop.size.z)
      let x = Float(top.x - geometry.origin.x) - minimumX
      let y = Float(top.y - geometry.origin.y) - minimumY
      let height = max(3, fixture.maximum.z - fixture.minimum.z)
      for i in max(0, Int(max(x, 0)) - 24)..<max(0, min(countX, Int(max(x, 0)) + 24)) {
        for j in max(0, Int(max(y, 0)) - 24)..<max(0, min(countY, Int(max(y, 0)) + 24)) {
          let (dx, dy) = (Float(i) - x, Float(j) - y)
          let squared: Float = dx * dx + dy * dy + height * height
          values[i * countY + j] += 22 * height / (squared * squared.squareRoot())
        }
      }
    }
    self.values = values
  }

  /// The lamps' light at a place.
  @inline(__always)
  func at(_ x: Float, _ y: Float) -> Float {
    let (i, j) = (x - minimumX, y - minimumY)
    guard i >= 0, j >= 0, i < Float(countX - 1), j < Float(countY - 1) else { return 0 }
    let (a, b) = (Int(i), Int(j))
    let (u, v) = (i - Float(a), j - Float(b))
    let k = a * countY + b
    let low = values[k] * (1 - v) + values[k + 1] * v
    let high = values[k + countY] * (1 - v) + values[k + countY + 1] * v
    return low * (1 - u) + high * u
  }
}
