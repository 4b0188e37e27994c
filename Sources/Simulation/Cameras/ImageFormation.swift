import Algorithms
import Glibc

/// What a camera's optics and sensor make of light: vignette, blur of the lens, exposure, noise and the tone curve.
struct ImageFormation: Sendable {
  /// 4096 steps of linear light from 0 to 4 to 8-bit values.
  private let curve: [UInt8]
  private let exposure: Float
  private let seed: UInt64
  private let noise: Float

  init(exposure: Float, noise: Float, seed: UInt64) {
    self.exposure = exposure
    self.noise = noise
    self.seed = seed
    curve = (0..<4096).map { k in
      let x = Float(k) / 1024
      let toned = 1 - exp(-1.55 * x)  // highlights roll off as film does
      let gamma = toned <= 0.0031308 ? 12.92 * toned : 1.055 * pow(toned, 1 / 2.4) - 0.055
      let steep = gamma * gamma * (3 - 2 * gamma)
      let encoded = gamma + (steep - gamma) * 0.45
      return UInt8(min(255, max(0, encoded * 262 + 0.5)))
    }
  }

  /// Makes bytes `[row, column, RGB]` of linear light `[row, column]`.
  func develop(_ light: UnsafeMutablePointer<SIMD4<Float>>, width: Int, height: Int) -> [UInt8] {
    blur(light, width: width, height: height)
    let (cx, cy) = (Float(width - 1) / 2, Float(height - 1) / 2)
    let corner = 1 / (cx * cx + cy * cy)
    return [UInt8](unsafeUninitializedCapacity: width * height * 3) { bytes, count in
      curve.withUnsafeBufferPointer { curve in
        for y in 0..<height {
          let dy = Float(y) - cy
          for x in 0..<width {
            let dx = Float(x) - cx
            let vignette = 1 - 0.28 * (dx * dx + dy * dy) * corner
            let i = y * width + x
            let bits = CounterRandom.mix(seed &+ UInt64(i) &* 0x9E37_79B9_7F4A_7C15)
            let a = Float(Int64(bits & 0x1F_FFFF) - 0x10_0000) * 0x1p-20
            let b = Float(Int64(bits >> 21 & 0x1F_FFFF) - 0x10_0000) * 0x1p-20
            let c = Float(Int64(bits >> 42 & 0x1F_FFFF) - 0x10_0000) * 0x1p-20
            var value = light[i] * (exposure * vignette)
            // Read noise, and shot noise that grows with the root of light; noise in brightness more than in colour.
            let grain = SIMD4<Float>(a + 0.5 * b, a - 0.5 * b + 0.3 * c, a + 0.7 * c, 0)
            let floor = SIMD4<Float>(repeating: 0.002)
            let level = (pointwiseMax(value, .zero) * 0.0018 + floor * floor).squareRoot()
            value += grain * level * noise
            let q = pointwiseMin(pointwiseMax(value * 1024, .zero), SIMD4(repeating: 4095))
            bytes[3 * i] = curve[Int(q.x)]
            bytes[3 * i + 1] = curve[Int(q.y)]
            bytes[3 * i + 2] = curve[Int(q.z)]
          }
        }
      }
      count = width * height * 3
    }
  }

  /// The lens's blur: (1, 6, 1) / 8 along rows, then along columns.
  private func blur(_ light: UnsafeMutablePointer<SIMD4<Float>>, width: Int, height: Int) {
    guard width > 2, height > 2 else { return }
    for y in 0..<height {
      let row = light + y * width
      var before = row[0]
      for x in 0..<(width - 1) {
        let here = row[x]
        row[x] = (before + row[x + 1]) * 0.125 + here * 0.75
        before = here
      }
    }
    withUnsafeTemporaryAllocation(of: SIMD4<Float>.self, capacity: width) { before in
      for x in 0..<width { before[x] = light[x] }
      for y in 0..<(height - 1) {
        let row = light + y * width
        for x in 0..<width {
          let here = row[x]
          row[x] = (before[x] + row[x + width]) * 0.125 + here * 0.75
          before[x] = here
        }
      }
    }
  }
}
