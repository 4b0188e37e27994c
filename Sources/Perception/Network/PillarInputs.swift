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
  /// The points that are kept where there are too many, and which those are.
  private var chosen = PointCloud()
  private var isInside: [UInt8] = [], places: [Int32] = []
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
    let overCapacity = choose(cloud)
    let kept = overCapacity > 0 ? chosen : cloud.points
    let voxels = voxelizer.voxels(of: kept, layout: layout, threads: threads)
    precondition(voxels.count <= cells.count, "\(voxels.count) pillars for \(cells.count)")
    place(voxels, starts.integers, cells.integers)
    decorate(points.floats, kept, voxels, threads: threads)
    clear(cells.integers, from: voxels.count)
    usedPillars = voxels.count
    return Summary(points: voxels.points.count, pillars: voxels.count, overCapacity: overCapacity)
  }

  /// Marks pillars unused that the frame before used.
  private func clear(_ cells: UnsafeMutablePointer<Int64>, from first: Int) {
    for v in first..<max(first, usedPillars) { cells[v] = -1 }
  }

  /// Collects in `chosen` as many points within the grid as fit, where all do not: those of the newest sweeps, the last
  /// of these thinned evenly.
  /// - Returns: how many do not fit.
  private mutating func choose(_ cloud: AccumulatedCloud) -> Int {
    let points = cloud.points
    guard points.count > pointCapacity else { return 0 }
    if isInside.count < points.count { isInside = [UInt8](repeating: 0, count: points.count) }
    let inside = cloud.sources.map { markInside(points, $0.range) }
    let excess = inside.reduce(0, +) - pointCapacity
    guard excess > 0 else { return 0 }
    if chosen.isEmpty {
      chosen = PointCloud(zeros: pointCapacity)
      places = [Int32](repeating: 0, count: pointCapacity)
    }
    let newestFirst = cloud.sources.indices.sorted {
      (cloud.sources[$1].timestampMicroseconds, $0) < (cloud.sources[$0].timestampMicroseconds, $1)
    }
    var count = 0
    for s in newestFirst where count < pointCapacity {
      let wanted = min(inside[s], pointCapacity - count)
      var rank = 0
      for p in cloud.sources[s].range where isInside[p] != 0 {
        if wanted == inside[s] || (rank + 1) * wanted / inside[s] > rank * wanted / inside[s] {
          places[count] = Int32(truncatingIfNeeded: p)
          count += 1
        }
        rank += 1
      }
    }
    Self.gather(points.x, places, into: &chosen.x)
    Self.gather(points.y, places, into: &chosen.y)
    Self.gather(points.z, places, into: &chosen.z)
    Self.gather(points.intensity, places, into: &chosen.intensity)
    Self.gather(points.age, places, into: &chosen.age)
    return excess
  }

  private static func gather(_ column: [Float], _ places: [Int32], into target: inout [Float]) {
    column.withUnsafeBufferPointer { column in
      target.withUnsafeMutableBufferPointer { target in
        places.withUnsafeBufferPointer { places in
          for k in places.indices { target[k] = column[Int(places[k])] }
        }
      }
    }
  }

  /// Marks the points of a sweep that lie within the grid, and counts them.
  private mutating func markInside(_ points: PointCloud, _ range: Range<Int>) -> Int {
    let low = SIMD3<Float>(layout.minimum)
    let high = SIMD3<Float>(layout.minimum + layout.cellSize * SIMD3<Double>(layout.counts))
    var count = 0
    isInside.withUnsafeMutableBufferPointer { marks in
      points.x.withUnsafeBufferPointer { x in
        points.y.withUnsafeBufferPointer { y in
          points.z.withUnsafeBufferPointer { z in
            for p in range {
              let first = (x[p] >= low.x ? 1 : 0) & (x[p] < high.x ? 1 : 0) & (y[p] >= low.y ? 1 : 0)
              let mark = first & (y[p] < high.y ? 1 : 0) & (z[p] >= low.z ? 1 : 0) & (z[p] < high.z ? 1 : 0)
              marks[p] = UInt8(truncatingIfNeeded: mark)
              count &+= mark
            }
          }
        }
      }
    }
    return count
  }

  private func place(
    _ voxels: Voxels, _ starts: UnsafeMutablePointer<Int64>, _ cells: UnsafeMutablePointer<Int64>
  ) {
    for v in 0..<voxels.count { cells[v] = Int64(voxels.cells[v]) }
    for v in voxels.starts.indices { starts[v] = Int64(voxels.starts[v]) }
  }

  /// Writes each point's features in the order of the pillars.
  private func decorate(
    _ features: UnsafeMutablePointer<Float>, _ cloud: PointCloud, _ voxels: Voxels, threads: Int
  ) {
    cloud.x.withUnsafeBufferPointer { x in
      cloud.y.withUnsafeBufferPointer { y in
        cloud.z.withUnsafeBufferPointer { z in
          cloud.intensity.withUnsafeBufferPointer { intensity in
            cloud.age.withUnsafeBufferPointer { age in
              let columns = Columns(x: x, y: y, z: z, intensity: intensity, age: age)
              voxels.points.withUnsafeBufferPointer { order in
                KernelContext(threads: threads).parallel(voxels.count, grain: 512) { range in
                  for v in range { decorate(v, of: voxels, order, columns, into: features) }
                }
              }
            }
          }
        }
      }
    }
  }

  private struct Columns {
    let x: UnsafeBufferPointer<Float>, y: UnsafeBufferPointer<Float>, z: UnsafeBufferPointer<Float>
    let intensity: UnsafeBufferPointer<Float>, age: UnsafeBufferPointer<Float>

    @inline(__always)
    func position(_ p: Int) -> SIMD3<Float> { SIMD3(x[p], y[p], z[p]) }
  }

  /// One pillar's points.
  private func decorate(
    _ v: Int, of voxels: Voxels, _ order: UnsafeBufferPointer<Int32>, _ cloud: Columns,
    into features: UnsafeMutablePointer<Float>
  ) {
    let side = Float(1 / grid.cellSize)
    let reach = Float(2 / max(grid.maximumX - grid.minimumX, grid.maximumY - grid.minimumY))
    let members = Int(voxels.starts[v])..<Int(voxels.starts[v + 1])
    let first = cloud.position(Int(order[members.lowerBound]))
    var sum = SIMD3<Float>.zero
    for k in members { sum += cloud.position(Int(order[k])) - first }
    let mean = first + sum / Float(members.count)
    let center = voxels.layout.center(voxels.cells[v])
    let middle = SIMD2(Float(center.x), Float(center.y))
    for k in members {
      let p = Int(order[k]), point = features + k * Self.featureCount
      let position = cloud.position(p)
      point[0] = position.x * reach
      point[1] = position.y * reach
      point[2] = position.z / 4
      point[3] = cloud.intensity[p] / 255
      point[4] = (position.x - mean.x) * side
      point[5] = (position.y - mean.y) * side
      point[6] = position.z - mean.z
      point[7] = (position.x - middle.x) * side
      point[8] = (position.y - middle.y) * side
      point[9] = cloud.age[p] * 2
    }
  }
}

extension PointCloud {
  /// `count` points at the origin.
  fileprivate init(zeros count: Int) {
    let column = [Float](repeating: 0, count: count)
    self.init(x: column, y: column, z: column, intensity: column, ring: column, age: column)
  }
}
