extension Operator.MatrixMultiplication {
  /// `α g Bᵀ` and `α Aᵀ g`, summed where operands were broadcast; β g for the third operand.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let e = try extents(inputs.prefix(2).map { graph[$0].type })
    let first = graph.shape(inputs[0]), second = graph.shape(inputs[1])
    let isRow = first.count == 1, isColumn = second.count == 1
    // Vectors as matrices of one row or column, which are never transposed.
    var a = isRow ? try graph.reshape(inputs[0], [1, e.k]) : inputs[0]
    let b = isColumn ? try graph.reshape(inputs[1], [e.k, 1]) : inputs[1]
    var y = try graph.reshape(g, e.batch + [e.m, e.n])
    let transA = transposesFirst && !isRow, transB = transposesSecond && !isColumn
    func product(_ x: TensorID, _ transX: Bool, _ z: TensorID, _ transZ: Bool) throws -> TensorID {
      try graph.apply(
        .matrixMultiplication(.init(transposesFirst: transX, transposesSecond: transZ, alpha: alpha)), x, z)
    }
    let dA = try transA ? product(b, transB, y, true) : product(y, false, b, !transB)
    // Leading axes of A are rows too where B has none: one product instead of one each and a sum.
    if graph.shape(b).count == 2, !transA, e.batch.count > 0 {
      let rows = (e.batch + [e.m]).reduce(1, *)
      a = try graph.reshape(a, [rows, e.k])
      y = try graph.reshape(y, [rows, e.n])
    }
    let dB = try transB ? product(y, true, a, transA) : product(a, !transA, y, false)
    var result: [TensorID?] = [
      try graph.reshape(graph.summed(dA, to: isRow ? [1, e.k] : first), first),
      try graph.reshape(graph.summed(dB, to: isColumn ? [e.k, 1] : second), second),
    ]
    if inputs.count > 2 {
      let scaled = beta == 1 ? g : try graph.linear(g, alpha: beta)
      result.append(try graph.summed(scaled, to: graph.shape(inputs[2])))
    }
    return result
  }
}

extension Operator.Einsum {
  /// For each operand the product of the gradient and all other operands, summed over what it does not have.
  ///
  /// An axis of extent 1 that stands for a wider one gets the sum over that; labels that only it has, every element; of a
  /// label that it has twice, the diagonal.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    guard let g = gradients[0] else { return [] }
    let terms = try terms(inputs.map { graph[$0].type })
    return try inputs.indices.map { i in
      let own = terms.inputs[i]
      var distinct: [Int] = []
      for label in own where !distinct.contains(label) { distinct.append(label) }
      let others = inputs.indices.filter { $0 != i }
      let known = Set(terms.output + others.flatMap { terms.inputs[$0] })
      let found = distinct.filter(known.contains)
      let sides = ([terms.output] + others.map { terms.inputs[$0] }).map { Self.letters($0) }
      let equation = sides.joined(separator: ",") + "->" + Self.letters(found)
      var result = try graph.add(.einsum(.init(equation)), [g] + others.map { inputs[$0] })[0]
      let extents = own.map { terms.extents[$0] ?? 1 }
      // Every label of the operand, then each of its axes, off the diagonal 0.
      let wide = distinct.map { terms.extents[$0] ?? 1 }
      result = try graph.reshape(
        result, distinct.map { known.contains($0) ? graph.extent(result, found.firstIndex(of: $0)) : 1 })
      result = try graph.expanded(result, to: wide)
      for (axis, label) in own.enumerated() where own.firstIndex(of: label) != axis {
        result = try graph.diagonal(result, distinct, own, axis, extents)
        distinct.insert(label, at: axis)
      }
      return try graph.summed(result, to: graph.shape(inputs[i]))
    }
  }

  /// Labels as letters: axes of the ellipsis, which are below 0, as those after `Z` downwards.
  private static func letters(_ labels: [Int]) -> String {
    String(
      decoding: labels.map { UInt8($0 > 0 ? $0 : Int(UInt8(ascii: "Z")) + 1 + $0) }, as: UTF8.self)
  }
}

extension Graph {
  /// Extent of an axis; 1 for none.
  fileprivate func extent(_ x: TensorID, _ axis: Int?) -> Int { axis.map { shape(x)[$0] } ?? 1 }

  /// x with an axis more at `axis`, whose label x has already: elements where both indices agree.
  fileprivate mutating func diagonal(
    _ x: TensorID, _ labels: [Int], _ own: [Int], _ axis: Int, _ extents: [Int]
  ) throws -> TensorID {
    guard let first = labels.firstIndex(of: own[axis]) else { return x }
    let count = extents[axis], rank = labels.count + 1
    var shape = [Int](repeating: 1, count: rank)
    shape[first] = count
    shape[axis] = count
    var unit = [Float](repeating: 0, count: count * count)
    for k in 0..<count { unit[k * (count + 1)] = 1 }
    var wide = self.shape(x)
    wide.insert(1, at: axis)
    return try product(reshape(x, wide), addConstant("diagonal", TensorValue(shape, unit)))
  }
}
