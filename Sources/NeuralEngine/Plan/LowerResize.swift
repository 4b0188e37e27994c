extension Lowering {
  func lowerResize(_ node: PlanGraph.Node, _ o: Operator.Resize) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0], shape = type(x).shape
    guard shape.count == 4, o.interpolation == .linear, !o.antialias,
      Array(o.sizes.prefix(2)) == Array(shape.prefix(2)),
      o.scales[0] == 1, o.scales[1] == 1, Layout.supports(shape), Layout.supports(o.sizes),
      let rows = o.linearAxis(2, input: shape[2]), let columns = o.linearAxis(3, input: shape[3])
    else { return false }
    if try lowerEightBitResize(node, rows: rows, columns: columns, sizes: o.sizes) { return true }
    guard var layout = try current(x).layout else { return false }
    if !(layout.storage == .float32 && (layout.blockSize != nil || layout.isChannelsLast)) {
      layout = Layout(plain: shape)
    }
    let target: Layout, outer: Int, inner: Int
    if layout.isPlain {
      (target, outer, inner) = (Layout(plain: o.sizes), shape[0] * shape[1], 1)
    } else if layout.isChannelsLast {
      (target, outer, inner) = (Layout(channelsLast: o.sizes), shape[0], shape[1])
    } else {
      guard let size = layout.blockSize, let blocked = Layout.blocked(o.sizes, by: size) else { return false }
      (target, outer, inner) = (blocked, shape[0] * ((shape[1] + size - 1) / size), size)
    }
    let source = try request(x, layout)
    let kernel = LinearResizeKernel(
      outer: outer, inner: inner, height: shape[2], width: shape[3], rows: rows, columns: columns,
      targetStride: o.sizes[2] * o.sizes[3] * inner, targetPixel: inner)
    let location = define(y, target)
    steps.append(
      Step(
        name: node.names[0], implementation: "linear resize", action: .custom(kernel, [source, location]),
        reads: [source], writes: [location],
        scratchByteCount: kernel.scratchByteCount(threads: options.threads),
        operations: node.operations))
    return true
  }
}
