extension BEVGrid {
  /// Calls `body` with each cell whose centre lies within rings of the grid's frame by the even-odd rule: an outline and
  /// its holes. Rings with a point that is not finite are left out as a whole.
  /// - Complexity: O(rows × edges + cells).
  public func forEachCell(inRings rings: [[SIMD2<Double>]], _ body: (_ i: Int, _ j: Int) -> Void) {
    guard rings.allSatisfy({ $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } }) else { return }
    var crossings: [Double] = []
    for i in 0..<countX {
      let x = center(i, 0).x
      crossings.removeAll(keepingCapacity: true)
      for ring in rings where ring.count >= 3 {
        var a = ring[ring.count - 1]
        for b in ring {
          if (a.x > x) != (b.x > x) { crossings.append(a.y + (x - a.x) / (b.x - a.x) * (b.y - a.y)) }
          a = b
        }
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        for j in columns(from: crossings[pair], to: crossings[pair + 1]) { body(i, j) }
      }
    }
  }

  /// The columns whose centres lie in [low, high).
  private func columns(from low: Double, to high: Double) -> Range<Int> {
    func first(_ y: Double) -> Int {
      let position = ((y - minimumY) / cellSize - 0.5).rounded(.up)
      return Int(min(max(position, 0), Double(countY)))
    }
    let (from, to) = (first(low), first(high))
    return from..<max(from, to)
  }

  /// Calls `body` with each cell whose centre lies within a distance of a segment; nothing where an end is not finite.
  /// - Complexity: O(cells of the segment's bounding box).
  public func forEachCell(
    within distance: Double, ofSegment a: SIMD2<Double>, _ b: SIMD2<Double>,
    _ body: (_ i: Int, _ j: Int) -> Void
  ) {
    guard a.x.isFinite, a.y.isFinite, b.x.isFinite, b.y.isFinite else { return }
    let reach = distance + cellSize
    func span(_ low: Double, _ high: Double, _ minimum: Double, _ count: Int) -> Range<Int> {
      let from = min(max(((low - reach - minimum) / cellSize).rounded(.down), 0), Double(count))
      let to = min(max(((high + reach - minimum) / cellSize).rounded(.up), 0), Double(count))
      return Int(from)..<max(Int(from), Int(to))
    }
    for i in span(min(a.x, b.x), max(a.x, b.x), minimumX, countX) {
      for j in span(min(a.y, b.y), max(a.y, b.y), minimumY, countY)
      where center(i, j).distance(toSegment: a, b) <= distance {
        body(i, j)
      }
    }
  }
}

extension SIMD2<Double> {
  /// The distance to the nearest point of a segment.
  public func distance(toSegment a: Self, _ b: Self) -> Double {
    let along = b - a
    let squared = along.dot(along)
    let fraction = squared > 0 ? Swift.min(Swift.max((self - a).dot(along) / squared, 0), 1) : 0
    return (self - a - along * fraction).length
  }
}
