import Geometry
import LiftSplat
import NeuralEngine

/// A perception network as graphs: images and points to BEV, one backbone, many heads.
///
/// Weights are named by part (`image.`, `lidar.`, `bev.`, `heads.<head>.`), and their first values depend on seed and name
/// alone, so that graphs that are built apart hold the same weights. Inputs and outputs are in `NetworkTensors`.
public struct PerceptionNetwork: Sendable {
  /// What it is made of.
  public let configuration: NetworkConfiguration
  /// The cameras' frustums over the grid.
  public let frustums: FrustumLayout
  private let file: String

  /// A network of a configuration.
  /// - Throws: `NetworkError` or `LiftSplatError` naming the field of `file` that is wrong.
  public init(_ configuration: NetworkConfiguration, file: String = "network") throws {
    try configuration.check(file: file)
    self.configuration = configuration
    self.file = file
    frustums = try configuration.camera.layout(grid: configuration.grid)
    // Heads tell what does not fit when they are built.
    _ = try bevGraph()
  }

  /// Whether images are looked at.
  public var hasCameras: Bool { configuration.sensors.contains(.camera) }
  /// Whether points are looked at.
  public var hasLidar: Bool { configuration.sensors.contains(.lidar) }
  /// Whether a frame's features help the next frame.
  public var hasMemory: Bool { configuration.memoryChannels > 0 }

  // MARK: Graphs

