import Algorithms
internal import CVectorKernels
import Geometry
import NeuralEngine
import PointClouds
import Scenes

/// A cloud as the pillar encoder's inputs: points sorted by pillar, in memory that a plan owns.
///
/// PointPillars decorates a point with its place, its intensity, its offset from the mean of its pillar's points and from
/// the pillar's middle; the point's age is added. Here these are two tables, `[point, 5]`: offset from the middle along
/// x and y, height, intensity, age; and, once a pillar, `[pillar, 5]`: the middle, and the points' mean offset from it and
/// mean height. Each of the paper's features is a sum of these, so that a linear layer over both is the paper's.
///
/// All are scaled to the order of 1: places by the grid's half extent, offsets by a pillar's side, heights by 4 m, intensity
/// by 255, age by 0.5 s. The result is the same at any number of threads.
/// - Source: Lang et al., PointPillars, CVPR 2019, section 2.1.
public struct PillarInputs: Sendable {
  /// Features of a point, and those that a pillar's points share.
  public static let pointFeatures = 5, sharedFeatures = 5

  /// The pillars' grid.
  public let grid: BEVGrid
  private let layout: VoxelLayout
  private let pointCapacity: Int
  /// Each point's cell, -1 where the network does not see it.
  private var cellOfPoint: [Int32] = []
  /// Of each cell: how many points it has, then where the next of them goes.
  private var cursors: [Int32]
  private var usedPillars = 0

  /// What a frame's points became.
  public struct Summary: Sendable, Hashable {
    /// Points and pillars that the network sees.
    public var points: Int, pillars: Int
    /// Points within the grid that did not fit: of the oldest sweeps, or a sweep thinned evenly.
    public var overCapacity: Int
  }

  /// The tensors that a frame is written to.
  public struct Target {
    var points: UnsafeMutablePointer<Float>, shared: UnsafeMutablePointer<Float>
    var starts: UnsafeMutablePointer<Int64>, cells: UnsafeMutablePointer<Int64>

    /// - Parameters:
    ///   - points: `[capacity, 5]`; rows after the last point are left as they are.
    ///   - shared: `[pillars, 5]`; as `points`.
    ///   - starts: int64 `[pillars + 1]`.
    ///   - cells: int64 `[pillars]`; -1 for unused pillars.
    public init(
      points: MutableTensorView, shared: MutableTensorView, starts: MutableTensorView,
      cells: MutableTensorView
    ) {
      self.points = points.floats
      self.shared = shared.floats
      self.starts = starts.integers
      self.cells = cells.integers
    }
  }

  /// Inputs of a pillar encoder.
  ///
  /// - Parameters:
  ///   - grid: the pillars'.
  ///   - heights: in metres above the ego's ground; points outside are left out.
  ///   - pointCapacity: the most points of a frame; of more, those of the oldest sweeps are left out.
  /// - Throws: `PointCloudsError` for a lattice that is too large.
  public init(grid: BEVGrid, heights: ClosedRange<Double>, pointCapacity: Int) throws {
    self.grid = grid
    layout = try .pillars(over: grid, z: heights)
    self.pointCapacity = pointCapacity
    cursors = [Int32](repeating: 0, count: grid.count)
  }

  /// Writes a frame's cloud; none: no pillar is used.
  ///
  /// Pillars come by cell, a pillar's points in the cloud's order.
  /// - Precondition: `target` has room for the branch's `pointCapacity` points, and for as many pillars or one a cell.
  /// - Complexity: O(points + cells).
  public mutating func write(_ cloud: AccumulatedCloud?, to target: Target, threads: Int = 1) -> Summary {
    guard let cloud else {
      clear(target.cells, from: 0)
      usedPillars = 0
      return Summary(points: 0, pillars: 0, overCapacity: 0)
    }
    findCells(of: cloud.points, threads: threads)
    let overCapacity = thin(cloud)
    let count = cloud.points.count
    let (points, pillars) = number(count, target)
    fill(target, with: cloud.points, points: points, pillars: pillars, threads: threads)
    clear(target.cells, from: pillars)
    usedPillars = pillars
    return Summary(points: points, pillars: pillars, overCapacity: overCapacity)
  }

  /// Marks pillars unused that the frame before used.
  private func clear(_ cells: UnsafeMutablePointer<Int64>, from first: Int) {
    for v in first..<max(first, usedPillars) { cells[v] = -1 }
  }

