extension Operator.Select {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let y = outputs[0], condition = inputs[0].booleans
    let conditionStrides = broadcastStrides(inputs[0].shape, to: y.shape)
    switch y.type.element {
    case .float32:
      select(
        condition, conditionStrides, inputs[1].floats, inputs[2].floats, y.floats, inputs, y.shape, context)
    case .int64:
      select(
        condition, conditionStrides, inputs[1].integers, inputs[2].integers, y.integers, inputs, y.shape,
        context)
    case .bool:
      select(
        condition, conditionStrides, inputs[1].booleans, inputs[2].booleans, y.booleans, inputs, y.shape,
        context)
    }
  }

  private func select<T>(
    _ condition: UnsafePointer<Bool>, _ conditionStrides: [Int], _ a: UnsafePointer<T>, _ b: UnsafePointer<T>,
    _ y: UnsafeMutablePointer<T>, _ inputs: [TensorView], _ shape: [Int], _ context: KernelContext
  ) {
    let stridesA = broadcastStrides(inputs[1].shape, to: shape)
    let stridesB = broadcastStrides(inputs[2].shape, to: shape)
    context.parallel(shape.reduce(1, *), grain: 4096) { range in
      var position = PositionCounter(shape, at: range.lowerBound)
      for i in range {
        var (p, q, r) = (0, 0, 0)
        for axis in shape.indices {
          let index = position.index[axis]
          p += index * conditionStrides[axis]
          q += index * stridesA[axis]
          r += index * stridesB[axis]
        }
        y[i] = condition[p] ? a[q] : b[r]
        position.advance()
      }
    }
  }
}

extension Operator.Cast {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = outputs[0], count = x.count
    switch (x.type.element, element) {
    case (.float32, .int64): for i in 0..<count { y.integers[i] = Self.truncated(x.floats[i]) }
    case (.float32, .bool): for i in 0..<count { y.booleans[i] = x.floats[i] != 0 }
    case (.int64, .float32): for i in 0..<count { y.floats[i] = Float(x.integers[i]) }
    case (.int64, .bool): for i in 0..<count { y.booleans[i] = x.integers[i] != 0 }
    case (.bool, .float32): for i in 0..<count { y.floats[i] = x.booleans[i] ? 1 : 0 }
    case (.bool, .int64): for i in 0..<count { y.integers[i] = x.booleans[i] ? 1 : 0 }
    case (.float32, .float32), (.int64, .int64), (.bool, .bool):
      y.base.copyMemory(from: x.base, byteCount: x.type.byteCount)
    }
  }

  static func truncated(_ value: Float) -> Int64 {
    if value.isNaN { return 0 }
    if value >= 0x1p63 { return .max }
    return value <= -0x1p63 ? .min : Int64(value)
  }
}

extension Operator.CumulativeSum {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], axis = try resolveAxis(axis, rank: inputs[0].shape.count)
    let extent = x.shape[axis], inner = x.shape.dropFirst(axis + 1).reduce(1, *)
    guard x.count > 0 else { return }
    context.parallel(x.count / extent, grain: max(1, 4096 / extent)) { range in
      for lane in range {
        let start = lane / inner * extent * inner + lane % inner
        switch x.type.element {
        case .float32: sum(x.floats + start, outputs[0].floats + start, extent, inner, zero: 0, +)
        default: sum(x.integers + start, outputs[0].integers + start, extent, inner, zero: 0, &+)
        }
      }
    }
  }

  private func sum<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ extent: Int, _ step: Int, zero: T,
    _ add: (T, T) -> T
  ) {
    var total = zero
    for k in 0..<extent {
      let i = (reverse ? extent - 1 - k : k) * step
      let next = add(total, x[i])
      y[i] = exclusive ? total : next
      total = next
    }
  }
}

extension Operator.AdaptivePooling {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], size = Array(x.shape.dropFirst(2)), plane = size.reduce(1, *)
    let positions = PositionCounter(sizes), (xs, ys) = (x.floats, outputs[0].floats)
    context.parallel(x.shape[0] * x.shape[1]) { range in
      for p in range {
        var position = positions
        for o in 0..<positions.count {
          let starts = size.indices.map { position.index[$0] * size[$0] / sizes[$0] }
          let ends = size.indices.map { ((position.index[$0] + 1) * size[$0] + sizes[$0] - 1) / sizes[$0] }
          ys[p * positions.count + o] = statistic(xs + p * plane, size, starts, ends)
          position.advance()
        }
      }
    }
  }

  private func statistic(_ x: UnsafePointer<Float>, _ size: [Int], _ starts: [Int], _ ends: [Int]) -> Float {
    var window = PositionCounter(zip(starts, ends).map { $1 - $0 })
    var sum = 0.0, largest = -Float.infinity
    for _ in 0..<window.count {
      let offset = size.indices.reduce(0) { $0 * size[$1] + starts[$1] + window.index[$1] }
      sum += Double(x[offset])
      largest = x[offset].isNaN || largest.isNaN ? .nan : max(largest, x[offset])
      window.advance()
    }
    return takesMaximum ? largest : Float(sum / Double(window.count))
  }
}
