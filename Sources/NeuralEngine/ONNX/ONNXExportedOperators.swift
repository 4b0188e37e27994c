extension ONNXGraphBuilder {
  /// Adds the nodes that compute a node of ours.
  mutating func add(_ node: Graph.Node) throws {
    let x = node.inputs.map { name($0) }, y = node.outputs.map { name($0) }
    let types = node.inputs.map { graph[$0].type }
    switch node.operation {
    case .convolution(let o):
      emit("Conv", x, y, window(o.strides, o.dilations, o.padding) + [.int("group", o.groups)])
    case .transposedConvolution(let o):
      guard (o.padding.before + o.padding.after).allSatisfy({ $0 >= 0 }) else {
        throw missing(node, "transposed convolution with negative padding")
      }
      emit(
        "ConvTranspose", x, y,
        window(o.strides, o.dilations, o.padding) + [
          .int("group", o.groups), .ints("output_padding", o.outputPadding),
        ])
    case .pooling(let o): try add(o, node, x, y)
    case .adaptivePooling(let o): try add(o, node, x, y, types)
    case .batchNormalization(let o):
      emit(
        "BatchNormalization", x, y,
        [.float("epsilon", o.epsilon), .float("momentum", o.momentum), .flag("training_mode", o.training)])
    case .groupedNormalization(let o): try add(o, node, x, y, types)
    case .softmax(let o): emit(o.logarithm ? "LogSoftmax" : "Softmax", x, y, [.int("axis", o.axis)])
    case .matrixMultiplication(let o): add(o, x, y, types)
    case .unary(let o): add(o.function, x[0], y)
    case .binary(let o): add(o.function, x, y, types)
    case .einsum(let o): emit("Einsum", x, y, [.text("equation", o.equation)])
    case .attention(let o): add(o, x, y, types)
    case .deformableConvolution(let o): add(o, x, y)
    case .gridSample(let o):
      emit(
        "GridSample", x, y,
        [
          .text("mode", o.interpolation.rawValue), .text("padding_mode", o.border.rawValue),
          .flag("align_corners", o.alignCorners),
        ])
    case .affineGrid(let o):
      let size = integers([types[0].shape[0], 1] + o.sizes)
      emit("AffineGrid", [x[0], size], y, [.flag("align_corners", o.alignCorners)])
    case .resize(let o): add(o, x[0], y, types[0].shape)
    case .quantization(let o): try add(o, node, x, y, types)
    case .recurrence(let o): try add(o, node, x, y)
    case .external(let o): throw missing(node, o.name)
    default: try addShaping(node, x, y, types)
    }
  }

  func missing(_ node: Graph.Node, _ what: String) -> EngineError {
    EngineError(
      file: graph.name, field: "operator \(node.name)", found: what, expected: "an operator that ONNX has")
  }

  private func window(_ strides: [Int], _ dilations: [Int], _ padding: Padding) -> [ONNXAttributeProto] {
    [
      .ints("strides", strides), .ints("dilations", dilations),
      .ints("pads", padding.before + padding.after),
    ]
  }

  private mutating func add(
    _ o: Operator.Pooling, _ node: Graph.Node, _ x: [String], _ y: [String]
  ) throws {
    var attributes = window(o.strides, o.dilations, o.padding)
    attributes += [.ints("kernel_shape", o.kernel), .flag("ceil_mode", o.ceiling)]
    switch o.kind {
    case .maximum: emit("MaxPool", x, y, attributes + [.flag("storage_order", o.columnMajorIndices)])
    case .average(let counts): emit("AveragePool", x, y, attributes + [.flag("count_include_pad", counts)])
    case .norm(let p):
      guard p == p.rounded(), p > 0, p < 64 else { throw missing(node, "Lp pooling with p = \(p)") }
      emit("LpPool", x, y, attributes + [.int("p", Int(p))])
    }
  }

  /// Windows of one size where the output divides the input; else there is none.
  private mutating func add(
    _ o: Operator.AdaptivePooling, _ node: Graph.Node, _ x: [String], _ y: [String], _ types: [TensorType]
  ) throws {
    let size = types[0].shape.dropFirst(2)
    guard zip(size, o.sizes).allSatisfy({ $0 % $1 == 0 }) else {
      throw missing(node, "adaptive pooling of \(Array(size)) to \(o.sizes)")
    }
    let kernel = zip(size, o.sizes).map { $0 / $1 }
    emit(
      o.takesMaximum ? "MaxPool" : "AveragePool", x, y,
      [.ints("kernel_shape", kernel), .ints("strides", kernel)])
  }

  private mutating func add(
    _ o: Operator.GroupedNormalization, _ node: Graph.Node, _ x: [String], _ y: [String],
    _ types: [TensorType]
  ) throws {
    let shape = types[0].shape
    switch o.extent {
    case .axes(let from):
      let axis = from < 0 ? from + shape.count : from, tail = Array(shape[axis...])
      let ones = TensorValue(tail, [Float](repeating: 1, count: tail.reduce(1, *)))
      let inputs = x.count > 1 ? x : x + [constant(ones)]
      let attributes: [ONNXAttributeProto] = [.int("axis", axis), .float("epsilon", o.epsilon)]
      if o.centers {
        emit("LayerNormalization", inputs, y, attributes)
      } else {
        guard x.count < 3, !o.givesStatistics else { throw missing(node, "RMS normalization with a shift") }
        emit("RMSNormalization", inputs, y, attributes)
      }
    case .groups(let groups):
      guard o.centers, !o.givesStatistics else { throw missing(node, "group normalization with statistics") }
      let channels = shape[1]
      let scale =
        x.count > 1 ? x[1] : constant(TensorValue([channels], [Float](repeating: 1, count: channels)))
      let shift =
        x.count > 2 ? x[2] : constant(TensorValue([channels], [Float](repeating: 0, count: channels)))
      if groups == channels, shape.count > 2 {
        emit("InstanceNormalization", [x[0], scale, shift], y, [.float("epsilon", o.epsilon)])
      } else {
        emit(
          "GroupNormalization", [x[0], scale, shift], y,
          [.float("epsilon", o.epsilon), .int("num_groups", groups)])
      }
    }
  }

  private mutating func add(
    _ o: Operator.MatrixMultiplication, _ x: [String], _ y: [String], _ types: [TensorType]
  ) {
    if types[0].rank == 2, types[1].rank == 2 {
      return emit(
        "Gemm", x, y,
        [
          .float("alpha", o.alpha), .float("beta", o.beta), .flag("transA", o.transposesFirst),
          .flag("transB", o.transposesSecond),
        ])
    }
    var operands = Array(x.prefix(2))
    for (i, transposes) in [o.transposesFirst, o.transposesSecond].enumerated()
    where transposes && types[i].rank > 1 {
      var order = Array(0..<types[i].rank)
      order.swapAt(order.count - 1, order.count - 2)
      operands[i] = step("Transpose", [operands[i]], [.ints("perm", order)])
    }
    let scales = o.alpha != 1, adds = x.count > 2
    if !scales, !adds { return emit("MatMul", operands, y) }
    var product = step("MatMul", operands)
    if scales {
      let factor = scalar(o.alpha)
      if !adds { return emit("Mul", [product, factor], y) }
      product = step("Mul", [product, factor])
    }
    let factor = scalar(o.beta)
    let bias = o.beta == 1 ? x[2] : step("Mul", [x[2], factor])
    emit("Add", [product, bias], y)
  }

  private mutating func add(
    _ o: Operator.Attention, _ given: [String], _ y: [String], _ types: [TensorType]
  ) {
    if o.hasKeyLengths { require(operatorSet: 24) }
    var x = given
    if o.hasMask, let e = try? o.extents(types) {
      // ONNX Runtime wants a row of the mask for every query.
      let mask = types[3].shape
      if mask.count > 1, mask[mask.count - 2] == 1, e.queries != 1 {
        var whole = mask
        whole[mask.count - 2] = e.queries
        let rows = fresh()
        emit("Expand", [x[3], integers(whole)], [rows])
        x[3] = rows
      }
    }
    var inputs = Array(x.prefix(3)), next = 3
    for (present, count) in [(o.hasMask, 1), (o.hasPast, 2), (o.hasKeyLengths, 1)] {
      inputs += present ? Array(x[next..<next + count]) : [String](repeating: "", count: count)
      next += present ? count : 0
    }
    while inputs.last == "" { inputs.removeLast() }
    var outputs = [y[0]]
    if o.givesPresent { outputs += y[1...2] }
    if o.scores != nil, let last = y.last {
      while outputs.count < 3 { outputs.append("") }
      outputs.append(last)
    }
    var attributes: [ONNXAttributeProto] = [
      .int("q_num_heads", o.heads), .int("kv_num_heads", o.keyHeads), .flag("is_causal", o.causal),
      .float("softcap", o.softcap), .int("qk_matmul_output_mode", o.scores?.rawValue ?? 0),
    ]
    if let scale = o.scale { attributes.append(.float("scale", scale)) }
    emit("Attention", inputs, outputs, attributes)
  }

  private mutating func add(_ o: Operator.DeformableConvolution, _ x: [String], _ y: [String]) {
    var inputs = Array(x.prefix(3)), next = 3
    for present in [o.hasBias, o.hasMask] {
      inputs.append(present ? x[next] : "")
      next += present ? 1 : 0
    }
    while inputs.last == "" { inputs.removeLast() }
    emit(
      "DeformConv", inputs, y,
      window(o.strides, o.dilations, o.padding) + [
        .int("group", o.groups), .int("offset_group", o.offsetGroups),
      ])
  }

  private mutating func add(_ o: Operator.Resize, _ x: String, _ y: [String], _ shape: [Int]) {
    var attributes: [ONNXAttributeProto] = [
      .flag("antialias", o.antialias), .flag("exclude_outside", o.excludesOutside),
    ]
    switch o.interpolation {
    case .linear: attributes.append(.text("mode", "linear"))
    case .cubic(let a): attributes += [.text("mode", "cubic"), .float("cubic_coeff_a", a)]
    case .nearest(let rounding):
      let names: [Operator.Resize.Rounding: String] = [
        .roundPreferFloor: "round_prefer_floor", .roundPreferCeiling: "round_prefer_ceil", .floor: "floor",
        .ceiling: "ceil",
      ]
      attributes += [.text("mode", "nearest"), .text("nearest_mode", names[rounding] ?? "floor")]
    }
    var region = ""
    switch o.coordinates {
    case .halfPixel: attributes.append(.text("coordinate_transformation_mode", "half_pixel"))
    case .pytorchHalfPixel: attributes.append(.text("coordinate_transformation_mode", "pytorch_half_pixel"))
    case .halfPixelSymmetric:
      attributes.append(.text("coordinate_transformation_mode", "half_pixel_symmetric"))
    case .alignCorners: attributes.append(.text("coordinate_transformation_mode", "align_corners"))
    case .asymmetric: attributes.append(.text("coordinate_transformation_mode", "asymmetric"))
    case .crop(let starts, let ends, let outside):
      attributes += [
        .text("coordinate_transformation_mode", "tf_crop_and_resize"), .float("extrapolation_value", outside),
      ]
      region = constant(TensorValue([2 * starts.count], starts + ends))
    }
    // Scales where they make these sizes, so that coordinates are computed from the same numbers; readers multiply in
    // single or in double precision, which differ by one element for 10 · 2.1.
    let fits = shape.indices.allSatisfy {
      Int((Float(shape[$0]) * o.scales[$0]).rounded(.down)) == o.sizes[$0]
        && Int((Double(shape[$0]) * Double(o.scales[$0])).rounded(.down)) == o.sizes[$0]
    }
    if fits {
      let scales = constant(TensorValue([o.scales.count], o.scales))
      emit("Resize", [x, region, scales], y, attributes)
    } else {
      let sizes = integers(o.sizes)
      emit("Resize", [x, region, "", sizes], y, attributes)
    }
  }
}
