/// Operators whose outputs are as large as their inputs' elements say: of known inputs a constant, else computed between
/// two graphs by `ONNXProgram`.
extension ONNXOperators {
  /// The builders by name.
  static let selecting: [String: Builder] = ["NonZero": nonZero, "NonMaxSuppression": nonMaximumSuppression]

  /// Computes at once where all inputs are known, else puts the node off.
  private static func host(
    _ importer: inout ONNXImporter, _ node: ONNXNode,
    _ compute: @escaping @Sendable ([TensorValue?]) throws -> [TensorValue]
  ) throws -> [ONNXImporter.Value] {
    var known: [TensorValue?] = []
    for i in node.inputs.indices {
      let value = try importer.input(node, i)
      let elements = try value.flatMap { try importer.known($0) }
      if value != nil, elements == nil { throw Deferred.Reason.host(compute) }
      known.append(elements)
    }
    return try compute(known).map { importer.constant($0) }
  }

  /// Indices of the elements that are not 0, `[axis, element]`, in the elements' order.
  private static let nonZero: Builder = { importer, node in
    try host(&importer, node) { inputs in
      guard let x = inputs.first ?? nil else { throw node.fault("no input", expected: "1") }
      let places: [Int]
      switch x.elements {
      case .float32(let e): places = e.indices.filter { e[$0] != 0 }
      case .int64(let e): places = e.indices.filter { e[$0] != 0 }
      case .bool(let e): places = e.indices.filter { e[$0] }
      }
      let strides = rowMajorStrides(x.shape)
      let indices = x.shape.indices.flatMap { axis in
        places.map { Int64($0 / strides[axis] % x.shape[axis]) }
      }
      return [TensorValue([x.shape.count, places.count], integers: indices)]
    }
  }

  /// For each picture and class the boxes by falling score (the first of equals before), without those that overlap a
  /// better one by more than a threshold: `[selected, 3]` of picture, class, box.
  private static let nonMaximumSuppression: Builder = { importer, node in
    let isCentred = try node.flag("center_point_box")
    return try host(&importer, node) { inputs in
      func number(_ i: Int) -> Float? { i < inputs.count ? inputs[i].flatMap { $0.floats?.first } : nil }
      let limit = inputs.count > 2 ? Int(inputs[2]?.integers?.first ?? 0) : 0
      guard inputs.count >= 2, let boxes = inputs[0], let scores = inputs[1], let corners = boxes.floats,
        let values = scores.floats, boxes.shape.count == 3, scores.shape.count == 3, boxes.shape[2] == 4,
        boxes.shape[0] == scores.shape[0], boxes.shape[1] == scores.shape[2]
      else { throw node.fault("boxes and scores that do not fit", expected: "[n, m, 4] and [n, classes, m]") }
      let count = boxes.shape[1], threshold = number(3) ?? 0, least = number(4) ?? -.infinity
      var selected: [Int64] = []
      for picture in 0..<scores.shape[0] {
        let rectangles = (0..<count).map { k in
          Rectangle(corners[(picture * count + k) * 4..<(picture * count + k) * 4 + 4], isCentred: isCentred)
        }
        for kind in 0..<scores.shape[1] {
          let first = (picture * scores.shape[1] + kind) * count
          let order = (0..<count).filter { values[first + $0] > least }
            .sorted { (-values[first + $0], $0) < (-values[first + $1], $1) }
          var kept: [Int] = []
          for k in order where kept.count < limit {
            if kept.allSatisfy({ rectangles[$0].overlap(rectangles[k]) <= threshold }) { kept.append(k) }
          }
          for k in kept { selected += [Int64(picture), Int64(kind), Int64(k)] }
        }
      }
      return [TensorValue([selected.count / 3, 3], integers: selected)]
    }
  }

  /// A rectangle of two opposite corners, or of a centre and extents.
  private struct Rectangle {
    var low: (Float, Float), high: (Float, Float)

    init(_ e: ArraySlice<Float>, isCentred: Bool) {
      let e = Array(e)
      if isCentred {
        low = (e[0] - e[2] / 2, e[1] - e[3] / 2)
        high = (e[0] + e[2] / 2, e[1] + e[3] / 2)
      } else {
        low = (min(e[0], e[2]), min(e[1], e[3]))
        high = (max(e[0], e[2]), max(e[1], e[3]))
      }
    }

    var area: Float { (high.0 - low.0) * (high.1 - low.1) }

    /// Intersection over union.
    func overlap(_ other: Rectangle) -> Float {
      let width = min(high.0, other.high.0) - max(low.0, other.low.0)
      let height = min(high.1, other.high.1) - max(low.1, other.low.1)
      guard width > 0, height > 0 else { return 0 }
      return width * height / (area + other.area - width * height)
    }
  }
}
