import Algorithms
import Glibc

/// Smooth random values over a plane, repeating every 256 units, from a seed.
struct NoiseTexture: Sendable {
  private let values: [Float]

  init(seed: UInt64) {
    values = (0..<65536).map { k in
      var random = CounterRandom(seed, 71, UInt64(k))
      return random.uniform()
    }
  }

  /// Value noise in [0, 1): bilinear between whole numbers.
  @inline(__always)
  func at(_ x: Float, _ y: Float) -> Float {
    let fx = x.floored
    let fy = y.floored
    let (u, v) = (x - fx, y - fy)
    let i = Int(fx) & 255
    let j = Int(fy) & 255
    let i1 = (i + 1) & 255
    let j1 = (j + 1) & 255
    return values.withUnsafeBufferPointer { n in
      let a = n[i << 8 | j] * (1 - v) + n[i << 8 | j1] * v
      let b = n[i1 << 8 | j] * (1 - v) + n[i1 << 8 | j1] * v
      return a * (1 - u) + b * u
    }
  }

  /// Three octaves, mean one half.
  @inline(__always)
  func cloud(_ x: Float, _ y: Float) -> Float {
    0.54 * at(x, y) + 0.29 * at(2.1 * x + 17, 2.1 * y + 5) + 0.17 * at(4.3 * x + 3, 4.3 * y + 41)
  }
}

extension Float {
  /// The largest whole number not above; for magnitudes below 2^31.
  @inline(__always) var floored: Float {
    let whole = Float(Int32(truncatingIfNeeded: Int(self)))
    return whole > self ? whole - 1 : whole
  }
}
