import Calibration
import CameraInput
import Files
import Geometry
import LiftSplat
import NeuralEngine
import TrajectoryRefiner

extension Model {
  /// A part of the model and what it costs.
  public struct Part: Sendable, Codable {
    /// `image`, `camera_bev`, `lidar`, `bev`, `heads.detection`, ..., `trajectory`.
    public var name: String
    /// Learned values.
    public var parameters: Int
    /// Floating-point operations of a frame; a multiply-add is two.
    public var operations: Int
  }

  /// The graphs that a frame runs through, with this model's weights and how often each runs in a frame.
  ///
  /// Perception is one graph here; a replay runs its image branch apart, ahead of the rest. The refiner runs for two chunks of
  /// agents: the ego and the nearest tracks.
  public func graphs() throws -> [(graph: Graph, runs: Int)] {
    var whole = try withWeights(network.graph())
    whole.name = "perception"
    guard let refiner, let anchors = try anchors() else { return [(whole, 1)] }
    return [
      (whole, 1), (try withWeights(refiner.encoderGraph(anchors: anchors)), 2),
      (try withWeights(refiner.stepGraph()), 2 * refiner.configuration.denoisingSteps),
    ]
  }

  private func anchors() throws -> TrajectoryAnchors? {
    try weightValues[RefinerNetwork.anchorsName].map { try TrajectoryAnchors(tensor: $0, file: file) }
  }

  /// What each part costs a frame, in the order in which parts run.
  public func parts() throws -> [Part] {
    var parts: [Part] = []
    for (graph, runs) in try graphs() {
      for row in try NetworkReport(graph).rows {
        let name = graph.name == "perception" ? Self.part(of: row.name) : RefinerNetwork.scope
        if let k = parts.firstIndex(where: { $0.name == name }) {
          parts[k].operations += runs * row.operations
          parts[k].parameters += row.parameters
        } else {
          parts.append(Part(name: name, parameters: row.parameters, operations: runs * row.operations))
        }
      }
    }
    return parts
  }

  /// The part that an operator of perception belongs to.
  private static func part(of operatorName: String) -> String {
    let words = operatorName.split(separator: ".").map(String.init)
    switch words.first {
    case "image", "camera_bev", "lidar": return words[0]
    case "heads": return words.prefix(2).joined(separator: ".")
    // Operators that only name a head's outputs.
    case "detection", "map": return "heads.\(words[0])"
    case "occupancy": return words.last == "volume" ? "heads.volume" : "heads.occupancy"
    case "trajectory": return "heads.trajectories"
    default: return "bev"
    }
  }

  // MARK: ONNX

  /// Writes the parts that ONNX can hold, each into a folder of its own: `image_branch` (images to depth and context),
  /// `bev_encoder` (sensors' BEV to all heads), `refiner_encoder` and `refiner_step`; and with a rig `pooling.npz`, the indices
  /// by which depth and context become `camera_bev`.
  ///
  /// `pooling.npz` holds, for the rig's cameras in the order of their names: `points` (int64; elements of `depth` flat, the pixel's
  /// place in `context` follows from it), `starts` (int64, cells + 1), `shape` (cameras, bins, rows, columns of depth) and
  /// `grid` (cells along i and j), with `weights` where pooling is bilinear. Cell `g` of `camera_bev` is the sum of
  /// `depth[p] · context[pixel of p]` over `p` in `points[starts[g]..<starts[g + 1]]`.
  /// - Returns: the files, in the order of the data.
  /// - Throws: `EngineError` for what ONNX has no operator for; `FileError`.
  public func export(to folder: String, rig: Rig?) throws -> [String] {
    var files: [String] = []
    func write(_ graph: Graph, _ name: String) throws {
      let graph = try withWeights(graph)
      try ONNXExport.write(graph, folder: "\(folder)/\(name)")
      files.append("\(folder)/\(name)/model.onnx")
    }
    if network.hasCameras {
      try write(network.imageGraph(), "image_branch")
      if let rig {
        try ONNXExport.makeFolder(folder)
        try writePooling("\(folder)/pooling.npz", rig)
        files.append("\(folder)/pooling.npz")
      }
    }
    try write(network.bevGraph(), "bev_encoder")
    if let refiner, let anchors = try anchors() {
      try write(refiner.encoderGraph(anchors: anchors), "refiner_encoder")
      try write(refiner.stepGraph(), "refiner_step")
    }
    return files
  }

  private func writePooling(_ path: String, _ rig: Rig) throws {
    let layout = network.frustums, camera = configuration.perception.camera
    let sensors = rig.sensors.filter { $0.camera != nil }.sorted { $0.channel < $1.channel }
    var planner = PoolingPlanner(layout)
    var cameras = [LiftCamera?](repeating: nil, count: layout.cameras)
    for (k, sensor) in sensors.prefix(layout.cameras).enumerated() {
      guard let model = sensor.camera else { continue }
      let plan = try ImagePlan(
        sourceWidth: model.width, sourceHeight: model.height, width: camera.width, height: camera.height)
      cameras[k] = LiftCamera(
        camera: try plan.camera(from: model, file: rig.name), egoFromCamera: sensor.egoFromSensor)
    }
    planner.update(cameras)
    let count = planner.entryCount
    var arrays: [(name: String, array: NpyArray)] = [
      ("points", NpyArray(Array(planner.points.prefix(count)), shape: [count])),
      ("starts", NpyArray(planner.starts, shape: [planner.starts.count])),
      (
        "shape",
        NpyArray(
          [
            Int64(layout.cameras), Int64(layout.bins.count), Int64(layout.featureHeight),
            Int64(layout.featureWidth),
          ],
          shape: [4])
      ),
      ("grid", NpyArray([Int64(layout.grid.countX), Int64(layout.grid.countY)], shape: [2])),
    ]
    if layout.bilinear {
      arrays.append(("weights", NpyArray(Array(planner.weights.prefix(count)), shape: [count])))
    }
    try NpzFile.write(path, arrays)
  }
}
