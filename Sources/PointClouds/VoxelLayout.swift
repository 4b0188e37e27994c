import Geometry

/// A bounded lattice of cells in the ego frame, indexed `[i, j, k]` along x, y and z (k fastest).
///
/// Cell (0, 0, 0) is at the minimum corner; a point on a border belongs to the upper cell, as in `BEVGrid`.
public struct VoxelLayout: Sendable, Hashable {
  /// The lower corner in metres.
  public let minimum: SIMD3<Double>
  /// A cell's sides in metres.
  public let cellSize: SIMD3<Double>
  /// The number of cells along x, y and z.
  public let counts: SIMD3<Int>

  /// The lattice with these measures.
  /// - Throws: where a measure is not finite, a size or count is not above 0, or there are 2⁶² cells or more.
  public init(minimum: SIMD3<Double>, cellSize: SIMD3<Double>, counts: SIMD3<Int>) throws {
    guard minimum.isFinite, cellSize.isFinite, cellSize.min() > 0 else {
      throw PointCloudsError(
        stage: "voxels", field: "minimum and cellSize", found: "\(minimum), \(cellSize)",
        expected: "finite, sizes above 0")
    }
    let cells = Double(counts.x) * Double(counts.y) * Double(counts.z)
    guard counts.min() > 0, cells < 0x1p62 else {
      throw PointCloudsError(
        stage: "voxels", field: "counts", found: "\(counts)", expected: "above 0, below 2^62 cells in all")
    }
    self.minimum = minimum
    self.cellSize = cellSize
    self.counts = counts
  }

  /// Pillars over a BEV grid: one cell high.
  public static func pillars(over grid: BEVGrid, z: ClosedRange<Double>) throws -> VoxelLayout {
    try VoxelLayout(
      minimum: SIMD3(grid.minimumX, grid.minimumY, z.lowerBound),
      cellSize: SIMD3(grid.cellSize, grid.cellSize, z.upperBound - z.lowerBound),
      counts: SIMD3(grid.countX, grid.countY, 1))
  }

  /// The number of cells.
  public var count: Int { counts.x * counts.y * counts.z }

  /// The linear index of a point's cell, or nil outside or where the point is not finite.
  @inlinable public func cell(_ p: SIMD3<Float>) -> Int? {
    let q = (SIMD3<Double>(p) - minimum) / cellSize
    let n = SIMD3<Double>(counts)
    // Written so that NaN fails: only then is the conversion to Int safe, and rounding towards 0 is rounding down.
    guard q.x >= 0, q.y >= 0, q.z >= 0, q.x < n.x, q.y < n.y, q.z < n.z else { return nil }
    return (Int(q.x) * counts.y + Int(q.y)) * counts.z + Int(q.z)
  }

  /// The coordinates `[i, j, k]` of a linear index.
  @inlinable public func coordinates(_ cell: Int) -> SIMD3<Int> {
    let column = cell / counts.z
    return SIMD3(column / counts.y, column % counts.y, cell % counts.z)
  }

  /// The centre of a cell in metres.
  @inlinable public func center(_ cell: Int) -> SIMD3<Double> {
    minimum + (SIMD3<Double>(coordinates(cell)) + 0.5) * cellSize
  }
}
