import Geometry
import Scenes

/// Forecasts annotated vehicles from their annotated past: the setting of the nuScenes prediction challenge.
///
/// Keyframes are given in order; nothing after the present one is seen. Every annotation of category `vehicle.*`
/// (bicycles too) that has one before it gets a forecast.
public struct TruthForecaster: Sendable {
  private struct Past: Sendable {
    var token: String
    var sample: MotionSample
  }
  /// Each object's annotation in the keyframe before.
  private var past: [String: Past] = [:]

  /// A forecaster at the beginning of a scene.
  public init() {}

  /// The forecasts at the next keyframe, in the order of its annotations.
  ///
  /// Velocity is the difference to the annotation before, in global coordinates, as nuscenes-devkit takes it for
  /// prediction; where that one was not given here, or lies more than 1.5 s back, the object is taken to stand.
  /// - Complexity: O(annotations).
  public mutating func forecasts(at keyframe: Keyframe, annotations: [Annotation]) -> [Forecast] {
    var result: [Forecast] = []
    var present: [String: Past] = [:]
    for annotation in annotations where annotation.isVehicle {
      let now = MotionSample(keyframe.timestampMicroseconds, annotation.box.ownerFromBox)
      present[annotation.instanceToken] = Past(token: annotation.token, sample: now)
      guard let previousToken = annotation.previousToken else { continue }
      var before = now
      if let known = past[annotation.instanceToken], known.token == previousToken,
        now.timestampMicroseconds - known.sample.timestampMicroseconds <= 1_500_000
      {
        before = known.sample
      }
      result.append(
        Forecast(
          instanceToken: annotation.instanceToken, sampleToken: keyframe.token,
          trajectories: forecastTrajectories(motionState(from: before, to: now))))
    }
    past = present
    return result
  }
}
