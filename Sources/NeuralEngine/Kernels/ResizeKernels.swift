extension Operator.Resize {
  /// Bytes of scratch memory that `compute` wants.
  public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) -> Int {
    // Two intermediate tensors, used in turn: shrinking comes first, so none is larger than both input and output.
    let largest = max(inputs[0].byteCount, outputs[0].byteCount, 64)
    return 2 * ((largest + 63) / 64 * 64)
  }

  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = outputs[0]
    let tables = x.shape.indices.map { axis in
      isIdentity(axis, extent: x.shape[axis]) ? nil : ResizeTable(self, axis: axis, extent: x.shape[axis])
    }
    guard y.count > 0 else { return }
    // Shrinking axes first, so that less is left for the others.
    let axes = x.shape.indices.filter { tables[$0] != nil }
      .sorted { (sizes[$0] * x.shape[$1], $1) < (sizes[$1] * x.shape[$0], $0) }
    guard !axes.isEmpty else { return y.base.copyMemory(from: x.base, byteCount: x.type.byteCount) }
    let half = context.scratch.count / 2
    var source = x.floats, shape = x.shape
    for (step, axis) in axes.enumerated() {
      guard let table = tables[axis] else { continue }
      let isLast = step == axes.count - 1
      guard let scratch = context.scratch.baseAddress else { preconditionFailure("resize without scratch") }
      let target =
        isLast ? y.floats : (scratch + step % 2 * half).assumingMemoryBound(to: Float.self)
      resizeAxis(source, target, shape, axis, table, context)
      shape[axis] = sizes[axis]
      source = UnsafePointer(target)
    }
    if case .crop(_, _, let value) = coordinates { fillOutside(y, tables, value, context) }
  }

  func isIdentity(_ axis: Int, extent: Int) -> Bool {
    guard sizes[axis] == extent, scales[axis] == 1 else { return false }
    if case .crop(let starts, let ends, _) = coordinates { return starts[axis] == 0 && ends[axis] == 1 }
    return true
  }

  /// Resamples one axis: rows `[outer, extent, inner]` to `[outer, size, inner]`.
  private func resizeAxis(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ shape: [Int], _ axis: Int,
    _ table: ResizeTable, _ context: KernelContext
  ) {
    let extent = shape[axis], size = sizes[axis], inner = shape.dropFirst(axis + 1).reduce(1, *)
    let outer = shape.prefix(axis).reduce(1, *), taps = table.taps
    table.indices.withUnsafeBufferPointer { indices in
      table.weights.withUnsafeBufferPointer { weights in
        context.parallel(outer * size, grain: max(1, 4096 / max(1, inner))) { range in
          for row in range {
            let source = x + row / size * extent * inner, target = y + row * inner
            let first = row % size * taps
            if taps == 1 {
              target.update(from: source + indices[first] * inner, count: inner)
              continue
            }
            for i in 0..<inner { target[i] = weights[first] * source[indices[first] * inner + i] }
            for t in first + 1..<first + taps where weights[t] != 0 {
              let (line, weight) = (source + indices[t] * inner, weights[t])
              for i in 0..<inner { target[i] += weight * line[i] }
            }
          }
        }
      }
    }
  }

  /// Gives the value to elements whose coordinate lies outside the input along some axis.
  private func fillOutside(
    _ y: MutableTensorView, _ tables: [ResizeTable?], _ value: Float, _ context: KernelContext
  ) {
    guard tables.contains(where: { $0?.isOutside.contains(true) ?? false }) else { return }
    let ys = y.floats
    context.parallel(y.count, grain: 4096) { range in
      var position = PositionCounter(y.shape, at: range.lowerBound)
      for i in range {
        if tables.indices.contains(where: { tables[$0]?.isOutside[position.index[$0]] ?? false }) {
          ys[i] = value
        }
        position.advance()
      }
    }
  }
}

/// What each output element of an axis reads, and with which weights.
struct ResizeTable {
  /// Elements read per output element.
  let taps: Int
  /// `[size, taps]`.
  var indices: [Int] = [], weights: [Float] = []
  /// Whether the element's coordinate lies outside the input (crop alone).
  var isOutside: [Bool] = []

