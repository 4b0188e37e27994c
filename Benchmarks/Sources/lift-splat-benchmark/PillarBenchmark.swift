import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Perception
import PointClouds
import Scenes

/// LiDAR sweeps through pillars into planes: the whole way from the cloud, and the encoder alone.
enum PillarBenchmark {
  /// One row of the table.
  struct Case {
    var sweeps: Int, outputs: Int
    var grid: BEVGrid
  }

  static let cases: [Case] = {
    let fine = BEVGrid.standard
    let coarse = BEVGrid(minimumX: -51.2, minimumY: -51.2, cellSize: 0.8, countX: 128, countY: 128)
    return [
      Case(sweeps: 3, outputs: 64, grid: coarse), Case(sweeps: 5, outputs: 16, grid: fine),
      Case(sweeps: 5, outputs: 64, grid: fine), Case(sweeps: 18, outputs: 64, grid: fine),
    ]
  }()

  /// - Parameter folder: of a channel's sweeps, `.pcd.bin`.
  static func run(_ options: BenchmarkOptions, folder: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
      $0.hasSuffix(".pcd.bin")
    }
    let sweeps = try names.sorted().map { try sweep("\(folder)/\($0)") }
    let peer = try Peer(options)
    print(
      """
      cloud: PyTorch keeps the points in the grid, groups them (unique, or straight into dense cells; the faster), \
      decorates them, then as below; ours PillarInputs and the encoder
      encoder: PyTorch takes decorated points: linear, relu, scatter_reduce(amax) over pillars, scatter to the canvas
      """)
    for c in cases where c.sweeps <= sweeps.count {
      try compare(c, Array(sweeps.prefix(c.sweeps)), options, peer)
    }
  }

  /// A recorded sweep, as seen from the ego's ground.
  static func sweep(_ path: String) throws -> PointCloud {
    let values = try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes {
      Array($0.bindMemory(to: Float.self))
    }
    var cloud = PointCloud()
    for k in stride(from: 0, to: values.count / 5 * 5, by: 5) {
      cloud.append(
        SIMD3(values[k], values[k + 1], values[k + 2] + 1.84), intensity: values[k + 3], ring: values[k + 4],
        age: 0)
    }
    return cloud
  }

  static func compare(_ c: Case, _ sweeps: [PointCloud], _ options: BenchmarkOptions, _ peer: Peer) throws {
    let cloud = AccumulatedCloud(
      sweeps: sweeps.enumerated().map {
        // A metre on with each, as at 20 m/s: earlier sweeps fall on other cells.
        Sweep(
          points: $1, egoFromSensor: .identity,
          globalFromEgo: RigidTransform(rotation: .identity, translation: SIMD3(-Double($0), 0, 0)),
          timestampMicroseconds: Int64(10_000_000 - 50_000 * $0))
      }, globalFromEgo: .identity, timestampMicroseconds: 10_000_000)
    let columns = cloud.points
    var branch = NetworkConfiguration.LidarBranch()
    branch.pointCapacity = columns.count
    branch.pillarsPerCell = 1
    var inputs = try PillarInputs(branch, grid: c.grid)
    var g = Graph(name: "pillars", seed: 3)
    let points = g.addInput("points", [columns.count, PillarInputs.pointFeatures])
    let shared = g.addInput("shared", [c.grid.count, PillarInputs.sharedFeatures])
    let starts = g.addInput("starts", TensorType([c.grid.count + 1], .int64))
    let cells = g.addInput("cells", TensorType([c.grid.count], .int64))
    g.markOutput(
      try g.pillarEncoder(
        points: points, shared: shared, starts: starts, cells: cells, outputs: c.outputs, grid: c.grid,
        name: "pillar"))
    let plan = try Plan(g, .init(threads: options.threads))
    let views = (0..<4).map { plan.inputView($0) }
    views[3].integers.update(repeating: -1, count: c.grid.count)
    let target = PillarInputs.Target(points: views[0], shared: views[1], starts: views[2], cells: views[3])
    func fill() -> PillarInputs.Summary { inputs.write(cloud, to: target, threads: options.threads) }
    let summary = fill()
    try plan.execute()
    try give(columns, views, summary, g, to: peer)
    try peer.ask("pillars \(c.grid.countX) \(c.grid.countY) \(c.grid.minimumX) \(c.grid.cellSize)")
    let found = plan.outputView(0).array
    for kind in ["encoder", "unique", "dense"] {
      try peer.ask("save \(kind)")
      let result = try peer.take("result")
      if kind != "encoder" {
        // A point on a border may fall to another cell there: such cells are few.
        let far = zip(found, result).count { abs($0 - $1) > 1e-4 }
        guard far < found.count / 1000 else {
          throw Peer.Failure(description: "\(kind): \(far) of \(found.count) values differ")
        }
        continue
      }
      let difference = worstDifference(found, result)
      guard difference < 1e-5 else { throw Peer.Failure(description: "encoder differs by \(difference)") }
    }
    let encoder = try sideBySide(["encoder"], options, peer) { try plan.execute() }
    let whole = try sideBySide(["unique", "dense"], options, peer) {
      _ = fill()
      try plan.execute()
    }
    let operations = Double(
      2 * c.outputs
        * (summary.points * PillarInputs.pointFeatures + summary.pillars * PillarInputs.sharedFeatures))
    let bytes = Double(4 * c.outputs * c.grid.count)
    print(
      String(
        format:
          "%d points in %d pillars to %d x %dx%d: cloud: ours %.2f ms, PyTorch %.1f ms: %.1fx; encoder: ours "
          + "%.2f ms (%.0f GFLOP/s, planes %.0f GB/s), PyTorch %.1f ms: %.1fx", summary.points,
        summary.pillars, c.outputs, c.grid.countX, c.grid.countY, whole.ours, whole.theirs,
        whole.theirs / whole.ours, encoder.ours, operations * 1e-6 / encoder.ours,
        bytes * 1e-6 / encoder.ours,
        encoder.theirs, encoder.theirs / encoder.ours))
  }

  /// Gives the peer the cloud, its points with both kinds of features, and the weights.
  private static func give(
    _ cloud: PointCloud, _ views: [MutableTensorView], _ summary: PillarInputs.Summary, _ graph: Graph,
    to peer: Peer
  ) throws {
    let rows = (0..<cloud.count).flatMap {
      [cloud.x[$0], cloud.y[$0], cloud.z[$0], cloud.intensity[$0], cloud.age[$0]]
    }
    try peer.give("cloud", TensorValue([cloud.count, 5], rows))
    let (own, common) = (PillarInputs.pointFeatures, PillarInputs.sharedFeatures)
    let starts = Array(UnsafeBufferPointer(start: views[2].integers, count: summary.pillars + 1))
    var points: [Float] = []
    for v in 0..<summary.pillars {
      for p in Int(starts[v])..<Int(starts[v + 1]) {
        points += UnsafeBufferPointer(start: views[0].floats + p * own, count: own)
        points += UnsafeBufferPointer(start: views[1].floats + v * common, count: common)
      }
    }
    try peer.give("points", TensorValue([summary.points, own + common], points))
    try peer.give("starts", TensorValue([summary.pillars + 1], integers: starts))
    let cells = UnsafeBufferPointer(start: views[3].integers, count: summary.pillars)
    try peer.give("cells", TensorValue([summary.pillars], integers: Array(cells)))
    for id in graph.weights {
      guard let value = graph.value(id) else { continue }
      try peer.give(graph[id].name.replacingOccurrences(of: "pillar.", with: ""), value)
    }
  }
}
