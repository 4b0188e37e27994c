extension Operator.Einsum {
  /// Computes the outputs in plain loops; see `OperatorDefinition`.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let terms = try terms(inputs.map(\.type)), y = outputs[0].floats
    let summed = PositionCounter(terms.summed.map { terms.extents[$0] ?? 1 })
    let operands = zip(inputs, terms.inputs).map { input, labels in
      Operand(
        elements: input.floats, outer: strides(terms.output, labels, input.type),
        inner: strides(terms.summed, labels, input.type))
    }
    context.parallel(outputs[0].count, grain: max(1, 4096 / max(1, summed.count))) { range in
      var position = PositionCounter(outputs[0].shape, at: range.lowerBound)
      for o in range {
        let starts = operands.map { zip($0.outer, position.index).reduce(0) { $0 + $1.0 * $1.1 } }
        var inner = summed, total = 0.0
        for _ in 0..<inner.count {
          var product = 1.0
          for (operand, start) in zip(operands, starts) {
            product *= Double(
              operand.elements[zip(operand.inner, inner.index).reduce(start) { $0 + $1.0 * $1.1 }])
          }
          total += product
          inner.advance()
        }
        y[o] = Float(total)
        position.advance()
      }
    }
  }

  private struct Operand {
    let elements: UnsafePointer<Float>
    let outer: [Int], inner: [Int]
  }

  /// How far an input moves for each of `labels`: a label that it has twice moves along the diagonal, one of extent 1
  /// stays.
  private func strides(_ labels: [Int], _ own: [Int], _ type: TensorType) -> [Int] {
    let strides = type.strides
    return labels.map { label in
      own.indices.reduce(0) { own[$1] == label && type.shape[$1] > 1 ? $0 + strides[$1] : $0 }
    }
  }
}
