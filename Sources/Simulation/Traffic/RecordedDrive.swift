import Algorithms
import Foundation
import Geometry
import Recording
import Scenes

/// A recorded scene made ready for other sensors: its map, tracks and ego way, with a made-up city around them.
public struct RecordedDrive: Sendable {
  /// The world, what moves in it, and the light.
  public let scene: SimulationScene
  /// The recorded keyframes' times, in microseconds.
  public let keyframes: [Int64]
  /// The recorded instance of each actor, in the actors' order.
  public let instances: [String]
  /// At which keyframes each actor is annotated, in the actors' order.
  public let annotatedKeyframes: [Set<Int>]

  /// Reads a scene and dresses it.
  /// - Throws: `SimulationError` for a scene of which no drive can be made, errors of the dataset otherwise.
  public init(_ dataset: Dataset, sceneNamed name: String, seed: UInt64) throws {
    let recorded = try Self.checked(dataset, sceneNamed: name).scene
    guard let first = recorded.egoPoses.first else { preconditionFailure("scene \(name) was checked") }
    keyframes = recorded.keyframes.map(\.timestampMicroseconds)
    let ego = Self.extended(
      recorded.egoPoses.map { ($0.timestampMicroseconds, $0.globalFromEgo) }, byMicroseconds: 1_000_000)
    var tracks = RecordedTracks()
    for (k, keyframe) in recorded.keyframes.enumerated() {
      for box in try dataset.annotations(sample: keyframe.token) {
        tracks.add(box, keyframe: k, at: keyframe.timestampMicroseconds)
      }
    }
    instances = tracks.order
    annotatedKeyframes = tracks.order.map { Set(tracks.keyframes[$0] ?? []) }
    let actors = tracks.actors(seed: seed)
    let way = stride(from: 0, to: ego.poses.count, by: 5).map { ego.poses[$0].translation.xy }
    let layers = try dataset.mapLayers(location: recorded.location)
    let areas = RecordedGround.areas(layers, near: way, reach: 150)
    let heights = RecordedGround.heights(ego: ego, actors: actors, base: first.globalFromEgo.translation.z)
    let ground = Ground(heights: heights, areas: areas)
    var space = FreeSpace(around: way, margin: 130)
    space.mark(ground.areas)
    let surface = KerbedGround(ground, over: space.grid)
    for actor in actors { ProceduralDrive.occupy(&space, actor) }
    for pose in ego.poses {
      space.occupy(
        PlanarPose(position: pose.translation.xy, heading: pose.rotation.yaw), length: 8, width: 3.5)
    }
    var placement = PropPlacement(space: space, centres: way, reach: 105, seed: seed, base: surface.height)
    placement.placeAll()
    var weather = Weather(seed: seed)
    weather.sunElevation = max(0.2, weather.sunElevation)
    scene = SimulationScene(
      seed: seed, ground: ground, props: placement.props, actors: actors, ego: ego, weather: weather)
  }

  /// A recorded scene of which a drive can be made, and its keyframes' times.
  /// - Throws: `SimulationError` for one without ego poses, boxes or a map, or that leads too far.
  static func checked(_ dataset: Dataset, sceneNamed name: String) throws -> (
    scene: Scene, keyframes: [Int64]
  ) {
    func fail(_ field: String, _ found: String, _ expected: String) -> SimulationError {
      SimulationError(file: dataset.root, field: "scene \(name): \(field)", found: found, expected: expected)
    }
    let recorded = try dataset.scene(named: name)
    let poses = recorded.egoPoses
    guard !recorded.keyframes.isEmpty, poses.count >= 2 else {
      throw fail("ego_pose", "\(poses.count) poses", "a drive of keyframes with two or more")
    }
    guard zip(poses, poses.dropFirst()).allSatisfy({ $0.timestampMicroseconds < $1.timestampMicroseconds })
    else { throw fail("ego_pose", "times that do not rise", "rising ones") }
    let low = poses.reduce(poses[0].globalFromEgo.translation) {
      pointwiseMin($0, $1.globalFromEgo.translation)
    }
    let high = poses.reduce(low) { pointwiseMax($0, $1.globalFromEgo.translation) }
    guard (high - low).length <= 5000 else {
      throw fail("ego_pose", "a way \(Int(min((high - low).length, 1e15))) m wide", "5000 m at most")
    }
    guard try recorded.keyframes.contains(where: { try !dataset.annotations(sample: $0.token).isEmpty })
    else {
      throw fail("sample_annotation", "no boxes", "the traffic that is to be rendered")
    }
    let layers = try dataset.mapLayers(location: recorded.location)
    guard layers.contains(where: { $0.name == "drivable_area" && !$0.areas.isEmpty }) else {
      throw SimulationError(
        file: "\(dataset.root)/maps/expansion/\(recorded.location).json", field: "drivable_area",
        found: layers.isEmpty ? "no map" : "no areas", expected: "the roads of scene \(name)")
    }
    return (recorded, recorded.keyframes.map(\.timestampMicroseconds))
  }

