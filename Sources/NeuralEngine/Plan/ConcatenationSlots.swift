/// Inputs of concatenations that their makers write straight into the result.
///
/// Only where each input is one piece of the result's memory: nothing lies outside the axis (one sample), and the result
/// is plain, or in blocks of 16 or 8 channels that no seam cuts. The largest input decides the arrangement.
struct ConcatenationSlots {
  /// An input's place in the result `whole`, in bytes of float32 from its start.
  struct Part {
    var whole: Int
    var offset: Int
    /// Whether it is the largest.
    var leads: Bool
    /// Sizes of blocks of channels that no seam cuts.
    var blocks: [Int]
  }

  /// By input.
  private(set) var parts: [Int: Part] = [:]
  /// Results whose largest input has been written.
  private(set) var wholes: [Int: (layout: Layout, location: Location)] = [:]

  init() {}

  init(_ graph: PlanGraph) throws {
    for node in graph.nodes {
      guard case .concatenation(let o) = node.operation, Set(node.inputs).count == node.inputs.count,
        let type = node.outputs.first.map({ graph.values[$0].type }), type.element == .float32,
        Layout.supports(type.shape), node.inputs.allSatisfy({ parts[$0] == nil })
      else { continue }
      let axis = try resolveAxis(o.axis, rank: type.rank)
      let counts = node.inputs.map { graph.values[$0].type.count }
      guard type.shape.prefix(axis).allSatisfy({ $0 == 1 }), !counts.contains(0) else { continue }
      let largest = counts.firstIndex(of: counts.max() ?? 0)
      let blocks = [16, 8].filter { size in
        axis == 1 && node.inputs.allSatisfy { graph.values[$0].type.shape[1] % size == 0 }
      }
      var offset = 0
      for (i, value) in node.inputs.enumerated() {
        parts[value] = Part(
          whole: node.outputs[0], offset: offset, leads: i == largest, blocks: blocks)
        offset += counts[i] * 4
      }
    }
  }

  /// Where a value that is about to be made in a layout goes; nil for a buffer of its own.
  mutating func location(
    of value: Int, _ layout: Layout, _ graph: PlanGraph, _ newBuffer: (Int) -> Location
  ) -> Location? {
    guard let part = parts[value], layout.storage == .float32, part.offset % 64 == 0,
      layout.byteCount == graph.values[value].type.byteCount
    else { return nil }
    let block = part.blocks.first { layout.isBlocked(by: $0) }
    if wholes[part.whole] == nil, part.leads {
      let shape = graph.values[part.whole].type.shape
      let whole = layout.isPlain ? Layout(plain: shape) : block.flatMap { Layout.blocked(shape, by: $0) }
      if let whole { wholes[part.whole] = (whole, newBuffer(whole.byteCount)) }
    }
    guard let whole = wholes[part.whole],
      whole.layout.isPlain ? layout.isPlain : block.map({ whole.layout.isBlocked(by: $0) }) ?? false
    else { return nil }
    return Location(buffer: whole.location.buffer, offset: part.offset)
  }
}
