import Geometry
import Glibc

/// On which flat faces a camera's picture is drawn, and which ray each pixel has.
struct PictureLayout: Sendable {
  let faces: [PictureFace]
  /// The camera ray of each pixel (z is 1 for a pinhole, else of unit length); nil for a pinhole, where it is linear.
  let rays: [SIMD3<Float>]?
  /// The place in the frame buffer that each pixel looks at, -1 for none; nil for a pinhole.
  let lookups: [Int32]?
  let pixelCount: Int

  init(_ camera: CameraModel) {
    let straight = PictureFace(
      right: SIMD3(1, 0, 0), down: SIMD3(0, 1, 0), forward: SIMD3(0, 0, 1), fx: Float(camera.fx),
      fy: Float(camera.fy), cx: Float(camera.cx), cy: Float(camera.cy), width: camera.width,
      height: camera.height,
      offset: 0)
    if camera.distortion == .none {
      faces = [straight]
      rays = nil
      lookups = nil
      pixelCount = camera.width * camera.height
      return
    }
    var rays: [SIMD3<Float>] = []
    rays.reserveCapacity(camera.width * camera.height)
    for y in 0..<camera.height {
      for x in 0..<camera.width {
        let d = camera.unproject(SIMD2(Double(x), Double(y))) ?? .zero
        rays.append(SIMD3(Float(d.x), Float(d.y), Float(d.z)))
      }
    }
    let faces = Self.flatFace(rays, straight).map { [$0] } ?? Self.cube(straight)
    lookups = rays.map { Self.lookup($0, faces) }
    self.rays = rays
    self.faces = faces
    pixelCount = faces.reduce(0) { $0 + $1.width * $1.height }
  }

  /// One face that holds all rays, where none is farther than 60 degrees from the axis.
  private static func flatFace(_ rays: [SIMD3<Float>], _ straight: PictureFace) -> PictureFace? {
    var (low, high) = (SIMD2<Float>(repeating: .infinity), SIMD2<Float>(repeating: -.infinity))
    for r in rays where r != .zero {
      guard r.z > 0.5 else { return nil }
      let p = SIMD2(r.x / r.z, r.y / r.z)
      low = pointwiseMin(low, p)
      high = pointwiseMax(high, p)
    }
    guard low.x < high.x else { return straight }
    var face = straight
    face.cx = (-low.x * face.fx).rounded(.up) + 1
    face.cy = (-low.y * face.fy).rounded(.up) + 1
    face.width = Int(((high.x - low.x) * face.fx).rounded(.up)) + 3
    face.height = Int(((high.y - low.y) * face.fy).rounded(.up)) + 3
    return face
  }

  /// Six faces of 90 degrees, as fine as the picture's centre.
  private static func cube(_ straight: PictureFace) -> [PictureFace] {
    let axes: [(SIMD3<Float>, SIMD3<Float>, SIMD3<Float>)] = [
      (SIMD3(1, 0, 0), SIMD3(0, 1, 0), SIMD3(0, 0, 1)), (SIMD3(0, 0, -1), SIMD3(0, 1, 0), SIMD3(1, 0, 0)),
      (SIMD3(0, 0, 1), SIMD3(0, 1, 0), SIMD3(-1, 0, 0)), (SIMD3(1, 0, 0), SIMD3(0, 0, -1), SIMD3(0, 1, 0)),
      (SIMD3(1, 0, 0), SIMD3(0, 0, 1), SIMD3(0, -1, 0)), (SIMD3(-1, 0, 0), SIMD3(0, 1, 0), SIMD3(0, 0, -1)),
    ]
    let focal = max(straight.fx, straight.fy)
    let side = Int((2 * focal).rounded(.up)) + 3
    return axes.enumerated().map { k, a in
      PictureFace(
        right: a.0, down: a.1, forward: a.2, fx: focal, fy: focal, cx: Float(side - 1) / 2,
        cy: Float(side - 1) / 2,
        width: side, height: side, offset: k * side * side)
    }
  }

  private static func lookup(_ ray: SIMD3<Float>, _ faces: [PictureFace]) -> Int32 {
    var best: Int32 = -1
    var ahead: Float = 0.3
    for face in faces where ray.dot(face.forward) > ahead {
      let z = ray.dot(face.forward)
      let x = (ray.dot(face.right) / z * face.fx + face.cx).rounded()
      let y = (ray.dot(face.down) / z * face.fy + face.cy).rounded()
      if x >= 0, y >= 0, x < Float(face.width), y < Float(face.height) {
        ahead = z
        best = Int32(face.offset + Int(y) * face.width + Int(x))
      }
    }
    return best
  }
}
