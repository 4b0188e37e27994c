/// A triangle that covers at least one pixel, with all that shading needs; its light is worked out once.
struct DrawnTriangle {
  /// Unit normal towards the camera, in the local frame.
  var normal: SIMD3<Float>
  /// `normal · (corner - camera)`: depth along a ray `d` is `plane / (normal · d)`.
  var plane: Float
  var color: SIMD3<Float>
  /// Sunlight and other light that leaves it where no shadow falls.
  var direct: SIMD3<Float>
  var indirect: SIMD3<Float>
  var material: SurfaceMaterial
  var lidarseg: UInt8
  var actor: Int32
}

/// A flat picture plane: the camera itself, or one face of the cube about a fisheye.
struct PictureFace: Sendable {
  /// Rows: the face's right, down and forward axes in the camera frame.
  var right: SIMD3<Float>, down: SIMD3<Float>, forward: SIMD3<Float>
  var fx: Float, fy: Float, cx: Float, cy: Float
  var width: Int, height: Int
  /// Where its pixels begin in the frame buffer.
  var offset: Int
}
