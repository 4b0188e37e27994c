import Geometry
import Scenes

/// What objects of a class look like to a LiDAR: typical sizes, and how far real ones stray from them.
///
/// The means are those of nuScenes' training annotations, rounded (width, length, height: car 1.95, 4.6, 1.73; truck
/// 2.5, 6.9, 2.8; bus 2.9, 11, 3.5; trailer 2.9, 12.3, 3.9; construction vehicle 2.8, 6.4, 3.2; pedestrian 0.67, 0.73,
/// 1.77; motorcycle 0.77, 2.1, 1.5; bicycle 0.6, 1.7, 1.3; cone 0.4, 0.4, 1.07; barrier 2.5, 0.5, 0.98); nothing is
/// taken from the drives that Apus is measured on.
struct ClassShape: Sendable {
  let name: DetectionClass
  /// Length, width and height in metres.
  let size: SIMD3<Float>
  /// Standard deviations of the three.
  let spread: SIMD3<Float>
  /// How often a cluster of the right shape is one of these, against a car's 1.
  let prior: Float
  /// Metres above the ground up to which a column may reach without being something else.
  let tallest: Float
  /// Whether its length and width differ, so that a heading has a meaning.
  let hasHeading: Bool

  /// A person on foot.
  static let pedestrian = ClassShape(
    name: .pedestrian, size: SIMD3(0.7, 0.65, 1.75), spread: SIMD3(0.2, 0.15, 0.17), prior: 0.6, tallest: 2.1,
    hasHeading: false)

  static let all: [ClassShape] = [
    ClassShape(
      name: .car, size: SIMD3(4.6, 1.95, 1.7), spread: SIMD3(0.4, 0.2, 0.22), prior: 1, tallest: 2.4,
      hasHeading: true),
    ClassShape(
      name: .truck, size: SIMD3(6.9, 2.5, 2.7), spread: SIMD3(1.6, 0.3, 0.5), prior: 0.6, tallest: 4.2,
      hasHeading: true),
    ClassShape(
      name: .bus, size: SIMD3(11, 2.9, 3.5), spread: SIMD3(1.5, 0.25, 0.35), prior: 0.4, tallest: 4.4,
      hasHeading: true),
    ClassShape(
      name: .trailer, size: SIMD3(12.3, 2.9, 3.9), spread: SIMD3(2.5, 0.3, 0.4), prior: 0.15, tallest: 4.6,
      hasHeading: true),
    ClassShape(
      name: .constructionVehicle, size: SIMD3(6.4, 2.8, 3.2), spread: SIMD3(1.6, 0.45, 0.6), prior: 0.1,
      tallest: 5, hasHeading: true),
    .pedestrian,
    ClassShape(
      name: .motorcycle, size: SIMD3(2.1, 0.8, 1.45), spread: SIMD3(0.25, 0.15, 0.2), prior: 0.3, tallest: 2,
      hasHeading: true),
    ClassShape(
      name: .bicycle, size: SIMD3(1.7, 0.6, 1.3), spread: SIMD3(0.2, 0.15, 0.25), prior: 0.2, tallest: 2,
      hasHeading: true),
    ClassShape(
      name: .trafficCone, size: SIMD3(0.4, 0.4, 0.9), spread: SIMD3(0.1, 0.1, 0.2), prior: 0.25,
      tallest: 1.3, hasHeading: false),
    ClassShape(
      name: .barrier, size: SIMD3(2.2, 0.5, 1), spread: SIMD3(0.5, 0.15, 0.15), prior: 0.15, tallest: 1.4,
      hasHeading: true),
  ]

  /// Whether this is one of the vehicles that hide most of themselves: their size is known better than it is seen.
  var isVehicle: Bool { size.y > 1.5 }
}
