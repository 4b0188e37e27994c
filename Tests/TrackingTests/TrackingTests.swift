import Foundation
import Geometry
import Scenes
import Testing
import Tracking

@Suite struct TrackingTests {
  private func detection(
    _ x: Double, _ y: Double, _ name: DetectionClass = .car, yaw: Double = 0, score: Double = 0.8,
    velocity: SIMD2<Double> = .zero
  ) -> Detection {
    Detection(
      name: name,
      box: Box3D(center: SIMD3(x, y, 0.8), size: SIMD3(1.9, 4.5, 1.6), rotation: Quaternion(yaw: yaw)),
      velocity: velocity, score: score)
  }

  @Test func aStraightDriveKeepsItsIdentityAndFindsItsVelocity() throws {
    var tracker = Tracker()
    var last: Track?
    for k in 0..<12 {
      let t = Double(k) * 0.5
      let noise = 0.1 * sin(Double(k) * 1.7)
      let frame = tracker.update(
        [detection(8 * t + noise, 2 + noise)], timestampMicroseconds: Int64(k) * 500_000)
      #expect(frame.tracks.count == 1 && frame.tracks[0].id == "1")
      last = frame.tracks[0]
    }
    let track = try #require(last)
    #expect((track.detection.velocity - SIMD2(8, 0)).length < 0.4)
    #expect((track.detection.box.center.xy - SIMD2(44, 2)).length < 0.3)
    #expect(track.age == 11 && track.detection.attribute == "vehicle.moving")
  }

  @Test func aCircleGivesItsTurnRate() throws {
    var tracker = Tracker()
    var last: Track?
    for k in 0..<20 {
      let angle = 0.2 * Double(k) * 0.5
      let p = SIMD2(20 * sin(angle), 20 - 20 * cos(angle))
      last =
        tracker.update([detection(p.x, p.y, yaw: angle)], timestampMicroseconds: Int64(k) * 500_000).tracks
        .first
    }
    let track = try #require(last)
    #expect(abs(track.turnRate - 0.2) < 0.06)
    #expect(abs(track.detection.velocity.length - 4) < 0.4)
  }

  @Test func unevenStepsGiveTheSameVelocity() throws {
    var tracker = Tracker()
    var last: Track?
    for (k, t) in [0.0, 0.1, 0.2, 0.7, 1.2, 1.3, 2.1, 2.6, 2.7, 3.2].enumerated() {
      last = tracker.update([detection(5 * t, 0)], timestampMicroseconds: Int64(t * 1e6)).tracks.first
      #expect(last?.id == "1", "step \(k)")
    }
    #expect((try #require(last).detection.velocity - SIMD2(5, 0)).length < 0.3)
  }

  @Test func crossingCarsKeepTheirIdentities() throws {
    var tracker = Tracker()
    for k in 0..<20 {
      let t = Double(k) * 0.5
      // Two lanes, 3.5 m apart, opposite ways; the order of the detections changes from frame to frame.
      let a = detection(-40 + 8 * t, 0, yaw: 0)
      let b = detection(40 - 8 * t, 3.5, yaw: .pi)
      let frame = tracker.update(k % 2 == 0 ? [a, b] : [b, a], timestampMicroseconds: Int64(k) * 500_000)
      #expect(frame.tracks.count == 2)
      for track in frame.tracks where k > 2 {
        #expect((track.detection.velocity.x > 0) == (track.id == "1"), "frame \(k)")
      }
      #expect(frame.trackOfDetection.map { $0?.id } == (k % 2 == 0 ? ["1", "2"] : ["2", "1"]))
    }
  }

