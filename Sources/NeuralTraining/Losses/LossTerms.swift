import NeuralEngine

/// How the elements of a loss become one number.
public enum LossReduction: Sendable, Hashable {
  /// Their sum.
  case sum
  /// Their sum over the sum of their weights (their number without), 1 at least.
  case mean
}

extension Graph {
  /// A number.
  mutating func number(_ value: Float) -> TensorID { addConstant("number", TensorValue([], [value])) }

  /// Elements of a loss as one number, each times its weight (0 masks it), which broadcasts to their shape.
  ///
  /// - Returns: a scalar, `[]`.
  public mutating func lossTotal(
    _ elements: TensorID, weights: TensorID? = nil, reduction: LossReduction = .mean
  ) throws -> TensorID {
    let shape = self.shape(elements)
    let weighted = try weights.map { try product(elements, $0) } ?? elements
    let sum = try reduce(.sum, weighted, axes: Array(shape.indices), keepsAxes: false)
    guard reduction == .mean else { return sum }
    guard let weights else { return try linear(sum, alpha: 1 / Float(max(1, shape.reduce(1, *)))) }
    // How often each weight was used.
    let own = self.shape(weights)
    let repeats = Float(shape.reduce(1, *)) / Float(max(1, own.reduce(1, *)))
    let total = try linear(
      reduce(.sum, weights, axes: Array(own.indices), keepsAxes: false), alpha: repeats)
    return try binary(.divide, sum, binary(.maximum, detach(total), number(1)))
  }

  /// The sum of losses, each times a factor.
  public mutating func weightedSum(_ losses: [(loss: TensorID, factor: Float)]) throws -> TensorID {
    var total = number(0)
    for (loss, factor) in losses { total = try sum(total, linear(loss, alpha: factor)) }
    return total
  }

  /// The sum of several tasks' losses with learned uncertainties: `Σ exp(-s) L + s / 2`, with a weight `name.k` (s, 0 at
  /// first) for each. Kendall et al., arXiv 1705.07115, section 3.2 (s is the logarithm of the variance; factor 1/2 on
  /// regression left to the loss).
  public mutating func uncertaintyWeightedSum(_ losses: [TensorID], name: String) throws -> TensorID {
    var total = number(0)
    for (k, loss) in losses.enumerated() {
      let s = try reshape(addWeight("\(name).\(k)", [1], .zeros), [])
      let scaled = try product(unary(.exp, unary(.negate, s)), loss)
      total = try sum(total, sum(scaled, linear(s, alpha: 0.5)))
    }
    return total
  }
}
