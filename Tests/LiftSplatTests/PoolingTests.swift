import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Testing

/// A graph of one lift-splat, and of its gradients for an input `gradient`.
struct PoolingGraph {
  var graph = Graph(name: "pooling")

  init(_ layout: FrustumLayout, channels: Int, gradients: Bool = false) throws {
    let (h, w) = (layout.featureHeight, layout.featureWidth)
    let depth = graph.addInput("depth", [layout.cameras, layout.bins.count, h, w])
    let context = graph.addInput("context", [layout.cameras, channels, h, w])
    let points = graph.addInput("pool.points", TensorType([layout.capacity], .int64))
    let starts = graph.addInput("pool.starts", TensorType([layout.startCount], .int64))
    let weights = layout.bilinear ? graph.addInput("pool.weights", [layout.capacity]) : nil
    let bev = try graph.liftSplat(
      depth: depth, context: context, points: points, starts: starts, weights: weights, grid: layout.grid,
      name: "pool")
    guard gradients else {
      graph.markOutput(bev)
      return
    }
    let gradient = graph.addInput("gradient", graph.shape(bev))
    for result in try backward(&graph, of: bev, gradient) { result.map { graph.markOutput($0) } }
  }
}

/// The gradients that a tensor's external operator builds.
func backward(_ graph: inout Graph, of tensor: TensorID, _ gradient: TensorID) throws -> [TensorID?] {
  guard case .node(let index, _) = graph[tensor].source,
    case .external(let operation) = graph.nodes[index].operation, let build = operation.backward
  else { return [] }
  let node = graph.nodes[index]
  return try build(&graph, node.inputs, node.outputs, [gradient])
}

/// The inputs of a lift-splat with these features.
func poolingInputs(
  _ planner: PoolingPlanner, depth: [Float], context: [Float], channels: Int
) -> [String: TensorValue] {
  let layout = planner.layout, (h, w) = (layout.featureHeight, layout.featureWidth), plan = planner.tensors
  var inputs = [
    "depth": TensorValue([layout.cameras, layout.bins.count, h, w], depth),
    "context": TensorValue([layout.cameras, channels, h, w], context),
    "pool.points": plan.points, "pool.starts": plan.starts,
  ]
  if let weights = plan.weights { inputs["pool.weights"] = weights }
  return inputs
}

@Suite struct PoolingTests {
  /// Sums in float of up to hundreds of terms against sums in double: 1e-5 of the largest, as the issue asks.
  @Test(arguments: [
    (1, false, 64), (2, true, 64), (3, false, 80), (4, true, 7), (5, false, 1), (6, true, 33),
  ])
  func equalsExplicitReferenceForwardAndBackward(seed: Int, bilinear: Bool, channels: Int) throws {
    print("pooling against the explicit reference: seed \(seed)")
    var random = TestRandom(UInt64(seed))
    let (layout, cameras) = try randomRig(
      &random, cameras: 4, height: 4, width: 11, depths: 41, grid: smallGrid, bilinear: bilinear)
    var planner = PoolingPlanner(layout)
    planner.update(cameras)
    let depth = random.floats(layout.pointCount, 0...0.2)
    let context = random.floats(layout.cameras * channels * layout.pixelsPerCamera)
    let contributions = ExplicitLiftSplat.contributions(layout, cameras)
    #expect(planner.entryCount == contributions.count)
    #expect(contributions.count > layout.pointCount / 4)
    let features = ExplicitLiftSplat.frustumFeatures(
      depth: depth, context: context, layout: layout, channels: channels)
    let expected = ExplicitLiftSplat.pool(features, contributions, layout: layout, channels: channels)
    var inputs = poolingInputs(planner, depth: depth, context: context, channels: channels)
    let found = try outputs(PoolingGraph(layout, channels: channels).graph, inputs)[0]
    #expect(worstDifference(found, expected) < 1e-5)

    let gradient = random.floats(channels * layout.grid.count)
    inputs["gradient"] = TensorValue([1, channels, layout.grid.countX, layout.grid.countY], gradient)
    let gradients = try outputs(PoolingGraph(layout, channels: channels, gradients: true).graph, inputs)
    let wanted = ExplicitLiftSplat.gradients(
      gradient, depth: depth, context: context, contributions, layout: layout, channels: channels)
    #expect(worstDifference(gradients[0], wanted.depth) < 1e-5)
    #expect(worstDifference(gradients[1], wanted.context) < 1e-5)
  }
}
