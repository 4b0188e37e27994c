import Geometry
import Scenes

/// The occupied cells of a lattice and the points in each: sorted by cell, points in the cloud's order.
public struct Voxels: Sendable, Equatable {
  /// The lattice.
  public let layout: VoxelLayout
  /// Linear indices of the occupied cells, ascending.
  public let cells: [Int]
  /// Voxel v's points are `points[starts[v]..<starts[v + 1]]`; one entry more than `cells`.
  public let starts: [Int32]
  /// Places of the kept points in the cloud, voxel by voxel.
  public let points: [Int32]
  /// What was left out: points that are not finite, and those outside the lattice.
  public let dropped: DroppedPoints

  /// The number of occupied cells.
  public var count: Int { cells.count }
  /// The number of points in voxel `v`.
  public func pointCount(_ v: Int) -> Int { Int(starts[v + 1] - starts[v]) }
  /// Coordinates `[voxel][i, j, k]`.
  public var coordinates: [SIMD3<Int>] { cells.map(layout.coordinates) }
}

/// Sorts points into the cells of a lattice; keeps its scratch memory from cloud to cloud.
///
/// The result is the same at any number of threads: cells ascend, and a cell's points keep the cloud's order.
public struct Voxelizer: Sendable {
  private var sort = CellSort()

  /// A voxelizer without memory yet.
  public init() {}

  /// Groups the cloud's points by cell.
  ///
  /// NaN, infinities, values beyond any lattice and denormals are all safe: a coordinate becomes an integer only after
  /// it is known to lie within the lattice.
  /// - Complexity: O(points).
  public mutating func voxels(of cloud: PointCloud, layout: VoxelLayout, threads: Int = 1) -> Voxels {
    let n = cloud.count
    sort.prepare(n)
    if n > 0 {
      sort.keys.withUnsafeMutableBufferPointer { buffer in
        let keys = SharedPointer(buffer)
        forEachStrip(of: n, threads: threads, minimumStrip: 8192) { strip in
          cloud.withPositions { x, y, z in
            for p in strip {
              let cell = layout.cell(SIMD3(x[p], y[p], z[p]))
              keys[p] = cell.map { UInt64(truncatingIfNeeded: $0) } ?? CellSort.absent
            }
          }
        }
      }
    }
    let groups = sort.sorted(n, bound: UInt64(layout.count))
    return Voxels(
      layout: layout, cells: groups.cells.map { Int(truncatingIfNeeded: $0) }, starts: groups.starts,
      points: groups.points, dropped: cloud.countDropped(kept: groups.points.count, keys: sort.keys))
  }

  /// The centroids of the points in cubes of `leaf` metres: PCL's VoxelGrid, with the same cells.
  ///
  /// Cells are `floor(coordinate * (1 / leaf))` in Float32, as PCL computes them; a point 2²⁰ cells or more from the
  /// origin is left out and counted (PCL gives up on the whole cloud there). Intensity is the mean too; ring and age are
  /// those of the cell's first point. Centroids come in ascending order of cell (x slowest, z fastest).
  /// - Throws: where `leaf` is not finite and above 0.
  /// - Complexity: O(points).
  public mutating func thinned(
    _ cloud: PointCloud, leaf: Float, threads: Int = 1
  ) throws -> (cloud: PointCloud, dropped: DroppedPoints) {
    guard leaf.isFinite, leaf > 0, (1 / leaf).isFinite else {
      throw PointCloudsError(
        stage: "thinning", field: "leaf", found: "\(leaf)", expected: "metres above 0")
    }
    guard !cloud.isEmpty else { return (cloud, DroppedPoints()) }
    let n = cloud.count
    sort.prepare(n)
    let bound = fillCubes(cloud, inverse: 1 / leaf, threads: threads)
    let groups = sort.sorted(n, bound: bound)
    let dropped = cloud.countDropped(kept: groups.points.count, keys: sort.keys)
    return (Self.means(cloud, starts: groups.starts, points: groups.points, threads: threads), dropped)
  }

  /// Keys of cubes, packed as tightly as the extent of the cloud (and the origin) allows; returns their bound.
  private mutating func fillCubes(_ cloud: PointCloud, inverse: Float, threads: Int) -> UInt64 {
    let (x, y, z) = (
      Self.cellExtent(cloud.x, inverse), Self.cellExtent(cloud.y, inverse), Self.cellExtent(cloud.z, inverse)
    )
    let (rows, columns) = (y.count, z.count)
    sort.keys.withUnsafeMutableBufferPointer { buffer in
      let keys = SharedPointer(buffer)
      forEachStrip(of: cloud.count, threads: threads, minimumStrip: 8192) { strip in
        cloud.withPositions { xs, ys, zs in
          let limit = Self.cellLimit
          for p in strip {
            let (u, v, w) = (xs[p] * inverse, ys[p] * inverse, zs[p] * inverse)
            let isInside =
              (abs(u) <= limit ? 1 : 0) & (abs(v) <= limit ? 1 : 0) & (abs(w) <= limit ? 1 : 0)
            let i = UInt64(truncatingIfNeeded: Int(Self.floorInteger(u) &- x.first))
            let j = UInt64(truncatingIfNeeded: Int(Self.floorInteger(v) &- y.first))
            let k = UInt64(truncatingIfNeeded: Int(Self.floorInteger(w) &- z.first))
            keys[p] = isInside == 1 ? (i &* rows &+ j) &* columns &+ k : CellSort.absent
          }
        }
      }
    }
    return x.count * rows * columns
  }

