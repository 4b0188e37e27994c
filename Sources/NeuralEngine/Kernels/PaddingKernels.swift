extension Operator.Pad {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = outputs[0]
    let value: Float = if case .constant(let c) = mode { c } else { 0 }
    switch x.type.element {
    case .float32: pad(x.floats, y.floats, x.type, y.type, value, context)
    case .int64:
      pad(x.integers, y.integers, x.type, y.type, Int64(exactly: value.rounded(.towardZero)) ?? 0, context)
    case .bool: pad(x.booleans, y.booleans, x.type, y.type, value != 0, context)
    }
  }

  private func pad<T: BitwiseCopyable>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ from: TensorType, _ to: TensorType, _ value: T,
    _ context: KernelContext
  ) {
    guard to.count > 0 else { return }
    guard let lastAxis = from.shape.indices.last else { return y[0] = x[0] }
    let sources = from.shape.indices.map { axis in
      (0..<to.shape[axis]).map { source($0 - padding.before[axis], extent: from.shape[axis]) }
    }
    let strides = from.strides, line = to.shape[lastAxis], last = sources[lastAxis]
    // The elements in the middle of a line are the input's own.
    let first = max(0, padding.before[lastAxis])
    let end = max(first, min(line, padding.before[lastAxis] + from.shape[lastAxis]))
    context.parallel(to.count / line, grain: max(1, 4096 / line)) { range in
      var position = PositionCounter(Array(to.shape.dropLast()), at: range.lowerBound)
      for row in range {
        let target = y + row * line
        var offset = 0
        for axis in 0..<lastAxis where offset >= 0 {
          let i = sources[axis][position.index[axis]]
          offset = i < 0 ? -1 : offset + i * strides[axis]
        }
        position.advance()
        if offset < 0 {
          target.update(repeating: value, count: line)
          continue
        }
        for i in 0..<first { target[i] = last[i] < 0 ? value : x[offset + last[i]] }
        if end > first { (target + first).update(from: x + offset + last[first], count: end - first) }
        for i in end..<line { target[i] = last[i] < 0 ? value : x[offset + last[i]] }
      }
    }
  }

  /// Where an element at `index` (outside `0 ..< extent` where it is padding) comes from; -1: the constant.
  func source(_ index: Int, extent: Int) -> Int {
    if index >= 0, index < extent { return index }
    switch mode {
    case .constant: return -1
    case .replicate: return min(max(index, 0), extent - 1)
    case .circular: return ((index % extent) + extent) % extent
    case .reflect:
      let period = max(1, 2 * (extent - 1)), i = ((index % period) + period) % period
      return i < extent ? i : period - i
    case .symmetric:
      let period = 2 * extent, i = ((index % period) + period) % period
      return i < extent ? i : period - 1 - i
    }
  }
}

extension Operator.Expand {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let strides = broadcastStrides(inputs[0].shape, to: outputs[0].shape)
    copyStrided(from: inputs[0], start: 0, strides: strides, to: outputs[0], context)
  }
}

extension Operator.Tile {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    // Seen as [repeat, extent, repeat, extent, ...], where repeats have stride 0.
    let strides = inputs[0].type.strides
    let shape = zip(repeats, inputs[0].shape).flatMap { [$0, $1] }
    let view = MutableTensorView(TensorType(shape, outputs[0].type.element), outputs[0].base)
    copyStrided(from: inputs[0], start: 0, strides: strides.flatMap { [0, $0] }, to: view, context)
  }
}
