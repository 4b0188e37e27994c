import FrameInput
import Models
import NeuralEngine
import Perception
import Recording
import Scenes

extension Model {
  /// Finds int8 scales on frames of a dataroot, spread evenly over its scenes, and keeps them in the model.
  ///
  /// - Parameters:
  ///   - frames: frames to calibrate on; of each scene, those from its first on.
  ///   - progress: frames done and all.
  /// - Returns: what int8 costs each output on these frames.
  /// - Throws: what reading the dataroot throws; `ModelError` where no frame could be read; `EngineError` where the CPU
  ///   has no int8.
  public mutating func quantize(
    on dataset: Dataset, frames: Int, threads: Int, progress: @escaping (_ done: Int, _ total: Int) -> Void
  ) throws -> [OutputError] {
    let names = dataset.sceneNames
    let share = max(1, (frames + names.count - 1) / max(names.count, 1))
    let source = FrameSource(dataset)
    let stages = try NetworkStages(self, precision: .float32, threads: threads)
    var images: [[String: TensorValue]] = [], inputs: [[String: TensorValue]] = []
    for name in names where inputs.count < frames {
      let scene = try dataset.scene(named: name)
      try source.calibrate(stages, scene: scene, count: min(share, frames - inputs.count)) { image, frame in
        if let image { images.append(image) }
        inputs.append(frame)
        progress(inputs.count, frames)
      }
    }
    guard !inputs.isEmpty else {
      throw ModelError(
        file: dataset.root, field: "frames", found: "none that could be read", expected: "one at least")
    }
    return try quantize(images: images, frames: inputs, threads: threads)
  }
}

extension FrameSource {
  /// Runs a scene's first frames in f32 and tells what the graphs were given.
  fileprivate func calibrate(
    _ stages: NetworkStages, scene: Scene, count: Int,
    body: (_ image: [String: TensorValue]?, _ frame: [String: TensorValue]) -> Void
  ) throws {
    stages.begin()
    try forEachFrame(
      of: scene, policy: stages.policy(for: scene), request: stages.request(for: scene), limit: count
    ) { loaded, cloud in
      var image: [String: TensorValue]?
      var features: ImageFeatures?
      if let branch = stages.images, let planes = loaded.images?.planes {
        features = try branch.run(planes)
        let view = branch.plan.inputView(0)
        image = [branch.plan.inputs[0].name: TensorValue(type: view.type, copying: view.base)]
      }
      _ = try stages.perceive(
        features, cameras: loaded.images?.cameras ?? [], cloud: cloud, frame: loaded.frame)
      body(image, stages.frameInputs)
    }
  }
}
