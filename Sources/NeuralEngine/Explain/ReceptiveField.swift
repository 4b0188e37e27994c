/// Which input elements an element of a tensor can depend on, along one spatial axis.
///
/// Element u depends on input elements `first + u · jump ... last + u · jump`; numbers below 0 lie in the padding. Araujo,
/// Norris and Sim, Distill 2019 (10.23915/distill.00021), sections 2 and 3: `size` is r, `jump` the effective stride,
/// and `-first` the effective padding.
public struct ReceptiveField: Sendable, Equatable, Codable {
  /// Distance in input elements between the fields of neighbouring elements.
  public var jump: Double
  /// The first and last input element of element 0.
  public var first: Double, last: Double

  /// Input elements that are seen: r.
  public var size: Double { last - first + 1 }
  /// Centre of element 0's field; 0 is the first input element.
  public var start: Double { (first + last) / 2 }

  /// An input's own element.
  static let identity = ReceptiveField(jump: 1, first: 0, last: 0)

  /// Through a sliding window on this axis.
  func through(_ window: SlidingWindow, _ axis: Int) -> ReceptiveField {
    let reach = Double(window.dilations[axis] * (window.kernel[axis] - 1))
    let before = Double(window.padding.before[axis]), stride = Double(window.strides[axis])
    if window.transposed {
      // Output o meets inputs (o + before - reach) / stride ... (o + before) / stride.
      return ReceptiveField(
        jump: jump / stride, first: first + jump * (before - reach) / stride,
        last: last + jump * before / stride)
    }
    return ReceptiveField(
      jump: jump * stride, first: first - jump * before, last: last + jump * (reach - before))
  }

  /// Of an element that depends on elements of two tensors.
  func joined(_ other: ReceptiveField) -> ReceptiveField {
    ReceptiveField(
      jump: max(jump, other.jump), first: min(first, other.first), last: max(last, other.last))
  }
}

/// What a tensor depends on in the picture that the network is given.
enum Dependence: Equatable {
  /// Nothing.
  case none
  /// A window per spatial axis.
  case windows([ReceptiveField])
  /// All of it.
  case whole

  func joined(_ other: Dependence) -> Dependence {
    switch (self, other) {
    case (.none, let d), (let d, .none): return d
    case (.windows(let a), .windows(let b)) where a.count == b.count:
      return .windows(zip(a, b).map { $0.joined($1) })
    default: return .whole
    }
  }
}

/// Carries receptive fields through a graph, node by node.
struct ReceptiveFields {
  /// By position in `Graph.tensors`.
  private(set) var dependences: [Dependence]

  init(_ graph: Graph) {
    dependences = graph.tensors.map { _ in .none }
    // The picture: the first float input with spatial axes.
    if let input = graph.inputs.first(where: {
      graph.shape($0).count >= 3 && graph[$0].type.element == .float32
    }) {
      dependences[input.index] = .windows(graph.shape(input).dropFirst(2).map { _ in .identity })
    }
    for node in graph.nodes {
      let inputs = node.inputs.map { dependences[$0.index] }
      let result = Self.through(node, graph, inputs)
      for output in node.outputs { dependences[output.index] = result }
    }
  }

  private static func through(_ node: Graph.Node, _ graph: Graph, _ inputs: [Dependence]) -> Dependence {
    let all = zip(node.inputs, inputs).reduce(Dependence.none) {
      $0.joined(broadcast($1.1, $1.0, node, graph))
    }
    guard case .windows(let fields) = all, let first = node.inputs.first, let output = node.outputs.first
    else {
      return all
    }
    let from = graph.shape(first), to = graph.shape(output)
    switch node.operation {
    case .unary, .binary, .batchNormalization, .select, .cast, .gatherElements:
      return to.count == fields.count + 2 ? all : .whole
    case .concatenation(let o): return (o.axis < 0 ? o.axis + to.count : o.axis) < 2 ? all : .whole
    case .softmax(let o): return (o.axis < 0 ? o.axis + to.count : o.axis) < 2 ? all : .whole
    case .reshape: return from.dropFirst(2) == to.dropFirst(2) ? all : .whole
    case .slice(let o):
      return .windows(
        fields.enumerated().map { axis, field in
          let shift = Double(o.starts[axis + 2]) * field.jump
          return ReceptiveField(
            jump: field.jump * Double(abs(o.steps[axis + 2])), first: field.first + shift,
            last: field.last + shift)
        })
    case .reduction(let o): return reduced(o.axes, fields, from, keeps: o.keepsAxes)
    case .resize(let o): return resized(o, fields, from)
    case .adaptivePooling, .groupedNormalization: return .whole
    default:
      guard
        let window = node.operation.definition.window(
          node.inputs.map { graph[$0].type }, node.outputs.map { graph[$0].type }),
        window.kernel.count == fields.count
      else { return .whole }
      return .windows(fields.enumerated().map { $1.through(window, $0) })
    }
  }

  /// What an operand adds to an element-wise result: one with a single row or column for many sees a place that does not
  /// move with the result's elements, which no window describes.
  private static func broadcast(
    _ dependence: Dependence, _ id: TensorID, _ node: Graph.Node, _ graph: Graph
  ) -> Dependence {
    guard case .windows = dependence, let output = node.outputs.first else { return dependence }
    switch node.operation {
    case .binary, .select: break
    default: return dependence
    }
    let to = graph.shape(output), own = graph.shape(id)
    let aligned = [Int](repeating: 1, count: max(0, to.count - own.count)) + own
    return zip(aligned.dropFirst(2), to.dropFirst(2)).contains { $0 == 1 && $1 > 1 } ? .whole : dependence
  }

  private static func reduced(
    _ axes: [Int], _ fields: [ReceptiveField], _ shape: [Int], keeps: Bool
  ) -> Dependence {
    let taken = Set(axes.map { $0 < 0 ? $0 + shape.count : $0 })
    guard keeps else { return .whole }
    return .windows(
      fields.enumerated().map { axis, field in
        guard taken.contains(axis + 2) else { return field }
        var field = field
        field.last += Double(shape[axis + 2] - 1) * field.jump
        return field
      })
  }

  private static func resized(
    _ resize: Operator.Resize, _ fields: [ReceptiveField], _ shape: [Int]
  ) -> Dependence {
    if case .crop = resize.coordinates { return .whole }
    let reach: Double
    switch resize.interpolation {
    case .nearest: reach = 0
    case .linear: reach = 0.5
    case .cubic: reach = 1.5
    }
    return .windows(
      fields.enumerated().map { axis, field in
        let (size, extent) = (resize.sizes[axis + 2], shape[axis + 2])
        guard size != extent else { return field }
        let scale = Double(resize.scales[axis + 2])
        // Input elements per output element, and where the first output element reads.
        var step = 1 / scale, start = 0.5 / scale - 0.5
        switch resize.coordinates {
        case .alignCorners: (step, start) = (size > 1 ? Double(extent - 1) / Double(size - 1) : 0, 0)
        case .asymmetric: start = 0
        default: break
        }
        let wide = reach * (resize.antialias ? max(1, 1 / scale) : 1) * field.jump, shift = start * field.jump
        return ReceptiveField(
          jump: field.jump * step, first: field.first + shift - wide, last: field.last + shift + wide)
      })
  }
}
