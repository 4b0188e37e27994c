import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import References

/// Six cameras around a car, their features pooled.
enum PoolingBenchmark {
  /// One row of the table.
  struct Case {
    var depths: Int, height: Int, width: Int, channels: Int
    var grid: BEVGrid
    var bilinear = false

    var name: String {
      "6x\(depths)x\(height)x\(width)x\(channels) to \(grid.countX)x\(grid.countY)\(bilinear ? " bilinear" : "")"
    }
  }

  static let cases: [Case] = {
    let grids = [
      BEVGrid(minimumX: -50, minimumY: -50, cellSize: 0.5, countX: 200, countY: 200), BEVGrid.standard,
    ]
    var result: [Case] = []
    for (height, width) in [(8, 22), (16, 44)] {
      for depths in [41, 59] {
        for channels in [64, 80] {
          for grid in grids {
            result.append(Case(depths: depths, height: height, width: width, channels: channels, grid: grid))
          }
        }
      }
    }
    return result + [Case(depths: 41, height: 8, width: 22, channels: 64, grid: grids[0], bilinear: true)]
  }()

  /// nuScenes-like: five cameras of 70 degrees and one of 110 to the back, `turn` radians off.
  static func cameras(height: Int, width: Int, turn: Double = 0) -> [LiftCamera?] {
    let (w, h) = (Double(width * 16), Double(height * 16))
    let optical = Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5)
    return [(0.0, 70.0), (55, 70), (110, 70), (180, 110), (-110, 70), (-55, 70)].map { degrees, view in
      let focal = w / 2 / tan(view / 2 * .pi / 180), angle = degrees * .pi / 180 + turn
      let model = CameraModel(
        fx: focal, fy: focal, cx: w / 2 - 0.5, cy: 0.55 * h, width: width * 16, height: height * 16)
      let heading = Quaternion(w: cos(angle / 2), x: 0, y: 0, z: sin(angle / 2))
      return LiftCamera(
        camera: model,
        egoFromCamera: RigidTransform(
          rotation: heading * optical, translation: SIMD3(1.2 + 0.5 * cos(angle), 0.5 * sin(angle), 1.5)))
    }
  }

  static func layout(_ c: Case) throws -> FrustumLayout {
    try FrustumLayout(
      cameras: 6, featureHeight: c.height, featureWidth: c.width, stride: 16,
      bins: DepthBins(spacing: .uniform, minimum: 4, maximum: c.depths == 41 ? 45 : 63, count: c.depths),
      grid: c.grid, heights: -10...10, bilinear: c.bilinear)
  }

  static func graph(_ layout: FrustumLayout, channels: Int) throws -> Graph {
    var g = Graph(name: "pooling")
    let (h, w) = (layout.featureHeight, layout.featureWidth)
    let depth = g.addInput("depth", [6, layout.bins.count, h, w])
    let context = g.addInput("context", [6, channels, h, w])
    let points = g.addInput("points", TensorType([layout.capacity], .int64))
    let starts = g.addInput("starts", TensorType([layout.startCount], .int64))
    let weights = layout.bilinear ? g.addInput("weights", [layout.capacity]) : nil
    let bev = try g.liftSplat(
      depth: depth, context: context, points: points, starts: starts, weights: weights, grid: layout.grid,
      name: "bev")
    g.markOutput(bev)
    return g
  }

  static func run(_ options: BenchmarkOptions) throws {
    let peer = try Peer(options), bandwidth = memoryBandwidth(threads: options.threads)
    print(
      String(
        format: "memory: fill %.1f GB/s, copy %.1f GB/s (both ways counted)", bandwidth.fill, bandwidth.copy))
    print(
      "PyTorch: lift + index_add | lift + scatter_add | their sum alone, lifted for free | lift + cumulative sum; "
        + "ours: the paper's cumulative sum in Swift, lifted for free")
    for c in cases { try compare(c, options, peer) }
  }

  static func compare(_ c: Case, _ options: BenchmarkOptions, _ peer: Peer) throws {
    let layout = try layout(c)
    var planner = PoolingPlanner(layout)
    planner.update(cameras(height: c.height, width: c.width))
    let plan = try Plan(graph(layout, channels: c.channels), .init(threads: options.threads))
    var random = BenchmarkRandom(7)
    let depth = random.floats(layout.pointCount, from: 0, to: 2 / Double(c.depths))
    let context = random.floats(6 * c.channels * layout.pixelsPerCamera)
    let tensors = planner.tensors
    var values = [
      "depth": TensorValue([6, c.depths, c.height, c.width], depth),
      "context": TensorValue([6, c.channels, c.height, c.width], context),
      "points": TensorValue([planner.entryCount], integers: Array(planner.points[..<planner.entryCount])),
      "starts": tensors.starts,
    ]
    values["weights"] = tensors.weights.map { _ in
      TensorValue([planner.entryCount], Array(planner.weights[..<planner.entryCount]))
    }
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      plan.fill(name, value)
      try peer.give(name, value)
    }
    try peer.ask("pooling \(c.grid.countX) \(c.grid.countY) \(c.bilinear ? 1 : 0)")
    let kinds = ["index_add", "scatter_add", "sum", "cumsum"]
    try plan.execute()
    let found = plan.outputView(0).array
    for kind in kinds where kind != "sum" {
      try peer.ask("save \(kind)")
      let difference = worstDifference(found, try peer.take("result"))
      // Running sums in single precision lose digits.
      guard difference < (kind == "cumsum" ? 1e-2 : 1e-5) else {
        throw Peer.Failure(description: "\(c.name): \(kind) differs by \(difference)")
      }
    }
    var best = [String: Double]()
    func note(_ kind: String, _ ms: Double) { best[kind] = min(best[kind] ?? .infinity, ms) }
    let features = ExplicitLiftSplat.frustumFeatures(
      depth: depth, context: context, layout: layout, channels: c.channels)
    for round in 0..<options.rounds {
      // Each side gets the same time: ours runs as long as one of PyTorch's sums took.
      var share = 0.0
      for kind in kinds {
        let times = try peer.ask("run \(kind) 2")
        for ms in times { note(kind, ms) }
        if kind == "scatter_add" { share = times.reduce(0, +) }
      }
      if round < 2 {
        note(
          "ours cumsum",
          milliseconds {
            _ = ExplicitLiftSplat.poolByCumulativeSum(features, planner, channels: c.channels)
          })
      }
      while share > 0 {
        let ms = try milliseconds { try plan.execute() }
        note("ours", ms)
        share -= ms
      }
    }
    report(c, planner, best)
  }

  static func report(_ c: Case, _ planner: PoolingPlanner, _ best: [String: Double]) {
    let ours = best["ours"] ?? .nan, layout = planner.layout
    let context = 6 * layout.pixelsPerCamera * c.channels
    // Context in and out of channels last, context and depth at each entry, points, starts, and the planes.
    let moved =
      4 * (2 * context + planner.entryCount * (1 + (c.bilinear ? 1 : 0)) + c.channels * c.grid.count)
      + 8 * (planner.entryCount + layout.startCount)
    let gathered = 4 * planner.entryCount * c.channels
    func ms(_ kind: String) -> Double { best[kind] ?? .nan }
    print(
      String(
        format: "%@: ours %.2f ms (%.1f MB moved = %.1f GB/s, %.1f MB of cached context)",
        c.name.padding(toLength: 32, withPad: " ", startingAt: 0), ours, Double(moved) * 1e-6,
        Double(moved) * 1e-6 / ours, Double(gathered) * 1e-6),
      String(
        format: "| %.1f | %.1f | %.1f | %.1f; %.1f ms: %.1fx the fastest lift, %.1fx sum alone, %.1fx cumsum",
        ms("index_add"), ms("scatter_add"), ms("sum"), ms("cumsum"), ms("ours cumsum"),
        min(ms("index_add"), ms("scatter_add")) / ours, ms("sum") / ours,
        min(ms("cumsum"), ms("ours cumsum")) / ours))
  }

  /// Our pooling without a peer, at every number of threads: for profiling.
  static func alone(_ options: BenchmarkOptions) throws {
    for c in cases {
      let layout = try layout(c)
      var planner = PoolingPlanner(layout), random = BenchmarkRandom(7), line = "\(c.name): "
      planner.update(cameras(height: c.height, width: c.width))
      for threads in 1...options.threads {
        let plan = try Plan(graph(layout, channels: c.channels), .init(threads: threads))
        let features = random.floats(6 * c.channels * layout.pixelsPerCamera), tensors = planner.tensors
        plan.fill(
          "depth", TensorValue([6, c.depths, c.height, c.width], random.floats(layout.pointCount, from: 0)))
        plan.fill("context", TensorValue([6, c.channels, c.height, c.width], features))
        plan.fill("points", tensors.points)
        plan.fill("starts", tensors.starts)
        tensors.weights.map { plan.fill("weights", $0) }
        var best = Double.infinity
        for _ in 0..<options.rounds { best = min(best, try milliseconds { try plan.execute() }) }
        line += String(format: "%d thread%@ %.3f ms  ", threads, threads == 1 ? "" : "s", best)
      }
      print(line)
    }
  }

  /// Milliseconds of a whole new plan, all cameras moved.
  static func planner(_ options: BenchmarkOptions) throws {
    for c in cases where c.channels == 64 {
      var line = "\(c.name): "
      for threads in 1...options.threads {
        var planner = PoolingPlanner(try layout(c), threads: threads)
        var best = Double.infinity
        for round in 0..<max(20, options.rounds) {
          let rig = cameras(height: c.height, width: c.width, turn: 0.01 * Double(round % 2))
          best = min(best, milliseconds { planner.update(rig) })
        }
        line += String(format: "%d thread%@ %.3f ms  ", threads, threads == 1 ? "" : "s", best)
        if threads == options.threads { line += "(\(planner.entryCount) entries)" }
      }
      print(line)
    }
  }
}
