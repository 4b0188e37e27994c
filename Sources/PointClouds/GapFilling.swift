/// Fills the gaps of a square map from coarser and coarser averages, then smooths it (push and pull).
enum GapFilling {
  /// The map with every cell filled; cells with much weight keep their value but for the smoothing.
  /// - Precondition: `side` is a power of two and the arrays hold `side * side` values.
  /// - Source: Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4 (push-pull).
  static func filled(_ values: [Float], weight: [Float], side: Int) -> [Float] {
    precondition(values.count == side * side && weight.count == values.count && side & (side - 1) == 0)
    var levels: [(value: [Float], weight: [Float], side: Int)] = [
      (values, weight.map { min($0, 4) / 4 }, side)
    ]
    while let last = levels.last, last.side > 1 { levels.append(coarser(last)) }
    var fine = levels[levels.count - 1].value
    for level in levels.dropLast().reversed() { fine = pulled(level, from: fine) }
    return smoothed(smoothed(fine, side: side), side: side)
  }

  private static func coarser(
    _ level: (value: [Float], weight: [Float], side: Int)
  ) -> (value: [Float], weight: [Float], side: Int) {
    let half = level.side / 2
    var value = [Float](repeating: 0, count: half * half)
    var weight = value
    for i in 0..<half {
      for j in 0..<half {
        let c = 2 * i * level.side + 2 * j
        var sum: Float = 0
        var total: Float = 0
        for k in [c, c + 1, c + level.side, c + level.side + 1] where level.weight[k] > 0 {
          sum += level.value[k] * level.weight[k]
          total += level.weight[k]
        }
        if total > 0 {
          value[i * half + j] = sum / total
          weight[i * half + j] = min(total, 1)
        }
      }
    }
    return (value, weight, half)
  }

  /// The level's own values where they have weight, else the coarser map between its cells' centres.
  private static func pulled(_ level: (value: [Float], weight: [Float], side: Int), from coarse: [Float])
    -> [Float]
  {
    let side = level.side
    let half = side / 2
    var result = level.value
    for i in 0..<side {
      for j in 0..<side {
        let w = level.weight[i * side + j]
        guard w < 1 else { continue }
        let (i0, i1) = (i / 2, min(max(i / 2 + (i & 1 == 0 ? -1 : 1), 0), half - 1))
        let (j0, j1) = (j / 2, min(max(j / 2 + (j & 1 == 0 ? -1 : 1), 0), half - 1))
        let near = 0.75 * coarse[i0 * half + j0] + 0.25 * coarse[i0 * half + j1]
        let far = 0.75 * coarse[i1 * half + j0] + 0.25 * coarse[i1 * half + j1]
        result[i * side + j] = w * level.value[i * side + j] + (1 - w) * (0.75 * near + 0.25 * far)
      }
    }
    return result
  }

  /// A 3 x 3 binomial filter; the border repeats.
  private static func smoothed(_ values: [Float], side: Int) -> [Float] {
    var rows = values
    var result = values
    for i in 0..<side {
      for j in 0..<side {
        let c = i * side
        rows[c + j] = (values[c + max(j - 1, 0)] + 2 * values[c + j] + values[c + min(j + 1, side - 1)]) / 4
      }
    }
    for i in 0..<side {
      for j in 0..<side {
        result[i * side + j] =
          (rows[max(i - 1, 0) * side + j] + 2 * rows[i * side + j] + rows[min(i + 1, side - 1) * side + j])
          / 4
      }
    }
    return result
  }
}
