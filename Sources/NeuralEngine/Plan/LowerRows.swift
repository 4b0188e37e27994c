internal import CVectorKernels

/// Layer or RMS normalisation over the last axis. Rows are independent, so the bytes do not depend on the thread count.
struct RowNormalizationKernel: CustomKernel {
  let rows: Int, columns: Int
  let epsilon: Float
  let centers: Bool
  /// Rows that share a row of the scale, and of the shift; nil without.
  let rowsPerScale: Int?, rowsPerShift: Int?

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    func floats(_ k: Int) -> UnsafeMutablePointer<Float> { addresses[k].assumingMemoryBound(to: Float.self) }
    let scale = rowsPerScale.map { _ in UnsafePointer(floats(1)) }
    let shift = rowsPerShift.map { _ in UnsafePointer(floats(2)) }
    let (x, y) = (floats(0), floats(addresses.count - 1))
    context.parallel(rows, grain: 1 + 16384 / columns) { range in
      apus_normalize_rows(
        y, x, Int64(range.lowerBound), Int64(range.count), Int64(columns), epsilon, centers ? 1 : 0, scale,
        Int64(rowsPerScale ?? 1), shift, Int64(rowsPerShift ?? 1))
    }
  }
}

/// Each row times a number of its own.
struct RowScaleKernel: CustomKernel {
  let rows: Int, columns: Int

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let x = addresses[0].assumingMemoryBound(to: Float.self)
    let factors = addresses[1].assumingMemoryBound(to: Float.self)
    let y = addresses[2].assumingMemoryBound(to: Float.self)
    context.parallel(rows, grain: 1 + 16384 / columns) { range in
      apus_scale_rows(y, x, factors, Int64(range.lowerBound), Int64(range.count), Int64(columns))
    }
  }
}

/// GELU by the hyperbolic tangent, of every element.
struct GELUKernel: CustomKernel {
  let count: Int

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let x = addresses[0].assumingMemoryBound(to: Float.self)
    let y = addresses[1].assumingMemoryBound(to: Float.self)
    context.parallel(count, grain: 4096) { range in
      apus_gelu_tanh(y + range.lowerBound, x + range.lowerBound, Int64(range.count))
    }
  }
}

extension Lowering {
  /// Normalisation over the last axis, whose scale and shift may differ between the leading axes' elements.
  func lowerRowNormalization(_ node: PlanGraph.Node, _ o: Operator.GroupedNormalization) throws -> Bool {
    let shape = type(node.inputs[0]).shape
    guard case .axes(let from) = o.extent, !o.givesStatistics, let columns = shape.last,
      Layout.supports(shape),
      try resolveAxis(from, rank: shape.count) == shape.count - 1
    else { return false }
    let sharing = node.inputs.dropFirst().map { rowsPerRow(of: type($0).shape, in: shape) }
    guard !sharing.contains(nil) else { return false }
    let kernel = RowNormalizationKernel(
      rows: shape.dropLast().reduce(1, *), columns: columns, epsilon: o.epsilon, centers: o.centers,
      rowsPerScale: sharing.first ?? nil, rowsPerShift: sharing.dropFirst().first ?? nil)
    try appendCustom(kernel, "row normalization", node, reads: node.inputs)
    return true
  }

  /// How many rows of a tensor one row of an operand serves: `[a, b, 1, 1, columns]` serves all of the last axes; nil
  /// where rows are shared in another way or columns too.
  private func rowsPerRow(of operand: [Int], in shape: [Int]) -> Int? {
    guard operand.count <= shape.count, operand.last == shape.last else { return nil }
    let aligned = [Int](repeating: 1, count: shape.count - operand.count) + operand
    let own = zip(aligned, shape).prefix { $0 == $1 }.count
    guard aligned.dropLast().dropFirst(own).allSatisfy({ $0 == 1 }) else { return nil }
    return shape.dropLast().dropFirst(own).reduce(1, *)
  }

  /// A product with a tensor of one number for each row, that is with an extent of 1 along the last axes: oneDNN has
  /// reference code alone for it.
  func lowerRowScale(_ node: PlanGraph.Node) throws -> Bool {
    let shape = type(node.outputs[0]).shape
    guard node.fused.isEmpty, type(node.outputs[0]).element == .float32, Layout.supports(shape) else {
      return false
    }
    for (x, factor) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
      let operand = type(factor).shape
      let aligned = [Int](repeating: 1, count: max(0, shape.count - operand.count)) + operand
      let own = zip(aligned, shape).prefix { $0 == $1 }.count
      let columns = shape.dropFirst(own).reduce(1, *)
      guard type(x).shape == shape, columns > 1, aligned.dropFirst(own).allSatisfy({ $0 == 1 }),
        own > 0, try current(x).layout?.isPlain ?? false
      else { continue }
      let kernel = RowScaleKernel(rows: shape.prefix(own).reduce(1, *), columns: columns)
      try appendCustom(kernel, "row scale", node, reads: [x, factor])
      return true
    }
    return false
  }
}
