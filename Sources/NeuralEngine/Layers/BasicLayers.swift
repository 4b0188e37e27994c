extension Graph {
  // MARK: Activations

  /// An element-wise function.
  public mutating func unary(
    _ function: Operator.Unary.Function, _ x: TensorID, name: String? = nil
  ) throws -> TensorID {
    try apply(.unary(.init(function)), x, name: name)
  }

  /// `max(x, 0)`.
  public mutating func relu(_ x: TensorID, name: String? = nil) throws -> TensorID {
    try unary(.relu, x, name: name)
  }

  /// PReLU with one learned slope per channel (He et al., arXiv 1502.01852).
  public mutating func prelu(_ x: TensorID, name: String) throws -> TensorID {
    let shape = self.shape(x)
    let extents = shape.indices.map { $0 == 1 ? shape[$0] : 1 }
    let slope = addWeight("\(name).weight", extents, .constant(0.25))
    return try apply(.binary(.init(.prelu)), x, slope, name: name)
  }

  /// x at inference; in training elements are dropped with this probability.
  ///
  /// - Throws: `EngineError` unless the rate is at least 0 and below 1.
  public mutating func dropout(_ x: TensorID, rate: Float, name: String? = nil) throws -> TensorID {
    guard rate >= 0, rate < 1 else {
      throw EngineError(
        file: self.name, field: "dropout \(name ?? "")", found: "rate \(rate)", expected: "0 to less than 1")
    }
    return try unary(.dropout(rate: rate), x, name: name)
  }

  /// x, through which no gradient flows.
  public mutating func detach(_ x: TensorID, name: String? = nil) throws -> TensorID {
    try unary(.stopGradient, x, name: name)
  }

  // MARK: Arithmetic

  /// A function of two tensors, broadcast against each other.
  public mutating func binary(
    _ function: Operator.Binary.Function, _ a: TensorID, _ b: TensorID, name: String? = nil
  ) throws -> TensorID {
    try apply(.binary(.init(function)), a, b, name: name)
  }

  /// `a + b`.
  public mutating func sum(_ a: TensorID, _ b: TensorID, name: String? = nil) throws -> TensorID {
    try binary(.add, a, b, name: name)
  }

  /// `a · b`, element by element.
  public mutating func product(_ a: TensorID, _ b: TensorID, name: String? = nil) throws -> TensorID {
    try binary(.multiply, a, b, name: name)
  }

  /// `αx + β`.
  public mutating func linear(_ x: TensorID, alpha: Float, beta: Float = 0) throws -> TensorID {
    try unary(.linear(alpha: alpha, beta: beta), x)
  }

  // MARK: Shapes

  /// The same elements in another shape.
  public mutating func reshape(_ x: TensorID, _ shape: [Int], name: String? = nil) throws -> TensorID {
    try apply(.reshape(.init(shape)), x, name: name)
  }

  /// Axes in another order.
  public mutating func transpose(
    _ x: TensorID, _ permutation: [Int], name: String? = nil
  ) throws -> TensorID {
    try apply(.transpose(.init(permutation)), x, name: name)
  }

  /// Tensors one after another along an axis; channels unless told otherwise.
  public mutating func concatenate(_ parts: [TensorID], axis: Int = 1, name: String? = nil) throws -> TensorID
  {
    try add(.concatenation(.init(axis: axis)), parts, name: name)[0]
  }

  /// Blocks of `factor²` channels as squares of pixels: `[b, c f², h, w] -> [b, c, h f, w f]`, channel `(c f + i) f + j` at
  /// row i and column j of its square. Shi et al., arXiv 1609.05158, equation 4; PyTorch's pixel shuffle.
  public mutating func depthToSpace(_ x: TensorID, factor: Int, name: String? = nil) throws -> TensorID {
    let s = shape(x)
    guard s.count == 4, factor >= 1, s[1] % (factor * factor) == 0 else {
      throw EngineError(
        file: self.name, field: "depth to space \(name ?? "")", found: "\(s), factor \(factor)",
        expected: "[batch, channel · factor², rows, columns]")
    }
    let channels = s[1] / factor / factor
    let split = try reshape(x, [s[0], channels, factor, factor, s[2], s[3]])
    let moved = try transpose(split, [0, 1, 4, 2, 5, 3])
    return try reshape(moved, [s[0], channels, s[2] * factor, s[3] * factor], name: name)
  }

  /// The inverse of `depthToSpace`: `[b, c, h f, w f] -> [b, c f², h, w]`.
  public mutating func spaceToDepth(_ x: TensorID, factor: Int, name: String? = nil) throws -> TensorID {
    let s = shape(x)
    guard s.count == 4, factor >= 1, s[2] % factor == 0, s[3] % factor == 0 else {
      throw EngineError(
        file: self.name, field: "space to depth \(name ?? "")", found: "\(s), factor \(factor)",
        expected: "[batch, channel, rows · factor, columns · factor]")
    }
    let rows = s[2] / factor, columns = s[3] / factor
    let split = try reshape(x, [s[0], s[1], rows, factor, columns, factor])
    let moved = try transpose(split, [0, 1, 3, 5, 2, 4])
    return try reshape(moved, [s[0], s[1] * factor * factor, rows, columns], name: name)
  }

  // MARK: Linear

  /// `x · Wᵀ + b` over the last axis, with `name.weight` `[outputs, inputs]` and `name.bias`.
  public mutating func linear(
    _ x: TensorID, outputs: Int, bias: Bool = true, initial: Initialization = .he, name: String
  ) throws -> TensorID {
    let weight = addWeight("\(name).weight", [outputs, shape(x).last ?? 1], initial)
    let operands = [x, weight] + (bias ? [addWeight("\(name).bias", [outputs], .zeros)] : [])
    return try add(.matrixMultiplication(.init(transposesSecond: true)), operands, name: name)[0]
  }

  /// Matrix product of two tensors.
  public mutating func multiply(
    _ a: TensorID, _ b: TensorID, transposesSecond: Bool = false, alpha: Float = 1, name: String? = nil
  ) throws -> TensorID {
    try apply(
      .matrixMultiplication(.init(transposesSecond: transposesSecond, alpha: alpha)), a, b, name: name)
  }

  /// Softmax along an axis.
  public mutating func softmax(_ x: TensorID, axis: Int = -1, name: String? = nil) throws -> TensorID {
    try apply(.softmax(.init(axis: axis)), x, name: name)
  }

  /// A statistic over axes, which stay with extent 1 unless told otherwise.
  public mutating func reduce(
    _ function: Operator.Reduction.Function, _ x: TensorID, axes: [Int], keepsAxes: Bool = true,
    name: String? = nil
  ) throws -> TensorID {
    try apply(.reduction(.init(function, axes: axes, keepsAxes: keepsAxes)), x, name: name)
  }

  // MARK: Resampling

  /// The spatial axes scaled up by a whole factor.
  public mutating func upsample(
    _ x: TensorID, factor: Int, interpolation: Operator.Resize.Interpolation = .linear,
    coordinates: Operator.Resize.Coordinates = .halfPixel, name: String? = nil
  ) throws -> TensorID {
    let shape = self.shape(x)
    let sizes = shape.indices.map { $0 < 2 ? shape[$0] : shape[$0] * factor }
    let scales = shape.indices.map { $0 < 2 ? Float(1) : Float(factor) }
    return try apply(
      .resize(.init(sizes: sizes, scales: scales, interpolation: interpolation, coordinates: coordinates)), x,
      name: name)
  }

  /// The spatial axes resampled to extents.
  public mutating func resize(
    _ x: TensorID, to sizes: [Int], interpolation: Operator.Resize.Interpolation = .linear,
    coordinates: Operator.Resize.Coordinates = .halfPixel, name: String? = nil
  ) throws -> TensorID {
    let shape = self.shape(x)
    guard sizes.count == shape.count - 2, shape.allSatisfy({ $0 > 0 }) else {
      throw EngineError(
        file: self.name, field: "resize \(name ?? "")", found: "\(shape) to \(sizes)",
        expected: "an extent per spatial axis")
    }
    let scales = sizes.indices.map { Float(sizes[$0]) / Float(shape[$0 + 2]) }
    return try apply(
      .resize(
        .init(
          sizes: shape.prefix(2) + sizes, scales: [1, 1] + scales, interpolation: interpolation,
          coordinates: coordinates)), x, name: name)
  }

  /// The average of each channel's whole plane or volume, with extent 1 along its spatial axes.
  public mutating func globalAveragePooling(_ x: TensorID, name: String? = nil) throws -> TensorID {
    try apply(.pooling(.global(.average(countsPadding: false), shape(x))), x, name: name)
  }

  /// The maximum of each channel's whole plane or volume, with extent 1 along its spatial axes.
  public mutating func globalMaximumPooling(_ x: TensorID, name: String? = nil) throws -> TensorID {
    try apply(.pooling(.global(.maximum, shape(x))), x, name: name)
  }
}
