import PointClouds
import Scenes

/// What stands on the ground, as a grid of narrow columns: the cells in which a sweep has returns near the ground.
///
/// In a column only the part that reaches down counts: branches above a parked car, with a gap between, are not the car.
struct ObstacleColumns: Sendable {
  /// The side of a cell in metres, and of the grid in cells; the grid is centred on the ego.
  static let cellSize: Float = 0.2
  static let side = 512
  /// Height of a level of the columns in metres; 32 levels.
  static let levelHeight: Float = 0.25

  /// One occupied cell.
  struct Column: Sendable {
    /// The mean position of its points in metres.
    var position: SIMD2<Float>
    /// Lowest and highest point of the part that stands, in metres above the ground.
    var bottom: Float, top: Float
    /// The number of points of the part that stands.
    var points: Float
    /// The mean intensity.
    var intensity: Float
  }

  private(set) var columns: [Column] = []
  /// Cell coordinates of each column.
  private(set) var coordinates: [SIMD2<Int32>] = []

  /// 1 for a cell with a return from the ground.
  private(set) var ground = [UInt8](repeating: 0, count: side * side)
  private var levels = [UInt32](repeating: 0, count: side * side)
  /// The place in `columns` of each cell's column, or -1.
  private(set) var place = [Int32](repeating: -1, count: side * side)
  private var touchedGround: [Int32] = []
  private var touched: [Int32] = []

  /// Collects the columns of a sweep. Points lower than `minimumHeight` are the ground's.
  mutating func collect(
    _ cloud: PointCloud, range: Range<Int>, heights: [Float], minimumHeight: Float = 0.2
  ) {
    for c in touched {
      levels[Int(c)] = 0
      place[Int(c)] = -1
    }
    for c in touchedGround { ground[Int(c)] = 0 }
    touched.removeAll(keepingCapacity: true)
    touchedGround.removeAll(keepingCapacity: true)
    columns.removeAll(keepingCapacity: true)
    coordinates.removeAll(keepingCapacity: true)
    for p in range {
      guard let c = Self.cell(cloud.x[p], cloud.y[p]), heights[p] > -0.3, heights[p] < 8 else { continue }
      guard heights[p] > minimumHeight else {
        if ground[c] == 0 { touchedGround.append(Int32(truncatingIfNeeded: c)) }
        ground[c] = 1
        continue
      }
      if levels[c] == 0 { touched.append(Int32(truncatingIfNeeded: c)) }
      levels[c] |= 1 << UInt32(heights[p] / Self.levelHeight)
    }
    touched.sort()
    for c in touched { reduceToStanding(Int(c)) }
    for p in range {
      guard let c = Self.cell(cloud.x[p], cloud.y[p]), heights[p] > minimumHeight, heights[p] < 8,
        place[c] >= 0, levels[c] & (1 << UInt32(heights[p] / Self.levelHeight)) != 0
      else { continue }
      add(p, of: cloud, height: heights[p], to: Int(place[c]))
    }
    for k in columns.indices {
      columns[k].position /= columns[k].points
      columns[k].intensity /= columns[k].points
    }
  }

  @inline(__always)
  static func cell(_ x: Float, _ y: Float) -> Int? {
    let half = Float(side / 2) * cellSize
    guard x >= -half, y >= -half, x < half, y < half else { return nil }
    let i = min(Int((x + half) / cellSize), side - 1)
    let j = min(Int((y + half) / cellSize), side - 1)
    return i * side + j
  }

  /// The share of a footprint, less a border of `inset` metres, in which the ground was seen: where an object stands,
  /// it hides the ground.
  /// - Complexity: O(area).
  func groundShare(of proposal: ObjectProposal, inset: Float) -> Float {
    let u = direction(proposal.yaw)
    let half = SIMD2(max(proposal.length / 2 - inset, 0.1), max(proposal.width / 2 - inset, 0.1))
    var seen: Float = 0
    var all: Float = 0
    for a in stride(from: -half.x, through: half.x, by: Self.cellSize) {
      for b in stride(from: -half.y, through: half.y, by: Self.cellSize) {
        let q = proposal.center + SIMD2(a * u.x - b * u.y, a * u.y + b * u.x)
        guard let c = Self.cell(q.x, q.y) else { continue }
        all += 1
        if ground[c] != 0 && place[c] < 0 { seen += 1 }
      }
    }
    return all > 0 ? seen / all : 0
  }

  /// The number of columns in and around a footprint (within `margin` metres) that reach above `height`.
  /// - Complexity: O(area).
  func tallColumns(around proposal: ObjectProposal, margin: Float, above height: Float) -> Int {
    let u = direction(proposal.yaw)
    let half = SIMD2(proposal.length / 2 + margin, proposal.width / 2 + margin)
    var count = 0
    for a in stride(from: -half.x, through: half.x, by: Self.cellSize) {
      for b in stride(from: -half.y, through: half.y, by: Self.cellSize) {
        let q = proposal.center + SIMD2(a * u.x - b * u.y, a * u.y + b * u.x)
        guard let c = Self.cell(q.x, q.y), place[c] >= 0 else { continue }
        if columns[Int(place[c])].top > height { count += 1 }
      }
    }
    return count
  }

  /// Keeps the lowest run of levels with gaps of at most 0.75 m, if it begins below 1.75 m.
  private mutating func reduceToStanding(_ c: Int) {
    let mask = levels[c]
    guard mask.trailingZeroBitCount < 7 else { return }
    var kept: UInt32 = 0
    var gap = 0
    for level in mask.trailingZeroBitCount..<32 {
      if mask & (1 << UInt32(level)) != 0 {
        kept |= 1 << UInt32(level)
        gap = 0
      } else {
        gap += 1
        if gap > 3 { break }
      }
    }
    levels[c] = kept
    place[c] = Int32(truncatingIfNeeded: columns.count)
    columns.append(Column(position: .zero, bottom: .infinity, top: 0, points: 0, intensity: 0))
    coordinates.append(SIMD2(Int32(c / Self.side), Int32(c % Self.side)))
  }

  private mutating func add(_ p: Int, of cloud: PointCloud, height: Float, to k: Int) {
    columns[k].position += SIMD2(cloud.x[p], cloud.y[p])
    columns[k].bottom = min(columns[k].bottom, height)
    columns[k].top = max(columns[k].top, height)
    columns[k].points += 1
    columns[k].intensity += cloud.intensity[p]
  }
}
