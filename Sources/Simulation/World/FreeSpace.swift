import Geometry

/// What is taken, cell by cell: roads, sidewalks, and whatever stands or passes.
struct FreeSpace {
  /// Half-metre cells over the map.
  let grid: BEVGrid
  /// Where vehicles drive.
  var road: [Bool]
  /// Where people walk.
  var walk: [Bool]
  /// Where something stands or passes.
  var solid: [Bool]

  /// The space around some points.
  init(around points: [SIMD2<Double>], margin: Double) {
    var low = SIMD2(Double.infinity, .infinity)
    var high = SIMD2(-Double.infinity, -.infinity)
    for p in points {
      low = SIMD2(min(low.x, p.x), min(low.y, p.y))
      high = SIMD2(max(high.x, p.x), max(high.y, p.y))
    }
    if points.isEmpty {
      low = .zero
      high = .zero
    }
    let size = 0.5
    grid = BEVGrid(
      minimumX: (low.x - margin).rounded(.down), minimumY: (low.y - margin).rounded(.down), cellSize: size,
      countX: Int(((high.x - low.x + 2 * margin) / size).rounded(.up)) + 2,
      countY: Int(((high.y - low.y + 2 * margin) / size).rounded(.up)) + 2)
    road = Array(repeating: false, count: grid.count)
    walk = road
    solid = road
  }

  /// Marks the ground's areas.
  mutating func mark(_ areas: [GroundArea]) {
    for area in areas {
      PolygonRaster.fill(rings: [area.outline] + area.holes, over: grid) { i, range in
        for j in range {
          switch area.material {
          case .sidewalk: walk[grid.index(i, j)] = true
          case .road, .carPark, .whitePaint, .yellowPaint: road[grid.index(i, j)] = true
          case .median: solid[grid.index(i, j)] = true
          case .terrain: break
          }
        }
      }
    }
  }

  /// Marks a rectangle as taken.
  mutating func occupy(_ pose: PlanarPose, length: Double, width: Double) {
    for k in cells(pose, length: length, width: width) { solid[k] = true }
  }

  /// Whether a rectangle is free of what stands, of roads, and (unless allowed) of sidewalks.
  func isFree(_ pose: PlanarPose, length: Double, width: Double, onWalk: Bool) -> Bool {
    let found = cells(pose, length: length, width: width)
    return !found.isEmpty && found.allSatisfy { !solid[$0] && !road[$0] && (onWalk || !walk[$0]) }
  }

  /// Cells that a rectangle touches, sampled every 0.4 m and at its border; none if it leaves the grid.
  private func cells(_ pose: PlanarPose, length: Double, width: Double) -> [Int] {
    let countX = max(1, Int((length / 0.4).rounded(.up)))
    let countY = max(1, Int((width / 0.4).rounded(.up)))
    var result: [Int] = []
    for a in 0...countX {
      for b in 0...countY {
        let p = pose.point(
          ahead: length * (Double(a) / Double(countX) - 0.5), aside: width * (Double(b) / Double(countY) - 0.5))
        guard let cell = grid.cell(x: p.x, y: p.y) else { return [] }
        result.append(grid.index(cell.i, cell.j))
      }
    }
    return result
  }

  /// Metres from each cell to the nearest road cell (two passes of the 3-4 chamfer), up to `limit`.
  func distanceToRoad(limit: Double) -> [Float] {
    let far = Float(limit)
    var d = road.map { $0 ? Float(0) : far }
    let straight = Float(grid.cellSize)
    let slanted = Float(grid.cellSize * 1.3333)
    let n = grid.countY
    for i in 0..<grid.countX {
      for j in 0..<n {
        var best = d[i * n + j]
        if i > 0 {
          best = min(best, d[(i - 1) * n + j] + straight)
          if j > 0 { best = min(best, d[(i - 1) * n + j - 1] + slanted) }
          if j + 1 < n { best = min(best, d[(i - 1) * n + j + 1] + slanted) }
        }
        if j > 0 { best = min(best, d[i * n + j - 1] + straight) }
        d[i * n + j] = best
      }
    }
    for i in stride(from: grid.countX - 1, through: 0, by: -1) {
      for j in stride(from: n - 1, through: 0, by: -1) {
        var best = d[i * n + j]
        if i + 1 < grid.countX {
          best = min(best, d[(i + 1) * n + j] + straight)
          if j > 0 { best = min(best, d[(i + 1) * n + j - 1] + slanted) }
          if j + 1 < n { best = min(best, d[(i + 1) * n + j + 1] + slanted) }
        }
        if j + 1 < n { best = min(best, d[i * n + j + 1] + straight) }
        d[i * n + j] = best
      }
    }
    return d
  }
}
