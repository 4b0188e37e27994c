import Foundation
import Geometry
import TestKit
import Testing
import TrajectoryRefiner

/// The anchors that are shipped are those of the recorded traffic. Where they are to be made anew:
/// `APUS_WRITE_ANCHORS=1 swift test -c release -Xcc -ffp-contract=off --skip-build --filter
/// shippedAnchorsAreOfTheRecordedTraffic`, which writes `StandardAnchors.swift` from `../shared/data/nuscenes-mini-traffic`.
@Test(.enabled(if: RealData.has("nuscenes-mini-traffic"), "shared/data/nuscenes-mini-traffic is not here"))
func shippedAnchorsAreOfTheRecordedTraffic() throws {
  let root = RealData.path("nuscenes-mini-traffic")
  let futures = try RecordedTraffic(dataroot: root).futures()
  // Of vehicles alone 2,868 pairs have a past too; those here need none.
  #expect(futures[0].count > 2868 && futures[1].count > 500 && futures[2].count > 100)
  let anchors = try TrajectoryAnchors.clustered(futures, count: 20, seed: 1)
  if ProcessInfo.processInfo.environment["APUS_WRITE_ANCHORS"] != nil { try write(anchors) }
  #expect(TrajectoryAnchors.standard == anchors)
  #expect(try TrajectoryAnchors.clustered(futures, count: 20, seed: 1) == anchors)
  // Clustering is for something: the nearest anchor is nearer than standing still, by far.
  for kind in AgentKind.allCases {
    var nearest = 0.0, still = 0.0
    for future in futures[kind.rawValue] {
      let best = TrainingTarget.nearestAnchor(to: future, kind: kind, anchors: anchors)
      nearest += TrajectoryAnchors.meanDistance(anchors.modes[kind.rawValue][best], future)
      still += TrajectoryAnchors.meanDistance(anchors.modes[kind.rawValue][0], future)
    }
    let count = Double(futures[kind.rawValue].count)
    print("\(kind): \(Int(count)) futures, nearest anchor \(nearest / count) m, standing \(still / count) m")
    #expect(nearest < still / 3)
  }
  // Recorded motion is within the limits, but for annotators' noise.
  for kind in AgentKind.allCases {
    var corrections = KinematicCorrections()
    var shift = 0.0
    for future in futures[kind.rawValue] {
      let kept = KinematicLimits(kind).limited(future, startSpeed: nil, corrections: &corrections)
      shift = max(shift, TrajectoryAnchors.meanDistance(kept, future))
    }
    print("\(kind): \(corrections), moved by at most \(shift) m")
  }
}

private func write(_ anchors: TrajectoryAnchors) throws {
  var text = """
    extension TrajectoryAnchors {
      /// Twenty anchors a kind, clustered from the recorded traffic of the eight scenes of nuScenes' mini_train: all futures
      /// of six seconds, standing still first. In millimetres, two lines a mode: x and y of each step.
      ///
      /// Made by `AnchorTests` (`APUS_WRITE_ANCHORS=1`), which also holds it against the data where they are.
      public static let standard = TrajectoryAnchors(millimetres: [

    """
  for (kind, modes) in anchors.modes.enumerated() {
    text += "    // \(AgentKind.allCases[kind])\n"
    for mode in modes {
      let numbers = mode.flatMap { [Int(($0.x * 1000).rounded()), Int(($0.y * 1000).rounded())] }
      text += "    " + numbers.prefix(14).map { "\($0), " }.joined().dropLast() + "\n"
      text += "    " + numbers.dropFirst(14).map { "\($0), " }.joined().dropLast() + "\n"
    }
  }
  text += "  ])\n}\n"
  let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Sources/TrajectoryRefiner/StandardAnchors.swift")
  try text.write(to: source, atomically: true, encoding: .utf8)
}

@Test func anchorsAreWithinTheLimitsAlsoInSinglePrecision() throws {
  for kind in AgentKind.allCases {
    let limits = KinematicLimits(kind)
    for mode in TrajectoryAnchors.standard.modes[kind.rawValue] {
      #expect(limits.allows(mode, startSpeed: nil))
    }
    let single = try TrajectoryAnchors(tensor: TrajectoryAnchors.standard.tensor)
    for mode in single.modes[kind.rawValue] { #expect(limits.allows(mode, startSpeed: nil)) }
  }
  #expect(TrajectoryAnchors.standard.count == 20)
}

@Test func fewerAnchorsAreSomeOfThem() throws {
  let all = TrajectoryAnchors.standard
  let few = try all.reduced(to: 6)
  for kind in 0..<3 {
    #expect(few.modes[kind].count == 6 && few.modes[kind][0] == all.modes[kind][0])
    #expect(few.modes[kind].allSatisfy { all.modes[kind].contains($0) })
    #expect(Set(few.modes[kind]).count == 6)
  }
  #expect(throws: RefinerError.self) { try all.reduced(to: 21) }
}

@Test func clusteringByHand() {
  // Two heaps on a line; from 0 and 1 the first round gives means 0.5 and 7.75, and the second the heaps.
  let points = [[0.0], [1], [10], [11]]
  let first = KMeans.step(points, centers: [[0.5], [2]])
  #expect(first.assignment == [0, 0, 1, 1])
  #expect(first.centers == [[0.5], [10.5]])
  for seed in 0..<20 as Range<UInt64> {
    let result = KMeans(points, count: 2, seed: seed)
    #expect(result.centers.map { $0[0] }.sorted() == [0.5, 10.5])
  }
  // A centre without points stays; ties go to the first.
  let tied = KMeans.step([[1.0], [3]], centers: [[2], [2], [9]])
  #expect(tied.assignment == [0, 0])
  #expect(tied.centers == [[2], [2], [9]])
}
