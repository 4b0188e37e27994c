extension Graph {
  /// Each position times a gate made from the mean and the maximum of its channels around it: a `kernel`² convolution
  /// (`name.convolution`, no bias) of the two, and a sigmoid. Woo et al., CBAM, arXiv 1807.06521, equation 3.
  public mutating func spatialAttention(_ x: TensorID, kernel: Int = 7, name: String) throws -> TensorID {
    try scoped(name) { graph in
      let parts = [
        try graph.reduce(.mean, x, axes: [1]), try graph.reduce(.maximum, x, axes: [1]),
      ]  // each [batch, 1, spatial...]
      let gate = try graph.convolution(
        try graph.concatenate(parts), outputs: 1, kernel: kernel, bias: false, name: "convolution")
      return try graph.product(x, try graph.unary(.sigmoid, gate))
    }
  }

  /// Each channel times a gate made from all channels' averages and maxima, which go through the same two 1x1
  /// convolutions (`name.squeeze`, `name.excite`, no bias). Woo et al., CBAM, arXiv 1807.06521, equation 2.
  public mutating func channelAttention(_ x: TensorID, squeezed: Int, name: String) throws -> TensorID {
    try scoped(name) { graph in
      // Both statistics as two positions of one tensor share the weights: [batch, channel, 2, 1...].
      let statistics = try graph.concatenate(
        [try graph.globalAveragePooling(x), try graph.globalMaximumPooling(x)], axis: 2)
      let small = try graph.relu(
        try graph.pointwiseConvolution(statistics, outputs: squeezed, bias: false, name: "squeeze"))
      let both = try graph.pointwiseConvolution(
        small, outputs: graph.shape(x)[1], bias: false, name: "excite")
      return try graph.product(x, try graph.unary(.sigmoid, try graph.reduce(.sum, both, axes: [2])))
    }
  }

  /// Channel attention and then spatial attention: CBAM's whole module. Woo et al., arXiv 1807.06521, figure 1.
  ///
  /// - Parameter reduction: channels per channel between the two 1x1 convolutions.
  public mutating func convolutionalAttention(
    _ x: TensorID, reduction: Int = 16, kernel: Int = 7, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let channels = graph.shape(x).count > 1 ? graph.shape(x)[1] : 1
      let y = try graph.channelAttention(x, squeezed: max(1, channels / max(1, reduction)), name: "channel")
      return try graph.spatialAttention(y, kernel: kernel, name: "spatial")
    }
  }
}