  init(_ resize: Operator.Resize, axis: Int, extent: Int) {
    let size = resize.sizes[axis], quotient = Double(size) / Double(extent)
    // A scale that is the quotient of the sizes is taken unrounded.
    let scale = Float(quotient) == resize.scales[axis] ? quotient : Double(resize.scales[axis])
    let filter = resize.antialias ? min(scale, 1) : 1
    let reach: Int
    switch resize.interpolation {
    case .nearest: reach = 0
    case .linear: reach = max(1, Int(min((1 / filter).rounded(.up), 0x1p24)))
    case .cubic: reach = max(2, Int(min((2 / filter).rounded(.up), 0x1p24)))
    }
    taps = max(1, 2 * reach)
    for i in 0..<size {
      let x = Self.coordinate(resize, axis, Double(i), size: size, extent: extent, scale: scale)
      isOutside.append(x.isOutside)
      if case .nearest(let rounding) = resize.interpolation {
        indices.append(min(max(Self.rounded(x.value, rounding), 0), extent - 1))
        weights.append(1)
      } else {
        appendTaps(resize, x.value, extent: extent, filter: filter, reach: reach)
      }
    }
  }

  /// The taps around `x` and their weights, which sum to 1 where the filter is widened or taps are left out.
  private mutating func appendTaps(
    _ resize: Operator.Resize, _ x: Double, extent: Int, filter: Double, reach: Int
  ) {
    // The tap before x, so that the distance to it lies in (0, 1].
    let base = x.rounded(.up) - 1
    var row = (1 - reach...reach).map { k in
      let distance = abs(x - base - Double(k)) * filter
      return Self.kernel(resize.interpolation, distance)
    }
    let places = (1 - reach...reach).map { Int(base) + $0 }
    if resize.excludesOutside {
      for k in row.indices where places[k] < 0 || places[k] >= extent { row[k] = 0 }
    }
    if resize.excludesOutside || filter < 1 {
      let sum = row.reduce(0, +)
      if sum != 0 { row = row.map { $0 / sum } }
    }
    indices += places.map { min(max($0, 0), extent - 1) }
    weights += row.map { Float($0) }
  }

  private static func kernel(_ interpolation: Operator.Resize.Interpolation, _ d: Double) -> Double {
    guard case .cubic(let coefficient) = interpolation else { return max(0, 1 - d) }
    let a = Double(coefficient)
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
  }

  private static func rounded(_ x: Double, _ rounding: Operator.Resize.Rounding) -> Int {
    switch rounding {
    case .floor: Int(x.rounded(.down))
    case .ceiling: Int(x.rounded(.up))
    case .roundPreferFloor: Int((x - 0.5).rounded(.up))
    case .roundPreferCeiling: Int((x + 0.5).rounded(.down))
    }
  }

  /// The input coordinate of output element `i`, bounded so that it can be counted in integers.
  private static func coordinate(
    _ resize: Operator.Resize, _ axis: Int, _ i: Double, size: Int, extent: Int, scale: Double
  ) -> (value: Double, isOutside: Bool) {
    let input = Double(extent), output = scale * input
    let x: Double
    var isOutside = false
    switch resize.coordinates {
    case .halfPixel: x = (i + 0.5) / scale - 0.5
    case .pytorchHalfPixel: x = size > 1 ? (i + 0.5) / scale - 0.5 : 0
    case .halfPixelSymmetric: x = input / 2 * (1 - Double(size) / output) + (i + 0.5) / scale - 0.5
    case .alignCorners: x = output == 1 ? 0 : i * (input - 1) / (output - 1)
    case .asymmetric: x = i / scale
    case .crop(let starts, let ends, _):
      let (start, end) = (Double(starts[axis]), Double(ends[axis]))
      let along =
        output == 1 ? (end - start) * (input - 1) / 2 : i * (end - start) * (input - 1) / (output - 1)
      x = start * (input - 1) + along
      isOutside = !(x >= 0 && x <= input - 1)
    }
    return (x.isNaN ? 0 : min(max(x, -0x1p40), 0x1p40), isOutside)
  }
}
