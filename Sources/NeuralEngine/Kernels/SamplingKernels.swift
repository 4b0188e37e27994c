import Foundation

extension Operator.GridSample {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], grid = inputs[1].floats, y = outputs[0]
    let size = Array(x.shape.dropFirst(2)), channels = x.shape[1], plane = size.reduce(1, *)
    let points = y.shape.dropFirst(2).reduce(1, *), axes = size.count
    let (xs, ys) = (x.floats, y.floats)
    context.parallel(x.shape[0] * points, grain: max(1, 512 / max(1, channels))) { range in
      var taps = GridTaps(self, size)
      for point in range {
        taps.move(to: grid + point * axes)
        let n = point / points, source = xs + n * channels * plane
        let target = ys + n * channels * points + point % points
        for c in 0..<channels {
          var sum: Float = 0
          for t in 0..<taps.count { sum += taps.weights[t] * source[c * plane + taps.offsets[t]] }
          target[c * points] = sum
        }
      }
    }
  }
}

/// The elements that a point of a grid reads, with their weights.
struct GridTaps {
  /// How many of the two below count.
  var count = 0
  var offsets = [Int](repeating: 0, count: 64)
  var weights = [Float](repeating: 0, count: 64)
  private let operation: Operator.GridSample
  private let size: [Int]
  private var axisOffsets: [Int], axisWeights: [Float], axisSlopes: [Float]

  init(_ operation: Operator.GridSample, _ size: [Int]) {
    self.operation = operation
    self.size = size
    axisOffsets = [Int](repeating: 0, count: 4)
    axisWeights = [Float](repeating: 0, count: 4)
    axisSlopes = [Float](repeating: 0, count: 4)
  }

  /// Takes the taps around a point: coordinates in [-1, 1], the last axis' first.
  ///
  /// - Parameter steered: an axis for which the weights' derivatives by its coordinate are taken; nil: the weights.
  mutating func move(to point: UnsafePointer<Float>, derivativeBy steered: Int? = nil) {
    count = 1
    offsets[0] = 0
    weights[0] = 1
    for axis in size.indices {
      let found = axisTaps(point[size.count - 1 - axis], extent: size[axis])
      // Each tap so far splits into this axis' taps, from the last so that none is overwritten.
      for t in stride(from: count - 1, through: 0, by: -1) {
        let (offset, weight) = (offsets[t] * size[axis], weights[t])
        for k in stride(from: found - 1, through: 0, by: -1) {
          offsets[t * found + k] = offset + axisOffsets[k]
          weights[t * found + k] = weight * (axis == steered ? axisSlopes[k] : axisWeights[k])
        }
      }
      count *= found
    }
  }

  /// Fills the taps of one axis and returns how many there are.
  private mutating func axisTaps(_ normalized: Float, extent: Int) -> Int {
    let length = Float(extent)
    var x =
      operation.alignCorners
      ? (normalized + 1) / 2 * (length - 1) : ((normalized + 1) * length - 1) / 2
    // dx / d normalized.
    var rate = operation.alignCorners ? (length - 1) / 2 : length / 2
    if x.isNaN { x = -1 }
    x = min(max(x, -0x1p30), 0x1p30)
    if operation.interpolation == .nearest { x = x.rounded(.toNearestOrEven) }
    let low: Float = operation.alignCorners ? 0 : -0.5
    let high = operation.alignCorners ? length - 1 : length - 0.5
    if x < low || x > high {
      switch operation.border {
      case .zeros: break
      case .border:
        x = min(max(x, 0), length - 1)
        rate = 0
      case .reflection:
        if turnsBack(x, low, high) { rate = -rate }
        x = reflect(x, low, high)
      }
    } else if operation.border == .border, x < 0 || x > length - 1 {
      // Both taps are the edge's.
      rate = 0
    }
    let first = x.rounded(.down), fraction = x - first
    switch operation.interpolation {
    case .nearest: return place(Int(x), extent, weight: 1, slope: 0, low, high, at: 0)
    case .linear:
      var n = place(Int(first), extent, weight: 1 - fraction, slope: -rate, low, high, at: 0)
      n = place(Int(first) + 1, extent, weight: fraction, slope: rate, low, high, at: n)
      return n
    case .cubic:
      let w = cubicWeights(fraction, a: -0.75), slopes = rate * cubicSlopes(fraction, a: -0.75)
      var n = 0
      for k in 0..<4 {
        n = place(Int(first) - 1 + k, extent, weight: w[k], slope: slopes[k], low, high, at: n)
      }
      return n
    }
  }

