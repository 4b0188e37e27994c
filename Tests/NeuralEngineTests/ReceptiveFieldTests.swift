import NeuralEngine
import Testing

/// Published numbers: google-research/receptive_field (the library of Araujo, Norris and Sim, Distill 2019), table of
/// popular networks at 224 x 224: VGG-16 field 212, stride 32, padding 90, 30.71 GFLOP; ResNet-50 v1 field 483, stride
/// 32, padding 239, 6.97 GFLOP.
@Suite struct ReceptiveFieldTests {
  private func vgg16() throws -> Graph {
    var g = Graph(name: "vgg_16")
    var x = g.addInput("image", [1, 3, 224, 224])
    for (stage, (count, width)) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)].enumerated() {
      for i in 0..<count {
        x = try g.relu(try g.convolution(x, outputs: width, kernel: 3, name: "conv\(stage + 1)_\(i + 1)"))
      }
      x = try g.apply(
        .pooling(.init(.maximum, kernel: [2, 2], strides: [2, 2])), x, name: "pool\(stage + 1)")
    }
    for (i, (kernel, outputs)) in [(7, 4096), (1, 4096), (1, 1000)].enumerated() {
      x = try g.convolution(x, outputs: outputs, kernel: kernel, border: .valid, name: "fc\(i + 6)")
    }
    g.markOutput(x)
    return g
  }

  /// He et al., arXiv 1512.03385, with the stride in the 3x3 convolution of each stage's last unit, symmetric padding of
  /// convolutions and the odd element of the pooling's after it, as in TensorFlow-Slim's resnet_v1_50.
  private func resnet50() throws -> Graph {
    var g = Graph(name: "resnet_v1_50")
    var x = g.addInput("image", [1, 3, 224, 224])
    x = try g.relu(
      try g.convolution(
        x, outputs: 64, kernel: 7, stride: 2, border: .symmetric(3), bias: false, name: "conv1"))
    x = try g.apply(
      .pooling(
        .init(.maximum, kernel: [3, 3], strides: [2, 2], padding: Padding(before: [0, 0], after: [1, 1]))), x,
      name: "pool1")
    for (stage, (width, units)) in [(64, 3), (128, 4), (256, 6), (512, 3)].enumerated() {
      for unit in 0..<units {
        let stride = stage < 3 && unit == units - 1 ? 2 : 1, name = "block\(stage + 1).\(unit)"
        var skip = x
        if unit == 0 {
          skip = try g.convolution(x, outputs: 4 * width, kernel: 1, bias: false, name: "\(name).skip")
        } else if stride > 1 {
          skip = try g.apply(.pooling(.init(.maximum, kernel: [1, 1], strides: [2, 2])), x)
        }
        var y = try g.relu(try g.convolution(x, outputs: width, kernel: 1, bias: false, name: "\(name).a"))
        y = try g.relu(
          try g.convolution(
            y, outputs: width, kernel: 3, stride: stride, border: .symmetric(1), bias: false,
            name: "\(name).b"))
        y = try g.convolution(y, outputs: 4 * width, kernel: 1, bias: false, name: "\(name).c")
        x = try g.relu(try g.sum(y, skip))
      }
    }
    g.markOutput(x)
    return g
  }

  @Test func vgg16AgreesWithThePublishedTable() throws {
    let report = try NetworkReport(vgg16())
    let pool = try #require(report.rows.first { $0.name == "pool5" })
    #expect(pool.receptiveField == [212, 212])
    #expect(pool.jump == [32, 32])
    #expect(pool.effectivePadding == [90, 90])
    #expect(pool.start == [15.5, 15.5])
    // Simonyan and Zisserman, arXiv 1409.1556, table 2: 138 million parameters.
    #expect(report.parameters == 138_357_544)
    let features = report.rows.prefix { $0.name != "fc6" }.reduce(0) { $0 + $1.operations }
    #expect(abs(Double(features) * 1e-9 / 30.71 - 1) < 0.002)
  }

  @Test func resnet50AgreesWithThePublishedTable() throws {
    let report = try NetworkReport(resnet50())
    let last = try #require(report.rows.last)
    #expect(last.receptiveField == [483, 483])
    #expect(last.jump == [32, 32])
    #expect(last.effectivePadding == [239, 239])
    // The table counts normalisation too.
    #expect(abs(Double(report.operations) * 1e-9 / 6.97 - 1) < 0.01)
    // He et al.'s 25.6 million parameters less the classifier's 2.05 million and normalisation's 53,120.
    #expect(report.parameters == 23_454_912)
  }

  @Test func dilatedLayersAgreeWithThePublishedContextModule() throws {
    // Yu and Koltun, arXiv 1511.07122, table 1: fields of the context module's layers.
    var g = Graph()
    var x = g.addInput("x", [1, 2, 80, 80])
    for (i, dilation) in [1, 1, 2, 4, 8, 16, 1].enumerated() {
      x = try g.convolution(x, outputs: 2, kernel: 3, dilation: dilation, name: "layer\(i + 1)")
    }
    g.markOutput(try g.pointwiseConvolution(x, outputs: 2, name: "layer8"))
    let fields = try NetworkReport(g).rows.map { $0.receptiveField?.first ?? 0 }
    #expect(fields == [3, 5, 9, 17, 33, 65, 67, 67])
  }

  @Test func pyramidSeesAsFarAsItsWidestBranch() throws {
    // Chen et al., arXiv 1706.05587: 3x3 with rates 6, 12, 18 beside a 1x1; the widest spans 2 · 18 + 1.
    var g = Graph()
    let x = g.addInput("x", [1, 2, 64, 64])
    var parts = [try g.pointwiseConvolution(x, outputs: 2, name: "one")]
    for rate in [6, 12, 18] {
      parts.append(try g.convolution(x, outputs: 2, kernel: 3, dilation: rate, name: "rate\(rate)"))
    }
    g.markOutput(try g.concatenate(parts, name: "pyramid"))
    let rows = try NetworkReport(g).rows
    #expect(rows.map { $0.receptiveField?.first ?? 0 } == [1, 13, 25, 37, 37])
    #expect(rows.last?.start == [0, 0])
  }

  @Test func fieldIsExactlyWhereTheOutputMoves() throws {
    // The recurrences against perturbation: the middle output moves for inputs in its field alone.
    var g = Graph(seed: 3)
    let x = g.addInput("x", [1, 1, 32, 32])
    let a = try g.convolution(x, outputs: 2, kernel: 3, stride: 2, border: .symmetric(1), name: "a")
    let b = try g.convolution(a, outputs: 1, kernel: 3, dilation: 2, border: .symmetric(2), name: "b")
    g.markOutput(b)
    let row = try #require(try NetworkReport(g).rows.last)
    let (jump, start, size) = (
      try #require(row.jump)[0], try #require(row.start)[0], try #require(row.receptiveField)[0]
    )
    let field = try EffectiveReceptiveField(g, cells: 32)
    let centre = start + 8 * jump
    for i in 0..<32 {
      let moved = (0..<32).contains { field.effects[i * 32 + $0] > 0 }
      if moved { #expect(abs(Double(i) - centre) <= (size - 1) / 2) }
    }
    #expect((0..<32).contains { field.effects[Int(centre - (size - 1) / 2) * 32 + $0] > 0 })
    #expect((0..<32).contains { field.effects[Int(centre + (size - 1) / 2) * 32 + $0] > 0 })
  }

  @Test func unevenPaddingAndCheckerboardAreWarnedOf() throws {
    // Mind the Pad, arXiv 2010.02178: a 3x3 of stride 2 and padding 1 applies it evenly to odd extents alone.
    for (extent, warnings) in [(225, 0), (224, 2)] {
      var g = Graph()
      let x = g.addInput("x", [1, 1, extent, extent])
      g.markOutput(try g.convolution(x, outputs: 1, kernel: 3, stride: 2, border: .symmetric(1), name: "c"))
      #expect(try NetworkReport(g).warnings.count == warnings)
    }
    var g = Graph()
    let x = g.addInput("x", [1, 1, 8, 8])
    let cut = try g.convolution(x, outputs: 1, kernel: 2, stride: 3, border: .valid, name: "cut")
    g.markOutput(cut)
    #expect(try NetworkReport(g).warnings.isEmpty)
    for (kernel, warnings) in [(4, 0), (3, 2)] {
      var g = Graph()
      let x = g.addInput("x", [1, 1, 8, 8])
      let w = g.addWeight("w", [1, 1, kernel, kernel], .ones)
      g.markOutput(try g.apply(.transposedConvolution(.init(strides: [2, 2])), x, w))
      #expect(try NetworkReport(g).warnings.count == warnings)
    }
  }

  @Test func stackedConvolutionsSeeAGaussianWithinTheirField() throws {
    // Luo et al., arXiv 1701.04128, section 2: the effect falls off from the middle like a Gaussian; 8 layers of 3x3 see
    // 17 pixels, and a share of the sum that is far above the area's lies in the middle.
    var g = Graph(seed: 4)
    var x = g.addInput("x", [1, 1, 33, 33])
    for i in 0..<8 {
      x = try g.relu(try g.convolution(x, outputs: 8, kernel: 3, bias: false, name: "c\(i)"))
    }
    g.markOutput(x)
    let measured = try EffectiveReceptiveField(g, cells: 33)
    let field = try #require(measured.field)
    #expect(field.rows == 8...24 && field.columns == 8...24)
    var outside: Float = 0, inside: Float = 0, middle: Float = 0
    for (i, effect) in measured.effects.enumerated() {
      let (row, column) = (i / 33, i % 33)
      if field.rows.contains(row), field.columns.contains(column) {
        inside += effect
      } else {
        outside += effect
      }
      if abs(row - 16) <= 4, abs(column - 16) <= 4 { middle += effect }
    }
    #expect(outside == 0)
    // The middle 9 x 9 of 17 x 17 are 28 % of the area.
    #expect(middle / inside > 0.6)
  }

  @Test func pictureKeepsTheInputsProportionsAndFramesTheField() throws {
    var g = Graph(seed: 5)
    let x = g.addInput("x", [1, 2, 16, 32])
    g.markOutput(try g.convolution(x, outputs: 1, kernel: 5, name: "c"))
    let picture = try EffectiveReceptiveField(g, cells: 16).picture()
    #expect(picture.width == 512 && picture.height == 256 && picture.channels == 3)
    func color(_ y: Int, _ x: Int) -> [UInt8] {
      Array(picture.pixels[(y * 512 + x) * 3..<(y * 512 + x) * 3 + 3])
    }
    // The middle element (8, 16) sees rows 6 to 10 and columns 14 to 18, of 16 pixels each.
    #expect(color(6 * 16 - 1, 16 * 16) == [255, 140, 0] && color(11 * 16, 16 * 16) == [255, 140, 0])
    #expect(color(8 * 16, 14 * 16 - 1) == [255, 140, 0] && color(8 * 16, 19 * 16) == [255, 140, 0])
    #expect(color(2 * 16, 2 * 16) == [0, 0, 0])
    #expect(color(8 * 16 + 8, 16 * 16 + 8)[0] > 0)
  }

  @Test func resizedCornersKeepTheirPlaces() throws {
    // With corners aligned the last element of 9 reads the last of 5; by half pixels the first reads at -1/4.
    var g = Graph()
    let x = g.addInput("x", [1, 1, 5, 5])
    let corners = try g.resize(x, to: [9, 9], coordinates: .alignCorners)
    g.markOutput(corners)
    g.markOutput(try g.upsample(x, factor: 2))
    let rows = try NetworkReport(g).rows
    #expect(rows[0].jump == [0.5, 0.5] && rows[0].start == [0, 0])
    #expect(rows[1].jump == [0.5, 0.5] && rows[1].start == [-0.25, -0.25])
  }

  @Test func blocksHaveTheFieldsOfTheirConvolutions() throws {
    var g = Graph()
    let x = g.addInput("x", [1, 8, 64, 64])
    func field(_ id: TensorID) throws -> [Double]? {
      var h = g
      h.markOutput(id)
      return try NetworkReport(h).rows.first { $0.name == g[id].name }?.receptiveField
    }
    // Two 3x3: 5; a stride of 2 in the first: 3 + 2 · 2 = 7.
    #expect(try field(g.residualBlock(x, outputs: 8, name: "a")) == [5, 5])
    #expect(try field(g.residualBlock(x, outputs: 8, stride: 2, name: "b")) == [7, 7])
    #expect(try field(g.bottleneck(x, outputs: 8, name: "c")) == [3, 3])
    #expect(try field(g.invertedResidual(x, outputs: 8, kernel: 5, name: "d")) == [5, 5])
    // Squeeze and excitation sees the whole picture, and so does the pyramid's mean: there is no window.
    #expect(try field(g.invertedResidual(x, outputs: 8, squeezeRatio: 0.25, name: "e")) == nil)
    #expect(try field(g.dilatedPyramid(x, outputs: 8, name: "p")) == nil)
    let (skip, down) = try g.unetDown(x, outputs: 8, name: "f")
    #expect(try field(skip) == [5, 5])
    #expect(try field(down) == [6, 6])
  }
}
