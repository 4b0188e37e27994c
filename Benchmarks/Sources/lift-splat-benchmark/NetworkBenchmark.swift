import Foundation
import Geometry
import LiftSplat
import NeuralEngine

/// The whole reference forward: camera encoder, voxel pooling, BEV encoder, from images to logits.
enum NetworkBenchmark {
  static func run(_ options: BenchmarkOptions, folder: String) throws {
    let c = PoolingBenchmark.Case(
      depths: 41, height: 8, width: 22, channels: 64,
      grid: BEVGrid(minimumX: -50, minimumY: -50, cellSize: 0.5, countX: 200, countY: 200))
    let layout = try PoolingBenchmark.layout(c)
    let graph = try joined(
      ONNXNetwork(path: "\(folder)/camencode.onnx").graph,
      ONNXNetwork(path: "\(folder)/bevencode.onnx").graph,
      layout)
    let plan = try Plan(graph, .init(threads: options.threads))
    let rigs = (0..<2).map { PoolingBenchmark.cameras(height: 8, width: 22, turn: 0.01 * Double($0)) }
    var planner = PoolingPlanner(layout, threads: options.threads)
    var random = BenchmarkRandom(1)
    let images = TensorValue([6, 3, 128, 352], random.floats(6 * 3 * 128 * 352))
    plan.fill("image", images)
    let peer = try Peer(options)
    try peer.give("image", images)
    try give(rigs, layout, to: peer)
    try peer.ask("network \(folder)")

    planner.update(rigs[0])
    write(planner, to: plan)
    try plan.execute()
    try peer.ask("save network")
    let difference = worstDifference(plan.outputView(0).array, try peer.take("result"))
    print(String(format: "logits differ by %.1e of the largest", difference))
    guard difference < 1e-3 else { throw Peer.Failure(description: "logits differ by \(difference)") }

    var (ours, theirs) = (Double.infinity, Double.infinity)
    var ratios: [Double] = []
    for round in 0..<options.rounds {
      let paper = try peer.ask("run network 1").reduce(.infinity, min)
      let own = try milliseconds {
        // The ego has moved: pose corrections are new, and so is the plan, at every frame.
        planner.update(rigs[(round + 1) % 2])
        write(planner, to: plan)
        try plan.execute()
      }
      (ours, theirs) = (min(ours, own), min(theirs, paper))
      ratios.append(own / paper)
    }
    ratios.sort()
    print(
      String(
        format: "whole forward, images to logits: ours %.1f ms, PyTorch eager %.1f ms: %.3f of its time "
          + "(median of paired rounds %.3f)", ours, theirs, ours / theirs, ratios[ratios.count / 2]))
    try steps(plan, peer)
  }

  /// The dearest steps of ours, and PyTorch's three parts.
  static func steps(_ plan: Plan, _ peer: Peer) throws {
    var best = try plan.profile()
    for _ in 0..<3 { best = zip(best, try plan.profile()).map { min($0, $1) } }
    let parts = try peer.ask("parts")
    print("PyTorch's camera encoder, pooling, BEV encoder: \(parts.map { String(format: "%.1f", $0) }) ms")
    for (info, seconds) in zip(plan.steps, best) where info.name.contains("lift-splat") {
      print(String(format: "our pooling step: %.2f ms of %.1f ms", seconds * 1e3, best.reduce(0, +) * 1e3))
    }
  }

  static func write(_ planner: PoolingPlanner, to plan: Plan) {
    guard let points = plan.inputs.firstIndex(where: { $0.name == "points" }),
      let starts = plan.inputs.firstIndex(where: { $0.name == "starts" })
    else { return }
    planner.write(points: plan.inputView(points), starts: plan.inputView(starts))
  }

  /// Intrinsics `[camera, 3, 3]`, rotations `[2, camera, 3, 3]` and translations `[2, camera, 3]` for the peer.
  static func give(_ rigs: [[LiftCamera?]], _ layout: FrustumLayout, to peer: Peer) throws {
    var intrinsics: [Float] = [], rotations: [Float] = [], translations: [Float] = []
    for (k, camera) in rigs.joined().enumerated() {
      guard let camera else { continue }
      let m = camera.egoFromCamera.affine
      if k < 6 {
        let (model, f) = (camera.camera, Float.init as (Double) -> Float)
        intrinsics += [f(model.fx), 0, f(model.cx), 0, f(model.fy), f(model.cy), 0, 0, 1]
      }
      for row in [m.row0, m.row1, m.row2] {
        rotations += [row.x, row.y, row.z]
        translations.append(row.w)
      }
    }
    var frustum: [Float] = []
    for d in 0..<layout.bins.count {
      for row in 0..<layout.featureHeight {
        for column in 0..<layout.featureWidth {
          let pixel = layout.pixel(row: row, column: column)
          frustum += [Float(pixel.x), Float(pixel.y), Float(layout.bins.center(d))]
        }
      }
    }
    try peer.give("frustum", TensorValue([41, 8, 22, 3], frustum))
    try peer.give("intrinsics", TensorValue([6, 3, 3], intrinsics))
    try peer.give("rotations", TensorValue([2, 6, 3, 3], rotations))
    try peer.give("translations", TensorValue([2, 6, 3], translations))
  }

  /// One graph of both networks with the pooling between.
  static func joined(_ cameras: Graph, _ bev: Graph, _ layout: FrustumLayout) throws -> Graph {
    var g = Graph(name: "lift-splat-shoot")
    let image = g.addInput("image", cameras.shape(cameras.inputs[0]))
    let points = g.addInput("points", TensorType([layout.capacity], .int64))
    let starts = g.addInput("starts", TensorType([layout.startCount], .int64))
    let features = try append(cameras, to: &g, inputs: [image])
    let pooled = try g.liftSplat(
      depth: features[0], context: features[1], points: points, starts: starts, grid: layout.grid,
      name: "lift-splat")
    for output in try append(bev, to: &g, inputs: [pooled]) { g.markOutput(output) }
    return g
  }

  /// Adds a graph's operators to another, and tells where its outputs are.
  static func append(_ part: Graph, to g: inout Graph, inputs: [TensorID]) throws -> [TensorID] {
    var place: [TensorID: TensorID] = [:]
    for (k, id) in part.inputs.enumerated() { place[id] = inputs[k] }
    func find(_ id: TensorID) throws -> TensorID {
      if let known = place[id] { return known }
      guard let value = part.value(id) else {
        throw Peer.Failure(description: "\(part.name): \(part[id].name) comes from nowhere")
      }
      let new =
        if case .constant = part[id].source {
          g.addConstant("\(part.name).\(part[id].name)", value)
        } else {
          g.addWeight("\(part.name).\(part[id].name)", value)
        }
      place[id] = new
      return new
    }
    for node in part.nodes {
      let outputs = try g.add(
        node.operation, node.inputs.map(find), name: "\(part.name).\(node.name)")
      for (old, new) in zip(node.outputs, outputs) { place[old] = new }
    }
    return try part.outputs.map(find)
  }
}
