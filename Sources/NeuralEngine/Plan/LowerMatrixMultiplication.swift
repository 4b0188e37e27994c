extension Lowering {
  func lowerMatrixMultiplication(_ node: PlanGraph.Node, _ o: Operator.MatrixMultiplication) throws -> Bool {
    let (a, b, y) = (node.inputs[0], node.inputs[1], node.outputs[0])
    let aType = type(a), bType = type(b), yShape = type(y).shape
    guard aType.rank >= 2, bType.rank >= 2, [aType.shape, bType.shape, yShape].allSatisfy(Layout.supports),
      node.inputs.count == 2 || o.beta == 1
    else { return false }
    // Leading axes of A become rows where B has none.
    let flat = bType.rank == 2 && !o.transposesFirst
    let m = flat ? yShape.dropLast().reduce(1, *) : yShape[yShape.count - 2]
    let n = yShape[yShape.count - 1]
    let batch = flat ? [] : Array(yShape.dropLast(2))
    guard let first = operandMatrix(aType.shape, o.transposesFirst, rows: flat ? m : nil, batch),
      let second = operandMatrix(bType.shape, o.transposesSecond, rows: nil, batch)
    else { return false }
    let target = Layout(plain: batch + [m, n])
    var bias: (layout: Layout, location: Location)?
    if node.inputs.count > 2 {
      let shape = type(node.inputs[2]).shape
      guard shape.last == n, shape.reduce(1, *) == n, o.alpha == 1, try current(node.inputs[2]).layout != nil
      else {
        return false
      }
      bias = (
        Layout(plain: batch.map { _ in 1 } + [1, n]), try requestPlain(node.inputs[2])
      )
    }
    let constant = graph.values[b].constant != nil
    let weights = constant ? Layout(any: second.shape) : second
    let scales = o.alpha == 1 ? [] : [o.alpha]
    var flatNode = node
    if flat, batch.count + 2 != yShape.count { flatNode.fused = [] }
    for fuses in node.fused.isEmpty ? [true] : [true, false] {
      if fuses, flatNode.fused.count != node.fused.count { continue }
      var tried = node
      if !fuses { tried.fused = [] }
      guard let chain = try fusedChain(tried, target: target, sums: false),
        let descriptor = Descriptor.matmul(first, weights, bias?.layout, target),
        let description = PrimitiveDescription.make(
          descriptor, try Attributes(chain.operations, outputScales: scales), library),
        let chosen = description.weights
      else { continue }
      let result = fuses ? y : temporary(like: y, node)
      var reads = [
        (Primitive.source, first, try requestPlain(a)),
        (Primitive.weights, chosen, constant ? try request(b, chosen, source: second) : try requestPlain(b)),
      ]
      if let bias { reads.append((Primitive.bias, bias.layout, bias.location)) }
      try append(
        description, name: node.names.joined(separator: " + "), operations: node.operations,
        reads: reads + chain.operands,
        writes: [(Primitive.target, target, define(result, Layout(plain: yShape)))])
      if !fuses { try lowerFused(node, from: result) }
      return true
    }
    return false
  }

  /// The layout of a dense operand as `[batch..., rows, columns]`, its last axes swapped where it is transposed.
  private func operandMatrix(_ shape: [Int], _ transposes: Bool, rows: Int?, _ batch: [Int]) -> Layout? {
    if let rows { return Layout(plain: [rows, shape[shape.count - 1]]) }
    let padded = [Int](repeating: 1, count: max(0, batch.count + 2 - shape.count)) + shape
    guard padded.count == batch.count + 2 else { return nil }
    let layout = Layout(plain: padded)
    guard transposes else { return layout }
    return layout.permuted(Array(0..<batch.count) + [batch.count + 1, batch.count])
  }
}
