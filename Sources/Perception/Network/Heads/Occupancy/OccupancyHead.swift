import Geometry
import NeuralEngine

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
