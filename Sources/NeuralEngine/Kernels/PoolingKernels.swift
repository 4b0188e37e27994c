import Foundation

extension Operator.Pooling {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = outputs[0]
    let taps = KernelTaps(kernel: kernel, dilations: dilations, size: Array(x.shape.dropFirst(2)))
    let positions = PositionCounter(Array(y.shape.dropFirst(2)))
    let (xs, ys) = (x.floats, y.floats)
    let indices = givesIndices ? outputs[1].integers : nil
    context.parallel(x.shape[0] * x.shape[1]) { range in
      for plane in range {
        let source = xs + plane * taps.plane
        var position = positions
        for p in 0..<positions.count {
          let corner = position.index.indices.map { position.index[$0] * strides[$0] - padding.before[$0] }
          let (value, offset) = statistic(source, taps, corner)
          ys[plane * positions.count + p] = value
          indices?[plane * positions.count + p] = Int64(plane * taps.plane + place(offset, taps.size))
          position.advance()
        }
      }
    }
  }

  /// The window's statistic, and for the maximum its offset in the plane (the first of equals).
  func statistic(_ source: UnsafePointer<Float>, _ taps: KernelTaps, _ corner: [Int]) -> (Float, Int) {
    switch kind {
    case .maximum:
      var best = -Float.infinity, place = 0, found = false
      taps.forEachInside(corner) { _, offset in
        if source[offset] > best || source[offset].isNaN || !found {
          (best, place, found) = (source[offset], offset, true)
        }
      }
      return (best, place)
    case .average(let countsPadding):
      var sum = 0.0, count = 0
      taps.forEachInside(corner) { _, offset in
        sum += Double(source[offset])
        count += 1
      }
      if countsPadding { count = paddedCount(taps, corner) }
      return (count > 0 ? Float(sum / Double(count)) : 0, 0)
    case .norm(let p):
      var sum = 0.0
      taps.forEachInside(corner) { _, offset in sum += pow(abs(Double(source[offset])), Double(p)) }
      return (Float(pow(sum, 1 / Double(p))), 0)
    }
  }

  /// Taps inside the padded plane: a last window that `ceiling` lets reach beyond the padding counts only those.
  func paddedCount(_ taps: KernelTaps, _ corner: [Int]) -> Int {
    corner.indices.reduce(1) { product, axis in
      let end = taps.size[axis] + padding.after[axis]
      return product * (0..<kernel[axis]).count { corner[axis] + $0 * dilations[axis] < end }
    }
  }

  private func place(_ offset: Int, _ size: [Int]) -> Int {
    guard columnMajorIndices else { return offset }
    let index = PositionCounter(size, at: offset).index
    return index.indices.reversed().reduce(0) { $0 * size[$1] + index[$1] }
  }
}
