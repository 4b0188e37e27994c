import Calibration
import CameraInput
import Files
import Foundation
import LiftSplat
import Models
import NeuralEngine
import Testing

/// What `apus export` writes between the graphs: the indices of the pooling.
struct ExportTests {
  static let rigPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("calibration/nuscenes.yaml").path

  /// Six cameras of a few pixels over 64 x 64 cells; not one extent is another's.
  private static func model(bilinear: Bool) throws -> Model {
    let text = """
      {"perception": {"sensors": ["camera"], "heads": ["occupancy"],
        "grid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 1.6, "countX": 64, "countY": 64},
        "resultGrid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 1.6, "countX": 64, "countY": 64},
        "camera": {"height": 64, "width": 160, "stem": 4, "neckChannels": 4, "contextChannels": 3, "channels": 4,
          "bilinear": \(bilinear), "depth": {"spacing": "linearIncreasing", "minimum": 2, "maximum": 50, "count": 11},
          "stages": [{"channels": 4}, {"channels": 4}, {"channels": 4}, {"channels": 4}]},
        "backbone": {"outputs": 4, "stages": [{"channels": 4, "stride": 1}]}}}
      """
    return try Model(JSONDecoder().decode(Model.Configuration.self, from: Data(text.utf8)), seed: 1)
  }

  private static func randoms(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 24)
    }
  }

  /// The cameras of the rig by name, behind their crops.
  private static func cameras(_ rig: Rig, height: Int, width: Int) throws -> [LiftCamera?] {
    try rig.sensors.filter { $0.camera != nil }.sorted { $0.channel < $1.channel }.map { sensor in
      let camera = try #require(sensor.camera)
      let plan = try ImagePlan(
        sourceWidth: camera.width, sourceHeight: camera.height, width: width, height: height)
      return LiftCamera(
        camera: try plan.camera(from: camera, file: rig.name), egoFromCamera: sensor.egoFromSensor)
    }
  }

  /// Sums by the file's indices, as its documentation has them, are what the explicit frustum of the rig's cameras gives
  /// and what the engine's operator gives.
  @Test(arguments: [false, true]) func pooledByTheFileIsPooledByTheEngine(bilinear: Bool) throws {
    let model = try Self.model(bilinear: bilinear), rig = try Rig(contentsOf: Self.rigPath)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("export-\(UUID().uuidString)")
      .path
    defer {
      do { try FileManager.default.removeItem(atPath: folder) } catch { print("left behind: \(folder)") }
    }
    let files = try model.export(to: folder, rig: rig)
    #expect(
      files.map { String($0.dropFirst(folder.count + 1)) } == [
        "image_branch/model.onnx", "pooling.npz", "bev_encoder/model.onnx",
      ])
    let npz = try NpzFile.read("\(folder)/pooling.npz")
    func array(_ name: String) throws -> NpyArray {
      try #require(npz.first { $0.name == name }?.array, "\(name)")
    }
    let points = try array("points").values(as: Int64.self),
      starts = try array("starts").values(as: Int64.self)
    let shape = try array("shape").values(as: Int64.self).map { Int($0) }
    let grid = try array("grid").values(as: Int64.self).map { Int($0) }
    #expect(shape == [6, 11, 4, 10] && grid == [64, 64] && starts.count == 64 * 64 + 1)
    let weights = bilinear ? try array("weights").floats() : [Float](repeating: 1, count: points.count)
    let channels = 3, pixels = shape[2] * shape[3]
    let depth = Self.randoms(shape.reduce(1, *), seed: 3)
    let context = Self.randoms(shape[0] * channels * pixels, seed: 4)
    var sums = [Double](repeating: 0, count: channels * grid[0] * grid[1])
    for cell in 0..<(grid[0] * grid[1]) {
      for entry in Int(starts[cell])..<Int(starts[cell + 1]) {
        let point = Int(points[entry])
        let camera = point / (shape[1] * pixels), pixel = point % pixels
        for c in 0..<channels {
          let feature = context[(camera * channels + c) * pixels + pixel]
          sums[c * grid[0] * grid[1] + cell] +=
            Double(weights[entry]) * Double(depth[point]) * Double(feature)
        }
      }
    }
    #expect(sums.filter { $0 > 0.5 }.count > 500)
    let layout = model.network.frustums, cameras = try Self.cameras(rig, height: 64, width: 160)
    let lifted = ExplicitLiftSplat.frustumFeatures(
      depth: depth, context: context, layout: layout, channels: channels)
    func explicit(_ cameras: [LiftCamera?]) -> [Float] {
      ExplicitLiftSplat.pool(
        lifted, ExplicitLiftSplat.contributions(layout, cameras), layout: layout, channels: channels)
    }
    func worst(_ found: [Float]) -> Double {
      zip(found, sums).map { abs(Double($0) - $1) }.max() ?? .infinity
    }
    #expect(worst(explicit(cameras)) < 1e-4)
    #expect(worst(explicit(cameras.reversed())) > 0.1, "the order of cameras makes no difference")
    var graph = Graph(name: "pooling")
    let inputs = [
      graph.addInput("depth", shape), graph.addInput("context", [shape[0], channels, shape[2], shape[3]]),
      graph.addInput("points", TensorType([points.count], .int64)),
      graph.addInput("starts", TensorType([starts.count], .int64)),
    ]
    let weighted = bilinear ? graph.addInput("weights", [points.count]) : nil
    let bev = try graph.liftSplat(
      depth: inputs[0], context: inputs[1], points: inputs[2], starts: inputs[3], weights: weighted,
      grid: layout.grid, name: "bev")
    try graph.markOutput(bev, name: "bev")
    var values = [
      "depth": TensorValue(shape, depth),
      "context": TensorValue([shape[0], channels, shape[2], shape[3]], context),
      "points": TensorValue([points.count], integers: points),
      "starts": TensorValue([starts.count], integers: starts),
    ]
    if bilinear { values["weights"] = TensorValue([points.count], weights) }
    let engine = try Plan(graph, Plan.Options(threads: 2)).run(values)
    #expect(worst(try #require(engine["bev"]?.floats)) < 1e-4)
  }
}
