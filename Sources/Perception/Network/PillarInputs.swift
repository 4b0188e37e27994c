import Geometry
import NeuralEngine
import PointClouds
import Scenes

/// A cloud as the pillar encoder's inputs: decorated points sorted by pillar, in memory that a plan owns.
///
/// A point has ten features: PointPillars' nine (place, intensity, offset from the mean of its pillar's points, offset
/// from the pillar's middle) and its age. They are scaled to the order of 1: places by the grid's half extent, heights by
/// 4 m, offsets by a pillar's side, intensity by 255, age by 0.5 s. The result is the same at any number of threads.
/// - Source: Lang et al., PointPillars, CVPR 2019, section 2.1.
public struct PillarInputs: Sendable {
  /// The pillars' grid.
  public let grid: BEVGrid
  private let layout: VoxelLayout
  private let pointCapacity: Int
  private var voxelizer = Voxelizer()
  private var isKept: [Bool] = []
  private var usedPillars = 0

  /// Features of a point.
  public static let featureCount = PerceptionNetwork.pointFeatures

  /// What a frame's points became.
  public struct Summary: Sendable, Hashable {
    /// Points and pillars that the network sees.
    public var points: Int, pillars: Int
    /// Points within the grid that did not fit: of the oldest sweeps, or a sweep thinned evenly.
    public var overCapacity: Int
  }

  /// Inputs of a network's LiDAR branch over a grid.
  /// - Throws: `PointCloudsError` for a lattice that is too large.
  public init(_ branch: NetworkConfiguration.LidarBranch, grid: BEVGrid) throws {
    self.grid = branch.pillarGrid(over: grid)
    layout = try .pillars(over: self.grid, z: branch.minimumHeight...branch.maximumHeight)
    pointCapacity = branch.pointCapacity
  }

  /// Writes a frame's cloud; none: no pillar is used.
  ///
  /// - Parameters:
  ///   - points: `[capacity, 10]`; rows after the last point are left as they are.
  ///   - starts: int64 `[pillars + 1]`.
  ///   - cells: int64 `[pillars]`; -1 for unused pillars.
  /// - Complexity: O(points).
  public mutating func write(
    _ cloud: AccumulatedCloud?, points: MutableTensorView, starts: MutableTensorView,
    cells: MutableTensorView,
    threads: Int = 1
  ) -> Summary {
    precondition(points.shape == [pointCapacity, Self.featureCount], "points \(points.shape)")
    guard let cloud else {
      clear(cells.integers, from: 0)
      usedPillars = 0
      return Summary(points: 0, pillars: 0, overCapacity: 0)
    }
    let voxels = voxelizer.voxels(of: cloud.points, layout: layout, threads: threads)
    let overCapacity = choose(voxels, cloud)
    let used = place(voxels, cloud.points, points.floats, starts.integers, cells.integers, cells.count)
    decorate(points.floats, starts.integers, cells.integers, used.pillars, threads: threads)
    clear(cells.integers, from: used.pillars)
    usedPillars = used.pillars
    return Summary(points: used.points, pillars: used.pillars, overCapacity: overCapacity)
  }

  /// Marks pillars unused that the frame before used.
  private func clear(_ cells: UnsafeMutablePointer<Int64>, from first: Int) {
    for v in first..<max(first, usedPillars) { cells[v] = -1 }
  }

  /// Says which points are kept: all, or those of the newest sweeps, the last of these thinned evenly.
  /// - Returns: how many are not.
  private mutating func choose(_ voxels: Voxels, _ cloud: AccumulatedCloud) -> Int {
    let excess = voxels.points.count - pointCapacity
    if isKept.count < cloud.points.count { isKept = [Bool](repeating: true, count: cloud.points.count) }
    for p in 0..<cloud.points.count { isKept[p] = excess <= 0 }
    guard excess > 0 else { return 0 }
    for p in voxels.points { isKept[Int(p)] = true }
    let newestFirst = cloud.sources.indices.sorted {
      (cloud.sources[$1].timestampMicroseconds, $0) < (cloud.sources[$0].timestampMicroseconds, $1)
    }
    var room = pointCapacity
    for s in newestFirst {
      let range = cloud.sources[s].range
      let inside = range.reduce(0) { $0 + (isKept[$1] ? 1 : 0) }
      let wanted = min(inside, room)
      var rank = 0
      for p in range where isKept[p] {
        isKept[p] = (rank + 1) * wanted / inside > rank * wanted / inside
        rank += 1
      }
      room -= wanted
    }
    return excess
  }

  /// Writes the kept points' own features in the order of their pillars.
  private func place(
    _ voxels: Voxels, _ cloud: PointCloud, _ features: UnsafeMutablePointer<Float>,
    _ starts: UnsafeMutablePointer<Int64>, _ cells: UnsafeMutablePointer<Int64>, _ capacity: Int
  ) -> (points: Int, pillars: Int) {
    var row = 0, pillar = 0
    for v in 0..<voxels.count {
      let first = row
      for k in Int(voxels.starts[v])..<Int(voxels.starts[v + 1]) where isKept[Int(voxels.points[k])] {
        let p = Int(voxels.points[k])
        let out = features + row * Self.featureCount
        out[0] = cloud.x[p]
        out[1] = cloud.y[p]
        out[2] = cloud.z[p]
        out[3] = cloud.intensity[p]
        out[9] = cloud.age[p]
        row += 1
      }
      guard row > first else { continue }
      precondition(pillar < capacity, "more than \(capacity) pillars")
      starts[pillar] = Int64(first)
      cells[pillar] = Int64(voxels.cells[v])
      pillar += 1
    }
    starts[pillar] = Int64(row)
    return (row, pillar)
  }

  /// Adds offsets from the pillar's mean and middle, and scales.
  private func decorate(
    _ features: UnsafeMutablePointer<Float>, _ starts: UnsafeMutablePointer<Int64>,
    _ cells: UnsafeMutablePointer<Int64>, _ pillars: Int, threads: Int
  ) {
    let side = Float(1 / grid.cellSize)
    let reach = Float(2 / max(grid.maximumX - grid.minimumX, grid.maximumY - grid.minimumY))
    KernelContext(threads: threads).parallel(pillars, grain: 512) { range in
      for v in range {
        let rows = Int(starts[v])..<Int(starts[v + 1])
        let origin = features + rows.lowerBound * Self.featureCount
        let first = SIMD3(origin[0], origin[1], origin[2])
        var sum = SIMD3<Float>.zero
        for row in rows {
          let point = features + row * Self.featureCount
          sum += SIMD3(point[0], point[1], point[2]) - first
        }
        let mean = first + sum / Float(rows.count)
        let middle = grid.center(Int(cells[v]) / grid.countY, Int(cells[v]) % grid.countY)
        for row in rows {
          let point = features + row * Self.featureCount
          let (x, y, z) = (point[0], point[1], point[2])
          point[0] = x * reach
          point[1] = y * reach
          point[2] = z / 4
          point[3] /= 255
          point[4] = (x - mean.x) * side
          point[5] = (y - mean.y) * side
          point[6] = z - mean.z
          point[7] = (x - Float(middle.x)) * side
          point[8] = (y - Float(middle.y)) * side
          point[9] *= 2
        }
      }
    }
  }
}
