import NeuralEngine

/// A weight that an optimiser steps: its memory is a plan's input, its gradient's an output.
final class LearnedWeight {
  let name: String
  let input: Int, output: Int
  private let decays: Bool
  private let count: Int
  private var moments: [[Float]]
  private var average: [Float]?
  /// The sum of several batches' gradients; empty until there is one.
  private var sum: [Float] = []

  init(name: String, input: Int, output: Int, decays: Bool, count: Int, moments: Int, isAveraged: Bool) {
    (self.name, self.input, self.output, self.decays, self.count) = (name, input, output, decays, count)
    self.moments = [[Float]](repeating: [Float](repeating: 0, count: count), count: moments)
    average = isAveraged ? [Float](repeating: 0, count: count) : nil
  }

  /// The average starts from the weight as it is.
  func startAverage(_ plan: Plan) {
    let w = plan.inputView(input).floats
    if average != nil { average = Array(UnsafeBufferPointer(start: w, count: count)) }
  }

  /// Adds the plan's gradient to the sum.
  func accumulate(_ plan: Plan, first: Bool, _ context: KernelContext) {
    let g = plan.outputView(output).floats
    if sum.isEmpty { sum = [Float](repeating: 0, count: count) }
    sum.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let s = base
      context.parallel(count, grain: 16384) { for i in $0 { s[i] = first ? g[i] : s[i] + g[i] } }
    }
  }

  /// Calls `body` with the gradient: the sum of several batches', or the plan's output.
  private func withGradient<R>(_ plan: Plan, _ isSum: Bool, _ body: (UnsafePointer<Float>) -> R) -> R {
    guard isSum else { return body(plan.outputView(output).floats) }
    return sum.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return body(plan.outputView(output).floats) }
      return body(base)
    }
  }

  /// `Σ g²`: sums of 4096 elements each, then of those, so that threads do not matter.
  func squaredNorm(_ plan: Plan, isSum: Bool, _ context: KernelContext) -> Double {
    let pieces = (count + 4095) / 4096
    return withGradient(plan, isSum) { g in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: max(pieces, 1)) { sums in
        guard let base = sums.baseAddress else { return 0 }
        nonisolated(unsafe) let partial = base
        context.parallel(pieces, grain: 4) { range in
          for piece in range {
            var lanes = SIMD8<Double>.zero
            let start = piece * 4096, end = min(count, start + 4096), whole = start + (end - start) / 8 * 8
            for i in stride(from: start, to: whole, by: 8) {
              for lane in 0..<8 { lanes[lane] += Double(g[i + lane]) * Double(g[i + lane]) }
            }
            for i in whole..<end { lanes[i - whole] += Double(g[i]) * Double(g[i]) }
            partial[piece] = lanes.sum()
          }
        }
        return (0..<pieces).reduce(0.0) { $0 + partial[$1] }
      }
    }
  }

  /// Steps the weight and its average.
  func step(
    _ plan: Plan, isSum: Bool, _ context: KernelContext, _ configuration: Trainer.Configuration, rate: Double,
    number: Int, momentum: Double?, scale: Float
  ) {
    let w = plan.inputView(input).floats
    if let limit = configuration.clipValue { clip(plan, isSum, scale, Float(limit)) }
    let isClipped = configuration.clipValue != nil
    withMoments { moments in
      withGradient(plan, isSum || isClipped) { g in
        nonisolated(unsafe) let pointers = moments
        context.parallel(count, grain: 16384) { range in
          configuration.optimizer.step(
            w, g, pointers, range, rate: rate, step: number, decays: decays, momentum: momentum,
            gradientScale: isClipped ? 1 : scale)
        }
      }
    }
    if let decay = configuration.averageDecay { follow(w, Float(decay), context) }
  }

  /// The scaled gradient, each element held within ±limit, as the sum.
  private func clip(_ plan: Plan, _ isSum: Bool, _ scale: Float, _ limit: Float) {
    let clipped = withGradient(plan, isSum) { g in
      (0..<count).map { min(max(g[$0] * scale, -limit), limit) }
    }
    sum = clipped
  }

  private func withMoments(_ body: ([UnsafeMutablePointer<Float>]) -> Void) {
    // Buffers of arrays that nothing else refers to stay where they are while these pointers are used.
    func open(_ k: Int, _ pointers: [UnsafeMutablePointer<Float>]) {
      guard k < moments.count else { return body(pointers) }
      var moment: [Float] = []
      swap(&moment, &moments[k])
      moment.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { open(k + 1, pointers + [base]) }
      }
      swap(&moment, &moments[k])
    }
    open(0, [])
  }

  private func follow(_ w: UnsafeMutablePointer<Float>, _ decay: Float, _ context: KernelContext) {
    average?.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let a = base
      context.parallel(count, grain: 16384) { for i in $0 { a[i] = decay * a[i] + (1 - decay) * w[i] } }
    }
  }

  // MARK: State

  func value(_ plan: Plan, averaged: Bool) -> TensorValue {
    guard averaged, let average else { return plan.inputValue(input) }
    return TensorValue(plan.inputs[input].type.shape, average)
  }

  func save(to state: inout WeightSet, _ plan: Plan, _ momentNames: [String]) {
    state["weights/\(name)"] = plan.inputValue(input)
    for (moment, values) in zip(momentNames, moments) {
      state["\(moment)/\(name)"] = TensorValue([count], values)
    }
    if let average { state["average/\(name)"] = TensorValue([count], average) }
  }

  func restore(from state: WeightSet, _ plan: Plan, _ momentNames: [String]) {
    if let value = state["weights/\(name)"] { plan.setInput(input, value) }
    for (k, moment) in momentNames.enumerated() {
      if let values = state["\(moment)/\(name)"]?.floats { moments[k] = values }
    }
    if let values = state["average/\(name)"]?.floats { average = values }
  }
}

extension Plan {
  /// Copies a value into an input's memory.
  func setInput(_ index: Int, _ value: TensorValue) {
    value.withBytes { bytes in
      if let base = bytes.baseAddress { inputView(index).base.copyMemory(from: base, byteCount: bytes.count) }
    }
  }

  /// What an input's memory holds.
  func inputValue(_ index: Int) -> TensorValue {
    let view = inputView(index)
    return TensorValue(type: view.type, copying: view.base)
  }

  /// Copies an output into an input's memory.
  func copyOutput(_ output: Int, toInput input: Int) {
    let view = outputView(output)
    inputView(input).base.copyMemory(from: view.base, byteCount: view.type.byteCount)
  }
}
