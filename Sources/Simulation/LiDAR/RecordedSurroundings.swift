import Geometry
import Glibc
import Recording
import Scenes

/// A simulated scene about a recorded drive: its boxes and ego path as recorded, its surroundings rebuilt coarsely from the
/// sweeps where no map exists.
///
/// Surroundings: the ground's height every 2 m; each 2 m cell of points above ground becomes one standing thing that fits
/// them (a wall panel where they lie in a plane, a pole where they are slim, else a bush), its height and gap below as
/// measured; each ground cell is road, sidewalk or terrain by how bright it is. Nothing is placed finer than that, and the
/// recorded points themselves are not used again.
package struct RecordedSurroundings {
  private static let cell = 2.0
  private let dataset: Dataset
  private let recorded: Scene
  private var ground: [SIMD2<Int32>: [(z: Double, intensity: Float)]] = [:]
  private var standing: [SIMD2<Int32>: [SIMD3<Double>]] = [:]
  private var extent: (low: SIMD2<Double>, high: SIMD2<Double>) = (.zero, .zero)

  /// The scene of this name, its surroundings from the LiDAR keyframes at these places in time (all others are unseen).
  package static func scene(
    _ dataset: Dataset, named name: String, keyframes: [Int], roadBelow: Float, terrainAbove: Float,
    weather: Weather
  ) throws -> SimulationScene {
    let recorded = try dataset.scene(named: name)
    var builder = RecordedSurroundings(dataset: dataset, recorded: recorded)
    let sweeps = recorded.measurements.filter { $0.sensor.modality == .lidar && $0.isKeyframe }
    let chosen = keyframes.filter(sweeps.indices.contains).map { sweeps[$0] }
    let points = try chosen.flatMap { try builder.outsidePoints($0) }
    let heights = builder.heightField(points)
    builder.sort(points, over: heights)
    return SimulationScene(
      seed: 7, ground: Ground(heights: heights, areas: builder.areas(roadBelow, terrainAbove)),
      props: builder.props(heights), actors: try Self.actors(dataset, recorded), ego: Self.egoPath(recorded),
      weather: weather)
  }

  private init(dataset: Dataset, recorded: Scene) {
    self.dataset = dataset
    self.recorded = recorded
  }

  /// The ego's recorded poses, held still for 200 ms before the first and after the last.
  package static func egoPath(_ recorded: Scene) -> MotionPath {
    var times = recorded.egoPoses.map(\.timestampMicroseconds)
    var poses = recorded.egoPoses.map(\.globalFromEgo)
    if poses.count > 1 {
      // Beyond the ends at the speed measured over the last stretch.
      let first = poses[1].interpolated(to: poses[0], at: 1)
      let span = Double(times[times.count - 1] - times[0])
      let velocity = (poses[poses.count - 1].translation - first.translation) / span
      for (at, index) in [(times[0] - 200_000, 0), (times[times.count - 1] + 200_000, poses.count - 1)] {
        var pose = poses[index]
        pose.translation += velocity * Double(at - times[index])
        if index == 0 {
          times.insert(at, at: 0)
          poses.insert(pose, at: 0)
        } else {
          times.append(at)
          poses.append(pose)
        }
      }
    }
    return MotionPath(timestamps: times, poses: poses)
  }

  /// The annotated things on their recorded tracks.
  package static func actors(_ dataset: Dataset, _ recorded: Scene) throws -> [Actor] {
    var tracks: [String: [(Int64, Annotation)]] = [:]
    var order: [String] = []
    for keyframe in recorded.keyframes {
      for annotation in try dataset.annotations(sample: keyframe.token) {
        if tracks[annotation.instanceToken] == nil { order.append(annotation.instanceToken) }
        tracks[annotation.instanceToken, default: []].append((keyframe.timestampMicroseconds, annotation))
      }
    }
    return order.enumerated().compactMap { k, token in
      guard let track = tracks[token], let first = track.first?.1 else { return nil }
      let poses = track.map { $0.1.box.ownerFromBox }
      let path = Self.path(times: track.map(\.0), poses: poses)
      return Actor(
        id: Int32(k + 1), category: first.category, size: first.box.size, appearanceSeed: UInt64(k + 1),
        hasRider: first.attribute == "cycle.with_rider" || first.attribute == nil && first.box.height > 1.4,
        path: path)
    }
  }

  /// The track through these poses, a quarter of a second longer at both ends: other sensors fire before and after.
  private static func path(times: [Int64], poses: [RigidTransform]) -> MotionPath {
    let reach: Int64 = 250_000
    guard times.count > 1 else {
      return MotionPath(standingAt: poses[0], from: times[0] - reach, to: times[0] + reach)
    }
    func beyond(_ end: Int, _ inner: Int, _ time: Int64) -> RigidTransform {
      let velocity = (poses[end].translation - poses[inner].translation) / Double(times[end] - times[inner])
      return RigidTransform(
        rotation: poses[end].rotation,
        translation: poses[end].translation + velocity * Double(time - times[end]))
    }
    let last = times.count - 1
    let (before, after) = (times[0] - reach, times[last] + reach)
    return MotionPath(
      timestamps: [before] + times + [after],
      poses: [beyond(0, 1, before)] + poses + [beyond(last, last - 1, after)])
  }

  // MARK: points

  private struct OutsidePoint {
    var position: SIMD3<Double>, intensity: Float
  }

  /// A sweep's points in the global frame that belong to no annotated box nor to the recording car.
  private func outsidePoints(_ data: SensorData) throws -> [OutsidePoint] {
    let cloud = try dataset.pointCloud(data)
    let boxes = try dataset.annotations(sample: data.sampleToken).map { a -> Box3D in
      var box = a.box
      box.size += SIMD3(0.3, 0.3, 0.3)
      return box
    }
    let globalFromSensor = data.globalFromSensor
    return (0..<cloud.count).compactMap { k in
      let p = cloud.position(k)
      let local = SIMD3(Double(p.x), Double(p.y), Double(p.z))
      guard local.isFinite, local.length > 2.5 else { return nil }
      let global = globalFromSensor * local
      if boxes.contains(where: { ($0.center - global).length < 9 && $0.contains(global) }) { return nil }
      return OutsidePoint(position: global, intensity: cloud.intensity[k])
    }
  }

  private func key(_ p: SIMD2<Double>) -> SIMD2<Int32> {
    SIMD2<Int32>((p / Self.cell).rounded(.down))
  }

  /// Heights every 2 m: grown outwards from under the car, each cell's low points where they fit its neighbours.
  private mutating func heightField(_ points: [OutsidePoint]) -> HeightField {
    let start = recorded.egoPoses[recorded.egoPoses.count / 2].globalFromEgo.translation
    let low = key(start.xy - SIMD2(90, 90))
    let count = 90
    extent = (SIMD2<Double>(low) * Self.cell, (SIMD2<Double>(low) + Double(count)) * Self.cell)
    var lowest = [[Double]](repeating: [], count: count * count)
    for p in points {
      let k = key(p.position.xy) &- low
      guard k.x >= 0, k.y >= 0, k.x < count, k.y < count else { continue }
      lowest[Int(k.x) * count + Int(k.y)].append(p.position.z)
    }
    let measured = lowest.map { zs -> Double? in
      guard zs.count >= 2 else { return nil }
      return zs.sorted()[zs.count / 8]
    }
    var z = [Double?](repeating: nil, count: count * count)
    for pose in recorded.egoPoses {
      let k = key(pose.globalFromEgo.translation.xy) &- low
      if k.x >= 0, k.y >= 0, k.x < count, k.y < count {
        z[Int(k.x) * count + Int(k.y)] = pose.globalFromEgo.translation.z
      }
    }
    for round in 0..<(3 * count) {
      let before = z
      for i in 0..<count {
        for j in 0..<count where before[i * count + j] == nil {
          var (sum, n) = (0.0, 0)
          for (di, dj) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
            let (a, b) = (i + di, j + dj)
            if a >= 0, b >= 0, a < count, b < count, let value = before[a * count + b] {
              sum += value
              n += 1
            }
          }
          guard n > 0 else { continue }
          let mean = sum / Double(n)
          if let here = measured[i * count + j], abs(here - mean) < 0.35 {
            z[i * count + j] = here
          } else {
            z[i * count + j] = mean
          }
        }
      }
      if round > 2, z.allSatisfy({ $0 != nil }) { break }
    }
    return HeightField(
      minimumX: extent.low.x + Self.cell / 2, minimumY: extent.low.y + Self.cell / 2, spacing: Self.cell,
      countX: count, countY: count, values: z.map { Float($0 ?? start.z) })
  }

  private mutating func sort(_ points: [OutsidePoint], over heights: HeightField) {
    for p in points {
      let above = p.position.z - heights.height(p.position.xy)
      let k = key(p.position.xy)
      if abs(above) < 0.22 {
        ground[k, default: []].append((p.position.z, p.intensity))
      } else if above > 0 {
        standing[k, default: []].append(p.position)
      }
    }
  }

  // MARK: things

  private func areas(_ roadBelow: Float, _ terrainAbove: Float) -> [GroundArea] {
    let keys = ground.keys.sorted { ($0.x, $0.y) < ($1.x, $1.y) }
    return keys.compactMap { k in
      let values = (ground[k] ?? []).map(\.intensity).sorted()
      let median = values[values.count / 2]
      let material: GroundMaterial =
        median < roadBelow ? .road : (median < terrainAbove ? .sidewalk : .terrain)
      guard material != .terrain else { return nil }
      let a = SIMD2<Double>(Double(k.x), Double(k.y)) * Self.cell
      let c = Self.cell
      return GroundArea(
        material: material, outline: Polygon([a, a + SIMD2(c, 0), a + SIMD2(c, c), a + SIMD2(0, c)]))
    }
  }

  private func props(_ heights: HeightField) -> [Prop] {
    let keys = standing.keys.sorted { ($0.x, $0.y) < ($1.x, $1.y) }
    return keys.compactMap { k in
      let points = standing[k] ?? []
      guard points.count >= 2 else { return nil }
      return Self.prop(points, heights, seed: UInt64(UInt32(bitPattern: k.x &* 7919 ^ k.y)))
    }
  }

  /// One thing for the points of a cell: a panel along their main direction, a pole or a bush.
  private static func prop(_ points: [SIMD3<Double>], _ heights: HeightField, seed: UInt64) -> Prop {
    let n = Double(points.count)
    var mean = SIMD2<Double>.zero
    for p in points { mean += p.xy / n }
    var (xx, xy, yy) = (0.0, 0.0, 0.0)
    for p in points {
      let d = p.xy - mean
      xx += d.x * d.x / n
      xy += d.x * d.y / n
      yy += d.y * d.y / n
    }
    let angle = 0.5 * atan2(2 * xy, xx - yy)
    let axis = SIMD2(cos(angle), sin(angle))
    let along = points.map { ($0.xy - mean).dot(axis) }.sorted()
    let across = points.map { axis.cross($0.xy - mean) }.sorted()
    let zs = points.map(\.z).sorted()
    func spread(_ v: [Double]) -> (low: Double, high: Double) {
      (v[v.count / 20], v[v.count - 1 - v.count / 20])
    }
    let (u, v) = (spread(along), spread(across))
    let floor = heights.height(mean)
    let (low, high) = (zs[0], zs[zs.count - 1])
    let base = low - floor < 0.8 ? floor : low + 0.3
    let deviation = (across.reduce(0) { $0 + $1 * $1 } / n).squareRoot()
    var center = mean + axis * ((u.low + u.high) / 2)
    center += SIMD2(-axis.y, axis.x) * ((v.low + v.high) / 2)
    let pose = RigidTransform(rotation: Quaternion(yaw: angle), translation: SIMD3(center.x, center.y, base))
    let height = max(0.15, high - base + 0.1)
    if u.high - u.low < 0.45 {
      let width = max(0.08, u.high - u.low)
      return Prop(kind: .pole, seed: seed, size: SIMD3(width, width, height), globalFromProp: pose)
    }
    let length = u.high - u.low + 0.2
    if deviation < 0.12 {
      return Prop(
        kind: .wall, seed: seed, size: SIMD3(max(0.05, deviation), length, height), globalFromProp: pose)
    }
    return Prop(
      kind: .bush, seed: seed, size: SIMD3(max(0.3, v.high - v.low), length, height), globalFromProp: pose)
  }
}
