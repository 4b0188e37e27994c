import Geometry
import NeuralEngine

extension Graph {
  /// The map head: logits `[1, layer, i, j]` on the result grid, whose cells are made from channels.
  mutating func mapHead(
    _ features: HeadInput, _ head: NetworkConfiguration.Map, grid: BEVGrid
  ) throws -> TensorID {
    try features.check(in: self, head: "map")
    let factor = try features.factor(to: grid, file: name, head: "map")
    return try scoped("heads.map") { graph in
      let hidden = try graph.convolutionBlock(features.tensor, outputs: head.hidden, name: "hidden")
      let logits = try graph.headOutput(
        hidden, outputs: head.layers.count * factor * factor, biases: [-2.19], name: "logits")
      return try graph.depthToSpace(logits, factor: factor)
    }
  }
}
