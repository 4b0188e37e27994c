import Evaluation
import Files
import Geometry
import Results
import Scenes
import Testing

@Suite struct SceneBootstrapTests {
  private func box(_ x: Double, score: Double = 0.5) -> EvaluationBox {
    EvaluationBox(
      name: .car, center: SIMD3(x, 0, 0), size: SIMD3(2, 4, 2), yaw: 0, velocity: .zero, score: score,
      attribute: .vehicleMoving)
  }

  @Test func everyDrawHasAsManyScenes() {
    let draws = SceneBootstrap.draws(sceneCount: 7)
    #expect(draws.count == 200 && draws.allSatisfy { $0.reduce(0, +) == 7 })
    // 1400 draws of 7 scenes: 200 each on average, with a standard deviation of 13.
    for scene in 0..<7 {
      let times = draws.reduce(0) { $0 + $1[scene] }
      #expect((140...260).contains(times))
    }
    #expect(draws == SceneBootstrap.draws(sceneCount: 7))
  }

  @Test func aSceneTwiceIsAsTwoScenes() {
    // Two scenes, the second drawn twice, against the same with its frames written down twice.
    let truth = [[box(0), box(20)], [box(0), box(9)]]
    let results = [
      [box(0.3, score: 0.9), box(40, score: 0.7)], [box(0.4, score: 0.8), box(60, score: 0.2)],
    ]
    let drawn = DetectionMatches(truth: truth, results: results, sceneOfSample: [0, 1]).metrics(counts: [
      1, 2,
    ])
    let written = DetectionMetrics(truth: truth + [truth[1]], results: results + [results[1]])
    #expect(drawn == written)
    let once = DetectionMetrics(truth: truth, results: results)
    #expect(drawn != once)
    let all = DetectionMatches(truth: truth, results: results, sceneOfSample: [0, 1]).metrics()
    #expect(all == once)
  }

  @Test func aSceneLeftOutDoesNotCount() {
    let truth = [[box(0)], [box(9)]]
    let results = [[box(0)], [box(30)]]
    let matches = DetectionMatches(truth: truth, results: results, sceneOfSample: [0, 1])
    let first = matches.metrics(counts: [2, 0]).meanAveragePrecision(of: .car)
    #expect(abs(first - 1) < 1e-12)
    #expect(matches.metrics(counts: [0, 2]).meanAveragePrecision(of: .car) == 0)
  }

  @Test func theIntervalIsTheMiddle95Percent() throws {
    // 0 to 100: the 2.5 % and the 97.5 % quantile are 2.5 and 97.5.
    let values = (0...100).reversed().map { Double?.some(Double($0)) }
    let interval = try #require(SceneBootstrap.interval(values))
    #expect(interval.low == 2.5 && interval.high == 97.5)
    #expect(SceneBootstrap.interval([1, nil, nil]) == nil)
  }

  @Test func sumsAreAddedAsOftenAsDrawn() {
    let future = (1...12).map { SIMD2(Double($0), 0) }
    func scene(_ y: Double) -> ForecastMetrics {
      var metrics = ForecastMetrics()
      metrics.add(modes: [future.map { SIMD2($0.x, y) }], probabilities: [1], future: future)
      return metrics
    }
    var sums = ForecastMetrics()
    sums.add(scene(1), times: 3)
    sums.add(scene(5), times: 1)
    // (3 x 1 + 5) / 4 = 2; one missed of four at 2 m.
    #expect(sums.minimumAverageDisplacement[0] == 2 && sums.missRate[0] == 0.25 && sums.scored == 4)
  }
}

@Suite struct RunComparisonTests {
  private func metrics(_ map: Double, error: Double, seed: Int = 1, values: [Double] = []) -> JSONValue {
    .members([
      "detection": .members([
        "mean_ap": .number(map), "tp_errors": .members(["trans_err": .number(error)]), "frames": .integer(3),
      ]),
      "bootstrap": .members([
        "seed": .integer(seed), "resamples": .integer(values.count),
        "scenes": .array([.string("a"), .string("b")]),
        "figures": .members([
          "detection.mean_ap": .members(["values": .array(values.map { .number($0) })])
        ]),
      ]),
    ])
  }

  @Test func betterAndWorseDependOnTheFigure() throws {
    let comparison = RunComparison(metrics(0.5, error: 0.2), metrics(0.4, error: 0.1))
    let map = try #require(comparison.row("detection.mean_ap"))
    #expect(abs(map.regression - 0.1) < 1e-12 && abs(map.difference + 0.1) < 1e-12)
    let error = try #require(comparison.row("detection.tp_errors.trans_err"))
    #expect(abs(error.regression + 0.1) < 1e-12 && abs(error.difference + 0.1) < 1e-12)
    #expect(comparison.row("detection.frames")?.direction == .neither)
    #expect(comparison.rows.count == 3, "the bootstrap's own numbers are no figures")
  }

  @Test func differencesArePairedResampleByResample() throws {
    // B is better by 0.1 in every resample: the interval is a point, though both figures range widely.
    let a = metrics(0.5, error: 0, values: [0.1, 0.5, 0.9])
    let b = metrics(0.6, error: 0, values: [0.2, 0.6, 1.0])
    let interval = try #require(RunComparison(a, b).row("detection.mean_ap")?.interval)
    #expect(abs(interval.low - 0.1) < 1e-12 && abs(interval.high - 0.1) < 1e-12)
    // Reversed, it lies below 0.
    let reversed = try #require(RunComparison(b, a).row("detection.mean_ap")?.interval)
    #expect(abs(reversed.low + 0.1) < 1e-12)
  }

  @Test func otherDrawsGiveNoInterval() {
    let a = metrics(0.5, error: 0, values: [0.1, 0.5])
    let b = metrics(0.6, error: 0, seed: 2, values: [0.2, 0.6])
    #expect(RunComparison(a, b).row("detection.mean_ap")?.interval == nil)
  }

  @Test(arguments: [
    ("tracking.amota", RunComparison.Direction.higherIsBetter), ("tracking.amotp", .lowerIsBetter),
    ("forecasting.MissRateTopK_2.0.5", .lowerIsBetter), ("planning.at_horizon.l2_m.3s", .lowerIsBetter),
    ("planning.mean_to_horizon.collision_rate.1s", .lowerIsBetter), ("rays.ray_iou", .higherIsBetter),
    ("tracking.gt", .neither), ("detection.label_tp_errors.car.vel_err", .lowerIsBetter),
    ("end_to_end.vehicle.epa", .higherIsBetter), ("end_to_end.vehicle.agents", .neither),
  ])
  func figuresKnowTheirDirection(name: String, direction: RunComparison.Direction) {
    #expect(RunComparison.direction(of: name) == direction)
  }
}
