import Algorithms
import Geometry

/// Sizes of annotated things, drawn around nuScenes' means.
/// - Source: means a detection class as published with CBGS (Zhu et al., "Class-balanced grouping and sampling",
///   2019); spreads of the size over instances, rounded, of the nuScenes mini scenes.
enum ActorCatalogue {
  /// Mean and deviation of (width, length, height) in metres.
  private static func statistics(_ category: String) -> (mean: SIMD3<Double>, deviation: SIMD3<Double>) {
    switch category {
    case "vehicle.car": (SIMD3(1.96, 4.61, 1.73), SIMD3(0.10, 0.30, 0.16))
    case "vehicle.truck": (SIMD3(2.42, 6.70, 2.73), SIMD3(0.15, 0.90, 0.40))
    case "vehicle.bus.rigid": (SIMD3(2.92, 11.19, 3.47), SIMD3(0.08, 0.70, 0.25))
    case "vehicle.trailer": (SIMD3(2.60, 10.5, 3.8), SIMD3(0.10, 1.00, 0.25))
    case "vehicle.construction": (SIMD3(2.73, 6.38, 3.13), SIMD3(0.15, 0.70, 0.30))
    case "human.pedestrian.child": (SIMD3(0.50, 0.52, 1.30), SIMD3(0.05, 0.06, 0.10))
    case "vehicle.motorcycle": (SIMD3(0.77, 2.10, 1.45), SIMD3(0.08, 0.15, 0.10))
    case "vehicle.bicycle": (SIMD3(0.60, 1.70, 1.28), SIMD3(0.06, 0.10, 0.12))
    case "movable_object.trafficcone": (SIMD3(0.41, 0.41, 1.06), SIMD3(0.04, 0.04, 0.12))
    case "movable_object.barrier": (SIMD3(2.50, 0.48, 0.98), SIMD3(0.15, 0.06, 0.05))
    default: (SIMD3(0.67, 0.73, 1.77), SIMD3(0.07, 0.09, 0.09))
    }
  }

  /// A size of this category.
  static func size(_ category: String, _ random: inout RandomSource) -> SIMD3<Double> {
    let s = statistics(category)
    // Large vehicles are large in all measures: one draw is shared, one is each measure's own.
    let shared = random.normal(mean: 0, deviation: 0.8)
    return SIMD3(
      (s.mean.x + s.deviation.x * (shared + random.normal(mean: 0, deviation: 0.6))).rounded(toPlaces: 3),
      (s.mean.y + s.deviation.y * (shared + random.normal(mean: 0, deviation: 0.6))).rounded(toPlaces: 3),
      (s.mean.z + s.deviation.z * (shared + random.normal(mean: 0, deviation: 0.6))).rounded(toPlaces: 3))
  }

  /// The size with a rider: as annotated, the box holds both.
  static func riddenSize(_ category: String, _ random: inout RandomSource) -> SIMD3<Double> {
    var s = size(category, &random)
    s.z = max(s.z, random.normal(mean: 1.66, deviation: 0.08).rounded(toPlaces: 3))
    return s
  }

  /// What drives: a category by its share of moving traffic.
  static func movingCategory(_ random: inout RandomSource) -> String {
    let names = [
      "vehicle.car", "vehicle.truck", "vehicle.bus.rigid", "vehicle.trailer", "vehicle.motorcycle",
      "vehicle.bicycle", "vehicle.construction",
    ]
    return names[random.index(weights: [0.66, 0.09, 0.06, 0.04, 0.06, 0.07, 0.02])]
  }
}

extension Double {
  /// The value rounded to so many decimals.
  func rounded(toPlaces places: Int) -> Double {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    return (self * scale).rounded() / scale
  }
}
