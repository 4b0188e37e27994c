import Algorithms
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
  /// Position and intensity of each point side by side: the means take points in another order than the cloud's, and so
  /// touch one line of the cache a point, not four.
  private var packed: [SIMD4<Float>] = []

  /// A voxelizer without memory yet.
  public init() {}

  /// Groups the cloud's points by cell.
  ///
  /// NaN, infinities, values beyond any lattice and denormals are all safe: a coordinate becomes an integer only after
  /// it is known to lie within the lattice.
  /// - Complexity: O(points).
  public mutating func voxels(of cloud: PointCloud, layout: VoxelLayout, threads: Int = 1) -> Voxels {
    let n = cloud.count
    guard CellSort.fits(n, bound: UInt64(layout.count)) else {
      return sortedByComparison(cloud, layout: layout)
    }
    sort.prepare(n)
    if n > 0 {
      let bits = UInt64(CellSort.placeBits(n))
      sort.entries.withUnsafeMutableBufferPointer { buffer in
        let entries = SharedPointer(buffer)
        forEachStrip(of: n, threads: threads, minimumStrip: 8192) { strip in
          cloud.withPositions { x, y, z in
            for p in strip {
              let cell = layout.cell(SIMD3(x[p], y[p], z[p]))
              entries[p] =
                cell.map { UInt64(truncatingIfNeeded: $0) &<< bits | UInt64(truncatingIfNeeded: p) }
                ?? CellSort.absent
            }
          }
        }
      }
    }
    sort.sort(n, bound: UInt64(layout.count))
    return Voxels(
      layout: layout, cells: sort.cells(n).map { Int(truncatingIfNeeded: $0) },
      starts: n > 0 ? Array(sort.starts[0...sort.cellCount]) : [0],
      points: Array(sort.points[0..<sort.pointCount]),
      dropped: cloud.countDropped(kept: sort.pointCount) { layout.cell($0) != nil })
  }

  /// For lattices whose indices are too long to share a word with a point's place.
  private func sortedByComparison(_ cloud: PointCloud, layout: VoxelLayout) -> Voxels {
    let pairs = (0..<cloud.count).compactMap { p in
      layout.cell(cloud.position(p)).map { (cell: $0, place: Int32(truncatingIfNeeded: p)) }
    }.sorted { ($0.cell, $0.place) < ($1.cell, $1.place) }
    var cells: [Int] = []
    var starts: [Int32] = []
    for (k, pair) in pairs.enumerated() where cells.last != pair.cell {
      cells.append(pair.cell)
      starts.append(Int32(truncatingIfNeeded: k))
    }
    return Voxels(
      layout: layout, cells: cells, starts: starts + [Int32(truncatingIfNeeded: pairs.count)],
      points: pairs.map(\.place),
      dropped: cloud.countDropped(kept: pairs.count) { layout.cell($0) != nil })
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
    var result = PointCloud()
    let dropped = try thin(cloud, leaf: leaf, threads: threads, into: &result)
    return (result, dropped)
  }

  /// As `thinned`, into a cloud whose memory is used again.
  /// - Returns: what was left out.
  public mutating func thin(
    _ cloud: PointCloud, leaf: Float, threads: Int = 1, into result: inout PointCloud
  ) throws -> DroppedPoints {
    guard leaf.isFinite, leaf > 0, (1 / leaf).isFinite else {
      throw PointCloudsError(
        stage: "thinning", field: "leaf", found: "\(leaf)", expected: "metres above 0")
    }
    guard !cloud.isEmpty else {
      result.resize(to: 0)
      return DroppedPoints()
    }
    let n = cloud.count
    sort.prepare(n)
    let inverse = 1 / leaf
    let extents = [cloud.x, cloud.y, cloud.z].map { Self.cellExtent($0, inverse) }
    let bound = extents[0].count * extents[1].count * extents[2].count
    guard CellSort.fits(n, bound: bound) else {
      throw PointCloudsError(
        stage: "thinning", field: "extent", found: "\(bound) cells for \(n) points",
        expected: "fewer, or a larger leaf")
    }
    if packed.count < n { packed = [SIMD4<Float>](repeating: .zero, count: n) }
    var scratch = packed
    packed = []
    sort.entries.withUnsafeMutableBufferPointer { entries in
      scratch.withUnsafeMutableBufferPointer { scratch in
        Self.fillCubes(
          cloud, extents: extents, inverse: inverse, threads: threads, entries: SharedPointer(entries),
          packed: SharedPointer(scratch))
      }
    }
    packed = scratch
    sort.sort(n, bound: bound)
    result.resize(to: sort.cellCount)
    fillMeans(of: cloud, into: &result, threads: threads)
    return cloud.countDropped(kept: sort.pointCount) { p in
      abs(p.x * inverse) <= Self.cellLimit && abs(p.y * inverse) <= Self.cellLimit
        && abs(p.z * inverse) <= Self.cellLimit
    }
  }

  /// Entries of cubes, packed as tightly as the extent of the cloud (and the origin) allows.
  private static func fillCubes(
    _ cloud: PointCloud, extents: [(first: Int32, count: UInt64)], inverse: Float, threads: Int,
    entries: SharedPointer<UInt64>, packed: SharedPointer<SIMD4<Float>>
  ) {
    let (x, y, z) = (extents[0], extents[1], extents[2])
    let bits = UInt64(CellSort.placeBits(cloud.count))
    forEachStrip(of: cloud.count, threads: threads, minimumStrip: 8192) { strip in
      cloud.withPositions { xs, ys, zs in
        let limit = Self.cellLimit
        for p in strip {
          packed[p] = SIMD4(xs[p], ys[p], zs[p], cloud.intensity[p])
          let (u, v, w) = (xs[p] * inverse, ys[p] * inverse, zs[p] * inverse)
          let isInside =
            (abs(u) <= limit ? 1 : 0) & (abs(v) <= limit ? 1 : 0) & (abs(w) <= limit ? 1 : 0)
          let i = UInt64(truncatingIfNeeded: Int(Self.floorInteger(u) &- x.first))
          let j = UInt64(truncatingIfNeeded: Int(Self.floorInteger(v) &- y.first))
          let k = UInt64(truncatingIfNeeded: Int(Self.floorInteger(w) &- z.first))
          let key = (i &* y.count &+ j) &* z.count &+ k
          entries[p] =
            isInside == 1 ? key &<< bits | UInt64(truncatingIfNeeded: p) : CellSort.absent
        }
      }
    }
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
  private func fillMeans(of cloud: PointCloud, into result: inout PointCloud, threads: Int) {
    let n = sort.cellCount
    guard n > 0 else { return }
    let (sort, packed) = (sort, packed)
    result.withColumns { out in
      let (outX, outY, outZ) = (out[0], out[1], out[2])
      let (outIntensity, outRing, outAge) = (out[3], out[4], out[5])
      forEachStrip(of: n, threads: threads, minimumStrip: 2048) { strip in
        packed.withUnsafeBufferPointer { packed in
          cloud.withOthers { ring, age in
            sort.withGroups { starts, points in
              for v in strip {
                let (start, end) = (Int(starts[v]), Int(starts[v + 1]))
                let first = Int(points[start])
                let origin = packed[first]
                var sum = SIMD4<Float>.zero
                for k in start + 1..<max(end, start + 1) {
                  sum += packed[Int(points[k])] - origin
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

  /// Ring and age without bounds checks, for kernels.
  @inline(__always)
  func withOthers(_ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) -> Void) {
    ring.withUnsafeBufferPointer { r in age.withUnsafeBufferPointer { a in body(r, a) } }
  }

  /// The six columns (x, y, z, intensity, ring, age) to write to.
  /// - Precondition: the cloud is not empty.
  fileprivate mutating func withColumns(_ body: ([SharedPointer<Float>]) -> Void) {
    x.withUnsafeMutableBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        z.withUnsafeMutableBufferPointer { z in
          intensity.withUnsafeMutableBufferPointer { intensity in
            ring.withUnsafeMutableBufferPointer { ring in
              age.withUnsafeMutableBufferPointer { age in
                body([x, y, z, intensity, ring, age].map { SharedPointer($0) })
              }
            }
          }
        }
      }
    }
  }

  /// Why points without a cell were left out.
  func countDropped(kept: Int, hasCell: (SIMD3<Float>) -> Bool) -> DroppedPoints {
    var dropped = DroppedPoints()
    guard kept < count else { return dropped }
    for p in 0..<count where !hasCell(position(p)) {
      if x[p].isFinite && y[p].isFinite && z[p].isFinite {
        dropped.outsideGrid += 1
      } else {
        dropped.nonFinite += 1
      }
    }
    return dropped
  }
}
