/// Runs a network in single precision on samples and chooses the scales of its 8-bit tensors.
struct Calibration {
  /// Scales by tensor.
  var scales: [Int: TensorScale] = [:]
  /// The power of a tensor over that of its rounding and clipping, by tensor's name.
  var signalToNoise: [String: Double] = [:]
  /// The network's outputs in single precision, for each sample.
  var outputs: [[[Float]]] = []

  /// - Throws: `EngineError` where a sample does not fit the graph, or a tensor gets an element that is not finite.
  init(_ graph: PlanGraph, _ eightBit: EightBitPlan, _ options: Plan.Options, _ names: Plan.Names) throws {
    var observed = graph
    let tensors = eightBit.tensors
    observed.outputs += tensors
    var names = names
    names.outputs += tensors.map { (graph.values[$0].name, graph.values[$0].type) }
    var options = options
    options.precision = .float32
    let plan = try Plan(observed, EightBitPlan(), options, names)
    let first = graph.outputs.count
    var statistics: [Int: TensorStatistics] = [:]
    for sample in options.calibration {
      try plan.fill(sample)
      try plan.execute()
      outputs.append((0..<first).map { Array(Calibration.floats(plan, $0)) })
      for (i, tensor) in tensors.enumerated() {
        let group = eightBit.group[tensor, default: tensor]
        guard statistics[group, default: .init()].widen(Calibration.floats(plan, first + i)) else {
          throw EngineError(
            file: graph.name, field: "calibration, \(graph.values[tensor].name)",
            found: "an element that is not finite", expected: "finite numbers")
        }
      }
    }
    for sample in options.calibration {
      if options.calibration.count > 1 {
        try plan.fill(sample)
        try plan.execute()
      }
      for (i, tensor) in tensors.enumerated() {
        statistics[eightBit.group[tensor, default: tensor]]?.count(Calibration.floats(plan, first + i))
      }
    }
    let best = statistics.mapValues { $0.bestScale() }
    for tensor in tensors {
      let group = eightBit.group[tensor, default: tensor]
      guard let scale = best[group], let seen = statistics[group] else { continue }
      scales[tensor] = scale
      signalToNoise[graph.values[tensor].name] = seen.signalToNoise(scale)
    }
  }

  /// The elements of an output; none where they are not floats.
  private static func floats(_ plan: Plan, _ index: Int) -> UnsafeBufferPointer<Float> {
    let view = plan.outputView(index)
    guard view.type.element == .float32 else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(start: view.floats, count: view.count)
  }

  /// How far a plan's outputs lie from these, over all samples.
  func errors(of plan: Plan, _ samples: [[String: TensorValue]]) throws -> [OutputError] {
    var sums = [Double](repeating: 0, count: plan.outputs.count)
    var worst = sums, counts = sums, low = sums, high = sums
    for i in low.indices { (low[i], high[i]) = (.infinity, -.infinity) }
    for (sample, expected) in zip(samples, outputs) {
      try plan.fill(sample)
      try plan.execute()
      for i in plan.outputs.indices {
        for (found, exact) in zip(Calibration.floats(plan, i), expected[i]) {
          let difference = Double(abs(found - exact))
          sums[i] += difference
          worst[i] = max(worst[i], difference)
          low[i] = min(low[i], Double(exact))
          high[i] = max(high[i], Double(exact))
        }
        counts[i] += Double(expected[i].count)
      }
    }
    return plan.outputs.indices.compactMap { i in
      guard counts[i] > 0 else { return nil }
      let range = max(high[i] - low[i], .leastNormalMagnitude)
      return OutputError(
        name: plan.outputs[i].name, meanOfRange: sums[i] / counts[i] / range, worstOfRange: worst[i] / range)
    }
  }
}

/// What 8-bit integers cost an output in accuracy on the calibration samples.
public struct OutputError: Sendable, Codable, Equatable {
  /// The output.
  public let name: String
  /// Mean absolute difference from single precision, as a part of the output's range there.
  public let meanOfRange: Double
  /// Largest absolute difference from single precision, as a part of that range.
  public let worstOfRange: Double
}
