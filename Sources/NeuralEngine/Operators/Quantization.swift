extension Operator {
  /// Floats on the lattice of 8-bit (or other) integers with a scale and a zero point. Inputs: x, scale, zero point, all
  /// floats. `[any shape] -> [same shape]`; the results are whole numbers held in floats, or what these stand for.
  ///
  /// - Source: ONNX's QuantizeLinear (`clamp(round(x / scale) + zero, low, high)`, halves to the even number),
  ///   DequantizeLinear (`(x - zero) · scale`), and one after the other.
  public struct Quantization: OperatorDefinition, Hashable {
    /// What is done.
    public enum Direction: String, Sendable, Hashable, CaseIterable {
      /// To whole numbers.
      case quantize
      /// Back from them.
      case dequantize
      /// To whole numbers and back: what rounding leaves.
      case round
    }

    /// What is done.
    public var direction: Direction
    /// The axis along which scales and zero points change, where there is more than one of them.
    public var axis: Int
    /// Elements in a row along the axis that share a scale; 0: each has its own.
    public var blockSize: Int
    /// The whole numbers' bounds.
    public var low: Float, high: Float

    /// A change to or from whole numbers.
    public init(
      _ direction: Direction, axis: Int = 1, blockSize: Int = 0, low: Float = 0, high: Float = 255
    ) {
      self.direction = direction
      self.axis = axis
      self.blockSize = blockSize
      self.low = low
      self.high = high
    }

    /// Its name in tables and errors.
    public var name: String { direction == .round ? "quantized rounding" : direction.rawValue }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3)
      for i in 0..<3 { try expectElement(inputs, i, .float32) }
      guard low <= high, (0...1 << 40).contains(blockSize) else {
        throw ShapeError.parameter(
          "bounds", found: "\(low) to \(high), blocks of \(blockSize)", expected: "low up to high")
      }
      guard inputs[1].count == inputs[2].count else {
        throw ShapeError.mismatch(first: 2, second: 1, axis: 0, expected: "a zero point for each scale")
      }
      if inputs[1].count != 1 || inputs[1].rank > 1 { try checkScales(inputs) }
      return [inputs[0]]
    }

    private func checkScales(_ inputs: [TensorType]) throws {
      let x = inputs[0].shape, scales = inputs[1].shape
      let axis = try resolveAxis(axis, rank: x.count)
      if blockSize == 0 {
        guard inputs[1].count == 1 || scales == [x[axis]] else {
          throw ShapeError.mismatch(first: 1, second: 0, axis: 0, expected: "a scale for each of \(x[axis])")
        }
        return
      }
      var wanted = x
      wanted[axis] = (x[axis] + blockSize - 1) / blockSize
      guard scales == wanted else {
        throw ShapeError.mismatch(first: 1, second: 0, axis: axis, expected: "scales of \(wanted)")
      }
    }
  }
}
