import Algorithms
import Geometry

/// Linear interpolation over increasing abscissae, with nuscenes-devkit's (numpy's) choices at every edge.
enum Interpolation {
  /// The values at `points` of the line through (xs, ys).
  ///
  /// Where abscissae repeat, the last of the equal ones counts; below the first the first ordinate is taken; above the
  /// last, `right`.
  /// - Precondition: `xs` is not empty, increases, and has as many entries as `ys`.
  /// - Source: numpy 1.26, `numpy.interp`.
  static func values(at points: [Double], xs: [Double], ys: [Double], right: Double) -> [Double] {
    precondition(!xs.isEmpty && xs.count == ys.count, "\(xs.count) abscissae, \(ys.count) ordinates")
    let last = xs.count - 1
    return points.map { point in
      if point.isNaN { return point }
      if point > xs[last] { return right }
      if point < xs[0] { return ys[0] }
      // The last index whose abscissa is not above the point.
      let k = partitionPoint(of: xs.indices) { !(point >= xs[$0]) } - 1
      if k == last || xs[k] == point { return ys[k] }
      return (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k]) * (point - xs[k]) + ys[k]
    }
  }

  /// The running mean of the values that are not NaN, 0 before the first of them; all ones where every value is NaN.
  /// - Source: nuscenes-devkit 1.2.0, `eval/common/utils.py`, `cummean`.
  static func runningMean(_ values: [Double]) -> [Double] {
    guard values.contains(where: { !$0.isNaN }) else { return values.map { _ in 1 } }
    var sum = 0.0
    var count = 0.0
    return values.map { value in
      if !value.isNaN {
        sum += value
        count += 1
      }
      return count > 0 ? sum / count : 0
    }
  }
}
