extension Operator.Reshape {
  /// The gradient in x's shape.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return [try graph.reshape(g, graph.shape(inputs[0]))]
  }
}

extension Operator.Transpose {
  /// The gradient with its axes put back.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return [try graph.transpose(g, inverse(permutation))]
  }
}

/// The permutation that undoes one.
func inverse(_ permutation: [Int]) -> [Int] {
  var result = permutation
  for (i, axis) in permutation.enumerated() { result[axis] = i }
  return result
}

extension Operator.Concatenation {
  /// Each part's slice.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let axis = try resolveAxis(axis, rank: graph.shape(g).count)
    let extents = inputs.map { graph.shape($0)[axis] }
    return try graph.split(g, axis: axis, extents: extents)
  }
}

extension Operator.Slice {
  /// Zeros where nothing was read: the gradient with `step - 1` zeros between its elements, then padded.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard var g = gradients[0] else { return [] }
    let x = graph.shape(inputs[0])
    guard !counts.contains(0) else { return [graph.constant(0, shape: x)] }
    let backwards = steps.map { $0 < 0 }
    if backwards.contains(true) {
      g = try graph.apply(
        .slice(
          .init(
            starts: counts.indices.map { backwards[$0] ? counts[$0] - 1 : 0 }, counts: counts,
            steps: backwards.map { $0 ? -1 : 1 })), g)
    }
    let distances = steps.indices.map { counts[$0] > 1 ? abs(steps[$0]) : 1 }
    for axis in x.indices where distances[axis] > 1 {
      let shape = graph.shape(g)
      var after = [Int](repeating: 0, count: shape.count + 1)
      after[axis + 1] = distances[axis] - 1
      let apart = try graph.reshape(g, shape[...axis] + [1] + shape[(axis + 1)...])
      let filled = try graph.padded(apart, before: after.map { _ in 0 }, after: after)
      var joined = shape
      joined[axis] *= distances[axis]
      g = try graph.reshape(filled, joined)
    }
    let first = x.indices.map { backwards[$0] ? starts[$0] + (counts[$0] - 1) * steps[$0] : starts[$0] }
    let after = x.indices.map { x[$0] - first[$0] - counts[$0] * distances[$0] }
    return [try graph.padded(g, before: first, after: after)]
  }
}

extension Operator.Pad {
  /// The middle of the gradient; what was copied outwards is added where it came from, axis by axis.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard var g = gradients[0] else { return [] }
    if case .constant = mode {
      return [try graph.padded(g, before: padding.before.map(-), after: padding.after.map(-))]
    }
    let x = graph.shape(inputs[0])
    for axis in x.indices where padding.before[axis] != 0 || padding.after[axis] != 0 {
      let sources = (0..<graph.shape(g)[axis]).map {
        Int64(source($0 - padding.before[axis], extent: x[axis]))
      }
      let indices = graph.addConstant("indices", TensorValue([sources.count], integers: sources))
      g = try graph.scattered(g, along: axis, indices, extent: x[axis])
    }
    return [g]
  }
}

extension Operator.Expand {
  /// Summed where x was repeated.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    return [try graph.summed(g, to: graph.shape(inputs[0]))]
  }
}

extension Operator.Tile {
  /// Summed over the repeats.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let x = graph.shape(inputs[0])
    // [repeat, extent, repeat, extent, ...]
    let split = try graph.reshape(g, zip(repeats, x).flatMap { [$0, $1] })
    let sum = try graph.reduce(.sum, split, axes: x.indices.map { 2 * $0 }, keepsAxes: false)
    return [try graph.reshape(sum, x)]
  }
}

extension Operator.CumulativeSum {
  /// The sums from the other end.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    var back = self
    back.reverse.toggle()
    return [try graph.apply(.cumulativeSum(back), g)]
  }
}
