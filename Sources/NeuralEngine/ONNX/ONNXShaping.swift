extension ONNXOperators {
  /// Operators that move elements, and reductions.
  static let shaping: [String: Builder] = {
    var table: [String: Builder] = [
      "Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
      "Transpose": transpose, "Concat": concat, "Split": split, "Slice": slice, "Expand": expand,
      "Tile": tile,
      "DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth, "Pad": pad,
      "Gather": gather, "GatherElements": gatherElements, "GatherND": gatherND,
      "ScatterElements": scatterElements, "Scatter": scatterElements, "ScatterND": scatterND, "TopK": topK,
      "CumSum": cumulativeSum, "ArgMax": argument(largest: true), "ArgMin": argument(largest: false),
    ]
    let reductions: [String: Operator.Reduction.Function] = [
      "ReduceSum": .sum, "ReduceMean": .mean, "ReduceMax": .maximum, "ReduceMin": .minimum,
      "ReduceProd": .product, "ReduceL1": .norm1, "ReduceL2": .norm2, "ReduceSumSquare": .sumOfSquares,
      "ReduceLogSum": .logSum, "ReduceLogSumExp": .logSumExp,
    ]
    for (name, function) in reductions { table[name] = reduction(function) }
    return table
  }()

  private static func reduction(_ function: Operator.Reduction.Function) -> Builder {
    { importer, node in
      let x = try importer.required(node, 0), rank = importer.shape(x).count
      var axes = try node.ints("axes") ?? importer.knownIntegers(node, 1) ?? []
      if axes.isEmpty {
        if try node.flag("noop_with_empty_axes") {
          return try importer.emit(.unary(.init(.identity)), [x], node)
        }
        axes = Array(0..<rank)
      }
      for axis in axes { _ = try Self.axis(axis, rank: rank, node) }
      let keeps = try node.int("keepdims", 1) != 0
      return try importer.emit(.reduction(.init(function, axes: axes, keepsAxes: keeps)), [x], node)
    }
  }

  private static func argument(largest: Bool) -> Builder {
    { importer, node in
      try importer.emit(
        .argumentOfExtreme(
          .init(
            axis: try node.int("axis", 0), largest: largest, keepsAxis: try node.int("keepdims", 1) != 0,
            takesLast: try node.flag("select_last_index"))), [try importer.required(node, 0)], node)
    }
  }

  private static let reshape: Builder = { importer, node in
    let x = try importer.required(node, 0), from = importer.shape(x)
    guard var target = try node.ints("shape") ?? importer.knownIntegers(node, 1) else {
      throw node.fault("no shape", expected: "an attribute or input shape")
    }
    if try !node.flag("allowzero") {
      for axis in target.indices where target[axis] == 0 { target[axis] = axis < from.count ? from[axis] : 0 }
    }
    if let open = target.firstIndex(of: -1) {
      target[open] = 1
      guard TensorType.isValid(target) else {
        throw node.fault("shape \(target)", expected: "extents of 0 or more")
      }
      let rest = target.reduce(1, *), count = importer.type(x).count
      target[open] = rest > 0 ? count / rest : 0
    }
    return try importer.emit(.reshape(.init(target)), [x], node)
  }

  private static let flatten: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    var axis = try node.int("axis", 1)
    guard axis >= -shape.count, axis <= shape.count else {
      throw node.fault("axis \(axis)", expected: "\(-shape.count) to \(shape.count)")
    }
    if axis < 0 { axis += shape.count }
    let target = [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)]
    return try importer.emit(.reshape(.init(target)), [x], node)
  }

  private static let squeeze: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    let given = try node.ints("axes") ?? importer.knownIntegers(node, 1)
    let axes = try given.map { try Set($0.map { try axis($0, rank: shape.count, node) }) }
    let drops = shape.indices.filter { axes?.contains($0) ?? (shape[$0] == 1) }
    for axis in drops where shape[axis] != 1 {
      throw node.fault("extent \(shape[axis]) at axis \(axis)", expected: "1")
    }
    let target = shape.indices.filter { !drops.contains($0) }.map { shape[$0] }
    return try importer.emit(.reshape(.init(target)), [x], node)
  }

  private static let unsqueeze: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    guard let given = try node.ints("axes") ?? importer.knownIntegers(node, 1) else {
      throw node.fault("no axes", expected: "an attribute or input axes")
    }
    let rank = shape.count + given.count
    let axes = Set(try given.map { try axis($0, rank: rank, node) })
    guard axes.count == given.count else { throw node.fault("axes \(given)", expected: "each once") }
    var rest = shape.makeIterator()
    let target = (0..<rank).map { axes.contains($0) ? 1 : rest.next() ?? 1 }
    return try importer.emit(.reshape(.init(target)), [x], node)
  }

  private static let transpose: Builder = { importer, node in
    let x = try importer.required(node, 0), rank = importer.shape(x).count
    let order = node.ints("perm") ?? Array((0..<rank).reversed())
    return try importer.emit(.transpose(.init(order)), [x], node)
  }

  private static let concat: Builder = { importer, node in
    let axis = try node.int("axis", 1)
    return try importer.emit(.concatenation(.init(axis: axis)), try importer.allInputs(node), node)
  }

  private static let split: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    let axis = try axis(try node.int("axis", 0), rank: shape.count, node)
    var parts = try node.ints("split") ?? importer.knownIntegers(node, 1) ?? []
    if parts.isEmpty {
      let count = try node.int("num_outputs", node.outputs.count)
      guard count >= 1, count <= 1 << 16 else { throw node.fault("\(count) outputs", expected: "1 or more") }
      // Even parts; the last is smaller where they do not go up.
      let size = (shape[axis] + count - 1) / count
      parts = (0..<count).map { max(0, min(size, shape[axis] - $0 * size)) }
    }
    guard parts.allSatisfy({ 0...shape[axis] ~= $0 }), parts.reduce(0, +) == shape[axis] else {
      throw node.fault("parts \(parts)", expected: "a sum of \(shape[axis])")
    }
    var start = 0
    return try parts.map { part in
      var starts = shape.map { _ in 0 }, counts = shape
      (starts[axis], counts[axis]) = (start, part)
      start += part
      if part == 0 { starts[axis] = 0 }
      return try importer.step(.slice(.init(starts: starts, counts: counts)), [x], node)
    }
  }

  private static let slice: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    let isOld = importer.operatorSet < 10
    guard let starts = try isOld ? node.ints("starts") : importer.knownIntegers(node, 1),
      let ends = try isOld ? node.ints("ends") : importer.knownIntegers(node, 2), starts.count == ends.count
    else { throw node.fault("starts and ends that do not match", expected: "as many of each") }
    let axes = try (isOld ? node.ints("axes") : importer.knownIntegers(node, 3)) ?? Array(starts.indices)
    let steps = try (isOld ? nil : importer.knownIntegers(node, 4)) ?? starts.map { _ in 1 }
    guard axes.count == starts.count, steps.count == starts.count else {
      throw node.fault("\(axes.count) axes, \(steps.count) steps", expected: "\(starts.count)")
    }
    var from = shape.map { _ in 0 }, counts = shape, by = ones(shape.count)
    for i in starts.indices {
      let axis = try axis(axes[i], rank: shape.count, node), extent = shape[axis], step = steps[i]
      guard step != 0, step > Int.min else { throw node.fault("a step of \(step)", expected: "another") }
      func bounded(_ index: Int, _ low: Int, _ high: Int) -> Int {
        min(max(index < 0 ? max(index, -extent - 1) + extent : index, low), high)
      }
      if step > 0 {
        let (a, b) = (bounded(starts[i], 0, extent), bounded(ends[i], 0, extent))
        counts[axis] = b > a ? (b - a - 1) / step + 1 : 0
        from[axis] = a
      } else {
        let (a, b) = (bounded(starts[i], 0, extent - 1), bounded(ends[i], -1, extent - 1))
        counts[axis] = extent > 0 && a > b ? (a - b - 1) / -step + 1 : 0
        from[axis] = a
      }
      by[axis] = counts[axis] > 1 ? step : 1
      if counts[axis] == 0 { from[axis] = 0 }
    }
    return try importer.emit(.slice(.init(starts: from, counts: counts, steps: by)), [x], node)
  }

  private static let expand: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    let wanted = try importer.knownIntegers(node, 1) ?? []
    let rank = max(shape.count, wanted.count)
    let target = (0..<rank).map { axis in
      let i = axis - (rank - shape.count), j = axis - (rank - wanted.count)
      let own = i < 0 ? 1 : shape[i], other = j < 0 ? 1 : wanted[j]
      return other == 1 ? own : other
    }
    return try importer.emit(.expand(.init(target)), [x], node)
  }

  private static let tile: Builder = { importer, node in
    let x = try importer.required(node, 0), rank = importer.shape(x).count
    if importer.operatorSet < 6 {
      let times = try importer.knownInput(node, 1), along = try importer.knownInput(node, 2)
      guard times.type.count == 1, along.type.count == 1 else {
        throw node.fault("\(times.type) tiles, \(along.type) axes", expected: "one number each")
      }
      func number(_ v: TensorValue) -> Int {
        Int(v.integers?[0] ?? Operator.Cast.truncated(v.floats?[0] ?? 0))
      }
      var repeats = ones(rank)
      repeats[try axis(number(along), rank: rank, node)] = number(times)
      return try importer.emit(.tile(.init(repeats)), [x], node)
    }
    return try importer.emit(.tile(.init(try importer.knownIntegers(node, 1) ?? [])), [x], node)
  }

  /// `[n, c, h, w]` to `[n, c / b², h b, w b]`: depth and blocks apart, blocks beside rows and columns, joined.
  private static let depthToSpace: Builder = { importer, node in
    let x = try importer.required(node, 0), s = importer.shape(x), b = try node.int("blocksize", 0)
    guard s.count == 4, (1...4096).contains(b), s[1] % (b * b) == 0 else {
      throw node.fault("shape \(s) with blocks of \(b)", expected: "4 axes, channels a multiple of the block")
    }
    let c = s[1] / (b * b), columnsFirst = try node.string("mode", "DCR") == "CRD"
    let split = columnsFirst ? [s[0], c, b, b, s[2], s[3]] : [s[0], b, b, c, s[2], s[3]]
    let apart = try importer.step(.reshape(.init(split)), [x], node)
    let order = columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
    let moved = try importer.step(.transpose(.init(order)), [apart], node)
    return try importer.emit(.reshape(.init([s[0], c, s[2] * b, s[3] * b])), [moved], node)
  }

  /// `[n, c, h, w]` to `[n, c b², h / b, w / b]`.
  private static let spaceToDepth: Builder = { importer, node in
    let x = try importer.required(node, 0), s = importer.shape(x), b = try node.int("blocksize", 0)
    guard s.count == 4, (1...4096).contains(b), s[2] % b == 0, s[3] % b == 0 else {
      throw node.fault("shape \(s) with blocks of \(b)", expected: "4 axes, rows and columns in blocks")
    }
    let apart = try importer.step(.reshape(.init([s[0], s[1], s[2] / b, b, s[3] / b, b])), [x], node)
    let moved = try importer.step(.transpose(.init([0, 3, 5, 1, 2, 4])), [apart], node)
    return try importer.emit(.reshape(.init([s[0], s[1] * b * b, s[2] / b, s[3] / b])), [moved], node)
  }

  private static let pad: Builder = { importer, node in
    let x = try importer.required(node, 0), rank = importer.shape(x).count
    let given = try node.ints("pads") ?? node.ints("paddings") ?? importer.knownIntegers(node, 1) ?? []
    let axes = try (importer.knownIntegers(node, 3) ?? Array(0..<rank)).map { try axis($0, rank: rank, node) }
    guard given.count == 2 * axes.count else {
      throw node.fault("\(given.count) pads", expected: "\(2 * axes.count)")
    }
    var padding = Padding.valid(rank)
    for (i, axis) in axes.enumerated() {
      padding.before[axis] = given[i]
      padding.after[axis] = given[axes.count + i]
    }
    let mode: Operator.Pad.Mode
    switch try node.string("mode", "constant") {
    case "constant":
      var value = try node.float("value", 0)
      if try importer.input(node, 2) != nil {
        let known = try importer.knownInput(node, 2)
        guard known.type.count == 1 else { throw node.fault("\(known.type)", expected: "one number") }
        value =
          known.floats?[0] ?? known.integers.map { Float($0[0]) } ?? (known.booleans?[0] == true ? 1 : 0)
      }
      mode = .constant(value)
    case "reflect": mode = .reflect
    case "edge": mode = .replicate
    case "wrap": mode = .circular
    case let other: throw node.fault("mode \(other)", expected: "constant, reflect, edge or wrap")
    }
    return try importer.emit(.pad(.init(padding, mode: mode)), [x], node)
  }

  private static let gather: Builder = { importer, node in
    try importer.emit(
      .gather(.init(axis: try node.int("axis", 0))), [0, 1].map { try importer.required(node, $0) }, node)
  }

  private static let gatherElements: Builder = { importer, node in
    try importer.emit(
      .gatherElements(.init(axis: try node.int("axis", 0))), [0, 1].map { try importer.required(node, $0) },
      node)
  }

  private static let gatherND: Builder = { importer, node in
    try importer.emit(
      .gatherND(.init(batchAxes: try node.int("batch_dims", 0))),
      [0, 1].map { try importer.required(node, $0) },
      node)
  }

  private static func scatterReduction(_ node: ONNXNode) throws -> Operator.ScatterReduction {
    let name = try node.string("reduction", "none")
    guard let reduction = Operator.ScatterReduction(rawValue: name) else {
      throw node.fault("reduction \(name)", expected: "none, add, mul, max or min")
    }
    return reduction
  }

  private static let scatterElements: Builder = { importer, node in
    try importer.emit(
      .scatterElements(.init(axis: try node.int("axis", 0), reduction: try scatterReduction(node))),
      try (0..<3).map { try importer.required(node, $0) }, node)
  }

  private static let scatterND: Builder = { importer, node in
    try importer.emit(
      .scatterND(.init(reduction: try scatterReduction(node))),
      try (0..<3).map { try importer.required(node, $0) }, node)
  }

  private static let topK: Builder = { importer, node in
    let known = try importer.operatorSet < 10 ? [node.int("k", 1)] : importer.knownIntegers(node, 1) ?? []
    guard known.count == 1 else { throw node.fault("\(known.count) counts", expected: "1") }
    return try importer.emit(
      .topK(
        .init(axis: try node.int("axis", -1), count: known[0], largest: try node.int("largest", 1) != 0)),
      [try importer.required(node, 0)], node)
  }

  private static let cumulativeSum: Builder = { importer, node in
    let axis = try importer.knownIntegers(node, 1) ?? []
    guard axis.count == 1 else { throw node.fault("\(axis.count) axes", expected: "1") }
    return try importer.emit(
      .cumulativeSum(
        .init(axis: axis[0], exclusive: try node.flag("exclusive"), reverse: try node.flag("reverse"))),
      [try importer.required(node, 0)], node)
  }
}
