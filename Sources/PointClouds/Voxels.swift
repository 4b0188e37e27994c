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
    sort.sort(n, bound: UInt64(layout.count))
    return Voxels(
      layout: layout, cells: sort.cells[0..<sort.cellCount].map { Int(truncatingIfNeeded: $0) },
      starts: n > 0 ? Array(sort.starts[0...sort.cellCount]) : [0],
      points: Array(sort.points[0..<sort.pointCount]),
      dropped: cloud.countDropped(kept: sort.pointCount, keys: sort.keys))
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
    sort.sort(n, bound: bound)
    let dropped = cloud.countDropped(kept: sort.pointCount, keys: sort.keys)
    return (means(of: cloud, threads: threads), dropped)
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
  private func means(of cloud: PointCloud, threads: Int) -> PointCloud {
    let n = sort.cellCount
    guard n > 0 else { return PointCloud() }
    let sort = sort
    return PointCloud.filled(count: n) { out in
      let (outX, outY, outZ) = (out[0], out[1], out[2])
      let (outIntensity, outRing, outAge) = (out[3], out[4], out[5])
      forEachStrip(of: n, threads: threads, minimumStrip: 2048) { strip in
        cloud.withPositions { x, y, z in
          cloud.withOthers { intensity, ring, age in
            sort.withGroups { starts, points in
              for v in strip {
                let (start, end) = (Int(starts[v]), Int(starts[v + 1]))
                let first = Int(points[start])
                let origin = SIMD4(x[first], y[first], z[first], intensity[first])
                var sum = SIMD4<Float>.zero
                for k in start + 1..<max(end, start + 1) {
                  let p = Int(points[k])
                  sum += SIMD4(x[p], y[p], z[p], intensity[p]) - origin
                }
                let mean = origin + sum / Float(end - start)
                outX[v] = mean.x
                outY[v] = mean.y
                outZ[v] = mean.z
                outIntensity[v] = mean.w
                outRing[v] = ring[first]
                outAge[v] = age[first]
              }
            }
          }
        }
      }
    }
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

  /// The other columns without bounds checks, for kernels.
  @inline(__always)
  func withOthers(
    _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) -> Void
  ) {
    intensity.withUnsafeBufferPointer { i in
      ring.withUnsafeBufferPointer { r in age.withUnsafeBufferPointer { a in body(i, r, a) } }
    }
  }

  /// A cloud of `count` points whose six columns (x, y, z, intensity, ring, age) `body` writes in full.
  static func filled(count: Int, _ body: ([SharedPointer<Float>]) -> Void) -> PointCloud {
    var columns = [[Float]](repeating: [], count: 6)
    func open(_ pointers: [SharedPointer<Float>]) {
      guard pointers.count < 6 else { return body(pointers) }
      columns[pointers.count] = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        open(pointers + [SharedPointer(buffer)])
        initialized = count
      }
    }
    open([])
    return PointCloud(
      x: columns[0], y: columns[1], z: columns[2], intensity: columns[3], ring: columns[4], age: columns[5])
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
