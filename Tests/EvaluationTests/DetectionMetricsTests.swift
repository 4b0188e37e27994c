import Evaluation
import Geometry
import Scenes
import Testing

@Suite struct DetectionMetricsTests {
  private func box(
    _ name: DetectionClass = .car, x: Double = 0, yaw: Double = 0, score: Double = 0.5,
    velocity: SIMD2<Double> = .zero, attribute: BoxAttribute? = nil, size: SIMD3<Double> = SIMD3(2, 4, 2)
  ) -> EvaluationBox {
    EvaluationBox(
      name: name, center: SIMD3(x, 0, 0), size: size, yaw: yaw, velocity: velocity, score: score,
      attribute: attribute)
  }

  private func index(_ name: DetectionClass) -> Int { DetectionClass.allCases.firstIndex(of: name) ?? -1 }

  @Test func whatIsFoundExactlyScoresOne() {
    let metrics = DetectionMetrics(truth: [[box()], []], results: [[box()], []])
    for precision in metrics.averagePrecisions[index(.car)] { #expect(abs(precision - 1) < 1e-12) }
    #expect(metrics.errors[index(.car)] == [0, 0, 0, 0, 1], "truth without any attribute gives the error 1")
    #expect(metrics.averagePrecisions[index(.bus)] == [0, 0, 0, 0])
    #expect(abs(metrics.meanAveragePrecision - 0.1) < 1e-12)
  }

  @Test func aFalsePositiveBeforeTheHitHalvesPrecision() {
    // Precisions 0 and 1/2 at recalls 0 and 1: between them the precision at recall r is r / 2.
    let metrics = DetectionMetrics(truth: [[box()]], results: [[box(x: 30, score: 0.9), box(score: 0.4)]])
    let gains = (11...100).map { percent -> Double in max(0, Double(percent) / 200 - 0.1) }
    let expected = gains.reduce(0, +) / 90 / 0.9
    #expect(abs(metrics.averagePrecisions[index(.car)][2] - expected) < 1e-12)
  }

  @Test func aMatchMustBeNearerThanTheDistance() {
    let metrics = DetectionMetrics(truth: [[box()]], results: [[box(x: 1)]])
    #expect(metrics.averagePrecisions[index(.car)].map { $0 > 0.5 } == [false, false, true, true])
    #expect(abs((metrics.errors[index(.car)][0] ?? 9) - 1) < 1e-12)
  }

  @Test func ofEqualScoresTheLaterBoxCountsFirst() {
    // The second box takes the truth, though the first is nearer.
    let metrics = DetectionMetrics(truth: [[box()]], results: [[box(x: 0.1), box(x: 0.3)]])
    #expect(abs((metrics.errors[index(.car)][0] ?? 9) - 0.3) < 1e-12)
  }

  @Test func aBarrierLooksTheSameFromBehind() {
    for (name, expected) in [(DetectionClass.barrier, 0.0), (.car, .pi)] {
      let metrics = DetectionMetrics(truth: [[box(name, yaw: 0.2)]], results: [[box(name, yaw: 0.2 + .pi)]])
      #expect(abs((metrics.errors[index(name)][2] ?? 9) - expected) < 1e-9)
    }
  }

  @Test func errorsThatAClassDoesNotHaveAreAbsent() {
    let metrics = DetectionMetrics(truth: [[box(.trafficCone)]], results: [[box(.trafficCone)]])
    #expect(metrics.errors[index(.trafficCone)] == [0, 0, nil, nil, nil])
    #expect(metrics.json["label_tp_errors"]?["traffic_cone"]?["orient_err"] == .null)
    #expect(metrics.json["label_tp_errors"]?["barrier"]?["vel_err"] == .null)
  }

  @Test func unknownVelocitiesAreLeftOut() {
    let truth = [[box(velocity: SIMD2(.nan, .nan))], [box(velocity: SIMD2(1, 0))]]
    let results = [[box(score: 0.9, velocity: SIMD2(7, 7))], [box(score: 0.8, velocity: SIMD2(3, 0))]]
    let metrics = DetectionMetrics(truth: truth, results: results)
    // Up to recall 0.5 there is no velocity error (0 by the devkit's running mean), at 1 it is 2: linear in confidence.
    let error = metrics.errors[index(.car)][3] ?? 9
    #expect(error > 0 && error < 2)
  }

  @Test func attributesAndSizesAreMeasured() {
    let truth = box(attribute: .vehicleMoving)
    let half = box(attribute: .vehicleParked, size: SIMD3(1, 4, 2))
    let metrics = DetectionMetrics(truth: [[truth]], results: [[half]])
    #expect(metrics.errors[index(.car)][4] == 1)
    #expect(abs((metrics.errors[index(.car)][1] ?? 9) - 0.5) < 1e-12)
  }

  @Test func figuresStayInTheirRangesForRandomBoxes() {
    var seed: UInt64 = 42
    func random() -> Double {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(seed >> 11) / Double(1 << 53)
    }
    for _ in 0..<30 {
      func sample() -> [EvaluationBox] {
        (0..<Int(random() * 12)).map { _ in
          box(
            DetectionClass.allCases[Int(random() * 10)], x: random() * 20, yaw: random() * 7,
            score: (random() * 10).rounded() / 10, velocity: SIMD2(random(), .nan))
        }
      }
      let truth = (0..<8).map { _ in sample() }
      let metrics = DetectionMetrics(truth: truth, results: (0..<8).map { _ in sample() })
      #expect((0...1).contains(metrics.detectionScore), "seed 42")
      for values in metrics.averagePrecisions {
        #expect(values.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 + 0.2 })
      }
    }
  }
}

@Suite struct ForecastMetricsTests {
  private let future = (1...12).map { SIMD2(Double($0), 0) }

