extension Operator.Attention {
  /// The attention in products and a softmax, which have gradients; its probabilities are computed anew for them.
  public func gradients(
    _ graph: inout Graph, _ inputs: [TensorID], _ outputs: [TensorID], _ gradients: [TensorID?]
  ) throws -> [TensorID?] {
    let first = graph.nodes.count
    let parts = try spelledOut(&graph, inputs)
    var results: [TensorID] = [], seeds: [TensorID] = []
    for (part, gradient) in zip(parts, gradients) {
      guard let gradient else { continue }
      results.append(part)
      seeds.append(gradient)
    }
    let differentiable = inputs.filter { graph[$0].type.element == .float32 }
    let found = try graph.addGradients(of: results, seeds: seeds, for: differentiable, from: first)
    let byInput = Dictionary(zip(differentiable, found), uniquingKeysWith: { first, _ in first })
    // Of one tensor that is several inputs, the first gets all.
    var given: Set<TensorID> = []
    return inputs.map { given.insert($0).inserted ? byInput[$0] ?? nil : nil }
  }

  /// The outputs by elementary operators. `[batch, key heads, heads per key head, sequence, size]` inside.
  private func spelledOut(_ graph: inout Graph, _ inputs: [TensorID]) throws -> [TensorID] {
    let e = try extents(inputs.map { graph[$0].type })
    let isFlat = graph.shape(inputs[0]).count == 3, shared = heads / keyHeads
    func split(_ x: TensorID, _ heads: Int, _ sequence: Int, _ size: Int) throws -> TensorID {
      guard isFlat else { return x }
      return try graph.transpose(graph.reshape(x, [e.batch, sequence, heads, size]), [0, 2, 1, 3])
    }
    let q = try graph.reshape(
      split(inputs[0], heads, e.queries, e.size), [e.batch, keyHeads, shared, e.queries, e.size])
    var k = try split(inputs[1], keyHeads, e.keys, e.size),
      v = try split(inputs[2], keyHeads, e.keys, e.valueSize)
    if hasPast {
      let past = hasMask ? 4 : 3
      k = try graph.concatenate([inputs[past], k], axis: 2)
      v = try graph.concatenate([inputs[past + 1], v], axis: 2)
    }
    let all = [e.batch, heads, e.queries, e.total]
    let keys = try graph.reshape(k, [e.batch, keyHeads, 1, e.total, e.size])
    let products = try graph.reshape(
      graph.multiply(q, keys, transposesSecond: true, alpha: scale ?? 1 / Float(e.size).squareRoot()), all)
    let allowed = try allowed(&graph, inputs, e)
    var biased = products
    if hasMask, graph[inputs[3]].type.element == .float32 {
      let width = graph.shape(inputs[3]).last ?? 1
      var after = graph.shape(inputs[3]).map { _ in 0 }
      after[after.count - 1] = e.total - width
      biased = try graph.sum(products, graph.padded(inputs[3], before: after.map { _ in 0 }, after: after))
    }
    if let allowed { biased = try graph.select(allowed, biased, else: -1e30) }
    let capped =
      softcap > 0
      ? try graph.linear(graph.unary(.tanh, graph.linear(biased, alpha: 1 / softcap)), alpha: softcap)
      : biased
    var shares = try graph.softmax(capped)
    // A row without a permitted key is all 0.
    if let allowed, softcap == 0 { shares = try graph.select(allowed, shares, else: 0) }
    let values = try graph.reshape(v, [e.batch, keyHeads, 1, e.total, e.valueSize])
    let grouped = try graph.reshape(shares, [e.batch, keyHeads, shared, e.queries, e.total])
    var y = try graph.reshape(graph.multiply(grouped, values), [e.batch, heads, e.queries, e.valueSize])
    if isFlat {
      y = try graph.reshape(graph.transpose(y, [0, 2, 1, 3]), [e.batch, e.queries, heads * e.valueSize])
    }
    let given: TensorID? = scores.map { [products, biased, capped, shares][$0.rawValue] }
    return [y] + (givesPresent ? [k, v] : []) + (given.map { [$0] } ?? [])
  }

  /// Where a query may see a key, broadcast to `[batch, heads, queries, keys]`; nil: everywhere.
  private func allowed(_ graph: inout Graph, _ inputs: [TensorID], _ e: Extents) throws -> TensorID? {
    var conditions: [TensorID] = []
    let width = hasMask ? graph.shape(inputs[3]).last ?? 1 : e.total
    if causal || width < e.total {
      let fixed = (0..<e.queries).flatMap { i in
        (0..<e.total).map { $0 < width && (!causal || $0 <= e.past + i) }
      }
      conditions.append(graph.addConstant("allowed", TensorValue([e.queries, e.total], booleans: fixed)))
    }
    if hasMask, graph[inputs[3]].type.element == .bool {
      var after = graph.shape(inputs[3]).map { _ in 0 }
      after[after.count - 1] = e.total - width
      conditions.append(try graph.padded(inputs[3], before: after.map { _ in 0 }, after: after))
    }
    if hasKeyLengths {
      let positions = graph.addConstant(
        "position", TensorValue([e.total], integers: (0..<e.total).map { Int64($0) }))
      let lengths = try graph.reshape(inputs[inputs.count - 1], [e.batch, 1, 1, 1])
      conditions.append(try graph.binary(.less, positions, lengths))
    }
    guard var all = conditions.first else { return nil }
    for condition in conditions.dropFirst() { all = try graph.binary(.and, all, condition) }
    return all
  }
}