  /// All of it, as a frame runs through it: images, pooling plan, pillars and the frame before to all heads' outputs.
  public func graph(seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: file, seed: seed)
    let images =
      hasCameras ? try graph.imageBranch(addImages(to: &graph), configuration.camera) : nil
    try addFrame(images, to: &graph)
    return graph
  }

  /// Everything after the image branch, as a frame runs through it while the next one's images are looked at: `depth`,
  /// `context` and the other inputs of `graph` to all heads' outputs.
  public func frameGraph(seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: file, seed: seed)
    let camera = configuration.camera
    let size = [frustums.featureHeight, frustums.featureWidth]
    let images: (depth: TensorID, context: TensorID)? =
      hasCameras
      ? (
        graph.addInput(NetworkTensors.depth, [camera.count, camera.depth.count] + size),
        graph.addInput(NetworkTensors.context, [camera.count, camera.contextChannels] + size)
      ) : nil
    try addFrame(images, to: &graph)
    return graph
  }

  private func addFrame(_ images: (depth: TensorID, context: TensorID)?, to graph: inout Graph) throws {
    let grid = configuration.grid
    var parts: [TensorID] = []
    if let images { parts.append(try addPooling(images, to: &graph)) }
    if hasLidar { parts.append(try addLidar(to: &graph)) }
    if hasMemory {
      let previous = graph.addInput(NetworkTensors.previousBEV, shape(configuration.memoryChannels))
      let motion = graph.addInput(NetworkTensors.motion, [2, 3])
      parts.append(try graph.egoMotionWarp(previous, motion: motion, name: "bev.warp"))
    }
    try encode(parts, grid: grid, in: &graph)
  }

  /// The image branch alone: `images` to `depth` and `context`.
  public func imageGraph(seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: file, seed: seed)
    guard hasCameras else { return graph }
    let result = try graph.imageBranch(addImages(to: &graph), configuration.camera)
    try graph.markOutput(result.depth, name: NetworkTensors.depth)
    try graph.markOutput(result.context, name: NetworkTensors.context)
    return graph
  }

  /// Everything over the grid: `camera_bev`, `lidar_bev` (the pillars' scattered features) and `warped_bev` to all heads'
  /// outputs.
  public func bevGraph(seed: UInt64 = 0) throws -> Graph {
    var graph = Graph(name: file, seed: seed)
    var parts: [TensorID] = []
    if hasCameras {
      let lifted = graph.addInput(NetworkTensors.cameraBEV, shape(configuration.camera.contextChannels))
      parts.append(try addCameraBlock(lifted, to: &graph))
    }
    if hasLidar {
      let grid = configuration.lidar.pillarGrid(over: configuration.grid)
      let pillars = graph.addInput(
        NetworkTensors.lidarBEV, [1, configuration.lidar.pillarChannels, grid.countX, grid.countY])
      parts.append(try graph.pillarBlocks(pillars, configuration.lidar))
    }
    if hasMemory {
      parts.append(graph.addInput(NetworkTensors.warpedBEV, shape(configuration.memoryChannels)))
    }
    try encode(parts, grid: configuration.grid, in: &graph)
    return graph
  }

  /// The pillars that a frame may have.
  public var pillarCapacity: Int {
    min(configuration.lidar.pointCapacity, configuration.lidar.pillarGrid(over: configuration.grid).count)
  }

  // MARK: Parts

  private func shape(_ channels: Int) -> [Int] {
    [1, channels, configuration.grid.countX, configuration.grid.countY]
  }

  private func addImages(to graph: inout Graph) -> TensorID {
    let camera = configuration.camera
    return graph.addInput(NetworkTensors.images, [camera.count, 3, camera.height, camera.width])
  }

  private func addPooling(
    _ images: (depth: TensorID, context: TensorID), to graph: inout Graph
  ) throws -> TensorID {
    let points = graph.addInput(NetworkTensors.poolPoints, TensorType([frustums.capacity], .int64))
    let starts = graph.addInput(NetworkTensors.poolStarts, TensorType([frustums.startCount], .int64))
    let weights =
      frustums.bilinear ? graph.addInput(NetworkTensors.poolWeights, [frustums.capacity]) : nil
    let lifted = try graph.liftSplat(
      depth: images.depth, context: images.context, points: points, starts: starts, weights: weights,
      grid: configuration.grid, name: NetworkTensors.cameraBEV)
    return try addCameraBlock(lifted, to: &graph)
  }

  /// The cameras' features of each cell mixed, before they meet the others'.
  private func addCameraBlock(_ lifted: TensorID, to graph: inout Graph) throws -> TensorID {
    try graph.convolutionBlock(
      lifted, outputs: configuration.camera.channels, kernel: 1, name: "bev.camera")
  }

  private func addLidar(to graph: inout Graph) throws -> TensorID {
    let lidar = configuration.lidar
    let points = graph.addInput(
      NetworkTensors.pillarPoints, [lidar.pointCapacity, PillarInputs.pointFeatures])
    let shared = graph.addInput(NetworkTensors.pillarShared, [pillarCapacity, PillarInputs.sharedFeatures])
    let starts = graph.addInput(NetworkTensors.pillarStarts, TensorType([pillarCapacity + 1], .int64))
    let cells = graph.addInput(NetworkTensors.pillarCells, TensorType([pillarCapacity], .int64))
    let pillars = try graph.scoped("lidar") { graph in
      try graph.pillarEncoder(
        points: points, shared: shared, starts: starts, cells: cells, outputs: lidar.pillarChannels,
        grid: lidar.pillarGrid(over: configuration.grid), name: "pillars")
    }
    return try graph.pillarBlocks(pillars, lidar)
  }

  /// Fusion, backbone, memory and heads.
  private func encode(_ parts: [TensorID], grid: BEVGrid, in graph: inout Graph) throws {
    let configuration = configuration
    let tensor = try graph.scoped("bev") { graph in
      let fused = try graph.fuse(
        parts, outputs: configuration.backbone.stages[0].channels, method: configuration.fusion,
        name: "fusion")
      return try graph.backbone(fused, configuration.backbone)
    }
    if hasMemory {
      // Bounded, so that what goes from frame to frame cannot grow.
      let memory = try graph.pointwiseConvolution(
        tensor, outputs: configuration.memoryChannels, name: "bev.memory")
      try graph.markOutput(try graph.unary(.tanh, memory), name: NetworkTensors.bev)
    }
    try addHeads(
      HeadInput(tensor: tensor, channels: configuration.backbone.outputs, grid: grid), to: &graph)
  }

  private func addHeads(_ features: HeadInput, to graph: inout Graph) throws {
    let heads = Set(configuration.heads)
    let result = configuration.resultGrid
    if heads.contains(.detection) {
      for output in try graph.detectionHead(features, configuration.detection) {
        try graph.markOutput(output.tensor, name: output.name)
      }
    }
    if heads.contains(.map) {
      try graph.markOutput(
        try graph.mapHead(features, configuration.map, grid: result), name: NetworkTensors.map)
    }
    if heads.contains(.occupancy) {
      try graph.markOutput(
        try graph.occupancyHead(features, configuration.occupancy, grid: result),
        name: NetworkTensors.occupancy)
    }
    if heads.contains(.volume) {
      try graph.markOutput(
        try graph.volumeHead(features, configuration.volume), name: NetworkTensors.volume)
    }
    if heads.contains(.trajectories) {
      try graph.markOutput(
        try graph.trajectoryHead(features, configuration.trajectories),
        name: NetworkTensors.trajectoryFeatures)
    }
  }
}

extension Graph {
  /// Takes the weights that this graph has from another one that has them too.
  ///
  /// - Throws: `EngineError` listing those that the other graph lacks, or has in another shape.
  public mutating func takeWeights(from other: Graph) throws {
    var values: [String: TensorValue] = [:]
    for id in weights {
      let name = self[id].name
      if let value = other.tensor(named: name).flatMap({ other.value($0) }) { values[name] = value }
    }
    try setWeights(values, file: other.name)
  }
}
