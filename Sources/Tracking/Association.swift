import Algorithms
import Foundation
import Geometry
import Scenes

/// Where the next detection of a track may lie, and how badly one fits there.
package struct AssociationGate: Sendable {
  /// The track's class and its group.
  let name: DetectionClass
  let group: Int
  /// Where the track is expected.
  let position: SIMD2<Double>
  /// Of a detection's position around it, on each axis, in m².
  private let variance: Double
  private let logarithmOfVariance: Double
  /// The farthest that the class allows, in metres.
  private let distance: Double

  init(name: DetectionClass, position: SIMD2<Double>, variance: Double, distance: Double) {
    self.name = name
    group = TrackerConfiguration.group(of: name)
    self.position = position
    self.variance = variance
    logarithmOfVariance = log(variance)
    self.distance = distance
  }

  /// Squared Mahalanobis distance of two components that holds 99 % of the distribution.
  private static let mahalanobisGate = 9.21

  /// The farthest that a detection of finite cost may lie, in metres, and a hair more, so that rounding cuts none off.
  var reach: Double { min(distance, (Self.mahalanobisGate * variance).squareRoot() * (1 + 1e-9)) }

  /// The squared Mahalanobis distance, the log of its scale, and a penalty for another class; infinite outside the gates
  /// (99 % of the distribution, and the class's distance) and for a class of another group.
  package func cost(of name: DetectionClass, at position: SIMD2<Double>) -> Double {
    guard TrackerConfiguration.group(of: name) == group else { return .infinity }
    let distance = (position - self.position).length
    let mahalanobis = distance * distance / variance
    guard distance <= self.distance, mahalanobis <= Self.mahalanobisGate else { return .infinity }
    return mahalanobis + 2 * logarithmOfVariance + (name == self.name ? 0 : 1)
  }
}

/// The pairs of tracks and detections that lie within gates, with their costs: rows are gates, columns detections.
///
/// Detections are sorted by group of classes and by x, so that each gate is held against few of them. Those that are
/// not finite are left out.
/// - Complexity: O((g + d) log d + pairs close in x) for g gates and d detections.
package func associationPairs(_ gates: [AssociationGate], _ detections: [Detection]) -> [AssignmentPair] {
  let sorted = detections.indices.filter { detections[$0].isFinite }.map {
    SweptDetection(
      name: detections[$0].name, group: TrackerConfiguration.group(of: detections[$0].name),
      position: detections[$0].box.center.xy, index: $0)
  }.sorted { ($0.group, $0.position.x, $0.index) < ($1.group, $1.position.x, $1.index) }
  var pairs: [AssignmentPair] = []
  pairs.reserveCapacity(2 * max(gates.count, detections.count))
  for (row, gate) in gates.enumerated() {
    let (x, y, reach) = (gate.position.x, gate.position.y, gate.reach)
    // A difference to x rises with its minuend in floating point too, so both ends of the sweep are exact.
    let start = partitionPoint(of: sorted.indices) {
      (sorted[$0].group, sorted[$0].position.x - x) >= (gate.group, -reach)
    }
    for found in sorted[start...] {
      guard found.group == gate.group, found.position.x - x <= reach else { break }
      guard abs(found.position.y - y) <= reach else { continue }
      let cost = gate.cost(of: found.name, at: found.position)
      if cost.isFinite { pairs.append(AssignmentPair(row: row, column: found.index, cost: cost)) }
    }
  }
  return pairs
}

/// A detection where a sweep along x meets it.
private struct SweptDetection {
  var name: DetectionClass
  var group: Int
  var position: SIMD2<Double>
  var index: Int
}

extension Detection {
  var isFinite: Bool {
    let q = box.rotation
    return box.center.isFinite && box.size.isFinite && velocity.x.isFinite && velocity.y.isFinite
      && score.isFinite
      && q.w.isFinite && q.x.isFinite && q.y.isFinite && q.z.isFinite
  }
}
