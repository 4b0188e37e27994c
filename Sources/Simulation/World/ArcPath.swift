import Foundation
import Geometry

/// A place and a direction on the plane.
public struct PlanarPose: Sendable, Hashable {
  /// Metres.
  public var position: SIMD2<Double>
  /// Radians, counter-clockwise from x.
  public var heading: Double

  /// The pose at this place, facing this way.
  public init(position: SIMD2<Double>, heading: Double) {
    self.position = position
    self.heading = heading
  }

  /// The unit vector ahead.
  public var forward: SIMD2<Double> { SIMD2(cos(heading), sin(heading)) }
  /// The unit vector to the left.
  public var left: SIMD2<Double> { SIMD2(-sin(heading), cos(heading)) }

  /// The place `ahead` metres forward and `aside` metres to the left.
  public func point(ahead: Double, aside: Double) -> SIMD2<Double> {
    position + forward * ahead + left * aside
  }
}

/// A piece of constant curvature.
public struct Arc: Sendable, Hashable {
  /// Where it starts.
  public var start: PlanarPose
  /// 1/m, positive to the left.
  public var curvature: Double
  /// Metres.
  public var length: Double

  /// The arc with these properties.
  public init(start: PlanarPose, curvature: Double, length: Double) {
    self.start = start
    self.curvature = curvature
    self.length = length
  }

  /// The pose `s` metres along; beyond the ends the arc goes on.
  public func pose(at s: Double) -> PlanarPose {
    let heading = start.heading + curvature * s
    if abs(curvature) < 1e-9 {
      return PlanarPose(position: start.position + start.forward * s, heading: heading)
    }
    let dx = (sin(heading) - sin(start.heading)) / curvature
    let dy = (cos(start.heading) - cos(heading)) / curvature
    return PlanarPose(position: start.position + SIMD2(dx, dy), heading: heading)
  }

  /// The arc that starts at a pose and ends at a point.
  public init(from start: PlanarPose, to end: SIMD2<Double>) {
    let chord = end - start.position
    let sideways = start.forward.cross(chord)
    let squared = chord.dot(chord)
    let curvature = squared > 0 ? 2 * sideways / squared : 0
    let turn = 2 * atan2(sideways, start.forward.dot(chord))
    if abs(curvature) < 1e-7 {
      self.init(start: start, curvature: 0, length: chord.length)
    } else {
      self.init(start: start, curvature: curvature, length: turn / curvature)
    }
  }
}

/// A smooth line of arcs: what lanes and roads follow. Offsets of it are such lines again.
public struct ArcPath: Sendable, Hashable {
  /// The arcs, end to start.
  public let arcs: [Arc]
  /// Metres along at the start of each arc.
  public let starts: [Double]
  /// Metres in all.
  public let length: Double

  /// The path of these arcs; those without length are left out.
  /// - Precondition: one arc at least.
  public init(_ arcs: [Arc]) {
    precondition(!arcs.isEmpty, "a path of no arcs")
    let kept = arcs.filter { $0.length > 1e-6 }
    self.arcs = kept.isEmpty ? [arcs[0]] : kept
    var starts: [Double] = []
    var sum = 0.0
    for arc in self.arcs {
      starts.append(sum)
      sum += arc.length
    }
    self.starts = starts
    length = sum
  }

  /// Two arcs of equal tangent lengths from a pose to a pose.
  /// - Source: Bolton, "Biarc curves", Computer-Aided Design 1975.
  public init(from a: PlanarPose, to b: PlanarPose) {
    let v = b.position - a.position
    let t0 = a.forward
    let t1 = b.forward
    let t = t0 + t1
    let denominator = 2 * (1 - t0.dot(t1))
    let along = v.dot(t)
    let reach: Double
    if denominator < 1e-9 {
      reach = abs(v.dot(t1)) > 1e-9 ? v.dot(v) / (4 * v.dot(t1)) : v.length / 2
    } else {
      reach = (-along + (along * along + denominator * v.dot(v)).squareRoot()) / denominator
    }
    let joint = (a.position + b.position + (t0 - t1) * reach) / 2
    let first = Arc(from: a, to: joint)
    var second = Arc(from: first.pose(at: first.length), to: b.position)
    second.start.position = joint
    self.init([first, second])
  }

