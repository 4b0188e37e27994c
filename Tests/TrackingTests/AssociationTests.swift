import Algorithms
import Foundation
import Geometry
import Scenes
import Testing
import Tracking

@Suite struct AssociationTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 32) | (state << 32)
    }
  }

  private func detection(
    _ position: SIMD2<Double>, _ name: DetectionClass, velocity: SIMD2<Double> = .zero, score: Double = 0.5
  ) -> Detection {
    Detection(
      name: name,
      box: Box3D(
        center: SIMD3(position.x, position.y, 1), size: SIMD3(1, 2, 1.5), rotation: Quaternion(yaw: 0)),
      velocity: velocity, score: score)
  }

  private func detections(_ count: Int, side: Double, _ random: inout Generator) -> [Detection] {
    (0..<count).map { k in
      let place = SIMD2.random(in: 0..<side, using: &random)
      let name = DetectionClass.allCases[k % DetectionClass.allCases.count]
      return detection(place, name, velocity: .random(in: -2..<2, using: &random))
    }
  }

  private func states(_ detections: [Detection], seconds: Double) -> [TrackState] {
    detections.enumerated().map { k, detection in
      var state = TrackState(id: "\(k + 1)", detection: detection, at: k, usesDetectedVelocity: k % 2 == 0)
      state.predict(seconds: seconds * Double(k % 4))
      return state
    }
  }

  private func allPairs(_ states: [TrackState], _ detections: [Detection]) -> Set<AssignmentPair> {
    var result: Set<AssignmentPair> = []
    for (row, state) in states.enumerated() {
      for (column, detection) in detections.enumerated() {
        let cost = state.gate.cost(of: detection.name, at: detection.box.center.xy)
        if cost.isFinite { result.insert(AssignmentPair(row: row, column: column, cost: cost)) }
      }
    }
    return result
  }

  @Test(arguments: [15.0, 60, 250]) func theSweepFindsEveryPairWithinGatesOnce(side: Double) {
    var random = Generator(state: 3)
    var found = 0
    for trial in 0..<20 {
      let states = states(detections(120, side: side, &random), seconds: 0.1 * Double(trial))
      let detections = detections(150, side: side, &random)
      let pairs = associationPairs(states.map(\.gate), detections)
      let expected = allPairs(states, detections)
      #expect(pairs.count == expected.count && Set(pairs) == expected, "trial \(trial)")
      #expect(expected.count < states.count * detections.count / 4, "gates leave a part")
      found += expected.count
    }
    #expect(found > 100)
  }

  /// A gate is a closed one: what lies right on it is found, what lies one step of a Double beyond is not.
  @Test func theSweepEndsWhereTheGateDoes() {
    for name in DetectionClass.allCases {
      for origin in [0.0, 1e-3, 637.1, -1234.56] {
        var state = TrackState(
          id: "1", detection: detection(SIMD2(origin, 0), name), at: 0, usesDetectedVelocity: false)
        // Two seconds: the distribution is wide, the class's distance is the gate; none: the distribution is.
        for seconds in [0.0, 2] {
          state.predict(seconds: seconds)
          for sign in [-1.0, 1] {
            var inside = 0.0
            var outside = 100.0
            while true {
              let middle = (inside + outside) / 2
              guard middle > inside, middle < outside else { break }
              let isInside = state.gate.cost(of: name, at: SIMD2(origin + sign * middle, 0)).isFinite
              if isInside { inside = middle } else { outside = middle }
            }
            let edges = [inside, outside].map { detection(SIMD2(origin + sign * $0, 0), name) }
            #expect(Set(associationPairs([state.gate], edges)) == allPairs([state], edges))
            #expect(
              associationPairs([state.gate], edges).contains { $0.column == 0 },
              "\(name) \(origin) \(seconds)")
          }
        }
      }
    }
  }

  @Test func whatIsNotFiniteIsPairedWithNothing() {
    let name = DetectionClass.car
    let state = TrackState(id: "1", detection: detection(.zero, name), at: 0, usesDetectedVelocity: false)
    let found = [
      detection(SIMD2(.nan, 0), name), detection(SIMD2(0, .infinity), name), detection(.zero, name),
      detection(.zero, name, velocity: SIMD2(.nan, 0)), detection(.zero, name, score: .nan),
    ]
    #expect(associationPairs([state.gate], found).map(\.column) == [2])
    #expect(associationPairs([], found).isEmpty && associationPairs([state.gate], []).isEmpty)
    var lost = state
    lost.predict(seconds: 1e200)
    #expect(associationPairs([lost.gate], [detection(.zero, name)]).allSatisfy { $0.cost.isFinite })
  }

  /// Hundreds of boxes, many within one another's gates: each detection's track is the one that lies there.
  @Test func tracksBelongToTheirDetections() {
    var random = Generator(state: 9)
    var tracker = Tracker(idPrefix: "s-")
    var identities: [String] = []
    for frame in 0..<10 {
      let found = detections(400, side: 120, &random)
      let result = tracker.update(found, timestampMicroseconds: Int64(frame) * 500_000)
      let owned = result.trackOfDetection.compactMap(\.self)
      #expect(result.trackOfDetection.count == found.count && owned.count == found.count)
      #expect(Set(owned.map(\.id)).count == owned.count, "one track, one detection")
      for (detection, track) in zip(found, owned) {
        #expect((track.detection.box.center.xy - detection.box.center.xy).length < 7)
      }
      let shown = Set(result.tracks)
      #expect(shown.count == result.tracks.count && owned.allSatisfy { shown.contains($0) })
      #expect(result.tracks.map(\.detection.score) == result.tracks.map(\.detection.score).sorted(by: >))
      identities += owned.map(\.id)
    }
    // Some were followed, some began.
    #expect(Set(identities).count > 400 && Set(identities).count < identities.count)
    #expect(identities.prefix(400) == (1...400).map { "s-\($0)" }[...])
  }
}
