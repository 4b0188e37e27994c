import Algorithms

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
      var random = CounterRandom(seed, UInt64(epoch))
      permutation = Array(0..<count)
      // Fisher and Yates' shuffle.
      for i in stride(from: count - 1, to: 0, by: -1) {
        permutation.swapAt(i, Int(random.next() % UInt64(i + 1)))
      }
    }
    return permutation[position % count]
  }
}
