import Foundation
import Geometry

/// The ground's height with kerbs, smoothed over a step's length.
public struct KerbedGround: Sendable {
  private let ground: Ground
  /// Elevations above the smooth surface, each the mean of nine cells.
  private let raised: HeightField

  /// The surface over a grid; cells of the grid are the kerbs' resolution.
  public init(_ ground: Ground, over grid: BEVGrid) {
    self.ground = ground
    let elevations = [0] + ground.areas.map { Float($0.elevation) }
    let cells = ground.areaIndices(over: grid).map { elevations[Int($0)] }
    var means = cells
    for i in 0..<grid.countX {
      for j in 0..<grid.countY {
        var sum: Float = 0
        for a in max(0, i - 1)...min(grid.countX - 1, i + 1) {
          for b in max(0, j - 1)...min(grid.countY - 1, j + 1) { sum += cells[grid.index(a, b)] }
        }
        means[grid.index(i, j)] = sum / 9
      }
    }
    raised = HeightField(
      minimumX: grid.center(0, 0).x, minimumY: grid.center(0, 0).y, spacing: grid.cellSize,
      countX: grid.countX,
      countY: grid.countY, values: means)
  }

  /// The height at a place, kerbs as ramps of about a metre.
  public func height(_ p: SIMD2<Double>) -> Double { ground.heights.height(p) + raised.height(p) }

  /// Metres above the smooth surface at a place, kerbs as ramps of about a metre.
  func elevation(_ p: SIMD2<Double>) -> Double { raised.height(p) }

  /// The height of the smooth surface alone.
  func smooth(_ p: SIMD2<Double>) -> Double { ground.heights.height(p) }

  /// A body's pose on the ground: upright over its heading, tilted as the smooth surface is.
  func pose(_ planar: PlanarPose, lift: Double, kerbs: Bool) -> RigidTransform {
    let normal = ground.heights.normal(planar.position)
    let axis = SIMD3(0.0, 0, 1).cross(normal)
    var rotation = Quaternion(yaw: planar.heading)
    if !kerbs, axis.length > 1e-6 {
      rotation = (Quaternion(angle: asin(min(1, axis.length)), axis: axis) * rotation).normalized
    }
    let base = kerbs ? height(planar.position) : smooth(planar.position)
    let translation = SIMD3(planar.position.x, planar.position.y, base) + rotation.rotate(SIMD3(0, 0, lift))
    return RigidTransform(rotation: rotation, translation: translation)
  }

  /// The actor with its plan and times, each of its poses set down on this ground: what has wheels tilted as the ground
  /// is, others upright, kerbs counted.
  ///
  /// A pose is added where the ground rises or falls between two samples, so that nobody cuts through a hill.
  public func standing(_ actor: Actor) -> Actor {
    let isVehicle = actor.category.hasPrefix("vehicle")
    var result = actor
    let (timestamps, poses) = Self.refined(actor.path, spacing: isVehicle ? 2.5 : 0.5)
    result.path = MotionPath(
      timestamps: timestamps,
      poses: poses.map { pose in
        let planar = PlanarPose(position: pose.translation.xy, heading: pose.rotation.yaw)
        if !isVehicle { return self.pose(planar, lift: actor.size.z / 2, kerbs: true) }
        var standing = self.pose(planar, lift: actor.size.z / 2, kerbs: false)
        let (ahead, aside) = (0.3 * actor.size.y, 0.35 * actor.size.x)
        let wheels = [(ahead, aside), (ahead, -aside), (-ahead, aside), (-ahead, -aside)]
        standing.translation.z +=
          wheels.reduce(0) { $0 + elevation(planar.point(ahead: $1.0, aside: $1.1)) } / 4
        return standing
      })
    return result
  }

  /// An ego path set down on this ground, tilted as the smooth surface is.
  public func standing(_ ego: MotionPath) -> MotionPath {
    MotionPath(
      timestamps: ego.timestamps,
      poses: ego.poses.map {
        pose(PlanarPose(position: $0.translation.xy, heading: $0.rotation.yaw), lift: 0, kerbs: false)
      })
  }

  /// A path's samples with others between, at most `spacing` metres (and a hundred a gap) apart.
  private static func refined(_ path: MotionPath, spacing: Double) -> ([Int64], [RigidTransform]) {
    var timestamps: [Int64] = []
    var poses: [RigidTransform] = []
    for k in path.poses.indices.dropLast() {
      let gap = path.timestamps[k + 1] - path.timestamps[k]
      let metres = (path.poses[k + 1].translation - path.poses[k].translation).xy.length
      let steps = Int64(max(1, min((metres / spacing).rounded(.up), 100, Double(gap))))
      for step in 0..<steps {
        timestamps.append(path.timestamps[k] + gap * step / steps)
        poses.append(path.pose(at: timestamps[timestamps.count - 1]))
      }
    }
    let last = path.poses.count - 1
    return (timestamps + [path.timestamps[last]], poses + [path.poses[last]])
  }
}
