/// A rotation as a unit quaternion `w + xi + yj + zk`, in nuScenes' order of components.
///
/// `a * b` rotates by `b` first; `q.rotate(v)` is `q v q⁻¹`.
/// - Source: Hamilton's convention, as in nuscenes-devkit (pyquaternion).
public struct Quaternion: Sendable, Hashable, Codable {
  /// The scalar part.
  public var w: Double
  /// The vector part's components.
  public var x: Double, y: Double, z: Double

  /// No rotation.
  public static let identity = Quaternion(w: 1, x: 0, y: 0, z: 0)

  /// The quaternion with these components, as they are (not normalised).
  public init(w: Double, x: Double, y: Double, z: Double) {
    self.w = w
    self.x = x
    self.y = y
    self.z = z
  }

  /// Rotation by `angle` radians about `axis` (any length above 0).
  public init(angle: Double, axis: SIMD3<Double>) {
    let unit = axis / axis.length
    let s = (angle / 2).sine
    self.init(w: (angle / 2).cosine, x: unit.x * s, y: unit.y * s, z: unit.z * s)
  }

  /// Rotation about z, counter-clockwise seen from above, in radians.
  public init(yaw: Double) {
    self.init(w: (yaw / 2).cosine, x: 0, y: 0, z: (yaw / 2).sine)
  }

  /// The components in nuScenes' order `[w, x, y, z]`.
  public var wxyz: [Double] { [w, x, y, z] }

  /// The length of the four components: 1 for a rotation.
  public var norm: Double { (w * w + x * x + y * y + z * z).squareRoot() }

  /// The same rotation with length 1.
  /// - Precondition: `norm > 0`.
  public var normalized: Quaternion {
    let n = norm
    precondition(n > 0, "a quaternion of norm \(n) is no rotation")
    return Quaternion(w: w / n, x: x / n, y: y / n, z: z / n)
  }

  /// The opposite rotation (of a unit quaternion).
  public var inverse: Quaternion { Quaternion(w: w, x: -x, y: -y, z: -z) }

  /// Both rotations in one: the right one first.
  public static func * (a: Quaternion, b: Quaternion) -> Quaternion {
    Quaternion(
      w: a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
      x: a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
      y: a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
      z: a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w)
  }

  /// The vector turned by this rotation.
  public func rotate(_ v: SIMD3<Double>) -> SIMD3<Double> {
    let u = SIMD3(x, y, z)
    let t = 2 * u.cross(v)
    return v + w * t + u.cross(t)
  }

  /// The direction of the turned x axis in the horizontal plane, in radians in (-π, π].
  ///
  /// This is nuscenes-devkit's `quaternion_yaw`, right for any rotation whose x axis is not vertical.
  public var yaw: Double {
    (2 * (w * z + x * y)).arcTangent2(over: 1 - 2 * (y * y + z * z))
  }

  /// The 3 x 3 rotation matrix's rows.
  public var matrix: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>) {
    (
      SIMD3(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
      SIMD3(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
      SIMD3(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y))
    )
  }

  /// The rotation of a proper rotation matrix given by rows (Shepperd's method).
  /// - Source: Shepperd, "Quaternion from rotation matrix", 1978.
  public init(rows r: (SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)) {
    let trace = r.0.x + r.1.y + r.2.z
    let q: Quaternion
    if trace > r.0.x, trace > r.1.y, trace > r.2.z {
      let s = 2 * (1 + trace).squareRoot()
      q = Quaternion(w: s / 4, x: (r.2.y - r.1.z) / s, y: (r.0.z - r.2.x) / s, z: (r.1.x - r.0.y) / s)
    } else if r.0.x >= r.1.y, r.0.x >= r.2.z {
      let s = 2 * (1 + r.0.x - r.1.y - r.2.z).squareRoot()
      q = Quaternion(w: (r.2.y - r.1.z) / s, x: s / 4, y: (r.0.y + r.1.x) / s, z: (r.0.z + r.2.x) / s)
    } else if r.1.y >= r.2.z {
      let s = 2 * (1 + r.1.y - r.0.x - r.2.z).squareRoot()
      q = Quaternion(w: (r.0.z - r.2.x) / s, x: (r.0.y + r.1.x) / s, y: s / 4, z: (r.1.z + r.2.y) / s)
    } else {
      let s = 2 * (1 + r.2.z - r.0.x - r.1.y).squareRoot()
      q = Quaternion(w: (r.1.x - r.0.y) / s, x: (r.0.z + r.2.x) / s, y: (r.1.z + r.2.y) / s, z: s / 4)
    }
    self = q.normalized
  }

  /// The angle between two rotations, in radians in [0, π].
  public func angle(to other: Quaternion) -> Double {
    let d = inverse * other
    return 2 * SIMD3(d.x, d.y, d.z).length.arcTangent2(over: abs(d.w))
  }

  /// Spherical linear interpolation along the shorter arc: `self` at 0, `other` at 1.
  /// - Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
  public func slerp(to other: Quaternion, at fraction: Double) -> Quaternion {
    var dot = w * other.w + x * other.x + y * other.y + z * other.z
    let sign: Double = dot < 0 ? -1 : 1
    dot = min(abs(dot), 1)
    var a = 1 - fraction
    var b = fraction
    let angle = dot.arcCosine
    if angle > 1e-6 {
      a = ((1 - fraction) * angle).sine / angle.sine
      b = (fraction * angle).sine / angle.sine
    }
    b *= sign
    return Quaternion(
      w: a * w + b * other.w, x: a * x + b * other.x, y: a * y + b * other.y, z: a * z + b * other.z
    ).normalized
  }
}

/// The angle `a` wrapped into [-π, π).
public func wrapAngle(_ a: Double) -> Double {
  a - 2 * .pi * ((a + .pi) / (2 * .pi)).rounded(.down)
}
