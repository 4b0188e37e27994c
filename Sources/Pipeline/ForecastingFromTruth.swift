import Forecasting
import FrameInput
import Perception
import Recording
import Results
import Scenes
import TrajectoryRefiner

extension Replay {
  /// Forecasts every annotated vehicle of a scene that has a past; no sensor file is opened (`--given truth`).
  ///
  /// With a model its refiner forecasts, from annotated pasts and the location's map; else physics does.
  func forecast(
    _ scene: Scene, with perceiver: Perceiver, writer: SceneWriter, shouldStop: @Sendable () -> Bool,
    report: (ReplayEvent) -> Void
  ) throws {
    var forecaster = TruthForecaster()
    var learned = try perceiver.network?.annotationForecaster(for: scene, of: dataset)
    let poses = Dictionary(
      scene.measurements.filter { $0.isKeyframe && $0.sensor.modality == .lidar }
        .map { ($0.sampleToken, $0.globalFromEgo) }, uniquingKeysWith: { first, _ in first })
    var forecasts: [Forecast] = []
    var records: [FrameRecord] = []
    for (done, keyframe) in scene.keyframes.enumerated() {
      if shouldStop() { throw ReplayInterrupted() }
      var clock = StageClock()
      let annotations = try clock.measure("read") { try dataset.annotations(sample: keyframe.token) }
      forecasts += try clock.measure("forecast") {
        guard let refiner = perceiver.network?.refiner, learned != nil else {
          return forecaster.forecasts(at: keyframe, annotations: annotations)
        }
        return try learned?.forecasts(
          at: keyframe, annotations: annotations, globalFromEgo: poses[keyframe.token], with: refiner
        ).forecasts ?? []
      }
      records.append(
        FrameRecord(
          scene: scene.name, sample: keyframe.token, status: .ok,
          milliseconds: clock.stages))
      report(.progress(done: done + 1, total: scene.keyframes.count, scene: scene.name))
    }
    for flag in try writer.finish(forecasts: forecasts, frames: records) {
      report(.warning("\(scene.name): \(flag)"))
    }
  }
}
