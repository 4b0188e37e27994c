extension Operator {
  /// Reads an image or volume at given coordinates. Inputs: x `[n, c, (z,) y, x]`, grid `[n, .., axes]` whose last axis
  /// holds coordinates in [-1, 1], x first. ONNX's GridSample (opset 22), as in Jaderberg et al., arXiv 1506.02025.
  public struct GridSample: OperatorDefinition, Hashable {
    /// How a value between elements is made.
    public enum Interpolation: String, Sendable, Hashable { case nearest, linear, cubic }
    /// What lies outside.
    public enum Border: String, Sendable, Hashable { case zeros, border, reflection }

    /// How a value between elements is made; cubic with a = -3/4.
    public var interpolation: Interpolation
    /// What lies outside.
    public var border: Border
    /// Whether -1 and 1 are the centres of the first and last elements, else their outer edges.
    public var alignCorners: Bool

    /// A sampling.
    public init(
      _ interpolation: Interpolation = .linear, border: Border = .zeros, alignCorners: Bool = false
    ) {
      self.interpolation = interpolation
      self.border = border
      self.alignCorners = alignCorners
    }

    /// Its name in tables and errors.
    public var name: String { "grid sample" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 2)
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      try expectRank(inputs, 0, 3...5)
      let x = inputs[0].shape, grid = inputs[1].shape
      try expectRank(inputs, 1, x.count...x.count)
      guard grid[0] == x[0] else {
        throw ShapeError.mismatch(first: 0, second: 1, axis: 0, expected: "equal batches")
      }
      guard grid[grid.count - 1] == x.count - 2 else {
        throw ShapeError.input(1, axis: grid.count - 1, expected: "\(x.count - 2) coordinates")
      }
      for axis in 2..<x.count where x[axis] < 1 || x[axis] > 1 << 24 {
        throw ShapeError.input(0, axis: axis, expected: "1 to 2^24 elements")
      }
      return [try TensorType(checking: [x[0], x[1]] + grid[1..<(grid.count - 1)])]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      let taps = interpolation == .nearest ? 0 : interpolation == .linear ? 2 : 4
      let all = (0..<(inputs[0].rank - 2)).reduce(1) { product, _ in product * taps }
      return outputs[0].count * 2 * all
    }
  }

  /// The coordinates that `GridSample` reads for an affine map. Input: theta `[n, axes, axes + 1]`; output
  /// `[n, (z,) y, x, axes]`. ONNX's AffineGrid.
  public struct AffineGrid: OperatorDefinition, Hashable {
    /// Extents of the grid's spatial axes.
    public var sizes: [Int]
    /// Whether -1 and 1 are the centres of the first and last elements, else their outer edges.
    public var alignCorners: Bool

    /// A grid of `sizes`.
    public init(sizes: [Int], alignCorners: Bool = false) {
      self.sizes = sizes
      self.alignCorners = alignCorners
    }

    /// Its name in tables and errors.
    public var name: String { "affine grid" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      let axes = sizes.count
      guard (2...3).contains(axes), inputs[0].rank == 3, inputs[0].shape[1] == axes,
        inputs[0].shape[2] == axes + 1
      else { throw ShapeError.input(0, axis: nil, expected: "[n, \(axes), \(axes + 1)] for sizes \(sizes)") }
      return [try TensorType(checking: [inputs[0].shape[0]] + sizes + [axes])]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      outputs[0].count * 2 * sizes.count
    }
  }

  /// A 2D convolution whose taps are moved by learned offsets and, in version 2, weighted by a mask.
  ///
  /// Inputs: x `[n, c, y, x]`, weights `[o, c / groups, ky, kx]`, offsets `[n, offsetGroups·ky·kx·2, oy, ox]` (y first),
  /// then bias `[o]` where `hasBias`, mask `[n, offsetGroups·ky·kx, oy, ox]` where `hasMask`. ONNX's DeformConv; Dai et
  /// al., arXiv 1703.06211; Zhu et al., arXiv 1811.11168.
  public struct DeformableConvolution: OperatorDefinition, Hashable {
    /// Steps per axis.
    public var strides: [Int]
    /// Distance of taps per axis.
    public var dilations: [Int]
    /// Zeros around the input.
    public var padding: Padding
    /// Groups of channels.
    public var groups: Int
    /// Groups of channels that share offsets.
    public var offsetGroups: Int
    /// Whether a bias follows the offsets.
    public var hasBias: Bool
    /// Whether a mask comes last.
    public var hasMask: Bool

    /// A deformable convolution.
    public init(
      strides: [Int] = [1, 1], dilations: [Int] = [1, 1], padding: Padding = .valid(2), groups: Int = 1,
      offsetGroups: Int = 1, hasBias: Bool = false, hasMask: Bool = false
    ) {
      self.strides = strides
      self.dilations = dilations
      self.padding = padding
      self.groups = groups
      self.offsetGroups = offsetGroups
      self.hasBias = hasBias
      self.hasMask = hasMask
    }

    /// Its name in tables and errors.
    public var name: String { "deformable convolution" }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3 + (hasBias ? 1 : 0) + (hasMask ? 1 : 0))
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      for i in 0..<3 { try expectRank(inputs, i, 4...4) }
      try checkWindow(2, strides: strides, dilations: dilations, padding: padding)
      let x = inputs[0].shape, w = inputs[1].shape
      guard groups >= 1, w.allSatisfy({ $0 >= 1 }), w[0] % groups == 0, x[1] == w[1] * groups else {
        throw ShapeError.mismatch(
          first: 0, second: 1, axis: 1, expected: "\(w[1]) channels in \(groups) groups")
      }
      guard offsetGroups >= 1, x[1] % offsetGroups == 0 else {
        throw ShapeError.input(0, axis: 1, expected: "a multiple of \(offsetGroups) offset groups")
      }
      let size = try (0..<2).map { axis in
        try windowCount(
          size: x[axis + 2], kernel: w[axis + 2], stride: strides[axis], dilation: dilations[axis],
          before: padding.before[axis], after: padding.after[axis], axis: axis + 2)
      }
      let taps = offsetGroups * w[2] * w[3]
      try checkShape(inputs, 2, [x[0], 2 * taps] + size)
      if hasBias { try checkShape(inputs, 3, [w[0]]) }
      if hasMask { try checkShape(inputs, inputs.count - 1, [x[0], taps] + size) }
      return [try TensorType(checking: [x[0], w[0]] + size)]
    }

    private func checkShape(_ inputs: [TensorType], _ index: Int, _ shape: [Int]) throws {
      if inputs[index].shape != shape { throw ShapeError.input(index, axis: nil, expected: "\(shape)") }
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      let w = inputs[1].shape
      let sampling = saturatingProduct(
        [8, outputs[0].shape[0], inputs[0].shape[1], w[2], w[3]] + outputs[0].shape.dropFirst(2))
      let (sum, overflow) = sampling.addingReportingOverflow(
        saturatingProduct([2, outputs[0].count] + w.dropFirst()))
      return overflow ? .max : sum
    }
  }
}
