extension Lowering {
  /// A product with one factor per sample and channel, on a tensor kept in 8 bits.
  func lowerEightBitGate(_ node: PlanGraph.Node) throws -> Bool {
    let y = node.outputs[0]
    guard node.fused.isEmpty, let result = eightBit.scales[y],
      let (x, gate) = EightBitPlan.gate(node, graph), let scale = eightBit.scales[x],
      let layout = try stored(x).layout, layout.storage == .unsigned8, layout.isChannelsLast
    else { return false }
    let shape = type(x).shape
    let kernel = EightBitGateKernel(
      samples: shape[0], channels: shape[1], positions: shape.dropFirst(2).reduce(1, *),
      factor: scale.scale / result.scale, sourceZero: scale.zeroPoint, targetZero: result.zeroPoint)
    appendCustom(
      kernel, "8-bit gate", node, [try stored(x).location, try requestPlain(gate)], define(y, layout))
    return true
  }

  /// The mean of each whole plane of a tensor kept in 8 bits, as floats.
  func lowerEightBitMean(_ node: PlanGraph.Node, _ o: Operator.Pooling) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0], shape = type(x).shape
    guard case .average = o.kind, !o.givesIndices, shape.count >= 3, o.kernel == Array(shape.dropFirst(2)),
      (o.padding.before + o.padding.after).allSatisfy({ $0 == 0 }),
      type(y).shape.dropFirst(2).allSatisfy({ $0 == 1 }), let scale = eightBit.scales[x],
      let layout = try stored(x).layout, layout.storage == .unsigned8, layout.isChannelsLast
    else { return false }
    let kernel = EightBitMeanKernel(
      samples: shape[0], channels: shape[1], positions: shape.dropFirst(2).reduce(1, *), scale: scale)
    appendCustom(
      kernel, "8-bit mean", node, [try stored(x).location], define(y, Layout(plain: type(y).shape)))
    return true
  }

  /// Linear interpolation of a tensor kept in 8 bits.
  func lowerEightBitResize(
    _ node: PlanGraph.Node, rows: LinearResizeKernel.Axis, columns: LinearResizeKernel.Axis, sizes: [Int]
  ) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0], shape = type(x).shape
    guard sharedScale(x, y) != nil, let layout = try stored(x).layout, layout.storage == .unsigned8,
      layout.isChannelsLast
    else { return false }
    let kernel = EightBitResizeKernel(
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3], rows: rows, columns: columns)
    appendCustom(
      kernel, "8-bit linear resize", node, [try stored(x).location],
      define(y, Layout(channelsLast: sizes, .unsigned8)))
    return true
  }

  func appendCustom(
    _ kernel: any CustomKernel, _ implementation: String, _ node: PlanGraph.Node, _ sources: [Location],
    _ target: Location
  ) {
    steps.append(
      Step(
        name: node.names.joined(separator: " + "), implementation: implementation,
        action: .custom(kernel, sources + [target]), reads: sources, writes: [target],
        scratchByteCount: kernel.scratchByteCount(threads: options.threads), operations: node.operations))
  }
}
