extension Operator.Gather {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let data = inputs[0], indices = inputs[1], y = outputs[0]
    let axis = try resolveAxis(axis, rank: data.shape.count), extent = data.shape[axis]
    let places = try checkedIndices(indices, extent: extent, name)
    let line = data.shape.dropFirst(axis + 1).reduce(data.type.element.size, *)
    let count = indices.count
    guard line > 0, count > 0 else { return }
    context.parallel(data.shape.prefix(axis).reduce(1, *) * count, grain: max(1, 16384 / line)) { range in
      for row in range {
        let source = data.base + (row / count * extent + places[row % count]) * line
        (y.base + row * line).copyMemory(from: source, byteCount: line)
      }
    }
  }
}

extension Operator.GatherElements {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let data = inputs[0], indices = inputs[1], size = data.type.element.size
    let axis = try resolveAxis(axis, rank: data.shape.count)
    let places = try checkedIndices(indices, extent: data.shape[axis], name)
    let strides = data.type.strides, y = outputs[0].base
    context.parallel(indices.count, grain: 4096) { range in
      var position = PositionCounter(indices.shape, at: range.lowerBound)
      for i in range {
        let offset = elementOffset(position.index, strides, axis, places[i])
        (y + i * size).copyMemory(from: data.base + offset * size, byteCount: size)
        position.advance()
      }
    }
  }
}

extension Operator.GatherND {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let data = inputs[0], indices = inputs[1], y = outputs[0]
    let vectors = try IndexVectors(data.type, indices, batchAxes: batchAxes, name)
    let line = vectors.sliceCount * data.type.element.size
    guard line > 0 else { return }
    context.parallel(vectors.offsets.count, grain: max(1, 16384 / line)) { range in
      for i in range {
        let source = data.base + vectors.offsets[i] * data.type.element.size
        (y.base + i * line).copyMemory(from: source, byteCount: line)
      }
    }
  }
}

extension Operator.ScatterElements {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let data = inputs[0], indices = inputs[1], y = outputs[0]
    y.base.copyMemory(from: data.base, byteCount: data.type.byteCount)
    let axis = try resolveAxis(axis, rank: data.shape.count)
    let places = try checkedIndices(indices, extent: data.shape[axis], name)
    let strides = data.type.strides
    var position = PositionCounter(indices.shape)
    for i in 0..<indices.count {
      let offset = elementOffset(position.index, strides, axis, places[i])
      scatter(inputs[2], at: i, count: 1, into: y, at: offset, reduction)
      position.advance()
    }
  }
}

extension Operator.ScatterND {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let data = inputs[0], y = outputs[0]
    y.base.copyMemory(from: data.base, byteCount: data.type.byteCount)
    let vectors = try IndexVectors(data.type, inputs[1], batchAxes: 0, name)
    for (i, offset) in vectors.offsets.enumerated() {
      scatter(
        inputs[2], at: i * vectors.sliceCount, count: vectors.sliceCount, into: y, at: offset, reduction)
    }
  }
}

extension Operator.TopK {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], axis = try resolveAxis(axis, rank: inputs[0].shape.count)
    let extent = x.shape[axis], inner = x.shape.dropFirst(axis + 1).reduce(1, *)
    let (xs, ys, places) = (x.floats, outputs[0].floats, outputs[1].integers)
    guard count > 0 else { return }
    context.parallel(x.count / max(1, extent), grain: max(1, 1024 / extent)) { range in
      for lane in range {
        let start = lane / inner * extent * inner + lane % inner
        let order = (0..<extent).sorted { a, b in
          let (p, q) = (xs[start + a * inner], xs[start + b * inner])
          if p.isNaN || q.isNaN { return p.isNaN && (!q.isNaN || a < b) }
          return p == q ? a < b : largest ? p > q : p < q
        }
        let target = lane / inner * count * inner + lane % inner
        for k in 0..<count {
          ys[target + k * inner] = xs[start + order[k] * inner]
          places[target + k * inner] = Int64(order[k])
        }
      }
    }
  }
}

