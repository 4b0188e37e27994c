import NeuralEngine

extension Graph {
  /// `|x - t|`.
  public mutating func l1Loss(
    _ x: TensorID, _ targets: TensorID, weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    try lossTotal(unary(.abs, binary(.subtract, x, targets)), weights: weights, reduction: reduction)
  }

  /// `(x - t)²`.
  public mutating func squaredLoss(
    _ x: TensorID, _ targets: TensorID, weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    let error = try binary(.subtract, x, targets)
    return try lossTotal(product(error, error), weights: weights, reduction: reduction)
  }

  /// `d² / 2β` for `d = |x - t|` below β, else `d - β / 2`. Girshick, arXiv 1504.08083, equation 3.
  public mutating func smoothL1Loss(
    _ x: TensorID, _ targets: TensorID, beta: Float = 1, weights: TensorID? = nil,
    reduction: LossReduction = .mean
  ) throws -> TensorID {
    let distance = try unary(.abs, binary(.subtract, x, targets))
    // m (d - m / 2) / β with m = min(d, β).
    let near = try binary(.minimum, distance, number(beta))
    let elements = try product(near, binary(.subtract, distance, linear(near, alpha: 0.5)))
    return try lossTotal(linear(elements, alpha: 1 / beta), weights: weights, reduction: reduction)
  }

  /// Negative log-likelihood of a mixture of Laplace distributions over modes:
  /// `-log Σ_k π_k Π_d exp(-|t - μ_kd| / b_kd) / 2 b_kd`.
  ///
  /// - Parameters:
  ///   - locations, logScales: `[batch, mode, dimension]`; b = exp(logScale).
  ///   - logits: `[batch, mode]`, of the modes' probabilities.
  ///   - targets: `[batch, 1, dimension]`.
  ///   - present: `[batch, 1, dimension]`, 0 where a dimension does not count.
  ///   - weights: `[batch]`.
  public mutating func laplaceMixtureLoss(
    locations: TensorID, logScales: TensorID, logits: TensorID, targets: TensorID, present: TensorID? = nil,
    weights: TensorID? = nil
  ) throws -> TensorID {
    let distance = try unary(.abs, binary(.subtract, locations, targets))
    var terms = try linear(
      sum(product(distance, unary(.exp, unary(.negate, logScales))), logScales), alpha: -1, beta: -0.693_147_2
    )
    if let present { terms = try product(terms, present) }
    let likelihood = try reduce(.sum, terms, axes: [2], keepsAxes: false)
    let shares = try apply(.softmax(.init(axis: 1, logarithm: true)), logits)
    let elements = try unary(
      .negate, reduce(.logSumExp, sum(likelihood, shares), axes: [1], keepsAxes: false))
    return try lossTotal(elements, weights: weights)
  }

  /// How the errors of several modes share a target.
  public enum WinnerTakesAll: Sendable, Hashable {
    /// The best mode alone learns.
    case hard
    /// The best gets 1 - ε, the others share ε (Rupprecht et al., arXiv 1612.00197).
    case relaxed(Float)
    /// Shares fall off with the error: softmax(-error / temperature) (Perera et al., arXiv 2407.15580).
    case annealed(temperature: Float)
  }

  /// Modes' errors weighted by who wins. No gradient flows through the choice.
  ///
  /// - Parameters:
  ///   - errors: `[batch, mode]`.
  ///   - weights: `[batch, 1]`.
  /// - Returns: the loss, and the winners' shares `[batch, mode]`, which sum to 1: targets for the modes' probabilities.
  public mutating func winnerTakesAll(
    _ errors: TensorID, _ rule: WinnerTakesAll, weights: TensorID? = nil
  ) throws -> (loss: TensorID, shares: TensorID) {
    let fixed = try detach(errors), modes = shape(errors)[1]
    let shares: TensorID
    switch rule {
    case .annealed(let temperature): shares = try softmax(linear(fixed, alpha: -1 / temperature), axis: 1)
    case .hard, .relaxed:
      let winner = try apply(.argumentOfExtreme(.init(axis: 1, largest: false)), fixed)
      let all = addConstant("modes", TensorValue([1, modes], integers: (0..<modes).map { Int64($0) }))
      let best = try apply(.cast(.init(to: .float32)), binary(.equal, all, winner))
      if case .relaxed(let rest) = rule, modes > 1 {
        let other = rest / Float(modes - 1)
        shares = try linear(best, alpha: 1 - rest - other, beta: other)
      } else {
        shares = best
      }
    }
    let elements = try reduce(.sum, product(shares, errors), axes: [1])
    return (try lossTotal(elements, weights: weights), shares)
  }

  /// What a diffusion network predicts.
  public enum DiffusionTarget: Sendable, Hashable {
    /// The clean sample.
    case sample
    /// The noise that was added.
    case noise
  }

  /// Squared error of a diffusion network's output against the clean sample or the noise; Ho et al., arXiv 2006.11239,
  /// equation 14.
  public mutating func diffusionLoss(
    _ output: TensorID, clean: TensorID, noise: TensorID, target: DiffusionTarget, weights: TensorID? = nil
  ) throws -> TensorID {
    try squaredLoss(output, target == .sample ? clean : noise, weights: weights)
  }

  /// Preference loss of diffusion: `-log sigmoid(-β ((e_w - r_w) - (e_l - r_l)))` with the errors of the preferred and the
  /// other sample under the network and under a frozen reference. Wallace et al., arXiv 2311.12908, equation 14.
  ///
  /// - Parameter preferred, other, referencePreferred, referenceOther: squared errors, `[batch]`.
  public mutating func diffusionPreferenceLoss(
    preferred: TensorID, other: TensorID, referencePreferred: TensorID, referenceOther: TensorID, beta: Float,
    weights: TensorID? = nil
  ) throws -> TensorID {
    let own = try binary(.subtract, preferred, other)
    let reference = try detach(binary(.subtract, referencePreferred, referenceOther))
    let margin = try linear(binary(.subtract, own, reference), alpha: beta)
    return try lossTotal(unary(.softplus, margin), weights: weights)
  }
}
