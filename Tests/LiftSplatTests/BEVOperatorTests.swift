import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Testing

/// Pillars, warp and fusion.
@Suite struct BEVOperatorTests {
  static let grid = BEVGrid(minimumX: 0, minimumY: 0, cellSize: 1, countX: 13, countY: 11)

  static func pillars(
    points: Int, features: Int, shared: Int = 0, pillars: Int, outputs: Int, gradients: Bool = false
  ) throws -> Graph {
    var g = Graph(name: "pillars", seed: 8)
    let p = g.addInput("points", [points, features])
    let s = g.addInput("starts", TensorType([pillars + 1], .int64))
    let c = g.addInput("cells", TensorType([pillars], .int64))
    let common = shared > 0 ? g.addInput("shared", [pillars, shared]) : nil
    let bev = try g.pillarEncoder(
      points: p, shared: common, starts: s, cells: c, outputs: outputs, grid: grid, name: "pillar")
    g.markOutput(bev)
    if gradients {
      let gradient = g.addInput("gradient", g.shape(bev))
      for result in try backward(&g, of: bev, gradient) { result.map { g.markOutput($0) } }
    }
    return g
  }

  /// Two features, one output, by hand: weights 1 and -1, bias 0.5.
  @Test func pillarsByHand() throws {
    var g = try Self.pillars(points: 4, features: 2, pillars: 4, outputs: 1)
    try g.setWeights([
      "pillar.weight": TensorValue([1, 2], [1, -1]), "pillar.bias": TensorValue([1], [0.5]),
    ])
    let found = try outputs(
      g,
      [
        "points": TensorValue([4, 2], [3, 1, 5, 1, 0, 9, 7, 7]),
        // Pillar 0 has points 0 and 1, pillar 1 point 2, pillar 2 none; the fourth is not used.
        "starts": TensorValue([5], integers: [0, 2, 3, 3, -5]),
        "cells": TensorValue([4], integers: [4, 142, 9, -1]),
      ])[0]
    #expect(found[4] == 4.5 && found[142] == 0 && found[9] == 0)
    #expect(found.reduce(0, +) == 4.5)
  }

  @Test(arguments: [(1, 9, 0, 64), (2, 5, 5, 80), (3, 1, 0, 1), (4, 12, 1, 33)])
  func pillarsEqualThePlainLoop(seed: Int, features: Int, shared: Int, outputCount: Int) throws {
    print("pillars against the plain loop: seed \(seed)")
    var random = TestRandom(UInt64(seed))
    let counts = (0..<30).map { _ in Int(random.next() % 7) }
    let starts = counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }, points = starts[30] + 5
    var cells = Array(0..<143)
    for k in 0..<30 { cells.swapAt(k, k + Int(random.next() % UInt64(143 - k))) }
    let graph = try Self.pillars(
      points: points, features: features, shared: shared, pillars: 30, outputs: outputCount)
    let values = random.floats(points * features), common = random.floats(30 * shared)
    let depth = features + shared
    var inputs = [
      "points": TensorValue([points, features], values),
      "starts": TensorValue([31], integers: starts.map { Int64($0) }),
      "cells": TensorValue([30], integers: cells[..<30].map { Int64($0) }),
    ]
    if shared > 0 { inputs["shared"] = TensorValue([30, shared], common) }
    let weight = try #require(graph.tensor(named: "pillar.weight").flatMap { graph.value($0)?.floats })
    var expected = [Float](repeating: 0, count: outputCount * 143)
    for v in 0..<30 {
      for o in 0..<outputCount {
        for p in starts[v]..<starts[v + 1] {
          let sum = (0..<depth).reduce(0.0) {
            let value = $1 < features ? values[p * features + $1] : common[v * shared + $1 - features]
            return $0 + Double(weight[o * depth + $1]) * Double(value)
          }
          expected[o * 143 + cells[v]] = max(expected[o * 143 + cells[v]], Float(sum))
        }
      }
    }
    let found = try outputs(graph, inputs)[0]
    // Sums of at most 12 terms in single precision.
    #expect(worstDifference(found, expected) < 1e-6)
    let whole = try Self.pillars(
      points: points, features: features, shared: shared, pillars: 30, outputs: outputCount, gradients: true)
    var given = inputs
    given["gradient"] = TensorValue([1, outputCount, 13, 11], random.floats(outputCount * 143))
    let one = try outputs(whole, given)
    for threads in [2, 3, 5] { #expect(try outputs(whole, given, threads: threads) == one) }
  }

