import Algorithms
import Geometry
import Scenes

/// The height of the ground over the ego's surroundings: a plane, and a smooth residual over a grid of 1 m cells.
///
/// Roads slope, crown and rise onto pavements; one plane does not follow them. The plane (RANSAC over the cells' low
/// points) carries the trend; the residual follows the rest, as far as slopes stay below `maximumSlope` against the
/// plane: what rises faster from the ground around it is an obstacle.
public struct GroundModel: Sendable, Equatable {
  /// The cells of the residual.
  public static let grid = BEVGrid(minimumX: -64, minimumY: -64, cellSize: 1, countX: 128, countY: 128)
  /// Rise over run, against the plane, that ground may have.
  public static let maximumSlope: Float = 0.12

  /// The cells between the ego's wheels.
  private static let underEgo = [62, 63, 64, 65, 66].flatMap { i in [63, 64].map { i * 128 + $0 } }

  /// The plane: `z = slopeX x + slopeY y + offset`, in metres in the cloud's frame.
  public let slopeX: Float, slopeY: Float, offset: Float
  /// Height of the ground above the plane, `[i, j]` over `grid`, in metres.
  public let residual: [Float]
  /// 1 where ground was seen in the cell itself, `[i, j]`.
  public let observed: [UInt8]

  /// The flat ground of the ego frame: `z = 0`.
  public static let flat = GroundModel(
    plane: (0, 0, 0), residual: [Float](repeating: 0, count: grid.count),
    observed: [UInt8](repeating: 0, count: grid.count))

  private init(plane: (Float, Float, Float), residual: [Float], observed: [UInt8]) {
    (slopeX, slopeY, offset) = plane
    self.residual = residual
    self.observed = observed
  }

  /// Fits the ground under a cloud in an ego frame (rear axle on the ground).
  ///
  /// A cloud without ground (or without points) gives the ego frame's own ground, `z = 0`.
  /// - Throws: where PCL fails.
  /// - Complexity: O(points + cells).
  public init(fitting cloud: PointCloud) throws {
    var lows = CellLows(cloud)
    let plane = try Self.seedPlane(lows)
    lows.subtract(plane)
    lows.removeSpikes()
    let envelope = Self.lowerEnvelope(lows, underEgo: 0.1 - plane.2)
    let grid = Self.grid
    var ground = [Float](repeating: .nan, count: grid.count)
    for c in 0..<grid.count where lows.height[c].isFinite && lows.height[c] <= envelope[c] + 0.15 {
      ground[c] = lows.height[c]
    }
    var refined = Self.refined(ground, cloud: cloud, plane: plane)
    // The wheels stand on the ground, which the sensor does not see there.
    for c in Self.underEgo where refined.weight[c] == 0 {
      refined.height[c] = -plane.2
      refined.weight[c] = 1
    }
    self.init(
      plane: plane, residual: GapFilling.filled(refined.height, weight: refined.weight, side: grid.countX),
      observed: refined.weight.map { $0 > 0 ? 1 : 0 })
  }

  /// The ground's height in metres at a place; outside the grid that of the nearest border cell.
  /// - Precondition: the place is finite.
  @inlinable public func height(_ x: Float, _ y: Float) -> Float {
    // Between cell centres; clamped in Float32 before the conversion, so that far places are safe.
    let u = min(max(x + 63.5, 0), 126.999)
    let v = min(max(y + 63.5, 0), 126.999)
    let i = Int(u)
    let j = Int(v)
    let a = u - Float(i)
    let b = v - Float(j)
    let k = i * 128 + j
    let low = residual[k] * (1 - b) + residual[k + 1] * b
    let high = residual[k + 128] * (1 - b) + residual[k + 129] * b
    return slopeX * x + slopeY * y + offset + low * (1 - a) + high * a
  }

  /// Each point's height above the local ground in metres; NaN for a point that is not finite.
  /// - Complexity: O(points); work is split by point.
  public func heightsAboveGround(_ cloud: PointCloud, threads: Int = 1) -> [Float] {
    [Float](unsafeUninitializedCapacity: cloud.count) { buffer, initialized in
      initialized = cloud.count
      guard initialized > 0 else { return }
      let heights = SharedPointer(buffer)
      forEachStrip(of: cloud.count, threads: threads, minimumStrip: 8192) { strip in
        for p in strip {
          let (x, y, z) = (cloud.x[p], cloud.y[p], cloud.z[p])
          heights[p] = x.isFinite && y.isFinite && z.isFinite ? z - height(x, y) : .nan
        }
      }
    }
  }

