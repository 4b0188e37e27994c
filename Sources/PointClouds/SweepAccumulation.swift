import Geometry
import Scenes

/// One LiDAR sweep with where and when it was taken.
public struct Sweep: Sendable {
  /// The points in the sensor's frame.
  public var points: PointCloud
  /// The sensor's mounting.
  public var egoFromSensor: RigidTransform
  /// The ego pose at the sweep's own moment.
  public var globalFromEgo: RigidTransform
  /// The sweep's time in microseconds.
  public var timestampMicroseconds: Int64

  /// The sweep with these parts.
  public init(
    points: PointCloud, egoFromSensor: RigidTransform, globalFromEgo: RigidTransform,
    timestampMicroseconds: Int64
  ) {
    self.points = points
    self.egoFromSensor = egoFromSensor
    self.globalFromEgo = globalFromEgo
    self.timestampMicroseconds = timestampMicroseconds
  }
}

/// Sweeps in one ego frame: ego-motion compensated, filtered, each with the place that it was seen from.
public struct AccumulatedCloud: Sendable, Equatable {
  /// What is known of one sweep.
  public struct Source: Sendable, Hashable {
    /// Its points' places in `points`.
    public var range: Range<Int>
    /// The sensor's place in the reference ego frame, in metres.
    public var origin: SIMD3<Float>
    /// The sweep's time in microseconds.
    public var timestampMicroseconds: Int64
    /// Whether it was taken at the reference time itself.
    public var isKeyframe: Bool
  }

  /// The points in the reference ego frame; `age` is seconds before the reference time.
  public var points: PointCloud
  /// The sweeps in the order given.
  public var sources: [Source]
  /// The reference pose.
  public var globalFromEgo: RigidTransform
  /// The reference time in microseconds.
  public var timestampMicroseconds: Int64
  /// What was left out of all sweeps.
  public var dropped: DroppedPoints

  /// Brings sweeps into the ego frame `globalFromEgo`; each moves with its own ego pose.
  ///
  /// Poses are chained in Double, so that places far from the map's origin lose nothing.
  /// - Parameters:
  ///   - sweeps: the reference sweep and earlier ones, in any order; an empty sweep is allowed.
  ///   - spare: a cloud that is no longer needed, whose memory is used again.
  /// - Complexity: O(points).
  public init(
    sweeps: [Sweep], globalFromEgo: RigidTransform, timestampMicroseconds: Int64,
    filter: CloudFilter = CloudFilter(), reusing spare: consuming PointCloud = PointCloud()
  ) {
    sources = []
    dropped = DroppedPoints()
    self.globalFromEgo = globalFromEgo
    self.timestampMicroseconds = timestampMicroseconds
    var store = PointStore(capacity: sweeps.reduce(0) { $0 + $1.points.count }, reusing: spare)
    points = PointCloud()
    for sweep in sweeps { append(sweep, to: &store, filter: filter) }
    points = store.cloud()
  }

  private mutating func append(_ sweep: Sweep, to store: inout PointStore, filter: CloudFilter) {
    let referenceFromSensor = globalFromEgo.inverse * sweep.globalFromEgo * sweep.egoFromSensor
    let (difference, overflow) = timestampMicroseconds.subtractingReportingOverflow(
      sweep.timestampMicroseconds)
    let age = overflow ? Float.greatestFiniteMagnitude : Float(Double(difference) * 1e-6)
    let start = store.count
    store.append(
      sweep.points, moved: referenceFromSensor.affine, ego: sweep.egoFromSensor.affine, age: age,
      filter: filter, dropped: &dropped)
    let t = referenceFromSensor.translation
    sources.append(
      Source(
        range: start..<store.count, origin: SIMD3(Float(t.x), Float(t.y), Float(t.z)),
        timestampMicroseconds: sweep.timestampMicroseconds,
        isKeyframe: sweep.timestampMicroseconds == timestampMicroseconds))
  }
}

/// Columns of a cloud under construction: room for all points is made at once.
private struct PointStore {
  private var columns: [[Float]]
  private(set) var count = 0

  init(capacity: Int, reusing spare: consuming PointCloud) {
    spare.resize(to: capacity)
    columns = [spare.x, spare.y, spare.z, spare.intensity, spare.ring, spare.age]
    spare = PointCloud()
  }

  /// Adds the points that the filter keeps: `moved` to the reference frame, judged where `ego` puts them.
  mutating func append(
    _ cloud: PointCloud, moved: AffineTransform, ego: AffineTransform, age: Float, filter: CloudFilter,
    dropped: inout DroppedPoints
  ) {
    var next = count
    columns[5].withUnsafeMutableBufferPointer { ages in
      for k in next..<next + cloud.count { ages[k] = age }
    }
    var (x, y, z) = (columns[0], columns[1], columns[2])
    var (intensity, ring) = (columns[3], columns[4])
    for k in 0..<5 { columns[k] = [] }
    cloud.withPositions { xs, ys, zs in
      x.withUnsafeMutableBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          z.withUnsafeMutableBufferPointer { z in
            for k in 0..<cloud.count {
              let (a, b, c) = (xs[k], ys[k], zs[k])
              let inEgo = ego.apply(a, b, c)
              guard filter.keeps(SIMD3(a, b, c), inEgo: inEgo, dropped: &dropped) else { continue }
              let p = moved.apply(a, b, c)
              x[next] = p.x
              y[next] = p.y
              z[next] = p.z
              let light = cloud.intensity[k]
              intensity[next] = light.isFinite ? light : 0
              ring[next] = cloud.ring[k]
              next += 1
            }
          }
        }
      }
    }
    count = next
    columns[0] = x
    columns[1] = y
    columns[2] = z
    columns[3] = intensity
    columns[4] = ring
  }

  /// The finished cloud.
  mutating func cloud() -> PointCloud {
    for k in 0..<6 { columns[k].removeLast(columns[k].count - count) }
    return PointCloud(
      x: columns[0], y: columns[1], z: columns[2], intensity: columns[3], ring: columns[4], age: columns[5])
  }
}
