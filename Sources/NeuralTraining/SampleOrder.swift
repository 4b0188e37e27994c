/// The order in which samples are seen: another permutation each epoch, told by seed and epoch alone.
///
/// So a place in the data is a number of samples, and resuming needs no generator's state.
public struct SampleOrder: Sendable {
  /// Number of samples.
  public let count: Int
  /// Tells one order from another.
  public let seed: UInt64
  private var epoch = -1
  private var permutation: [Int] = []

  /// An order of `count` samples.
  ///
  /// - Precondition: there is one at least.
  public init(count: Int, seed: UInt64) {
    precondition(count > 0, "an order of no samples")
    self.count = count
    self.seed = seed
  }

  /// The sample at a position, counted from the start of training. O(1), O(count) at the first of an epoch.
  public mutating func sample(at position: Int) -> Int {
    if position / count != epoch {
      epoch = position / count
      var random = SampleGenerator(state: seed &+ UInt64(epoch) &* 0xD134_2543_DE82_EF95)
      permutation = Array(0..<count).shuffled(using: &random)
    }
    return permutation[position % count]
  }
}

/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014).
private struct SampleGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
