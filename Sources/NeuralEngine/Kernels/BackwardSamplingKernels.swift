extension Operator.ResizeGradient {
  /// Bytes of scratch memory that `compute` wants.
  public func scratchByteCount(_ inputs: [TensorType], _ outputs: [TensorType], threads: Int) -> Int {
    // Two intermediate tensors, used in turn; each axis has one extent or the other.
    let largest = zip(inputs[0].shape, outputs[0].shape).reduce(4) { $0 * max($1.0, $1.1) }
    return 2 * ((max(largest, 64) + 63) / 64 * 64)
  }

  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let g = inputs[0], y = outputs[0]
    let tables = shape.indices.map { axis in
      resize.isIdentity(axis, extent: shape[axis])
        ? nil : ResizeTable(resize, axis: axis, extent: shape[axis])
    }
    guard y.count > 0 else { return }
    guard g.count > 0 else { return y.floats.update(repeating: 0, count: y.count) }
    var axes = shape.indices.filter { tables[$0] != nil }
    guard !axes.isEmpty else { return y.base.copyMemory(from: g.base, byteCount: g.type.byteCount) }
    // Axes that shrink most first, so that less is left for the others.
    axes.sort { (shape[$0] * resize.sizes[$1], $1) < (shape[$1] * resize.sizes[$0], $0) }
    let isCrop = if case .crop = resize.coordinates { true } else { false }
    let half = context.scratch.count / 2
    var source = g.floats, extents = g.shape
    for (step, axis) in axes.enumerated() {
      guard let table = tables[axis], let scratch = context.scratch.baseAddress else { return }
      let target =
        step == axes.count - 1
        ? y.floats : (scratch + step % 2 * half).assumingMemoryBound(to: Float.self)
      gatherAxis(source, target, extents, axis, table, skipsOutside: isCrop, context)
      extents[axis] = shape[axis]
      source = UnsafePointer(target)
    }
  }

  /// One axis back: `[outer, size, inner]` to `[outer, extent, inner]`, each element the sum over those made of it.
  private func gatherAxis(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ extents: [Int], _ axis: Int,
    _ table: ResizeTable, skipsOutside: Bool, _ context: KernelContext
  ) {
    let extent = shape[axis], size = extents[axis], inner = extents.dropFirst(axis + 1).reduce(1, *)
    let outer = extents.prefix(axis).reduce(1, *)
    // What each element was read for, in the order of the results.
    var readers = [[(row: Int, weight: Float)]](repeating: [], count: extent)
    for row in 0..<size where !(skipsOutside && table.isOutside[row]) {
      for t in row * table.taps..<(row + 1) * table.taps where table.weights[t] != 0 {
        readers[table.indices[t]].append((row, table.weights[t]))
      }
    }
    context.parallel(outer * extent, grain: max(1, 4096 / max(1, inner))) { range in
      for element in range {
        let target = y + element * inner, source = x + element / extent * size * inner
        target.update(repeating: 0, count: inner)
        for (row, weight) in readers[element % extent] {
          let line = source + row * inner
          for i in 0..<inner { target[i] += weight * line[i] }
        }
      }
    }
  }
}

extension Operator.GridSampleGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], grid = inputs[1].floats, g = inputs[2]
    let size = Array(x.shape.dropFirst(2)), channels = x.shape[1], plane = size.reduce(1, *)
    let points = g.shape.dropFirst(2).reduce(1, *), axes = size.count
    let (xs, gs, dx, dgrid) = (x.floats, g.floats, outputs[0].floats, outputs[1].floats)
    dx.update(repeating: 0, count: x.count)
    // A thread per image for x, whose elements many points may have read.
    context.parallel(x.shape[0]) { range in
      var taps = GridTaps(sampling, size)
      for point in range.lowerBound * points..<range.upperBound * points {
        taps.move(to: grid + point * axes)
        let n = point / points, target = dx + n * channels * plane
        let gradient = gs + n * channels * points + point % points
        for c in 0..<channels {
          for t in 0..<taps.count {
            target[c * plane + taps.offsets[t]] += taps.weights[t] * gradient[c * points]
          }
        }
      }
    }
    context.parallel(x.shape[0] * points, grain: max(1, 512 / max(1, channels))) { range in
      var taps = GridTaps(sampling, size)
      for point in range {
        let n = point / points, source = xs + n * channels * plane
        let gradient = gs + n * channels * points + point % points
        for axis in 0..<axes {
          taps.move(to: grid + point * axes, derivativeBy: axis)
          var sum = 0.0
          for c in 0..<channels {
            var slope = 0.0
            for t in 0..<taps.count {
              slope += Double(taps.weights[t]) * Double(source[c * plane + taps.offsets[t]])
            }
            sum += slope * Double(gradient[c * points])
          }
          dgrid[point * axes + axes - 1 - axis] = Float(sum)
        }
      }
    }
  }
}