extension Operator.ArgumentOfExtreme {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], axis = try resolveAxis(axis, rank: inputs[0].shape.count)
    let extent = x.shape[axis], inner = x.shape.dropFirst(axis + 1).reduce(1, *)
    let xs = x.floats, y = outputs[0].integers
    context.parallel(x.count / extent, grain: max(1, 4096 / extent)) { range in
      for lane in range {
        let start = lane / inner * extent * inner + lane % inner
        var best = 0
        for i in 1..<max(1, extent) {
          let (value, current) = (xs[start + i * inner], xs[start + best * inner])
          if (largest ? value > current : value < current) || (takesLast && value == current) { best = i }
        }
        y[lane] = Int64(best)
      }
    }
  }
}

/// Indices counted from the front; throws where one is outside `-extent ..< extent`.
private func checkedIndices(_ indices: TensorView, extent: Int, _ name: String) throws -> [Int] {
  let values = indices.integers
  return try (0..<indices.count).map { i in
    let value = values[i]
    guard value >= -Int64(extent), value < Int64(extent) else {
      throw EngineError(
        field: name, found: "index \(value) at position \(i)", expected: "\(-extent) to \(extent - 1)")
    }
    return Int(value < 0 ? value + Int64(extent) : value)
  }
}

/// Offset of the element at `index` with one axis' index replaced.
private func elementOffset(_ index: [Int], _ strides: [Int], _ axis: Int, _ place: Int) -> Int {
  var offset = place * strides[axis]
  for a in index.indices where a != axis { offset += index[a] * strides[a] }
  return offset
}

/// The slices that index vectors address.
private struct IndexVectors {
  /// Element offset of each slice.
  var offsets: [Int]
  /// Elements of a slice.
  var sliceCount: Int

  init(_ data: TensorType, _ indices: TensorView, batchAxes: Int, _ name: String) throws {
    let depth = indices.shape.last ?? 1, values = indices.integers, strides = data.strides
    let perBatch = indices.shape.dropLast().dropFirst(batchAxes).reduce(1, *)
    let batchStride = batchAxes > 0 ? strides[batchAxes - 1] : 0
    sliceCount = data.shape.dropFirst(batchAxes + depth).reduce(1, *)
    offsets = try (0..<indices.shape.dropLast().reduce(1, *)).map { i in
      var offset = i / max(1, perBatch) * batchStride
      for d in 0..<depth {
        let value = values[i * depth + d], extent = Int64(data.shape[batchAxes + d])
        guard value >= -extent, value < extent else {
          throw EngineError(
            field: name, found: "index \(value) of vector \(i)", expected: "\(-extent) to \(extent - 1)")
        }
        offset += Int(value < 0 ? value + extent : value) * strides[batchAxes + d]
      }
      return offset
    }
  }
}

/// Applies `count` updates in memory order.
private func scatter(
  _ updates: TensorView, at source: Int, count: Int, into y: MutableTensorView, at target: Int,
  _ reduction: Operator.ScatterReduction
) {
  if reduction == .replace {
    let size = y.type.element.size
    (y.base + target * size).copyMemory(from: updates.base + source * size, byteCount: count * size)
  } else if y.type.element == .float32 {
    let (u, t) = (updates.floats + source, y.floats + target)
    for i in 0..<count {
      switch reduction {
      case .replace: t[i] = u[i]
      case .add: t[i] += u[i]
      case .multiply: t[i] *= u[i]
      case .maximum: t[i] = t[i].isNaN || u[i].isNaN ? .nan : max(t[i], u[i])
      case .minimum: t[i] = t[i].isNaN || u[i].isNaN ? .nan : min(t[i], u[i])
      }
    }
  } else {
    let (u, t) = (updates.integers + source, y.integers + target)
    for i in 0..<count {
      switch reduction {
      case .replace: t[i] = u[i]
      case .add: t[i] &+= u[i]
      case .multiply: t[i] &*= u[i]
      case .maximum: t[i] = max(t[i], u[i])
      case .minimum: t[i] = min(t[i], u[i])
      }
    }
  }
}
