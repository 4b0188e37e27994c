import Foundation
import Geometry
import LiftSplat
import NeuralEngine

/// The ego-motion warp beside `affine_grid` and `grid_sample`.
enum WarpBenchmark {
  static func run(_ options: BenchmarkOptions) throws {
    let peer = try Peer(options)
    for (channels, size) in [(64, 128), (80, 256)] {
      let grid = BEVGrid(
        minimumX: -51.2, minimumY: -51.2, cellSize: 102.4 / Double(size), countX: size, countY: size)
      var g = Graph(name: "warp")
      let x = g.addInput("x", [1, channels, size, size]), m = g.addInput("motion", [2, 3])
      g.markOutput(try g.egoMotionWarp(x, motion: m, name: "warp"))
      let plan = try Plan(g, .init(threads: options.threads))
      let pose = RigidTransform(
        rotation: Quaternion(w: cos(0.01), x: 0, y: 0, z: sin(0.01)), translation: SIMD3(4.2, 0.3, 0))
      let motion = EgoMotionWarp.motion(previousGlobalFromEgo: .identity, globalFromEgo: pose, grid: grid)
      var random = BenchmarkRandom(4)
      let values = [
        "x": TensorValue([1, channels, size, size], random.floats(channels * grid.count)),
        "motion": TensorValue([2, 3], motion),
      ]
      for (name, value) in values.sorted(by: { $0.key < $1.key }) {
        plan.fill(name, value)
        try peer.give(name, value)
      }
      try peer.ask("warp")
      try plan.execute()
      try peer.ask("save warp")
      let difference = worstDifference(plan.outputView(0).array, try peer.take("result"))
      // Coordinates go through [-1, 1] in single precision there: about 1e-5 of a cell.
      guard difference < 1e-3 else { throw Peer.Failure(description: "warps differ by \(difference)") }
      let (ours, theirs) = try sideBySide(["warp"], options, peer) { try plan.execute() }
      print(
        String(
          format: "warp %dx%dx%d: ours %.2f ms, PyTorch grid_sample %.2f ms: %.1fx; difference %.1e",
          channels,
          size, size, ours, theirs, theirs / ours, difference))
    }
  }
}
