import Foundation
import Geometry
import PointClouds
import Scenes

/// A flat world of boxes, seen by a made-up scanner whose every return is known.
struct SyntheticScene {
  /// Boxes in the global frame; the ground is z = 0.
  var boxes: [Box3D]

  /// A parked car's box.
  static func car(_ x: Double, _ y: Double, yaw: Double) -> Box3D {
    Box3D(center: SIMD3(x, y, 0.95), size: SIMD3(1.9, 4.5, 1.5), rotation: Quaternion(yaw: yaw))
  }

  /// One turn of a scanner 1.9 m above the ground: 48 beams from -25° to +8°, 1,200 azimuths; in the sensor's frame.
  func sweep(globalFromEgo: RigidTransform, timestampMicroseconds: Int64) -> Sweep {
    let egoFromSensor = RigidTransform(rotation: .identity, translation: SIMD3(0.9, 0, 1.9))
    let globalFromSensor = globalFromEgo * egoFromSensor
    let worlds = boxes.map { (inverse: $0.ownerFromBox.inverse, size: $0.size) }
    let origin = globalFromSensor.translation
    var cloud = PointCloud()
    for azimuth in 0..<1200 {
      for beam in 0..<48 {
        let a = Double(azimuth) / 1200 * 2 * .pi
        let e = (-25 + 33 * Double(beam) / 47) * .pi / 180
        let local = SIMD3(cos(a) * cos(e), sin(a) * cos(e), sin(e))
        let ray = globalFromSensor.rotation.rotate(local)
        var nearest = ray.z < 0 ? -origin.z / ray.z : Double.infinity
        for world in worlds {
          let from = world.inverse * origin
          let along = world.inverse.rotation.rotate(ray)
          if let t = Self.entry(from, along, SIMD3(world.size.y, world.size.x, world.size.z) / 2) {
            nearest = min(nearest, t)
          }
        }
        guard nearest < 80 else { continue }
        let p = local * nearest
        cloud.append(
          SIMD3(Float(p.x), Float(p.y), Float(p.z)), intensity: 20, ring: Float(beam), age: 0)
      }
    }
    return Sweep(
      points: cloud, egoFromSensor: egoFromSensor, globalFromEgo: globalFromEgo,
      timestampMicroseconds: timestampMicroseconds)
  }

  /// Where a ray enters a box around the origin (the slab method), or nil.
  private static func entry(_ from: SIMD3<Double>, _ along: SIMD3<Double>, _ half: SIMD3<Double>) -> Double? {
    var low = 0.0
    var high = Double.infinity
    for axis in 0..<3 {
      let a = (-half[axis] - from[axis]) / along[axis]
      let b = (half[axis] - from[axis]) / along[axis]
      low = max(low, min(a, b))
      high = min(high, max(a, b))
    }
    return low < high ? low : nil
  }

  /// A frame of this world: the sweep now, in the ego frame.
  func frame(
    globalFromEgo: RigidTransform = .identity, timestampMicroseconds: Int64 = 1_000_000, earlier: [Sweep] = []
  ) -> AccumulatedCloud {
    AccumulatedCloud(
      sweeps: [sweep(globalFromEgo: globalFromEgo, timestampMicroseconds: timestampMicroseconds)] + earlier,
      globalFromEgo: globalFromEgo, timestampMicroseconds: timestampMicroseconds)
  }
}

/// SplitMix64: the same numbers everywhere for a seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
