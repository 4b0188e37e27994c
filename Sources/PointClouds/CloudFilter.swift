import Geometry
import Scenes

/// Which points of a sweep are kept: by range from the sensor, by height and outside the ego's own body.
public struct CloudFilter: Sendable, Hashable {
  /// Least and greatest distance from the sensor in metres.
  public let range: ClosedRange<Float>
  /// Lowest and highest z in the ego frame in metres.
  public let height: ClosedRange<Float>
  /// The ego vehicle in its own frame: lower and upper corner in metres.
  public let egoBodyMinimum: SIMD3<Float>, egoBodyMaximum: SIMD3<Float>

  /// A filter with these limits.
  ///
  /// The default body is that of a van, rear axle at the origin, with a roof rack: what no car drives inside of.
  public init(
    range: ClosedRange<Float> = 0.5...120, height: ClosedRange<Float> = -6...20,
    egoBodyMinimum: SIMD3<Float> = SIMD3(-1.3, -1.2, -0.5),
    egoBodyMaximum: SIMD3<Float> = SIMD3(4.3, 1.2, 2.6)
  ) {
    self.range = range
    self.height = height
    self.egoBodyMinimum = egoBodyMinimum
    self.egoBodyMaximum = egoBodyMaximum
  }

  /// A filter that drops only points that are not finite.
  public static let none = CloudFilter(
    range: 0...Float.greatestFiniteMagnitude,
    height: -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude,
    egoBodyMinimum: SIMD3(repeating: 1), egoBodyMaximum: SIMD3(repeating: -1))

  /// Whether a point is kept; if not, its reason is counted. `inEgo` is the point in the ego frame of its own sweep.
  @inline(__always)
  func keeps(_ p: SIMD3<Float>, inEgo q: SIMD3<Float>, dropped: inout DroppedPoints) -> Bool {
    let squared = p.x * p.x + p.y * p.y + p.z * p.z
    // NaN and infinities, and values so large that their square is infinite, fail every comparison below.
    guard p.x.isFinite, p.y.isFinite, p.z.isFinite else {
      dropped.nonFinite += 1
      return false
    }
    let distance = squared.squareRoot()
    guard distance >= range.lowerBound, distance <= range.upperBound else {
      dropped.range += 1
      return false
    }
    if q.x >= egoBodyMinimum.x, q.x <= egoBodyMaximum.x, q.y >= egoBodyMinimum.y, q.y <= egoBodyMaximum.y,
      q.z >= egoBodyMinimum.z, q.z <= egoBodyMaximum.z
    {
      dropped.egoBody += 1
      return false
    }
    guard q.z >= height.lowerBound, q.z <= height.upperBound else {
      dropped.height += 1
      return false
    }
    return true
  }
}
