/// A rotation followed by a translation, named `destinationFromSource`: `pointInEgo = egoFromLidar * pointInLidar`.
///
/// Chains cancel by name: `globalFromLidar = globalFromEgo * egoFromLidar`. Metres.
public struct RigidTransform: Sendable, Hashable, Codable {
  /// Applied first; of unit length.
  public var rotation: Quaternion
  /// Applied second: where the source frame's origin lies in the destination frame, in metres.
  public var translation: SIMD3<Double>

  /// The transform that changes nothing.
  public static let identity = RigidTransform(rotation: .identity, translation: .zero)

  /// The transform with this rotation (of unit length) and translation.
  public init(rotation: Quaternion, translation: SIMD3<Double>) {
    self.rotation = rotation
    self.translation = translation
  }

  /// The transform back: `sourceFromDestination`.
  public var inverse: RigidTransform {
    let r = rotation.inverse
    return RigidTransform(rotation: r, translation: -r.rotate(translation))
  }

  /// Both transforms in one: the right one first.
  public static func * (a: RigidTransform, b: RigidTransform) -> RigidTransform {
    RigidTransform(
      rotation: (a.rotation * b.rotation).normalized,
      translation: a.rotation.rotate(b.translation) + a.translation)
  }

  /// A point of the source frame, in the destination frame.
  public static func * (t: RigidTransform, point: SIMD3<Double>) -> SIMD3<Double> {
    t.rotation.rotate(point) + t.translation
  }

  /// The pose between two poses: linear in translation, spherical in rotation; `fraction` in [0, 1].
  public func interpolated(to other: RigidTransform, at fraction: Double) -> RigidTransform {
    RigidTransform(
      rotation: rotation.slerp(to: other.rotation, at: fraction),
      translation: translation + (other.translation - translation) * fraction)
  }

  /// The transform as Float32 rows for kernels that run over many points.
  public var affine: AffineTransform {
    let m = rotation.matrix
    return AffineTransform(
      row0: SIMD4(Float(m.0.x), Float(m.0.y), Float(m.0.z), Float(translation.x)),
      row1: SIMD4(Float(m.1.x), Float(m.1.y), Float(m.1.z), Float(translation.y)),
      row2: SIMD4(Float(m.2.x), Float(m.2.y), Float(m.2.z), Float(translation.z)))
  }
}

/// A rigid transform as the three rows of its 3 x 4 matrix `[R | t]`, in Float32.
///
/// Not for global coordinates: kilometres in Float32 lose a tenth of a millimetre per kilometre.
public struct AffineTransform: Sendable, Hashable {
  /// The matrix's rows; the last component is the translation in metres.
  public let row0: SIMD4<Float>, row1: SIMD4<Float>, row2: SIMD4<Float>

  /// The transform with these rows.
  public init(row0: SIMD4<Float>, row1: SIMD4<Float>, row2: SIMD4<Float>) {
    self.row0 = row0
    self.row1 = row1
    self.row2 = row2
  }

  /// The transformed point.
  @inlinable public func apply(_ x: Float, _ y: Float, _ z: Float) -> SIMD3<Float> {
    SIMD3(
      row0.x * x + row0.y * y + row0.z * z + row0.w,
      row1.x * x + row1.y * y + row1.z * z + row1.w,
      row2.x * x + row2.y * y + row2.z * z + row2.w)
  }
}
