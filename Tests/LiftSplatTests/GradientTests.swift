import Geometry
import LiftSplat
import NeuralEngine
import Testing

/// Built gradients against finite differences.
///
/// Outputs are single precision: with steps near the values' size a difference is right to some 1e-6 of the sums.
@Suite struct GradientTests {
  static func pooling(bilinear: Bool) throws -> GradientCheck {
    var random = TestRandom(21)
    let grid = BEVGrid(minimumX: -9, minimumY: -8, cellSize: 2, countX: 9, countY: 7)
    let (layout, cameras) = try randomRig(
      &random, cameras: 3, height: 2, width: 3, depths: 4, grid: grid, bilinear: bilinear)
    var planner = PoolingPlanner(layout)
    planner.update(cameras)
    let values = poolingInputs(
      planner, depth: random.floats(layout.pointCount, 0.1...1), context: random.floats(3 * 5 * 6),
      channels: 5)
    return GradientCheck(
      build: { graph, ids in
        func id(_ name: String) throws -> TensorID { try #require(ids[name]) }
        return try graph.liftSplat(
          depth: id("depth"), context: id("context"), points: id("pool.points"), starts: id("pool.starts"),
          weights: ids["pool.weights"], grid: grid, name: "pool")
      }, values: values, seed: 22)
  }

  static func pillars(shared: Int) -> GradientCheck {
    var random = TestRandom(31)
    let grid = BEVGrid(minimumX: 0, minimumY: 0, cellSize: 1, countX: 4, countY: 5)
    var values = [
      "points": TensorValue([12, 4], random.floats(48)),
      "starts": TensorValue([5], integers: [0, 3, 4, 4, 10]),
      "cells": TensorValue([4], integers: [7, 2, 11, 19]),
      "pillar.weight": TensorValue([3, 4 + shared], random.floats(3 * (4 + shared))),
      "pillar.bias": TensorValue([3], random.floats(3, 0...0.3)),
    ]
    if shared > 0 { values["shared"] = TensorValue([4, shared], random.floats(4 * shared)) }
    return GradientCheck(
      build: { graph, ids in
        func id(_ name: String) throws -> TensorID { try #require(ids[name]) }
        return try graph.pillarEncoder(
          points: id("points"), shared: ids["shared"], starts: id("starts"), cells: id("cells"), outputs: 3,
          grid: grid,
          name: "pillar")
      }, values: values, seed: 32)
  }

  static let warp: GradientCheck = {
    var random = TestRandom(41)
    let values = [
      "x": TensorValue([1, 2, 6, 5], random.floats(60)),
      "motion": TensorValue([2, 3], [0.97, -0.21, 0.8, 0.2, 0.98, -0.7]),
    ]
    return GradientCheck(
      build: { graph, ids in
        try graph.egoMotionWarp(#require(ids["x"]), motion: #require(ids["motion"]), name: "warp")
      }, values: values, seed: 42)
  }()

  @Test(arguments: [false, true]) func poolingAgreesWithFiniteDifferences(bilinear: Bool) throws {
    let check = try Self.pooling(bilinear: bilinear)
    #expect(try check.worst("depth", operand: 0, step: 0.5) < 1e-5)
    #expect(try check.worst("context", operand: 1, step: 0.5) < 1e-5)
  }

  @Test(arguments: [0, 3]) func pillarsAgreeWithFiniteDifferences(shared: Int) throws {
    // The maximum is piecewise linear: small steps stay on one piece, and round to some 1e-4.
    let check = Self.pillars(shared: shared)
    #expect(try check.worst("pillar.weight", operand: 3, step: 0x1p-9) < 1e-3)
    #expect(try check.worst("pillar.bias", operand: 4, step: 0x1p-9) < 1e-3)
  }

  @Test func warpAgreesWithFiniteDifferences() throws {
    #expect(try Self.warp.worst("x", operand: 0, step: 0.5) < 1e-5)
  }

  /// The checker is checked: an operator whose gradients are wrong must fail.
  @Test func wrongGradientsAreCaught() throws {
    let check = try Self.pooling(bilinear: false)
    // The gradient of another operand, a gradient twice as large, and one without the factor of depth.
    func spoiled(_ spoil: @escaping @Sendable (inout Graph, [TensorID?]) throws -> [TensorID?])
      -> GradientCheck
    {
      GradientCheck(
        build: { graph, ids in
          let output = try check.build(&graph, ids)
          guard case .node(let index, _) = graph[output].source,
            case .external(let operation) = graph.nodes[index].operation
          else { return output }
          let wrong = ExternalOperator(
            name: "wrong", shape: { try operation.outputTypes($0) },
            forward: { try operation.compute($0, $1, $2) },
            backward: { graph, inputs, outputs, gradients in
              try spoil(&graph, operation.backward?(&graph, inputs, outputs, gradients) ?? [])
            }, scratch: { operation.scratchByteCount($0, $1, threads: $2) })
          return try graph.add(.external(wrong), graph.nodes[index].inputs)[0]
        }, values: check.values, seed: check.seed)
    }
    let twice = spoiled { graph, gradients in
      try gradients.map { try $0.map { try graph.linear($0, alpha: 2) } }
    }
    #expect(try twice.worst("depth", operand: 0, step: 0.5) > 0.5)
    #expect(try twice.worst("context", operand: 1, step: 0.5) > 0.5)
    let swapped = spoiled { graph, gradients in
      // Rows and columns of the context's gradient swapped.
      try gradients.enumerated().map { k, gradient in
        guard k == 1, let gradient else { return gradient }
        let shape = graph.shape(gradient)
        return try graph.reshape(graph.transpose(gradient, [0, 1, 3, 2]), shape)
      }
    }
    #expect(try swapped.worst("context", operand: 1, step: 0.5) > 0.1)
    #expect(try swapped.worst("depth", operand: 0, step: 0.5) < 1e-5)
  }
}
