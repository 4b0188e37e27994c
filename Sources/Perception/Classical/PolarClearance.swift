import PointClouds
import Scenes

/// Which places the rays of one sweep pass over, low above the ground: a map of azimuth and range around the sensor.
///
/// A ray that ends on the ground is low only on its last stretch; one that ends on an obstacle shows its way up to it
/// free where it is low. Each ray adds its stretch to its azimuth's row; a cell asks the row of its own direction.
struct PolarClearance: Sendable {
  static let azimuthCount = 1024
  static let rangeCount = 320
  static let rangeStep: Float = 0.25

  /// `[azimuth, range]`: after tracing, the number of rays that pass low there.
  private var passes = [Int16](repeating: 0, count: azimuthCount * rangeCount)

  /// Traces the rays of a sweep's points.
  ///
  /// The height along a ray falls linearly from `originHeight` to the point's, as over a plane ground.
  mutating func trace(
    _ range: Range<Int>, cloud: PointCloud, heights: [Float], origin: SIMD3<Float>, originHeight: Float,
    configuration: OccupancyMap.Configuration
  ) {
    let low = configuration.clearanceHeight
    passes.withUnsafeMutableBufferPointer { passes in
      passes.update(repeating: 0)
      for p in range {
        let end = heights[p]
        // Only a ray whose end is low (or that starts low) is low anywhere.
        guard end < low, end > -1, originHeight > end else { continue }
        let (x, y) = (cloud.x[p] - origin.x, cloud.y[p] - origin.y)
        let distance = (x * x + y * y).squareRoot()
        let fraction = max(0, (originHeight - low) / (originHeight - end))
        // The stretch before an obstacle ends short of it: its own cell is not free.
        let margin: Float = end > configuration.groundTolerance ? 0.6 : 0
        let first = Int(min(distance * fraction / Self.rangeStep + 0.5, Float(Self.rangeCount - 1)))
        let last = Int(min(max(distance - margin, 0) / Self.rangeStep + 0.5, Float(Self.rangeCount - 1)))
        guard first < last else { continue }
        let row = Self.azimuth(x, y) * Self.rangeCount
        passes[row + first] &+= 1
        passes[row + last] &-= 1
      }
      for azimuth in 0..<Self.azimuthCount {
        var sum: Int16 = 0
        for k in azimuth * Self.rangeCount..<(azimuth + 1) * Self.rangeCount {
          sum &+= passes[k]
          passes[k] = sum
        }
      }
    }
  }

  /// Whether a place, in metres from the sensor, was passed over.
  @inline(__always)
  func isCleared(_ x: Float, _ y: Float) -> Bool {
    let range = (x * x + y * y).squareRoot() / Self.rangeStep
    guard range < Float(Self.rangeCount) else { return false }
    return passes[Self.azimuth(x, y) * Self.rangeCount + Int(range)] > 0
  }

  /// The row of a direction: its angle in turns, times the number of rows.
  ///
  /// The arc tangent is the polynomial `t (π/4 + 0.273 (1 - |t|))` of Rajan et al. (IEEE Signal Processing Magazine,
  /// 2006), right to 0.004 rad: less than a row, and the same for rays and cells.
  @inline(__always)
  static func azimuth(_ x: Float, _ y: Float) -> Int {
    let (a, b) = (abs(x), abs(y))
    guard a > 0 || b > 0 else { return 0 }
    let t = min(a, b) / max(a, b)
    var angle = t * (0.785398 + 0.273 * (1 - t))
    if b > a { angle = 1.5707964 - angle }
    if x < 0 { angle = 3.1415927 - angle }
    if y < 0 { angle = 6.2831855 - angle }
    return min(max(Int(angle * (Float(azimuthCount) / 6.2831855)), 0), azimuthCount - 1)
  }
}
