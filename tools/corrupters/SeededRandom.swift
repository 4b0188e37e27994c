/// Random numbers that a seed gives, the same on every machine (SplitMix64).
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// - Parameter seed: what all numbers derive from.
  public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678 }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number from 0 to below `bound`; 0 where `bound` is 0.
  public mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }

  /// One of some values.
  /// - Precondition: there is one.
  public mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