  private func shifted(_ y: Double, last: Double? = nil) -> [SIMD2<Double>] {
    future.enumerated().map { SIMD2($1.x, $0 == 11 ? last ?? y : y) }
  }

  @Test func theBestOfTheMostProbableModesCounts() {
    var metrics = ForecastMetrics()
    metrics.add(modes: [shifted(3), shifted(1), shifted(0)], probabilities: [0.5, 0.3, 0.2], future: future)
    #expect(metrics.minimumAverageDisplacement == [3, 0, 0])
    #expect(metrics.minimumFinalDisplacement == [3, 0, 0])
    #expect(metrics.missRate == [1, 0, 0])
    metrics.add(modes: [shifted(1, last: 1.9)], probabilities: [1], future: future)
    #expect(metrics.minimumFinalDisplacement == [(3 + 1.9) / 2, 0.95, 0.95])
    #expect(metrics.forecasts == 2 && metrics.scored == 2)
  }

  @Test func twoMetresAtOneStepAreAMiss() {
    for (offset, miss) in [(1.999, 0.0), (2.0, 1.0)] {
      var metrics = ForecastMetrics()
      metrics.add(modes: [shifted(0, last: offset)], probabilities: [1], future: future)
      #expect(metrics.missRate == [miss, miss, miss])
    }
  }

  @Test func withoutTwelveStepsAheadNothingIsScored() {
    var metrics = ForecastMetrics()
    metrics.add(modes: [shifted(0)], probabilities: [1], future: Array(future.dropLast()))
    #expect(metrics.forecasts == 1 && metrics.scored == 0)
    #expect(metrics.json["MinADEK"]?["1"] == .null)
  }

  @Test func ofEquallyProbableModesTheLaterIsTheFirst() {
    var metrics = ForecastMetrics()
    metrics.add(modes: [shifted(0), shifted(1)], probabilities: [0.5, 0.5], future: future)
    #expect(metrics.minimumAverageDisplacement == [1, 0, 0])
  }
}

@Suite struct VehicleRecallTests {
  @Test func theThresholdIsTheLowestWhereHalfIsRight() {
    let truth = [
      [
        VehicleRecall.Place(center: SIMD2(0, 0), counts: true),
        VehicleRecall.Place(center: SIMD2(10, 0), counts: true),
      ],
      [VehicleRecall.Place(center: SIMD2(5, 5))],
    ]
    func found(_ x: Double, _ y: Double, _ score: Double) -> VehicleRecall.Place {
      VehicleRecall.Place(center: SIMD2(x, y), score: score)
    }
    let results = [
      [found(0, 1.9, 0.9), found(20, 20, 0.8), found(30, 20, 0.7), found(10, 0, 0.5), found(0, 0, 0.2)],
      [found(5, 5, 0.6)],
    ]
    let recall = VehicleRecall(truth: truth, results: results)
    // By score: right, wrong, wrong, right (not counted), right, wrong: half right at 0.2 still.
    #expect(recall.vehicles == 2 && recall.found == 2)
    #expect(recall.scoreThreshold == 0.2 && recall.precision == 0.5)
    // With one more wrong box that is no longer so: 0.5 is the threshold.
    let worse = VehicleRecall(truth: truth, results: [results[0] + [found(40, 0, 0.2)], results[1]])
    #expect(worse.scoreThreshold == 0.5 && worse.found == 2 && worse.precision == 0.6)
    #expect(VehicleRecall(truth: [[]], results: [[]]).recall == nil)
  }
}
