import Algorithms
import Foundation
import Geometry

/// A slow error of localisation: waves of some ten seconds in x, y and yaw.
struct PoseNoise: Sendable {
  private let metres: Double
  private let radians: Double
  private let phases: [Double]

  /// - Parameters:
  ///   - metres: the error's standard deviation in x and in y; the yaw's is a hundredth of it in radians.
  init(metres: Double, seed: UInt64) {
    self.metres = metres
    radians = metres / 100
    var random = RandomSource(seed: seed, stream: 9)
    phases = (0..<9).map { _ in random.uniform(0, 2 * .pi) }
  }

  /// The pose as it would be recorded.
  func recorded(_ pose: RigidTransform, at timestampMicroseconds: Int64) -> RigidTransform {
    guard metres > 0 else { return pose }
    // Seconds since an hour's start keep the sine's argument small.
    let t = Double(timestampMicroseconds % 3_600_000_000) * 1e-6
    func wave(_ axis: Int) -> Double {
      var sum = 0.0
      for (k, period) in [7.0, 17, 41].enumerated() {
        sum += sin(2 * .pi * t / period + phases[3 * axis + k])
      }
      return sum / 1.5.squareRoot()
    }
    return RigidTransform(
      rotation: (Quaternion(yaw: radians * wave(2)) * pose.rotation).normalized,
      translation: pose.translation + SIMD3(metres * wave(0), metres * wave(1), 0))
  }
}
