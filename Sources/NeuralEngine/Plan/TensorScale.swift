/// How a tensor's numbers are stored in 8 bits: `value = scale · (q - zeroPoint)` with q in 0...255.
///
/// A tensor of both signs has its zero point inside (128 where it is symmetric), one after ReLU has it at 0; zero itself
/// is always exact, as convolutions pad with it. `Codable`, so that a model file's JSON can hold a network's scales.
/// Source: Jacob et al., arXiv 1712.05877, equation 1.
public struct TensorScale: Sendable, Codable, Equatable {
  /// The step between neighbours, above 0.
  public let scale: Float
  /// The stored number that stands for 0, in 0...255.
  public let zeroPoint: Int

  /// A scale that is known to be valid (`check` is for those from outside).
  public init(scale: Float, zeroPoint: Int) {
    self.scale = scale
    self.zeroPoint = zeroPoint
  }

  /// The finest scale whose stored numbers cover `low...high` and 0.
  public init(covering low: Float, _ high: Float) {
    let low = min(low, 0), high = max(high, 0)
    let step = (high - low) / 255
    guard step >= .leastNormalMagnitude, step.isFinite else {
      self.init(scale: 1, zeroPoint: 0)
      return
    }
    self.init(scale: step, zeroPoint: Int(min(max((-low / step).rounded(), 0), 255)))
  }

  /// Throws unless the scale is a positive number and the zero point in 0...255.
  func check(_ name: String) throws {
    guard scale.isFinite, scale >= .leastNormalMagnitude else {
      throw EngineError(field: "scale of \(name)", found: "\(scale)", expected: "a number above 0")
    }
    guard (0...255).contains(zeroPoint) else {
      throw EngineError(field: "zero point of \(name)", found: "\(zeroPoint)", expected: "0 to 255")
    }
  }
}

/// What calibration saw of a tensor, or of tensors that share a scale.
struct TensorStatistics {
  static let binCount = 2048

  private(set) var low: Float = 0
  private(set) var high: Float = 0
  private(set) var bins = [Int](repeating: 0, count: binCount)

  /// Widens the range to hold all elements; false where one is not finite.
  mutating func widen(_ elements: UnsafeBufferPointer<Float>) -> Bool {
    var low = low, high = high, sum: Float = 0
    for x in elements {
      low = min(low, x)
      high = max(high, x)
      sum += x * 0
    }
    (self.low, self.high) = (low, high)
    return sum == 0
  }

  /// Counts elements, which lie in the range, into bins of equal width.
  mutating func count(_ elements: UnsafeBufferPointer<Float>) {
    guard high - low > 1e-30, (high - low).isFinite else { return }
    let factor = Float(Self.binCount) / (high - low), low = low, last = Self.binCount - 1
    bins.withUnsafeMutableBufferPointer { bins in
      for x in elements { bins[min(max(Int((x - low) * factor), 0), last)] += 1 }
    }
  }

  /// The scale with the least expected squared error: rounding within what it covers, clipping outside.
  func bestScale() -> TensorScale {
    var best = TensorScale(covering: low, high), least = squaredError(best)
    let fractions: [Float] = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4, 0.3]
    for top in fractions {
      for bottom in -low < 0.25 * high ? [1] : fractions {
        let scale = TensorScale(covering: low * bottom, high * top)
        let error = squaredError(scale)
        if error < least { (best, least) = (scale, error) }
      }
    }
    return best
  }

  /// Mean squared error over the mean square, both in the same unit; infinite for a tensor of zeros.
  func signalToNoise(_ scale: TensorScale) -> Double {
    var power = 0.0, width = Double(high - low) / Double(Self.binCount)
    if width == 0 { width = 1 }
    for (i, n) in bins.enumerated() where n > 0 {
      let x = Double(low) + (Double(i) + 0.5) * width
      power += Double(n) * x * x
    }
    let error = squaredError(scale)
    return error > 0 ? power / error : .infinity
  }

  private func squaredError(_ scale: TensorScale) -> Double {
    let step = Double(scale.scale), bottom = -Double(scale.zeroPoint) * step, top = bottom + 255 * step
    let width = Double(high - low) / Double(Self.binCount), rounding = step * step / 12
    var sum = 0.0
    for (i, n) in bins.enumerated() where n > 0 {
      let x = Double(low) + (Double(i) + 0.5) * width
      let over = x > top ? x - top : x < bottom ? bottom - x : 0
      sum += Double(n) * (over > 0 ? over * over : rounding)
    }
    return sum
  }
}
