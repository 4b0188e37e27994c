import Geometry
import Simulation

/// Small scenes whose right answers are known.
enum SensorScenes {
  static let start: Int64 = 1_000_000_000

  /// A level floor at z = 0 with the ego on it, heading along x at this speed in m/s.
  static func flat(
    speed: Double = 0, props: [Prop] = [], actors: [Actor] = [], areas: [GroundArea] = [],
    weather: Weather? = nil
  ) -> SimulationScene {
    let times = (0...20).map { start + Int64($0 - 10) * 100_000 }
    let poses = (0...20).map {
      RigidTransform(rotation: .identity, translation: SIMD3(500 + speed * 0.1 * Double($0 - 10), 800, 0))
    }
    let plain = Weather(
      sunAzimuth: 0, sunElevation: 0.8, cloudCover: 0, wetness: 0, fogDensity: 0, exposureBias: 0)
    return SimulationScene(
      seed: 11, ground: Ground(heights: HeightField(level: 0), areas: areas), props: props, actors: actors,
      ego: MotionPath(timestamps: times, poses: poses), weather: weather ?? plain)
  }

  /// An actor that stands `ahead` metres before the ego, `aside` to its left.
  static func standing(
    _ category: String, id: Int32, ahead: Double, aside: Double, size: SIMD3<Double>, yaw: Double = 0
  ) -> Actor {
    let pose = RigidTransform(
      rotation: Quaternion(yaw: yaw), translation: SIMD3(500 + ahead, 800 + aside, size.z / 2))
    return Actor(
      id: id, category: category, size: size, appearanceSeed: 4,
      path: MotionPath(standingAt: pose, from: start - 2_000_000, to: start + 2_000_000))
  }

  /// A wall across the way, its near face `ahead` metres before the ego.
  static func wall(ahead: Double, width: Double = 30, height: Double = 6) -> Prop {
    Prop(
      kind: .wall, seed: 1, size: SIMD3(0.4, width, height),
      globalFromProp: RigidTransform(
        rotation: Quaternion(yaw: .pi / 2), translation: SIMD3(500 + ahead + 0.2, 800, 0)))
  }
}
