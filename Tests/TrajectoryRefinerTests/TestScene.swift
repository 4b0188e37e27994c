import Foundation
import Geometry
import NeuralEngine
import Scenes
import TrajectoryRefiner

/// A configuration that is quick to run, with everything in it.
func smallConfiguration(chunk: Int = 4, modes: Int = 6, blocks: Int = 2) throws -> RefinerConfiguration {
  try RefinerConfiguration(
    modes: modes, width: 32, blocks: blocks, heads: 4, agentsPerChunk: chunk, neighbours: 4,
    lanePolylines: 6, roadPolylines: 3, polylinePoints: 6, bevChannels: 5, pathSteps: [3, 12],
    outputModes: modes)
}

/// Weights of a refiner by name, all of them random: also those that start at zero.
func randomWeights(_ configuration: RefinerConfiguration, seed: UInt64 = 3) throws -> [String: TensorValue] {
  let graph = try TrajectoryRefiner.graph(configuration, seed: seed)
  var result: [String: TensorValue] = [:]
  for id in graph.weights {
    guard let value = graph.value(id), let elements = value.floats else { continue }
    let name = graph[id].name
    guard elements.allSatisfy({ $0 == 0 }) else {
      result[name] = value
      continue
    }
    let key = NoiseKey(seed: seed, scene: name, agent: "", timestampMicroseconds: 0)
    result[name] = TensorValue(value.shape, elements.indices.map { 0.15 * key.normal($0) })
  }
  return result
}

/// Weights of a refiner as it is made, before any training.
func firstWeights(_ configuration: RefinerConfiguration, seed: UInt64 = 3) throws -> [String: TensorValue] {
  let graph = try TrajectoryRefiner.graph(configuration, seed: seed)
  var result: [String: TensorValue] = [:]
  for id in graph.weights { result[graph[id].name] = graph.value(id) }
  return result
}

/// A made-up crossing: an ego, cars, a cyclist, people, lanes, roads and BEV features, placed anywhere in the world.
struct TestScene {
  /// Where the scene's own origin lies in the world.
  var worldFromScene: RigidTransform

  static let frames = 6
  let bevGrid = BEVGrid(minimumX: -32, minimumY: -32, cellSize: 1, countX: 64, countY: 64)

  init(yaw: Double = 0, at place: SIMD3<Double> = .zero) {
    worldFromScene = RigidTransform(rotation: Quaternion(yaw: yaw), translation: place)
  }

  private func world(_ p: SIMD2<Double>) -> SIMD2<Double> { (worldFromScene * SIMD3(p.x, p.y, 0)).xy }

  func time(_ frame: Int) -> Int64 { 1_600_000_000_000_000 + Int64(frame) * 500_000 }

  func egoPose(_ frame: Int) -> RigidTransform {
    worldFromScene
      * RigidTransform(rotation: Quaternion(yaw: 0.1), translation: SIMD3(2.5 * Double(frame), 1, 0))
  }

  func agents(_ frame: Int) -> [ObservedAgent] {
    var agents = [ObservedAgent.ego(egoPose(frame))]
    let names: [DetectionClass] = [.car, .truck, .bicycle, .pedestrian, .car, .motorcycle, .pedestrian]
    for (k, name) in names.enumerated() {
      let heading = 0.7 * Double(k) - 1
      let speed = [6.0, 3, 4, 1.2, 0, 9, 0.7][k]
      let start = SIMD2(9 * cos(Double(k)), 14 * sin(1.3 * Double(k)))
      let p = start + SIMD2(cos(heading), sin(heading)) * (speed * 0.5 * Double(frame))
      agents.append(
        ObservedAgent(
          id: "agent \(k)", kind: AgentKind(name), name: name, position: world(p),
          heading: heading + worldFromScene.rotation.yaw, size: SIMD3(1.8, 4.2, 1.6)))
    }
    return agents
  }

  func map(_ configuration: RefinerConfiguration) -> RoadMap {
    let lines = (0..<5).map { k in
      (0..<20).map { world(SIMD2(Double($0) * 4 - 40, Double(k) * 5.3 - 10 + 0.02 * Double($0 * $0))) }
    }
    let outline = [SIMD2(5.0, 5), SIMD2(15, 6), SIMD2(14, 12), SIMD2(4, 11)].map(world)
    let roads = (0..<4).map { k -> RoadLine in
      let points = (0..<12).map { j -> RoadPoint in
        let p = world(SIMD2(Double(k) * 9.1 - 15, Double(j) * 5 - 30))
        return RoadPoint(
          position: SIMD3(p.x, p.y, worldFromScene.translation.z), curvature: 0.01 * Double(k),
          heading: .pi / 2 + worldFromScene.rotation.yaw, slope: 0.03)
      }
      return RoadLine(kind: k % 2 == 0 ? .twoWay : .oneWay, points: points)
    }
    return RoadMap(
      layers: [
        MapLayer(name: "lane_divider", lines: lines),
        MapLayer(name: "lane", areas: [.init(outline: Polygon(outline))]),
      ], lines: roads, configuration: configuration)
  }

  func route() -> [RoadPoint] {
    RoadMap.roadPoints((0..<10).map { world(SIMD2(Double($0) * 6, 1 + 0.1 * Double($0))) })
  }

  func features(_ channels: Int) -> [Float] {
    (0..<channels * bevGrid.count).map { k in
      let (c, cell) = (k / bevGrid.count, k % bevGrid.count)
      return Float(sin(0.11 * Double(cell / 64) * Double(c + 1)) + cos(0.13 * Double(cell % 64 + c)))
    }
  }

  /// A builder that has seen all frames.
  func builder(_ configuration: RefinerConfiguration, hasMap: Bool = true) throws -> ConditionBuilder {
    var builder = ConditionBuilder(
      configuration: configuration,
      anchors: try TrajectoryAnchors.standard.reduced(to: configuration.modes),
      map: hasMap ? map(configuration) : nil)
    for frame in 0..<Self.frames { builder.observe(agents(frame), at: time(frame)) }
    return builder
  }

  /// Conditions of everyone at the last frame, with all there is.
  func conditions(_ configuration: RefinerConfiguration) throws -> [TrajectoryConditions] {
    let builder = try builder(configuration)
    let now = Self.frames - 1
    return features(configuration.bevChannels).withUnsafeBufferPointer { values in
      builder.conditions(
        of: agents(now),
        bev: BEVFeatures(
          channels: configuration.bevChannels, grid: bevGrid, values: values, globalFromEgo: egoPose(now)),
        route: route())
    }
  }
}
