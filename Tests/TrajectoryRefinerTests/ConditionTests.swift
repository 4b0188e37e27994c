import Forecasting
import Foundation
import Geometry
import NeuralEngine
import Recording
import Scenes
import TestKit
import Testing
import TrajectoryRefiner

@Test func historyByHand() throws {
  let configuration = try smallConfiguration()
  var builder = ConditionBuilder(
    configuration: configuration, anchors: try TrajectoryAnchors.standard.reduced(to: 6))
  // North at 4 m/s, seen at -1.0, -0.5 and 0 s; keyframes are never quite half a second apart.
  let times: [Int64] = [0, 500_000, 1_000_000]
  for (k, time) in times.enumerated() {
    let car = ObservedAgent(
      id: "a", kind: .vehicle, name: .car, position: SIMD2(100, 200 + 2 * Double(k)), heading: .pi / 2,
      size: SIMD3(2, 5, 1.5))
    builder.observe([car], at: time + 5_000_000)
  }
  let now = ObservedAgent(
    id: "a", kind: .vehicle, name: .car, position: SIMD2(100, 204), heading: .pi / 2, size: SIMD3(2, 5, 1.5))
  let c = builder.conditions(of: [now])[0]
  let rows = (0..<5).map { Array(c.history[$0 * 7..<($0 + 1) * 7]) }
  #expect(rows[0] == [0, 0, 0, 0, 0, 0, 0] && rows[1] == rows[0])
  func close(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 } }
  // 4 m behind is -0.2 of the unit of 20 m; 4 m/s ahead is 0.4 of 10.
  #expect(close(rows[2], [-0.2, 0, 1, 0, 0.4, 0, 1]))
  #expect(close(rows[3], [-0.1, 0, 1, 0, 0.4, 0, 1]))
  #expect(close(rows[4], [0, 0, 1, 0, 0, 0, 1]))
  #expect(abs((c.startSpeed ?? 0) - 4) < 1e-12)
  #expect(close(Array(c.attributes.prefix(4)), [1, 0.4, 0.3, 1]))
  #expect(c.attributes.reduce(0, +) - 1.7 < 1.001)
  // A stranger has no past and no speed.
  var stranger = now
  stranger.id = "b"
  let none = builder.conditions(of: [stranger])[0]
  #expect(none.history.allSatisfy { $0 == 0 } && none.startSpeed == nil)
}

@Test func samplesBetweenAndBeyond() {
  typealias Sample = MotionSample
  let samples = [
    Sample(timestampMicroseconds: 0, position: SIMD2(0, 0), heading: 3),
    Sample(timestampMicroseconds: 1_000_000, position: SIMD2(2, 4), heading: -3),
    Sample(timestampMicroseconds: 3_000_000, position: SIMD2(9, 9), heading: 0),
  ]
  let half = AgentHistories.sample(of: samples, at: 500_000)
  #expect(half?.position == SIMD2(1, 2))
  // The short way round, over π.
  #expect(abs(abs(half?.heading ?? 0) - .pi) < 1e-12)
  #expect(AgentHistories.sample(of: samples, at: 2_000_000) == nil)  // a gap of two seconds
  #expect(AgentHistories.sample(of: samples, at: 3_100_000)?.position == SIMD2(9, 9))
  #expect(AgentHistories.sample(of: samples, at: 3_200_000) == nil)
  #expect(AgentHistories.sample(of: samples, at: -200_000) == nil)
  #expect(AgentHistories.sample(of: [], at: 0) == nil)
}

@Test func nothingIsKeptForever() {
  var histories = AgentHistories(seconds: 2)
  func agent(_ id: String, _ x: Double) -> ObservedAgent {
    ObservedAgent(id: id, kind: .vehicle, name: .car, position: SIMD2(x, 0), heading: 0, size: SIMD3(2, 4, 2))
  }
  for k in 0..<40 {
    histories.observe([agent("stays", Double(k))] + (k < 3 ? [agent("goes", 0)] : []), at: Int64(k) * 500_000)
  }
  #expect(histories["stays"].count == 6 && histories["goes"].isEmpty)
  // An earlier moment is not taken.
  histories.observe([agent("stays", -1)], at: 0)
  #expect(histories["stays"].last?.position.x == 39)
}

