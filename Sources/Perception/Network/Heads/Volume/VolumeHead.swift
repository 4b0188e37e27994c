import Geometry
import NeuralEngine
import Scenes

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
}
