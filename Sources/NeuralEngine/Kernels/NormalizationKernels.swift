import Foundation

extension Operator.BatchNormalization {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], channels = x.shape[1]
    let plane = x.shape.dropFirst(2).reduce(1, *), batch = x.shape[0]
    let (xs, ys) = (x.floats, outputs[0].floats)
    let (scale, shift, mean, variance) = (
      inputs[1].floats, inputs[2].floats, inputs[3].floats, inputs[4].floats
    )
    context.parallel(channels) { range in
      for c in range {
        var m = Double(mean[c]), v = Double(variance[c])
        if training {
          let count = Double(batch * plane)
          var sum = 0.0, squares = 0.0
          for n in 0..<batch { for i in 0..<plane { sum += Double(xs[(n * channels + c) * plane + i]) } }
          let batchMean = sum / count
          for n in 0..<batch {
            for i in 0..<plane {
              let d = Double(xs[(n * channels + c) * plane + i]) - batchMean
              squares += d * d
            }
          }
          let batchVariance = squares / count, keep = Double(momentum)
          outputs[1].floats[c] = Float(m * keep + batchMean * (1 - keep))
          outputs[2].floats[c] = Float(v * keep + batchVariance * (1 - keep))
          (m, v) = (batchMean, batchVariance)
          if givesStatistics {
            outputs[3].floats[c] = Float(m)
            outputs[4].floats[c] = Float(v)
          }
        }
        let factor = Double(scale[c]) / (v + Double(epsilon)).squareRoot()
        for n in 0..<batch {
          let start = (n * channels + c) * plane
          for i in start..<start + plane { ys[i] = Float((Double(xs[i]) - m) * factor + Double(shift[c])) }
        }
      }
    }
  }
}

extension Operator.GroupedNormalization {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0]
    let sets: Int
    switch extent {
    case .axes(let from): sets = x.shape.prefix(try resolveAxis(from, rank: x.shape.count)).reduce(1, *)
    case .groups(let groups): sets = x.shape[0] * groups
    }
    guard sets > 0 else { return }
    let count = x.count / sets
    let scale = inputs.count > 1 ? affineOffsets(x, inputs[1]) : nil
    let shift = inputs.count > 2 ? affineOffsets(x, inputs[2]) : nil
    let (xs, ys) = (x.floats, outputs[0].floats)
    // Scale and shift of one value an element of the set need no looking up.
    let isRowwise = inputs.dropFirst().allSatisfy { $0.count == count && isSuffix($0.shape, of: x.shape) }
    let rowScale = inputs.count > 1 ? inputs[1].floats : nil
    let rowShift = inputs.count > 2 ? inputs[2].floats : nil
    context.parallel(sets) { range in
      for s in range {
        let set = xs + s * count
        let mean = centers ? laneSum(set, count) { $0 } / Double(count) : 0
        let squares = laneSum(set, count) { x in
          let d = x - mean
          return d * d
        }
        let inverse = 1 / (squares / Double(count) + Double(epsilon)).squareRoot()
        if isRowwise {
          let target = ys + s * count
          for i in 0..<count {
            var value = (Double(set[i]) - mean) * inverse
            if let rowScale { value *= Double(rowScale[i]) }
            if let rowShift { value += Double(rowShift[i]) }
            target[i] = Float(value)
          }
        } else {
          for i in s * count..<(s + 1) * count {
            var value = (Double(xs[i]) - mean) * inverse
            if let scale { value *= Double(inputs[1].floats[scale(i)]) }
            if let shift { value += Double(inputs[2].floats[shift(i)]) }
            ys[i] = Float(value)
          }
        }
        if givesStatistics {
          outputs[1].floats[s] = Float(mean)
          outputs[2].floats[s] = Float(inverse)
        }
      }
    }
  }

  private func isSuffix(_ affine: [Int], of shape: [Int]) -> Bool {
    if case .groups = extent { return false }
    return shape.suffix(affine.count).elementsEqual(affine)
  }

  /// Which element of a scale or shift belongs to each element of x.
  private func affineOffsets(_ x: TensorView, _ affine: TensorView) -> (Int) -> Int {
    switch extent {
    case .groups:
      let channels = x.shape[1], plane = x.shape.dropFirst(2).reduce(1, *)
      return { $0 / plane % channels }
    case .axes:
      if x.shape.suffix(affine.shape.count).elementsEqual(affine.shape) {
        let count = max(affine.count, 1)
        return { $0 % count }
      }
      let strides = broadcastStrides(affine.shape, to: x.shape)
      return { zip(PositionCounter(x.shape, at: $0).index, strides).reduce(0) { $0 + $1.0 * $1.1 } }
    }
  }
}

extension Operator.Softmax {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let shape = inputs[0].shape
    guard inputs[0].count > 0 else { return }
    let axis = try resolveAxis(axis, rank: shape.count)
    let count = shape[axis], inner = shape.dropFirst(axis + 1).reduce(1, *)
    let (xs, ys) = (inputs[0].floats, outputs[0].floats)
    context.parallel(inputs[0].count / count) { range in
      for line in range {
        let start = line / inner * count * inner + line % inner
        var largest = -Float.infinity, sum = 0.0
        for i in 0..<count { largest = max(largest, xs[start + i * inner]) }
        for i in 0..<count { sum += Foundation.exp(Double(xs[start + i * inner] - largest)) }
        for i in 0..<count {
          let x = Double(xs[start + i * inner] - largest)
          ys[start + i * inner] = Float(logarithm ? x - Foundation.log(sum) : Foundation.exp(x) / sum)
        }
      }
    }
  }
}

/// `Σ term(x)` in double precision, eight sums side by side: their order depends on the count alone.
@inline(__always)
private func laneSum(_ x: UnsafePointer<Float>, _ count: Int, _ term: (Double) -> Double) -> Double {
  var sums = SIMD8<Double>.zero
  let whole = count / 8 * 8
  for start in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { sums[lane] += term(Double(x[start + lane])) }
  }
  for i in whole..<count { sums[i - whole] += term(Double(x[i])) }
  return sums.sum()
}
