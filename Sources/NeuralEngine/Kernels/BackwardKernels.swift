import Foundation

extension Operator.Unary.Function {
  /// Whether the derivative can be told from the result.
  var hasDerivativeOfOutput: Bool {
    switch self {
    case .relu, .sigmoid, .tanh, .exp, .sqrt, .reciprocal, .softplus: true
    case .leakyRelu(let alpha), .elu(let alpha): alpha > 0
    default: false
    }
  }

  /// The derivative at x. At a kink the one that PyTorch takes.
  func derivative(_ x: Double) -> Double {
    switch self {
    case .relu: x > 0 ? 1 : 0
    case .leakyRelu(let alpha): x > 0 ? 1 : Double(alpha)
    case .elu(let alpha): x > 0 ? 1 : Double(alpha) * Foundation.exp(x)
    case .sigmoid: logistic(x) * (1 - logistic(x))
    case .hardSigmoid(let alpha, let beta):
      (0..<1).contains(Double(alpha) * x + Double(beta)) && Double(alpha) * x + Double(beta) > 0
        ? Double(alpha) : 0
    case .hardSwish: x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5
    case .swish(let beta):
      logistic(Double(beta) * x) * (1 + Double(beta) * x * (1 - logistic(Double(beta) * x)))
    case .gelu:
      0.5 * (1 + Foundation.erf(x * 0.5.squareRoot())) + x * Foundation.exp(-x * x / 2)
        / (2 * Double.pi).squareRoot()
    case .geluTanh: geluTanhDerivative(x)
    case .mish: mishDerivative(x)
    case .softplus: logistic(x)
    case .tanh: 1 - Foundation.tanh(x) * Foundation.tanh(x)
    case .erf: 2 / Double.pi.squareRoot() * Foundation.exp(-x * x)
    case .exp: Foundation.exp(x)
    case .log: 1 / x
    case .sqrt: 0.5 / x.squareRoot()
    case .abs: x > 0 ? 1 : x < 0 ? -1 : 0
    case .negate: -1
    case .reciprocal: -1 / (x * x)
    case .sine: Foundation.cos(x)
    case .cosine: -Foundation.sin(x)
    case .arctangent: 1 / (1 + x * x)
    case .clip(let low, let high): x >= Double(low) && x <= Double(high) ? 1 : 0
    case .linear(let alpha, _): Double(alpha)
    case .power(let exponent): Double(exponent) * Foundation.pow(x, Double(exponent) - 1)
    case .identity, .dropout: 1
    case .floor, .ceiling, .round, .stopGradient: 0
    }
  }

  /// The derivative where the function's value is y.
  func derivative(ofOutput y: Double) -> Double {
    switch self {
    case .relu: y > 0 ? 1 : 0
    case .leakyRelu(let alpha): y > 0 ? 1 : Double(alpha)
    case .elu(let alpha): y > 0 ? 1 : y + Double(alpha)
    case .sigmoid: y * (1 - y)
    case .tanh: 1 - y * y
    case .exp: y
    case .sqrt: 0.5 / y
    case .reciprocal: -y * y
    case .softplus: 1 - Foundation.exp(-y)
    default: preconditionFailure("\(self) has no derivative of its output")
    }
  }

  private func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }

  private func geluTanhDerivative(_ x: Double) -> Double {
    let rate = (2 / Double.pi).squareRoot()
    let t = Foundation.tanh(rate * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * rate * (1 + 3 * 0.044715 * x * x)
  }

  private func mishDerivative(_ x: Double) -> Double {
    let t = Foundation.tanh(max(x, 0) + Foundation.log1p(Foundation.exp(-Swift.abs(x))))
    return t + x * (1 - t * t) * logistic(x)
  }
}

extension Operator.UnaryGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let (xs, gs, ys) = (inputs[0].floats, inputs[1].floats, outputs[0].floats)
    if function == .relu {
      return context.parallel(inputs[0].count, grain: 4096) { for i in $0 { ys[i] = xs[i] > 0 ? gs[i] : 0 } }
    }
    context.parallel(inputs[0].count, grain: 4096) { range in
      for i in range {
        let x = Double(xs[i])
        let slope = fromOutput ? function.derivative(ofOutput: x) : function.derivative(x)
        ys[i] = Float(Double(gs[i]) * slope)
      }
    }
  }
}

extension Operator.ConvolutionWeightGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], g = inputs[1], w = outputs[0]
    let taps = KernelTaps(
      kernel: kernel, dilations: convolution.dilations, size: Array(x.shape.dropFirst(2)))
    let positions = PositionCounter(Array(g.shape.dropFirst(2)))
    let channels = w.shape[1], perGroup = w.shape[0] / convolution.groups
    let (xs, gs, ws) = (x.floats, g.floats, w.floats)
    let (strides, before) = (convolution.strides, convolution.padding.before)
    context.parallel(w.shape[0] * channels) { range in
      var sums = [Double](repeating: 0, count: taps.count)
      for pair in range {
        let o = pair / channels, c = o / perGroup * channels + pair % channels
        for t in sums.indices { sums[t] = 0 }
        for n in 0..<x.shape[0] {
          let source = xs + (n * x.shape[1] + c) * taps.plane
          let gradient = gs + (n * w.shape[0] + o) * positions.count
          var position = positions
          for p in 0..<positions.count {
            let corner = strides.indices.map { position.index[$0] * strides[$0] - before[$0] }
            taps.forEachInside(corner) { tap, offset in
              sums[tap] += Double(gradient[p]) * Double(source[offset])
            }
            position.advance()
          }
        }
        for t in sums.indices { ws[pair * taps.count + t] = Float(sums[t]) }
      }
    }
  }
}

