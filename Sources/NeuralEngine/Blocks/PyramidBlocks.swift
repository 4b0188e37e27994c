extension Graph {
  // MARK: UNet

  /// One step down a UNet: two 3x3 convolution blocks, and their result halved by maximum pooling.
  /// Ronneberger et al., arXiv 1505.04597.
  ///
  /// - Returns: `skip`, with x's extents, for `unetUp`; `down`, with half of them.
  public mutating func unetDown(
    _ x: TensorID, outputs: Int, activation: Activation = .relu, name: String
  ) throws -> (skip: TensorID, down: TensorID) {
    let skip = try doubleConvolution(x, outputs: outputs, activation: activation, name: name)
    let twos = [Int](repeating: 2, count: max(0, shape(x).count - 2))
    let down = try apply(.pooling(.init(.maximum, kernel: twos, strides: twos)), skip, name: "\(name).pool")
    return (skip, down)
  }

  /// One step up a UNet: x resized to the skip's extents (linearly), the skip's channels before it, and two 3x3
  /// convolution blocks.
  public mutating func unetUp(
    _ x: TensorID, skip: TensorID, outputs: Int, activation: Activation = .relu,
    coordinates: Operator.Resize.Coordinates = .halfPixel, name: String
  ) throws -> TensorID {
    let wide = try resize(
      x, to: Array(shape(skip).dropFirst(2)), coordinates: coordinates, name: "\(name).resize")
    let joined = try concatenate([skip, wide], name: "\(name).join")
    return try doubleConvolution(joined, outputs: outputs, activation: activation, name: name)
  }

  private mutating func doubleConvolution(
    _ x: TensorID, outputs: Int, activation: Activation, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let y = try graph.convolutionBlock(x, outputs: outputs, activation: activation, name: "first")
      return try graph.convolutionBlock(y, outputs: outputs, activation: activation, name: "second")
    }
  }

  // MARK: Feature pyramid

  /// A feature pyramid's way down from the coarsest level: each level through a 1x1 convolution (`name.lateral<i>`), plus
  /// the coarser sum resized to it (nearest), then a 3x3 convolution (`name.output<i>`). Lin et al., arXiv 1612.03144.
  ///
  /// - Parameter levels: from fine to coarse, each `[batch, channel, rows, columns]`.
  /// - Returns: as many levels, each of `outputs` channels.
  public mutating func featurePyramid(
    _ levels: [TensorID], outputs: Int, name: String
  ) throws -> [TensorID] {
    try scoped(name) { graph in
      var results: [TensorID] = []
      var coarser: TensorID?
      for (i, level) in levels.enumerated().reversed() {
        var y = try graph.pointwiseConvolution(level, outputs: outputs, name: "lateral\(i)")
        if let coarser {
          let wide = try graph.resize(
            coarser, to: Array(graph.shape(level).dropFirst(2)), interpolation: .nearest(.floor),
            coordinates: .asymmetric)
          y = try graph.sum(y, wide)
        }
        coarser = y
        results.append(try graph.convolution(y, outputs: outputs, kernel: 3, name: "output\(i)"))
      }
      return results.reversed()
    }
  }

  // MARK: Dilated pyramid

  /// Atrous spatial pyramid pooling: a 1x1 convolution, 3x3 convolutions of several dilations, and the picture's mean
  /// through a 1x1 convolution, side by side, then a 1x1 over all. Chen et al., arXiv 1706.05587, section 3.3.
  ///
  /// Weights: `name.one`, `name.rate<r>`, `name.picture`, `name.project`, each a convolution block.
  public mutating func dilatedPyramid(
    _ x: TensorID, outputs: Int, rates: [Int] = [6, 12, 18], name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      var parts = [try graph.convolutionBlock(x, outputs: outputs, kernel: 1, name: "one")]
      for rate in rates {
        parts.append(try graph.convolutionBlock(x, outputs: outputs, dilation: rate, name: "rate\(rate)"))
      }
      let mean = try graph.globalAveragePooling(x)
      let picture = try graph.convolutionBlock(mean, outputs: outputs, kernel: 1, name: "picture")
      parts.append(
        try graph.apply(.expand(.init([graph.shape(x)[0], outputs] + graph.shape(x).dropFirst(2))), picture))
      return try graph.convolutionBlock(
        try graph.concatenate(parts), outputs: outputs, kernel: 1, name: "project")
    }
  }
}
