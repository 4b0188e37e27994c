import Geometry

/// How far the JPEG decoder itself shrinks an image, which costs less than decoding all of it.
public enum DecodeScale: Int, Sendable, Hashable, Codable, CaseIterable {
  /// Every pixel.
  case full = 1
  /// A pixel for each 2 x 2.
  case half = 2
  /// A pixel for each 4 x 4.
  case quarter = 4

  /// The decoded length of a side of `length` pixels: rounded up, as libjpeg-turbo does.
  public func decodedLength(_ length: Int) -> Int { (length + rawValue - 1) / rawValue }
}

/// How a camera's image becomes the network's input: scaled alike both ways, then cropped.
///
/// Pixel (0, 0) is the centre of the first pixel, whose area begins at -0.5. An output pixel `u` lies at
/// `(u + offset + 0.5) / scale - 0.5` of the source; the decoder's own scaling by `s` puts decoded pixel `v` at
/// `(v + 0.5) s - 0.5`. Nothing is rounded, so intrinsics follow exactly.
public struct ImagePlan: Sendable, Hashable {
  /// The recorded image's size in pixels.
  public let sourceWidth: Int, sourceHeight: Int
  /// The network's input size in pixels.
  public let width: Int, height: Int
  /// Output pixels a source pixel.
  public let scale: Double
  /// Where the crop begins in the scaled image, in its pixels; need not be whole.
  public let offsetX: Double, offsetY: Double
  /// How far the decoder shrinks: as far as leaves no enlarging to do.
  public let decodeScale: DecodeScale

  /// The plan from a source's size to the network's.
  ///
  /// - Parameters:
  ///   - scale: output pixels a source pixel; nil: the least that fills the output.
  ///   - anchorX: where the crop lies: 0 keeps the left, 0.5 the middle, 1 the right.
  ///   - anchorY: 0 keeps the top, 1 the bottom (where the road is).
  /// - Throws: `ImageError` where the scaled source does not fill the output, or a size is not above 0.
  public init(
    sourceWidth: Int, sourceHeight: Int, width: Int, height: Int, scale: Double? = nil,
    anchorX: Double = 0.5, anchorY: Double = 1
  ) throws {
    let file = "image plan"
    guard sourceWidth > 0, sourceHeight > 0, width > 0, height > 0 else {
      throw ImageError(
        file: file, field: "size", found: "\(sourceWidth)x\(sourceHeight) to \(width)x\(height)",
        expected: "sizes above 0")
    }
    let least = max(Double(width) / Double(sourceWidth), Double(height) / Double(sourceHeight))
    let scale = scale ?? least
    guard scale.isFinite, scale >= least * (1 - 1e-12) else {
      throw ImageError(
        file: file, field: "scale", found: "\(scale)", expected: "\(least) at least, to fill the output")
    }
    guard (0...1).contains(anchorX), (0...1).contains(anchorY) else {
      throw ImageError(file: file, field: "anchor", found: "\(anchorX), \(anchorY)", expected: "0 to 1")
    }
    self.sourceWidth = sourceWidth
    self.sourceHeight = sourceHeight
    self.width = width
    self.height = height
    self.scale = scale
    offsetX = max(scale * Double(sourceWidth) - Double(width), 0) * anchorX
    offsetY = max(scale * Double(sourceHeight) - Double(height), 0) * anchorY
    decodeScale = scale <= 0.25 ? .quarter : scale <= 0.5 ? .half : .full
  }

  /// The camera that would have taken the output: focal lengths scale, the principal point scales and moves, and the
  /// lens's distortion stays, as it acts before the image plane.
  /// - Throws: `ImageError` where the camera's size is not the source's.
  public func camera(from camera: CameraModel, file: String) throws -> CameraModel {
    guard camera.width == sourceWidth, camera.height == sourceHeight else {
      throw ImageError(
        file: file, field: "calibrated size", found: "\(camera.width)x\(camera.height)",
        expected: "\(sourceWidth)x\(sourceHeight) as recorded")
    }
    let principal = output(fromSource: SIMD2(camera.cx, camera.cy))
    return CameraModel(
      fx: camera.fx * scale, fy: camera.fy * scale, cx: principal.x, cy: principal.y, width: width,
      height: height, distortion: camera.distortion)
  }

  /// The output's pixel of a source pixel.
  public func output(fromSource p: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2((p.x + 0.5) * scale - 0.5 - offsetX, (p.y + 0.5) * scale - 0.5 - offsetY)
  }

  /// The source's pixel of an output pixel.
  public func source(fromOutput p: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2((p.x + offsetX + 0.5) / scale - 0.5, (p.y + offsetY + 0.5) / scale - 0.5)
  }
}
