import Geometry
import Scenes

extension Rig {
  /// What is possible but unlikely, a sentence each naming channel and field: for `inspect` to report.
  ///
  /// A sensor more than 10 m from the rear axle, below the ground or above 6 m; a camera that does not look along the
  /// horizon or lies on its side, or a LiDAR that does not stand upright, as when a quaternion was written in another
  /// order; a field of view that no lens of that model has; pixels that are far from square.
  public var warnings: [String] { sensors.flatMap(\.warnings) }
}

extension RigSensor {
  var warnings: [String] {
    var result: [String] = []
    let t = egoFromSensor.translation
    if t.xy.length > 10 || t.z < 0 || t.z > 6 {
      result.append(
        "\(channel).translation: [\(t.x), \(t.y), \(t.z)] is far from a vehicle's body, in metres")
    }
    let q = egoFromSensor.rotation
    // The sensor's own upward axis, in the ego frame.
    let up = q.rotate(modality == .camera ? SIMD3(0, -1, 0) : SIMD3(0, 0, 1))
    if up.z < 0.5 {
      let other = Quaternion(w: q.z, x: q.w, y: q.x, z: q.y).rotate(
        modality == .camera ? SIMD3(0, -1, 0) : SIMD3(0, 0, 1))
      let hint = other.z > 0.9 ? ": written x, y, z, w, not w, x, y, z?" : ""
      result.append("\(channel).rotation: the sensor does not stand upright\(hint)")
    }
    if let camera {
      let view = Double(camera.width) / camera.fx
      if view < 0.1 || view > 8 {
        result.append(
          "\(channel).intrinsics.fx: \(camera.fx) pixels is unlikely for a width of \(camera.width)")
      }
      if camera.fx / camera.fy > 1.2 || camera.fy / camera.fx > 1.2 {
        result.append("\(channel).intrinsics: fx and fy differ by more than a fifth")
      }
    }
    return result
  }
}
