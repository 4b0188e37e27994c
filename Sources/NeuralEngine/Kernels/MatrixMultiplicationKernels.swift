extension Operator.MatrixMultiplication {
  /// Computes the outputs from the inputs in plain loops.
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    let types = inputs.map(\.type)
    let e = try extents(types)
    let (a, b, y) = (inputs[0].floats, inputs[1].floats, outputs[0].floats)
    let (m, n, k) = (e.m, e.n, e.k)
    let swapA = transposesFirst && types[0].rank > 1, swapB = transposesSecond && types[1].rank > 1
    let (rowA, columnA) = swapA ? (1, m) : (k, 1)
    let (rowB, columnB) = swapB ? (1, k) : (n, 1)
    let stridesA = broadcastStrides(e.batchA, to: e.batch), stridesB = broadcastStrides(e.batchB, to: e.batch)
    let stridesC = inputs.count > 2 ? broadcastStrides(inputs[2].shape, to: outputs[0].shape) : []
    context.parallel(e.batch.reduce(1, *) * m) { range in
      for row in range {
        let index = PositionCounter(e.batch, at: row / m).index, i = row % m
        let aRow = a + zip(index, stridesA).reduce(0) { $0 + $1.0 * $1.1 } * m * k + i * rowA
        let bMatrix = b + zip(index, stridesB).reduce(0) { $0 + $1.0 * $1.1 } * k * n
        for j in 0..<n {
          var sum = 0.0
          for p in 0..<k { sum += Double(aRow[p * columnA]) * Double(bMatrix[p * rowB + j * columnB]) }
          sum *= Double(alpha)
          if inputs.count > 2 {
            let at = PositionCounter(outputs[0].shape, at: row * n + j).index
            sum += Double(beta) * Double(inputs[2].floats[zip(at, stridesC).reduce(0) { $0 + $1.0 * $1.1 }])
          }
          y[row * n + j] = Float(sum)
        }
      }
    }
  }
}

/// Element strides of an array of `shape` when it is broadcast to `target`: 0 along axes it is repeated over. Strides of
/// batch axes count matrices.
func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
  let own = rowMajorStrides(shape)
  let lead = target.count - shape.count
  return target.indices.map { $0 < lead || shape[$0 - lead] == 1 ? 0 : own[$0 - lead] }
}
