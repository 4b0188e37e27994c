/// An upright or tilted cuboid: where it is, how large, and how it is turned.
///
/// The size is nuScenes' `(width, length, height)`: length along the box's own x (its heading), width along its y, height along z.
public struct Box3D: Sendable, Hashable, Codable {
  /// The centre, in metres in the frame that the owner of the box names.
  public var center: SIMD3<Double>
  /// Width, length and height in metres.
  public var size: SIMD3<Double>
  /// From the box's own axes to the owner's frame.
  public var rotation: Quaternion

  /// The box with these measures.
  public init(center: SIMD3<Double>, size: SIMD3<Double>, rotation: Quaternion) {
    self.center = center
    self.size = size
    self.rotation = rotation
  }

  /// Extent along the box's y, in metres.
  public var width: Double { size.x }
  /// Extent along the box's x (its heading), in metres.
  public var length: Double { size.y }
  /// Extent along the box's z, in metres.
  public var height: Double { size.z }
  /// Width times length times height, in cubic metres.
  public var volume: Double { size.x * size.y * size.z }
  /// The heading about z, in radians.
  public var yaw: Double { rotation.yaw }

  /// The box's pose: `ownerFromBox`.
  public var ownerFromBox: RigidTransform { RigidTransform(rotation: rotation, translation: center) }

  /// The same box in another frame.
  public func transformed(by destinationFromOwner: RigidTransform) -> Box3D {
    Box3D(
      center: destinationFromOwner * center, size: size,
      rotation: (destinationFromOwner.rotation * rotation).normalized)
  }

  /// The eight corners: the first four are the front face, as nuscenes-devkit orders them.
  public var corners: [SIMD3<Double>] {
    let l = length / 2
    let w = width / 2
    let h = height / 2
    let signs: [SIMD3<Double>] = [
      SIMD3(l, w, h), SIMD3(l, -w, h), SIMD3(l, -w, -h), SIMD3(l, w, -h),
      SIMD3(-l, w, h), SIMD3(-l, -w, h), SIMD3(-l, -w, -h), SIMD3(-l, w, -h),
    ]
    return signs.map { ownerFromBox * $0 }
  }

  /// The footprint seen from above, counter-clockwise: front left, rear left, rear right, front right.
  public var footprint: Polygon {
    let l = length / 2
    let w = width / 2
    let heading = yaw
    let points = [SIMD2(l, w), SIMD2(-l, w), SIMD2(-l, -w), SIMD2(l, -w)]
    return Polygon(points.map { $0.rotated(by: heading) + center.xy })
  }

  /// Whether a point of the owner's frame lies inside or on the border.
  public func contains(_ point: SIMD3<Double>) -> Bool {
    let local = rotation.inverse.rotate(point - center)
    return abs(local.x) <= length / 2 && abs(local.y) <= width / 2 && abs(local.z) <= height / 2
  }
}
