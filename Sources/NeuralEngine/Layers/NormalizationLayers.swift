extension Graph {
  /// Batch normalisation with learned `name.weight`, `name.bias` and running `name.running_mean`, `name.running_var`.
  ///
  /// In training (`TrainingGraph`) the statistics are the batch's, and the running ones follow them.
  public mutating func batchNormalization(
    _ x: TensorID, epsilon: Float = 1e-5, name: String
  ) throws -> TensorID {
    let channels = shape(x).count > 1 ? shape(x)[1] : 1
    let parameters = scoped(name) { graph in
      [
        graph.addWeight("weight", [channels], .ones), graph.addWeight("bias", [channels], .zeros),
        graph.addWeight("running_mean", [channels], .zeros),
        graph.addWeight("running_var", [channels], .ones),
      ]
    }
    return try add(.batchNormalization(.init(epsilon: epsilon)), [x] + parameters, name: name)[0]
  }

  /// Layer normalisation over the last axis with learned scale and shift, or neither (Ba et al., arXiv 1607.06450).
  public mutating func layerNormalization(
    _ x: TensorID, epsilon: Float = 1e-5, affine: Bool = true, name: String
  ) throws -> TensorID {
    let last = shape(x).last ?? 1
    let parameters = affine ? addScaleAndShift(last, name) : []
    return try add(
      .groupedNormalization(.init(.axes(from: -1), epsilon: epsilon)), [x] + parameters, name: name)[0]
  }

  /// RMS normalisation over the last axis with a learned scale (Zhang & Sennrich, arXiv 1910.07467).
  public mutating func rmsNormalization(_ x: TensorID, epsilon: Float = 1e-6, name: String) throws -> TensorID
  {
    let scale = addWeight("\(name).weight", [shape(x).last ?? 1], .ones)
    return try add(
      .groupedNormalization(.init(.axes(from: -1), epsilon: epsilon, centers: false)), [x, scale], name: name)[
        0]
  }

  /// Group normalisation with learned scale and shift per channel (Wu & He, arXiv 1803.08494).
  public mutating func groupNormalization(
    _ x: TensorID, groups: Int, epsilon: Float = 1e-5, name: String
  ) throws -> TensorID {
    let parameters = addScaleAndShift(shape(x).count > 1 ? shape(x)[1] : 1, name)
    return try add(
      .groupedNormalization(.init(.groups(groups), epsilon: epsilon)), [x] + parameters, name: name)[0]
  }

  /// Instance normalisation: every channel of every image by itself (Ulyanov et al., arXiv 1607.08022).
  public mutating func instanceNormalization(
    _ x: TensorID, epsilon: Float = 1e-5, name: String
  ) throws -> TensorID {
    try groupNormalization(x, groups: shape(x).count > 1 ? shape(x)[1] : 1, epsilon: epsilon, name: name)
  }

  private mutating func addScaleAndShift(_ count: Int, _ name: String) -> [TensorID] {
    [addWeight("\(name).weight", [count], .ones), addWeight("\(name).bias", [count], .zeros)]
  }
}
