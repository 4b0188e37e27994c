import Evaluation
import Geometry
import Scenes
import Testing

@Suite struct DetectionBreakdownTests {
  private func box(_ name: DetectionClass, _ x: Double, score: Double = 0) -> EvaluationBox {
    EvaluationBox(
      name: name, center: SIMD3(x, 0, 0), size: SIMD3(2, 4, 2), yaw: 0, velocity: .zero, score: score)
  }

  @Test func resultsCountFromTheScoreOfTheHighestF1() throws {
    // Cars at 0, 10, 20. By score: right, wrong, right, wrong, wrong, right. F1: 2/(1+3) = 0.5, 2/5, 4/6 = 0.667, 4/7,
    // 4/8, 6/9 = 0.667: of the equal ones the higher score, 0.7.
    let truth = [[box(.pedestrian, 50), box(.car, 0), box(.car, 10), box(.car, 20)]]
    let results = [
      [
        box(.car, 0.5, score: 0.9), box(.car, 100, score: 0.8), box(.car, 10, score: 0.7),
        box(.car, 110, score: 0.6), box(.car, 120, score: 0.5), box(.car, 20, score: 0.4),
      ]
    ]
    let matches = DetectionMatches(truth: truth, results: results, sceneOfSample: [0])
    let point = try #require(matches.bestOperatingPoint(ofClass: 0))
    #expect(point.score == 0.7)
    // Places are those among all boxes of the sample, the pedestrian before them included.
    #expect(point.matches.map(\.box) == [1, 2] && point.matches.map(\.distance) == [0.5, 0])
    let person = try #require(DetectionClass.allCases.firstIndex(of: .pedestrian))
    #expect(matches.bestOperatingPoint(ofClass: person) == nil)
  }

  @Test func resultsBelowTheScoreAreNoErrors() {
    // At 0.7 three results count: right, wrong, right. The wrong ones at 0.6 and 0.5 do not.
    let truth = [[box(.car, 0), box(.car, 10), box(.car, 20)], []]
    let results = [
      [box(.car, 0, score: 0.9), box(.car, 10, score: 0.7), box(.car, 110, score: 0.6)],
      [box(.car, 100, score: 0.8), box(.car, 120, score: 0.5)],
    ]
    let found = DetectionMatches(truth: truth, results: results, sceneOfSample: [0, 0]).resultsAtBestF1()
    #expect(found.map(\.sample) == [0, 1, 0] && found.map(\.isRight) == [true, false, true])
  }

  @Test func groupsCountTheirBoxes() {
    let truth: [DetectionBreakdown.Truth] = [
      .init(name: .car, distance: 9.99, visibility: "4", speed: 0, points: 300, foundWithin: 0.5),
      .init(name: .car, distance: 10, visibility: "4", speed: 12, points: 4, foundWithin: nil),
      .init(name: .bus, distance: 45, visibility: "", speed: .nan, points: 0, foundWithin: 1.5),
    ]
    let breakdown = DetectionBreakdown(truth, thresholds: [])
    func row(_ property: DetectionBreakdown.Property, _ name: String) -> DetectionBreakdown.Row? {
      breakdown.rows.first { $0.property == property && $0.name == name }
    }
    #expect(row(.className, "car")?.recall == 0.5 && row(.className, "car")?.translationError == 0.5)
    // A box on a bound belongs to the upper group.
    #expect(row(.distance, "0-10")?.recall == 1 && row(.distance, "10-20")?.recall == 0)
    #expect(row(.distance, "40+")?.truth == 1)
    #expect(row(.visibility, "80-100 %")?.truth == 2 && row(.visibility, "unknown")?.truth == 1)
    #expect(
      row(.speed, "0-0.5")?.truth == 1 && row(.speed, "10+")?.truth == 1 && row(.speed, "unknown")?.truth == 1
    )
    #expect(
      row(.points, "0-1")?.truth == 1 && row(.points, "1-5")?.recall == 0 && row(.points, "200+")?.recall == 1
    )
    // Each property counts every box once.
    for property in DetectionBreakdown.Property.allCases {
      let count = breakdown.rows.filter { $0.property == property }.reduce(0) { $0 + $1.truth }
      #expect(count == 3)
    }
  }
}

@Suite struct DetectionCurvesTests {
  @Test func binsHoldTheMeanScoreAndTheShareThatIsRight() {
    // Scores 0.91, 0.99 and 1 share the last bin: mean 2.9 / 3, two of three right. 0.1 belongs to the second bin.
    let bins = DetectionCurves.bins([(0.91, true), (0.99, false), (1, true), (0.1, false)])
    #expect(bins.map(\.count) == [1, 3])
    #expect(bins[0].score == 0.1 && bins[0].right == 0)
    let (mean, right) = (2.9 / 3, 2.0 / 3)
    #expect(abs(bins[1].score - mean) < 1e-12 && abs(bins[1].right - right) < 1e-12)
  }

  @Test func theCalibrationErrorIsWeighedByResults() {
    // One class: three results of mean score 0.9667 of which 2/3 are right, one of 0.1 that is wrong:
    // (3 x 0.3 + 1 x 0.1) / 4 = 0.25.
    func box(_ x: Double, _ score: Double) -> EvaluationBox {
      EvaluationBox(
        name: .car, center: SIMD3(x, 0, 0), size: SIMD3(2, 4, 2), yaw: 0, velocity: .zero, score: score)
    }
    let matches = DetectionMatches(
      truth: [[box(0, 0), box(10, 0)]],
      results: [[box(0, 0.91), box(90, 0.99), box(10, 1), box(80, 0.1)]], sceneOfSample: [0])
    let curves = DetectionCurves(matches)
    #expect(abs((curves.calibrationError ?? 9) - 0.25) < 1e-12)
    #expect(curves.classes.count == 1 && curves.classes[0].precisions[2].count == 101)
  }
}
