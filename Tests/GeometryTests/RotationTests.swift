import Foundation
import Geometry
import Testing

@Suite struct RotationTests {
  private func quaternion(_ v: ArraySlice<Double>) -> Quaternion {
    let a = Array(v)
    return Quaternion(w: a[0], x: a[1], y: a[2], z: a[3])
  }

  /// Two quaternions are one rotation where they agree up to sign; a dozen operations in Double lose about 1e-15.
  private func distance(_ a: Quaternion, _ b: Quaternion) -> Double {
    let plus = zip(a.wxyz, b.wxyz).map { abs($0 - $1) }.max() ?? .infinity
    let minus = zip(a.wxyz, b.wxyz).map { abs($0 + $1) }.max() ?? .infinity
    return min(plus, minus)
  }

  @Test func productsRotationsAndYawsEqualScipys() {
    for row in Golden.rotations {
      let a = quaternion(row[0..<4])
      let b = quaternion(row[4..<8])
      #expect(distance(a * b, quaternion(row[8..<12])) < 1e-14)
      let v = SIMD3(row[12], row[13], row[14])
      #expect((a.rotate(v) - SIMD3(row[15], row[16], row[17])).length < 1e-13)
      #expect(abs(a.yaw - row[18]) < 1e-13)
      #expect(abs(a.angle(to: b) - row[19]) < 1e-13)
      #expect((a.inverse.rotate(a.rotate(v)) - v).length < 1e-13)
    }
  }

  @Test func slerpEqualsScipys() {
    for row in Golden.slerps {
      let between = quaternion(row[0..<4]).slerp(to: quaternion(row[4..<8]), at: row[8])
      #expect(distance(between, quaternion(row[9..<13])) < 1e-12)
    }
  }

  @Test func slerpTakesTheShorterArcAndKeepsItsEnds() {
    let a = Quaternion(yaw: 0.2)
    let b = Quaternion(yaw: 0.8)
    let opposite = Quaternion(w: -b.w, x: -b.x, y: -b.y, z: -b.z)
    #expect(abs(a.slerp(to: opposite, at: 0.5).yaw - 0.5) < 1e-14)
    #expect(distance(a.slerp(to: b, at: 0), a) < 1e-15)
    #expect(distance(a.slerp(to: b, at: 1), b) < 1e-15)
    #expect(distance(a.slerp(to: a, at: 0.3), a) < 1e-15)
    // Nearly equal rotations do not divide by 0.
    #expect(abs(a.slerp(to: Quaternion(yaw: 0.2 + 1e-9), at: 0.5).yaw - 0.2) < 1e-8)
  }

  @Test func matricesGoThereAndBack() {
    for row in Golden.rotations {
      let a = quaternion(row[0..<4])
      #expect(distance(Quaternion(rows: a.matrix), a) < 1e-14)
      let v = SIMD3(row[12], row[13], row[14])
      let m = a.matrix
      #expect((SIMD3(m.0.dot(v), m.1.dot(v), m.2.dot(v)) - a.rotate(v)).length < 1e-13)
    }
    // Each of Shepperd's four cases: half turns about the axes have a trace of -1.
    for axis in [SIMD3(1.0, 0, 0), SIMD3(0.0, 1, 0), SIMD3(0.0, 0, 1)] {
      let half = Quaternion(angle: .pi, axis: axis)
      #expect(distance(Quaternion(rows: half.matrix), half) < 1e-14)
    }
  }

  @Test func quarterTurnsAreAsOneDrawsThem() {
    let left = Quaternion(yaw: .pi / 2)
    #expect((left.rotate(SIMD3(1, 0, 0)) - SIMD3(0, 1, 0)).length < 1e-15)
    let noseUp = Quaternion(angle: -.pi / 2, axis: SIMD3(0, 2, 0))
    #expect((noseUp.rotate(SIMD3(1, 0, 0)) - SIMD3(0, 0, 1)).length < 1e-15)
    // b first, then a.
    let both = left * noseUp
    #expect((both.rotate(SIMD3(0, 1, 0)) - SIMD3(-1, 0, 0)).length < 1e-15)
  }

  @Test func anglesWrapToTheHalfOpenTurn() {
    #expect(wrapAngle(.pi) == -.pi)
    #expect(abs(wrapAngle(3 * .pi / 2) + .pi / 2) < 1e-15)
    #expect(abs(wrapAngle(-7) - (2 * .pi - 7)) < 1e-15)
    for k in -50...50 {
      let a = wrapAngle(Double(k) * 0.37)
      #expect(a >= -.pi && a < .pi)
      #expect(abs(sin(a) - sin(Double(k) * 0.37)) < 1e-13)
    }
  }
}

@Suite struct TransformTests {
  private let globalFromEgo = RigidTransform(rotation: Quaternion(yaw: 0.7), translation: SIMD3(600, 1600, 1))
  private let egoFromLidar = RigidTransform(
    rotation: Quaternion(angle: 1.2, axis: SIMD3(1, 2, 3)), translation: SIMD3(0.9, 0, 1.8))

  @Test func chainsCancelByName() {
    let point = SIMD3(10.0, -4, 2)
    let oneByOne = globalFromEgo * (egoFromLidar * point)
    #expect(((globalFromEgo * egoFromLidar) * point - oneByOne).length < 1e-12)
  }

  @Test func inversesUndo() {
    let point = SIMD3(10.0, -4, 2)
    #expect((globalFromEgo.inverse * (globalFromEgo * point) - point).length < 1e-12)
    let nothing = egoFromLidar * egoFromLidar.inverse
    #expect(nothing.translation.length < 1e-14 && abs(abs(nothing.rotation.w) - 1) < 1e-14)
  }

  @Test func interpolationIsLinearAndSpherical() {
    let a = RigidTransform(rotation: Quaternion(yaw: 3.0), translation: SIMD3(0, 0, 0))
    let b = RigidTransform(rotation: Quaternion(yaw: -3.0), translation: SIMD3(4, 8, 2))
    let half = a.interpolated(to: b, at: 0.5)
    #expect((half.translation - SIMD3(2, 4, 1)).length < 1e-14)
    // The shorter way is through π.
    #expect(abs(abs(half.rotation.yaw) - .pi) < 1e-14)
    #expect(abs(wrapAngle(a.interpolated(to: b, at: 0.25).rotation.yaw - (3 + (2 * .pi - 6) / 4))) < 1e-14)
  }

  @Test func theFloatFormAgreesToFloatsPrecision() {
    let p = egoFromLidar.affine.apply(10, -4, 2)
    let q = egoFromLidar * SIMD3(10, -4, 2)
    // Three products of some ten metres: 1e-6 of each.
    #expect((SIMD3(Double(p.x), Double(p.y), Double(p.z)) - q).length < 1e-5)
  }
}
