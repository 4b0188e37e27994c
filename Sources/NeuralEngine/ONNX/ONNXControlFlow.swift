extension ONNXOperators {
  /// Operators with graphs of their own, which are written out into the network's graph.
  static let controlFlow: [String: Builder] = ["If": branch, "Loop": loop, "Scan": scan]

  /// Most nodes that loops are written out to.
  private static let nodeLimit = 200_000

  /// The branch that a known condition chooses; else both, and a choice element by element.
  private static let branch: Builder = { importer, node in
    let condition = try importer.required(node, 0)
    if let known = try importer.known(condition) {
      guard let truth = known.booleans, truth.count == 1 else {
        throw node.fault("a condition of \(known.type)", expected: "one boolean")
      }
      return try importer.addBody(try node.body(truth[0] ? "then_branch" : "else_branch"), of: node, [])
    }
    let yes = try importer.addBody(try node.body("then_branch"), of: node, [])
    let no = try importer.addBody(try node.body("else_branch"), of: node, [])
    guard yes.count == no.count, zip(yes, no).allSatisfy({ importer.type($0) == importer.type($1) }) else {
      throw Deferred.Reason.needs(node.inputs[0])
    }
    return try zip(yes, no).map { try choice(condition, $0, $1, &importer, node) }
  }

  /// `condition ? yes : no`, for a condition of one element.
  private static func choice(
    _ condition: ONNXImporter.Value, _ yes: ONNXImporter.Value, _ no: ONNXImporter.Value,
    _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> ONNXImporter.Value {
    let scalar = try importer.step(.reshape(.init([])), [condition], node)
    return try importer.step(.select(.init()), [scalar, yes, no], node)
  }

  /// The values of a body's runs, stacked along an axis.
  private static func stacked(
    _ values: [ONNXImporter.Value], axis: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> ONNXImporter.Value {
    guard let first = values.first else {
      throw node.fault("no iteration for an output of all", expected: "1 at least")
    }
    var shape = importer.shape(first)
    let axis = try Self.axis(axis, rank: shape.count + 1, node)
    shape.insert(1, at: axis)
    let rows = try values.map { try importer.step(.reshape(.init(shape)), [$0], node) }
    return rows.count == 1 ? rows[0] : try importer.step(.concatenation(.init(axis: axis)), rows, node)
  }

  /// The iterations one after the other: as many as the first input says, or until a known condition ends them. Where
  /// the condition is computed, later iterations leave the state as it is.
  private static let loop: Builder = { importer, node in
    let body = try node.body("body")
    let counts = try importer.knownIntegers(node, 0)
    let limit = nodeLimit / max(1, body.node.count)
    let count = counts.map { max(0, $0.first ?? 0) } ?? limit + 1
    var isActive: ONNXImporter.Value = try importer.input(node, 1) ?? truth(true)
    var state = try (2..<max(2, node.inputs.count)).map { try importer.required(node, $0) }
    var rows: [[ONNXImporter.Value]] = [], iteration = 0
    let stateCount = state.count
    while iteration < count {
      let isKnown = try importer.known(isActive)?.booleans?.first
      if isKnown == false { break }
      guard iteration < limit else {
        throw node.fault("\(iteration) iterations and more", expected: "\(limit) at most")
      }
      let number = ONNXImporter.Value.constant(TensorValue([], integers: [Int64(iteration)]), name: nil)
      let results = try importer.addBody(body, of: node, [number, isActive] + state)
      guard results.count > stateCount else {
        throw node.fault("\(results.count) outputs of its graph", expected: "\(stateCount + 1) at least")
      }
      let made = results[1...stateCount]
      if isKnown == true {
        state = Array(made)
        isActive = results[0]
      } else {
        guard counts != nil, results.count == stateCount + 1,
          zip(state, made).allSatisfy({ importer.type($0) == importer.type($1) })
        else { throw Deferred.Reason.needs(node.inputs[1]) }
        state = try zip(state, made).map { try choice(isActive, $1, $0, &importer, node) }
        isActive = try importer.step(.binary(.init(.and)), [isActive, results[0]], node)
      }
      rows.append(Array(results[(stateCount + 1)...]))
      iteration += 1
    }
    let width = max(0, node.outputs.count - stateCount)
    return try state
      + (0..<width).map { k in
        try stacked(try rows.map { try element($0, k, node) }, axis: 0, &importer, node)
      }
  }

  private static func truth(_ value: Bool) -> ONNXImporter.Value {
    .constant(TensorValue([], booleans: [value]), name: nil)
  }

  private static func element(
    _ values: [ONNXImporter.Value], _ index: Int, _ node: ONNXNode
  ) throws -> ONNXImporter.Value {
    guard index < values.count else {
      throw node.fault("output \(index) that its graph does not make", expected: "\(values.count) outputs")
    }
    return values[index]
  }

  /// A run of the body for each slice of the scanned inputs.
  private static let scan: Builder = { importer, node in
    guard importer.operatorSet >= 9 else {
      throw node.fault("Scan of opset \(importer.operatorSet)", expected: "opset 9 or later")
    }
    let body = try node.body("body"), scanned = try node.int("num_scan_inputs", 0)
    let inputs = try importer.allInputs(node)
    guard (1...inputs.count).contains(scanned) else {
      throw node.fault("\(scanned) scanned inputs", expected: "1 to \(inputs.count)")
    }
    let stateCount = inputs.count - scanned
    var state = Array(inputs[..<stateCount])
    let sources = Array(inputs[stateCount...])
    let axes = try sources.enumerated().map { i, source in
      let axis = node.ints("scan_input_axes").map { i < $0.count ? $0[i] : 0 } ?? 0
      return try Self.axis(axis, rank: importer.shape(source).count, node)
    }
    let count = importer.shape(sources[0])[axes[0]]
    guard zip(sources, axes).allSatisfy({ importer.shape($0)[$1] == count }),
      count * body.node.count <= nodeLimit
    else {
      throw node.fault("\(count) slices", expected: "as many of each input, and few")
    }
    func isBackward(_ name: String, _ i: Int) -> Bool {
      node.ints(name).map { i < $0.count && $0[i] == 1 } ?? false
    }
    var rows: [[ONNXImporter.Value]] = []
    for step in 0..<count {
      let slices = try sources.indices.map { i in
        let at = isBackward("scan_input_directions", i) ? count - 1 - step : step
        return try slice(sources[i], axis: axes[i], at: at, &importer, node)
      }
      let results = try importer.addBody(body, of: node, state + slices)
      guard results.count >= stateCount else {
        throw node.fault("\(results.count) outputs of its graph", expected: "\(stateCount) at least")
      }
      state = Array(results[..<stateCount])
      rows.append(Array(results[stateCount...]))
    }
    let width = max(0, node.outputs.count - stateCount)
    return try state
      + (0..<width).map { k in
        let axis = node.ints("scan_output_axes").map { k < $0.count ? $0[k] : 0 } ?? 0
        let column = try rows.map { try element($0, k, node) }
        let ordered = isBackward("scan_output_directions", k) ? column.reversed() : column
        return try stacked(ordered, axis: axis, &importer, node)
      }
  }

  /// One slice along an axis, without that axis.
  private static func slice(
    _ value: ONNXImporter.Value, axis: Int, at index: Int, _ importer: inout ONNXImporter, _ node: ONNXNode
  ) throws -> ONNXImporter.Value {
    var starts = importer.shape(value).map { _ in 0 }, counts = importer.shape(value)
    (starts[axis], counts[axis]) = (index, 1)
    let part = try importer.step(.slice(.init(starts: starts, counts: counts)), [value], node)
    counts.remove(at: axis)
    return try importer.step(.reshape(.init(counts)), [part], node)
  }
}
