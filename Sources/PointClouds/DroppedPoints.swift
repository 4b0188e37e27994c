/// How many points were left out, by reason: a point counts once, for the first reason in this order.
public struct DroppedPoints: Sendable, Hashable {
  /// A coordinate (or the intensity, where it is used) is NaN or infinite.
  public var nonFinite = 0
  /// Nearer or farther from the sensor than the filter allows.
  public var range = 0
  /// A return from the ego vehicle itself.
  public var egoBody = 0
  /// Below or above the filter's heights.
  public var height = 0
  /// Outside the grid or beyond what a voxel index holds.
  public var outsideGrid = 0

  /// No point.
  public init() {}

  /// All of them.
  public var total: Int { nonFinite + range + egoBody + height + outsideGrid }

  /// Both counts in one.
  public static func + (a: DroppedPoints, b: DroppedPoints) -> DroppedPoints {
    var sum = a
    sum.nonFinite += b.nonFinite
    sum.range += b.range
    sum.egoBody += b.egoBody
    sum.height += b.height
    sum.outsideGrid += b.outsideGrid
    return sum
  }
}
