import FrameInput
import FrameSync
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
    let replay = try Replay(dataset, options: ReplayOptions(out: "", programVersion: "", command: []))
    let stages = try NetworkStages(self, precision: .float32, threads: threads)
    var images: [[String: TensorValue]] = [], inputs: [[String: TensorValue]] = []
    for name in names where inputs.count < frames {
      let scene = try dataset.scene(named: name)
      try replay.calibrate(stages, scene: scene, count: min(share, frames - inputs.count)) { image, frame in
        if let image { images.append(image) }
        inputs.append(frame)
        progress(inputs.count, frames)
      }
    }
    guard !inputs.isEmpty else {
      throw ModelError(
        file: dataset.root, field: "frames", found: "none that could be read", expected: "one at least")
    }
    var errors: [OutputError] = []
    var imageScales: [String: TensorScale] = [:]
    if network.hasCameras {
      let plan = try Plan(
        try withWeights(network.imageGraph()),
        Plan.Options(threads: threads, precision: .int8, calibration: images))
      imageScales = plan.scales
      errors += plan.outputErrors
    }
    let plan = try Plan(
      try withWeights(network.frameGraph()),
      Plan.Options(threads: threads, precision: .int8, calibration: inputs))
    scales = Scales(image: imageScales, frame: plan.scales)
    return errors + plan.outputErrors
  }
}

extension Replay {
  /// Runs a scene's first frames in f32 and tells what the graphs were given.
  fileprivate func calibrate(
    _ stages: NetworkStages, scene: Scene, count: Int,
    body: (_ image: [String: TensorValue]?, _ frame: [String: TensorValue]) -> Void
  ) throws {
    let synced = try synchronize(scene, policy: stages.policy(for: scene))
    let wanted = Array(synced.frames.filter { $0.skipReason == nil }.prefix(count))
    let loader = FrameLoader(dataset, request: stages.request(for: scene))
    stages.begin()
    var sweeps = SweepCache()
    for k in wanted.indices {
      let loaded = loader.load(k, of: wanted)
      guard loaded.frame.skipReason == nil else { continue }
      sweeps.add(loaded)
      let cloud = sweeps.accumulate(loaded.frame, for: loader)
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
