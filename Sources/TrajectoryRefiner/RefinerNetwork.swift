import NeuralEngine
import Scenes

/// The refiner's graphs: conditions to tokens and proposals, and one denoising step on them.
///
/// Weights live in the scope `trajectory`: `encoder`, `proposal` and `denoiser`, besides the anchors and their units.
/// Trajectories are `[agent, mode, 24]`, x and y of each step in turn, in the units of `TrajectoryAnchors.scale`. No mode
/// has a place of its own, so permuting the anchors permutes the outputs.
/// - Source: Peebles & Xie (DiT), arXiv 2212.09748; Liao et al. (DiffusionDrive), arXiv 2411.15139; polylines by points
///   and maximum: Gao et al. (VectorNet), arXiv 2005.04259.
public struct RefinerNetwork: Sendable {
  /// The scope of all weights.
  public static let scope = "trajectory"
  /// The weight that holds the anchors, `[kind, mode, 24]` in metres: learned by clustering, not by descent.
  public static let anchorsName = "trajectory.anchors"
  /// The weight that holds their units, `[kind, 24]` in metres.
  public static let scaleName = "trajectory.scale"
  /// Elements of a trajectory.
  public static let elements = 2 * Trajectories.stepCount

  /// The measures.
  public let configuration: RefinerConfiguration
  /// Agents in one run.
  public let batch: Int
  /// Whether it has inputs for polylines; without, it says what it says where every polyline is masked.
  public let seesPolylines: Bool

  /// The networks of a configuration.
  /// - Parameter batch: agents in one run; nil: the configuration's chunk.
  public init(_ configuration: RefinerConfiguration, batch: Int? = nil, seesPolylines: Bool = true) {
    self.configuration = configuration
    self.batch = batch ?? configuration.agentsPerChunk
    self.seesPolylines = seesPolylines
  }

  /// Condition tokens of an agent.
  private var tokens: Int { configuration.tokens - (seesPolylines ? 0 : configuration.polylines) }

  /// What the encoder gives to every denoising step.
  public struct Encoding: Sendable {
    /// `[agent, token, channel]`: the conditions; the agent's own token is the first.
    public var tokens: TensorID
    /// bool `[agent, token]`: true where a token may be seen.
    public var mask: TensorID
    /// `[agent, mode, channel]`: what is known of each mode before it is noised.
    public var modes: TensorID
    /// `[agent, mode, 24]`: anchors with offsets.
    public var proposals: TensorID
    /// `[agent, mode]`.
    public var logits: TensorID
  }

