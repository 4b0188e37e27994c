import Files
import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Testing

/// Every element against PyTorch in double precision: tools/goldens/lift_splat.py, seed 5.
///
/// Ours sum a few dozen terms near 1 in single precision: 1e-6 of the largest.
@Suite struct GoldenTests {
  static let tolerance: Float = 1e-6

  struct Golden {
    let arrays: [String: NpyArray]

    init() throws {
      let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/lift_splat.npz").path
      arrays = Dictionary(
        uniqueKeysWithValues: try NpzFile.read(path).map { ($0.name, $0.array) })
    }

    func value(_ name: String) throws -> TensorValue { try TensorValue(#require(arrays[name])) }
    func floats(_ name: String) throws -> [Float] { try #require(arrays[name]).floats() }
  }

  static func rig(_ golden: Golden, bilinear: Bool) throws -> PoolingPlanner {
    let numbers = try #require(golden.arrays["cameras"]).values(as: Double.self)
    let cameras = (0..<3).map { c -> LiftCamera in
      let m = Array(numbers[c * 11..<c * 11 + 11])
      return LiftCamera(
        camera: CameraModel(fx: m[0], fy: m[1], cx: m[2], cy: m[3], width: 32, height: 24),
        egoFromCamera: RigidTransform(
          rotation: Quaternion(w: m[4], x: m[5], y: m[6], z: m[7]), translation: SIMD3(m[8], m[9], m[10])))
    }
    let layout = try FrustumLayout(
      cameras: 3, featureHeight: 3, featureWidth: 4, stride: 8,
      bins: DepthBins(spacing: .uniform, minimum: 1, maximum: 15, count: 7),
      grid: BEVGrid(minimumX: -12, minimumY: -10, cellSize: 2, countX: 12, countY: 10), heights: -2...4,
      bilinear: bilinear)
    var planner = PoolingPlanner(layout)
    planner.update(cameras)
    return planner
  }

  @Test(arguments: [false, true]) func poolingAndItsGeometryEqualPyTorch(bilinear: Bool) throws {
    let golden = try Golden(), suffix = bilinear ? "_bilinear" : ""
    let planner = try Self.rig(golden, bilinear: bilinear)
    var inputs = poolingInputs(
      planner, depth: try golden.floats("depth"), context: try golden.floats("context"), channels: 5)
    let bev = try outputs(PoolingGraph(planner.layout, channels: 5).graph, inputs)[0]
    #expect(worstDifference(bev, try golden.floats("bev\(suffix)")) < Self.tolerance)
    inputs["gradient"] = try golden.value("gradient")
    let gradients = try outputs(PoolingGraph(planner.layout, channels: 5, gradients: true).graph, inputs)
    #expect(worstDifference(gradients[0], try golden.floats("depth_gradient\(suffix)")) < Self.tolerance)
    #expect(worstDifference(gradients[1], try golden.floats("context_gradient\(suffix)")) < Self.tolerance)
  }

  /// Features of the transposed grid, of the other camera order and of flipped pixels are far from the golden.
  @Test func swappedAxesAreCaught() throws {
    let golden = try Golden(), planner = try Self.rig(golden, bilinear: false)
    let bev = try golden.floats("bev")
    let inputs = poolingInputs(
      planner, depth: try golden.floats("depth"), context: try golden.floats("context"), channels: 5)
    let found = try outputs(PoolingGraph(planner.layout, channels: 5).graph, inputs)[0]
    var transposed = [Float](repeating: 0, count: bev.count)
    for c in 0..<5 {
      for i in 0..<12 { for j in 0..<10 { transposed[c * 120 + j * 12 + i] = found[c * 120 + i * 10 + j] } }
    }
    #expect(worstDifference(transposed, bev) > 0.1)
    let layout = planner.layout
    let swapped = try outputs(
      PoolingGraph(layout, channels: 5).graph,
      poolingInputs(
        planner, depth: try golden.floats("depth"),
        context: try golden.floats("context").reversed(), channels: 5))[0]
    #expect(worstDifference(swapped, bev) > 0.1)
  }

  @Test(arguments: [("pillar", 6, 0), ("shared_pillar", 5, 4)])
  func pillarsEqualPyTorch(prefix: String, features: Int, shared: Int) throws {
    let golden = try Golden()
    let grid = BEVGrid(minimumX: 0, minimumY: 0, cellSize: 1, countX: 7, countY: 8)
    var g = Graph(name: "pillars")
    let points = g.addInput("points", [48, features])
    let starts = g.addInput("starts", TensorType([12], .int64))
    let cells = g.addInput("cells", TensorType([11], .int64))
    let common = shared > 0 ? g.addInput("shared", [11, shared]) : nil
    let bev = try g.pillarEncoder(
      points: points, shared: common, starts: starts, cells: cells, outputs: 19, grid: grid, name: "pillar")
    g.markOutput(bev)
    try g.setWeights([
      "pillar.weight": golden.value("\(prefix)_weight"), "pillar.bias": golden.value("\(prefix)_bias"),
    ])
    let gradient = g.addInput("gradient", [1, 19, 7, 8])
    let gradients = try backward(&g, of: bev, gradient)
    #expect(gradients.indices.allSatisfy { (gradients[$0] != nil) == [3, 4].contains($0) })
    for result in gradients { result.map { g.markOutput($0) } }
    var given = [
      "points": try golden.value("\(prefix)_points"), "starts": try golden.value("\(prefix)_starts"),
      "cells": try golden.value("\(prefix)_cells"), "gradient": try golden.value("\(prefix)_gradient"),
    ]
    if shared > 0 { given["shared"] = try golden.value("\(prefix)_shared") }
    let found = try outputs(g, given)
    #expect(worstDifference(found[0], try golden.floats("\(prefix)_bev")) < Self.tolerance)
    #expect(worstDifference(found[1], try golden.floats("\(prefix)_weight_gradient")) < Self.tolerance)
    #expect(worstDifference(found[2], try golden.floats("\(prefix)_bias_gradient")) < Self.tolerance)
    guard shared > 0 else { return }
    // Shared features of the wrong pillars are seen.
    let turned = try golden.floats("shared_pillar_shared").reversed()
    given["shared"] = TensorValue([11, shared], Array(turned))
    #expect(worstDifference(try outputs(g, given)[0], found[0]) > 0.1)
  }

  @Test func warpEqualsPyTorch() throws {
    let golden = try Golden()
    var g = Graph(name: "warp")
    let x = g.addInput("x", [1, 3, 9, 11]), motion = g.addInput("motion", [2, 3])
    let warped = try g.egoMotionWarp(x, motion: motion, name: "warp")
    g.markOutput(warped)
    let gradient = g.addInput("gradient", [1, 3, 9, 11])
    for result in try backward(&g, of: warped, gradient) { result.map { g.markOutput($0) } }
    let found = try outputs(
      g,
      [
        "x": golden.value("warp_x"), "motion": golden.value("warp_motion"),
        "gradient": golden.value("warp_gradient"),
      ])
    // Coordinates of some ten cells in single precision carry 1e-6 of a cell.
    #expect(worstDifference(found[0], try golden.floats("warp")) < 1e-5)
    #expect(worstDifference(found[1], try golden.floats("warp_x_gradient")) < 1e-5)
  }
}
