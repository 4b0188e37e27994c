import Evaluation
import Foundation
import Geometry
import Scenes
import Testing

@Suite struct PlanScoreTests {
  private let start = RigidTransform.identity
  private let nothing = [[PlanScore.Obstacle]](repeating: [], count: 41)

  /// Straight on along x at a speed, eight steps of 0.5 s.
  private func straight(_ speed: Double) -> [SIMD2<Double>] {
    (1...8).map { SIMD2(0.5 * speed * Double($0), 0) }
  }

  private func box(_ x: Double, _ y: Double, isRoadUser: Bool = true) -> PlanScore.Obstacle {
    PlanScore.Obstacle(
      box: Box3D(center: SIMD3(x, y, 0), size: SIMD3(2, 4, 1.5), rotation: .identity), isRoadUser: isRoadUser)
  }

  private func parts(
    _ plan: [SIMD2<Double>], recordedSpeed: Double = 5, obstacles: [[PlanScore.Obstacle]]? = nil,
    area: DrivableArea? = nil
  ) -> PlanScore.Parts {
    PlanScore.parts(
      plan: plan, start: start, recorded: [.zero] + straight(recordedSpeed), obstacles: obstacles ?? nothing,
      area: area)
  }

  @Test func theScoreIsTheProductTimesTheWeightedMean() {
    // 0.5 · 1 · (5 · 0.6 + 5 · 0 + 2 · 1) / 12 = 0.5 · 5 / 12.
    let parts = PlanScore.Parts(noCollision: 0.5, timeToCollision: 0, progress: 0.6, comfort: 1)
    #expect(abs(parts.score - 2.5 / 12) < 1e-12)
    #expect(PlanScore.Parts(drivable: 0).score == 0 && PlanScore.Parts().score == 1)
  }

  @Test func theRecordedDriveOnAnEmptyRoadScoresOne() {
    #expect(parts(straight(5)).score == 1)
  }

  @Test func halfTheWayIsHalfTheProgress() {
    // 10 m of 20 m.
    let half = parts(straight(2.5))
    #expect(abs(half.progress - 0.5) < 1e-12)
    // A recorded drive of less than 5 m asks for none.
    #expect(parts(straight(0), recordedSpeed: 1).progress == 1)
    // Farther than the recorded drive is no more than 1.
    #expect(parts(straight(9)).progress == 1)
  }

  @Test func runningIntoACarIsTheEndIntoAnObjectHalf() {
    // A car of 4 m at 15 m: its near side at 13 m is reached by the ego's front, 2.54 m ahead, at 10.5 m of 20.
    #expect(parts(straight(5), obstacles: nothing.map { _ in [box(15, 0)] }).noCollision == 0)
    #expect(
      parts(straight(5), obstacles: nothing.map { _ in [box(15, 0, isRoadUser: false)] }).noCollision == 0.5)
    #expect(parts(straight(5), obstacles: nothing.map { _ in [box(15, 5)] }).noCollision == 1)
  }

  @Test func beingHitFromBehindIsNoFault() {
    // A car comes from behind at 15 m/s and is upon the ego (5 m/s) at the end.
    let looks = (0...40).map { k in [box(-35 + 1.5 * Double(k), 0)] }
    let hit = parts(straight(5), obstacles: looks.map { looks in looks.filter { $0.box.center.x < 18 } })
    #expect(hit.noCollision == 1)
    // Standing, too, and from ahead.
    #expect(
      parts([SIMD2<Double>](repeating: .zero, count: 8), obstacles: nothing.map { _ in [box(3, 0)] })
        .noCollision == 1)
  }

  @Test func aNearMissShowsInTheTimeToCollision() {
    // The ego stops 1 m short of the car at the speed of 5 m/s until the step before: within a second it would be there.
    let plan = (1...8).map { SIMD2(min(2.5 * Double($0), 9.4), 0) }
    let miss = parts(plan, obstacles: nothing.map { _ in [box(15, 0)] })
    #expect(miss.noCollision == 1 && miss.timeToCollision == 0)
    let far = parts(plan, obstacles: nothing.map { _ in [box(30, 0)] })
    #expect(far.timeToCollision == 1)
  }

  @Test func aCornerOffTheRoadIsOff() throws {
    func road(_ half: Double) throws -> DrivableArea {
      let outline = Polygon([SIMD2(-9, -half), SIMD2(99, -half), SIMD2(99, half), SIMD2(-9, half)])
      return try #require(DrivableArea([MapLayer(name: "drivable_area", areas: [.init(outline: outline)])]))
    }
    // The ego is 1.85 m wide.
    #expect(parts(straight(5), area: try road(0.93)).drivable == 1)
    #expect(parts(straight(5), area: try road(0.92)).drivable == 0)
  }

  @Test func hardBrakingIsNotComfortable() {
    // From 10 m/s to 7.9 in half a second is -4.2 m/s²: above 4.05. To 8.0 is -4.0, but the jerk is 8 m/s³ then; braking
    // that begins with the first step has no jerk.
    func plan(_ slowdown: Double) -> [SIMD2<Double>] {
      var x = 0.0
      return (0..<8).map { k in
        x += 0.5 * max(0, 10 - slowdown * Double(k))
        return SIMD2(x, 0)
      }
    }
    #expect(PlanScore.isComfortable([.zero] + plan(1), yaw: 0))
    #expect(!PlanScore.isComfortable([.zero] + plan(2.1), yaw: 0))
    #expect(PlanScore.isComfortable([.zero] + straight(10), yaw: 0))
    // A turn of 1 rad/s at 1 m/s passes the bound on the yaw rate, 0.95 rad/s.
    let circle = (0...8).map { k -> SIMD2<Double> in SIMD2(sin(0.5 * Double(k)), 1 - cos(0.5 * Double(k))) }
    #expect(!PlanScore.isComfortable(circle, yaw: 0))
  }
}