  /// The encoder's graph: inputs as `ConditionLayout.inputs` lists them, outputs `tokens`, `tokens.mask`, `modes`,
  /// `proposals` and `proposal_logits`.
  public func encoderGraph(anchors: TrajectoryAnchors, seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: "refiner encoder", seed: seed)
    let e = try encode(&graph, addInputs(&graph), anchors: anchors)
    for (name, id) in [
      ("tokens", e.tokens), ("tokens.mask", e.mask), ("modes", e.modes), ("proposals", e.proposals),
      ("proposal_logits", e.logits),
    ] { try graph.markOutput(id, name: name) }
    return graph
  }

  /// One denoising step's graph: inputs `noisy` `[agent, mode, 24]`, `time` `[agent]` (the level), `kind` and the
  /// encoder's outputs; outputs `clean` (x_0) and `logits`.
  public func stepGraph(seed: UInt64 = 0) throws -> Graph {
    let c = configuration
    var graph = Graph(name: "refiner step", seed: seed)
    let noisy = graph.addInput("noisy", [batch, c.modes, Self.elements])
    let time = graph.addInput("time", [batch])
    let kind = graph.addInput("kind", TensorType([batch], .int64))
    let encoding = Encoding(
      tokens: graph.addInput("tokens", [batch, tokens, c.width]),
      mask: graph.addInput("tokens.mask", TensorType([batch, tokens], .bool)),
      modes: graph.addInput("modes", [batch, c.modes, c.width]),
      proposals: graph.addInput("proposals", [batch, c.modes, Self.elements]),
      logits: graph.addInput("proposal_logits", [batch, c.modes]))
    let (clean, logits) = try denoise(&graph, noisy: noisy, time: time, kind: kind, encoding)
    try graph.markOutput(clean, name: "clean")
    try graph.markOutput(logits, name: "logits")
    return graph
  }

  /// Conditions, a noised trajectory and a level to x_0 in one graph: for export, for cost and for all weights together.
  public func graph(anchors: TrajectoryAnchors, seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: "refiner", seed: seed)
    let inputs = addInputs(&graph)
    let noisy = graph.addInput("noisy", [batch, configuration.modes, Self.elements])
    let time = graph.addInput("time", [batch])
    let encoding = try encode(&graph, inputs, anchors: anchors)
    let (clean, logits) = try denoise(&graph, noisy: noisy, time: time, kind: inputs[0], encoding)
    try graph.markOutput(encoding.proposals, name: "proposals")
    try graph.markOutput(encoding.logits, name: "proposal_logits")
    try graph.markOutput(clean, name: "clean")
    try graph.markOutput(logits, name: "logits")
    return graph
  }

  /// Adds the encoder's inputs to a graph, in the order of `ConditionLayout.inputs`.
  public func addInputs(_ graph: inout Graph) -> [TensorID] {
    ConditionLayout.inputs(configuration, batch: batch, seesPolylines: seesPolylines)
      .map { graph.addInput($0.name, $0.type) }
  }

  // MARK: Encoder

  /// Adds the encoder and the proposal head, which starts at the anchors: its last layer is zero at first.
  ///
  /// - Parameter inputs: as `addInputs` gives them.
  public func encode(
    _ graph: inout Graph, _ inputs: [TensorID], anchors: TrajectoryAnchors
  ) throws -> Encoding {
    guard anchors.count == configuration.modes else {
      throw RefinerError(
        field: "anchors", found: "\(anchors.count) modes", expected: "\(configuration.modes)")
    }
    return try graph.scoped(Self.scope) { graph in
      var parts = ArraySlice(inputs)
      let kind = parts.removeFirst(), history = parts.removeFirst(), attributes = parts.removeFirst()
      var tokens: [TensorID] = [], masks: [TensorID] = []
      try graph.scoped("encoder") { graph in
        tokens.append(try agentToken(&graph, kind: kind, history: history, attributes: attributes))
        masks.append(graph.addConstant("agent_mask", Self.seen(batch)))
        if configuration.neighbours > 0 {
          tokens.append(try perceptron(&graph, parts.removeFirst(), name: "neighbour"))
          masks.append(parts.removeFirst())
        }
        if seesPolylines {
          tokens.append(
            try polylineTokens(&graph, points: parts.removeFirst(), types: parts.removeFirst()))
          masks.append(parts.removeFirst())
        }
        if configuration.bevChannels > 0 {
          let place = try graph.linear(
            parts.removeFirst(), outputs: configuration.width, initial: .xavier, name: "bev")
          tokens.append(try graph.reshape(place, [batch, 1, configuration.width]))
          masks.append(parts.removeFirst())
        }
      }
      let mask = try graph.concatenate(masks, axis: 1)
      var context = try graph.concatenate(tokens, axis: 1)  // [agent, token, channel]
      context = try graph.scoped("encoder") { graph in
        var x = context
        for block in 0..<configuration.encoderBlocks {
          x = try graph.transformerBlock(
            x, heads: configuration.heads, keyMask: mask, expansion: configuration.expansion,
            name: "blocks.\(block)")
        }
        return try graph.layerNormalization(x, name: "norm")
      }
      let (modes, proposals, logits) = try propose(
        &graph, kind: kind, agent: agentRow(&graph, context), paths: Array(parts), anchors: anchors)
      return Encoding(tokens: context, mask: mask, modes: modes, proposals: proposals, logits: logits)
    }
  }

  private static func seen(_ batch: Int) -> TensorValue {
    TensorValue([batch, 1], booleans: [Bool](repeating: true, count: batch))
  }

  /// Linear layer, GELU, linear layer to the network's width: `[..., any] -> [..., width]`.
  private func perceptron(_ graph: inout Graph, _ x: TensorID, name: String) throws -> TensorID {
    let hidden = try graph.linear(x, outputs: configuration.width, initial: .xavier, name: "\(name).first")
    return try graph.linear(
      graph.unary(.gelu, hidden), outputs: configuration.width, initial: .xavier, name: "\(name).second")
  }

  /// The agent's own token from its history, size, class and kind: `[agent, 1, width]`.
  private func agentToken(
    _ graph: inout Graph, kind: TensorID, history: TensorID, attributes: TensorID
  ) throws -> TensorID {
    let features = graph.shape(history)[1] * graph.shape(history)[2]
    let flat = try graph.reshape(history, [batch, features])
    let known = try graph.concatenate([flat, attributes], axis: 1)
    let kinds = try graph.embedding(
      kind, count: AgentKind.allCases.count, channels: configuration.width, name: "kind")
    let token = try graph.sum(try perceptron(&graph, known, name: "agent"), kinds)
    return try graph.reshape(token, [batch, 1, configuration.width])
  }

  /// Polylines `[agent, polyline, point, feature]` by a perceptron over points, the maximum over the valid ones, a linear
  /// layer and the embedded type: `[agent, polyline, width]`.
  private func polylineTokens(_ graph: inout Graph, points: TensorID, types: TensorID) throws -> TensorID {
    let shape = graph.shape(points), hidden = configuration.width / 2
    let valid = try graph.apply(
      .slice(
        .init(starts: [0, 0, 0, shape[3] - 1], counts: [shape[0], shape[1], shape[2], 1])), points)
    var x = try graph.product(points, valid)
    x = try graph.relu(try graph.linear(x, outputs: hidden, initial: .he, name: "point.first"))
    x = try graph.relu(try graph.linear(x, outputs: hidden, initial: .he, name: "point.second"))
    // Features are 0 or more: those of points that are none become 0, which no maximum notices.
    x = try graph.product(x, valid)
    x = try graph.reduce(.maximum, x, axes: [2], keepsAxes: false)
    x = try graph.linear(x, outputs: configuration.width, initial: .xavier, name: "polyline")
    return try graph.sum(
      x,
      try graph.embedding(
        types, count: RoadLine.Kind.allCases.count, channels: configuration.width, name: "polyline_type"))
  }

  private func agentRow(_ graph: inout Graph, _ tokens: TensorID) throws -> TensorID {
    try graph.apply(
      .slice(.init(starts: [0, 0, 0], counts: [batch, 1, configuration.width])), tokens)
  }

  /// Anchors with offsets and logits; `paths` are the BEV samples along them and their validity, or nothing.
  private func propose(
    _ graph: inout Graph, kind: TensorID, agent: TensorID, paths: [TensorID], anchors: TrajectoryAnchors
  ) throws -> (modes: TensorID, proposals: TensorID, logits: TensorID) {
    let c = configuration
    let all = graph.addWeight("anchors", anchors.tensor, role: .table)
    let units = graph.addWeight("scale", anchors.scale, role: .table)
    let own = try graph.apply(.gather(.init(axis: 0)), graph.unary(.stopGradient, all), kind)
    let scale = try graph.reshape(
      graph.apply(.gather(.init(axis: 0)), graph.unary(.stopGradient, units), kind),
      [batch, 1, Self.elements])
    let anchor = try graph.binary(.divide, own, scale)  // [agent, mode, 24]
    return try graph.scoped("proposal") { graph in
      var modes = try graph.sum(
        try perceptron(&graph, anchor, name: "anchor"),
        try graph.linear(agent, outputs: c.width, initial: .xavier, name: "agent"))
      if paths.count == 2 {
        let samples = c.pathSteps.count
        let valid = try graph.reshape(paths[1], [batch, c.modes, samples, 1])
        let seen = try graph.concatenate([try graph.product(paths[0], valid), valid], axis: 3)
        let flat = try graph.reshape(seen, [batch, c.modes, samples * (c.bevChannels + 1)])
        modes = try graph.sum(
          modes, try graph.linear(flat, outputs: c.width, initial: .xavier, name: "paths"))
      }
      let hidden = try graph.unary(.gelu, try graph.layerNormalization(modes, name: "norm"))
      let first = try graph.linear(hidden, outputs: c.width, initial: .xavier, name: "first")
      let last = try graph.linear(
        graph.unary(.gelu, first), outputs: Self.elements + 1, initial: .zeros, name: "second")
      let (offsets, logits) = try split(&graph, last)
      return (modes, try graph.sum(anchor, offsets), logits)
    }
  }

  /// `[agent, mode, 25]` in trajectories and logits.
  private func split(_ graph: inout Graph, _ x: TensorID) throws -> (TensorID, TensorID) {
    let parts = try graph.split(x, axis: 2, extents: [Self.elements, 1])
    return (parts[0], try graph.reshape(parts[1], [batch, configuration.modes]))
  }

  // MARK: Denoiser

  /// Adds one denoising step: modes attend to each other and to the conditions, time and agent by adaLN-Zero. x_0 and
  /// logits are the proposals' plus what the transformer says, which is 0 at first.
  ///
  /// - Parameters:
  ///   - noisy: `[agent, mode, 24]` at the level `time`.
  ///   - time: float `[agent]`.
  ///   - kind: int64 `[agent]`.
  public func denoise(
    _ graph: inout Graph, noisy: TensorID, time: TensorID, kind: TensorID, _ encoding: Encoding
  ) throws -> (clean: TensorID, logits: TensorID) {
    let c = configuration
    return try graph.scoped(Self.scope) { graph in
      try graph.scoped("denoiser") { graph in
        var x = try graph.sum(
          try graph.linear(noisy, outputs: c.width, initial: .xavier, name: "noisy"), encoding.modes)
        let agent = try graph.reshape(agentRow(&graph, encoding.tokens), [batch, c.width])
        let condition = try graph.sum(
          try graph.sum(
            try graph.timeEmbedding(time, encoding: c.width, outputs: c.width, name: "time"),
            try graph.embedding(
              kind, count: AgentKind.allCases.count, channels: c.width, name: "kind")),
          try graph.linear(agent, outputs: c.width, initial: .xavier, name: "agent"))
        for block in 0..<c.blocks {
          x = try graph.ditBlock(
            x, condition: condition, context: encoding.tokens, contextMask: encoding.mask, heads: c.heads,
            expansion: c.expansion, name: "blocks.\(block)")
        }
        let last = try graph.ditHead(x, condition: condition, outputs: Self.elements + 1, name: "head")
        let (change, logits) = try split(&graph, last)
        return (try graph.sum(encoding.proposals, change), try graph.sum(encoding.logits, logits))
      }
    }
  }
}
