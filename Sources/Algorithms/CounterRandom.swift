/// Random numbers as a pure function of what they are for: the same key gives the same number at any thread count.
///
/// A key is a seed and up to three counters (sweep, column, beam; or image, row, column), mixed by SplitMix64's finaliser.
/// - Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
@frozen public struct CounterRandom: Sendable {
  /// What the last key left; drawing advances it.
  public var state: UInt64

  /// The stream of this key.
  @inlinable @inline(__always)
  public init(_ seed: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
    var s = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    s = Self.mix(s ^ (a &+ 0xD1B5_4A32_D192_ED03))
    s = Self.mix(s ^ (b &+ 0x8CB9_2BA7_2F3D_8DD7))
    state = Self.mix(s ^ (c &+ 0xA24B_AED4_963E_E407))
  }

  /// SplitMix64's finaliser: a bijection that spreads every bit.
  @inlinable @inline(__always)
  public static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The next 64 bits.
  @inlinable @inline(__always)
  public mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// Uniform in [0, 1), 24 bits.
  @inlinable @inline(__always)
  public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// Uniform in [low, high).
  @inlinable @inline(__always)
  public mutating func uniform(_ low: Float, _ high: Float) -> Float { low + (high - low) * uniform() }

  /// Whole number in 0..<count.
  /// - Precondition: `count > 0`.
  @inlinable public mutating func index(_ count: Int) -> Int { Int(((next() >> 32) &* UInt64(count)) >> 32) }

  /// Nearly normal with mean 0 and deviation 1: the sum of four uniform 16-bit numbers, so never beyond 3.5.
  @inlinable @inline(__always)
  public mutating func normal() -> Float {
    let bits = next()
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + bits >> 48
    return (Float(sum) * 0x1p-16 - 2) * 1.732_050_8
  }
}
