import Geometry

/// The ground: a smooth surface of heights, areas of other materials than terrain, and paint.
public struct Ground: Sendable {
  /// The smooth surface.
  public var heights: HeightField
  /// Areas; where two overlap the later one lies on top. Paint is last, as thin polygons.
  public var areas: [GroundArea]

  /// The ground with these parts.
  public init(heights: HeightField, areas: [GroundArea]) {
    self.heights = heights
    self.areas = areas
  }

  /// Which area lies on top, cell by cell, around a place: the one table that LiDAR, cameras and truth look up.
  /// - Returns: `index[i * countY + j]` is the area's place in `areas` plus 1; 0 is bare terrain. A cell belongs to the
  ///   area that holds its centre.
  /// - Complexity: O(areas' edges + cells).
  public func areaIndices(over grid: BEVGrid) -> [UInt16] {
    precondition(areas.count < Int(UInt16.max), "\(areas.count) ground areas")
    var indices = [UInt16](repeating: 0, count: grid.count)
    for (k, area) in areas.enumerated() {
      PolygonRaster.fill(rings: [area.outline] + area.holes, over: grid) { i, range in
        for j in range { indices[grid.index(i, j)] = UInt16(k + 1) }
      }
    }
    return indices
  }
}

/// Heights on a regular grid, bilinear between nodes, constant outside.
public struct HeightField: Sendable, Hashable {
  /// The first node, in metres.
  public let minimumX: Double, minimumY: Double
  /// Metres between nodes.
  public let spacing: Double
  /// Nodes along x and y.
  public let countX: Int, countY: Int
  /// `[i * countY + j]`, in metres.
  public let values: [Float]

  /// The field of these heights.
  /// - Precondition: `values.count == countX * countY`, at least one node, spacing above 0.
  public init(
    minimumX: Double, minimumY: Double, spacing: Double, countX: Int, countY: Int, values: [Float]
  ) {
    precondition(
      spacing > 0 && countX > 0 && countY > 0 && values.count == countX * countY,
      "\(values.count) heights for \(countX) x \(countY) every \(spacing) m")
    self.minimumX = minimumX
    self.minimumY = minimumY
    self.spacing = spacing
    self.countX = countX
    self.countY = countY
    self.values = values
  }

  /// A level plane.
  public init(level z: Double) {
    self.init(minimumX: 0, minimumY: 0, spacing: 1, countX: 1, countY: 1, values: [Float(z)])
  }

  /// The height at a place.
  public func height(_ p: SIMD2<Double>) -> Double {
    let u = min(max((p.x - minimumX) / spacing, 0), Double(countX - 1))
    let v = min(max((p.y - minimumY) / spacing, 0), Double(countY - 1))
    let i = min(Int(u), max(countX - 2, 0))
    let j = min(Int(v), max(countY - 2, 0))
    let i1 = min(i + 1, countX - 1)
    let j1 = min(j + 1, countY - 1)
    let fu = u - Double(i)
    let fv = v - Double(j)
    let a = Double(values[i * countY + j])
    let b = Double(values[i * countY + j1])
    let c = Double(values[i1 * countY + j])
    let d = Double(values[i1 * countY + j1])
    return (a * (1 - fv) + b * fv) * (1 - fu) + (c * (1 - fv) + d * fv) * fu
  }

  /// The upward unit normal at a place, from differences half a spacing either way.
  public func normal(_ p: SIMD2<Double>) -> SIMD3<Double> {
    let h = max(spacing / 2, 0.25)
    let dx = (height(p + SIMD2(h, 0)) - height(p - SIMD2(h, 0))) / (2 * h)
    let dy = (height(p + SIMD2(0, h)) - height(p - SIMD2(0, h))) / (2 * h)
    let n = SIMD3(-dx, -dy, 1)
    return n / n.length
  }
}

/// Fills polygons over a grid, line by line.
public enum PolygonRaster {
  /// Calls `span(i, range of j)` for runs of cells whose centres lie inside the rings (even-odd rule).
  public static func fill(rings: [Polygon], over grid: BEVGrid, span: (Int, Range<Int>) -> Void) {
    var lowest = Double.infinity
    var highest = -Double.infinity
    for ring in rings {
      for p in ring.points {
        lowest = min(lowest, p.x)
        highest = max(highest, p.x)
      }
    }
    guard lowest <= highest else { return }
    let size = grid.cellSize
    let first = max(0, ((lowest - grid.minimumX) / size - 0.5).rounded(.up))
    let last = min(Double(grid.countX - 1), ((highest - grid.minimumX) / size - 0.5).rounded(.down))
    guard first <= last else { return }
    var crossings: [Double] = []
    for i in Int(first)...Int(last) {
      let x = grid.minimumX + (Double(i) + 0.5) * size
      crossings.removeAll(keepingCapacity: true)
      for ring in rings {
        guard var b = ring.points.last else { continue }
        for a in ring.points {
          if (a.x > x) != (b.x > x) { crossings.append((b.y - a.y) * (x - a.x) / (b.x - a.x) + a.y) }
          b = a
        }
      }
      crossings.sort()
      var k = 0
      while k + 1 < crossings.count {
        let from = max(0, ((crossings[k] - grid.minimumY) / size - 0.5).rounded(.up))
        let to = min(Double(grid.countY), ((crossings[k + 1] - grid.minimumY) / size - 0.5).rounded(.up))
        if from < to { span(i, Int(from)..<Int(to)) }
        k += 2
      }
    }
  }
}
