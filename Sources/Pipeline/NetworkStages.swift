import CameraInput
import Forecasting
import FrameInput
import FrameSync
import Geometry
import LiftSplat
import Models
import NeuralEngine
import Perception
import PointClouds
import Recording
import Scenes
import TrajectoryRefiner

/// A model compiled for a replay: the image branch, which runs ahead, and all that follows a frame's features.
///
/// Each half takes half of the threads. `perceive` keeps what a scene's frames leave behind, and belongs to the thread that
/// computes.
final class NetworkStages {
  let model: Model
  /// Nil for a network without cameras.
  let images: ImageBranch?
  private var perception: NetworkPerception
  /// Nil for a model without trajectories.
  let refiner: TrajectoryRefiner?

  /// Compiles a model.
  /// - Throws: `ModelError` where int8 is asked of a model without scales; `EngineError` where the CPU lacks the precision.
  init(_ model: Model, precision: Plan.Precision, threads: Int) throws {
    self.model = model
    let share = max(1, threads / 2)
    guard precision != .int8 || model.scales != nil else {
      throw ModelError(
        file: model.file, field: "__metadata__.scales", found: "none",
        expected: "int8 scales, which `apus model quantize` adds")
    }
    func options(_ scales: [String: TensorScale]?) -> Plan.Options {
      guard precision == .int8 else { return Plan.Options(threads: share, precision: precision) }
      // A graph whose layers are all too small for int8 has no scales, and computes in f32.
      let scales = scales ?? [:]
      return Plan.Options(threads: share, precision: scales.isEmpty ? .float32 : .int8, scales: scales)
    }
    let network = model.network
    images =
      network.hasCameras
      ? try ImageBranch(
        try model.withWeights(network.imageGraph()), options: options(model.scales?.image)) : nil
    perception = try NetworkPerception(
      network, graph: try model.withWeights(network.frameGraph()), options: options(model.scales?.frame))
    refiner = try model.configuration.trajectories.map {
      // A few tokens an agent: int8 would save nothing, so trajectories stay in single precision then.
      try TrajectoryRefiner(
        configuration: $0, weights: model.weightValues,
        options:
          Plan.Options(threads: share, precision: precision == .int8 ? .float32 : precision),
        file: model.file)
    }
  }

  /// What the network takes of a scene's images; nil for one without cameras.
  func request(for scene: Scene) -> ImageRequest? {
    guard images != nil else { return nil }
    let camera = model.configuration.perception.camera
    return ImageRequest(
      channels: Array(channels(.camera, of: scene).prefix(camera.count)), count: camera.count,
      width: camera.width,
      height: camera.height, normalization: .imageNet, hasLidar: model.network.hasLidar)
  }

  /// Cameras of a scene that the network has no place for.
  func camerasLeftOut(of scene: Scene) -> [String] {
    guard let request = request(for: scene) else { return [] }
    return channels(.camera, of: scene).filter { !request.channels.contains($0) }
  }

  /// The channels of a scene's sensors of one kind, by name.
  private func channels(_ modality: Modality, of scene: Scene) -> [String] {
    Set(scene.measurements.filter { $0.sensor.modality == modality }.map(\.sensor.channel)).sorted()
  }

  /// How a scene's measurements are matched: what the network can do without is expected, not required.
  func policy(for scene: Scene) -> SyncPolicy {
    let network = model.network
    var policy = SyncPolicy(
      earlierSweepCount: network.hasLidar ? model.configuration.perception.lidar.sweeps - 1 : 0)
    if network.hasCameras {
      policy.channels[scene.referenceLidar ?? policy.lidarChannel] = network.hasLidar ? .expected : .optional
    }
    return policy
  }

  /// Begins a scene: forgets the one before.
  func begin() { perception.reset() }

  /// Perceives a frame whose images the branch has looked at.
  func perceive(
    _ features: ImageFeatures?, cameras: [LiftCamera?], cloud: AccumulatedCloud?, frame: Frame
  ) throws -> NetworkFrame {
    try perception.perceive(
      features: features, cameras: cameras, cloud: cloud, globalFromEgo: frame.globalFromEgo,
      timestampMicroseconds: frame.timestampMicroseconds)
  }

  /// What the frame's plan holds, for calibration.
  var frameInputs: [String: TensorValue] { perception.inputValues() }

  /// What trajectories are made from in the frame that was perceived last, `[channel, i, j]`; empty without a refiner that
  /// looks at it.
  /// - Parameter spare: an array that is no longer needed, whose memory is used again.
  func trajectoryFeatures(reusing spare: consuming [Float]) -> [Float] {
    guard let channels = refiner?.configuration.bevChannels, channels > 0,
      let view = perception.trajectoryFeatures
    else { return [] }
    var values = spare
    values.removeAll(keepingCapacity: true)
    values.append(contentsOf: UnsafeBufferPointer(start: view.floats, count: view.count))
    return values
  }

  /// A forecaster of annotated objects at the beginning of a scene; nil without a refiner.
  func annotationForecaster(for scene: Scene, of dataset: Dataset) throws -> AnnotationForecaster? {
    guard let refiner else { return nil }
    let map = RoadMap(
      layers: try dataset.mapLayers(location: scene.location),
      lines: try dataset.roadLines(location: scene.location), configuration: refiner.configuration)
    return AnnotationForecaster(for: refiner, scene: scene.name, map: map)
  }
}
