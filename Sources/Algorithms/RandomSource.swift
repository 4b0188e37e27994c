import Foundation

/// A small seeded generator (SplitMix64): the same numbers on every machine.
/// - Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public struct RandomSource: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The generator of a seed.
  public init(seed: UInt64) { state = seed }

  /// A generator of its own for a purpose (`stream`), independent of how often others were asked.
  public init(seed: UInt64, stream: UInt64) {
    var first = RandomSource(seed: seed)
    var second = RandomSource(seed: first.next() ^ (stream &* 0x9E37_79B9_7F4A_7C15))
    state = second.next()
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// Uniform over the integers of the range.
  public mutating func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(uniform() * Double(range.count))
  }

  /// True with this probability.
  public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// Normal with mean 0 and deviation 1 (Box and Muller's method).
  public mutating func normal() -> Double {
    let u = 1 - uniform()
    let v = uniform()
    return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
  }

  /// Normal, held within two and a half deviations.
  public mutating func normal(mean: Double, deviation: Double) -> Double {
    mean + deviation * min(max(normal(), -2.5), 2.5)
  }

  /// An index drawn with these weights.
  /// - Precondition: at least one weight; all at least 0 with a sum above 0.
  public mutating func index(weights: [Double]) -> Int {
    var rest = uniform() * weights.reduce(0, +)
    for (k, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return k }
    }
    return weights.count - 1
  }
}