  /// A path with a sample more at both ends, going on as it went.
  static func extended(_ samples: [(Int64, RigidTransform)], byMicroseconds more: Int64) -> MotionPath {
    var result = samples
    if samples.count >= 2 {
      let (t0, a) = samples[0]
      let (t1, b) = samples[1]
      let share = Double(more) / Double(t1 - t0)
      var before = a
      before.translation -= (b.translation - a.translation) * share
      let (u0, c) = samples[samples.count - 2]
      let (u1, d) = samples[samples.count - 1]
      var after = d
      after.translation += (d.translation - c.translation) * (Double(more) / Double(u1 - u0))
      result = [(t0 - more, before)] + samples + [(u1 + more, after)]
    } else if let (t, pose) = samples.first {
      result = [(t - more, pose), (t + more, pose)]
    }
    return MotionPath(timestamps: result.map { $0.0 }, poses: result.map { $0.1 })
  }
}

/// Boxes of a recorded scene by instance.
private struct RecordedTracks {
  private(set) var order: [String] = []
  private(set) var keyframes: [String: [Int]] = [:]
  private var samples: [String: [(time: Int64, box: Box3D)]] = [:]
  private var categories: [String: String] = [:]
  private var attributes: [String: Set<String>] = [:]

  mutating func add(_ annotation: Annotation, keyframe: Int, at time: Int64) {
    let instance = annotation.instanceToken
    if let last = samples[instance]?.last, last.time >= time { return }  // a second box at the same moment
    if categories[instance] == nil {
      order.append(instance)
      categories[instance] = annotation.category
    }
    keyframes[instance, default: []].append(keyframe)
    samples[instance, default: []].append((time, annotation.box))
    if let attribute = annotation.attribute { attributes[instance, default: []].insert(attribute) }
  }

  func actors(seed: UInt64) -> [Actor] {
    var result: [Actor] = []
    for (k, instance) in order.enumerated() {
      let track = samples[instance] ?? []
      guard let firstBox = track.first?.box else { continue }
      let path = RecordedDrive.extended(
        track.map { ($0.time, $0.box.ownerFromBox) }, byMicroseconds: 200_000)
      let seconds = Double(path.timestamps[path.timestamps.count - 1] - path.timestamps[0]) * 1e-6
      let speed = path.distances[path.distances.count - 1] / max(seconds, 0.1)
      let known = attributes[instance] ?? []
      let category = categories[instance] ?? ""
      let isCycle = category == "vehicle.bicycle" || category == "vehicle.motorcycle"
      let ridden =
        known.contains("cycle.with_rider")
        || (!known.contains("cycle.without_rider") && (speed > 0.6 || firstBox.height > 1.55))
      result.append(
        Actor(
          id: Int32(k + 1), category: category, size: firstBox.size,
          appearanceSeed: RandomSource.seed(ofText: instance) ^ seed, hasRider: isCycle && ridden,
          isSitting: known.contains("pedestrian.sitting_lying_down"), path: path))
    }
    return result
  }
}

extension RandomSource {
  /// A seed that a text gives: FNV-1a of 64 bits.
  static func seed(ofText text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}
