import Geometry
import PointClouds
import Scenes

/// How an object moves, as the sweeps before the keyframe show it.
struct MotionEstimate: Sendable, Hashable {
  /// Velocity over the ground along the axes of the ego frame, in m/s.
  var velocity: SIMD2<Float>
  /// Standard deviation of each component, in m/s.
  var deviation: Float
}

/// The motion that shows within one accumulated cloud: where an object's columns stood in the sweeps before.
///
/// A velocity is believed where the object's columns, moved back in time, meet columns of earlier sweeps that have gone
/// since. Columns that still stand belong to something else, so a parked neighbour of the same shape is no match.
struct SweepMotion: Sendable {
  /// What decides between standing and moving.
  ///
  /// Chosen on five simulated drives (`apus simulate --seed 501 --scenes 5 --lidar-hz 10`).
  private enum Threshold {
    /// The share of columns that were there before, from which on an object stands without further search.
    static let surelyStanding: Float = 0.97
    /// The share from which on an object that no motion explains is said to stand.
    static let standing: Float = 0.6
    /// The share that a motion must explain, by how much it must beat standing still, and the part that it may leave of
    /// what standing still does not explain.
    static let moving: Float = 0.6, advantage: Float = 0.05, remainder: Float = 0.6
    /// Slower than this, in m/s, an object stands.
    static let leastSpeed: Float = 0.5
  }
  /// Ages at which earlier sweeps are compared with the keyframe's, in seconds; the nearest within half of each is taken.
  private static let ages: [Float] = [0.12, 0.25, 0.45]
  /// The most columns of an object that the search compares.
  private static let searchedColumns = 32

  /// The sweeps compared with, newest first; those behind the first `usedCount` only keep their memory.
  private var layers: [SweepLayer] = []
  private var usedCount = 0

  /// Takes the sweeps before the keyframe's.
  /// - Parameters:
  ///   - keyframe: the keyframe's columns, and its place among the cloud's sources.
  ///   - heights: of all points above the ground, in metres.
  /// - Complexity: O(points of three sweeps).
  mutating func collect(
    _ cloud: AccumulatedCloud, heights: [Float], keyframe: ObstacleColumns, source: AccumulatedCloud.Source
  ) {
    var chosen: [(age: Float, source: AccumulatedCloud.Source)] = []
    let earlier = cloud.sources.compactMap { other -> (age: Float, source: AccumulatedCloud.Source)? in
      let (difference, overflow) = source.timestampMicroseconds.subtractingReportingOverflow(
        other.timestampMicroseconds)
      guard !overflow, difference > 0 else { return nil }
      return (Float(Double(difference) * 1e-6), other)
    }
    for wanted in Self.ages {
      let nearest = earlier.min { abs($0.age - wanted) < abs($1.age - wanted) }
      guard let nearest, abs(nearest.age - wanted) <= wanted / 2,
        !chosen.contains(where: { $0.age == nearest.age })
      else { continue }
      chosen.append(nearest)
    }
    while layers.count < chosen.count { layers.append(SweepLayer()) }
    usedCount = chosen.count
    for (k, other) in chosen.enumerated() {
      layers[k].collect(
        cloud.points, range: other.source.range, heights: heights, age: other.age, keyframe: keyframe)
    }
  }

  /// The motion of an object, or nil where the earlier sweeps do not tell.
  /// - Parameter columns: the keyframe's columns, in which the proposal's members have their places.
  /// - Complexity: O(velocities tried x 32) at most; O(members) for what surely stands.
  func estimate(_ proposal: ObjectProposal, columns: ObstacleColumns) -> MotionEstimate? {
    let used = layers.prefix(usedCount)
    guard let oldest = used.last else { return nil }
    let body = MovingBody(proposal, columns: columns)
    let standing = body.support(of: .zero, in: used)
    let deviation = 0.1 + 0.15 / oldest.age
    if standing >= Threshold.surelyStanding { return MotionEstimate(velocity: .zero, deviation: deviation) }
    let searched = body.thinned(to: Self.searchedColumns)
    let candidates = Self.velocities(of: proposal, age: oldest.age)
    let supports = candidates.map { searched.support(of: $0, in: used.suffix(1)) }
    var best = Self.middle(of: candidates, supports, within: 2.5 * ObstacleColumns.cellSize / oldest.age)
    best = body.refined(best, in: used)
    let bestSupport = body.support(of: best, in: used)
    let speed = (best.x * best.x + best.y * best.y).squareRoot()
    if speed >= Threshold.leastSpeed, bestSupport >= Threshold.moving,
      bestSupport >= standing + Threshold.advantage,
      1 - bestSupport <= Threshold.remainder * (1 - standing)
    {
      return MotionEstimate(velocity: best, deviation: deviation)
    }
    guard standing >= Threshold.standing else { return nil }
    return MotionEstimate(velocity: .zero, deviation: 2 * deviation)
  }

