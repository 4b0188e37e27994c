import Geometry
import NeuralEngine
import Scenes

extension Graph {
  /// The head of occupancy from above: logits `[1, 2, i, j]` on the result grid, occupied and observed.
  mutating func occupancyHead(
    _ features: HeadInput, _ head: NetworkConfiguration.Occupancy, grid: BEVGrid
  ) throws -> TensorID {
    try features.check(in: self, head: "occupancy")
    let factor = try features.factor(to: grid, file: name, head: "occupancy")
    return try scoped("heads.occupancy") { graph in
      let hidden = try graph.convolutionBlock(features.tensor, outputs: head.hidden, name: "hidden")
      let logits = try graph.headOutput(
        hidden, outputs: 2 * factor * factor, biases: [-2.19, 0], name: "logits")
      return try graph.depthToSpace(logits, factor: factor)
    }
  }
}

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

extension Graph {
  /// The volume head: a cell's features become the classes of all voxels above it.
  ///
  /// A matrix product with a row a cell, so that its result is `[cell, class, voxel]` in memory, as the decoder reads it:
  /// voxels run fastest, and the best class of many voxels is found at once.
  /// - Source: channel-to-height as FlashOcc, Yu et al., arXiv 2311.12058, section 3.3.
  package mutating func volumeHead(_ features: HeadInput, _ head: NetworkConfiguration.Volume) throws
    -> TensorID
  {
    try features.check(in: self, head: "volume")
    let layout = try VolumeLayout(
      grid: features.grid, columnsPerCell: head.columnsPerCell, file: name)
    let outputs = VolumeLayout.classes * layout.voxels
    return try scoped("heads.volume") { graph in
      let part = try graph.apply(
        .slice(
          .init(
            starts: [0, 0, layout.firstX, layout.firstY],
            counts: [1, features.channels, layout.countX, layout.countY])), features.tensor, name: "crop")
      let hidden = try graph.convolutionBlock(part, outputs: head.hidden, name: "hidden")
      // [1, channel, i, j] -> [cell, channel]
      let rows = try graph.reshape(
        try graph.transpose(hidden, [0, 2, 3, 1]), [layout.cells, head.hidden])
      let weight = graph.addWeight("classes.weight", [outputs, head.hidden], .normal(0.01))
      // Free space begins at a probability of 0.9.
      var prior = [Float](repeating: 0, count: outputs)
      for k in outputs - layout.voxels..<outputs { prior[k] = 5 }
      let bias = graph.addWeight("classes.bias", TensorValue([outputs], prior))
      let logits = try graph.add(
        .matrixMultiplication(.init(transposesSecond: true)), [rows, weight, bias], name: "classes")[0]
      return try graph.reshape(logits, [layout.cells, VolumeLayout.classes, layout.voxels])
    }
  }

  /// Features that trajectories are made from: `[1, channel, i, j]`.
  mutating func trajectoryHead(
    _ features: HeadInput, _ head: NetworkConfiguration.TrajectoryFeatures
  ) throws -> TensorID {
    try features.check(in: self, head: "trajectories")
    return try scoped("heads.trajectories") { graph in
      try graph.convolutionBlock(features.tensor, outputs: head.channels, kernel: 1, name: "features")
    }
  }
}