  /// Adds a tap as the border says; outside of zeros it is left out.
  private mutating func place(
    _ index: Int, _ extent: Int, weight: Float, slope: Float, _ low: Float, _ high: Float, at n: Int
  ) -> Int {
    var index = index
    if index < 0 || index >= extent {
      switch operation.border {
      case .zeros: return n
      case .border: index = min(max(index, 0), extent - 1)
      case .reflection: index = min(max(Int(reflect(Float(index), low, high)), 0), extent - 1)
      }
    }
    axisOffsets[n] = index
    axisWeights[n] = weight
    axisSlopes[n] = slope
    return n + 1
  }

  /// Whether a step to the right outside moves the mirrored point to the left.
  private func turnsBack(_ x: Float, _ low: Float, _ high: Float) -> Bool {
    let span = high - low, distance = x < low ? low - x : x - high
    guard span > 0 else { return false }
    return (distance / span).rounded(.towardZero).truncatingRemainder(dividingBy: 2) == 0
  }

  /// Mirrors `x` about both ends until it lies between them.
  private func reflect(_ x: Float, _ low: Float, _ high: Float) -> Float {
    let span = high - low
    guard span > 0, x < low || x > high else { return min(max(x, low), high) }
    let distance = x < low ? low - x : x - high
    let turns = (distance / span).rounded(.towardZero), rest = distance - turns * span
    let even = turns.truncatingRemainder(dividingBy: 2) == 0
    return (x < low) == even ? low + rest : high - rest
  }
}

/// Weights of four neighbours for a point `fraction` beyond the second; Keys 1981 (equation 15 for a = -1/2).
func cubicWeights(_ fraction: Float, a: Float) -> SIMD4<Float> {
  func near(_ d: Float) -> Float { ((a + 2) * d - (a + 3)) * d * d + 1 }
  func far(_ d: Float) -> Float { ((a * d - 5 * a) * d + 8 * a) * d - 4 * a }
  return SIMD4(far(1 + fraction), near(fraction), near(1 - fraction), far(2 - fraction))
}

/// Derivatives of `cubicWeights` by the fraction.
func cubicSlopes(_ fraction: Float, a: Float) -> SIMD4<Float> {
  func near(_ d: Float) -> Float { (3 * (a + 2) * d - 2 * (a + 3)) * d }
  func far(_ d: Float) -> Float { (3 * a * d - 10 * a) * d + 8 * a }
  return SIMD4(far(1 + fraction), near(fraction), -near(1 - fraction), -far(2 - fraction))
}

extension Operator.AffineGrid {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let axes = sizes.count, theta = inputs[0].floats, y = outputs[0].floats
    let points = sizes.reduce(1, *)
    context.parallel(inputs[0].shape[0] * points, grain: 1024) { range in
      var position = PositionCounter(sizes, at: range.lowerBound % max(1, points))
      for row in range {
        let matrix = theta + row / points * axes * (axes + 1)
        for out in 0..<axes {
          var sum = Double(matrix[out * (axes + 1) + axes])
          for a in 0..<axes {
            let axis = axes - 1 - a
            sum += Double(matrix[out * (axes + 1) + a]) * coordinate(position.index[axis], sizes[axis])
          }
          y[row * axes + out] = Float(sum)
        }
        position.advance()
      }
    }
  }

  private func coordinate(_ index: Int, _ size: Int) -> Double {
    if alignCorners { return size > 1 ? 2 * Double(index) / Double(size - 1) - 1 : -1 }
    return (2 * Double(index) + 1) / Double(size) - 1
  }
}

