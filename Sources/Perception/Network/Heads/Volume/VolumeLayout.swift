import Geometry
import Scenes

/// Where Occ3D's volume lies in the network's grid.
struct VolumeLayout: Equatable {
  /// Cells of the network's grid before the volume, and those that it covers, along x and y.
  let firstX: Int, firstY: Int, countX: Int, countY: Int
  /// Columns of the volume along a cell's side.
  let factor: Int
  /// Columns along a cell's side that the head tells apart; each stands for `factor / detail` squared.
  let detail: Int

  /// The number of classes: 17 and free.
  static let classes = Int(OccupancyVolume.free) + 1
  /// Voxels that are told apart in a cell: `[di, dj, k]`.
  var voxels: Int { detail * detail * OccupancyVolume.shape.z }
  /// Cells of the grid that the volume covers.
  var cells: Int { countX * countY }

  /// - Throws: `NetworkError` where the grid's cells do not tile the volume's columns, or the columns that are told apart
  ///   do not.
  init(grid: BEVGrid, columnsPerCell: Int, file: String) throws {
    let target = BEVGrid.occ3D
    let ratio = (grid.cellSize / target.cellSize).rounded()
    let x = ((target.minimumX - grid.minimumX) / grid.cellSize).rounded()
    let y = ((target.minimumY - grid.minimumY) / grid.cellSize).rounded()
    func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-9 }
    guard ratio >= 1, ratio <= 8, isNear(ratio * target.cellSize, grid.cellSize),
      target.countX % Int(ratio) == 0, target.countY % Int(ratio) == 0, x >= 0, y >= 0,
      isNear(grid.minimumX + x * grid.cellSize, target.minimumX),
      isNear(grid.minimumY + y * grid.cellSize, target.minimumY),
      Int(x) + target.countX / Int(ratio) <= grid.countX, Int(y) + target.countY / Int(ratio) <= grid.countY
    else {
      throw NetworkError(
        file: file, field: "heads.volume: grid",
        found: "\(grid.countX) x \(grid.countY) cells of \(grid.cellSize) m from "
          + "(\(grid.minimumX), \(grid.minimumY))",
        expected: "cells that tile Occ3D's [-40, 40) m in columns of 0.4 m")
    }
    (firstX, firstY, factor) = (Int(x), Int(y), Int(ratio))
    (countX, countY) = (target.countX / factor, target.countY / factor)
    detail = columnsPerCell
    guard columnsPerCell >= 1, factor % columnsPerCell == 0 else {
      throw NetworkError(
        file: file, field: "volume.columnsPerCell", found: "\(columnsPerCell)",
        expected: "a divisor of \(factor), the columns of 0.4 m along a cell's side")
    }
  }
}
