extension Operator {
  /// Resampling of some axes to new extents by interpolation.
  ///
  /// An output coordinate is mapped to an input coordinate by `coordinates`, and read there by `interpolation`, axis by
  /// axis. ONNX's Resize (opset 19) names the modes.
  public struct Resize: OperatorDefinition, Hashable {
    /// How a value between elements is made.
    public enum Interpolation: Sendable, Hashable {
      /// The nearest element, ties and direction by the rounding.
      case nearest(Rounding)
      /// Linear between two.
      case linear
      /// Cubic convolution over four with coefficient a (Keys 1981).
      case cubic(Float)
    }

    /// How `nearest` rounds a coordinate.
    public enum Rounding: Sendable, Hashable {
      case roundPreferFloor, roundPreferCeiling, floor, ceiling
    }

    /// How output coordinates map to input coordinates.
    public enum Coordinates: Sendable, Hashable {
      /// `(i + 1/2) / scale - 1/2`; `pytorch`: 0 where the output extent is 1; `symmetric`: the result stays centred.
      case halfPixel, pytorchHalfPixel, halfPixelSymmetric
      /// `i · (input - 1) / (output - 1)`.
      case alignCorners
      /// `i / scale`.
      case asymmetric
      /// Within a region of interest per axis, in [0, 1] of the input's extent; outside elements get the value.
      case crop(starts: [Float], ends: [Float], outside: Float)
    }

    /// Extent of each output axis; those equal to the input's (at scale 1) are left alone.
    public var sizes: [Int]
    /// Output per input extent, per axis: ONNX's given scale, else the quotient of sizes.
    public var scales: [Float]
    /// How a value between elements is made.
    public var interpolation: Interpolation
    /// How output coordinates map to input coordinates.
    public var coordinates: Coordinates
    /// Whether a shrinking axis widens the filter by 1 / scale.
    public var antialias: Bool
    /// Whether taps outside the input are left out and the rest weighted up (cubic and antialiased filters).
    public var excludesOutside: Bool

    /// A resize of every axis to `sizes`.
    public init(
      sizes: [Int], scales: [Float], interpolation: Interpolation = .linear,
      coordinates: Coordinates = .halfPixel, antialias: Bool = false, excludesOutside: Bool = false
    ) {
      self.sizes = sizes
      self.scales = scales
      self.interpolation = interpolation
      self.coordinates = coordinates
      self.antialias = antialias
      self.excludesOutside = excludesOutside
    }

    /// The operator's name in tables and errors.
    public var name: String { "resize" }

    /// The outputs' types, after the inputs have been checked.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 1)
      try expectElement(inputs, 0, .float32)
      let x = inputs[0].shape
      guard sizes.count == x.count, scales.count == x.count else {
        throw ShapeError.parameter("sizes", found: "\(sizes)", expected: "\(x.count) extents and scales")
      }
      guard scales.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw ShapeError.parameter("scales", found: "\(scales)", expected: "numbers above 0")
      }
      for axis in x.indices where x[axis] == 0 && sizes[axis] > 0 {
        throw ShapeError.input(0, axis: axis, expected: "1 element or more")
      }
      if case .crop(let starts, let ends, _) = coordinates, starts.count != x.count || ends.count != x.count {
        throw ShapeError.parameter("crop", found: "\(starts.count) axes", expected: "\(x.count)")
      }
      return [try TensorType(checking: sizes)]
    }

    /// Floating-point operations of one run with these input and output types.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
      let axes = zip(inputs[0].shape, sizes).filter { $0 != $1 }.count
      switch interpolation {
      case .nearest: return 0
      case .linear: return outputs[0].count * 3 * axes
      case .cubic: return outputs[0].count * 7 * axes
      }
    }
  }
}
