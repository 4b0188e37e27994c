/// Builds the nodes of a `BoundingVolumeHierarchy`, on one thread, so that the tree is the same every time.
struct HierarchyBuilder {
  private(set) var nodes: [BoundingVolumeHierarchy.Node] = []
  private(set) var order: [UInt32]
  private var lows: [SIMD3<Float>]
  private var highs: [SIMD3<Float>]
  private var centers: [SIMD3<Float>]
  private let leafSize = 4
  private let binCount = 16

  private struct Range {
    var start: Int, end: Int
    var low: SIMD3<Float>, high: SIMD3<Float>
    var count: Int { end - start }
    var area: Float {
      let d = high - low
      return d.x * d.y + d.y * d.z + d.z * d.x
    }
  }

  init(_ mesh: TriangleMesh) {
    order = (0..<UInt32(mesh.count)).map { $0 }
    lows = []
    highs = []
    centers = []
    lows.reserveCapacity(mesh.count)
    highs.reserveCapacity(mesh.count)
    centers.reserveCapacity(mesh.count)
    for k in 0..<mesh.count {
      let (a, b, c) = mesh.triangle(k)
      let low = a.lesser(b).lesser(c)
      let high = a.greater(b).greater(c)
      lows.append(low)
      highs.append(high)
      centers.append((low + high) / 2)
    }
  }

  mutating func build() {
    guard !order.isEmpty else { return }
    nodes.reserveCapacity(order.count / 3 + 1)
    _ = addNode(bounded(0, order.count))
  }

  private func bounded(_ start: Int, _ end: Int) -> Range {
    var low = SIMD3<Float>(repeating: .infinity)
    var high = SIMD3<Float>(repeating: -.infinity)
    for k in start..<end {
      low = low.lesser(lows[Int(order[k])])
      high = high.greater(highs[Int(order[k])])
    }
    return Range(start: start, end: end, low: low, high: high)
  }

  /// Splits a range until it has four parts or only leaves, adds the node and its children; returns its number.
  private mutating func addNode(_ range: Range) -> Int {
    var parts = [range]
    while parts.count < 4 {
      // The part with the largest surface is opened next.
      var widest = -1
      for (k, part) in parts.enumerated() where part.count > leafSize {
        if widest < 0 || part.area > parts[widest].area { widest = k }
      }
      guard widest >= 0 else { break }
      let (left, right) = split(parts[widest])
      parts[widest] = left
      parts.append(right)
    }
    let index = nodes.count
    let empty = SIMD4<Float>(repeating: .infinity)
    nodes.append(
      BoundingVolumeHierarchy.Node(
        lowX: empty, lowY: empty, lowZ: empty, highX: -empty, highY: -empty, highZ: -empty,
        child: SIMD4(repeating: -1), count: .zero))
    for (lane, part) in parts.enumerated() {
      let child = part.count > leafSize ? Int32(addNode(part)) : Int32(-1 - part.start)
      nodes[index].lowX[lane] = part.low.x
      nodes[index].lowY[lane] = part.low.y
      nodes[index].lowZ[lane] = part.low.z
      nodes[index].highX[lane] = part.high.x
      nodes[index].highY[lane] = part.high.y
      nodes[index].highZ[lane] = part.high.z
      nodes[index].child[lane] = child
      nodes[index].count[lane] = child < 0 ? Int32(part.count) : 0
    }
    return index
  }

  private mutating func split(_ range: Range) -> (Range, Range) {
    var low = SIMD3<Float>(repeating: .infinity)
    var high = SIMD3<Float>(repeating: -.infinity)
    for k in range.start..<range.end {
      low = low.lesser(centers[Int(order[k])])
      high = high.greater(centers[Int(order[k])])
    }
    let extent = high - low
    let axis = extent.x >= extent.y && extent.x >= extent.z ? 0 : (extent.y >= extent.z ? 1 : 2)
    guard extent[axis] > 1e-7, let cut = bestCut(range, axis, low[axis], extent[axis]) else {
      let middle = (range.start + range.end) / 2
      return (bounded(range.start, middle), bounded(middle, range.end))
    }
    let scale = Float(binCount) / extent[axis]
    var i = range.start
    var j = range.end
    while i < j {
      let bin = min(binCount - 1, Int((centers[Int(order[i])][axis] - low[axis]) * scale))
      if bin < cut {
        i += 1
      } else {
        j -= 1
        order.swapAt(i, j)
      }
    }
    if i == range.start || i == range.end { i = (range.start + range.end) / 2 }
    return (bounded(range.start, i), bounded(i, range.end))
  }

  /// The bin border with the least expected cost, or nil where all centroids share a bin.
  private func bestCut(_ range: Range, _ axis: Int, _ low: Float, _ extent: Float) -> Int? {
    var counts = [Int](repeating: 0, count: binCount)
    var binLows = [SIMD3<Float>](repeating: SIMD3(repeating: .infinity), count: binCount)
    var binHighs = [SIMD3<Float>](repeating: SIMD3(repeating: -.infinity), count: binCount)
    let scale = Float(binCount) / extent
    for k in range.start..<range.end {
      let t = Int(order[k])
      let bin = min(binCount - 1, Int((centers[t][axis] - low) * scale))
      counts[bin] += 1
      binLows[bin] = binLows[bin].lesser(lows[t])
      binHighs[bin] = binHighs[bin].greater(highs[t])
    }
    func area(_ low: SIMD3<Float>, _ high: SIMD3<Float>) -> Float {
      let d = high - low
      return d.x * d.y + d.y * d.z + d.z * d.x
    }
    var rightCost = [Float](repeating: 0, count: binCount + 1)
    var (l, h, n) = (SIMD3<Float>(repeating: .infinity), SIMD3<Float>(repeating: -.infinity), 0)
    for bin in stride(from: binCount - 1, to: 0, by: -1) where true {
      l = l.lesser(binLows[bin])
      h = h.greater(binHighs[bin])
      n += counts[bin]
      rightCost[bin] = n == 0 ? 0 : area(l, h) * Float(n)
    }
    (l, h, n) = (SIMD3(repeating: .infinity), SIMD3(repeating: -.infinity), 0)
    var best: (cut: Int, cost: Float)?
    for cut in 1..<binCount {
      l = l.lesser(binLows[cut - 1])
      h = h.greater(binHighs[cut - 1])
      n += counts[cut - 1]
      guard n > 0, n < range.count else { continue }
      let cost = area(l, h) * Float(n) + rightCost[cut]
      if cost < best?.cost ?? .infinity { best = (cut, cost) }
    }
    return best?.cut
  }
}
