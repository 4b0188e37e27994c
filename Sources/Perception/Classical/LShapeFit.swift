/// An oriented rectangle around points seen from above.
public struct FittedRectangle: Sendable, Hashable {
  /// The direction of the first axis in radians, in [0, π/2).
  public var angle: Float
  /// Unit vectors of the axes.
  public var axisU: SIMD2<Float>, axisV: SIMD2<Float>
  /// Least and greatest projections on the axes in metres.
  public var minimum: SIMD2<Float>, maximum: SIMD2<Float>
  /// The mean closeness of the points to the nearest edges, in (0, 1]: 1 for an ideal L.
  public var closeness: Float

  /// The extents along the axes in metres.
  public var extent: SIMD2<Float> { maximum - minimum }
}

/// Fits a rectangle to points by search over its heading.
///
/// - Source: Zhang et al., "Efficient L-Shape Fitting for Vehicle Detection Using Laser Scanners", IEEE IV 2017: the
///   closeness criterion (algorithm 4).
public enum LShapeFit {
  /// Points nearer to an edge than this, in metres, count as on it.
  public static let nearest: Float = 0.1

  /// The rectangle whose edges the points lie closest to: first in steps of 6°, then around the best in steps of 1°.
  /// - Precondition: at least one point; weights above 0.
  /// - Complexity: O(25 points).
  public static func fit(_ points: [SIMD2<Float>], weights: [Float]) -> FittedRectangle {
    precondition(!points.isEmpty && points.count == weights.count)
    var best = rectangle(points, weights, degrees: 0)
    var bestDegrees: Float = 0
    func consider(_ degrees: Float) {
      let candidate = rectangle(points, weights, degrees: degrees)
      if candidate.closeness > best.closeness {
        best = candidate
        bestDegrees = degrees
      }
    }
    for step in 1..<15 { consider(Float(step) * 6) }
    let center = bestDegrees
    for step in -5...5 where step != 0 { consider(center + Float(step)) }
    return best
  }

  /// The rectangle at one heading, and the mean over the points of `1 / max(d, nearest)`, scaled to reach 1.
  private static func rectangle(
    _ points: [SIMD2<Float>], _ weights: [Float], degrees: Float
  ) -> FittedRectangle {
    let angle = degrees * .pi / 180
    let u = direction(angle)
    let v = SIMD2(-u.y, u.x)
    var low = SIMD2<Float>(repeating: .infinity)
    var high = SIMD2<Float>(repeating: -.infinity)
    for p in points {
      let q = SIMD2(p.x * u.x + p.y * u.y, p.x * v.x + p.y * v.y)
      low = pointwiseMin(low, q)
      high = pointwiseMax(high, q)
    }
    var sum: Float = 0
    var total: Float = 0
    for (p, w) in zip(points, weights) {
      let q = SIMD2(p.x * u.x + p.y * u.y, p.x * v.x + p.y * v.y)
      let d = pointwiseMin(q - low, high - q)
      sum += w * nearest / max(min(d.x, d.y), nearest)
      total += w
    }
    return FittedRectangle(
      angle: angle, axisU: u, axisV: v, minimum: low, maximum: high, closeness: sum / total)
  }
}