@Test func nearestPolylinesComeFirstWithinTheRadius() throws {
  let configuration = try smallConfiguration()
  var lines: [[SIMD2<Double>]] = []
  for k in 0..<40 {
    let y = Double(k * 7 % 40) * 9 - 180
    lines.append((0..<30).map { SIMD2<Double>(Double($0) * 10 - 150, y) })
  }
  let map = RoadMap(layers: [MapLayer(name: "road_divider", lines: lines)], configuration: configuration)
  let places: [SIMD2<Double>] = [SIMD2(3, 4.4), SIMD2(-149, 100), SIMD2(500, 0), SIMD2(-60.5, -170)]
  for place in places {
    let found = map.nearest(6, to: place, within: 60, roads: false)
    func distance(_ piece: RoadMap.Piece) -> Double {
      piece.points.map { ($0.position.xy - place).length }.min() ?? .infinity
    }
    // The plain way: every piece.
    let all = map.pieces.map(distance).filter { $0 <= 60 }.sorted()
    #expect(found.map(distance) == Array(all.prefix(6)))
  }
  #expect(map.nearest(6, to: SIMD2<Double>(0, 0), within: 60, roads: true).isEmpty)
  #expect(map.nearest(6, to: SIMD2<Double>(.nan, 0), within: 60, roads: false).isEmpty)
}

@Test func piecesCoverTheirLineAndCurveAsItDoes() throws {
  let configuration = try smallConfiguration()
  // A circle of 25 m: curvature 0.04 all along, heading along the tangent.
  let circle = (0..<80).map { k -> SIMD2<Double> in
    let angle = Double(k) * 0.04
    return SIMD2(25 * cos(angle), 25 * sin(angle))
  }
  let map = RoadMap(
    lines: [RoadLine(kind: .laneCenter, points: RoadMap.roadPoints(circle))], configuration: configuration)
  var length = 0.0
  for piece in map.pieces {
    #expect(piece.points.count <= 6 && piece.points.count >= 2)
    for (a, b) in zip(piece.points, piece.points.dropFirst()) {
      length += (b.position - a.position).length
      #expect(abs((b.position - a.position).length - 3) < 0.2)
    }
    for point in piece.points.dropFirst().dropLast() {
      #expect(abs(point.curvature - 0.04) < 1e-3)
      let tangent = atan2(point.position.y, point.position.x) + .pi / 2
      #expect(abs(wrapAngle(point.heading - tangent)) < 0.03)
    }
  }
  #expect(abs(length - 79 * 0.04 * 25) < 0.3)
}

@Test func bilinearSamplesByHand() {
  let grid = BEVGrid(minimumX: -2, minimumY: -2, cellSize: 1, countX: 4, countY: 4)
  // Two channels: i and 10 j at the centres of cells.
  let values: [Float] = (0..<16).map { Float($0 / 4) } + (0..<16).map { Float(10 * ($0 % 4)) }
  let pose = RigidTransform(rotation: Quaternion(yaw: .pi / 2), translation: SIMD3(100, 50, 3))
  values.withUnsafeBufferPointer { buffer in
    let bev = BEVFeatures(channels: 2, grid: grid, values: buffer, globalFromEgo: pose)
    func sample(_ x: Double, _ y: Double) -> [Float]? {
      // The second of three places: what lies beside it does not count.
      let places = [SIMD2(0.5, 0.5), SIMD2(x, y), SIMD2(-9, 0)].map { (pose * SIMD3($0.x, $0.y, 0)).xy }
      let samples = bev.sample(at: places)
      #expect(samples.isInside[0] && !samples.isInside[2] && samples.values[4...] == [0, 0])
      return samples.isInside[1] ? Array(samples.values[2..<4]) : nil
    }
    func expect(_ x: Double, _ y: Double, _ wanted: [Float]) {
      let found = sample(x, y) ?? []
      #expect(found.count == 2 && worstDifference(found, wanted) < 1e-5, "\(x), \(y): \(found)")
    }
    expect(-0.5, 0.5, [1, 20])  // the centre of cell (1, 2)
    expect(0, 0.25, [1.5, 17.5])
    expect(-2 + 1e-9, 1.9, [0, 30])  // beyond the last centres: the border cells' own
    #expect(sample(2.01, 0) == nil && sample(0, -2.01) == nil)
  }
}

