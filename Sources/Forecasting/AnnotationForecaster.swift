import Geometry
import Scenes
import TrajectoryRefiner

/// Forecasts annotated vehicles from their annotated past with a refiner, without sensors: the setting of the nuScenes
/// prediction challenge.
///
/// Keyframes are given in order; nothing after the present one is seen. Every annotation of category `vehicle.*` (bicycles
/// too) that has one before it gets a forecast; all that moves by itself, and the ego, are each other's neighbours.
public struct AnnotationForecaster: Sendable {
  private var builder: ConditionBuilder
  private let scene: String

  /// A forecaster at the beginning of a scene.
  /// - Parameters:
  ///   - refiner: the one that `forecasts` will be given.
  ///   - scene: the scene's token or name: it keys the noise.
  ///   - map: the location's, where there is one.
  public init(for refiner: TrajectoryRefiner, scene: String, map: RoadMap? = nil) {
    builder = ConditionBuilder(configuration: refiner.configuration, anchors: refiner.anchors, map: map)
    self.scene = scene
  }

  /// The forecasts at the next keyframe, in the order of its annotations.
  ///
  /// - Parameter globalFromEgo: where the recording vehicle is, where that is known.
  /// - Throws: `RefinerError`, `EngineError`.
  public mutating func forecasts(
    at keyframe: Keyframe, annotations: [Annotation], globalFromEgo: RigidTransform?,
    with refiner: TrajectoryRefiner
  ) throws -> (forecasts: [Forecast], corrections: KinematicCorrections) {
    let ego = globalFromEgo.map { ObservedAgent.ego($0) }
    let others = annotations.compactMap { ObservedAgent($0) }
    builder.observe((ego.map { [$0] } ?? []) + others, at: keyframe.timestampMicroseconds)
    let wanted = annotations.filter(\.isForecast)
    let agents = wanted.compactMap { ObservedAgent($0) }
    let result = try refiner.refine(
      builder.conditions(of: agents), scene: scene,
      timestampMicroseconds: keyframe.timestampMicroseconds)
    let forecasts = zip(agents, result.trajectories).map {
      Forecast(instanceToken: $0.id, sampleToken: keyframe.token, trajectories: $1)
    }
    return (forecasts, result.corrections)
  }
}