  /// The middle of the velocities that explain nearly as much as the best (the slowest of the best), around it.
  private static func middle(
    of candidates: [SIMD2<Float>], _ supports: [Float], within reach: Float
  ) -> SIMD2<Float> {
    guard let most = supports.max(), let first = supports.firstIndex(of: most) else { return .zero }
    var sum = SIMD2<Float>.zero
    var count: Float = 0
    for (velocity, support) in zip(candidates, supports) where support >= most - 0.04 {
      let d = velocity - candidates[first]
      guard d.x * d.x + d.y * d.y <= reach * reach else { continue }
      sum += velocity
      count += 1
    }
    return sum / count
  }

  /// Velocities to try, slower ones first: along both axes of a vehicle's box, with a little drift, and in all directions
  /// for what is small. Steps are a cell's width at the oldest sweep.
  private static func velocities(of proposal: ObjectProposal, age: Float) -> [SIMD2<Float>] {
    let step = ObstacleColumns.cellSize / age
    var found: [SIMD2<Float>] = []
    if proposal.shape.isVehicle {
      let u = direction(proposal.yaw)
      let v = SIMD2(-u.y, u.x)
      let along = Int(40 / step), across = Int(15 / step)
      for k in 1...max(along, 1) {
        for drift in -2...2 {
          let d = Float(drift) * step * 1.5
          found.append(u * (Float(k) * step) + v * d)
          found.append(u * (-Float(k) * step) + v * d)
          guard k <= across else { continue }
          found.append(v * (Float(k) * step) + u * d)
          found.append(v * (-Float(k) * step) + u * d)
        }
      }
    } else {
      let fastest: Float = proposal.shape.name == .pedestrian ? 3 : 15
      let reach = Int(fastest / step)
      for i in -reach...reach {
        for j in -reach...reach where i * i + j * j <= reach * reach && (i, j) != (0, 0) {
          found.append(SIMD2(Float(i), Float(j)) * step)
        }
      }
      found.sort { ($0.x * $0.x + $0.y * $0.y, $0.x, $0.y) < ($1.x * $1.x + $1.y * $1.y, $1.x, $1.y) }
    }
    return found
  }
}

/// An object's columns, which are moved back in time.
private struct MovingBody {
  var places: [SIMD2<Float>]
  let center: SIMD2<Float>
  let axis: SIMD2<Float>
  /// Half length and width, and a cell and a half around them.
  let half: SIMD2<Float>

  init(_ proposal: ObjectProposal, columns: ObstacleColumns) {
    places = proposal.columns.map { columns.columns[Int($0)].position }
    center = proposal.center
    axis = direction(proposal.yaw)
    half = SIMD2(proposal.length, proposal.width) / 2 + 1.5 * ObstacleColumns.cellSize
  }

  /// Every so many-th column, at most `count` of them.
  func thinned(to count: Int) -> MovingBody {
    var result = self
    let step = (places.count + count - 1) / count
    result.places = stride(from: 0, to: places.count, by: max(step, 1)).map { places[$0] }
    return result
  }

  /// Whether a place lies within the object's own footprint, where earlier columns may be its own though they still stand.
  private func covers(_ q: SIMD2<Float>) -> Bool {
    let d = q - center
    return abs(d.x * axis.x + d.y * axis.y) <= half.x && abs(d.y * axis.x - d.x * axis.y) <= half.y
  }