@Test func neighboursAreTheNearestOthers() throws {
  let configuration = try smallConfiguration()
  let scene = TestScene()
  let agents = scene.agents(TestScene.frames - 1)
  let conditions = try scene.conditions(configuration)
  let width = ConditionLayout.neighbourFeatures(configuration)
  for (agent, c) in zip(agents, conditions) {
    let others = agents.filter { $0.id != agent.id }
      .sorted { ($0.position - agent.position).length < ($1.position - agent.position).length }
    for slot in 0..<4 {
      #expect(c.neighbourMask[slot])
      let now = slot * width + 3 * 4
      let local = (others[slot].position - agent.position).rotated(by: -agent.heading) / 20
      #expect(abs(Double(c.neighbours[now]) - local.x) < 1e-6)
      #expect(abs(Double(c.neighbours[now + 1]) - local.y) < 1e-6)
    }
    // The route is the ego's alone.
    #expect(c.polylineMask[configuration.polylines - 1] == (agent.kind == .ego))
  }
  // Without a map and features all of that is masked.
  let bare = try scene.builder(configuration, hasMap: false).conditions(of: agents)
  #expect(bare.allSatisfy { !$0.hasPlace && !$0.polylineMask.contains(true) && !$0.pathMask.contains(1) })
}

@Test(.enabled(if: RealData.has("nuscenes-mini-traffic"), "shared/data/nuscenes-mini-traffic is not here"))
func annotationsAreEnoughForForecasts() throws {
  let root = RealData.path("nuscenes-mini-traffic")
  let dataset = try Dataset(root: root)
  let configuration = try RefinerConfiguration(bevChannels: 0)
  let refiner = try TrajectoryRefiner(
    configuration: configuration, weights: firstWeights(configuration), options: .init(threads: 2))
  let scene = try dataset.scene(named: dataset.sceneNames[0])
  let map = RoadMap(
    layers: try dataset.mapLayers(location: scene.location), configuration: configuration)
  #expect(map.pieces.count > 1000)
  var forecaster = AnnotationForecaster(for: refiner, scene: scene.name, map: map)
  var corrections = KinematicCorrections()
  var wanted = 0, found: [Forecast] = []
  for keyframe in scene.keyframes.prefix(12) {
    let annotations = try dataset.annotations(sample: keyframe.token)
    wanted += annotations.filter { $0.category.hasPrefix("vehicle.") && $0.previousToken != nil }.count
    let pose = scene.egoPoses.last { $0.timestampMicroseconds <= keyframe.timestampMicroseconds }
    let result = try forecaster.forecasts(
      at: keyframe, annotations: annotations, globalFromEgo: pose?.globalFromEgo, with: refiner)
    found += result.forecasts
    corrections = corrections + result.corrections
    // An untrained refiner begins every mode at the vehicle.
    for forecast in result.forecasts {
      let box = try #require(annotations.first { $0.instanceToken == forecast.instanceToken }).box
      for mode in forecast.trajectories.modes { #expect((mode[0] - box.center.xy).length < 26) }
    }
  }
  #expect(found.count == wanted && wanted > 50)
  print("\(scene.name): \(found.count) forecasts, \(corrections)")
}
