/// A regular grid on the ground plane of the ego frame: index (i, j) with i along x (forward) and j along y (left).
///
/// Cell (0, 0) is at the minimum corner; a point on a border belongs to the upper cell. Arrays over the grid are
/// `[channel, i, j]`.
public struct BEVGrid: Sendable, Hashable, Codable {
  /// The lower corner in metres.
  public let minimumX: Double, minimumY: Double
  /// The side of a cell in metres.
  public let cellSize: Double
  /// The number of cells along x and y.
  public let countX: Int, countY: Int

  /// The default: [-51.2, 51.2) m both ways in 0.4 m cells, 256 x 256.
  public static let standard = BEVGrid(
    minimumX: -51.2, minimumY: -51.2, cellSize: 0.4, countX: 256, countY: 256)
  /// Occ3D's: [-40, 40) m both ways in 0.4 m cells, 200 x 200.
  public static let occ3D = BEVGrid(minimumX: -40, minimumY: -40, cellSize: 0.4, countX: 200, countY: 200)

  /// The grid with these measures.
  /// - Precondition: counts and cell size are above 0.
  public init(minimumX: Double, minimumY: Double, cellSize: Double, countX: Int, countY: Int) {
    precondition(
      cellSize > 0 && countX > 0 && countY > 0, "a grid of \(countX) x \(countY) cells of \(cellSize) m")
    self.minimumX = minimumX
    self.minimumY = minimumY
    self.cellSize = cellSize
    self.countX = countX
    self.countY = countY
  }

  /// The number of cells.
  public var count: Int { countX * countY }
  /// The upper corner in metres (outside).
  public var maximumX: Double { minimumX + Double(countX) * cellSize }
  /// The upper corner in metres (outside).
  public var maximumY: Double { minimumY + Double(countY) * cellSize }

  /// The cell of a point, or nil outside the grid or where the point is not finite.
  @inlinable public func cell(x: Double, y: Double) -> (i: Int, j: Int)? {
    let i = ((x - minimumX) / cellSize).rounded(.down)
    let j = ((y - minimumY) / cellSize).rounded(.down)
    guard i >= 0, j >= 0, i < Double(countX), j < Double(countY) else { return nil }
    return (Int(i), Int(j))
  }

  /// The place of cell (i, j) in an array `[i, j]`.
  @inlinable public func index(_ i: Int, _ j: Int) -> Int { i * countY + j }

  /// The centre of a cell in metres.
  public func center(_ i: Int, _ j: Int) -> SIMD2<Double> {
    SIMD2(minimumX + (Double(i) + 0.5) * cellSize, minimumY + (Double(j) + 0.5) * cellSize)
  }
}
