import Foundation
import Geometry
import Testing
import TrajectoryRefiner

/// Highest curvature, lateral and longitudinal acceleration of a path by a check of its own: plain differences of
/// positions, no clamping and none of the limiter's code.
private func extremes(_ path: [SIMD2<Double>], start: Double?) -> (turn: Double, change: Double) {
  var heading = 0.0, speed = start, position = SIMD2<Double>.zero
  var worstTurn = 0.0, worstChange = 0.0
  for (k, p) in path.enumerated() {
    let way = p - position
    position = p
    let span = k == 0 ? 0.25 : 0.5
    var now = way.length / 0.5
    if way.length >= 0.05 {
      var turn = wrapAngle(atan2(way.y, way.x) - heading)
      if abs(turn) > .pi / 2 {
        turn = wrapAngle(turn + .pi)
        now = -now
      }
      heading += turn
      let mean = k == 0 ? abs(now) : (abs(now) + abs(speed ?? now)) / 2
      worstTurn = max(worstTurn, abs(turn) / (mean * span))
    } else if way.dot(SIMD2(cos(heading), sin(heading))) < 0 {
      now = -now
    }
    if let speed { worstChange = max(worstChange, abs(now - speed) / span) }
    speed = now
  }
  return (worstTurn, worstChange)
}

@Test func circleWithinTheLimitsStaysToTheBit() {
  // 5 m/s on a circle of 10 m: curvature 0.1, lateral 2.5 m/s².
  let path = (1...12).map { k -> SIMD2<Double> in
    let angle = 0.25 * Double(k)
    return SIMD2(10 * sin(angle), 10 - 10 * cos(angle))
  }
  var corrections = KinematicCorrections()
  #expect(KinematicLimits(.vehicle).limited(path, startSpeed: 5, corrections: &corrections) == path)
  #expect(corrections.checked == 1 && corrections.modes == 0)
}

@Test func standingTargetIsReachedByBrakingAlone() {
  // From 10 m/s to a mode that stands: 8.8 m/s² over half a step, then over whole ones.
  let still = [SIMD2<Double>](repeating: .zero, count: 12)
  var corrections = KinematicCorrections()
  let path = KinematicLimits(.vehicle).limited(still, startSpeed: 10, corrections: &corrections)
  #expect(abs(path[0].x - 0.5 * (10 - 2.2)) < 1e-12)
  #expect(abs(path[1].x - path[0].x - 0.5 * (7.8 - 4.4)) < 1e-12)
  #expect(path.allSatisfy { $0.y == 0 })
  #expect(corrections.modes == 1 && corrections.speeds >= 2 && corrections.curvatures == 0)
}

@Test func sharpCornerIsRounded() {
  var corner: [SIMD2<Double>] = []
  for k in 1...12 {
    corner.append(k <= 4 ? SIMD2<Double>(Double(2 * k), 0) : SIMD2<Double>(8, Double(2 * (k - 4))))
  }
  var corrections = KinematicCorrections()
  let path = KinematicLimits(.vehicle).limited(corner, startSpeed: 4, corrections: &corrections)
  #expect(corrections.curvatures > 0 && corrections.modes == 1)
  #expect(extremes(path, start: 4).turn <= 0.2 + 1e-6)
  // A walker turns such a corner.
  let slow = corner.map { $0 / 4 }
  var none = KinematicCorrections()
  #expect(KinematicLimits(.vulnerable).limited(slow, startSpeed: 1, corrections: &none) != corner)
  #expect(extremes(slow, start: 1).turn > 0.2)
}

@Test func limitsHoldAndLimitingTwiceChangesNothing() {
  var random = SystemRandomNumberGenerator()
  let seed = UInt64.random(in: 0..<1 << 32, using: &random)
  let key = NoiseKey(seed: seed, scene: "limits", agent: "", timestampMicroseconds: 0)
  var element = 0
  func next() -> Double {
    element += 1
    return Double(key.normal(element))
  }
  for trial in 0..<3000 {
    let kind = AgentKind.allCases[trial % 3]
    let limits = KinematicLimits(kind)
    let reach = kind == .vulnerable ? 1.0 : 5.0
    var p = SIMD2<Double>.zero
    let wild = (0..<12).map { _ -> SIMD2<Double> in
      p += SIMD2(next() * reach + reach / 2, next() * reach * 0.5)
      return p
    }
    let start: Double? = trial % 4 == 0 ? nil : next() * reach * 2
    var corrections = KinematicCorrections()
    let once = limits.limited(wild, startSpeed: start, corrections: &corrections)
    var again = KinematicCorrections()
    let twice = limits.limited(once, startSpeed: start, corrections: &again)
    #expect(twice == once && again.modes == 0, "seed \(seed), trial \(trial)")
    let worst = extremes(once, start: start)
    let bound = max(limits.maximumAcceleration, limits.maximumBraking)
    #expect(worst.turn <= limits.maximumCurvature + 1e-6, "seed \(seed), trial \(trial)")
    #expect(worst.change <= bound + 1e-6, "seed \(seed), trial \(trial)")
  }
}

@Test func mirroredPathIsLimitedToItsMirrorImage() {
  let key = NoiseKey(seed: 5, scene: "mirror", agent: "", timestampMicroseconds: 0)
  for trial in 0..<50 {
    var p = SIMD2<Double>.zero
    let path = (0..<12).map { k -> SIMD2<Double> in
      let (x, y) = (key.normal(24 * trial + 2 * k), key.normal(24 * trial + 2 * k + 1))
      p += SIMD2(Double(x) * 3 + 3, Double(y) * 3)
      return p
    }
    var a = KinematicCorrections(), b = KinematicCorrections()
    let left = KinematicLimits(.vehicle).limited(path, startSpeed: 4, corrections: &a)
    let right = KinematicLimits(.vehicle)
      .limited(path.map { SIMD2($0.x, -$0.y) }, startSpeed: 4, corrections: &b)
    #expect(a == b)
    for (l, r) in zip(left, right) { #expect(abs(l.x - r.x) < 1e-9 && abs(l.y + r.y) < 1e-9) }
  }
}
