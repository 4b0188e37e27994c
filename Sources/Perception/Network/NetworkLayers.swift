import Geometry
import NeuralEngine

extension Graph {
  /// The blocks of one stage, the first with the stage's stride. `[batch, channel, row, column]`.
  mutating func stage(
    _ x: TensorID, _ stage: NetworkConfiguration.Stage, name: String
  ) throws -> TensorID {
    var y = x
    for k in 0..<stage.depth {
      let stride = k == 0 ? stage.stride : 1, name = "\(name).block\(k)"
      y =
        switch stage.block {
        case .residual: try residualBlock(y, outputs: stage.channels, stride: stride, name: name)
        case .invertedResidual:
          try invertedResidual(
            y, outputs: stage.channels, expansion: stage.expansion, stride: stride, squeezeRatio: 0.25,
            name: name)
        }
    }
    return y
  }

  /// The finest of some levels with what the coarser ones know, `outputs` channels.
  ///
  /// Pyramid: Lin et al., arXiv 1612.03144, with linear resizing and the finest level's output convolution alone
  /// (`neck.lateral<i>`, `neck.output`). UNet: Ronneberger et al., arXiv 1505.04597 (`neck.up<i>`).
  /// - Parameter levels: from fine to coarse, each `[batch, channel, row, column]`.
  mutating func neck(
    _ levels: [TensorID], _ neck: NetworkConfiguration.Neck, outputs: Int
  ) throws -> TensorID {
    guard let coarsest = levels.last else {
      throw NetworkError(field: "neck", found: "no levels", expected: "one at least")
    }
    switch neck {
    case .pyramid:
      var y = try pointwiseConvolution(
        coarsest, outputs: outputs, name: "neck.lateral\(levels.count - 1)")
      for (i, level) in levels.enumerated().dropLast().reversed() {
        let lateral = try pointwiseConvolution(level, outputs: outputs, name: "neck.lateral\(i)")
        y = try sum(lateral, try resize(y, to: Array(shape(level).dropFirst(2)), name: "neck.resize\(i)"))
      }
      return try convolutionBlock(y, outputs: outputs, name: "neck.output")
    case .unet:
      var y = coarsest
      for (i, level) in levels.enumerated().dropLast().reversed() {
        y = try unetUp(y, skip: level, outputs: i == 0 ? outputs : shape(level)[1], name: "neck.up\(i)")
      }
      return levels.count == 1 ? try convolutionBlock(y, outputs: outputs, name: "neck.output") : y
    }
  }

  /// A head's last convolution, 1x1: small weights around a bias that says what is likely before anything is seen.
  /// - Parameter biases: each for as many consecutive outputs as there are outputs a bias.
  mutating func headOutput(
    _ x: TensorID, outputs: Int, biases: [Float] = [0], name: String
  ) throws -> TensorID {
    let weight = addWeight("\(name).weight", [outputs, shape(x)[1], 1, 1], .normal(0.01))
    let bias = addWeight(
      "\(name).bias", TensorValue([outputs], (0..<outputs).map { biases[$0 * biases.count / outputs] }))
    return try add(.convolution(.init(strides: [1, 1])), [x, weight, bias], name: name)[0]
  }

  /// `[1, channels · factor², i, j] -> [1, channels, i · factor, j · factor]`: input channel
  /// `(c · factor + di) · factor + dj` becomes the cell (di, dj) of each cell. Shi et al., arXiv 1609.05158.
  mutating func depthToSpace(_ x: TensorID, factor: Int) throws -> TensorID {
    let shape = self.shape(x)
    guard factor > 1 else { return x }
    let channels = shape[1] / (factor * factor)
    // [1, channel, di, dj, i, j] -> [1, channel, i, di, j, dj]
    let split = try reshape(x, [1, channels, factor, factor, shape[2], shape[3]])
    let turned = try transpose(split, [0, 1, 4, 2, 5, 3])
    return try reshape(turned, [1, channels, shape[2] * factor, shape[3] * factor])
  }
}

/// What the heads see: features over a grid, checked before a head is built on them.
package struct HeadInput {
  /// `[1, channel, i, j]`.
  package let tensor: TensorID
  /// What the configuration says of them.
  package let channels: Int, grid: BEVGrid

  /// Features that the configuration describes so.
  package init(tensor: TensorID, channels: Int, grid: BEVGrid) {
    self.tensor = tensor
    self.channels = channels
    self.grid = grid
  }

  /// - Throws: `NetworkError` naming the head, the features' shape and what it should be.
  func check(in graph: Graph, head: String) throws {
    let expected = [1, channels, grid.countX, grid.countY]
    guard graph.shape(tensor) == expected else {
      throw NetworkError(
        file: graph.name, field: "heads.\(head)", found: "features \(graph.shape(tensor))",
        expected: "\(expected): the backbone's channels over its grid")
    }
  }

  /// How many cells of a finer grid over the same area lie along a side of a cell.
  /// - Throws: `NetworkError` where the finer grid's cells do not divide this grid's.
  func factor(to result: BEVGrid, file: String, head: String) throws -> Int {
    let ratio = (grid.cellSize / result.cellSize).rounded()
    guard ratio >= 1, ratio <= 8, abs(grid.cellSize - ratio * result.cellSize) < 1e-9,
      abs(grid.minimumX - result.minimumX) < 1e-9, abs(grid.minimumY - result.minimumY) < 1e-9,
      grid.countX * Int(ratio) == result.countX, grid.countY * Int(ratio) == result.countY
    else {
      throw NetworkError(
        file: file, field: "heads.\(head): resultGrid",
        found: "\(result.countX) x \(result.countY) cells of \(result.cellSize) m from "
          + "(\(result.minimumX), \(result.minimumY))",
        expected: "the area of \(grid.countX) x \(grid.countY) cells of \(grid.cellSize) m from "
          + "(\(grid.minimumX), \(grid.minimumY)), each cut into 1 x 1 to 8 x 8")
    }
    return Int(ratio)
  }
}
