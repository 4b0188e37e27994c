extension Lowering {
  /// Places `result` on `source`'s memory with another layout: no step at all.
  private func alias(_ result: Int, _ source: Int, _ layout: Layout?) throws -> Bool {
    place(result, layout, try current(source).location)
    return true
  }

  func lowerReshape(_ node: PlanGraph.Node) throws -> Bool {
    let x = node.inputs[0], y = node.outputs[0]
    let own = try current(x)
    guard let layout = own.layout else {
      place(y, naturalLayout(y), own.location)
      return true
    }
    guard Layout.supports(type(y).shape) else { return false }
    let shape = type(y).shape.isEmpty ? [1] : type(y).shape
    if let view = layout.reshaped(shape) { return try alias(y, x, view) }
    place(y, Layout(plain: shape), try requestPlain(x))
    return true
  }

  func lowerTranspose(_ node: PlanGraph.Node, _ o: Operator.Transpose) throws -> Bool {
    let x = node.inputs[0]
    guard let layout = try current(x).layout, !o.permutation.isEmpty else { return false }
    if let view = layout.permuted(o.permutation) { return try alias(node.outputs[0], x, view) }
    let location = try requestPlain(x)
    guard let view = Layout(plain: type(x).shape).permuted(o.permutation) else { return false }
    place(node.outputs[0], view, location)
    return true
  }

  func lowerSlice(_ node: PlanGraph.Node, _ o: Operator.Slice) throws -> Bool {
    let x = node.inputs[0]
    guard let layout = try current(x).layout, o.steps.allSatisfy({ $0 == 1 }), !o.starts.isEmpty,
      Layout.supports(o.counts)
    else { return false }
    let isView = layout.isStrided && layout.part(starts: o.starts, counts: o.counts) != nil
    var location = isView ? try current(x).location : try requestPlain(x)
    let whole = isView ? layout : Layout(plain: type(x).shape)
    guard let view = whole.part(starts: o.starts, counts: o.counts) else { return false }
    // The offset goes into the address: oneDNN has fast code for sums that reads an operand's view from its start.
    location.offset += view.byteOffset
    place(node.outputs[0], view.withoutOffset, location)
    return true
  }

  func lowerConcatenation(_ node: PlanGraph.Node, _ o: Operator.Concatenation) throws -> Bool {
    let y = node.outputs[0], shape = type(y).shape
    guard type(y).element == .float32, !shape.isEmpty, Layout.supports(shape),
      node.inputs.allSatisfy({ Layout.supports(type($0).shape) })
    else { return false }
    let axis = try resolveAxis(o.axis, rank: shape.count)
    if try fillSlots(node) { return true }
    let staysEightBit = node.inputs.allSatisfy { sharedScale($0, y) != nil }
    var layouts: [Layout] = []
    for value in node.inputs {
      guard let layout = try staysEightBit ? stored(value).layout : current(value).layout else {
        return false
      }
      layouts.append(layout)
    }
    // All in the arrangement of the largest, where that can be cut at the seams.
    let largest = node.inputs.indices.max { type(node.inputs[$0]).count < type(node.inputs[$1]).count } ?? 0
    let target =
      staysEightBit
      ? Layout(channelsLast: shape, .unsigned8)
      : arrangement(like: layouts[largest], shape, axis, node.inputs.map { type($0).shape[axis] })
    let sources = node.inputs.map { like(target, type($0).shape) }
    guard
      let description = try PrimitiveDescription.concatenation(sources, axis: axis, target: target, library)
    else { return false }
    let reads = try node.inputs.indices.map { i in
      (Primitive.multipleSource(i), sources[i], try request(node.inputs[i], sources[i]))
    }
    try append(
      description, name: node.names[0], operations: 0, reads: reads,
      writes: [(Primitive.target, target, define(y, target))])
    return true
  }

  /// Copies what is missing from a concatenation whose largest part was written in its place.
  private func fillSlots(_ node: PlanGraph.Node) throws -> Bool {
    let y = node.outputs[0]
    guard let whole = slots.wholes[y] else { return false }
    for value in node.inputs {
      guard let part = slots.parts[value], part.whole == y else { return false }
      let location = Location(buffer: whole.location.buffer, offset: part.offset)
      if placed[value]?.location == location { continue }
      let target = like(whole.layout, type(value).shape), source = try current(value)
      guard let from = source.layout,
        let description = PrimitiveDescription.reorder(from, target, try Attributes(), library)
      else { return false }
      try append(
        description, name: "\(node.names[0]) (copy of \(graph.values[value].name))", operations: 0,
        reads: [(Primitive.from, from, source.location)], writes: [(Primitive.to, target, location)])
    }
    place(y, whole.layout, whole.location)
    return true
  }

  private func arrangement(like layout: Layout, _ shape: [Int], _ axis: Int, _ extents: [Int]) -> Layout {
    if layout.isPlain { return Layout(plain: shape, layout.storage) }
    if layout.isChannelsLast { return Layout(channelsLast: shape, layout.storage) }
    if let size = layout.blockSize, axis != 1 || extents.allSatisfy({ $0 % size == 0 }),
      let blocked = Layout.blocked(shape, layout.storage, by: size)
    {
      return blocked
    }
    return Layout(plain: shape, layout.storage)
  }

  /// The same kind of arrangement for another shape.
  private func like(_ layout: Layout, _ shape: [Int]) -> Layout {
    if layout.isPlain { return Layout(plain: shape, layout.storage) }
    if let size = layout.blockSize, let blocked = Layout.blocked(shape, layout.storage, by: size) {
      return blocked
    }
    return Layout(channelsLast: shape, layout.storage)
  }
}