  private mutating func findCells(of cloud: PointCloud, threads: Int) {
    if cellOfPoint.count < cloud.count { cellOfPoint = [Int32](repeating: -1, count: cloud.count) }
    let finder = CellFinder(layout)
    cellOfPoint.withUnsafeMutableBufferPointer { cells in
      withColumns(of: cloud) { columns in
        KernelContext(threads: threads).parallel(cloud.count, grain: 4096) { range in
          finder.find(range, of: columns, into: cells)
        }
      }
    }
  }

  /// Leaves out points where there are more than fit: those of the oldest sweeps; one sweep is thinned evenly.
  /// - Returns: how many do not fit.
  private mutating func thin(_ cloud: AccumulatedCloud) -> Int {
    guard cloud.points.count > pointCapacity else { return 0 }
    return cellOfPoint.withUnsafeMutableBufferPointer { cells in
      let inside = cloud.sources.map { source in source.range.count { cells[$0] >= 0 } }
      let excess = inside.reduce(0, +) - pointCapacity
      guard excess > 0 else { return 0 }
      let newestFirst = cloud.sources.indices.sorted {
        (cloud.sources[$1].timestampMicroseconds, $0) < (cloud.sources[$0].timestampMicroseconds, $1)
      }
      var room = pointCapacity
      for s in newestFirst where inside[s] > 0 {
        let wanted = min(inside[s], room)
        room -= wanted
        guard wanted < inside[s] else { continue }
        var rank = 0
        for p in cloud.sources[s].range where cells[p] >= 0 {
          if (rank + 1) * wanted / inside[s] == rank * wanted / inside[s] { cells[p] = -1 }
          rank += 1
        }
      }
      return excess
    }
  }

  /// Counts the points of each cell, and gives pillars their numbers, cells and starts. Cursors then are the starts.
  private mutating func number(_ count: Int, _ target: Target) -> (points: Int, pillars: Int) {
    cursors.withUnsafeMutableBufferPointer { cursors in
      cursors.update(repeating: 0)
      cellOfPoint.withUnsafeBufferPointer { cells in
        for p in 0..<count where cells[p] >= 0 { cursors[Int(cells[p])] &+= 1 }
      }
      var points = 0, pillars = 0, first = 0
      while first < cursors.count {
        let end = min(first + 8, cursors.count)
        // Most cells are empty: eight at a time are passed over.
        var any: Int32 = 0
        for cell in first..<end { any |= cursors[cell] }
        if any != 0 {
          for cell in first..<end where cursors[cell] > 0 {
            target.cells[pillars] = Int64(cell)
            target.starts[pillars] = Int64(points)
            let size = Int(cursors[cell])
            cursors[cell] = Int32(truncatingIfNeeded: points)
            points += size
            pillars += 1
          }
        }
        first = end
      }
      target.starts[pillars] = Int64(points)
      return (points, pillars)
    }
  }

  /// Writes the features: each thread those of neighbouring pillars that have about as many points as another's.
  private mutating func fill(
    _ target: Target, with cloud: PointCloud, points: Int, pillars: Int, threads: Int
  ) {
    let parts = max(1, min(threads, points / 4096)), count = cloud.count
    // Where a part begins: the first pillar whose points begin at or behind its share.
    let bounds = (0...parts).map { part in
      partitionPoint(of: 0..<pillars) { Int(target.starts[$0]) >= points * part / parts }
    }
    let scale = Scale(layout)
    cursors.withUnsafeMutableBufferPointer { cursors in
      cellOfPoint.withUnsafeBufferPointer { cells in
        withColumns(of: cloud) { columns in
          KernelContext(threads: threads).parallel(parts) { range in
            for part in range where bounds[part] < bounds[part + 1] {
              let pillars = bounds[part]..<bounds[part + 1]
              let low = Int32(truncatingIfNeeded: target.cells[pillars.lowerBound])
              let high = Int32(truncatingIfNeeded: target.cells[pillars.upperBound - 1])
              for p in 0..<count where cells[p] >= low && cells[p] <= high {
                let row = target.points + Int(cursors[Int(cells[p])]) * Self.pointFeatures
                cursors[Int(cells[p])] &+= 1
                row[0] = columns.x[p]
                row[1] = columns.y[p]
                row[2] = columns.z[p]
                row[3] = columns.intensity[p]
                row[4] = columns.age[p]
              }
              for v in pillars { scale.finish(v, target) }
            }
          }
        }
      }
    }
  }
}