  /// The share of columns that, moved back at a velocity, meet earlier columns of the object's own: the mean over sweeps.
  func support(of velocity: SIMD2<Float>, in layers: ArraySlice<SweepLayer>) -> Float {
    var sum: Float = 0
    for layer in layers {
      var hits = 0
      for place in places {
        let q = place - velocity * layer.age
        guard let c = ObstacleColumns.cell(q.x, q.y) else { continue }
        if layer.isGone(at: c) || (layer.isOccupied(at: c) && covers(q)) { hits += 1 }
      }
      sum += Float(hits) / Float(places.count)
    }
    return sum / Float(layers.count)
  }

  /// A velocity brought closer by matching each column with the nearest earlier one: least squares over the sweeps.
  func refined(_ velocity: SIMD2<Float>, in layers: ArraySlice<SweepLayer>) -> SIMD2<Float> {
    var velocity = velocity
    for _ in 0..<3 {
      var numerator = SIMD2<Float>.zero
      var denominator: Float = 0
      for layer in layers {
        for place in places {
          let q = place - velocity * layer.age
          guard let nearest = layer.nearestColumn(to: q, where: covers(q)) else { continue }
          numerator += (q - nearest) * layer.age
          denominator += layer.age * layer.age
        }
      }
      guard denominator > 0 else { break }
      velocity += numerator / denominator
    }
    return velocity
  }
}

/// What stood in one earlier sweep, and what of it is gone in the keyframe's.
private struct SweepLayer: Sendable {
  private(set) var age: Float = 0
  private var columns = ObstacleColumns()
  /// By cell: bit 0, a column in or beside it; bit 1, one that is gone.
  private var marks = [UInt8](repeating: 0, count: ObstacleColumns.side * ObstacleColumns.side)
  private var marked: [Int32] = []
  private var isGoneColumn: [Bool] = []

  mutating func collect(
    _ cloud: PointCloud, range: Range<Int>, heights: [Float], age: Float, keyframe: ObstacleColumns
  ) {
    self.age = age
    columns.collect(cloud, range: range, heights: heights)
    for c in marked { marks[Int(c)] = 0 }
    marked.removeAll(keepingCapacity: true)
    isGoneColumn.removeAll(keepingCapacity: true)
    for at in columns.coordinates {
      var stillStands = false
      forEachNeighbor(of: at, reach: 1) { if keyframe.place[$0] >= 0 { stillStands = true } }
      isGoneColumn.append(!stillStands)
      let mark: UInt8 = stillStands ? 1 : 3
      forEachNeighbor(of: at, reach: 1) { c in
        if marks[c] == 0 { marked.append(Int32(truncatingIfNeeded: c)) }
        marks[c] |= mark
      }
    }
  }

  func isOccupied(at cell: Int) -> Bool { marks[cell] & 1 != 0 }
  func isGone(at cell: Int) -> Bool { marks[cell] & 2 != 0 }

  /// The nearest column within two cells: one that is gone, or any within the object's own footprint.
  func nearestColumn(to q: SIMD2<Float>, where isOwn: Bool) -> SIMD2<Float>? {
    guard let c = ObstacleColumns.cell(q.x, q.y) else { return nil }
    let side = ObstacleColumns.side
    var best: SIMD2<Float>?
    var least = Float.infinity
    forEachNeighbor(of: SIMD2(Int32(c / side), Int32(c % side)), reach: 2) { other in
      let k = Int(columns.place[other])
      guard k >= 0, isOwn || isGoneColumn[k] else { return }
      let d = columns.columns[k].position - q
      let squared = d.x * d.x + d.y * d.y
      if squared < least {
        least = squared
        best = columns.columns[k].position
      }
    }
    return best
  }
}

/// Calls `body` for each cell of the grid within `reach` cells of one.
@inline(__always)
private func forEachNeighbor(of at: SIMD2<Int32>, reach: Int, _ body: (_ cell: Int) -> Void) {
  let side = ObstacleColumns.side
  let (i, j) = (Int(at.x), Int(at.y))
  for a in max(i - reach, 0)...min(i + reach, side - 1) {
    for b in max(j - reach, 0)...min(j + reach, side - 1) { body(a * side + b) }
  }
}
