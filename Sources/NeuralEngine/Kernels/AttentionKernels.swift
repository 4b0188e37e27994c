import Foundation

extension Operator.Attention {
  /// Bytes of scratch memory that `compute` wants.
  public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) throws
    -> Int
  {
    let e = try extents(inputs)
    return givesPresent ? 0 : 4 * e.batch * keyHeads * e.total * (e.size + e.valueSize)
  }

  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let e = try extents(inputs.map(\.type))
    let keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>
    if givesPresent {
      (keys, values) = (outputs[1].floats, outputs[2].floats)
    } else if let scratch = context.scratch.baseAddress {
      keys = scratch.assumingMemoryBound(to: Float.self)
      values = keys + e.batch * keyHeads * e.total * e.size
    } else {
      return
    }
    let past = hasMask ? 4 : 3
    join(inputs[1], hasPast ? inputs[past].floats : nil, into: keys, e, size: e.size, context)
    join(inputs[2], hasPast ? inputs[past + 1].floats : nil, into: values, e, size: e.valueSize, context)
    let lengths = hasKeyLengths ? inputs[inputs.count - 1].integers : nil
    let given = scores == nil ? nil : outputs[outputs.count - 1].floats
    let factor = scale ?? 1 / Float(e.size).squareRoot()
    let mask = hasMask ? inputs[3] : nil
    let (q, y) = (inputs[0], outputs[0].floats)
    context.parallel(e.batch * heads * e.queries) { range in
      var row = [Float](repeating: 0, count: e.total)
      for item in range {
        let (b, h, i) = (item / (heads * e.queries), item / e.queries % heads, item % e.queries)
        let kv = b * keyHeads + h / (heads / keyHeads)
        let query = q.floats + place(b, h, i, e.queries, e.size, q.shape.count)
        let key = keys + kv * e.total * e.size
        for j in 0..<e.total { row[j] = factor * dotProduct(query, key + j * e.size, e.size) }
        let target = given.map { $0 + item * e.total }
        give(row, to: target, at: .products)
        addBias(&row, mask, b, h, i, e, lengths?[b])
        give(row, to: target, at: .biased)
        if softcap > 0 { for j in row.indices { row[j] = softcap * tanh(row[j] / softcap) } }
        give(row, to: target, at: .capped)
        softmax(&row)
        give(row, to: target, at: .probabilities)
        let output = y + place(b, h, i, e.queries, e.valueSize, q.shape.count)
        weightedSum(row, values + kv * e.total * e.valueSize, e.valueSize, into: output)
      }
    }
  }

  /// Offset of a head's row in `[batch, sequence, heads · size]` or `[batch, heads, sequence, size]`.
  private func place(_ b: Int, _ h: Int, _ i: Int, _ sequence: Int, _ size: Int, _ rank: Int) -> Int {
    rank == 3 ? ((b * sequence + i) * heads + h) * size : ((b * heads + h) * sequence + i) * size
  }

  /// Past and new rows as `[batch, kv heads, total, size]`.
  private func join(
    _ new: TensorView, _ past: UnsafePointer<Float>?, into joined: UnsafeMutablePointer<Float>, _ e: Extents,
    size: Int, _ context: KernelContext
  ) {
    let rows = new.floats
    context.parallel(e.batch * keyHeads, grain: 1) { range in
      for kv in range {
        let (b, h) = (kv / keyHeads, kv % keyHeads)
        let target = joined + kv * e.total * size
        if let past { target.update(from: past + kv * e.past * size, count: e.past * size) }
        for j in 0..<e.keys {
          let source =
            new.shape.count == 3 ? ((b * e.keys + j) * keyHeads + h) * size : (kv * e.keys + j) * size
          (target + (e.past + j) * size).update(from: rows + source, count: size)
        }
      }
    }
  }

  private func give(_ row: [Float], to target: UnsafeMutablePointer<Float>?, at point: Scores) {
    guard let target, scores == point else { return }
    for j in row.indices { target[j] = row[j] }
  }

  /// Adds the mask, and minus infinity where causality, the mask's end or the key length forbids.
  private func addBias(
    _ row: inout [Float], _ mask: TensorView?, _ b: Int, _ h: Int, _ i: Int, _ e: Extents, _ length: Int64?
  ) {
    if let mask, let width = mask.shape.last {
      let strides = broadcastStrides(Array(mask.shape.dropLast()), to: [e.batch, heads, e.queries])
      let start = (b * strides[0] + h * strides[1] + i * strides[2]) * width
      // A last axis of 1 serves every key only where there is one key.
      for j in row.indices {
        if j >= width {
          row[j] = -.infinity
        } else if mask.type.element == .bool {
          if !mask.booleans[start + j] { row[j] = -.infinity }
        } else {
          row[j] += mask.floats[start + j]
        }
      }
    }
    for j in row.indices {
      if causal, j > e.past + i { row[j] = -.infinity }
      if let length, Int64(j) >= length { row[j] = -.infinity }
    }
  }

  /// A row without a permitted key is all 0.
  private func softmax(_ row: inout [Float]) {
    let largest = row.max() ?? 0
    guard largest > -.infinity else {
      for j in row.indices { row[j] = 0 }
      return
    }
    var sum: Float = 0
    for j in row.indices {
      row[j] = exp(row[j] - largest)
      sum += row[j]
    }
    for j in row.indices { row[j] /= sum }
  }

  private func weightedSum(
    _ row: [Float], _ values: UnsafePointer<Float>, _ size: Int, into y: UnsafeMutablePointer<Float>
  ) {
    for d in 0..<size { y[d] = 0 }
    for j in row.indices where row[j] != 0 {
      let (weight, value) = (row[j], values + j * size)
      for d in 0..<size { y[d] += weight * value[d] }
    }
  }
}
