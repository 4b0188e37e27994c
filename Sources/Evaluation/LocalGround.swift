import Geometry

/// The ground's height where roads slope: planes fitted to the points that are known to lie on the road, tile by tile.
///
/// Tiles are 4 m wide. A tile's plane is fitted by least squares to the road points of the 12 m around it (further where
/// there are fewer than 30), its slopes drawn weakly towards those of the plane through all points, twice: the second time
/// without points that are more than 0.25 m off.
struct LocalGround {
  private static let tileSize = 4.0
  private static let tilesAside = 28
  private static let minimumCount = 30

  private struct Plane {
    var height = 0.0
    var slope = SIMD2<Double>.zero
    var center = SIMD2<Double>.zero

    func height(_ p: SIMD2<Double>) -> Double { height + slope.dot(p - center) }
  }

  private var planes: [Plane]

  /// The ground through these points, in the ego frame; nil where there are too few for one plane.
  init?(_ points: [SIMD3<Double>]) {
    guard points.count >= Self.minimumCount, let flat = Self.fit(points, prior: Plane()) else { return nil }
    var tiles = [[SIMD3<Double>]](repeating: [], count: Self.tilesAside * Self.tilesAside)
    for point in points {
      if let tile = Self.tile(point.xy) { tiles[tile.0 * Self.tilesAside + tile.1].append(point) }
    }
    planes = []
    for i in 0..<Self.tilesAside {
      for j in 0..<Self.tilesAside {
        var near: [SIMD3<Double>] = []
        var reach = 1
        while reach < Self.tilesAside {
          near.removeAll(keepingCapacity: true)
          for a in max(0, i - reach)...min(Self.tilesAside - 1, i + reach) {
            for b in max(0, j - reach)...min(Self.tilesAside - 1, j + reach) {
              near += tiles[a * Self.tilesAside + b]
            }
          }
          if near.count >= Self.minimumCount { break }
          reach += 1
        }
        planes.append(Self.fit(near, prior: flat) ?? flat)
      }
    }
  }

  /// The ground's height at a point, in the ego frame.
  func height(_ p: SIMD2<Double>) -> Double {
    let last = Self.tilesAside - 1
    let i = Self.index(p.x, last)
    let j = Self.index(p.y, last)
    return planes[i * Self.tilesAside + j].height(p)
  }

  private static func index(_ v: Double, _ last: Int) -> Int {
    let k = (v / tileSize).rounded(.down) + Double(tilesAside / 2)
    return Int(max(0, min(Double(last), k)))
  }

  private static func tile(_ p: SIMD2<Double>) -> (Int, Int)? {
    let limit = tileSize * Double(tilesAside / 2)
    guard abs(p.x) < limit, abs(p.y) < limit else { return nil }
    return (index(p.x, tilesAside - 1), index(p.y, tilesAside - 1))
  }

  /// The plane through points, its slopes drawn towards the prior's as by half as many points a metre away.
  private static func fit(_ points: [SIMD3<Double>], prior: Plane) -> Plane? {
    guard var plane = leastSquares(points, prior) else { return nil }
    let near = points.filter { abs($0.z - plane.height($0.xy)) < 0.25 }
    if near.count >= minimumCount, near.count < points.count, let second = leastSquares(near, prior) {
      plane = second
    }
    return plane
  }

  private static func leastSquares(_ points: [SIMD3<Double>], _ prior: Plane) -> Plane? {
    guard points.count >= 3 else { return nil }
    let n = Double(points.count)
    let mean = points.reduce(SIMD3<Double>.zero, +) / n
    var xx = 0.5 * n
    var yy = 0.5 * n
    var xy = 0.0
    var xz = 0.0
    var yz = 0.0
    for p in points {
      let d = p - mean
      let rest = d.z - prior.slope.dot(d.xy)
      xx += d.x * d.x
      xy += d.x * d.y
      yy += d.y * d.y
      xz += d.x * rest
      yz += d.y * rest
    }
    let determinant = xx * yy - xy * xy
    guard determinant > 0 else { return nil }
    let slope = SIMD2(yy * xz - xy * yz, xx * yz - xy * xz) / determinant
    return Plane(height: mean.z, slope: prior.slope + slope, center: mean.xy)
  }
}
