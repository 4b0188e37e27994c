import Geometry
import NeuralEngine
import Scenes

/// What the map head should have said: layers of a map drawn on the result grid.
public enum MapTargets {
  /// `[1, layer, i, j]`: 1 where a cell's centre lies in an area (outside its holes), or within half `lineWidth` of a
  /// line; 0 elsewhere.
  ///
  /// - Parameter map: layers in the global frame; one that the head has and the map lacks is empty.
  /// - Complexity: O(rows × edges + cells).
  public static func draw(
    _ map: [MapLayer], globalFromEgo: RigidTransform, head: NetworkConfiguration.Map, grid: BEVGrid
  ) -> TensorValue {
    var values = [Float](repeating: 0, count: head.layers.count * grid.count)
    let egoFromGlobal = globalFromEgo.inverse
    func inEgo(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
      points.map { (egoFromGlobal * SIMD3($0.x, $0.y, globalFromEgo.translation.z)).xy }
    }
    for (k, name) in head.layers.enumerated() {
      for layer in map where layer.name == name.rawValue {
        for area in layer.areas {
          let rings = ([area.outline] + area.holes).map { inEgo($0.points) }
          fill(rings, grid: grid, into: &values, from: k * grid.count)
        }
        for line in layer.lines {
          let points = inEgo(line)
          for (a, b) in zip(points, points.dropFirst()) {
            draw(a, b, width: head.lineWidth, grid: grid, into: &values, from: k * grid.count)
          }
        }
      }
    }
    return TensorValue([1, head.layers.count, grid.countX, grid.countY], values)
  }

  /// Marks the cells whose centres lie within rings by the even-odd rule, row by row.
  private static func fill(
    _ rings: [[SIMD2<Double>]], grid: BEVGrid, into values: inout [Float], from start: Int
  ) {
    guard rings.allSatisfy({ $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } }) else { return }
    var crossings: [Double] = []
    for i in 0..<grid.countX {
      let x = grid.center(i, 0).x
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
        for j in columns(crossings[pair], crossings[pair + 1], grid) {
          values[start + grid.index(i, j)] = 1
        }
      }
    }
  }

  /// The columns whose centres lie in [low, high).
  private static func columns(_ low: Double, _ high: Double, _ grid: BEVGrid) -> Range<Int> {
    func first(_ y: Double) -> Int {
      let position = ((y - grid.minimumY) / grid.cellSize - 0.5).rounded(.up)
      return Int(min(max(position, 0), Double(grid.countY)))
    }
    let (from, to) = (first(low), first(high))
    return from..<max(from, to)
  }

  /// Marks the cells whose centres lie within half a width of a segment.
  private static func draw(
    _ a: SIMD2<Double>, _ b: SIMD2<Double>, width: Double, grid: BEVGrid, into values: inout [Float],
    from start: Int
  ) {
    guard a.x.isFinite, a.y.isFinite, b.x.isFinite, b.y.isFinite else { return }
    func span(_ low: Double, _ high: Double, _ minimum: Double, _ count: Int) -> Range<Int> {
      let from = min(max(((low - width - minimum) / grid.cellSize).rounded(.down), 0), Double(count))
      let to = min(max(((high + width - minimum) / grid.cellSize).rounded(.up), 0), Double(count))
      return Int(from)..<max(Int(from), Int(to))
    }
    for i in span(min(a.x, b.x), max(a.x, b.x), grid.minimumX, grid.countX) {
      for j in span(min(a.y, b.y), max(a.y, b.y), grid.minimumY, grid.countY)
      where LineTracer.distance(grid.center(i, j), from: a, to: b) <= width / 2 {
        values[start + grid.index(i, j)] = 1
      }
    }
  }
}