  @Test func aGapIsBridgedAndALongOneEndsTheTrack() {
    var tracker = Tracker()
    for k in 0..<5 {
      _ = tracker.update([detection(4 * Double(k), 0)], timestampMicroseconds: Int64(k) * 500_000)
    }
    let missed = tracker.update([], timestampMicroseconds: 2_500_000)
    #expect(missed.tracks.map(\.id) == ["1"])
    #expect((missed.tracks[0].detection.box.center.x - 20).magnitude < 0.5)
    #expect(missed.tracks[0].detection.score < 0.8)
    let back = tracker.update([detection(24, 0)], timestampMicroseconds: 3_000_000)
    #expect(back.tracks.map(\.id) == ["1"])
    let gone = tracker.update([], timestampMicroseconds: 6_000_000)
    #expect(gone.tracks.isEmpty)
    let new = tracker.update([detection(36, 0)], timestampMicroseconds: 6_500_000)
    #expect(new.tracks.map(\.id) == ["2"])
  }

  @Test func aPersonDoesNotBecomeACar() {
    var tracker = Tracker(idPrefix: "scene-7-")
    _ = tracker.update([detection(0, 0, .pedestrian)], timestampMicroseconds: 0)
    let frame = tracker.update([detection(0.1, 0, .car)], timestampMicroseconds: 500_000)
    #expect(frame.tracks.map(\.id) == ["scene-7-2"])
  }

  @Test func aClassIsWhatMostScoresSay() throws {
    var tracker = Tracker()
    var last: Track?
    for (k, name) in [DetectionClass.car, .truck, .car, .car].enumerated() {
      last = tracker.update([detection(0, 0, name)], timestampMicroseconds: Int64(k) * 500_000).tracks.first
    }
    #expect(try #require(last).detection.name == .car && last?.id == "1")
  }

  @Test func aBoxTakenBackwardsIsTurnedAround() throws {
    var tracker = Tracker()
    var last: Track?
    for k in 0..<8 {
      last =
        tracker.update(
          [detection(4 * Double(k), 0, yaw: k % 3 == 0 ? .pi : 0)], timestampMicroseconds: Int64(k) * 500_000
        )
        .tracks.first
      if k > 3 { #expect(abs(try #require(last).detection.box.yaw) < 0.2, "frame \(k)") }
    }
  }

  @Test func detectedVelocitiesAreUsedWhereTheyAreWorthIt() throws {
    var tracker = Tracker(configuration: TrackerConfiguration(usesDetectedVelocity: true))
    let frame = tracker.update([detection(0, 0, velocity: SIMD2(10, 0))], timestampMicroseconds: 0)
    #expect((frame.tracks[0].detection.velocity - SIMD2(10, 0)).length < 0.5)
  }

  @Test func nonsenseIsLeftOutAndTimeMayStandStill() {
    var tracker = Tracker()
    let bad = [
      detection(.nan, 0), detection(.infinity, 1), detection(0, 0, yaw: .nan), detection(1, 1, score: .nan),
    ]
    let frame = tracker.update(bad + [detection(5, 5)], timestampMicroseconds: .min)
    #expect(frame.tracks.count == 1 && frame.trackOfDetection.compactMap(\.self).count == 1)
    #expect(tracker.update([detection(5, 5)], timestampMicroseconds: .max).tracks.count == 1)
    let again = tracker.update([detection(5, 5)], timestampMicroseconds: .max)
    #expect(again.tracks.allSatisfy { $0.detection.box.center.isFinite && $0.detection.velocity.x.isFinite })
    #expect(tracker.update([], timestampMicroseconds: 3).tracks.count <= 1)
  }

  @Test func theSameDetectionsGiveTheSameTracks() {
    func run() -> [[Track]] {
      var tracker = Tracker()
      var state: UInt64 = 42
      func random() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 11) / Double(1 << 53)
      }
      return (0..<30).map { k in
        let found = (0..<Int(random() * 40)).map { _ in
          detection(random() * 60, random() * 60, random() < 0.5 ? .car : .pedestrian, score: random())
        }
        return tracker.update(found, timestampMicroseconds: Int64(k) * 500_000).tracks
      }
    }
    let first = run()
    #expect(first == run())
    #expect(first.allSatisfy { Set($0.map(\.id)).count == $0.count })
  }
}
