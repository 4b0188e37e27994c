/// A simple polygon in a plane: its corners in order, not closed (the last is not the first again).
public struct Polygon: Sendable, Hashable, Codable {
  /// The corners, in metres.
  public var points: [SIMD2<Double>]

  /// The polygon with these corners.
  public init(_ points: [SIMD2<Double>]) { self.points = points }

  /// Twice the signed area's half: positive where the corners run counter-clockwise.
  public var signedArea: Double {
    guard points.count >= 3 else { return 0 }
    var sum = 0.0
    var last = points[points.count - 1] - points[0]
    for p in points {
      let q = p - points[0]
      sum += last.cross(q)
      last = q
    }
    return sum / 2
  }

  /// The enclosed area in square metres.
  public var area: Double { abs(signedArea) }

  /// Whether the point lies inside (even-odd rule); a point on the border belongs to one side or the other.
  public func contains(_ p: SIMD2<Double>) -> Bool {
    var inside = false
    guard var b = points.last else { return false }
    for a in points {
      if (a.y > p.y) != (b.y > p.y), p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x { inside.toggle() }
      b = a
    }
    return inside
  }

  /// The intersection with a convex polygon whose corners run counter-clockwise (Sutherland and Hodgman).
  /// - Complexity: O(n m).
  public func clipped(toConvex clip: Polygon) -> Polygon {
    var output = points
    guard var a = clip.points.last else { return Polygon([]) }
    for b in clip.points {
      let edge = b - a
      let input = output
      output.removeAll(keepingCapacity: true)
      guard var previous = input.last else { break }
      var previousSide = edge.cross(previous - a)
      for point in input {
        let side = edge.cross(point - a)
        if (side >= 0) != (previousSide >= 0) {
          output.append(previous + (point - previous) * (previousSide / (previousSide - side)))
        }
        if side >= 0 { output.append(point) }
        previous = point
        previousSide = side
      }
      a = b
    }
    return Polygon(output)
  }
}

extension Box3D {
  /// Intersection over union of two boxes' footprints, in [0, 1].
  public func footprintIoU(with other: Box3D) -> Double {
    let overlap = footprint.clipped(toConvex: other.footprint).area
    let union = width * length + other.width * other.length - overlap
    return union > 0 ? overlap / union : 0
  }
}
