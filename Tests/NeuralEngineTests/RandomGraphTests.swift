import NeuralEngine
import Testing

/// Small graphs drawn from a seed: views, shared operands and fused chains in all combinations.
private struct RandomGraph {
  var graph: Graph
  /// What was drawn, a line per operator.
  var log: [String] = []
  private var state: UInt64
  private var pool: [TensorID] = []

  init(seed: UInt64, operators: Int) throws {
    state = seed &* 0xD134_2543_DE82_EF95 &+ 1
    graph = Graph(seed: seed)
    let shapes = [
      [1, 16, 4, 4], [2, 16, 4, 4], [1, 32, 4, 6], [3, 5, 16], [3, 1, 96], [1, 16, 32], [4, 32],
    ]
    for i in 0..<1 + draw(3) { pool.append(graph.addInput("input \(i)", shapes[draw(shapes.count)])) }
    // Inputs are never written over: start from what may be.
    pool += try pool.map { try graph.linear($0, alpha: 1.5, beta: 0.25) }
    var attempts = 0
    while log.count < operators, attempts < 20 * operators {
      attempts += 1
      guard let (name, new) = try grow(), count(new) <= 8192 else { continue }
      log.append("\(name) -> \(graph[new].name) \(graph.shape(new))")
      pool.append(new)
    }
    try markOutputs()
  }

  /// Every tensor that nothing reads, and a few others.
  private mutating func markOutputs() throws {
    let read = Set(graph.nodes.flatMap(\.inputs))
    for (i, id) in pool.enumerated() where graph.nodes.contains(where: { $0.outputs.contains(id) }) {
      if !read.contains(id) || draw(12) == 0 { try graph.markOutput(id, name: "output \(i)") }
    }
  }

  private mutating func draw(_ count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }

  private func count(_ id: TensorID) -> Int { graph.shape(id).reduce(1, *) }

  /// One of the tensors so far, more often a late one.
  private mutating func pick() -> TensorID {
    draw(2) == 0 ? pool[draw(pool.count)] : pool[pool.count - 1 - draw(min(4, pool.count))]
  }

  /// A new tensor and what it is; nil where the draw does not fit.
  private mutating func grow() throws -> (String, TensorID)? {
    let x = pick(), s = graph.shape(x), name = "n\(log.count)"
    switch draw(16) {
    case 0: return try ("slice of \(graph[x].name)", slice(x, axis: draw(s.count)))
    case 1: return try concatenation(x)
    case 2, 3, 4: return try binary(x)
    case 5: return try unary(x)
    case 6: return try reshape(x)
    case 7: return try transposed(x)
    case 8:
      let outputs = [16, s[s.count - 1]][draw(2)]
      return try (
        "linear \(graph[x].name)", graph.linear(x, outputs: outputs, bias: draw(2) == 0, name: name)
      )
    case 9, 10: return try convolution(x, name)
    case 11: return try normalization(x, name)
    case 12: return try ("softmax \(graph[x].name)", graph.softmax(x, axis: draw(s.count)))
    case 13: return try resize(x)
    case 14: return try matrixProduct(x)
    default: return try chain(x)
    }
  }

  private mutating func slice(_ x: TensorID, axis: Int, count: Int? = nil) throws -> TensorID {
    var counts = graph.shape(x), starts = [Int](repeating: 0, count: counts.count)
    let extent = counts[axis]
    counts[axis] = count ?? 1 + draw(extent)
    starts[axis] = draw(extent - counts[axis] + 1)
    return try graph.apply(.slice(.init(starts: starts, counts: counts)), x)
  }

  private mutating func concatenation(_ x: TensorID) throws -> (String, TensorID)? {
    let s = graph.shape(x), axis = draw(s.count)
    let fitting = pool.filter { other in
      let o = graph.shape(other)
      return o.count == s.count && o.indices.allSatisfy { $0 == axis || o[$0] == s[$0] }
    }
    var parts = [x]
    for _ in 0..<1 + draw(2) { parts.append(fitting[draw(fitting.count)]) }
    if draw(3) == 0 { parts.append(try slice(x, axis: axis)) }
    return try (
      "concatenation \(parts.map { graph[$0].name }), \(axis)", graph.concatenate(parts, axis: axis)
    )
  }