/// Measures that bring features to the order of 1.
private struct Scale {
  let layout: VoxelLayout
  let side: Float, reach: Float

  init(_ layout: VoxelLayout) {
    self.layout = layout
    let extent = layout.cellSize * SIMD3<Double>(layout.counts)
    side = Float(1 / layout.cellSize.x)
    reach = Float(2 / max(extent.x, extent.y))
  }

  /// Makes features of a pillar's points as they were recorded, and what they share.
  func finish(_ v: Int, _ target: PillarInputs.Target) {
    let center = layout.center(Int(target.cells[v]))
    let middle = SIMD2(Float(center.x), Float(center.y))
    let members = Int(target.starts[v])..<Int(target.starts[v + 1])
    var sum = SIMD3<Float>.zero
    for k in members {
      let row = target.points + k * PillarInputs.pointFeatures
      row[0] = (row[0] - middle.x) * side
      row[1] = (row[1] - middle.y) * side
      row[2] /= 4
      row[3] /= 255
      row[4] *= 2
      sum += SIMD3(row[0], row[1], row[2])
    }
    let mean = sum / Float(members.count)
    let shared = target.shared + v * PillarInputs.sharedFeatures
    shared[0] = middle.x * reach
    shared[1] = middle.y * reach
    shared[2] = mean.x
    shared[3] = mean.y
    shared[4] = mean.z
  }
}

/// `VoxelLayout.cell` of many points: in single precision wherever that is sure of the cell.
private struct CellFinder {
  let layout: VoxelLayout
  private let lattice: apus_lattice

  init(_ layout: VoxelLayout) {
    self.layout = layout
    let (low, counts) = (SIMD3<Float>(layout.minimum), SIMD3<Double>(layout.counts))
    let inverse = SIMD3<Float>(1 / layout.cellSize)
    // Some roundings of values as large as the lattice is far, each half a unit of 24 bits.
    let doubt = SIMD3<Float>((counts + (layout.minimum / layout.cellSize).magnitude) * 0x1p-20)
    lattice = apus_lattice(
      low: (low.x, low.y, low.z), inverse: (inverse.x, inverse.y, inverse.z),
      count: (Float(counts.x), Float(counts.y)), doubt: (doubt.x, doubt.y, doubt.z))
  }

  /// Writes the cells of a range of points, -1 outside.
  func find(_ range: Range<Int>, of columns: Columns, into cells: UnsafeMutableBufferPointer<Int32>) {
    guard let base = cells.baseAddress, let x = columns.x.baseAddress, let y = columns.y.baseAddress,
      let z = columns.z.baseAddress
    else { return }
    let first = range.lowerBound
    withUnsafePointer(to: lattice) {
      apus_find_cells(base + first, x + first, y + first, z + first, Int64(range.count), $0)
    }
    for p in range where cells[p] == -2 {
      let cell = layout.cell(SIMD3(columns.x[p], columns.y[p], columns.z[p]))
      cells[p] = cell.map { Int32(truncatingIfNeeded: $0) } ?? -1
    }
  }
}

extension SIMD3<Double> {
  fileprivate var magnitude: SIMD3<Double> { SIMD3(abs(x), abs(y), abs(z)) }
}

/// A cloud's columns without bounds checks.
private struct Columns {
  let x: UnsafeBufferPointer<Float>, y: UnsafeBufferPointer<Float>, z: UnsafeBufferPointer<Float>
  let intensity: UnsafeBufferPointer<Float>, age: UnsafeBufferPointer<Float>
}

private func withColumns(of cloud: PointCloud, _ body: (Columns) -> Void) {
  cloud.x.withUnsafeBufferPointer { x in
    cloud.y.withUnsafeBufferPointer { y in
      cloud.z.withUnsafeBufferPointer { z in
        cloud.intensity.withUnsafeBufferPointer { intensity in
          cloud.age.withUnsafeBufferPointer {
            body(Columns(x: x, y: y, z: z, intensity: intensity, age: $0))
          }
        }
      }
    }
  }
}
