extension Operator.Convolution {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], w = inputs[1], y = outputs[0]
    let taps = KernelTaps(
      kernel: Array(w.shape.dropFirst(2)), dilations: dilations, size: Array(x.shape.dropFirst(2)))
    let positions = PositionCounter(Array(y.shape.dropFirst(2)))
    let channels = w.shape[1], outputChannels = w.shape[0], perGroup = outputChannels / groups
    let inputPlane = taps.plane, outputPlane = positions.count
    let (xs, ws, ys) = (x.floats, w.floats, y.floats)
    let bias = inputs.count > 2 ? inputs[2].floats : nil
    let origin = zip(strides, padding.before).map { $0 }
    context.parallel(y.shape[0] * outputChannels) { range in
      for plane in range {
        let n = plane / outputChannels, o = plane % outputChannels
        let source = xs + (n * channels * groups + (o / perGroup) * channels) * inputPlane
        let weights = ws + o * channels * taps.count
        var position = positions
        for p in 0..<outputPlane {
          var sum: Double = bias.map { Double($0[o]) } ?? 0
          let corner = zip(position.index, origin).map { $0 * $1.0 - $1.1 }
          taps.forEachInside(corner) { tap, offset in
            for c in 0..<channels {
              sum += Double(weights[c * taps.count + tap]) * Double(source[c * inputPlane + offset])
            }
          }
          ys[plane * outputPlane + p] = Float(sum)
          position.advance()
        }
      }
    }
  }
}

extension Operator.TransposedConvolution {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], w = inputs[1], y = outputs[0]
    // Seen from the output: taps of y around each input position.
    let taps = KernelTaps(
      kernel: Array(w.shape.dropFirst(2)), dilations: dilations, size: Array(y.shape.dropFirst(2)))
    let positions = PositionCounter(Array(x.shape.dropFirst(2)))
    let outputsPerGroup = w.shape[1], outputChannels = y.shape[1], channels = x.shape[1] / groups
    let (xs, ws, ys) = (x.floats, w.floats, y.floats)
    let bias = inputs.count > 2 ? inputs[2].floats : nil
    context.parallel(y.shape[0] * outputChannels) { range in
      var sums = [Double](repeating: 0, count: taps.plane)
      for plane in range {
        let n = plane / outputChannels, o = plane % outputChannels, group = o / outputsPerGroup
        for i in sums.indices { sums[i] = bias.map { Double($0[o]) } ?? 0 }
        for c in group * channels..<(group + 1) * channels {
          let source = xs + (n * x.shape[1] + c) * positions.count
          let weights = ws + (c * outputsPerGroup + o % outputsPerGroup) * taps.count
          var position = positions
          for p in 0..<positions.count {
            let corner = position.index.indices.map { position.index[$0] * strides[$0] - padding.before[$0] }
            taps.forEachInside(corner) { tap, offset in
              sums[offset] += Double(weights[tap]) * Double(source[p])
            }
            position.advance()
          }
        }
        for i in sums.indices { ys[plane * taps.plane + i] = Float(sums[i]) }
      }
    }
  }
}

/// The taps of a window over a plane (or volume) of `size`, and which of them lie inside it.
struct KernelTaps {
  let kernel: [Int], dilations: [Int], size: [Int]
  /// Number of taps, and of elements of the plane.
  let count: Int, plane: Int

  init(kernel: [Int], dilations: [Int], size: [Int]) {
    self.kernel = kernel
    self.dilations = dilations
    self.size = size
    count = kernel.reduce(1, *)
    plane = size.reduce(1, *)
  }

  /// Calls `body` with each tap that lies inside when the window's first tap is at `corner`: its position in the kernel
  /// and its offset in the plane, in the kernel's order.
  func forEachInside(_ corner: [Int], _ body: (_ tap: Int, _ offset: Int) -> Void) {
    visit(axis: 0, tap: 0, offset: 0, corner, body)
  }

  private func visit(axis: Int, tap: Int, offset: Int, _ corner: [Int], _ body: (Int, Int) -> Void) {
    if axis == size.count { return body(tap, offset) }
    for k in 0..<kernel[axis] {
      let i = corner[axis] + k * dilations[axis]
      if i >= 0, i < size[axis] {
        visit(axis: axis + 1, tap: tap * kernel[axis] + k, offset: offset * size[axis] + i, corner, body)
      }
    }
  }
}

/// Counts through the indices of an array of a shape, last axis fastest.
struct PositionCounter {
  let shape: [Int]
  /// Number of indices.
  let count: Int
  /// Where it stands.
  private(set) var index: [Int]

  init(_ shape: [Int]) {
    self.shape = shape
    count = shape.reduce(1, *)
    index = [Int](repeating: 0, count: shape.count)
  }

  /// The index at a flat position.
  init(_ shape: [Int], at flat: Int) {
    self.init(shape)
    var rest = flat
    for axis in shape.indices.reversed() where shape[axis] > 0 {
      index[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
  }

  /// Goes on to the next index; from the last to the first.
  mutating func advance() {
    for axis in shape.indices.reversed() {
      index[axis] += 1
      if index[axis] < shape[axis] { return }
      index[axis] = 0
    }
  }
}
