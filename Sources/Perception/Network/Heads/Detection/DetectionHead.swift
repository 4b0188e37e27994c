import NeuralEngine
import Scenes

/// What detections may be doing: nuScenes' attributes, and which of them a class may have.
public enum DetectionAttributes {
  /// The attributes, in the order of the head's logits.
  public static let names = BoxAttribute.allCases.map(\.rawValue).sorted()
}

extension Graph {
  /// CenterPoint's head: a 3x3 convolution of its own, then a 1x1 convolution for each of its outputs.
  ///
  /// Heat maps begin at a probability of 0.1 (bias -2.19; Lin et al., arXiv 1708.02002, section 4.1).
  /// - Returns: outputs by the names of `NetworkTensors`.
  package mutating func detectionHead(
    _ features: HeadInput, _ head: NetworkConfiguration.Detection
  ) throws -> [(name: String, tensor: TensorID)] {
    try features.check(in: self, head: "detection")
    return try scoped("heads.detection") { graph in
      let hidden = try graph.convolutionBlock(features.tensor, outputs: head.hidden, name: "hidden")
      let heatmap = try graph.headOutput(
        hidden, outputs: head.classes.count, biases: [-2.19], name: "heatmap")
      return [
        (NetworkTensors.heatmap, heatmap),
        (
          NetworkTensors.offset,
          try graph.headOutput(hidden, outputs: 2, biases: [0.5], name: "offset")
        ),
        (NetworkTensors.height, try graph.headOutput(hidden, outputs: 1, name: "height")),
        (NetworkTensors.size, try graph.headOutput(hidden, outputs: 3, name: "size")),
        (NetworkTensors.rotation, try graph.headOutput(hidden, outputs: 2, name: "rotation")),
        (NetworkTensors.velocity, try graph.headOutput(hidden, outputs: 2, name: "velocity")),
        (
          NetworkTensors.attribute,
          try graph.headOutput(hidden, outputs: DetectionAttributes.names.count, name: "attribute")
        ),
      ]
    }
  }
}