  /// The pose `s` metres along; straight on beyond the ends.
  public func pose(at s: Double) -> PlanarPose {
    if s < 0 {
      let p = arcs[0].start
      return PlanarPose(position: p.position + p.forward * s, heading: p.heading)
    }
    if s > length {
      let last = arcs[arcs.count - 1]
      let p = last.pose(at: last.length)
      return PlanarPose(position: p.position + p.forward * (s - length), heading: p.heading)
    }
    let k = arcIndex(s)
    return arcs[k].pose(at: s - starts[k])
  }

  /// The curvature `s` metres along, in 1/m.
  public func curvature(at s: Double) -> Double { s < 0 || s > length ? 0 : arcs[arcIndex(s)].curvature }

  /// The sharpest curvature's size, in 1/m.
  public var sharpest: Double { arcs.reduce(0) { max($0, abs($1.curvature)) } }

  /// The start's pose.
  public var start: PlanarPose { arcs[0].start }
  /// The end's pose.
  public var end: PlanarPose { pose(at: length) }

  /// The parallel path `aside` metres to the left.
  public func offset(_ aside: Double) -> ArcPath {
    ArcPath(
      arcs.map { arc in
        let scale = 1 - arc.curvature * aside
        return Arc(
          start: PlanarPose(position: arc.start.point(ahead: 0, aside: aside), heading: arc.start.heading),
          curvature: arc.curvature / scale, length: arc.length * scale)
      })
  }

  /// The same path driven the other way.
  public var reversed: ArcPath {
    ArcPath(
      arcs.reversed().map { arc in
        let end = arc.pose(at: arc.length)
        return Arc(
          start: PlanarPose(position: end.position, heading: end.heading + .pi), curvature: -arc.curvature,
          length: arc.length)
      })
  }

  /// This path and then another that starts where it ends.
  public func followed(by next: ArcPath) -> ArcPath { ArcPath(arcs + next.arcs) }

  /// Points from `from` to `to` metres along, at most `spacing` apart, ends included, `aside` metres to the left.
  public func points(from: Double, to: Double, spacing: Double, aside: Double = 0) -> [SIMD2<Double>] {
    let count = max(1, Int(((to - from) / spacing).rounded(.up)))
    return (0...count).map { k in
      pose(at: from + (to - from) * Double(k) / Double(count)).point(ahead: 0, aside: aside)
    }
  }

  /// Points of the whole path.
  public func points(spacing: Double, aside: Double = 0) -> [SIMD2<Double>] {
    points(from: 0, to: length, spacing: spacing, aside: aside)
  }

  /// Where the path passes nearest to a point, and how far to its left the point lies.
  public func project(_ point: SIMD2<Double>) -> (along: Double, aside: Double) {
    var best = (along: 0.0, distance: Double.infinity)
    for (arc, start) in zip(arcs, starts) {
      let along = min(max(nearest(on: arc, to: point), 0), arc.length)
      let distance = (arc.pose(at: along).position - point).length
      if distance < best.distance { best = (start + along, distance) }
    }
    let pose = pose(at: best.along)
    return (best.along, pose.left.dot(point - pose.position))
  }

  private func nearest(on arc: Arc, to point: SIMD2<Double>) -> Double {
    let v = point - arc.start.position
    if abs(arc.curvature) < 1e-7 { return arc.start.forward.dot(v) }
    let centre = arc.start.position + arc.start.left / arc.curvature
    let from = arc.start.position - centre
    let to = point - centre
    return atan2(from.cross(to), from.dot(to)) / arc.curvature
  }

  private func arcIndex(_ s: Double) -> Int {
    var k = arcs.count - 1
    while k > 0, starts[k] > s { k -= 1 }
    return k
  }
}
