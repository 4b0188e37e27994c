import Evaluation
import Geometry
import Scenes
import Testing

@Suite struct PlanningMetricsTests {
  private func pose(_ x: Double, _ y: Double = 0, yaw: Double = 0) -> RigidTransform {
    RigidTransform(rotation: Quaternion(yaw: yaw), translation: SIMD3(x, y, 0))
  }

  /// The recorded drive goes 1 m a step along x.
  private var drive: [RigidTransform] { (1...6).map { pose(Double($0)) } }
  private let nothing = [[Polygon]](repeating: [], count: 6)

  private func square(_ x: Double, _ y: Double) -> Polygon {
    Box3D(center: SIMD3(x, y, 0), size: SIMD3(1, 1, 1), rotation: .identity).footprint
  }

  /// The plan is off by 0.1 m times the number of the step: 0.1, 0.2, .. 0.6 m.
  private func metrics() -> PlanningMetrics {
    var metrics = PlanningMetrics()
    let plan = (1...12).map { SIMD2(Double($0), 0.1 * Double($0)) }
    metrics.add(plan: plan, start: pose(0), future: drive, obstacles: nothing)
    return metrics
  }

  @Test func theTwoProtocolsGiveTheValueAndTheMean() throws {
    // At 1, 2, 3 s (steps 2, 4, 6): 0.2, 0.4, 0.6. Up to them: 0.3/2, 1.0/4, 2.1/6 = 0.15, 0.25, 0.35.
    let value = try #require(metrics().distances(.atHorizon))
    let mean = try #require(metrics().distances(.meanToHorizon))
    for (found, expected) in zip(value + mean, [0.2, 0.4, 0.6, 0.15, 0.25, 0.35]) {
      #expect(abs(found - expected) < 1e-12)
    }
    // One taken for the other must not pass.
    for (a, b) in zip(value, mean) { #expect(abs(a - b) > 0.04) }
    let json = metrics().json
    #expect(json["at_horizon"]?["l2_m"]?["3s"]?.numberValue == value[2])
    #expect(json["mean_to_horizon"]?["l2_m"]?["3s"]?.numberValue == mean[2])
  }

  @Test func aPlanThatRunsIntoABoxAtTheLastStepCollidesThere() {
    // At step 6 the plan is at (6, 3); the recorded drive at (6, 0) does not touch the box.
    var metrics = PlanningMetrics()
    let plan = (1...12).map { SIMD2(Double($0), 0.5 * Double($0)) }
    var obstacles = nothing
    obstacles[5] = [square(6, 3)]
    metrics.add(plan: plan, start: pose(0), future: drive, obstacles: obstacles)
    #expect(metrics.collisionRates(.atHorizon) == [0, 0, 1])
    let sixth = 1.0 / 6
    #expect(metrics.collisionRates(.meanToHorizon) == [0, 0, sixth])
  }

  @Test func whereTheRecordedDriveCollidesNothingIsCounted() {
    var metrics = PlanningMetrics()
    var obstacles = nothing
    obstacles[1] = [square(2, 0)]
    metrics.add(
      plan: (1...12).map { SIMD2(Double($0), 0) }, start: pose(0), future: drive, obstacles: obstacles)
    #expect(metrics.collisionRates(.atHorizon) == [0, 0, 0])
  }

  @Test func theFootprintTurnsWithThePlan() {
    // Driving along y the car reaches 0.5 + 4.084 / 2 = 2.542 m ahead along y and 0.925 m to the sides along x: a square
    // whose near side is 1.5 m off in x is not hit; one whose near side is 2.4 m ahead in y is.
    for (center, hit) in [(SIMD2(2.0, 1.0), 0.0), (SIMD2(0.0, 3.9), 1.0)] {
      var metrics = PlanningMetrics()
      var obstacles = nothing
      obstacles[1] = [square(center.x, center.y)]
      metrics.add(
        plan: (1...12).map { SIMD2<Double>(0, 0.5 * Double($0)) }, start: pose(0, yaw: .pi / 2),
        future: (1...6).map { pose(50, Double($0)) }, obstacles: obstacles)
      #expect(metrics.collisionRates(.atHorizon) == [hit, 0, 0])
    }
  }

  @Test func withoutThreeSecondsAheadNothingIsScored() {
    var metrics = PlanningMetrics()
    metrics.add(
      plan: (1...12).map { SIMD2(Double($0), 0) }, start: pose(0), future: Array(drive.prefix(5)),
      obstacles: Array(nothing.prefix(5)))
    #expect(metrics.plans == 1 && metrics.scored == 0 && metrics.distances(.atHorizon) == nil)
    #expect(metrics.json["at_horizon"]?["l2_m"] == .null)
  }
}

@Suite struct EndToEndAccuracyTests {
  private func line(from x: Double, y: Double = 0) -> [SIMD2<Double>] {
    (1...12).map { SIMD2(x + Double($0), y) }
  }

