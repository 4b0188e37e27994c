extension Operator {
  /// `y = (x - mean[c]) / sqrt(variance[c] + ε) · scale[c] + shift[c]` per channel (axis 1).
  ///
  /// Inputs: x `[batch, channel, ...]`, then scale, shift, running mean, running variance, each `[channel]`.
  /// In training the statistics are the batch's, and two more outputs hold the running ones after this batch:
  /// `running · momentum + batch · (1 - momentum)`. Ioffe & Szegedy, arXiv 1502.03167.
  public struct BatchNormalization: OperatorDefinition, Hashable {
    /// Added to the variance.
    public var epsilon: Float
    /// Whether the batch's own statistics are used, and updated ones given.
    public var training: Bool
    /// Share of the running statistics that stays.
    public var momentum: Float
    /// In training: whether the batch's own mean and (biased) variance are the last two outputs, for the gradients.
    public var givesStatistics: Bool

    /// A batch normalisation.
    public init(
      epsilon: Float = 1e-5, training: Bool = false, momentum: Float = 0.9, givesStatistics: Bool = false
    ) {
      self.epsilon = epsilon
      self.training = training
      self.momentum = momentum
      self.givesStatistics = givesStatistics
    }

    /// The operator's name in tables and errors.
    public var name: String { "batch normalization" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 5)
      try expectElement(inputs, 0, .float32)
      try expectRank(inputs, 0, 2...8)
      for i in 1..<5 {
        try expectElement(inputs, i, .float32)
        guard inputs[i].shape == [inputs[0].shape[1]] else {
          throw ShapeError.mismatch(first: 0, second: i, axis: 1, expected: "[\(inputs[0].shape[1])]")
        }
      }
      let perChannel = training ? (givesStatistics ? 4 : 2) : 0
      return [inputs[0]] + [TensorType](repeating: inputs[1], count: perChannel)
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      (training ? 7 : 2) * inputs[0].count
    }
  }

  /// Normalisation of x over a set of its elements by their own statistics, then scale and shift.
  ///
  /// `y = (x - mean) / sqrt(variance + ε) · scale + shift`; without mean (RMS) `y = x / sqrt(mean(x²) + ε) · scale`.
  /// - `.axes(a)`: over axes a and after (layer and RMS normalisation); scale and shift broadcast to x's shape.
  /// - `.groups(g)`: over each of g channel groups with all spatial axes (group; g = channels is instance
  ///   normalisation); scale and shift are `[channel]`.
  /// Inputs: x, optionally scale, optionally shift. With `givesStatistics` two more outputs hold mean and
  /// 1 / sqrt(variance + ε), with extent 1 along the axes normalised over.
  public struct GroupedNormalization: OperatorDefinition, Hashable {
    /// Which elements share statistics.
    public enum Extent: Sendable, Hashable {
      /// The axes from this one on.
      case axes(from: Int)
      /// This many groups of channels.
      case groups(Int)
    }

    /// Which elements share statistics.
    public var extent: Extent
    /// Added to the variance.
    public var epsilon: Float
    /// Whether the mean is taken off (not in RMS normalisation).
    public var centers: Bool
    /// Whether mean and inverse deviation are outputs too.
    public var givesStatistics: Bool

    /// A normalisation.
    public init(_ extent: Extent, epsilon: Float = 1e-5, centers: Bool = true, givesStatistics: Bool = false)
    {
      self.extent = extent
      self.epsilon = epsilon
      self.centers = centers
      self.givesStatistics = givesStatistics
    }

    /// The operator's name in tables and errors.
    public var name: String {
      switch (extent, centers) {
      case (.axes, true): "layer normalization"
      case (.axes, false): "RMS normalization"
      case (.groups, _): "group normalization"
      }
    }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1...3)
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      let x = inputs[0].shape
      switch extent {
      case .axes(let from):
        let axis = try resolveAxis(from, rank: x.count)
        for i in inputs.indices.dropFirst() {
          guard try broadcastShape(inputs, 0, i) == x else {
            throw ShapeError.mismatch(
              first: 0, second: i, axis: axis, expected: "a shape that broadcasts to x's")
          }
        }
        let reduced = x.indices.map { $0 < axis ? x[$0] : 1 }
        return [inputs[0]] + (givesStatistics ? [TensorType(reduced), TensorType(reduced)] : [])
      case .groups(let groups):
        try expectRank(inputs, 0, 2...8)
        guard groups >= 1, x[1] % groups == 0 else {
          throw ShapeError.input(0, axis: 1, expected: "a multiple of \(groups) groups")
        }
        for i in inputs.indices.dropFirst() where inputs[i].shape != [x[1]] {
          throw ShapeError.mismatch(first: 0, second: i, axis: 1, expected: "[\(x[1])]")
        }
        let reduced = TensorType([x[0], groups])
        return [inputs[0]] + (givesStatistics ? [reduced, reduced] : [])
      }
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 7 * inputs[0].count }
  }

  /// `exp(x - max) / Σ exp(x - max)` along an axis, or its logarithm.
  public struct Softmax: OperatorDefinition, Hashable {
    /// The axis that sums to 1; negative ones count from the back.
    public var axis: Int
    /// Whether the logarithm is given.
    public var logarithm: Bool

    /// A softmax along `axis`.
    public init(axis: Int = -1, logarithm: Bool = false) {
      self.axis = axis
      self.logarithm = logarithm
    }

    /// The operator's name in tables and errors.
    public var name: String { logarithm ? "log-softmax" : "softmax" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      _ = try resolveAxis(axis, rank: inputs[0].rank)
      return [inputs[0]]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 5 * inputs[0].count }
  }
}
