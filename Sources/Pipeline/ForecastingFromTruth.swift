import Perception
import Recording
import Results
import Scenes

extension Replay {
  /// Forecasts every annotated vehicle of a scene that has a past; no sensor file is opened (`--given truth`).
  func forecast(
    _ scene: Scene, writer: SceneWriter, shouldStop: @Sendable () -> Bool, report: (ReplayEvent) -> Void
  ) throws {
    var forecaster = TruthForecaster()
    var forecasts: [Forecast] = []
    var records: [FrameRecord] = []
    for (done, keyframe) in scene.keyframes.enumerated() {
      if shouldStop() { throw ReplayInterrupted() }
      var clock = StageClock()
      let annotations = try clock.measure("read") { try dataset.annotations(sample: keyframe.token) }
      forecasts += clock.measure("forecast") { forecaster.forecasts(at: keyframe, annotations: annotations) }
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
