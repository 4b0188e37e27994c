/// How a camera maps directions to pixels: pinhole, plumb-bob (Brown-Conrady) or equidistant fisheye (Kannala-Brandt).
///
/// Camera frame: x right, y down, z forward. Pixel (0, 0) is the centre of the first pixel: its area is
/// [-0.5, 0.5) x [-0.5, 0.5), so an image of width W spans [-0.5, W - 0.5).
/// - Source: OpenCV's `projectPoints` and `fisheye::projectPoints`; Kannala and Brandt, TPAMI 2006.
public struct CameraModel: Sendable, Hashable, Codable {
  /// The distortion between a direction and the ideal image plane.
  public enum Distortion: Sendable, Hashable, Codable {
    /// None: a pinhole.
    case none
    /// `k1, k2, p1, p2, k3` in OpenCV's order.
    case plumbBob(k1: Double, k2: Double, p1: Double, p2: Double, k3: Double)
    /// `θd = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)`.
    case equidistant(k1: Double, k2: Double, k3: Double, k4: Double)
  }

  /// Focal lengths in pixels.
  public var fx: Double, fy: Double
  /// The principal point in pixels.
  public var cx: Double, cy: Double
  /// Image width and height in pixels.
  public var width: Int, height: Int
  /// What the lens does.
  public var distortion: Distortion

  /// The camera with these measures.
  public init(
    fx: Double, fy: Double, cx: Double, cy: Double, width: Int, height: Int, distortion: Distortion = .none
  ) {
    self.fx = fx
    self.fy = fy
    self.cx = cx
    self.cy = cy
    self.width = width
    self.height = height
    self.distortion = distortion
  }

  /// The pixel of a point in the camera frame, or nil where it has none (behind a pinhole).
  public func project(_ p: SIMD3<Double>) -> SIMD2<Double>? {
    guard let ideal = distort(p) else { return nil }
    return SIMD2(fx * ideal.x + cx, fy * ideal.y + cy)
  }

  /// The unit direction in the camera frame that a pixel sees, or nil where the model's inverse does not converge.
  public func unproject(_ pixel: SIMD2<Double>) -> SIMD3<Double>? {
    let distorted = SIMD2((pixel.x - cx) / fx, (pixel.y - cy) / fy)
    switch distortion {
    case .none:
      return unit(SIMD3(distorted.x, distorted.y, 1))
    case .plumbBob:
      return undistortPlumbBob(distorted).map { unit(SIMD3($0.x, $0.y, 1)) }
    case .equidistant(let k1, let k2, let k3, let k4):
      return undistortEquidistant(distorted, k1, k2, k3, k4)
    }
  }

  /// Whether a pixel lies within the image's area.
  public func contains(_ pixel: SIMD2<Double>) -> Bool {
    pixel.x >= -0.5 && pixel.y >= -0.5 && pixel.x < Double(width) - 0.5 && pixel.y < Double(height) - 0.5
  }

  private func unit(_ v: SIMD3<Double>) -> SIMD3<Double> { v / v.length }

  private func distort(_ p: SIMD3<Double>) -> SIMD2<Double>? {
    switch distortion {
    case .none:
      return p.z > 0 ? SIMD2(p.x / p.z, p.y / p.z) : nil
    case .plumbBob:
      guard p.z > 0 else { return nil }
      return plumbBob(SIMD2(p.x / p.z, p.y / p.z)).value
    case .equidistant(let k1, let k2, let k3, let k4):
      let radius = p.xy.length
      guard radius > 0 else { return p.z > 0 ? .zero : nil }
      let theta = radius.arcTangent2(over: p.z)
      let t = theta * theta
      return p.xy * (theta * (1 + t * (k1 + t * (k2 + t * (k3 + t * k4)))) / radius)
    }
  }

  /// The distorted point and the Jacobian's entries (dx/dx, dx/dy = dy/dx's counterpart, dy/dx, dy/dy).
  private func plumbBob(_ p: SIMD2<Double>) -> (value: SIMD2<Double>, jacobian: SIMD4<Double>) {
    guard case .plumbBob(let k1, let k2, let p1, let p2, let k3) = distortion else {
      return (p, SIMD4(1, 0, 0, 1))
    }
    let (x, y) = (p.x, p.y)
    let r2 = x * x + y * y
    let radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    let slope = k1 + r2 * (2 * k2 + r2 * 3 * k3)
    let value = SIMD2(
      x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
      y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y)
    let jacobian = SIMD4(
      radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x,
      2 * x * y * slope + 2 * p1 * x + 2 * p2 * y,
      2 * x * y * slope + 2 * p1 * x + 2 * p2 * y,
      radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x)
    return (value, jacobian)
  }

  /// Newton's method on the distortion; nil where it leaves the invertible region.
  private func undistortPlumbBob(_ target: SIMD2<Double>) -> SIMD2<Double>? {
    var p = target
    for _ in 0..<50 {
      let (value, j) = plumbBob(p)
      let error = value - target
      let determinant = j.x * j.w - j.y * j.z
      guard determinant > 1e-9 else { return nil }
      let step = SIMD2(j.w * error.x - j.y * error.y, j.x * error.y - j.z * error.x) / determinant
      p -= step
      if step.length < 1e-13 { return p }
      guard p.x.isFinite, p.y.isFinite, p.length < 1e3 else { return nil }
    }
    return (plumbBob(p).value - target).length < 1e-9 ? p : nil
  }

  private func undistortEquidistant(
    _ target: SIMD2<Double>, _ k1: Double, _ k2: Double, _ k3: Double, _ k4: Double
  ) -> SIMD3<Double>? {
    let radius = target.length
    guard radius > 0 else { return SIMD3(0, 0, 1) }
    var theta = min(radius, .pi)
    for _ in 0..<50 {
      let t = theta * theta
      let error = theta * (1 + t * (k1 + t * (k2 + t * (k3 + t * k4)))) - radius
      let slope = 1 + t * (3 * k1 + t * (5 * k2 + t * (7 * k3 + t * 9 * k4)))
      guard slope > 1e-9 else { return nil }
      theta -= error / slope
      if abs(error) < 1e-14 { break }
    }
    guard theta >= 0, theta <= .pi else { return nil }
    let t = theta * theta
    guard abs(theta * (1 + t * (k1 + t * (k2 + t * (k3 + t * k4)))) - radius) < 1e-9 else { return nil }
    let direction = target / radius * theta.sine
    return SIMD3(direction.x, direction.y, theta.cosine)
  }
}
