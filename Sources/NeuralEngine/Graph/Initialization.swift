import Foundation

/// How a weight's first values are made: the same for the same seed, name and shape.
public enum Initialization: Sendable, Equatable {
  /// All 0.
  case zeros
  /// All 1.
  case ones
  /// All the same.
  case constant(Float)
  /// Gaussian of a standard deviation.
  case normal(Float)
  /// Uniform in ±bound.
  case uniform(Float)
  /// Gaussian of sqrt(2 / (extent of all axes but the first)); He et al., arXiv 1502.01852, equation 10.
  case he
  /// Uniform in ±sqrt(6 / (rows + columns)) of a matrix; Glorot & Bengio, AISTATS 2010, equation 16.
  case xavier

  /// The values for a shape.
  func value(shape: [Int], name: String, seed: UInt64) -> TensorValue {
    let count = shape.reduce(1, *)
    switch self {
    case .zeros: return TensorValue(shape, [Float](repeating: 0, count: count))
    case .ones: return TensorValue(shape, [Float](repeating: 1, count: count))
    case .constant(let c): return TensorValue(shape, [Float](repeating: c, count: count))
    case .normal(let deviation): return gaussian(shape, deviation, name, seed)
    case .he:
      return gaussian(shape, (2 / Float(max(1, shape.dropFirst().reduce(1, *)))).squareRoot(), name, seed)
    case .xavier:
      let rows = shape.first ?? 1, columns = shape.dropFirst().reduce(1, *)
      return Initialization.uniform((6 / Float(max(1, rows + columns))).squareRoot())
        .value(shape: shape, name: name, seed: seed)
    case .uniform(let bound):
      var random = SplitMix64(seed: seed ^ fnv1a(name))
      return TensorValue(shape, (0..<count).map { _ in (2 * random.unit() - 1) * bound })
    }
  }

  private func gaussian(_ shape: [Int], _ deviation: Float, _ name: String, _ seed: UInt64) -> TensorValue {
    var random = SplitMix64(seed: seed ^ fnv1a(name))
    return TensorValue(
      shape,
      (0..<shape.reduce(1, *)).map { _ in
        // Box and Muller's transform.
        let radius = (-2 * log(max(random.unit(), 1e-12))).squareRoot()
        return deviation * radius * cos(2 * .pi * random.unit())
      })
  }
}

/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014).
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1).
  mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }
}

/// FNV-1a of a name's UTF-8, 64 bits.
func fnv1a(_ name: String) -> UInt64 {
  name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
