import NeuralEngine

extension Graph {
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