extension Operator.DeformableConvolution {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], w = inputs[1], y = outputs[0]
    let bias = hasBias ? inputs[3].floats : nil
    let mask = hasMask ? inputs[inputs.count - 1].floats : nil
    let (outputChannels, perGroup) = (w.shape[0], w.shape[0] / groups)
    let taps = w.shape[2] * w.shape[3], columnCount = x.shape[1] * taps, line = w.shape[1] * taps
    let points = y.shape[2] * y.shape[3]
    let (weights, offsets, ys) = (w.floats, inputs[2].floats, y.floats)
    context.parallel(y.shape[0] * points, grain: 4) { range in
      // The sampled input of one output point: [channel, tap].
      var column = [Float](repeating: 0, count: columnCount)
      for point in range {
        let n = point / points, p = point % points
        column.withUnsafeMutableBufferPointer { buffer in
          sample(x, n, p, w.shape, y.shape, offsets, mask, into: buffer)
          guard let base = buffer.baseAddress else { return }
          for o in 0..<outputChannels {
            let sum = dotProduct(weights + o * line, base + o / perGroup * line, line)
            ys[(n * outputChannels + o) * points + p] = sum + (bias?[o] ?? 0)
          }
        }
      }
    }
  }

  private func sample(
    _ x: TensorView, _ n: Int, _ p: Int, _ w: [Int], _ y: [Int], _ offsets: UnsafePointer<Float>,
    _ mask: UnsafePointer<Float>?, into column: UnsafeMutableBufferPointer<Float>
  ) {
    let (height, width, points) = (x.shape[2], x.shape[3], y[2] * y[3])
    let taps = w[2] * w[3], channelsPerOffset = x.shape[1] / offsetGroups
    let top = p / y[3] * strides[0] - padding.before[0], left = p % y[3] * strides[1] - padding.before[1]
    for group in 0..<offsetGroups {
      for tap in 0..<taps {
        let row = (n * offsetGroups + group) * taps + tap
        let v = Float(top + tap / w[3] * dilations[0]) + offsets[(2 * row) * points + p]
        let u = Float(left + tap % w[3] * dilations[1]) + offsets[(2 * row + 1) * points + p]
        let weight = mask?[row * points + p] ?? 1
        for c in group * channelsPerOffset..<(group + 1) * channelsPerOffset {
          let plane = x.floats + (n * x.shape[1] + c) * height * width
          column[c * taps + tap] = weight * bilinear(plane, height, width, v, u)
        }
      }
    }
  }

  /// The plane between elements; 0 outside.
  private func bilinear(
    _ plane: UnsafePointer<Float>, _ height: Int, _ width: Int, _ v: Float, _ u: Float
  ) -> Float {
    guard v > -1, u > -1, v < Float(height), u < Float(width) else { return 0 }
    let (top, left) = (Int(v.rounded(.down)), Int(u.rounded(.down)))
    let (dv, du) = (v - Float(top), u - Float(left))
    func at(_ i: Int, _ j: Int) -> Float {
      i < 0 || j < 0 || i >= height || j >= width ? 0 : plane[i * width + j]
    }
    return (1 - dv) * ((1 - du) * at(top, left) + du * at(top, left + 1))
      + dv * ((1 - du) * at(top + 1, left) + du * at(top + 1, left + 1))
  }
}

/// `Σ a[i] b[i]`, in eight partial sums.
func dotProduct(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
  var sums = SIMD8<Float>()
  let (p, q) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
  var i = 0
  while i + 8 <= count {
    sums +=
      p.loadUnaligned(fromByteOffset: 4 * i, as: SIMD8<Float>.self)
      * q.loadUnaligned(fromByteOffset: 4 * i, as: SIMD8<Float>.self)
    i += 8
  }
  var total = sums.sum()
  while i < count {
    total += a[i] * b[i]
    i += 1
  }
  return total
}
