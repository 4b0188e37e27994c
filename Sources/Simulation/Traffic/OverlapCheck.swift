import Geometry

/// Finds bodies that come into each other.
public enum OverlapCheck {
  /// One pair that overlaps, and when.
  public struct Overlap: Sendable, Hashable {
    /// Places in the array of paths.
    public var first: Int, second: Int
    /// When, in microseconds.
    public var timestampMicroseconds: Int64
    /// Square metres that both footprints cover.
    public var area: Double
  }

  /// The first moment at which each overlapping pair does so, in order of the pair.
  /// - Parameters:
  ///   - bodies: `globalFromBox` paths with sizes (width, length, height).
  ///   - times: when to look.
  ///   - tolerance: square metres of footprint that do not count.
  public static func overlaps(
    _ bodies: [(path: MotionPath, size: SIMD3<Double>)], at times: [Int64], tolerance: Double = 1e-3
  ) -> [Overlap] {
    var found: [Overlap] = []
    var seen: Set<Int> = []
    for time in times {
      let boxes = bodies.map { body -> Box3D? in
        guard let first = body.path.timestamps.first, let last = body.path.timestamps.last, first <= time,
          time <= last
        else { return nil }
        let pose = body.path.pose(at: time)
        return Box3D(center: pose.translation, size: body.size, rotation: pose.rotation)
      }
      let order = boxes.indices.filter { boxes[$0] != nil }.sorted {
        (boxes[$0]?.center.x ?? 0, $0) < (boxes[$1]?.center.x ?? 0, $1)
      }
      for (k, a) in order.enumerated() {
        guard let boxA = boxes[a] else { continue }
        let reachA = SIMD2(boxA.length, boxA.width).length / 2
        for b in order[(k + 1)...] {
          guard let boxB = boxes[b] else { continue }
          if boxB.center.x - boxA.center.x > reachA + 9 { break }
          let reachB = SIMD2(boxB.length, boxB.width).length / 2
          guard (boxA.center.xy - boxB.center.xy).length < reachA + reachB else { continue }
          let key = min(a, b) * bodies.count + max(a, b)
          guard !seen.contains(key) else { continue }
          let area = boxA.footprint.clipped(toConvex: boxB.footprint).area
          if area > tolerance {
            seen.insert(key)
            found.append(Overlap(first: min(a, b), second: max(a, b), timestampMicroseconds: time, area: area))
          }
        }
      }
    }
    return found.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
  }
}