  @Test func hitsMinusHalfTheFalsePositivesOverAgents() {
    // Three agents: found and hit; found but 3 m off at the end; not found. One forecast of nothing.
    // EPA = (1 - 0.5 x 1) / 3; minFDE = (0 + 3) / 2; minADE = (0 + 3) / 2.
    var accuracy = EndToEndAccuracy()
    accuracy.add(
      truth: [0, 20, 40].map { .init(center: SIMD2($0, 0), future: line(from: $0)) },
      results: [
        .init(center: SIMD2(0.5, 0), modes: [line(from: 9), line(from: 0)]),
        .init(center: SIMD2(20, 1), modes: [line(from: 20, y: 3)]),
        .init(center: SIMD2(70, 0), modes: [line(from: 70)]),
      ])
    let epa = 0.5 / 3
    #expect(accuracy.accuracy == epa)
    #expect(accuracy.minimumFinalDisplacement == 1.5 && accuracy.minimumAverageDisplacement == 1.5)
    #expect(accuracy.agents == 3 && accuracy.matched == 2 && accuracy.falsePositives == 1)
  }

  @Test func agentsWithoutAFutureCountNeitherWay() {
    var accuracy = EndToEndAccuracy()
    accuracy.add(
      truth: [.init(center: .zero, future: Array(line(from: 0).prefix(11)))],
      results: [.init(center: .zero, modes: [line(from: 0)])])
    #expect(accuracy.accuracy == nil && accuracy.falsePositives == 0)
  }

  @Test func twoMetresAreNoMatch() {
    var accuracy = EndToEndAccuracy()
    accuracy.add(
      truth: [.init(center: .zero, future: line(from: 0))],
      results: [.init(center: SIMD2(2, 0), modes: [line(from: 0)])])
    #expect(accuracy.accuracy == -0.5 && accuracy.matched == 0)
  }
}

@Suite struct OffRoadRateTests {
  /// A square of 10 m with a hole of 2 m at its middle.
  private func area() throws -> DrivableArea {
    func ring(_ half: Double) -> Polygon {
      Polygon([SIMD2(-half, -half), SIMD2(half, -half), SIMD2(half, half), SIMD2(-half, half)])
    }
    return try #require(
      DrivableArea([MapLayer(name: "drivable_area", areas: [.init(outline: ring(5), holes: [ring(1)])])]))
  }

  @Test func modesThatLeaveOrCrossAHoleAreOff() throws {
    // Inside; through the hole between two points that lie inside; out at the end. Two of three are off.
    var rate = OffRoadRate()
    rate.add(
      modes: [
        [SIMD2(-4, 3), SIMD2(4, 3)], [SIMD2(-4, 0), SIMD2(4, 0)], [SIMD2(3, 3), SIMD2(6, 3)],
      ], area: try area())
    let (third, twoThirds) = (1.0 / 3, 2.0 / 3)
    #expect(abs((rate.rate ?? 9) - twoThirds) < 1e-12)
    rate.add(modes: [[SIMD2(2, 2), SIMD2(2, 4)]], area: try area())
    #expect(abs((rate.rate ?? 9) - third) < 1e-12)
  }

  @Test func aMapWithoutDrivableAreaIsNone() {
    #expect(DrivableArea([MapLayer(name: "lane")]) == nil)
  }
}
