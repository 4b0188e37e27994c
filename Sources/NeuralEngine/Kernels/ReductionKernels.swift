import Foundation

extension Operator.Reduction {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let x = inputs[0]
    let reduced = Set(try axes.map { try resolveAxis($0, rank: x.shape.count) })
    if x.type.element == .float32, reduceRows(x, reduced.sorted(), outputs[0], context) { return }
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

  /// The fast path: neighbouring axes and a function that takes one element after another. `[outer, reduced, inner]`.
  ///
  /// Each output takes its elements in the order of the plain loop, sums in double precision, so the bytes are the same.
  /// - Returns: false where nothing was done.
  private func reduceRows(
    _ x: TensorView, _ axes: [Int], _ output: MutableTensorView, _ context: KernelContext
  ) -> Bool {
    guard let first = axes.first, let last = axes.last, last - first + 1 == axes.count, x.count > 0 else {
      return false
    }
    let count = x.shape[first...last].reduce(1, *), inner = x.shape[(last + 1)...].reduce(1, *)
    let source = x.floats, target = output.floats
    func rows(_ body: (_ outer: Int, _ rows: UnsafePointer<Float>) -> Void) {
      context.parallel(x.count / (count * inner), grain: max(1, 16_384 / (count * inner))) { range in
        for o in range { body(o, source + o * count * inner) }
      }
    }
    func extremes(_ isBetter: (Float, Float) -> Bool) {
      rows { o, row in
        let best = target + o * inner
        best.update(from: row, count: inner)
        for k in 1..<max(count, 1) {
          for c in 0..<inner {
            let value = row[k * inner + c]
            if isBetter(value, best[c]) || value != value { best[c] = value }
          }
        }
      }
    }
    switch function {
    // What is not a number stays: nothing is better than it.
    case .maximum: extremes { $0 > $1 }
    case .minimum: extremes { $0 < $1 }
    case .sum, .mean:
      let divisor = function == .mean ? Double(count) : 1
      rows { o, row in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: inner) { sums in
          sums.initialize(repeating: 0)
          for k in 0..<count { for c in 0..<inner { sums[c] += Double(row[k * inner + c]) } }
          for c in 0..<inner { target[o * inner + c] = Float(sums[c] / divisor) }
        }
      }
    default: return false
    }
    return true
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
