import Geometry
import Recording
import Scenes

/// Writes a scene's tracks without sensors: keyframes with ego poses, and boxes of whoever is near.
///
/// Each keyframe names an empty LIDAR_TOP sweep, since a nuScenes keyframe's ego pose is that of its LiDAR; `num_lidar_pts`
/// is 1, as readers leave boxes without points out.
struct TrafficWriter: Sendable {
  let source: SceneSource
  /// Metres from the ego within which actors are annotated, from their first keyframe there to their last.
  static let reach = 70.0

  /// Adds keyframes and boxes to a builder.
  func write(into builder: inout SceneBuilder) throws -> SimulationSummary.SceneCounts {
    var counts = SimulationSummary.SceneCounts()
    let scene = source.scene
    let sensor = builder.sensor(
      channel: "LIDAR_TOP", modality: .lidar,
      egoFromSensor: RigidTransform(rotation: .identity, translation: SIMD3(0.9, 0, 1.8)))
    let sightings = source.keyframes.map { time in
      scene.actors.map { actor -> AnnotationTruth.Sighting in
        guard let box = actor.box(at: time) else { return .init() }
        let distance = (box.center - scene.ego.pose(at: time).translation).xy.length
        return .init(lidarPoints: distance < Self.reach ? 1 : 0)
      }
    }
    let truth = AnnotationTruth(scene, times: source.keyframes, sightings: sightings, hasCameras: false)
    let annotated = scene.actors.indices.map { truth.annotated(actor: $0) }
    for (k, time) in source.keyframes.enumerated() {
      let keyframe = builder.addKeyframe(timestampMicroseconds: time)
      _ = try builder.addSweep(
        sensor: sensor, sampleToken: keyframe.token, timestampMicroseconds: time,
        globalFromEgo: scene.ego.pose(at: time), isKeyframe: true, cloud: PointCloud())
      for (a, actor) in scene.actors.enumerated() where annotated[a][k] {
        guard let box = actor.box(at: time) else { continue }
        builder.addAnnotation(
          sampleToken: keyframe.token, instance: source.instances[a], category: actor.category,
          attribute: truth.attribute(actor: a, keyframe: k), visibility: "", box: box, lidarPointCount: 1)
        counts.annotations += 1
      }
      counts.sweeps += 1
      counts.keyframes += 1
    }
    return counts
  }
}
