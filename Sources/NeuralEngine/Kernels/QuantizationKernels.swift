extension Operator.Quantization {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws {
    let x = inputs[0].floats, scales = inputs[1].floats, zeros = inputs[2].floats, y = outputs[0].floats
    let shape = inputs[0].shape
    if inputs[1].count == 1 {
      context.parallel(inputs[0].count, grain: 4096) { range in
        line(x + range.lowerBound, y + range.lowerBound, range.count, scales[0], zeros[0])
      }
      return
    }
    // x is [outer, extent, inner]; scales change along the middle, with blocks along the rest too.
    let axis = axis < 0 ? axis + shape.count : axis, extent = shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *), outer = shape[..<axis].reduce(1, *)
    let blocks = blockSize > 0 ? (extent + blockSize - 1) / blockSize : extent
    context.parallel(outer * extent, grain: max(1, 4096 / max(inner, 1))) { range in
      for row in range {
        let (o, a) = (row / extent, row % extent)
        if blockSize == 0 {
          line(x + row * inner, y + row * inner, inner, scales[a], zeros[a])
        } else {
          let first = (o * blocks + a / blockSize) * inner
          for i in 0..<inner {
            y[row * inner + i] = value(x[row * inner + i], scales[first + i], zeros[first + i])
          }
        }
      }
    }
  }

  /// The function of one element.
  func value(_ x: Float, _ scale: Float, _ zero: Float) -> Float {
    if direction == .dequantize { return (x - zero) * scale }
    let whole = Swift.min(Swift.max((x / scale).rounded(.toNearestOrEven) + zero, low), high)
    return direction == .round ? (whole - zero) * scale : whole
  }

  /// Elements of one scale.
  private func line(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ scale: Float, _ zero: Float
  ) {
    if direction == .dequantize {
      for i in 0..<count { y[i] = (x[i] - zero) * scale }
      return
    }
    // Numbers below 2^22 are rounded by an addition, halves to even; bounds are whole, so clamping may come first.
    let (low, high) = (low - zero, high - zero)
    guard low > -0x1p22, high < 0x1p22 else {
      for i in 0..<count { y[i] = value(x[i], scale, zero) }
      return
    }
    let shift: Float = 0x1.8p23
    let (factor, offset): (Float, Float) = direction == .round ? (scale, 0) : (1, zero)
    for i in 0..<count {
      let quotient = x[i] / scale
      let bounded = quotient < low ? low : quotient > high ? high : quotient
      y[i] = ((bounded + shift) - shift) * factor + offset
    }
  }
}