  /// RANSAC over the cells' low points within 30 m; the ego frame's own ground where nothing credible is found.
  private static func seedPlane(_ lows: CellLows) throws -> (Float, Float, Float) {
    var points = PointCloud()
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        let c = grid.index(i, j)
        let center = grid.center(i, j)
        guard lows.height[c].isFinite, center.length < 30, abs(lows.height[c]) < 4 else { continue }
        points.append(
          SIMD3(Float(center.x), Float(center.y), lows.height[c]), intensity: 0, ring: 0, age: 0)
      }
    }
    guard points.count >= 20 else { return (0, 0, 0) }
    guard let plane = try GroundPlane.fit(points, distance: 0.15, maximumTilt: 0.2, iterations: 200) else {
      return (0, 0, 0)
    }
    // The wheels stand on the ground: a plane far from the origin is a wall's top or a table of roofs.
    let height = -plane.offset / plane.normal.z
    guard abs(height) < 0.6 else { return (0, 0, 0) }
    return (-plane.normal.x / plane.normal.z, -plane.normal.y / plane.normal.z, height)
  }

  /// The greatest surface below all cells' lows that rises nowhere faster than `maximumSlope` (two chamfer passes).
  private static func lowerEnvelope(_ lows: CellLows, underEgo: Float) -> [Float] {
    let side = grid.countX
    var envelope = lows.height.map { $0.isFinite ? $0 : Float.greatestFiniteMagnitude }
    for c in Self.underEgo { envelope[c] = min(envelope[c], underEgo) }
    let straight = maximumSlope
    let diagonal = maximumSlope * 1.4142135
    let steps: [(Int, Int, Float)] = [
      (-1, 0, straight), (0, -1, straight), (-1, -1, diagonal), (-1, 1, diagonal),
    ]
    for pass in 0..<2 {
      let sign = pass == 0 ? 1 : -1
      for n in 0..<side * side {
        let c = pass == 0 ? n : side * side - 1 - n
        let (i, j) = (c / side, c % side)
        for (di, dj, rise) in steps {
          let (a, b) = (i + sign * di, j + sign * dj)
          guard a >= 0, b >= 0, a < side, b < side else { continue }
          envelope[c] = min(envelope[c], envelope[a * side + b] + rise)
        }
      }
    }
    return envelope
  }

  /// The mean height of the points near each ground cell's low, and how many there are.
  private static func refined(
    _ ground: [Float], cloud: PointCloud, plane: (Float, Float, Float)
  ) -> (height: [Float], weight: [Float]) {
    var sum = [Float](repeating: 0, count: grid.count)
    var weight = [Float](repeating: 0, count: grid.count)
    for p in 0..<cloud.count {
      let (x, y, z) = (cloud.x[p], cloud.y[p], cloud.z[p])
      guard let c = CellLows.cell(x, y) else { continue }
      let above = z - (plane.0 * x + plane.1 * y + plane.2) - ground[c]
      // A cell's low is its ground less noise and what the residual slopes within a metre.
      guard above >= -0.05, above < 0.15 else { continue }
      sum[c] += above
      weight[c] += 1
    }
    for c in 0..<grid.count where weight[c] > 0 {
      sum[c] = ground[c] + sum[c] / weight[c]
      weight[c] = min(weight[c], 20)
    }
    return (sum, weight)
  }
}

/// The second lowest point of every cell of the ground grid (the lowest where there are fewer than four).
struct CellLows {
  /// `[i, j]` in metres; NaN where the cell has no point.
  var height: [Float]

  init(_ cloud: PointCloud) {
    let n = GroundModel.grid.count
    var lowest = [Float](repeating: .infinity, count: n)
    var second = [Float](repeating: .infinity, count: n)
    var counts = [Int32](repeating: 0, count: n)
    for p in 0..<cloud.count {
      let z = cloud.z[p]
      guard z.isFinite, let c = Self.cell(cloud.x[p], cloud.y[p]) else { continue }
      counts[c] += 1
      if z < lowest[c] {
        second[c] = lowest[c]
        lowest[c] = z
      } else if z < second[c] {
        second[c] = z
      }
    }
    height = (0..<n).map { counts[$0] == 0 ? .nan : counts[$0] < 4 ? lowest[$0] : second[$0] }
  }

  @inline(__always)
  static func cell(_ x: Float, _ y: Float) -> Int? {
    guard x >= -64, y >= -64, x < 64, y < 64 else { return nil }
    return Int(x + 64) * 128 + Int(y + 64)
  }

  /// Takes the plane's height at each cell's centre away, and forgets what lies far below it.
  mutating func subtract(_ plane: (Float, Float, Float)) {
    let grid = GroundModel.grid
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        let c = grid.index(i, j)
        let center = grid.center(i, j)
        height[c] -= plane.0 * Float(center.x) + plane.1 * Float(center.y) + plane.2
        if height[c] < -0.5 - 0.08 * Float(center.length) { height[c] = .nan }
      }
    }
  }

  /// Forgets lows more than 0.5 m below the median of the cells around: reflections below the road.
  mutating func removeSpikes() {
    let side = GroundModel.grid.countX
    let before = height
    var around: [Float] = []
    for i in 2..<side - 2 {
      for j in 2..<side - 2 where before[i * side + j] < -0.3 {
        around.removeAll(keepingCapacity: true)
        for a in i - 2...i + 2 {
          for b in j - 2...j + 2 where before[a * side + b].isFinite { around.append(before[a * side + b]) }
        }
        around.sort()
        if around.count < 3 || before[i * side + j] < around[around.count / 2] - 0.5 {
          height[i * side + j] = .nan
        }
      }
    }
  }
}
