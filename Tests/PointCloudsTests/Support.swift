import Geometry
import Scenes

/// SplitMix64: the same numbers everywhere for a seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Values that break careless code.
let hostileValues: [Float] = [
  .nan, .infinity, -.infinity, 1e30, -1e30, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
  .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0x1p31, -0x1p31, 0x1p63, -0.0,
]

func cloud(_ points: [SIMD3<Float>], intensity: Float = 0) -> PointCloud {
  var cloud = PointCloud()
  for p in points { cloud.append(p, intensity: intensity, ring: 0, age: 0) }
  return cloud
}

/// A cloud as a scanner might give it: rings on the ground and clumps, plus `hostile` bad points spread through it.
func scan(points n: Int, seed: UInt64, hostile: Int = 0) -> PointCloud {
  var generator = SeededGenerator(seed: seed)
  var cloud = PointCloud()
  for k in 0..<n {
    let radius = Float.random(in: 2...60, using: &generator)
    let angle = Float(k) * 0.01
    let p = SIMD3(
      radius * Float.random(in: -1...1, using: &generator), radius * (angle - angle.rounded(.down) - 0.5),
      Float.random(in: -2...3, using: &generator))
    cloud.append(p, intensity: Float(k % 256), ring: Float(k % 32), age: 0)
    if hostile > 0 && k % max(1, n / hostile) == 0 {
      let bad = hostileValues[k % hostileValues.count]
      cloud.append(
        SIMD3(k % 3 == 0 ? bad : 1, k % 3 == 1 ? bad : 1, k % 3 == 2 ? bad : 1), intensity: 1, ring: 0, age: 0
      )
    }
  }
  return cloud
}
