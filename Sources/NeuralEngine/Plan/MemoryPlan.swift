/// A piece of memory a plan needs, from the first step that touches it to the last.
struct PlanBuffer {
  var byteCount: Int
  /// Elements known at compile time; such a buffer is never written by a step.
  var constant: KernelMemory?
  /// Kept for the whole run: inputs and outputs.
  var isPersistent = false
  var firstStep = Int.max
  var lastStep = -1
}

/// Where each buffer lies in one block of memory that steps share.
struct MemoryPlan {
  /// Start of each buffer that is not constant, in bytes, aligned to 4096 where large and 64 where small.
  let offsets: [Int]
  /// Bytes of the whole block.
  let byteCount: Int
  /// Bytes all buffers would take side by side.
  let unsharedByteCount: Int

  /// Places buffers, the largest first, each at the lowest place free during its life.
  init(_ buffers: [PlanBuffer], stepCount: Int) {
    var offsets = [Int](repeating: 0, count: buffers.count)
    var placed: [(index: Int, range: Range<Int>, life: ClosedRange<Int>)] = []
    var end = 0, total = 0
    let order = buffers.indices.filter { buffers[$0].constant == nil && buffers[$0].byteCount > 0 }
      .sorted { (buffers[$1].byteCount, $0) < (buffers[$0].byteCount, $1) }
    for index in order {
      let buffer = buffers[index]
      let alignment = buffer.byteCount >= 1 << 16 ? 4096 : 64
      let size = (buffer.byteCount + alignment - 1) / alignment * alignment
      let life =
        buffer.isPersistent
        ? 0...max(stepCount, 0) : min(buffer.firstStep, max(buffer.lastStep, 0))...max(buffer.lastStep, 0)
      let conflicts = placed.filter { $0.life.overlaps(life) }.map(\.range)
        .sorted { $0.lowerBound < $1.lowerBound }
      var start = 0
      for range in conflicts {
        let aligned = (start + alignment - 1) / alignment * alignment
        if aligned + size <= range.lowerBound { break }
        start = max(start, range.upperBound)
      }
      start = (start + alignment - 1) / alignment * alignment
      offsets[index] = start
      placed.append((index, start..<start + size, life))
      end = max(end, start + size)
      total += size
    }
    self.offsets = offsets
    byteCount = end
    unsharedByteCount = total
  }
}
