import Foundation

extension Operator.Unary {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0], y = outputs[0]
    if function.isIdentity {
      return y.base.copyMemory(from: x.base, byteCount: x.type.byteCount)
    }
    if x.type.element == .int64 { return computeIntegers(x.integers, y.integers, x.count) }
    let (xs, ys) = (x.floats, y.floats)
    context.parallel(x.count, grain: 4096) { range in
      for i in range { ys[i] = value(xs[i]) }
    }
  }

  private func computeIntegers(
    _ x: UnsafePointer<Int64>, _ y: UnsafeMutablePointer<Int64>, _ count: Int
  ) {
    for i in 0..<count {
      switch function {
      case .abs: y[i] = x[i] < 0 ? 0 &- x[i] : x[i]
      case .negate: y[i] = 0 &- x[i]
      case .clip(let low, let high):
        let low = Int64(exactly: low.rounded()) ?? .min, high = Int64(exactly: high.rounded()) ?? .max
        y[i] = min(max(x[i], low), high)
      default: y[i] = x[i]
      }
    }
  }

  /// The function of one element.
  public func value(_ x: Float) -> Float {
    switch function {
    case .relu: x < 0 ? 0 : x
    case .leakyRelu(let alpha): x < 0 ? alpha * x : x
    case .elu(let alpha): x < 0 ? alpha * Foundation.expm1(x) : x
    case .sigmoid: sigmoid(x)
    case .hardSigmoid(let alpha, let beta): min(max(alpha * x + beta, 0), 1)
    case .hardSwish: x * min(max(x / 6 + 0.5, 0), 1)
    case .swish(let beta): x * sigmoid(beta * x)
    case .gelu: Float(0.5 * Double(x) * (1 + Foundation.erf(Double(x) * 0.5.squareRoot())))
    case .geluTanh: 0.5 * x * (1 + Foundation.tanh(0.797_884_56 * (x + 0.044715 * x * x * x)))
    case .mish: x * Foundation.tanh(softplus(x))
    case .softplus: softplus(x)
    case .tanh: Foundation.tanh(x)
    case .erf: Foundation.erf(x)
    case .exp: Foundation.exp(x)
    case .log: Foundation.log(x)
    case .sqrt: x.squareRoot()
    case .abs: Swift.abs(x)
    case .negate: -x
    case .reciprocal: 1 / x
    case .sine: Foundation.sin(x)
    case .cosine: Foundation.cos(x)
    case .arctangent: Foundation.atan(x)
    case .floor: x.rounded(.down)
    case .ceiling: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .clip(let low, let high): min(max(x, low), high)
    case .linear(let alpha, let beta): alpha * x + beta
    case .power(let exponent): Foundation.pow(x, exponent)
    case .identity, .stopGradient, .dropout: x
    }
  }

  private func sigmoid(_ x: Float) -> Float { 1 / (1 + Foundation.exp(-x)) }
  private func softplus(_ x: Float) -> Float { max(x, 0) + Foundation.log1p(Foundation.exp(-Swift.abs(x))) }
}

extension Operator.Binary {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let (a, b, y) = (inputs[0], inputs[1], outputs[0])
    switch a.type.element {
    case .float32:
      let (p, q) = (a.floats, b.floats)
      if function.isComparison {
        let r = y.booleans
        broadcast(a.shape, b.shape, y.shape, context) { r[$2] = compare(p[$0], q[$1]) }
      } else {
        let r = y.floats
        broadcast(a.shape, b.shape, y.shape, context) { r[$2] = value(p[$0], q[$1]) }
      }
    case .int64:
      let (p, q) = (a.integers, b.integers)
      if function.isComparison {
        let r = y.booleans
        broadcast(a.shape, b.shape, y.shape, context) { r[$2] = compare(p[$0], q[$1]) }
      } else {
        if function == .divide || function == .modulo || function == .remainder {
          for i in 0..<b.count where q[i] == 0 {
            throw EngineError(
              field: name, found: "a division by 0 at element \(i)", expected: "another divisor")
          }
        }
        let r = y.integers
        broadcast(a.shape, b.shape, y.shape, context) { r[$2] = value(p[$0], q[$1]) }
      }
    case .bool:
      let (p, q, r) = (a.booleans, b.booleans, y.booleans)
      broadcast(a.shape, b.shape, y.shape, context) { r[$2] = logical(p[$0], q[$1]) }
    }
  }

  /// The function of one pair of elements.
  public func value(_ a: Float, _ b: Float) -> Float {
    switch function {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    case .maximum: a.isNaN || b.isNaN ? .nan : max(a, b)
    case .minimum: a.isNaN || b.isNaN ? .nan : min(a, b)
    case .power: Foundation.pow(a, b)
    case .prelu: a < 0 ? a * b : a
    case .modulo: a - (a / b).rounded(.down) * b
    case .remainder: fmodf(a, b)
    default: 0
    }
  }

  private func value(_ a: Int64, _ b: Int64) -> Int64 {
    switch function {
    case .add: a &+ b
    case .subtract: a &- b
    case .multiply: a &* b
    case .divide: a.dividedReportingOverflow(by: b).partialValue
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    case .power: integerPower(a, b)
    case .prelu: a < 0 ? a &* b : a
    case .remainder: a.remainderReportingOverflow(dividingBy: b).partialValue
    case .modulo:
      (a.remainderReportingOverflow(dividingBy: b).partialValue &+ b)
        .remainderReportingOverflow(dividingBy: b).partialValue
    default: 0
    }
  }

  private func integerPower(_ base: Int64, _ exponent: Int64) -> Int64 {
    if exponent < 0 { return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0 }
    var (result, base, exponent) = (Int64(1), base, exponent)
    while exponent > 0 {
      if exponent & 1 == 1 { result = result &* base }
      base = base &* base
      exponent >>= 1
    }
    return result
  }

  private func compare<T: Comparable>(_ a: T, _ b: T) -> Bool {
    switch function {
    case .equal: a == b
    case .less: a < b
    case .lessOrEqual: a <= b
    case .greater: a > b
    case .greaterOrEqual: a >= b
    default: false
    }
  }

  private func logical(_ a: Bool, _ b: Bool) -> Bool {
    switch function {
    case .and: a && b
    case .or: a || b
    case .xor: a != b
    default: a == b
    }
  }
}

/// Calls `body` with the flat positions of both operands and of the result, for each element of the result.
func broadcast(
  _ a: [Int], _ b: [Int], _ result: [Int], _ context: KernelContext, _ body: (Int, Int, Int) -> Void
) {
  let count = result.reduce(1, *)
  if a == b {
    return context.parallel(count, grain: 4096) { for i in $0 { body(i, i, i) } }
  }
  let stridesA = broadcastStrides(a, to: result), stridesB = broadcastStrides(b, to: result)
  let line = result.last ?? 1
  let (stepA, stepB) = (stridesA.last ?? 0, stridesB.last ?? 0)
  guard count > 0 else { return }
  context.parallel(count / line, grain: max(1, 4096 / line)) { range in
    var position = PositionCounter(Array(result.dropLast()), at: range.lowerBound)
    for row in range {
      let startA = zip(position.index, stridesA).reduce(0) { $0 + $1.0 * $1.1 }
      let startB = zip(position.index, stridesB).reduce(0) { $0 + $1.0 * $1.1 }
      for i in 0..<line { body(startA + i * stepA, startB + i * stepB, row * line + i) }
      position.advance()
    }
  }
}
