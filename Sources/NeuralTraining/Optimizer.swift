import Foundation

/// How weights follow their gradients.
public struct Optimizer: Codable, Sendable, Equatable {
  /// The rule; the moments that it keeps start at 0.
  public enum Rule: Codable, Sendable, Equatable {
    /// `v = μ v + g; w -= r v` (Nesterov: `w -= r (g + μ v)`), as PyTorch has it.
    case sgd(momentum: Double, nesterov: Bool)
    /// Kingma & Ba, arXiv 1412.6980; decay is added to the gradient.
    case adam(beta1: Double, beta2: Double, epsilon: Double)
    /// Loshchilov & Hutter, arXiv 1711.05101; decay apart from the gradient.
    case adamW(beta1: Double, beta2: Double, epsilon: Double)
    /// Tieleman & Hinton 2012, lecture 6e: over a running mean of squares; then momentum.
    case rmsprop(alpha: Double, epsilon: Double, momentum: Double)
    /// Duchi et al., JMLR 2011: over the sum of squares so far.
    case adagrad(epsilon: Double)
  }

  /// The rule.
  public let rule: Rule
  /// Decay towards 0 of the weights that have it (`WeightRole.learned`).
  public let weightDecay: Double

  /// An optimiser.
  ///
  /// - Throws: `TrainingError` where a number makes no sense.
  public init(_ rule: Rule, weightDecay: Double = 0) throws {
    let shares: [Double]
    switch rule {
    case .sgd(let momentum, _): shares = [momentum]
    case .adam(let beta1, let beta2, _), .adamW(let beta1, let beta2, _): shares = [beta1, beta2]
    case .rmsprop(let alpha, _, let momentum): shares = [alpha, momentum]
    case .adagrad: shares = []
    }
    guard shares.allSatisfy({ (0..<1).contains($0) }), weightDecay >= 0, weightDecay.isFinite else {
      throw TrainingError(
        place: "optimizer", field: "\(rule)", found: "weight decay \(weightDecay)",
        expected: "momenta and shares of 0 to less than 1, decay of 0 or more")
    }
    self.rule = rule
    self.weightDecay = weightDecay
  }

  /// The usual AdamW.
  public static func adamW(weightDecay: Double = 0.01) throws -> Optimizer {
    try Optimizer(.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), weightDecay: weightDecay)
  }

  /// Names of the moments that each weight has.
  var momentNames: [String] {
    switch rule {
    case .sgd(let momentum, _): momentum > 0 ? ["velocity"] : []
    case .adam, .adamW: ["mean", "square"]
    case .rmsprop(_, _, let momentum): momentum > 0 ? ["square", "velocity"] : ["square"]
    case .adagrad: ["square"]
    }
  }

  /// One step of a weight.
  ///
  /// - Parameters:
  ///   - w, g: the weight, changed in place, and its gradient.
  ///   - moments: as many as `momentNames`, changed in place.
  ///   - range: the elements to do; each depends on itself alone, so that they may be split in any way.
  ///   - step: the step's number, the first being 1.
  ///   - momentum: in place of the rule's momentum or β₁, where a schedule has one.
  func step(
    _ w: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ moments: [UnsafeMutablePointer<Float>],
    _ range: Range<Int>, rate: Double, step: Int, decays: Bool, momentum scheduled: Double? = nil,
    gradientScale: Float = 1
  ) {
    let decay = decays ? Float(weightDecay) : 0, r = Float(rate)
    switch rule {
    case .sgd(let momentum, let nesterov):
      let mu = Float(scheduled ?? momentum)
      guard let v = moments.first else {
        for i in range { w[i] -= r * (g[i] * gradientScale + decay * w[i]) }
        return
      }
      for i in range {
        let d = g[i] * gradientScale + decay * w[i]
        // The first velocity is the gradient itself.
        v[i] = mu * v[i] + d
        w[i] -= r * (nesterov ? d + mu * v[i] : v[i])
      }
    case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon):
      let b1 = scheduled ?? beta1
      let isApart = if case .adamW = rule { true } else { false }
      let (f1, f2) = (Float(b1), Float(beta2))
      let size = Float(rate / (1 - Foundation.pow(b1, Double(step))))
      let root = Float((1 - Foundation.pow(beta2, Double(step))).squareRoot()), e = Float(epsilon)
      let (m, s) = (moments[0], moments[1])
      for i in range {
        var d = g[i] * gradientScale
        if isApart { w[i] -= r * decay * w[i] } else { d += decay * w[i] }
        m[i] = f1 * m[i] + (1 - f1) * d
        s[i] = f2 * s[i] + (1 - f2) * d * d
        w[i] -= size * m[i] / (s[i].squareRoot() / root + e)
      }
    case .rmsprop(let alpha, let epsilon, let momentum):
      let (a, e, mu) = (Float(alpha), Float(epsilon), Float(scheduled ?? momentum)), s = moments[0]
      for i in range {
        let d = g[i] * gradientScale + decay * w[i]
        s[i] = a * s[i] + (1 - a) * d * d
        let towards = d / (s[i].squareRoot() + e)
        guard moments.count > 1 else {
          w[i] -= r * towards
          continue
        }
        moments[1][i] = mu * moments[1][i] + towards
        w[i] -= r * moments[1][i]
      }
    case .adagrad(let epsilon):
      let s = moments[0], e = Float(epsilon)
      for i in range {
        let d = g[i] * gradientScale + decay * w[i]
        s[i] += d * d
        w[i] -= r * d / (s[i].squareRoot() + e)
      }
    }
  }
}
