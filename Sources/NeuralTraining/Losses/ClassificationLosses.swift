import NeuralEngine

extension Graph {
  /// Cross-entropy of logits with hard labels: `-log softmax(x)[label]`.
  ///
  /// - Parameters:
  ///   - logits: `[..., class, ...]`, classes along `axis`.
  ///   - labels: int64, the logits' shape with extent 1 along the axis; those outside the classes must have weight 0 and be
  ///     replaced by a class beforehand.
  ///   - weights: broadcast to the labels' shape.
  ///   - smoothing: share of the target that all classes get alike (Szegedy et al., arXiv 1512.00567, section 7).
  public mutating func crossEntropy(
    _ logits: TensorID, labels: TensorID, axis: Int = 1, weights: TensorID? = nil, smoothing: Float = 0,
    reduction: LossReduction = .mean
  ) throws -> TensorID {
    let logarithms = try apply(.softmax(.init(axis: axis, logarithm: true)), logits)
    var elements = try unary(.negate, apply(.gatherElements(.init(axis: axis)), logarithms, labels))
    if smoothing > 0 {
      let even = try unary(.negate, reduce(.mean, logarithms, axes: [axis]))
      elements = try sum(linear(elements, alpha: 1 - smoothing), linear(even, alpha: smoothing))
    }
    return try lossTotal(elements, weights: weights, reduction: reduction)
  }

  /// Cross-entropy with soft labels: `-Σ p log softmax(x)` along the axis. No gradient flows to the labels.
  ///
  /// - Parameter hardens: whether the largest label is taken for 1 and the others for 0.
  public mutating func crossEntropy(
    _ logits: TensorID, probabilities: TensorID, axis: Int = 1, hardens: Bool = false,
    weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    if hardens {
      let winner = try apply(.argumentOfExtreme(.init(axis: axis)), probabilities)
      return try crossEntropy(logits, labels: winner, axis: axis, weights: weights, reduction: reduction)
    }
    let logarithms = try apply(.softmax(.init(axis: axis, logarithm: true)), logits)
    let terms = try reduce(.sum, product(detach(probabilities), logarithms), axes: [axis])
    return try lossTotal(unary(.negate, terms), weights: weights, reduction: reduction)
  }

  /// Binary cross-entropy of logits: `max(x, 0) - x t + log(1 + exp(-|x|))`, which is softplus(x) - x t.
  public mutating func binaryCrossEntropy(
    logits x: TensorID, _ targets: TensorID, weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    let elements = try binary(.subtract, unary(.softplus, x), product(x, targets))
    return try lossTotal(elements, weights: weights, reduction: reduction)
  }

  /// Binary cross-entropy of probabilities: `-t log p - (1 - t) log(1 - p)`, p held within [ε, 1 - ε], ε = 1e-7.
  public mutating func binaryCrossEntropy(
    probabilities p: TensorID, _ targets: TensorID, weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    let inside = try unary(.clip(low: 1e-7, high: 1 - 1e-7), p)
    let yes = try product(targets, unary(.log, inside))
    let no = try product(linear(targets, alpha: -1, beta: 1), unary(.log, linear(inside, alpha: -1, beta: 1)))
    return try lossTotal(unary(.negate, sum(yes, no)), weights: weights, reduction: reduction)
  }

  /// Focal loss of logits: `-α_t (1 - p_t)^γ log p_t`. Lin et al., arXiv 1708.02002, equation 5.
  ///
  /// - Parameters:
  ///   - targets: 0 or 1, of the logits' shape.
  ///   - alpha: weight of the ones; 1 - α that of the zeros.
  public mutating func focalLoss(
    logits x: TensorID, _ targets: TensorID, alpha: Float = 0.25, gamma: Float = 2, weights: TensorID? = nil,
    reduction: LossReduction = .sum
  ) throws -> TensorID {
    // With s = ±1: p_t = sigmoid(s x), and -log p_t = softplus(-s x).
    let opposed = try product(x, linear(targets, alpha: -2, beta: 1))
    let missing = try unary(.power(gamma), unary(.sigmoid, opposed))
    let side = try linear(targets, alpha: 2 * alpha - 1, beta: 1 - alpha)
    let elements = try product(side, product(missing, unary(.softplus, opposed)))
    return try lossTotal(elements, weights: weights, reduction: reduction)
  }

  /// Focal loss of a heat map with Gaussians around its peaks, over the number of peaks (1 at least):
  /// `-(1 - p)^α log p` at peaks, `-(1 - t)^β p^α log(1 - p)` elsewhere. Law & Deng, CornerNet, arXiv 1808.01244, equation 1,
  /// as CenterPoint (arXiv 2006.11275) has it.
  ///
  /// - Parameter targets: the heat map, 1 at peaks, of the logits' shape.
  public mutating func heatMapLoss(
    logits x: TensorID, _ targets: TensorID, alpha: Float = 2, beta: Float = 4, weights: TensorID? = nil
  ) throws -> TensorID {
    let opposed = try unary(.negate, x)
    let p = try unary(.sigmoid, x), rest = try unary(.sigmoid, opposed)
    let peaks = try apply(
      .cast(.init(to: .float32)), binary(.greaterOrEqual, targets, number(1)))
    let found = try product(unary(.power(alpha), rest), unary(.softplus, opposed))
    let far = try unary(.power(beta), linear(targets, alpha: -1, beta: 1))
    let quiet = try product(far, product(unary(.power(alpha), p), unary(.softplus, x)))
    // Away from peaks only: at a peak (1 - t) is 0.
    let elements = try sum(product(peaks, found), quiet)
    let counted = try weights.map { try product(peaks, $0) } ?? peaks
    let count = try reduce(.sum, counted, axes: Array(shape(counted).indices), keepsAxes: false)
    let total = try lossTotal(elements, weights: weights, reduction: .sum)
    return try binary(.divide, total, binary(.maximum, count, number(1)))
  }

  /// `1 - (2 Σ p t + s) / (Σ p + Σ t + s)` over the axes after the second, averaged over the rest. Milletari et al.,
  /// arXiv 1606.04797, with sums in place of squares.
  ///
  /// - Parameter probabilities: in 0 to 1.
  public mutating func diceLoss(
    _ probabilities: TensorID, _ targets: TensorID, smoothing: Float = 1, weights: TensorID? = nil
  ) throws -> TensorID {
    let axes = Array(2..<max(2, shape(probabilities).count))
    let p = try weights.map { try product(probabilities, $0) } ?? probabilities
    let t = try weights.map { try product(targets, $0) } ?? targets
    let both = try reduce(.sum, product(p, targets), axes: axes)
    let either = try sum(reduce(.sum, p, axes: axes), reduce(.sum, t, axes: axes))
    let ratio = try binary(
      .divide, linear(both, alpha: 2, beta: smoothing), linear(either, alpha: 1, beta: smoothing))
    return try lossTotal(linear(ratio, alpha: -1, beta: 1))
  }

  /// Kullback-Leibler divergence from a target distribution: `Σ t (log t - log softmax(x))` along the axis, 0 where t is 0.
  public mutating func klDivergence(
    _ logits: TensorID, targets: TensorID, axis: Int = 1, weights: TensorID? = nil,
    reduction: LossReduction = .mean
  ) throws -> TensorID {
    let logarithms = try apply(.softmax(.init(axis: axis, logarithm: true)), logits)
    let own = try unary(.log, binary(.maximum, detach(targets), number(1e-30)))
    let terms = try product(detach(targets), binary(.subtract, own, logarithms))
    return try lossTotal(reduce(.sum, terms, axes: [axis]), weights: weights, reduction: reduction)
  }
}