  /// A tensor that goes with x in an element-wise operator: of its shape, a broadcast part of one, or weights.
  private mutating func operand(for x: TensorID) throws -> TensorID {
    let s = graph.shape(x)
    let same = pool.filter { graph.shape($0) == s } + [x]
    switch draw(8) {
    case 0:
      let axis = draw(s.count)
      var extents = s.map { _ in 1 }
      extents[axis] = s[axis]
      return graph.addWeight("operand", extents, .uniform(1))
    case 1: return graph.addWeight("operand", [s[s.count - 1]], .uniform(1))
    case 2: return graph.addConstant("scalar", TensorValue([], [0.75]))
    case 3, 4: return try slice(same[draw(same.count)], axis: draw(s.count), count: 1)
    case 5:
      // An axis less, or a view of the same shape by another way.
      if s[0] == 1, s.count > 1 { return try graph.reshape(x, Array(s.dropFirst())) }
      return try graph.reshape(try graph.reshape(same[draw(same.count)], [s.reduce(1, *)]), s)
    case 6:
      let squares = s.indices.filter { $0 > 0 && s[$0] == s[$0 - 1] }
      guard let axis = squares.last else { return same[draw(same.count)] }
      var order = Array(s.indices)
      order.swapAt(axis, axis - 1)
      return try graph.transpose(same[draw(same.count)], order)
    default: return same[draw(same.count)]
    }
  }

  private mutating func binary(_ x: TensorID) throws -> (String, TensorID) {
    let functions: [Operator.Binary.Function] = [.add, .add, .add, .multiply, .subtract, .maximum]
    let f = functions[draw(functions.count)], y = try operand(for: x)
    let (a, b) = draw(3) == 0 ? (y, x) : (x, y)
    return try ("\(f) \(graph[a].name) \(graph[b].name) \(graph.shape(b))", graph.binary(f, a, b))
  }

  /// Several element-wise operators that each read the one before alone.
  private mutating func chain(_ x: TensorID) throws -> (String, TensorID)? {
    var (name, y) = try binary(x)
    for _ in 0..<1 + draw(3) {
      let next = draw(4) == 0 ? try unary(y) : try binary(y)
      name += ", " + next.0
      y = next.1
    }
    return (name, y)
  }

  private mutating func unary(_ x: TensorID) throws -> (String, TensorID) {
    let functions: [Operator.Unary.Function] = [
      .relu, .sigmoid, .tanh, .swish(1), .abs, .hardSwish, .negate, .linear(alpha: 0.5, beta: 0.25), .cosine,
      .hardSigmoid(alpha: 0.2, beta: 0.5),
    ]
    let f = functions[draw(functions.count)]
    return try ("\(f) \(graph[x].name)", graph.unary(f, x))
  }

  private mutating func reshape(_ x: TensorID) throws -> (String, TensorID)? {
    var s = graph.shape(x)
    let axis = draw(s.count)
    if s.count > 2, draw(2) == 0, axis + 1 < s.count {
      s[axis] *= s.remove(at: axis + 1)
    } else {
      let factors = [1, 2, 3, 4, 16].filter { s[axis] % $0 == 0 }
      guard s.count < 4 else { return nil }
      let factor = factors[draw(factors.count)]
      s[axis] /= factor
      s.insert(factor, at: draw(2) == 0 ? axis : axis + 1)
    }
    return try ("reshape \(graph[x].name)", graph.reshape(x, s))
  }

  private mutating func transposed(_ x: TensorID) throws -> (String, TensorID) {
    var order = Array(graph.shape(x).indices)
    for i in order.indices.dropFirst() { order.swapAt(i, draw(i + 1)) }
    return try ("transpose \(graph[x].name) \(order)", graph.transpose(x, order))
  }

  private mutating func convolution(_ x: TensorID, _ name: String) throws -> (String, TensorID)? {
    let s = graph.shape(x)
    guard s.count == 4, s[1] > 1, s[2] * s[3] > 1 else { return nil }
    let kernel = [1, 3][draw(2)], outputs = [s[1], s[1], 16, 32][draw(4)]
    var y = try graph.convolution(
      x, outputs: outputs, kernel: kernel, groups: outputs == s[1] && draw(5) == 0 ? s[1] : 1,
      bias: draw(2) == 0, name: name)
    if draw(3) == 0 { y = try graph.batchNormalization(y, name: "\(name).norm") }
    guard draw(2) == 0 else { return ("convolution \(kernel) \(graph[x].name)", y) }
    let (chained, last) = try binary(y)
    return ("convolution \(kernel) \(graph[x].name), \(chained)", last)
  }

