import Foundation
import Geometry
import LiftSplat
import NeuralEngine

/// Decorated points through the pillar encoder.
enum PillarBenchmark {
  static func run(_ options: BenchmarkOptions) throws {
    let peer = try Peer(options)
    print("PyTorch: linear, relu, scatter_reduce(amax) over pillars, scatter to the canvas; float32")
    let internalGrid = BEVGrid(minimumX: -51.2, minimumY: -51.2, cellSize: 0.8, countX: 128, countY: 128)
    for (points, pillars, outputs, grid) in [
      (30_000, 6_000, 64, internalGrid), (60_000, 8_000, 64, BEVGrid.standard),
      (240_000, 16_000, 64, BEVGrid.standard),
    ] {
      try compare(points, pillars, outputs, grid, options, peer)
    }
  }

  static func compare(
    _ points: Int, _ pillars: Int, _ outputs: Int, _ grid: BEVGrid, _ options: BenchmarkOptions, _ peer: Peer
  ) throws {
    let features = 10
    var random = BenchmarkRandom(9)
    // Pillars near the ego hold most points: sizes fall off as in a scan.
    let shares = (0..<pillars).map { _ in pow(random.unit(), 4) + 0.02 }, total = shares.reduce(0, +)
    var starts: [Int64] = [0], sum = 0.0
    for share in shares {
      sum += share
      starts.append(Int64((sum / total * Double(points)).rounded()))
    }
    let cells = (0..<grid.count).map { (random.unit(), Int64($0)) }.sorted { $0.0 < $1.0 }.prefix(pillars)
      .map(\.1).sorted()
    var g = Graph(name: "pillars", seed: 3)
    let p = g.addInput("points", [points, features])
    let s = g.addInput("starts", TensorType([pillars + 1], .int64))
    let v = g.addInput("cells", TensorType([pillars], .int64))
    let bev = try g.pillarEncoder(
      points: p, starts: s, cells: v, outputs: outputs, grid: grid, name: "pillar")
    g.markOutput(bev)
    let plan = try Plan(g, .init(threads: options.threads))
    var values = [
      "points": TensorValue([points, features], random.floats(points * features)),
      "starts": TensorValue([pillars + 1], integers: starts),
      "cells": TensorValue([pillars], integers: cells),
    ]
    for (name, value) in values { plan.fill(name, value) }
    for id in g.weights { values[g[id].name.replacingOccurrences(of: "pillar.", with: "")] = g.value(id) }
    for (name, value) in values.sorted(by: { $0.key < $1.key }) { try peer.give(name, value) }
    try peer.ask("pillars \(grid.countX) \(grid.countY)")
    try plan.execute()
    try peer.ask("save pillars")
    let difference = worstDifference(plan.outputView(0).array, try peer.take("result"))
    guard difference < 1e-5 else { throw Peer.Failure(description: "pillars differ by \(difference)") }
    var (ours, theirs) = (Double.infinity, Double.infinity)
    for _ in 0..<options.rounds {
      theirs = try peer.ask("run pillars 1").reduce(theirs, min)
      for _ in 0..<3 { ours = min(ours, try milliseconds { try plan.execute() }) }
    }
    print(
      String(
        format:
          "%d points of %d in %d pillars to %d x %dx%d: ours %.2f ms (%.0f GFLOP/s), PyTorch %.1f ms: %.1fx; "
          + "difference %.1e", points, features, pillars, outputs, grid.countX, grid.countY, ours,
        Double(2 * points * features * outputs) * 1e-6 / ours, theirs, theirs / ours, difference))
  }
}

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
      var (ours, theirs) = (Double.infinity, Double.infinity)
      for _ in 0..<options.rounds {
        theirs = try peer.ask("run warp 1").reduce(theirs, min)
        for _ in 0..<3 { ours = min(ours, try milliseconds { try plan.execute() }) }
      }
      print(
        String(
          format: "warp %dx%dx%d: ours %.2f ms, PyTorch grid_sample %.2f ms: %.1fx; difference %.1e",
          channels,
          size, size, ours, theirs, theirs / ours, difference))
    }
  }
}
