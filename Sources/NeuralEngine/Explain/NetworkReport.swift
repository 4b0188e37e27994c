import Foundation

/// What a network is made of and what it costs: a row for each operator, totals and warnings.
public struct NetworkReport: Sendable, Codable {
  /// One operator.
  public struct Row: Sendable, Codable {
    /// Its name and kind.
    public var name: String, kind: String
    /// Extents of its first output.
    public var shape: [Int]
    /// Learned values it reads first.
    public var parameters: Int
    /// Floating-point operations of one run; a multiply-add is two.
    public var operations: Int
    /// Bytes of its outputs.
    public var activationBytes: Int
    /// Per spatial axis: input elements that one output element can see; null where that is all of them, or none.
    public var receptiveField: [Double]?
    /// Per spatial axis: distance in input elements between the fields of neighbouring elements.
    public var jump: [Double]?
    /// Per spatial axis: centre of the first element's field; 0 is the first input element.
    public var start: [Double]?
    /// Per spatial axis: the jump under the name that Araujo et al. give it.
    public var effectiveStride: [Double]?
    /// Per spatial axis: elements of the first field that lie before the input.
    public var effectivePadding: [Double]?
  }

  /// The network's name.
  public var name: String
  /// A row for each operator, in order.
  public var rows: [Row]
  /// Learned values.
  public var parameters: Int
  /// Floating-point operations of one run.
  public var operations: Int
  /// Bytes of all outputs of operators together.
  public var activationBytes: Int
  /// The most bytes of inputs and outputs that are needed at one time when each operator runs by itself.
  public var peakActivationBytes: Int
  /// What may be a mistake.
  public var warnings: [String]

  /// Reports on a graph.
  ///
  /// - Throws: `ShapeError` where an operator's cost cannot be told from its inputs.
  public init(_ graph: Graph) throws {
    name = graph.name
    let fields = ReceptiveFields(graph)
    var seen: Set<TensorID> = []
    rows = try graph.nodes.map { node in
      let types = node.outputs.map { graph[$0].type }
      let new = node.inputs.filter { id in
        if case .weight = graph[id].source { return seen.insert(id).inserted }
        return false
      }
      var row = Row(
        name: node.name, kind: node.operation.definition.name, shape: types.first?.shape ?? [],
        parameters: new.reduce(0) { $0 + graph[$1].type.count },
        operations: try node.operation.definition.operations(node.inputs.map { graph[$0].type }, types),
        activationBytes: types.reduce(0) { $0 + $1.byteCount })
      if let output = node.outputs.first, case .windows(let axes) = fields.dependences[output.index] {
        row.receptiveField = axes.map(\.size)
        row.jump = axes.map(\.jump)
        row.start = axes.map(\.start)
        row.effectiveStride = axes.map(\.jump)
        row.effectivePadding = axes.map { -$0.first }
      }
      return row
    }
    parameters = graph.parameterCount
    operations = rows.reduce(0) { total, row in
      let (sum, overflow) = total.addingReportingOverflow(row.operations)
      return overflow ? .max : sum
    }
    activationBytes = rows.reduce(0) { $0 + $1.activationBytes }
    peakActivationBytes = Self.peak(graph)
    warnings = graph.nodes.flatMap { Self.warnings(graph, $0) }
  }

  /// Bytes of the tensors that live while an operator runs, at their most.
  private static func peak(_ graph: Graph) -> Int {
    var last = [Int](repeating: -1, count: graph.tensors.count)
    for (i, node) in graph.nodes.enumerated() {
      for id in node.inputs + node.outputs { last[id.index] = i }
    }
    for id in graph.outputs { last[id.index] = graph.nodes.count }
    var live = graph.inputs.reduce(0) { $0 + graph[$1].type.byteCount }, peak = live
    for (i, node) in graph.nodes.enumerated() {
      live += node.outputs.reduce(0) { $0 + graph[$1].type.byteCount }
      peak = max(peak, live)
      for id in Set(node.inputs + node.outputs) where last[id.index] == i {
        switch graph[id].source {
        case .input, .node: live -= graph[id].type.byteCount
        case .weight, .constant: break
        }
      }
    }
    return peak
  }

  // MARK: Warnings

  private static func warnings(_ graph: Graph, _ node: Graph.Node) -> [String] {
    let inputs = node.inputs.map { graph[$0].type }
    guard let window = node.operation.definition.window(inputs, node.outputs.map { graph[$0].type }),
      let size = inputs.first?.shape.dropFirst(2), size.count == window.kernel.count
    else { return [] }
    return size.enumerated().compactMap { axis, extent in
      window.transposed
        ? checkerboard(node.name, window, axis) : unseen(node.name, window, axis, extent: extent)
    }
  }

  /// Where the stride does not divide what the window travels, the end of the padded input is never seen: the padding
  /// counts on one side alone, or pixels are lost. Alsallakh et al., Mind the Pad, arXiv 2010.02178, section 3.
  private static func unseen(_ name: String, _ window: SlidingWindow, _ axis: Int, extent: Int) -> String? {
    let before = window.padding.before[axis], after = window.padding.after[axis]
    let travel = extent + before + after - window.dilations[axis] * (window.kernel[axis] - 1) - 1
    guard travel >= 0 else { return nil }
    let rest = travel % window.strides[axis]
    guard rest > 0, before != 0 || after != 0 || rest > after else { return nil }
    let place = "\(name): axis \(axis + 2) of \(extent)"
    if rest > after {
      return "\(place): the last \(rest - after) element\(rest - after == 1 ? "" : "s") are never seen"
    }
    return "\(place): uneven padding, \(before) before and \(after - rest) of \(after) after are used"
  }

  /// Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts, Distill 2016 (10.23915/distill.00003).
  private static func checkerboard(_ name: String, _ window: SlidingWindow, _ axis: Int) -> String? {
    guard window.kernel[axis] % window.strides[axis] != 0 else { return nil }
    return "\(name): axis \(axis + 2): kernel \(window.kernel[axis]) is no multiple of stride "
      + "\(window.strides[axis]): checkerboard"
  }

  // MARK: Table

  /// The report as lines of text, columns aligned.
  public var table: String {
    let header = ["operator", "kind", "shape", "parameters", "MFLOP", "KiB", "field", "jump", "start"]
    func list(_ numbers: [Double]?) -> String {
      guard let numbers, let first = numbers.first else { return "-" }
      let texts = numbers.map { String(format: "%.4g", $0) }
      return numbers.allSatisfy { $0 == first } ? texts[0] : texts.joined(separator: "x")
    }
    let lines =
      [header]
      + rows.map { row in
        [
          row.name, row.kind, row.shape.map(String.init).joined(separator: "x"), "\(row.parameters)",
          String(format: "%.2f", Double(row.operations) * 1e-6),
          String(format: "%.1f", Double(row.activationBytes) / 1024), list(row.receptiveField),
          list(row.jump),
          list(row.start),
        ]
      }
    let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let text = lines.map { line in
      line.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column < 3 ? cell + space : space + cell
      }.joined(separator: "  ")
    }
    let totals = [
      "",
      "\(rows.count) operators, \(parameters) parameters, \(String(format: "%.3f", Double(operations) * 1e-9)) GFLOP",
      String(
        format: "activations %.1f MiB together, %.1f MiB at the peak", Double(activationBytes) / 1_048_576,
        Double(peakActivationBytes) / 1_048_576),
    ]
    return (text + totals + warnings.map { "warning: " + $0 }).joined(separator: "\n")
  }
}