  /// Cells up to this number from the origin have a key: 2²⁰ either way, so three axes fit 63 bits.
  private static let cellLimit: Float = 0x1p20 - 1

  /// The first cell along an axis and the number of cells to the last; points without a key count as at the origin.
  private static func cellExtent(_ values: [Float], _ inverse: Float) -> (first: Int32, count: UInt64) {
    var low = SIMD8<Float>.zero
    var high = SIMD8<Float>.zero
    values.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        var q = SIMD8<Float>.zero
        if offset + 32 <= bytes.count {
          q = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self) * inverse
        } else {
          for lane in 0..<(bytes.count - offset) / 4 {
            q[lane] = bytes.load(fromByteOffset: offset + 4 * lane, as: Float.self) * inverse
          }
        }
        let inside = (q .>= -cellLimit) .& (q .<= cellLimit)
        low.replace(with: q, where: inside .& (q .< low))
        high.replace(with: q, where: inside .& (q .> high))
        offset += 32
      }
    }
    let first = floorInteger(low.min())
    return (first, UInt64(truncatingIfNeeded: Int(floorInteger(high.max()) &- first)) + 1)
  }

  /// `floor(q)` for |q| <= 2²⁰, any integer beyond: adding 1.5 x 2²³ leaves a Float32's nearest integer in its low bits.
  /// (The baseline x86-64 has no rounding instruction, and a conversion would trap on NaN.)
  @inline(__always)
  private static func floorInteger(_ q: Float) -> Int32 {
    let magic: Float = 12_582_912
    let shifted = q + magic
    let above: UInt32 = shifted - magic > q ? 1 : 0
    return Int32(truncatingIfNeeded: shifted.bitPattern &- magic.bitPattern &- above)
  }

  /// Means voxel by voxel; each is summed in the cloud's order as offsets from its first point, so that Float32 loses
  /// nothing.
  private static func means(_ cloud: PointCloud, starts: [Int32], points: [Int32], threads: Int) -> PointCloud
  {
    let n = starts.count - 1
    guard n > 0 else { return PointCloud() }
    var means = [SIMD4<Float>](repeating: .zero, count: n)
    means.withUnsafeMutableBufferPointer { buffer in
      let means = SharedPointer(buffer)
      forEachStrip(of: n, threads: threads, minimumStrip: 2048) { strip in
        cloud.withPositions { x, y, z in
          cloud.intensity.withUnsafeBufferPointer { intensity in
            starts.withUnsafeBufferPointer { starts in
              points.withUnsafeBufferPointer { points in
                for v in strip {
                  let (start, end) = (Int(starts[v]), Int(starts[v + 1]))
                  let first = Int(points[start])
                  let origin = SIMD4(x[first], y[first], z[first], intensity[first])
                  var sum = SIMD4<Float>.zero
                  for k in start + 1..<max(end, start + 1) {
                    let p = Int(points[k])
                    sum += SIMD4(x[p], y[p], z[p], intensity[p]) - origin
                  }
                  means[v] = origin + sum / Float(end - start)
                }
              }
            }
          }
        }
      }
    }
    func column(_ lane: Int) -> [Float] {
      [Float](unsafeUninitializedCapacity: n) { buffer, initialized in
        means.withUnsafeBytes { bytes in
          let lanes = bytes.bindMemory(to: Float.self)
          for v in 0..<n { buffer[v] = lanes[4 * v + lane] }
        }
        initialized = n
      }
    }
    func first(_ values: [Float]) -> [Float] {
      [Float](unsafeUninitializedCapacity: n) { buffer, initialized in
        for v in 0..<n { buffer[v] = values[Int(points[Int(starts[v])])] }
        initialized = n
      }
    }
    return PointCloud(
      x: column(0), y: column(1), z: column(2), intensity: column(3), ring: first(cloud.ring),
      age: first(cloud.age))
  }
}

extension PointCloud {
  /// The coordinates' columns without bounds checks, for kernels.
  @inline(__always)
  func withPositions(
    _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) -> Void
  ) {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in z.withUnsafeBufferPointer { z in body(x, y, z) } }
    }
  }

  /// Why points without a key were left out.
  func countDropped(kept: Int, keys: [UInt64]) -> DroppedPoints {
    var dropped = DroppedPoints()
    guard kept < count else { return dropped }
    for p in 0..<count where keys[p] == CellSort.absent {
      if x[p].isFinite && y[p].isFinite && z[p].isFinite {
        dropped.outsideGrid += 1
      } else {
        dropped.nonFinite += 1
      }
    }
    return dropped
  }
}