  @Test func wrongPillarsAreErrors() throws {
    let graph = try Self.pillars(points: 4, features: 2, pillars: 2, outputs: 3)
    func run(_ starts: [Int64], _ cells: [Int64]) throws {
      _ = try Interpreter.run(
        graph,
        [
          "points": TensorValue([4, 2], [Float](repeating: 1, count: 8)),
          "starts": TensorValue([3], integers: starts), "cells": TensorValue([2], integers: cells),
        ])
    }
    try run([0, 2, 4], [3, 5])
    for (starts, cells): ([Int64], [Int64]) in [
      ([0, 2, 5], [3, 5]), ([0, 3, 2], [3, 5]), ([-1, 2, 4], [3, 5]), ([0, 2, 4], [3, 3]),
      ([0, 2, 4], [3, 143]),
      ([0, 2, 4], [-2, 5]), ([0, .max, 4], [3, 5]), ([0, 2, 4], [.min, 5]),
    ] {
      #expect(throws: EngineError.self) { try run(starts, cells) }
    }
  }

  @Test func warpMovesFeaturesWithTheEgo() throws {
    let grid = BEVGrid(minimumX: -8, minimumY: -6, cellSize: 0.5, countX: 32, countY: 24)
    // Something stands at (3.25, -1.75) of the previous ego frame, the centre of a cell.
    let seen = try #require(grid.cell(x: 3.25, y: -1.75))
    var features = [Float](repeating: 0, count: 2 * grid.count)
    features[grid.index(seen.i, seen.j)] = 1
    features[grid.count + grid.index(seen.i, seen.j)] = -2
    func warped(_ previous: RigidTransform, _ now: RigidTransform) throws -> [Float] {
      var g = Graph(name: "warp")
      let x = g.addInput("x", [1, 2, 32, 24]), motion = g.addInput("motion", [2, 3])
      g.markOutput(try g.egoMotionWarp(x, motion: motion, name: "warp"))
      let matrix = EgoMotionWarp.motion(previousGlobalFromEgo: previous, globalFromEgo: now, grid: grid)
      let inputs = ["x": TensorValue([1, 2, 32, 24], features), "motion": TensorValue([2, 3], matrix)]
      let one = try outputs(g, inputs)[0]
      for threads in [2, 3] { #expect(try outputs(g, inputs, threads: threads)[0] == one) }
      return one
    }
    // Far from the global origin, so that only differences of poses count.
    let previous = RigidTransform(rotation: yaw(0.7), translation: SIMD3(1_200, -800, 20))
    #expect(worstDifference(try warped(previous, previous), features) < 1e-5)
    // The ego drives 2 m ahead: what stood 3.25 m ahead is 1.25 m ahead.
    let ahead = previous * RigidTransform(rotation: .identity, translation: SIMD3(2, 0, 0))
    var expected = [Float](repeating: 0, count: 2 * grid.count)
    let nearer = try #require(grid.cell(x: 1.25, y: -1.75))
    expected[grid.index(nearer.i, nearer.j)] = 1
    expected[grid.count + grid.index(nearer.i, nearer.j)] = -2
    #expect(worstDifference(try warped(previous, ahead), expected) < 1e-4)
    // It turns a quarter to the left: what was at (x, y) is at (y, -x).
    let turned = previous * RigidTransform(rotation: yaw(.pi / 2), translation: .zero)
    let side = try #require(grid.cell(x: -1.75, y: -3.25))
    expected = [Float](repeating: 0, count: 2 * grid.count)
    expected[grid.index(side.i, side.j)] = 1
    expected[grid.count + grid.index(side.i, side.j)] = -2
    #expect(worstDifference(try warped(previous, turned), expected) < 1e-4)
    // A step of half a cell shares it between two, and a mass inside is kept.
    let half = previous * RigidTransform(rotation: .identity, translation: SIMD3(0.25, 0, 0))
    let shared = try warped(previous, half)
    #expect(abs(shared[grid.index(seen.i, seen.j)] - 0.5) < 1e-4)
    #expect(abs(shared[grid.index(seen.i - 1, seen.j)] - 0.5) < 1e-4)
    // Out of sight, and poses that are no numbers: zeros.
    let away = previous * RigidTransform(rotation: .identity, translation: SIMD3(100, 0, 0))
    #expect(try warped(previous, away).allSatisfy { $0 == 0 })
    let lost = RigidTransform(rotation: .identity, translation: SIMD3(.nan, 0, 0))
    #expect(try warped(previous, lost).allSatisfy { $0 == 0 })
  }

  @Test(arguments: FusionMethod.allCases) func fusionJoinsPartsOfOwnChannels(method: FusionMethod) throws {
    var g = Graph(name: "fusion", seed: 5)
    let camera = g.addInput("camera", [1, 6, 8, 7]), lidar = g.addInput("lidar", [1, 4, 8, 7])
    let fused = try g.fuse([camera, lidar], outputs: 5, method: method, name: "fuse")
    g.markOutput(fused)
    #expect(g.shape(fused) == [1, 5, 8, 7])
    var random = TestRandom(51)
    let both = [
      "camera": TensorValue([1, 6, 8, 7], random.floats(336)),
      "lidar": TensorValue([1, 4, 8, 7], random.floats(224)),
    ]
    let found = try outputs(g, both)[0]
    let planned = try Plan(g, .init(threads: 2)).run(both)
    #expect(worstDifference(try #require(planned.values.first?.floats), found) < 1e-5)
    // Both matter, and one may be missing.
    var without = both
    without["lidar"] = TensorValue(zeros: TensorType([1, 4, 8, 7]))
    let partial = try outputs(g, without)[0]
    #expect(partial != found && partial.contains { $0 > 0 })
    without["camera"] = TensorValue(zeros: TensorType([1, 6, 8, 7]))
    #expect(try outputs(g, without)[0].allSatisfy { $0 == 0 })
    #expect(throws: EngineError.self) {
      var empty = Graph(name: "fusion")
      _ = try empty.fuse([], outputs: 5, method: method, name: "fuse")
    }
    #expect(throws: EngineError.self) {
      let other = g.addInput("other", [1, 4, 7, 8])
      _ = try g.fuse([camera, other], outputs: 5, method: method, name: "fuse")
    }
  }

  /// A gate is between 0 and 1 and weighs its source: by hand with weights of one channel.
  @Test func gatedFusionByHand() throws {
    var g = Graph(name: "fusion")
    let a = g.addInput("a", [1, 1, 1, 1]), b = g.addInput("b", [1, 1, 1, 1])
    g.markOutput(try g.fuse([a, b], outputs: 1, method: .gated, name: "fuse"))
    var weights: [String: TensorValue] = [:]
    for id in g.weights {
      let name = g[id].name, one = TensorValue(g.shape(id), [Float](repeating: 1, count: g[id].type.count))
      weights[name] = name.hasSuffix("bias") || name.hasSuffix("mean") ? TensorValue(zeros: one.type) : one
    }
    weights["fuse.gate.0.weight"] = TensorValue([1, 2, 1, 1], [1, -1])
    weights["fuse.gate.1.weight"] = TensorValue([1, 2, 1, 1], [0, 0.5])
    try g.setWeights(weights)
    let found = try outputs(g, ["a": TensorValue([1, 1, 1, 1], [3]), "b": TensorValue([1, 1, 1, 1], [2])])[0]
    let expected = 3 / (1 + exp(-1.0)) + 2 / (1 + exp(-1.0))
    // The normalisation divides by sqrt(1 + 1e-5).
    #expect(abs(Double(found[0]) - expected / (1 + 1e-5).squareRoot()) < 1e-5)
  }
}
