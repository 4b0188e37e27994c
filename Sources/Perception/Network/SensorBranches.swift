import Geometry
import LiftSplat
import NeuralEngine

extension NetworkConfiguration.CameraBranch {
  /// Pixels from one feature to the next.
  public static let stride = 16

  /// The frustums of these cameras over a grid.
  public func layout(grid: BEVGrid) throws -> FrustumLayout {
    try FrustumLayout(
      cameras: count, featureHeight: height / Self.stride, featureWidth: width / Self.stride,
      stride: Self.stride, bins: depth, grid: grid, heights: minimumHeight...maximumHeight, bilinear: bilinear
    )
  }
}

extension NetworkConfiguration.LidarBranch {
  /// The pillars' grid: each cell of the network's in `pillarsPerCell` x `pillarsPerCell`.
  public func pillarGrid(over grid: BEVGrid) -> BEVGrid {
    BEVGrid(
      minimumX: grid.minimumX, minimumY: grid.minimumY, cellSize: grid.cellSize / Double(pillarsPerCell),
      countX: grid.countX * pillarsPerCell, countY: grid.countY * pillarsPerCell)
  }
}

extension PillarInputs {
  /// Inputs of a network's LiDAR branch over its grid.
  /// - Throws: `PointCloudsError` for a lattice that is too large.
  public init(_ branch: NetworkConfiguration.LidarBranch, grid: BEVGrid) throws {
    try self.init(
      grid: branch.pillarGrid(over: grid), heights: branch.minimumHeight...branch.maximumHeight,
      pointCapacity: branch.pointCapacity)
  }
}

extension Graph {
  /// The image branch: `[camera, 3, height, width]` to depth `[camera, bin, height / 16, width / 16]`, a distribution over
  /// bins, and context `[camera, channel, height / 16, width / 16]`.
  mutating func imageBranch(
    _ images: TensorID, _ branch: NetworkConfiguration.CameraBranch
  ) throws -> (depth: TensorID, context: TensorID) {
    try scoped("image") { graph in
      var x = try graph.convolutionBlock(images, outputs: branch.stem, stride: 2, name: "stem")
      var stride = 2
      var levels: [TensorID] = []
      for (k, stage) in branch.stages.enumerated() {
        // A level is the last stage at its stride, from 16 on.
        if stage.stride > 1, stride >= 16 { levels.append(x) }
        x = try graph.stage(x, stage, name: "stage\(k)")
        stride *= stage.stride
      }
      levels.append(x)
      let features = try graph.neck(levels, branch.neck, outputs: branch.neckChannels)
      let logits = try graph.headOutput(features, outputs: branch.depth.count, name: "depth")
      let context = try graph.pointwiseConvolution(
        features, outputs: branch.contextChannels, name: "context")
      return (try graph.softmax(logits, axis: 1, name: "depth.softmax"), context)
    }
  }

  /// The rest of the LiDAR branch: 3x3 convolutions from the pillars' grid down to the network's. `[1, channel, i, j]`.
  mutating func pillarBlocks(
    _ pillars: TensorID, _ branch: NetworkConfiguration.LidarBranch
  ) throws -> TensorID {
    try scoped("lidar") { graph in
      var x = pillars
      var factor = branch.pillarsPerCell, k = 0
      repeat {
        x = try graph.convolutionBlock(
          x, outputs: branch.channels, stride: factor > 1 ? 2 : 1, name: "block\(k)")
        (factor, k) = (factor / 2, k + 1)
      } while factor > 1
      return x
    }
  }

  /// The shared backbone: stages and the way back to the grid's own cells. `[1, channel, i, j]`.
  mutating func backbone(_ x: TensorID, _ backbone: NetworkConfiguration.Backbone) throws -> TensorID {
    var x = x
    var levels: [TensorID] = []
    for (k, stage) in backbone.stages.enumerated() {
      if k > 0, stage.stride > 1 { levels.append(x) }
      x = try self.stage(x, stage, name: "stage\(k)")
    }
    levels.append(x)
    return try neck(levels, backbone.neck, outputs: backbone.outputs)
  }
}
