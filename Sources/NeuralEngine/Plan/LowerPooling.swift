extension Lowering {
  func lowerPooling(_ node: PlanGraph.Node, _ o: Operator.Pooling) throws -> Bool {
    if try lowerEightBitMean(node, o) { return true }
    let x = node.inputs[0], y = node.outputs[0]
    let own = try sharedScale(x, y) == nil ? current(x) : stored(x)
    let xShape = type(x).shape, yShape = type(y).shape
    guard !o.givesIndices, (3...5).contains(xShape.count), Layout.supports(xShape), Layout.supports(yShape),
      let layout = own.layout, layout.storage != .signed32
    else { return false }
    var padding = o.padding
    for axis in o.kernel.indices {
      let reach = (yShape[axis + 2] - 1) * o.strides[axis] + o.dilations[axis] * (o.kernel[axis] - 1) + 1
      let after = reach - xShape[axis + 2] - padding.before[axis]
      if o.ceiling || after < 0 {
        // The last window reaches past the given padding, or leaves elements unread.
        if o.ceiling, after > padding.after[axis], o.kind == .average(countsPadding: true) { return false }
        padding.after[axis] = after
      } else {
        padding.after[axis] = after
      }
      // A window wholly in the padding has no elements.
      if max(padding.before[axis], after) >= o.dilations[axis] * (o.kernel[axis] - 1) + 1 { return false }
      if o.dilations[axis] > 1, max(padding.before[axis], after) > 0 { return false }
      if padding.before[axis] < 0 { return false }
    }
    let target = Layout(any: yShape, layout.storage)
    let isTrained = layout.storage == .float32 && isDifferentiated(y)
    guard let descriptor = Descriptor.pooling(o, layout, target, padding: padding, training: isTrained),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      let chosen = description.target
    else { return false }
    var writes = [(Primitive.target, chosen, define(y, chosen))]
    if isTrained {
      var trained = TrainedPooling(source: layout, target: chosen, padding: padding)
      if let workspace = description.workspace, workspace.byteCount > 0 {
        let location = newBuffer(workspace.byteCount)
        trained.workspace = (workspace, location)
        writes.append((Primitive.workspace, workspace, location))
      }
      trainedPoolings[y] = trained
    }
    try append(
      description, name: node.names[0], operations: node.operations,
      reads: [(Primitive.source, layout, own.location)], writes: writes)
    return true
  }
}
