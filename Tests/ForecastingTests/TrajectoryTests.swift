import Forecasting
import Foundation
import Geometry
import Scenes
import Testing

@Suite struct TrajectoryTests {
  private func likeliest(_ state: MotionState) -> [SIMD2<Double>] { forecastTrajectories(state).modes[0] }

  @Test func whatMovesStraightGoesOnStraight() {
    let path = likeliest(MotionState(position: SIMD2(10, 20), heading: .pi / 2, speed: 6, turnRate: 0))
    #expect(path.count == 12)
    for (k, p) in path.enumerated() { #expect((p - SIMD2(10, 20 + 3 * Double(k + 1))).length < 1e-9) }
  }

  @Test func whatStandsGoesOnStanding() {
    let path = likeliest(MotionState(position: SIMD2(1, 2), heading: 1, speed: 0.5, turnRate: 0.3))
    #expect(path.allSatisfy { $0 == SIMD2(1, 2) })
  }

  @Test func whatBacksUpGoesOnBackwards() {
    let path = likeliest(MotionState(position: .zero, heading: 0, speed: -2, turnRate: 0))
    #expect(abs(path[11].x + 12) < 1e-9)
  }

  /// The heading turns by ω τ (1 - e^(-t/τ)) in all: the path's last direction shows it.
  @Test func aTurnDiesAwayWithItsTimeConstant() {
    let path = likeliest(MotionState(position: .zero, heading: 0, speed: 8, turnRate: 0.2))
    let last = path[11] - path[10]
    let expected = 0.2 * 2 * (1 - exp(-5.75 / 2))
    // The chord's direction is the heading half a step before its end; the midpoint rule errs by about 1e-3.
    #expect(abs(atan2(last.y, last.x) - expected) < 2e-3)
    let speed = last.length / 0.5
    #expect(abs(speed - 8) < 1e-3)
  }

  @Test func unbelievableTurnRatesAreLimited() {
    let a = likeliest(MotionState(position: .zero, heading: 0, speed: 8, turnRate: 5))
    let b = likeliest(MotionState(position: .zero, heading: 0, speed: 8, turnRate: 0.5))
    #expect(a == b)
  }

  @Test(arguments: [0.0, 0.5, 2, 3.9, 4, 15, -6])
  func probabilitiesSumToOneAndFallAndModesDiffer(_ speed: Double) {
    let all = forecastTrajectories(
      MotionState(position: SIMD2(600, 1600), heading: 2, speed: speed, turnRate: 0.1))
    #expect(abs(all.probabilities.reduce(0, +) - 1) < 1e-12)
    #expect(all.probabilities == all.probabilities.sorted(by: >))
    #expect(all.modes.count >= 10 && all.modes.count <= 25)
    #expect(Set(all.modes).count == all.modes.count)
    #expect(all.modes.allSatisfy { $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } })
    // One of them stops.
    #expect(all.modes.contains { ($0[11] - $0[10]).length < 1e-9 })
  }

  @Test func theSameMotionElsewhereGivesTheSamePathsMoved() {
    let here = MotionState(position: .zero, heading: 0, speed: 7, turnRate: 0.1)
    let there = MotionState(position: SIMD2(100, -50), heading: 1.1, speed: 7, turnRate: 0.1)
    for (a, b) in zip(forecastTrajectories(here).modes, forecastTrajectories(there).modes) {
      for (p, q) in zip(a, b) { #expect((p.rotated(by: 1.1) + SIMD2(100, -50) - q).length < 1e-9) }
    }
  }

  @Test func theEgosPlanFollowsItsPast() {
    let poses = (0...10).map { k -> EgoPose in
      let t = Double(k) * 0.1
      return EgoPose(
        timestampMicroseconds: Int64(k) * 100_000,
        globalFromEgo: RigidTransform(rotation: .identity, translation: SIMD3(5 * t, 0, 0)))
    }
    let plan = forecastEgo(poses: poses)
    #expect((plan.modes[0][11] - SIMD2(5 + 30, 0)).length < 1e-6)
    let alone = forecastEgo(poses: [poses[0]])
    #expect(alone.modes[0].allSatisfy { $0 == .zero })
  }

  @Test func aPedestrianMovesAlongItsVelocityAndACarAlongItsBox() {
    func track(_ name: DetectionClass, yaw: Double, velocity: SIMD2<Double>) -> Track {
      Track(
        id: "1",
        detection: Detection(
          name: name, box: Box3D(center: .zero, size: SIMD3(1, 1, 1), rotation: Quaternion(yaw: yaw)),
          velocity: velocity, score: 1))
    }
    let person = forecastTrajectories(of: track(.pedestrian, yaw: 1.5, velocity: SIMD2(1, 0)))
    #expect((person.trajectories.modes[0][11] - SIMD2(6, 0)).length < 1e-9)
    let car = forecastTrajectories(of: track(.car, yaw: 0.1, velocity: SIMD2(5, 0)))
    #expect((car.trajectories.modes[0][11] - SIMD2(30, 0).rotated(by: 0.1)).length < 1e-9)
    let reversing = forecastTrajectories(of: track(.car, yaw: .pi, velocity: SIMD2(2, 0)))
    #expect((reversing.trajectories.modes[0][11] - SIMD2(12, 0)).length < 1e-9)
  }
}

@Suite struct TruthForecasterTests {
  private func annotation(
    _ token: String, _ instance: String, _ category: String, x: Double, previous: String?, next: String? = nil
  ) -> Annotation {
    Annotation(
      token: token, sampleToken: "s", instanceToken: instance, category: category, attribute: nil,
      visibility: "",
      box: Box3D(center: SIMD3(x, 0, 0), size: SIMD3(2, 4, 1), rotation: .identity), lidarPointCount: 1,
      radarPointCount: 0, previousToken: previous, nextToken: next)
  }

  @Test func everyVehicleWithAPastAndNothingElseGetsAForecast() throws {
    var forecaster = TruthForecaster()
    let first = forecaster.forecasts(
      at: Keyframe(token: "s0", timestampMicroseconds: 1_000_000),
      annotations: [
        annotation("a0", "a", "vehicle.car", x: 0, previous: nil),
        annotation("b0", "b", "vehicle.bicycle", x: 0, previous: nil),
        annotation("c0", "c", "human.pedestrian.adult", x: 0, previous: nil),
      ])
    #expect(first.isEmpty)
    let second = forecaster.forecasts(
      at: Keyframe(token: "s1", timestampMicroseconds: 1_500_000),
      annotations: [
        annotation("d1", "d", "vehicle.truck", x: 0, previous: nil),
        annotation("b1", "b", "vehicle.bicycle", x: 1, previous: "b0"),
        annotation("c1", "c", "human.pedestrian.adult", x: 1, previous: "c0"),
        annotation("a1", "a", "vehicle.car", x: 5, previous: "a0"),
        annotation("e1", "e", "vehicle.car", x: 5, previous: "never seen"),
      ])
    #expect(second.map(\.instanceToken) == ["b", "a", "e"])
    #expect(second.allSatisfy { $0.sampleToken == "s1" })
    #expect((second[1].trajectories.modes[0][11] - SIMD2(5 + 60, 0)).length < 1e-9)
    // A past that was not given says nothing of a velocity.
    #expect((second[2].trajectories.modes[0][11] - SIMD2(5, 0)).length < 1e-9)
  }
}
