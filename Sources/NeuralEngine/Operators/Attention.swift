extension Operator {
  /// Scaled dot-product attention, `softmax(cap(scale · q kᵀ + bias)) v`, per head. ONNX's Attention (opset 24);
  /// Vaswani et al., arXiv 1706.03762; grouped queries: Ainslie et al., arXiv 2305.13245.
  ///
  /// Inputs: q, k, v, each `[batch, heads, sequence, size]` or `[batch, sequence, heads · size]`; then, where flagged,
  /// mask (bool or float, broadcast to `[batch, heads, q sequence, total sequence]`; a shorter last axis masks the
  /// rest), past key and value `[batch, kv heads, past, size]`, and key lengths (int64 `[batch]`).
  /// Outputs: y shaped as q; then, where flagged, present key and value `[batch, kv heads, total, size]`, and scores
  /// `[batch, heads, q sequence, total]`.
  public struct Attention: OperatorDefinition, Hashable {
    /// At which point scores are given out.
    public enum Scores: Int, Sendable, Hashable {
      /// Scaled products; with bias added; after capping; after softmax.
      case products, biased, capped, probabilities
    }

    /// Heads of the queries, and of the keys and values (which divide them).
    public var heads: Int, keyHeads: Int
    /// Factor of the products; nil: 1 / sqrt(size).
    public var scale: Float?
    /// Whether query i sees keys up to past + i alone.
    public var causal: Bool
    /// Scores become `cap · tanh(score / cap)`; 0: left alone.
    public var softcap: Float
    /// Which optional inputs follow q, k and v, in this order.
    public var hasMask: Bool, hasPast: Bool, hasKeyLengths: Bool
    /// Whether the joined keys and values are outputs.
    public var givesPresent: Bool
    /// Scores as the last output.
    public var scores: Scores?

    /// An attention over `heads` heads.
    public init(
      heads: Int, keyHeads: Int? = nil, scale: Float? = nil, causal: Bool = false, softcap: Float = 0,
      hasMask: Bool = false, hasPast: Bool = false, hasKeyLengths: Bool = false, givesPresent: Bool = false,
      scores: Scores? = nil
    ) {
      self.heads = heads
      self.keyHeads = keyHeads ?? heads
      self.scale = scale
      self.causal = causal
      self.softcap = softcap
      self.hasMask = hasMask
      self.hasPast = hasPast
      self.hasKeyLengths = hasKeyLengths
      self.givesPresent = givesPresent
      self.scores = scores
    }

    /// Its name in tables and errors.
    public var name: String { "attention" }

    /// What the inputs' shapes say.
    struct Extents {
      var batch: Int, queries: Int, keys: Int, past: Int, size: Int, valueSize: Int
      /// Past and new keys.
      var total: Int { past + keys }
    }

    func extents(_ inputs: [TensorType]) throws -> Extents {
      guard (1...(1 << 16)).contains(heads), keyHeads >= 1, heads % keyHeads == 0 else {
        throw ShapeError.parameter("heads", found: "\(heads) for \(keyHeads)", expected: "a multiple")
      }
      let rank = inputs[0].rank
      try expectRank(inputs, 0, 3...4)
      var parts: [(batch: Int, sequence: Int, size: Int)] = []
      for (i, count) in [heads, keyHeads, keyHeads].enumerated() {
        try expectRank(inputs, i, rank...rank)
        let s = inputs[i].shape
        guard rank == 3 ? s[2] % count == 0 : s[1] == count else {
          throw ShapeError.input(i, axis: rank == 3 ? 2 : 1, expected: "\(count) heads")
        }
        parts.append((s[0], s[rank - 2], rank == 3 ? s[2] / count : s[3]))
      }
      guard parts[1].batch == parts[0].batch, parts[1].size == parts[0].size else {
        throw ShapeError.mismatch(first: 0, second: 1, axis: rank - 1, expected: "equal batch and size")
      }
      guard parts[2].batch == parts[0].batch, parts[2].sequence == parts[1].sequence else {
        throw ShapeError.mismatch(first: 1, second: 2, axis: rank - 2, expected: "equal batch and sequence")
      }
      let past = hasPast ? inputs[hasMask ? 4 : 3].shape.dropFirst(2).first ?? 0 : 0
      return Extents(
        batch: parts[0].batch, queries: parts[0].sequence, keys: parts[1].sequence, past: past,
        size: parts[0].size, valueSize: parts[2].size)
    }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      try expectInputs(inputs, 3 + (hasMask ? 1 : 0) + (hasPast ? 2 : 0) + (hasKeyLengths ? 1 : 0))
      for i in 0..<3 { try expectElement(inputs, i, .float32) }
      let e = try extents(inputs)
      let all = [e.batch, heads, e.queries, e.total]
      var next = 3
      if hasMask {
        if inputs[3].element != .bool { try expectElement(inputs, 3, .float32) }
        try checkMask(inputs, all)
        next += 1
      }
      if hasPast {
        for (i, size) in [(next, e.size), (next + 1, e.valueSize)] {
          try expectElement(inputs, i, .float32)
          let shape = [e.batch, keyHeads, e.past, size]
          if inputs[i].shape != shape { throw ShapeError.input(i, axis: nil, expected: "\(shape)") }
        }
        next += 2
      }
      if hasKeyLengths {
        try expectElement(inputs, next, .int64)
        if inputs[next].shape != [e.batch] { throw ShapeError.input(next, axis: 0, expected: "[\(e.batch)]") }
      }
      let y =
        inputs[0].rank == 3
        ? [e.batch, e.queries, heads * e.valueSize] : [e.batch, heads, e.queries, e.valueSize]
      var outputs = [try TensorType(checking: y)]
      if givesPresent {
        outputs.append(try TensorType(checking: [e.batch, keyHeads, e.total, e.size]))
        outputs.append(try TensorType(checking: [e.batch, keyHeads, e.total, e.valueSize]))
      }
      if scores != nil { outputs.append(try TensorType(checking: all)) }
      return outputs
    }

    private func checkMask(_ inputs: [TensorType], _ all: [Int]) throws {
      let mask = inputs[3].shape
      guard mask.count <= 4, let width = mask.last, width <= all[3] else {
        throw ShapeError.input(3, axis: nil, expected: "a mask of \(all) or less")
      }
      for axis in 0..<(mask.count - 1) {
        let extent = all[axis + 4 - mask.count]
        guard mask[axis] == 1 || mask[axis] == extent else {
          throw ShapeError.input(3, axis: axis, expected: "1 or \(extent)")
        }
      }
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) throws -> Int {
      let e = try extents(inputs)
      return saturatingProduct([e.batch, heads, e.queries, e.total, 2 * e.size + 2 * e.valueSize + 5])
    }
  }
}
