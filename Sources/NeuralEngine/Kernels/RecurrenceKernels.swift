internal import CVectorKernels

extension Operator.Recurrence {
  /// Computes the outputs; each sequence of each direction by itself, so that bytes do not depend on threads.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws {
    let steps = inputs[0].shape[0], batch = inputs[0].shape[1], lengths = inputs[3].integers
    for b in 0..<batch where lengths[b] < 0 || lengths[b] > steps {
      throw EngineError(field: name, found: "a sequence of \(lengths[b]) steps", expected: "0 to \(steps)")
    }
    let stride = (kind.gateCount * hidden + 15) / 16 * 16, directions = isBackward.count
    guard let base = context.scratch.baseAddress else { return }
    let places = base.assumingMemoryBound(to: Int64.self)
    for k in 0..<hidden { places[k] = Int64(k * stride) }
    let columns = (base + (8 * hidden + 63) / 64 * 64).assumingMemoryBound(to: Float.self)
    transpose(inputs[1].floats, columns, stride)
    let rows = columns + directions * hidden * stride, size = 2 * stride + 3 * hidden + 32
    let sequences = directions * batch
    let parts = min(context.threads, max(sequences, 1))
    context.parallel(parts) { range in
      for part in range {
        for i in part * sequences / parts..<(part + 1) * sequences / parts {
          run(
            direction: i / batch, sequence: i % batch, inputs, outputs, columns: columns, places: places,
            memory: rows + part * size)
        }
      }
    }
  }

  /// Recurrent weights `[direction, gate · hidden, hidden]` as `[direction, hidden, stride]`.
  private func transpose(_ r: UnsafePointer<Float>, _ columns: UnsafeMutablePointer<Float>, _ stride: Int) {
    let rows = kind.gateCount * hidden
    for d in isBackward.indices {
      let source = r + d * rows * hidden, target = columns + d * hidden * stride
      for k in 0..<hidden {
        for row in 0..<rows { target[k * stride + row] = source[row * hidden + k] }
        for row in rows..<stride { target[k * stride + row] = 0 }
      }
    }
  }

  private func run(
    direction d: Int, sequence b: Int, _ inputs: [TensorView], _ outputs: [MutableTensorView],
    columns: UnsafePointer<Float>, places: UnsafePointer<Int64>, memory: UnsafeMutablePointer<Float>
  ) {
    let steps = inputs[0].shape[0], batch = inputs[0].shape[1], directions = isBackward.count
    let rows = kind.gateCount * hidden, stride = (rows + 15) / 16 * 16
    let weights = columns + d * hidden * stride, bias = inputs[2].floats + d * rows
    let (products, again, h, cell, reset) = (
      memory, memory + stride, memory + 2 * stride, memory + 2 * stride + hidden, memory + 2 * stride + 2 * hidden
    )
    let start = (d * batch + b) * hidden
    h.update(from: inputs[4].floats + start, count: hidden)
    if kind == .lstm { cell.update(from: inputs[5].floats + start, count: hidden) }
    let length = Int(inputs[3].integers[b])
    func state(_ t: Int) -> UnsafeMutablePointer<Float> {
      outputs[0].floats + ((t * directions + d) * batch + b) * hidden
    }
    for step in 0..<length {
      let t = isBackward[d] ? length - 1 - step : step
      let gates = inputs[0].floats + (t * batch + b) * directions * rows + d * rows
      apus_add_rows(products, weights, places, h, Int64(hidden), Int64(stride), 1)
      switch kind {
      case .plain:
        for k in 0..<hidden { h[k] = value(d, 0, gates[k] + products[k] + bias[k]) }
      case .gru:
        advanceGRU(d, gates, products, bias, h, reset) {
          apus_add_rows(again, weights, places, reset, Int64(hidden), Int64(stride), 1)
          return UnsafePointer(again)
        }
      case .lstm: advanceLSTM(d, gates, products, bias, inputs[6].floats + d * 3 * hidden, h, cell)
      }
      state(t).update(from: h, count: hidden)
    }
    for t in length..<steps { state(t).update(repeating: 0, count: hidden) }
    (outputs[1].floats + start).update(from: h, count: hidden)
    if kind == .lstm { (outputs[2].floats + start).update(from: cell, count: hidden) }
  }

  /// A function of a clamped sum.
  private func value(_ direction: Int, _ function: Int, _ sum: Float) -> Float {
    Operator.Unary(functions[direction][function]).value(min(max(sum, -clip), clip))
  }

  private func advanceGRU(
    _ d: Int, _ gates: UnsafePointer<Float>, _ products: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ h: UnsafeMutablePointer<Float>, _ reset: UnsafeMutablePointer<Float>,
    productsOfReset: () -> UnsafePointer<Float>
  ) {
    let (r, n) = (hidden, 2 * hidden)
    for k in 0..<hidden { reset[k] = value(d, 0, gates[r + k] + products[r + k] + bias[r + k]) }
    var candidates = products
    if !resetsAfterProduct {
      for k in 0..<hidden { reset[k] *= h[k] }
      candidates = productsOfReset()
    }
    for k in 0..<hidden {
      let update = value(d, 0, gates[k] + products[k] + bias[k])
      let product = candidates[n + k] + bias[n + k]
      let candidate = value(d, 1, gates[n + k] + (resetsAfterProduct ? reset[k] * product : product))
      h[k] = (1 - update) * candidate + update * h[k]
    }
  }

  private func advanceLSTM(
    _ d: Int, _ gates: UnsafePointer<Float>, _ products: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ peepholes: UnsafePointer<Float>, _ h: UnsafeMutablePointer<Float>, _ cell: UnsafeMutablePointer<Float>
  ) {
    func sum(_ gate: Int, _ k: Int) -> Float {
      gates[gate * hidden + k] + products[gate * hidden + k] + bias[gate * hidden + k]
    }
    for k in 0..<hidden {
      let input = value(d, 0, sum(0, k) + peepholes[k] * cell[k])
      let forget = couplesForget ? 1 - input : value(d, 0, sum(2, k) + peepholes[2 * hidden + k] * cell[k])
      cell[k] = forget * cell[k] + input * value(d, 1, sum(3, k))
      let output = value(d, 0, sum(1, k) + peepholes[hidden + k] * cell[k])
      h[k] = output * Operator.Unary(functions[d][2]).value(cell[k])
    }
  }
}
