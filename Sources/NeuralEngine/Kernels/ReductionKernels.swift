import Foundation

extension Operator.Reduction {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0]
    let reduced = Set(try axes.map { try resolveAxis($0, rank: x.shape.count) })
    let strides = x.type.strides
    let kept = x.shape.indices.filter { !reduced.contains($0) }, taken = reduced.sorted()
    let outer = kept.map { x.shape[$0] }, inner = PositionCounter(taken.map { x.shape[$0] })
    let outerStrides = kept.map { strides[$0] }, innerStrides = taken.map { strides[$0] }
    context.parallel(outer.reduce(1, *)) { range in
      for o in range {
        let start = zip(PositionCounter(outer, at: o).index, outerStrides).reduce(0) { $0 + $1.0 * $1.1 }
        var position = inner
        let offsets = (0..<inner.count).lazy.map { _ in
          defer { position.advance() }
          return start + zip(position.index, innerStrides).reduce(0) { $0 + $1.0 * $1.1 }
        }
        switch x.type.element {
        case .float32: outputs[0].floats[o] = Float(value(offsets.map { Double(x.floats[$0]) }))
        default: outputs[0].integers[o] = integer(offsets.map { x.integers[$0] })
        }
      }
    }
  }

  private func value(_ x: [Double]) -> Double {
    switch function {
    case .sum: x.reduce(0, +)
    case .mean: x.reduce(0, +) / Double(x.count)
    case .maximum: x.contains(where: \.isNaN) ? .nan : x.max() ?? -.infinity
    case .minimum: x.contains(where: \.isNaN) ? .nan : x.min() ?? .infinity
    case .product: x.reduce(1, *)
    case .norm1: x.reduce(0) { $0 + abs($1) }
    case .norm2: x.reduce(0) { $0 + $1 * $1 }.squareRoot()
    case .sumOfSquares: x.reduce(0) { $0 + $1 * $1 }
    case .logSum: log(x.reduce(0, +))
    case .logSumExp: logSumExp(x)
    }
  }

  private func logSumExp(_ x: [Double]) -> Double {
    guard let largest = x.max(), largest.isFinite else { return x.max() ?? -.infinity }
    return largest + log(x.reduce(0) { $0 + exp($1 - largest) })
  }

  private func integer(_ x: [Int64]) -> Int64 {
    switch function {
    case .sum: x.reduce(0, &+)
    case .mean: x.isEmpty ? 0 : x.reduce(0, &+) / Int64(x.count)
    case .maximum: x.max() ?? .min
    case .minimum: x.min() ?? .max
    case .product: x.reduce(1, &*)
    case .norm1: x.reduce(0) { $0 &+ Int64(clamping: $1.magnitude) }
    case .sumOfSquares: x.reduce(0) { $0 &+ $1 &* $1 }
    case .norm2, .logSum, .logSumExp:
      Int64(exactly: value(x.map { Double($0) }).rounded(.towardZero)) ?? 0
    }
  }
}
