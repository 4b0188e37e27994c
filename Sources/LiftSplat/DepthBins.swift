/// How the depth axis of a frustum is cut: `count` bins from `minimum` to `maximum` metres.
///
/// - Source: uniform as in Philion and Fidler, ECCV 2020; linear-increasing as in Reading et al., CaDDN, CVPR 2021,
///   equation 1: bin k begins at `minimum + (maximum - minimum) · k (k + 1) / (count (count + 1))`.
public struct DepthBins: Codable, Hashable, Sendable {
  /// How wide the bins are.
  public enum Spacing: String, Codable, Hashable, Sendable, CaseIterable {
    /// All alike.
    case uniform
    /// Each wider than the one before by the same amount: near ones narrow.
    case linearIncreasing
  }

  /// How wide the bins are.
  public let spacing: Spacing
  /// Where the first bin begins and the last one ends, in metres.
  public let minimum: Double, maximum: Double
  /// The number of bins.
  public let count: Int

  /// The bins with these measures.
  ///
  /// - Throws: `LiftSplatError` unless 0 <= minimum < maximum, both finite, and there are 1 to 4096 bins.
  public init(spacing: Spacing, minimum: Double, maximum: Double, count: Int) throws {
    func fault(_ field: String, _ found: String, _ expected: String) -> LiftSplatError {
      LiftSplatError(file: "depth bins", field: field, found: found, expected: expected)
    }
    guard minimum.isFinite, minimum >= 0 else {
      throw fault("minimum", "\(minimum) m", "0 or more")
    }
    guard maximum.isFinite, maximum > minimum else {
      throw fault("maximum", "\(maximum) m", "more than the minimum of \(minimum) m")
    }
    guard count >= 1, count <= 4096 else { throw fault("count", "\(count)", "1 to 4096") }
    self.spacing = spacing
    self.minimum = minimum
    self.maximum = maximum
    self.count = count
  }

  /// Reads the four fields and checks them as `init` does.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      spacing: fields.decode(Spacing.self, forKey: .spacing),
      minimum: fields.decode(Double.self, forKey: .minimum),
      maximum: fields.decode(Double.self, forKey: .maximum), count: fields.decode(Int.self, forKey: .count))
  }

  /// Where bin `k` begins, in metres; `edge(count)` is the maximum.
  public func edge(_ k: Int) -> Double {
    let position = Double(k), bins = Double(count)
    switch spacing {
    case .uniform: return minimum + (maximum - minimum) * position / bins
    case .linearIncreasing:
      return minimum + (maximum - minimum) * (position * (position + 1)) / (bins * (bins + 1))
    }
  }

  /// The depth that stands for bin `k`: the middle of its edges, in metres.
  public func center(_ k: Int) -> Double { (edge(k) + edge(k + 1)) / 2 }

  /// The bin of a depth in metres, or nil outside; a depth on an edge belongs to the upper bin.
  public func bin(of depth: Double) -> Int? {
    guard depth >= minimum, depth < maximum else { return nil }
    let part = (depth - minimum) / (maximum - minimum), bins = Double(count)
    let estimate =
      switch spacing {
      case .uniform: part * bins
      case .linearIncreasing: ((1 + 4 * part * bins * (bins + 1)).squareRoot() - 1) / 2
      }
    // The estimate is rounded; the edges decide.
    var k = min(max(Int(estimate), 0), count - 1)
    while k > 0, depth < edge(k) { k -= 1 }
    while k < count - 1, depth >= edge(k + 1) { k += 1 }
    return k
  }
}
