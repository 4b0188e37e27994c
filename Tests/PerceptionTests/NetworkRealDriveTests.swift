import CameraInput
import Foundation
import FrameSync
import Geometry
import LiftSplat
import NeuralEngine
import Perception
import PointClouds
import Recording
import Scenes
import TestKit
import Testing
import Tracking

private let data = RealData.path("")

/// The default network on a recorded drive, where the machine has it beside the repository.
@Suite(.serialized, .enabled(if: RealData.has("pandaset-002"), "shared/data/pandaset-002 is not here"))
struct NetworkRealDriveTests {
  /// A frame's inputs, decoded.
  private struct Input {
    var frame: Frame
    var cameras: [LiftCamera?]
    var planes: [[Float]]
    var cloud: AccumulatedCloud
  }

  private func inputs(_ count: Int, width: Int, height: Int) throws -> [Input] {
    let dataset = try Dataset(root: "\(data)/pandaset-002")
    let frames = try synchronize(dataset.scene(named: "pandaset-002")).frames
    let channels = [
      "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT",
    ]
    var decoder = try JPEGDecoder()
    return try frames.dropFirst(2).prefix(count).map { frame in
      var input = Input(
        frame: frame, cameras: [], planes: [],
        cloud: AccumulatedCloud(
          sweeps: try ([frame.lidar].compactMap { $0 } + frame.earlierSweeps.prefix(4)).map {
            Sweep(
              points: try dataset.pointCloud($0), egoFromSensor: $0.sensor.egoFromSensor,
              globalFromEgo: $0.globalFromEgo, timestampMicroseconds: $0.timestampMicroseconds)
          }, globalFromEgo: frame.globalFromEgo, timestampMicroseconds: frame.timestampMicroseconds))
      for channel in channels {
        guard let image = frame.cameras.first(where: { $0.sensor.channel == channel }),
          let model = image.sensor.camera
        else {
          input.cameras.append(nil)
          input.planes.append([])
          continue
        }
        let plan = try ImagePlan(
          sourceWidth: model.width, sourceHeight: model.height, width: width, height: height, scale: nil)
        var planes = [Float](repeating: 0, count: 3 * width * height)
        try decoder.load(
          try dataset.readFile(image.file), file: image.file, plan: plan, normalization: .imageNet,
          into: &planes)
        input.planes.append(planes)
        input.cameras.append(
          LiftCamera(
            camera: try plan.camera(from: model, file: image.file),
            egoFromCamera: frame.globalFromEgo.inverse * image.globalFromSensor))
      }
      return input
    }
  }

  private func run(_ perception: inout NetworkPerception, _ input: Input) throws -> NetworkFrame {
    try perception.perceive(
      cameras: input.cameras, cloud: input.cloud, globalFromEgo: input.frame.globalFromEgo,
      timestampMicroseconds: input.frame.timestampMicroseconds
    ) { camera, planes in _ = planes.update(fromContentsOf: input.planes[camera]) }
  }

  @Test(arguments: [1, 2]) func theDefaultNetworkSeesARecordedDrive(threads: Int) throws {
    let network = try PerceptionNetwork(NetworkConfiguration())
    let camera = network.configuration.camera
    let inputs = try inputs(4, width: camera.width, height: camera.height)
    var perception = try NetworkPerception(
      network, graph: network.graph(seed: 1), options: .init(threads: threads))
    var best: [String: Double] = [:], order: [String] = []
    var tracker = Tracker(configuration: TrackerConfiguration(birthScore: 0.1, usesDetectedVelocity: true))
    var frames: [NetworkFrame] = []
    for round in 0..<3 {
      perception.reset()
      for input in inputs {
        let frame = try run(&perception, input)
        order = frame.milliseconds.map(\.stage)
        for (stage, time) in frame.milliseconds { best[stage] = min(best[stage] ?? .infinity, time) }
        if round == 0 {
          frames.append(frame)
          _ = tracker.update(frame.detections, timestampMicroseconds: input.frame.timestampMicroseconds)
        }
      }
    }
    let total = order.reduce(0) { $0 + (best[$1] ?? 0) }
    print("\(threads) threads, milliseconds a frame at best, \(total) in all:")
    for stage in order { print("  \(stage): \(best[stage] ?? 0)") }
    let used = perception.inputValues()
    let starts = try #require(used["pool.starts"]?.integers)
    let pillars = try #require(used["pillars.cells"]?.integers).filter { $0 >= 0 }.count
    print(
      "  pooled points \(starts.last ?? 0) of \(network.frustums.capacity), pillars \(pillars), \(frames[0].notes)"
    )
    print(
      "  plan: \(perception.plan.activationByteCount >> 20) MiB activations, \(perception.plan.constantByteCount >> 20) MiB weights"
    )
    // Six cameras see most of the ground around the ego, and the LiDAR has many thousands of pillars.
    #expect(starts.last ?? 0 > 15_000 && pillars > 5_000)
    #expect(frames.allSatisfy { $0.detections.count <= 300 && $0.bev.mapLayers.count == 5 })
    #expect(frames.allSatisfy { $0.bev.observed.contains(1) })
  }

  /// Where time goes within the network: the slowest steps of a run.
  @Test func theSlowestSteps() throws {
    let network = try PerceptionNetwork(NetworkConfiguration())
    let camera = network.configuration.camera
    let input = try inputs(1, width: camera.width, height: camera.height)[0]
    var perception = try NetworkPerception(network, graph: network.graph(seed: 1), options: .init(threads: 2))
    _ = try run(&perception, input)
    var best = try perception.plan.profile()
    for _ in 0..<4 { best = zip(best, try perception.plan.profile()).map(min) }
    let order = best.indices.sorted { best[$0] > best[$1] }
    print("all steps \(best.reduce(0, +) * 1e3) ms")
    for k in order.prefix(45) {
      let step = perception.plan.steps[k]
      print(
        "  \(best[k] * 1e3) ms  \(Double(step.operations) / best[k] * 1e-9) GFLOP/s  \(step.name.prefix(70))  \(step.implementation)"
      )
    }
    #expect(best.allSatisfy { $0 >= 0 })
  }
}
