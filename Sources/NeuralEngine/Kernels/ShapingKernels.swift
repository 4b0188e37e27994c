extension Operator.Reshape {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    outputs[0].base.copyMemory(from: inputs[0].base, byteCount: inputs[0].type.byteCount)
  }
}

extension Operator.Transpose {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let strides = inputs[0].type.strides
    copyStrided(
      from: inputs[0], start: 0, strides: permutation.map { strides[$0] }, to: outputs[0], context)
  }
}

extension Operator.Slice {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let strides = inputs[0].type.strides
    copyStrided(
      from: inputs[0], start: zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 },
      strides: zip(steps, strides).map { $0 * $1 }, to: outputs[0], context)
  }
}

extension Operator.Concatenation {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let output = outputs[0], axis = try resolveAxis(axis, rank: output.shape.count)
    let inner = output.shape.dropFirst(axis + 1).reduce(output.type.element.size, *)
    let outer = output.shape.prefix(axis).reduce(1, *)
    var offset = 0
    for input in inputs {
      let line = input.shape[axis] * inner
      for i in 0..<outer where line > 0 {
        (output.base + i * output.shape[axis] * inner + offset).copyMemory(
          from: input.base + i * line, byteCount: line)
      }
      offset += line
    }
  }
}

/// Fills `output` with the elements of `input` at `start + Σ index[a] · strides[a]` (in elements; 0 repeats).
func copyStrided(
  from input: TensorView, start: Int, strides: [Int], to output: MutableTensorView, _ context: KernelContext
) {
  switch output.type.element {
  case .float32: copyStrided(input.floats + start, strides, output.floats, output.shape, context)
  case .int64: copyStrided(input.integers + start, strides, output.integers, output.shape, context)
  case .bool: copyStrided(input.booleans + start, strides, output.booleans, output.shape, context)
  }
}

private func copyStrided<T: BitwiseCopyable>(
  _ source: UnsafePointer<T>, _ strides: [Int], _ target: UnsafeMutablePointer<T>, _ shape: [Int],
  _ context: KernelContext
) {
  let count = shape.reduce(1, *), line = shape.last ?? 1, step = strides.last ?? 1
  guard count > 0 else { return }
  context.parallel(count / line, grain: max(1, 4096 / line)) { range in
    var position = PositionCounter(Array(shape.dropLast()), at: range.lowerBound)
    for row in range {
      let from = source + zip(position.index, strides).reduce(0) { $0 + $1.0 * $1.1 }
      let to = target + row * line
      if step == 1 {
        to.update(from: from, count: line)
      } else {
        for i in 0..<line { to[i] = from[i * step] }
      }
      position.advance()
    }
  }
}