  private mutating func normalization(_ x: TensorID, _ name: String) throws -> (String, TensorID)? {
    let s = graph.shape(x)
    switch draw(3) {
    case 0 where s.count > 1 && s[s.count - 1] > 3:
      let y = try graph.layerNormalization(x, epsilon: 0.01, affine: draw(2) == 0, name: name)
      return ("layer norm \(graph[x].name)", y)
    case 1 where s.count > 1:
      return try ("batch norm \(graph[x].name)", graph.batchNormalization(x, name: name))
    case 2:
      let y = try graph.reduce([.mean, .maximum, .sum][draw(3)], x, axes: [draw(s.count)])
      return ("reduction \(graph[x].name)", y)
    default: return nil
    }
  }

  private mutating func resize(_ x: TensorID) throws -> (String, TensorID)? {
    let s = graph.shape(x)
    guard s.count == 4 else { return nil }
    if s[2] > 1, s[3] > 1, draw(2) == 0 {
      let y = try graph.apply(.pooling(.init(.maximum, kernel: [2, 2], strides: [1, 1])), x)
      return ("pooling \(graph[x].name)", y)
    }
    return try ("upsample \(graph[x].name)", graph.upsample(x, factor: 2))
  }

  private mutating func matrixProduct(_ x: TensorID) throws -> (String, TensorID)? {
    let s = graph.shape(x)
    guard s.count > 1 else { return nil }
    if s.count == 3, s[2] % 2 == 0, draw(2) == 0 {
      let heads = Operator.attention(.init(heads: 2))
      return try ("attention \(graph[x].name)", graph.apply(heads, x, x, try operand(like: x)))
    }
    let y = try operand(like: x)
    let product = try graph.multiply(x, y, transposesSecond: true, alpha: 1 / Float(s[s.count - 1]))
    return ("product \(graph[x].name) \(graph[y].name)", product)
  }

  private mutating func operand(like x: TensorID) throws -> TensorID {
    let same = pool.filter { graph.shape($0) == graph.shape(x) }
    return same[draw(same.count)]
  }

  /// Values for the inputs.
  func inputs(seed: UInt64) -> [String: TensorValue] {
    var random = TestRandom(seed)
    var values: [String: TensorValue] = [:]
    for id in graph.inputs { values[graph[id].name] = random.tensor(graph.shape(id)) }
    return values
  }
}

/// Largest difference as a part of the largest expected magnitude, which counts as 0.01 at least: what is left of equal
/// numbers' difference is rounding.
private func scaledDifference(_ found: TensorValue, _ expected: TensorValue) -> Float {
  guard found.type == expected.type, let a = found.floats, let b = expected.floats else { return .infinity }
  let differences = zip(a, b).map { abs($0 - $1) }
  if differences.contains(where: \.isNaN) { return .infinity }
  return (differences.max() ?? 0) / max(b.map(abs).max() ?? 0, 0.01)
}