extension Operator.PoolingGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = inputs[1]
    let taps = KernelTaps(
      kernel: pooling.kernel, dilations: pooling.dilations, size: Array(x.shape.dropFirst(2)))
    let positions = PositionCounter(Array(y.shape.dropFirst(2)))
    let (xs, ys, gs, target) = (x.floats, y.floats, inputs[2].floats, outputs[0].floats)
    context.parallel(x.shape[0] * x.shape[1]) { range in
      for plane in range {
        let source = xs + plane * taps.plane, result = target + plane * taps.plane
        result.update(repeating: 0, count: taps.plane)
        var position = positions
        for p in plane * positions.count..<(plane + 1) * positions.count {
          let corner = position.index.indices.map {
            position.index[$0] * pooling.strides[$0] - pooling.padding.before[$0]
          }
          spread(gs[p], ys[p], source, taps, corner, into: result)
          position.advance()
        }
      }
    }
  }

  /// One window's share of the gradient.
  private func spread(
    _ g: Float, _ y: Float, _ source: UnsafePointer<Float>, _ taps: KernelTaps, _ corner: [Int],
    into result: UnsafeMutablePointer<Float>
  ) {
    switch pooling.kind {
    case .maximum:
      result[pooling.statistic(source, taps, corner).1] += g
    case .average(let countsPadding):
      var count = 0
      taps.forEachInside(corner) { _, _ in count += 1 }
      if countsPadding { count = pooling.paddedCount(taps, corner) }
      guard count > 0 else { return }
      taps.forEachInside(corner) { _, offset in result[offset] += g / Float(count) }
    case .norm(let p):
      guard y > 0 else { return }
      taps.forEachInside(corner) { _, offset in
        let x = source[offset]
        result[offset] += g * (x < 0 ? -1 : 1) * pow(abs(x) / y, p - 1)
      }
    }
  }
}

extension Operator.AdaptivePoolingGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], size = Array(x.shape.dropFirst(2)), plane = size.reduce(1, *)
    let positions = PositionCounter(pooling.sizes)
    let (xs, gs, target) = (x.floats, inputs[1].floats, outputs[0].floats)
    context.parallel(x.shape[0] * x.shape[1]) { range in
      for p in range {
        let source = xs + p * plane, result = target + p * plane
        result.update(repeating: 0, count: plane)
        var position = positions
        for o in 0..<positions.count {
          let offsets = pooling.window(position.index, size)
          let g = gs[p * positions.count + o]
          if pooling.takesMaximum {
            var best = offsets[0]
            for offset in offsets where source[offset] > source[best] || source[offset].isNaN {
              best = offset
            }
            result[best] += g
          } else {
            for offset in offsets { result[offset] += g / Float(offsets.count) }
          }
          position.advance()
        }
      }
    }
  }
}

extension Operator.AdaptivePooling {
  /// Offsets in a plane of `size` of the elements that an output element sees.
  func window(_ index: [Int], _ size: [Int]) -> [Int] {
    let starts = size.indices.map { index[$0] * size[$0] / sizes[$0] }
    let ends = size.indices.map { ((index[$0] + 1) * size[$0] + sizes[$0] - 1) / sizes[$0] }
    var window = PositionCounter(zip(starts, ends).map { $1 - $0 })
    return (0..<window.count).map { _ in
      defer { window.advance() }
      return size.indices.reduce(0) { $0 * size[$1] + starts[$1] + window.index[$1] }
    }
  }
}

extension Operator.BatchNormalizationGradient {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], channels = x.shape[1], batch = x.shape[0]
    let plane = x.shape.dropFirst(2).reduce(1, *), count = Double(batch * plane)
    let (xs, gs, ys) = (x.floats, inputs[4].floats, outputs[0].floats)
    let (scale, means, variances) = (inputs[1].floats, inputs[2].floats, inputs[3].floats)
    context.parallel(channels) { range in
      for c in range {
        let mean = Double(means[c]), inverse = 1 / (Double(variances[c]) + Double(epsilon)).squareRoot()
        var sum = 0.0, along = 0.0
        for n in 0..<batch {
          let start = (n * channels + c) * plane
          for i in start..<start + plane {
            sum += Double(gs[i])
            along += Double(gs[i]) * (Double(xs[i]) - mean)
          }
        }
        along *= inverse
        let factor = Double(scale[c]) * inverse
        for n in 0..<batch {
          let start = (n * channels + c) * plane
          for i in start..<start + plane {
            let normal = (Double(xs[i]) - mean) * inverse
            ys[i] = Float(factor * (Double(gs[i]) - (sum + normal * along) / count))
          }
        }
        outputs[1].floats[c] = Float(along)
        outputs[2].floats[c] = Float(sum)
      }
    }
  }
}

extension Operator.RandomUniform {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let ys = outputs[0].floats
    var mixer = SplitMix64(seed: key ^ UInt64(bitPattern: inputs[0].integers[0]) &* 0xD134_2543_DE82_EF95)
    let start = mixer.next()
    context.parallel(outputs[0].count, grain: 4096) { range in
      // SplitMix64's state is a counter: any position can be started from.
      var random = SplitMix64(seed: start &+ UInt64(range.lowerBound) &* 0x9E37_79B9_7F4A_7C15)
      for i in range { ys[i] = random.unit() }
    }
  }
}
