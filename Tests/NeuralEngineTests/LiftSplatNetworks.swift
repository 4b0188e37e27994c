import NeuralEngine

/// The networks of shared/tools' Lift-Splat-Shoot reference, built from layers: EfficientNet-B0 camera encoder and
/// ResNet-18 bird's-eye-view encoder (Philion & Fidler, ECCV 2020).
enum LiftSplatNetworks {
  static func birdsEyeView(size: Int = 200) throws -> Graph {
    var g = Graph(name: "bevencode", seed: 1)
    let bev = g.addInput("bev", [1, 64, size, size])
    var x = try convolution(&g, bev, 64, 7, stride: 2, name: "stem")
    x = try g.relu(x)
    var first: TensorID?
    for (stage, (width, stride)) in [(64, 1), (128, 2), (256, 2)].enumerated() {
      for block in 0..<2 {
        let name = "layer\(stage).\(block)", s = block == 0 ? stride : 1
        var skip = x
        var y = try g.relu(try convolution(&g, x, width, 3, stride: s, name: "\(name).a"))
        y = try convolution(&g, y, width, 3, name: "\(name).b")
        if s != 1 || g.shape(x)[1] != width {
          skip = try convolution(&g, x, width, 1, stride: s, name: "\(name).skip")
        }
        x = try g.relu(try g.sum(y, skip))
      }
      if first == nil { first = x }
    }
    guard let first else { return g }
    x = try up(&g, x, first, 256, 4, name: "up1")
    x = try g.upsample(x, factor: 2, coordinates: .alignCorners)
    x = try g.relu(try convolution(&g, x, 128, 3, name: "up2"))
    x = try g.pointwiseConvolution(x, outputs: 1, name: "head")
    try g.markOutput(x, name: "logits")
    return g
  }

  static func camera(batch: Int = 6, height: Int = 128, width: Int = 352) throws -> Graph {
    var g = Graph(name: "camencode", seed: 2)
    let image = g.addInput("image", [batch, 3, height, width])
    var x = try swish(&g, try normalized(&g, image, 32, 3, stride: 2, name: "stem"))
    let stages = [
      (1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2), (6, 112, 3, 5, 1),
      (6, 192, 4, 5, 2),
      (6, 320, 1, 3, 1),
    ]
    var middle = x
    for (i, (expand, outputs, count, kernel, stride)) in stages.enumerated() {
      for r in 0..<count {
        let name = "stage\(i).\(r)", s = r == 0 ? stride : 1, skip = x, inputs = g.shape(x)[1]
        let hidden = inputs * expand
        var y = x
        if expand > 1 { y = try swish(&g, try normalized(&g, x, hidden, 1, name: "\(name).expand")) }
        y = try swish(
          &g, try normalized(&g, y, hidden, kernel, stride: s, groups: hidden, name: "\(name).depthwise"))
        var gate = try g.apply(.pooling(.global(.average(countsPadding: false), g.shape(y))), y)
        gate = try swish(
          &g, try g.pointwiseConvolution(gate, outputs: max(1, inputs / 4), name: "\(name).squeeze"))
        gate = try g.unary(
          .sigmoid, try g.pointwiseConvolution(gate, outputs: hidden, name: "\(name).excite"))
        y = try normalized(&g, try g.product(y, gate), outputs, 1, name: "\(name).project")
        x = s == 1 && inputs == outputs ? try g.sum(y, skip) : y
      }
      if i == 4 { middle = x }
    }
    x = try up(&g, x, middle, 512, 2, name: "up")
    x = try g.pointwiseConvolution(x, outputs: 105, name: "head")
    let parts = try g.split(x, axis: 1, extents: [41, 64])
    try g.markOutput(try g.softmax(parts[0], axis: 1), name: "depth")
    try g.markOutput(parts[1], name: "context")
    return g
  }

  private static func swish(_ g: inout Graph, _ x: TensorID) throws -> TensorID {
    try g.product(x, try g.unary(.sigmoid, x))
  }

  private static func normalized(
    _ g: inout Graph, _ x: TensorID, _ outputs: Int, _ kernel: Int, stride: Int = 1, groups: Int = 1,
    name: String
  ) throws -> TensorID {
    let y = try g.convolution(
      x, outputs: outputs, kernel: kernel, stride: stride, groups: groups, bias: false, name: name)
    return try statistics(&g, y, name: "\(name).norm")
  }

  private static func convolution(
    _ g: inout Graph, _ x: TensorID, _ outputs: Int, _ kernel: Int, stride: Int = 1, name: String
  ) throws -> TensorID {
    let y = try g.convolution(
      x, outputs: outputs, kernel: kernel, stride: stride, border: .symmetric(kernel / 2), bias: false,
      name: name)
    return try statistics(&g, y, name: "\(name).norm")
  }

  /// Batch normalisation with statistics that are not 0 and 1.
  private static func statistics(_ g: inout Graph, _ x: TensorID, name: String) throws -> TensorID {
    let channels = g.shape(x)[1]
    let scale = g.addWeight(
      "\(name).weight", TensorValue([channels], (0..<channels).map { 1 + 0.1 * wave($0, 1) }))
    let shift = g.addWeight("\(name).bias", TensorValue([channels], (0..<channels).map { 0.1 * wave($0, 2) }))
    let mean = g.addWeight("\(name).mean", TensorValue([channels], (0..<channels).map { 0.1 * wave($0, 3) }))
    let variance = g.addWeight(
      "\(name).var", TensorValue([channels], (0..<channels).map { 1.1 + 0.1 * wave($0, 4) }))
    return try g.add(
      .batchNormalization(.init(epsilon: 1e-3)), [x, scale, shift, mean, variance], name: name)[0]
  }

  private static func wave(_ i: Int, _ k: Int) -> Float { Float((i * (7 + 2 * k) + k) % 19) / 9 - 1 }

  private static func up(
    _ g: inout Graph, _ small: TensorID, _ large: TensorID, _ outputs: Int, _ factor: Int, name: String
  ) throws -> TensorID {
    let x = try g.concatenate([large, try g.upsample(small, factor: factor, coordinates: .alignCorners)])
    let y = try g.relu(try convolution(&g, x, outputs, 3, name: "\(name).a"))
    return try g.relu(try convolution(&g, y, outputs, 3, name: "\(name).b"))
  }
}

/// Reproducible values in [-1, 1).
struct TestRandom {
  var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(state >> 40) * 0x1p-23 - 1
  }

  mutating func tensor(_ shape: [Int]) -> TensorValue {
    TensorValue(shape, (0..<shape.reduce(1, *)).map { _ in next() })
  }
}
