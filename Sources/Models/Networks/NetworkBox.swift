import Foundation
import Geometry

/// A box as a network gives it, in the network's frame.
struct NetworkBox {
  /// Position of the class among the network's.
  var label: Int
  var score: Double
  var center: SIMD3<Double>
  var width: Double, length: Double, height: Double
  /// Turn about z; 0 looks along x.
  var yaw: Double
  var velocity = SIMD2<Double>.zero

  /// The box, its footprint grown by a factor.
  func box(scale: Double = 1) -> Box3D {
    Box3D(center: center, size: SIMD3(width * scale, length * scale, height), rotation: Quaternion(yaw: yaw))
  }

  /// Distance of the centres on the ground.
  func distance(to other: NetworkBox) -> Double {
    let d = center - other.center
    return (d.x * d.x + d.y * d.y).squareRoot()
  }
}

/// Boxes by falling score; equal ones stay in their order.
func byScore(_ boxes: [NetworkBox]) -> [NetworkBox] {
  boxes.enumerated().sorted { (-$0.element.score, $0.offset) < (-$1.element.score, $1.offset) }.map(\.element)
}

/// The boxes that stay when each, best first, suppresses those that it hits.
///
/// - Parameter boxes: by falling score.
/// - Complexity: O(n²) calls of `hits`.
func survivors(_ boxes: [NetworkBox], _ hits: (NetworkBox, NetworkBox) -> Bool) -> [NetworkBox] {
  var kept: [NetworkBox] = []
  for box in boxes where !kept.contains(where: { hits($0, box) }) { kept.append(box) }
  return kept
}

/// Intersection over union of two footprints, exact; 0 where they are too far apart to meet.
func footprintOverlap(_ a: NetworkBox, _ b: NetworkBox, scaleA: Double = 1, scaleB: Double = 1) -> Double {
  func radius(_ box: NetworkBox) -> Double { (box.width * box.width + box.length * box.length).squareRoot() / 2 }
  guard a.distance(to: b) < radius(a) * scaleA + radius(b) * scaleB else { return 0 }
  return a.box(scale: scaleA).footprintIoU(with: b.box(scale: scaleB))
}

/// 1 / (1 + e⁻ˣ).
func logistic(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }
