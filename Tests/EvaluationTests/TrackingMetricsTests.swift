import Evaluation
import Scenes
import Testing

@Suite struct TrackingMetricsTests {
  /// A scene of keyframes half a second apart: `[track, x, score]` of each result, `[track, x]` of each true car.
  private func scene(_ truth: [[(Int, Double)]], _ results: [[(Int, Double, Double)]]) -> TrackedScene {
    TrackedScene(
      timestamps: truth.indices.map { 500_000 * Int64($0) },
      truth: truth.map { $0.map { TrackedBox(track: $0.0, name: .car, center: SIMD2($0.1, 0)) } },
      results: results.map {
        $0.map { TrackedBox(track: $0.0, name: .car, center: SIMD2($0.1, 0), score: $0.2) }
      })
  }

  private func car(_ scenes: TrackedScene...) -> TrackingMetrics.ClassFigures {
    let metrics = TrackingMetrics(scenes: scenes)
    return metrics.figures[TrackingMetrics.classes.firstIndex(of: .car) ?? 0]
  }

  private let stands: [[(Int, Double)]] = [[(0, 0)], [(0, 0)], [(0, 0)], [(0, 0)]]

  @Test func aPerfectTrackHasAMOTA1() {
    let figures = car(scene(stands, stands.map { _ in [(0, 0, 0.5)] }))
    #expect(figures.amota == 1 && figures.amotp == 0)
    #expect(figures.best?.recall == 1 && figures.best?.switches == 0 && figures.best?.longestGap == 0)
    #expect(figures.best?.mostlyTracked == 1 && figures.best?.truth == 4)
  }

  @Test func anotherTrackFromTheThirdKeyframeOnIsOneSwitch() {
    // Matches 3 (keyframes 1, 2, 4), switches 1 (keyframe 3): MOTA 1 - 1/4; recall counts both: 1.
    // The scores of the matches are the track means, all 0.5: three of four matched, so recalls above 0.75 are not reached.
    // r = 3/4 and MOTAR = 1 - (0 + 1 + 0 - 1/4 * 4) / 3 = 1; reached recalls: 0.1 + 0.9/39 k <= 0.75 for k <= 28: 29 of 40.
    let figures = car(
      scene(stands, [[(0, 0, 0.5)], [(0, 0, 0.5)], [(1, 0, 0.5)], [(1, 0, 0.5)]]))
    #expect(figures.best?.switches == 1 && figures.best?.truePositives == 3)
    #expect(figures.best?.mota == 0.75 && figures.best?.recall == 1 && figures.best?.motar == 1)
    #expect(figures.amota == 29.0 / 40)
    #expect(abs((figures.amotp ?? 9) - 11 * 2.0 / 40) < 1e-12)
  }

  @Test func whatMatchedBeforeIsKeptThoughAnotherIsNearer() {
    // In the second keyframe track 1 lies on the car, but track 0 had it and lies 1.5 m away still.
    let figures = car(scene([[(0, 0)], [(0, 0)]], [[(0, 0, 0.9)], [(1, 0, 0.9), (0, 1.5, 0.9)]]))
    #expect(figures.best?.switches == 0 && figures.best?.falsePositives == 1)
    #expect(figures.best?.motp == 0.75)
  }

  @Test func twoMetresAreNoMatch() {
    #expect(car(scene([[(0, 0)]], [[(0, 1.999, 0.9)]])).best?.recall == 1)
    let figures = car(scene([[(0, 0)]], [[(0, 2, 0.9)]]))
    #expect(figures.amota == 0 && figures.amotp == 2)
    #expect(figures.best?.recall == 0 && figures.best?.falseNegatives == 1 && figures.best?.switches == nil)
    #expect(figures.best?.mostlyLost == 1 && figures.best?.falseAlarms == 500)
  }

  @Test func lateFindsGapsAndFragmentations() {
    // One car over eight keyframes, found in the 3rd, 4th and 7th by a track that is elsewhere between: a gap of two in
    // the middle, two at the start, one at the end. Late by 2 x 0.5 s, longest gap 2 x 0.5 s, lost and found again once.
    let truth = [[(Int, Double)]](repeating: [(0, 0)], count: 8)
    let places = [50.0, 50, 0, 0, 50, 50, 0, 50]
    let figures = car(scene(truth, places.map { [(0, $0, 0.5)] }))
    #expect(figures.best?.initialization == 1 && figures.best?.longestGap == 1)
    #expect(figures.best?.fragmentations == 1)
    // MOTA 1 - (5 misses + 5 false positives) / 8 is below 0: clipped.
    #expect(figures.best?.mota == 0 && figures.best?.falsePositives == 5)
    // Eight keyframes, five false alarms: 62.5 a hundred.
    #expect(figures.best?.falseAlarms == 62.5)
  }

  @Test func keyframesWithoutBoxesOfTheClassAreNotCounted() {
    let figures = car(
      scene([[(0, 0)], [], [], []], [[(0, 0, 0.5), (1, 9, 0.5)], [], [], []]))
    #expect(figures.best?.falseAlarms == 100)
  }

  @Test func gapsOfTruthAreFilledAsTheDevkitFillsThem() {
    // The car is at 0, then (not annotated twice), then at 9: filled with exchanged weights, 6 and 3 instead of 3 and 6.
    let truth: [[(Int, Double)]] = [[(0, 0)], [], [], [(0, 9)]]
    let exchanged = car(scene(truth, [[(0, 0, 0.5)], [(0, 6, 0.5)], [(0, 3, 0.5)], [(0, 9, 0.5)]]))
    #expect(exchanged.best?.truth == 4 && exchanged.best?.recall == 1 && exchanged.best?.motp == 0)
    let straight = car(scene(truth, [[(0, 0, 0.5)], [(0, 3, 0.5)], [(0, 6, 0.5)], [(0, 9, 0.5)]]))
    #expect(straight.best?.recall == 0.5)
  }

  @Test func aTrackCountsWithItsMeanScore() {
    // The false track's mean score (0.5) is above the true one's (0.4), though its first box has a lower score: every
    // threshold that keeps the true track keeps the false one, so MOTAR = 1 - 2/2 = 0. Box scores would give above 0.
    let truth: [[(Int, Double)]] = [[(0, 0)], [(0, 0)]]
    let figures = car(
      scene(truth, [[(0, 0, 0.4), (1, 20, 0.1)], [(0, 0, 0.4), (1, 20, 0.9)]]))
    #expect(figures.amota == 0 && figures.best?.falsePositives == 2)
  }

  @Test func tracksOfTwoScenesAreApart() {
    // The same numbers in another scene are other tracks: no switch, two tracks of truth.
    let one = scene([[(0, 0)]], [[(0, 0, 0.5)]])
    let other = scene([[(0, 5)]], [[(1, 5, 0.5)]])
    let figures = car(one, other)
    #expect(figures.best?.switches == 0 && figures.best?.mostlyTracked == 2)
  }

  @Test func aClassWithoutTruthHasNoFigures() {
    let metrics = TrackingMetrics(scenes: [scene([[]], [[(0, 0, 0.5)]])])
    #expect(metrics.amota == nil && metrics.figures.allSatisfy { $0.amotp == nil && $0.best == nil })
    #expect(metrics.json["label_metrics"]?["amota"]?["car"] == .null && metrics.json["ids"] == .null)
  }

  @Test func theSevenClassesAreInTheDevkitsOrder() {
    #expect(
      TrackingMetrics.classes.map(\.rawValue) == [
        "bicycle", "bus", "car", "motorcycle", "pedestrian", "trailer", "truck",
      ])
  }
}
