internal import CVectorKernels
import Foundation

/// Attention of queries, keys and values with a boolean mask or none, a block of 64 queries of a head at a time: scores
/// of one block are all that is held.
///
/// Keys that a mask forbids to every query are passed over, so they do not change the bytes; neither does the thread
/// count, as blocks are independent.
struct AttentionKernel: CustomKernel {
  let operation: Operator.Attention
  let extents: Operator.Attention.Extents
  /// Whether axes are `[batch, sequence, heads · size]`, and not `[batch, heads, sequence, size]`.
  let isJoined: Bool
  /// Elements of the mask from one batch, head and query to the next; nil without a mask.
  let maskStrides: [Int]?

  private static let blockSize = 64

  private var partByteCount: Int {
    // Scores and turned queries, then the keys that are seen.
    (Self.blockSize * (extents.keys + extents.size) * 4 + extents.keys * 4 + 63) / 64 * 64
  }

  func scratchByteCount(threads: Int) -> Int { threads * partByteCount }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    guard let scratch = context.scratch.baseAddress else { return }
    let blocks = (extents.queries + Self.blockSize - 1) / Self.blockSize
    let work = extents.batch * operation.heads * blocks, threads = context.threads
    // One part per thread, so that each has scratch memory of its own.
    context.parallel(threads) { parts in
      for part in parts {
        let scores = (scratch + part * partByteCount).assumingMemoryBound(to: Float.self)
        let seen = UnsafeMutableRawPointer(scores + Self.blockSize * (extents.keys + extents.size))
          .assumingMemoryBound(to: Int32.self)
        for item in work * part / threads..<work * (part + 1) / threads {
          var block = block(addresses, head: item / blocks, item % blocks)
          fillSeen(&block, into: seen)
          apus_attend(&block, scores)
        }
      }
    }
  }

  /// What the kernel reads and writes for a block of queries of a head of the batch.
  private func block(
    _ addresses: [UnsafeMutableRawPointer], head: Int, _ block: Int
  ) -> ApusAttention {
    let o = operation, e = extents, first = block * Self.blockSize
    let (b, h) = (head / o.heads, head % o.heads)
    let keyHead = h / (o.heads / o.keyHeads)
    func rows(_ input: Int, _ heads: Int, _ head: Int, _ sequence: Int, _ size: Int)
      -> (start: UnsafeMutablePointer<Float>, stride: Int)
    {
      let floats = addresses[input].assumingMemoryBound(to: Float.self)
      if isJoined { return (floats + (b * sequence * heads + head) * size, heads * size) }
      return (floats + (b * heads + head) * sequence * size, size)
    }
    let queries = rows(0, o.heads, h, e.queries, e.size)
    let keys = rows(1, o.keyHeads, keyHead, e.keys, e.size)
    let values = rows(2, o.keyHeads, keyHead, e.keys, e.valueSize)
    let target = rows(addresses.count - 1, o.heads, h, e.queries, e.valueSize)
    var mask: UnsafePointer<UInt8>?
    if let maskStrides {
      let start = b * maskStrides[0] + h * maskStrides[1] + first * maskStrides[2]
      mask = UnsafePointer(addresses[3].assumingMemoryBound(to: UInt8.self)) + start
    }
    return ApusAttention(
      queries: queries.start + first * queries.stride, keys: keys.start, values: values.start,
      target: target.start + first * target.stride, queryStride: Int64(queries.stride),
      keyStride: Int64(keys.stride), valueStride: Int64(values.stride), targetStride: Int64(target.stride),
      queryCount: Int64(min(Self.blockSize, e.queries - first)), firstQuery: Int64(first),
      size: Int64(e.size), valueSize: Int64(e.valueSize), scale: o.scale ?? 1 / Float(e.size).squareRoot(),
      causal: o.causal ? 1 : 0, seen: nil, seenCount: 0, mask: mask, maskStride: Int64(maskStrides?[2] ?? 0))
  }

  /// Lists the keys that the block's queries may see; a mask that all of them share is done with then.
  private func fillSeen(_ block: inout ApusAttention, into seen: UnsafeMutablePointer<Int32>) {
    let reach = operation.causal ? min(extents.keys, Int(block.firstQuery + block.queryCount)) : extents.keys
    let stride = Int(block.maskStride)
    let shared = block.mask.flatMap { mask in
      (1..<max(Int(block.queryCount), 1)).allSatisfy { memcmp(mask, mask + $0 * stride, extents.keys) == 0 }
        ? mask : nil
    }
    var count = 0
    for key in 0..<reach where shared.map({ $0[key] != 0 }) ?? true {
      seen[count] = Int32(key)
      count += 1
    }
    block.seen = UnsafePointer(seen)
    block.seenCount = Int64(count)
    if shared != nil { block.mask = nil }
  }
}

extension Lowering {
  func lowerAttention(_ node: PlanGraph.Node, _ o: Operator.Attention) throws -> Bool {
    let types = node.inputs.map { type($0) }
    guard !o.hasPast, !o.hasKeyLengths, !o.givesPresent, o.scores == nil, o.softcap == 0 else { return false }
    let extents = try o.extents(types)
    guard extents.keys < Int(Int32.max), types.allSatisfy({ !$0.shape.contains(0) }) else { return false }
    var strides: [Int]?
    if o.hasMask {
      guard types[3].element == .bool, types[3].shape.last == extents.keys else { return false }
      strides = broadcastStrides(types[3].shape, to: [extents.batch, o.heads, extents.queries, extents.keys])
    }
    let kernel = AttentionKernel(
      operation: o, extents: extents, isJoined: types[0].rank == 3, maskStrides: strides)
    try appendCustom(kernel, "attention", node, reads: node.inputs)
    return true
  }
}
