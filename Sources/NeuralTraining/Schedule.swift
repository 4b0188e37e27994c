import Foundation

/// A number that changes over the steps of a training: a learning rate, a momentum.
public struct Schedule: Codable, Sendable, Equatable {
  /// How it goes after warming up.
  public enum Shape: Codable, Sendable, Equatable {
    /// As it is.
    case constant
    /// Down a half cosine to `end`. Loshchilov & Hutter, arXiv 1608.03983, equation 5.
    case cosine(end: Double)
    /// Times `factor` at each of these steps.
    case steps([Int], factor: Double)
    /// `(1 - progress)^power`.
    case polynomial(power: Double)
    /// Up from `start` to the peak over a share of the steps and down to `end`, both by half cosines. Smith & Topin,
    /// arXiv 1708.07120.
    case oneCycle(start: Double, rise: Double, end: Double)
  }

  /// The number at its peak.
  public let peak: Double
  /// How it goes after warming up.
  public let shape: Shape
  /// Steps in which it grows from `warmUpStart` to the peak, linearly.
  public let warmUp: Int
  /// What it starts from.
  public let warmUpStart: Double
  /// All steps, those of warming up among them.
  public let steps: Int

  /// A schedule over `steps` steps.
  ///
  /// - Throws: `TrainingError` where a number makes no sense.
  public init(
    peak: Double, shape: Shape = .constant, warmUp: Int = 0, warmUpStart: Double = 0, steps: Int
  ) throws {
    func require(_ holds: Bool, _ field: String, _ found: String, _ expected: String) throws {
      if !holds { throw TrainingError(place: "schedule", field: field, found: found, expected: expected) }
    }
    try require(peak.isFinite && peak >= 0, "peak", "\(peak)", "a number of 0 or more")
    try require(steps >= 1, "steps", "\(steps)", "1 or more")
    try require(warmUp >= 0 && warmUp <= steps, "warm-up", "\(warmUp)", "0 to \(steps) steps")
    if case .oneCycle(_, let rise, _) = shape {
      try require(rise > 0 && rise < 1, "rise", "\(rise)", "a share")
    }
    self.peak = peak
    self.shape = shape
    self.warmUp = warmUp
    self.warmUpStart = warmUpStart
    self.steps = steps
  }

  /// Always the same.
  public static func constant(_ value: Double) throws -> Schedule { try Schedule(peak: value, steps: 1) }

  /// The number at a step, the first being 0; after the last, the last's.
  public func value(at step: Int) -> Double {
    if step < warmUp { return warmUpStart + (peak - warmUpStart) * Double(step + 1) / Double(warmUp) }
    let progress = min(1, Double(step - warmUp) / Double(max(1, steps - warmUp)))
    switch shape {
    case .constant: return peak
    case .cosine(let end): return half(peak, end, progress)
    case .steps(let places, let factor):
      return peak * Foundation.pow(factor, Double(places.filter { $0 <= step }.count))
    case .polynomial(let power): return peak * Foundation.pow(1 - progress, power)
    case .oneCycle(let start, let rise, let end):
      return progress < rise
        ? half(start, peak, progress / rise) : half(peak, end, (progress - rise) / (1 - rise))
    }
  }

  private func half(_ from: Double, _ to: Double, _ progress: Double) -> Double {
    to + (from - to) * (1 + Foundation.cos(.pi * progress)) / 2
  }
}

/// What training found wrong in what it was given, or in how it went.
public struct TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, or the part of training.
  public var place: String
  /// The field, weight or step.
  public var field: String
  /// What was found there.
  public var found: String
  /// What would have been right.
  public var expected: String

  /// An error in `field` of `place`.
  public init(place: String, field: String, found: String, expected: String) {
    (self.place, self.field, self.found, self.expected) = (place, field, found, expected)
  }

  /// `<place>: <field>: <found> (expected <expected>)`.
  public var description: String { "\(place): \(field): \(found) (expected \(expected))" }
}
