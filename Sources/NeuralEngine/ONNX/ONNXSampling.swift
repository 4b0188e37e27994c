extension ONNXOperators {
  /// Resizing and sampling at coordinates.
  static let sampling: [String: Builder] = [
    "Resize": resize, "Upsample": upsample, "GridSample": gridSample, "AffineGrid": affineGrid,
  ]

  private static let gridSample: Builder = { importer, node in
    let mode = try node.string("mode", "linear"), border = try node.string("padding_mode", "zeros")
    let names = ["bilinear": "linear", "bicubic": "cubic"]
    guard let interpolation = Operator.GridSample.Interpolation(rawValue: names[mode] ?? mode),
      let outside = Operator.GridSample.Border(rawValue: border)
    else { throw node.fault("mode \(mode), padding_mode \(border)", expected: "ones of opset 22") }
    let operation = Operator.GridSample(
      interpolation, border: outside, alignCorners: try node.flag("align_corners"))
    return try importer.emit(.gridSample(operation), [0, 1].map { try importer.required(node, $0) }, node)
  }

  private static let affineGrid: Builder = { importer, node in
    let size = try importer.knownIntegers(node, 1) ?? []
    guard (4...5).contains(size.count), TensorType.isValid(size) else {
      throw node.fault("size \(size)", expected: "4 or 5 extents")
    }
    let operation = Operator.AffineGrid(
      sizes: Array(size.dropFirst(2)), alignCorners: try node.flag("align_corners"))
    return try importer.emit(.affineGrid(operation), [try importer.required(node, 0)], node)
  }

  private static let upsample: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x)
    var scales = try node.floats("scales") ?? importer.knownFloats(node, 1) ?? []
    if node.has("height_scale"), shape.count == 4 {
      scales = [1, 1, try node.float("height_scale", 1), try node.float("width_scale", 1)]
    }
    let isLinear = try node.string("mode", "nearest") != "nearest"
    return try importer.emit(
      .resize(
        .init(
          sizes: try sizes(shape, scales, node), scales: scales,
          interpolation: isLinear ? .linear : .nearest(.floor), coordinates: .asymmetric)), [x], node)
  }

  private static func sizes(_ shape: [Int], _ scales: [Float], _ node: ONNXNode) throws -> [Int] {
    guard scales.count == shape.count, scales.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw node.fault("scales \(scales)", expected: "\(shape.count) numbers above 0")
    }
    return try zip(shape, scales).map { extent, scale in
      // In float32, as the operator's definition computes it.
      let size = (Float(extent) * scale).rounded(.down)
      guard size < 0x1p40 else { throw node.fault("scale \(scale)", expected: "2^40 elements at most") }
      return Int(size)
    }
  }

  private static let resize: Builder = { importer, node in
    let x = try importer.required(node, 0), shape = importer.shape(x), isOld = importer.operatorSet < 11
    let axes = try (node.ints("axes") ?? Array(shape.indices)).map { try axis($0, rank: shape.count, node) }
    let region = isOld ? nil : try importer.knownFloats(node, 1)
    let givenScales = try importer.knownFloats(node, isOld ? 1 : 2) ?? []
    let givenSizes = isOld ? [] : try importer.knownIntegers(node, 3) ?? []
    var sizes = shape, scales = shape.map { _ in Float(1) }
    if !givenSizes.isEmpty {
      guard givenSizes.count == axes.count, givenSizes.allSatisfy({ 0...(1 << 40) ~= $0 }) else {
        throw node.fault("sizes \(givenSizes)", expected: "\(axes.count) extents")
      }
      try applySizes(givenSizes, axes, shape, node, &sizes, &scales)
    } else {
      guard givenScales.count == axes.count else {
        throw node.fault("\(givenScales.count) scales", expected: "\(axes.count)")
      }
      for (i, axis) in axes.enumerated() { scales[axis] = givenScales[i] }
      sizes = try Self.sizes(shape, scales, node)
    }
    let operation = Operator.Resize(
      sizes: sizes, scales: scales, interpolation: try interpolation(node, isOld: isOld),
      coordinates: try coordinates(node, isOld: isOld, region, axes, rank: shape.count),
      antialias: try node.flag("antialias"), excludesOutside: try node.flag("exclude_outside"))
    return try importer.emit(.resize(operation), [x], node)
  }

  /// Sizes as given, or one scale for all axes where the aspect ratio is kept.
  private static func applySizes(
    _ given: [Int], _ axes: [Int], _ shape: [Int], _ node: ONNXNode, _ sizes: inout [Int],
    _ scales: inout [Float]
  ) throws {
    let quotients = zip(given, axes).map { Double($0) / Double(max(1, shape[$1])) }
    let policy = try node.string("keep_aspect_ratio_policy", "stretch")
    for (i, axis) in axes.enumerated() {
      sizes[axis] = given[i]
      scales[axis] = Float(quotients[i])
      if policy != "stretch" {
        let common = (policy == "not_larger" ? quotients.min() : quotients.max()) ?? 1
        sizes[axis] = Int(min(common * Double(shape[axis]) + 0.5, 0x1p40))
        scales[axis] = Float(common)
      }
      if shape[axis] > 0, scales[axis] <= 0 { scales[axis] = 1 }
    }
  }

  private static func interpolation(
    _ node: ONNXNode, isOld: Bool
  ) throws -> Operator.Resize.Interpolation {
    switch try node.string("mode", "nearest") {
    case "linear": return .linear
    case "cubic": return .cubic(try node.float("cubic_coeff_a", -0.75))
    case "nearest":
      switch try node.string("nearest_mode", isOld ? "floor" : "round_prefer_floor") {
      case "round_prefer_floor": return .nearest(.roundPreferFloor)
      case "round_prefer_ceil": return .nearest(.roundPreferCeiling)
      case "floor": return .nearest(.floor)
      case "ceil": return .nearest(.ceiling)
      case let other: throw node.fault("nearest_mode \(other)", expected: "a rounding of opset 19")
      }
    case let other: throw node.fault("mode \(other)", expected: "nearest, linear or cubic")
    }
  }

  private static func coordinates(
    _ node: ONNXNode, isOld: Bool, _ region: [Float]?, _ axes: [Int], rank: Int
  ) throws -> Operator.Resize.Coordinates {
    switch try node.string("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel") {
    case "half_pixel": return .halfPixel
    case "pytorch_half_pixel": return .pytorchHalfPixel
    case "half_pixel_symmetric": return .halfPixelSymmetric
    case "align_corners": return .alignCorners
    case "asymmetric": return .asymmetric
    case "tf_crop_and_resize":
      guard let region, region.count == 2 * axes.count else {
        throw node.fault("a region of \(region?.count ?? 0) numbers", expected: "\(2 * axes.count)")
      }
      var starts = [Float](repeating: 0, count: rank), ends = [Float](repeating: 1, count: rank)
      for (i, axis) in axes.enumerated() {
        starts[axis] = region[i]
        ends[axis] = region[axes.count + i]
      }
      return .crop(starts: starts, ends: ends, outside: try node.float("extrapolation_value", 0))
    case let other: throw node.fault("coordinate mode \(other)", expected: "a mode of opset 19")
    }
  }
}
