/// What was fused into a node, as oneDNN takes it: the operations with their operands' places.
struct FusedChain {
  var operations: [FusedOperation] = []
  var operands: [(argument: Int32, layout: Layout, location: Location)] = []
  /// The buffer the result must be written over, when the chain adds to what it holds.
  var accumulator: Location?
}

extension Lowering {
  /// The fused steps of a node for a result in `target`; nil where oneDNN has no such steps.
  ///
  /// - Parameter sums: whether a first addition of a tensor that is not read again is done in its own memory.
  func fusedChain(_ node: PlanGraph.Node, target: Layout, sums: Bool) throws -> FusedChain? {
    var chain = FusedChain()
    for (i, step) in node.fused.enumerated() {
      switch step {
      case .unary(let function):
        guard let operations = eltwiseOperations(function) else { return nil }
        chain.operations += operations
      case .binary(let function, let operand):
        guard let algorithm = binaryAlgorithm(function) else { return nil }
        let own = try current(operand)
        if sums, function == .add, chain.accumulator == nil, let layout = own.layout,
          layout.isSameArrangement(as: target), canOverwrite(own.location, beside: node.reads(except: i))
        {
          chain.accumulator = own.location
          chain.operations.append(.sum(scale: 1))
          continue
        }
        guard let layout = try operandLayout(operand, target: target) else { return nil }
        chain.operations.append(.binary(algorithm, layout.layout))
        chain.operands.append((Primitive.operand(chain.operations.count - 1), layout.layout, layout.location))
      }
    }
    return FusedOperation.mixesParameters(chain.operations) ? nil : chain
  }

  /// A tensor that is broadcast to a result in `target`, in an arrangement that goes with it.
  func operandLayout(_ value: Int, target: Layout) throws -> (layout: Layout, location: Location)? {
    let shape = type(value).shape, rank = target.shape.count
    let aligned = [Int](repeating: 1, count: max(0, rank - shape.count)) + shape
    guard aligned.count == rank, try current(value).layout != nil else { return nil }
    if aligned == target.shape {
      let wanted = target.part(starts: [Int](repeating: 0, count: rank), counts: aligned) ?? target
      if shape == aligned { return (wanted, try request(value, wanted)) }
      // Strides as the target's, those of extents 1 too, which oneDNN compares.
      let own = try current(value)
      if let view = own.layout?.reshaped(aligned), view.isSameArrangement(as: wanted) {
        return (wanted, own.location)
      }
      return (wanted, try request(value, wanted, source: Layout(plain: aligned)))
    }
    // Elements along one axis only: dense in any order.
    guard aligned.filter({ $0 != 1 }).count <= 1 else {
      let layout: Layout
      if target.isChannelsLast, !target.isPlain {
        layout = Layout(channelsLast: aligned)
      } else if target.isPlain {
        layout = Layout(plain: aligned)
      } else if let blocked = Layout.blocked(aligned) {
        layout = blocked
      } else {
        return nil
      }
      let location = try requestPlain(value)
      if layout.isSameArrangement(as: Layout(plain: aligned)) { return (layout, location) }
      return (layout, try request(value, layout, source: shape == aligned ? nil : Layout(plain: aligned)))
    }
    _ = try requestPlain(value)
    return (Layout(plain: aligned), try requestPlain(value))
  }
}
