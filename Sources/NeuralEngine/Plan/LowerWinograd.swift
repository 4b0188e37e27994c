extension Lowering {
  /// Lowers a 3x3 convolution of stride 1 to Winograd's algorithm of our own, where it pays; false elsewhere.
  ///
  /// For AVX2: with AVX-512 oneDNN has its own, and narrower sets have no fused multiply-add.
  func lowerWinograd(_ node: PlanGraph.Node, _ o: Operator.Convolution) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0]
    let xShape = type(x).shape, yShape = type(y).shape, wShape = type(node.inputs[1]).shape
    guard options.precision == .float32, options.winograd, Library.hasAVX2, !Library.hasAVX512,
      wShape.count == 4, wShape[2...] == [3, 3], o.groups == 1, o.strides == [1, 1], o.dilations == [1, 1],
      winogradPays(xShape, yShape), let weights = graph.values[node.inputs[1]].constant?.floats,
      let source = Layout.blocked(xShape, by: 8), let target = Layout.blocked(yShape, by: 8),
      let bias = winogradBias(node)
    else { return false }
    let steps = fusedSteps(node, yShape)
    let kernel = WinogradKernel(source: xShape, target: yShape, padding: o.padding.before, steps: steps)
    let transformed = kernel.transformed(weights)
    var reads = [
      try request(x, source), addConstant(transformed, byteCount: transformed.buffer.count), bias,
    ]
    var accumulator: Location?
    for case (let i, .binary(_, let operand)) in node.fused.prefix(steps.count).enumerated() {
      let location = try request(operand, target)
      reads.append(location)
      if accumulator == nil, canOverwrite(location, beside: node.reads(except: i)) { accumulator = location }
    }
    // What cannot be fused follows as steps of their own.
    let result = steps.count == node.fused.count ? y : temporary(like: y, node)
    let location: Location
    if let accumulator {
      location = accumulator
      place(result, target, location)
    } else {
      location = define(result, target)
    }
    self.steps.append(
      Step(
        name: node.names.joined(separator: " + "), implementation: "winograd:avx2",
        action: .custom(kernel, reads + [location]), reads: reads, writes: [location],
        scratchByteCount: kernel.scratchByteCount(threads: options.threads), operations: node.operations))
    if result != y {
      var rest = node
      rest.fused.removeFirst(steps.count)
      try lowerFused(rest, from: result)
    }
    return true
  }

  /// Whether Winograd's algorithm is faster than direct sums, by what both were measured to take on a Zen 3 core: a
  /// product of one tile, channel and output 0.96 ns (36 multiply-adds), the transforms 5 ns a tile and channel; direct
  /// sums 0.24 ns an element (9 multiply-adds). Weights are four times as many, at 15 GB/s from memory.
  private func winogradPays(_ x: [Int], _ y: [Int]) -> Bool {
    guard x[1] >= 16, y[1] >= 16 else { return false }
    let tiles = Double(y[0] * ((y[2] + 3) / 4) * ((y[3] + 3) / 4))
    let c = Double(WinogradKernel.padded(x[1])), k = Double((y[1] + 15) / 16 * 16)
    let winograd = tiles * (0.96 * c * k + 5 * (c + k)) + 9.6 * c * k
    let direct = (0.24 * Double(y[0] * y[2] * y[3]) + 2.4) * Double(x[1] * y[1])
    return winograd < 0.9 * direct
  }

  /// The bias of all outputs, those of padding 0; nil where it is no constant.
  private func winogradBias(_ node: PlanGraph.Node) -> Location? {
    let outputs = WinogradKernel.padded(type(node.outputs[0]).shape[1])
    let memory = KernelMemory(outputs * 4)
    let floats = memory.base.assumingMemoryBound(to: Float.self)
    floats.update(repeating: 0, count: outputs)
    if node.inputs.count > 2 {
      guard let given = graph.values[node.inputs[2]].constant?.floats else { return nil }
      for (k, value) in given.enumerated() { floats[k] = value }
    }
    return addConstant(memory, byteCount: outputs * 4)
  }

  /// The first of a node's fused steps that the kernel does itself.
  private func fusedSteps(_ node: PlanGraph.Node, _ shape: [Int]) -> [WinogradKernel.FusedStep] {
    var steps: [WinogradKernel.FusedStep] = []
    for step in node.fused {
      switch step {
      case .unary(.relu): steps.append(.rectify(slope: 0))
      case .unary(.leakyRelu(let alpha)): steps.append(.rectify(slope: alpha))
      case .unary(.clip(let low, let high)) where low <= high: steps.append(.clip(low, high))
      case .unary(.swish(let beta)): steps.append(.swish(beta))
      case .unary(.hardSwish): steps.append(.hardSwish)
      case .unary(.sigmoid): steps.append(.sigmoid)
      case .binary(.add, let operand) where type(operand).shape == shape: steps.append(.add)
      default: return steps
      }
    }
    return steps
  }
}