/// Plans of random graphs against the interpreter, every output, at two runs with different inputs and the first again.
@Test(arguments: [1, 2]) func plansOfRandomGraphsEqualInterpreter(threads: Int) throws {
  var faults: [String] = []
  for seed in UInt64(1)...300 {
    let random = try RandomGraph(seed: seed, operators: 4 + Int(seed % 16))
    let plan = try Plan(random.graph, .init(threads: threads))
    for inputSeed in [seed, seed + 1000, seed] {
      let inputs = random.inputs(seed: inputSeed)
      let expected = try Interpreter.run(random.graph, inputs)
      let found = try plan.run(inputs)
      for (id, value) in zip(random.graph.outputs, expected) {
        let name = random.graph[id].name
        // Rounding of up to 20 operators, some of which divide by a deviation; a misplaced element is off by far more.
        let difference = scaledDifference(try #require(found[name]), value)
        if difference > 1e-3 { faults.append("seed \(seed), inputs \(inputSeed), \(name): \(difference)") }
      }
    }
    if faults.last?.hasPrefix("seed \(seed),") ?? false {
      faults += random.log.map { "  " + $0 }
      faults += plan.steps.map { "  \($0.implementation): \($0.name)" }
    }
  }
  #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
}

extension Plan {
  /// Copies a value into an input's memory.
  func set(_ input: Int, _ value: TensorValue) {
    value.withBytes {
      UnsafeMutableRawBufferPointer(start: inputView(input).base, count: $0.count).copyMemory(from: $0)
    }
  }
}

/// Plans that keep what depends on the first input alone, run again with other values for the rest, against the
/// interpreter: nothing that was kept may have been written over.
@Test func plansOfRandomGraphsKeepWhatIsSteady() throws {
  var checked = 0
  for seed in UInt64(1)...300 {
    let random = try RandomGraph(seed: seed, operators: 4 + Int(seed % 16))
    guard random.graph.inputs.count > 1 else { continue }
    let plan = try Plan(random.graph, .init(steadyInputs: ["input 0"]))
    var inputs = random.inputs(seed: seed)
    _ = try plan.run(inputs)
    for round in UInt64(1)...2 {
      for (name, value) in random.inputs(seed: seed + 1000 * round) where name != "input 0" {
        inputs[name] = value
      }
      for (k, input) in plan.inputs.enumerated() {
        plan.set(k, try #require(inputs[input.name]))
      }
      try plan.executeAgain()
      for (k, expected) in try Interpreter.run(random.graph, inputs).enumerated() {
        let view = plan.outputView(k)
        let found = TensorValue(
          view.type.shape, Array(UnsafeBufferPointer(start: view.floats, count: view.count)))
        let difference = scaledDifference(found, expected)
        #expect(difference < 1e-3, "seed \(seed), round \(round), output \(k)")
        checked += 1
      }
    }
  }
  #expect(checked > 300)
}

/// Random graphs backwards: the gradients of all inputs and weights, plan against interpreter, every element.
///
/// Disabled: of 300 graphs, seeds 70 and 78 differed by 0.46 and 0.09 of the largest gradient when the check for corners was
/// not there; whether those two stand on a corner or a plan is wrong has not been found out.
@Test(.disabled("seeds 70 and 78 differ, and it is not known yet why"))
func gradientsOfRandomGraphsInPlansEqualInterpreter() throws {
  var faults: [String] = [], compared = 0, corners = 0
  for seed in UInt64(1)...300 {
    let random = try RandomGraph(seed: seed, operators: 4 + Int(seed % 16))
    var graph = random.graph, draw = TestRandom(seed + 5000)
    let seeds = graph.outputs.map { graph.addConstant("seed", draw.tensor(graph.shape($0))) }
    let gradients = try graph.addGradients(
      of: graph.outputs, seeds: seeds, for: graph.inputs + graph.weights)
    graph.replaceOutputs(by: gradients.compactMap(\.self))
    let plan = try Plan(graph, .init(threads: 1 + Int(seed % 2)))
    let inputs = random.inputs(seed: seed)
    let found = try plan.run(inputs)
    let expected = try Interpreter.run(graph, inputs)
    var own: [String] = []
    for (id, value) in zip(graph.outputs, expected) {
      let name = graph[id].name
      let difference = scaledDifference(try #require(found[name]), value)
      compared += 1
      // As above; gradients pass through twice as many operators.
      if difference > 2e-3 { own.append("seed \(seed), \(name): \(difference)") }
    }
    if own.isEmpty { continue }
    if try standsOnACorner(graph, inputs, expected) {
      corners += 1
    } else {
      faults += own + random.log.map { "  " + $0 }
    }
  }
  #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
  #expect(compared > 600)
  #expect(corners <= 5)
}

/// Whether a derivative jumps within rounding of the inputs (a maximum of nearly equal numbers): the interpreter's own
/// gradients do, for inputs that are moved by 1e-6.
private func standsOnACorner(
  _ graph: Graph, _ inputs: [String: TensorValue], _ expected: [TensorValue]
) throws -> Bool {
  for factor: Float in [1 + 1e-6, 1 - 1e-6] {
    let moved = inputs.mapValues { TensorValue($0.shape, ($0.floats ?? []).map { $0 * factor }) }
    let found = try Interpreter.run(graph, moved)
    if zip(found, expected).contains(where: { scaledDifference($0, $1) > 2e-3 }) { return true }
  }
  return false
}
