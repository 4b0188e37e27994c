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
  /// - Parameter sweeps: the reference sweep and earlier ones, in any order; an empty sweep is allowed.
  /// - Complexity: O(points).
  public init(
    sweeps: [Sweep], globalFromEgo: RigidTransform, timestampMicroseconds: Int64,
    filter: CloudFilter = CloudFilter()
  ) {
    points = PointCloud()
    points.reserveCapacity(sweeps.reduce(0) { $0 + $1.points.count })
    sources = []
    dropped = DroppedPoints()
    self.globalFromEgo = globalFromEgo
    self.timestampMicroseconds = timestampMicroseconds
    for sweep in sweeps { append(sweep, filter: filter) }
  }

  private mutating func append(_ sweep: Sweep, filter: CloudFilter) {
    let referenceFromSensor = globalFromEgo.inverse * sweep.globalFromEgo * sweep.egoFromSensor
    let move = referenceFromSensor.affine
    let body = sweep.egoFromSensor.affine
    let start = points.count
    let (difference, overflow) = timestampMicroseconds.subtractingReportingOverflow(
      sweep.timestampMicroseconds)
    let age = overflow ? Float.greatestFiniteMagnitude : Float(Double(difference) * 1e-6)
    let cloud = sweep.points
    for k in 0..<cloud.count {
      let p = cloud.position(k)
      guard filter.keeps(p, inEgo: body.apply(p.x, p.y, p.z), dropped: &dropped) else { continue }
      let intensity = cloud.intensity[k]
      points.append(
        move.apply(p.x, p.y, p.z), intensity: intensity.isFinite ? intensity : 0, ring: cloud.ring[k],
        age: age)
    }
    let t = referenceFromSensor.translation
    sources.append(
      Source(
        range: start..<points.count, origin: SIMD3(Float(t.x), Float(t.y), Float(t.z)),
        timestampMicroseconds: sweep.timestampMicroseconds,
        isKeyframe: sweep.timestampMicroseconds == timestampMicroseconds))
  }
}
