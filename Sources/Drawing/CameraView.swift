import Geometry
import Scenes

/// One camera of a preview: its picture with boxes drawn through its own pose at its own time.
struct CameraView {
  let cell: PictureCell
  let camera: PreviewCamera
  let minimumScore: Double

  /// Draws the picture and the detections, which hold at `timestampMicroseconds`.
  func draw(_ detections: [Detection], at timestampMicroseconds: Int64, on canvas: inout Canvas) {
    let image = camera.image
    let scale = min(Double(cell.width) / Double(image.width), Double(cell.height) / Double(image.height))
    let width = max(1, Int((Double(image.width) * scale).rounded()))
    let height = max(1, Int((Double(image.height) * scale).rounded()))
    let left = cell.x + (cell.width - width) / 2
    canvas.clip = (left..<left + width, cell.y..<cell.y + height)
    canvas.clip = (canvas.clip.x.clamped(to: 0..<canvas.width), canvas.clip.y.clamped(to: 0..<canvas.height))
    canvas.draw(image, x: left, y: cell.y, width: width, height: height)
    if let model = camera.data.sensor.camera {
      let seconds = Double(camera.data.timestampMicroseconds - timestampMicroseconds) / 1e6
      let cameraFromGlobal = camera.data.globalFromSensor.inverse
      let far = detections.filter { $0.score >= minimumScore }.map { detection in
        (detection, (cameraFromGlobal * detection.box.center).z)
      }.sorted { $0.1 > $1.1 }
      for (detection, depth) in far where depth.isFinite {
        var box = detection.box
        if detection.velocity.x.isFinite, detection.velocity.y.isFinite {
          box.center += SIMD3(detection.velocity.x, detection.velocity.y, 0) * seconds
        }
        let pixelScale = Double(width) / Double(model.width)
        draw(
          box.transformed(by: cameraFromGlobal), Palette.color(of: detection.name),
          Projector(model: model, scale: pixelScale, origin: SIMD2(Double(left), Double(cell.y))), on: &canvas
        )
      }
    }
    canvas.fill(
      x: left..<left + 6 * camera.data.sensor.channel.count + 7, y: cell.y..<cell.y + 13, Palette.background,
      0.65)
    canvas.text(camera.data.sensor.channel, x: left + 4, y: cell.y + 3, Palette.text)
    canvas.clip = (0..<canvas.width, 0..<canvas.height)
  }

  /// Draws the twelve edges of a box in the camera frame, and fills the face that it heads with.
  private func draw(_ box: Box3D, _ color: Color, _ projector: Projector, on canvas: inout Canvas) {
    guard box.center.length < 80, box.center.isFinite else { return }
    let c = box.corners
    let edges = [
      (0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7),
    ]
    .map { (c[$0.0], c[$0.1]) }
    let front = c[0..<4].compactMap(projector.project)
    if front.count == 4 { canvas.fill(front, color, 0.22) }
    for (k, (a, b)) in edges.enumerated() {
      // Short pieces, so that what lies behind the camera drops out and distorted edges bend.
      let pieces = 12
      var previous = projector.project(a)
      for step in 1...pieces {
        let next = projector.project(a + (b - a) * (Double(step) / Double(pieces)))
        if let p = previous, let q = next {
          canvas.line(p, q, color, width: k < 4 ? 1.8 : 1.2, alpha: 0.95)
        }
        previous = next
      }
    }
  }
}

/// From the camera frame to the preview's pixels; nil outside the widened image.
private struct Projector {
  let model: CameraModel
  /// Preview pixels per sensor pixel.
  let scale: Double
  let origin: SIMD2<Double>
  /// The tangent beyond which a distorted model may fold back into the image.
  private let widest: Double

  init(model: CameraModel, scale: Double, origin: SIMD2<Double>) {
    self.model = model
    self.scale = scale
    self.origin = origin
    let corners = [(0, 0), (model.width - 1, 0), (0, model.height - 1), (model.width - 1, model.height - 1)]
    let tangents = corners.compactMap { corner -> Double? in
      guard let ray = model.unproject(SIMD2(Double(corner.0), Double(corner.1))), ray.z > 0 else {
        return nil
      }
      return ray.xy.length / ray.z
    }
    widest = tangents.count == 4 ? 1.25 * (tangents.max() ?? .infinity) : .infinity
  }

  func project(_ p: SIMD3<Double>) -> SIMD2<Double>? {
    if widest < .infinity { guard p.z > 0.1, p.xy.length < widest * p.z else { return nil } }
    guard let pixel = model.project(p), pixel.x > -0.5 * Double(model.width),
      pixel.x < 1.5 * Double(model.width),
      pixel.y > -0.5 * Double(model.height), pixel.y < 1.5 * Double(model.height)
    else { return nil }
    // Both pictures count from the centre of their first pixel.
    return origin + (pixel + SIMD2(0.5, 0.5)) * scale - SIMD2(0.5, 0.5)
  }
}