extension Operator.DeformableConvolutionGradient {
  /// Computes the outputs from the inputs in plain loops, on one thread: taps of all points meet in x and the weights.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0].shape, w = inputs[1].shape, g = inputs[inputs.count - 1]
    for output in outputs { output.floats.update(repeating: 0, count: output.count) }
    for n in 0..<x[0] {
      for p in 0..<g.shape[2] * g.shape[3] {
        for tap in 0..<w[2] * w[3] { visit(inputs, outputs, n, p, tap) }
      }
    }
  }

  /// One tap of one point: the gradient of each channel's sample goes to x, to the tap's place and to its mask.
  private func visit(
    _ inputs: [TensorView], _ outputs: [MutableTensorView], _ n: Int, _ p: Int, _ tap: Int
  ) {
    let x = inputs[0], w = inputs[1], g = inputs[inputs.count - 1]
    let (height, width, columns) = (x.shape[2], x.shape[3], g.shape[3])
    let points = g.shape[2] * columns, taps = w.shape[2] * w.shape[3]
    let perGroup = w.shape[0] / convolution.groups, channelsPerOffset = x.shape[1] / convolution.offsetGroups
    for group in 0..<convolution.offsetGroups {
      let row = (n * convolution.offsetGroups + group) * taps + tap,
        (dv, du) = (2 * row * points + p, (2 * row + 1) * points + p)
      let v =
        Float(
          p / columns * convolution.strides[0] - convolution.padding.before[0] + tap / w.shape[3]
            * convolution.dilations[0]) + inputs[2].floats[dv]
      let u =
        Float(
          p % columns * convolution.strides[1] - convolution.padding.before[1] + tap % w.shape[3]
            * convolution.dilations[1]) + inputs[2].floats[du]
      let mask = convolution.hasMask ? inputs[3].floats[row * points + p] : 1
      for c in group * channelsPerOffset..<(group + 1) * channelsPerOffset {
        let plane = (n * x.shape[1] + c) * height * width
        let first = c / w.shape[1] * perGroup
        let sample = BilinearSample(x.floats + plane, height, width, v, u)
        var gradient: Float = 0
        for o in first..<first + perGroup {
          let weight = (o * w.shape[1] + c % w.shape[1]) * taps + tap
          let upper = g.floats[(n * w.shape[0] + o) * points + p]
          gradient += upper * w.floats[weight]
          outputs[1].floats[weight] += upper * mask * sample.value
        }
        for (offset, share) in sample.shares { outputs[0].floats[plane + offset] += gradient * mask * share }
        outputs[2].floats[dv] += gradient * mask * sample.slopeV
        outputs[2].floats[du] += gradient * mask * sample.slopeU
        if convolution.hasMask { outputs[3].floats[row * points + p] += gradient * sample.value }
      }
    }
  }
}

/// A plane's value between elements (0 outside), what it is made of, and its slopes.
private struct BilinearSample {
  var value: Float = 0, slopeV: Float = 0, slopeU: Float = 0
  var shares: [(offset: Int, weight: Float)] = []

  init(_ plane: UnsafePointer<Float>, _ height: Int, _ width: Int, _ v: Float, _ u: Float) {
    guard v > -1, u > -1, v < Float(height), u < Float(width) else { return }
    let (top, left) = (Int(v.rounded(.down)), Int(u.rounded(.down)))
    let (dv, du) = (v - Float(top), u - Float(left))
    for (i, weightV, signV) in [(top, 1 - dv, Float(-1)), (top + 1, dv, 1)] where i >= 0 && i < height {
      for (j, weightU, signU) in [(left, 1 - du, Float(-1)), (left + 1, du, 1)] where j >= 0 && j < width {
        let x = plane[i * width + j]
        shares.append((i * width + j, weightV * weightU))
        value += weightV * weightU * x
        slopeV += signV * weightU * x
        slopeU += weightV * signU * x
      }
    }
  }
}
