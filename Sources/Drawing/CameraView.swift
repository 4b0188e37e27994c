import Geometry
import Scenes

/// One camera of a preview: its picture with boxes drawn through its own pose at its own time.
struct CameraView {
  let cell: PictureCell
  let camera: PreviewCamera

  /// Draws the picture and the objects, which hold at `timestampMicroseconds`; annotated boxes as thin white edges.
  func draw(
    _ objects: [LabelledDetection], truth: [Box3D], at timestampMicroseconds: Int64, on canvas: inout Canvas
  ) {
    let image = camera.image
    let scale = min(Double(cell.width) / Double(image.width), Double(cell.height) / Double(image.height))
    let width = max(1, Int((Double(image.width) * scale).rounded()))
    let height = max(1, Int((Double(image.height) * scale).rounded()))
    let left = cell.x + (cell.width - width) / 2
    canvas.clip = (left..<left + width, cell.y..<cell.y + height)
    canvas.draw(image, x: left, y: cell.y, width: width, height: height)
    if let model = camera.data.sensor.camera {
      let projector = Projector(
        model: model, scale: Double(width) / Double(model.width),
        origin: SIMD2(Double(left), Double(cell.y)))
      draw(objects, truth: truth, at: timestampMicroseconds, through: projector, on: &canvas)
    }
    let label = camera.data.sensor.channel
    canvas.fill(
      x: left..<left + Canvas.advance * label.count + 7, y: cell.y..<cell.y + 13, Palette.background, 0.65)
    canvas.text(label, x: left + 4, y: cell.y + 3, Palette.text)
    canvas.unclip()
  }

  private func draw(
    _ objects: [LabelledDetection], truth: [Box3D], at timestampMicroseconds: Int64,
    through projector: Projector,
    on canvas: inout Canvas
  ) {
    let seconds = Double(camera.data.timestampMicroseconds - timestampMicroseconds) / 1e6
    let cameraFromGlobal = camera.data.globalFromSensor.inverse
    for box in truth { draw(box.transformed(by: cameraFromGlobal), nil, projector, on: &canvas) }
    let far = objects.map { object in
      (object: object, depth: (cameraFromGlobal * object.detection.box.center).z)
    }.filter { $0.depth.isFinite }.sorted { $0.depth > $1.depth }
    for (object, _) in far {
      let velocity = object.detection.velocity
      var box = object.detection.box
      if velocity.x.isFinite, velocity.y.isFinite { box.center += SIMD3(velocity.x, velocity.y, 0) * seconds }
      let color = Palette.color(of: object.detection.name), inCamera = box.transformed(by: cameraFromGlobal)
      draw(inCamera, color, projector, on: &canvas)
      drawLabel(object.label, of: inCamera, color, projector, on: &canvas)
    }
  }

  /// Score and track number above the box, where all of it lies before the camera and is large enough to belong to them.
  private func drawLabel(
    _ label: String, of box: Box3D, _ color: Color, _ projector: Projector, on canvas: inout Canvas
  ) {
    guard box.center.isFinite, box.center.length < 80 else { return }
    let corners = box.corners.compactMap(projector.project)
    guard corners.count == 8 else { return }
    let left = corners.reduce(Double.infinity) { min($0, $1.x) }
    let right = corners.reduce(-Double.infinity) { max($0, $1.x) }
    let top = corners.reduce(Double.infinity) { min($0, $1.y) }
    guard right - left >= 10 else { return }
    let (x, y) = (Int(left), Int(top) - 10)
    canvas.fill(x: x - 1..<x + Canvas.advance * label.count, y: y - 1..<y + 8, Palette.background, 0.55)
    canvas.text(label, x: x, y: y, color)
  }

  /// Draws the twelve edges of a box in the camera frame, and fills the face that it heads with; without a colour, as
  /// what was annotated.
  private func draw(_ box: Box3D, _ color: Color?, _ projector: Projector, on canvas: inout Canvas) {
    guard box.center.length < 80, box.center.isFinite else { return }
    let c = box.corners
    let front = c[0..<4].compactMap(projector.project)
    if let color, front.count == 4 { canvas.fill(front, color, 0.22) }
    for (k, (from, to)) in Self.edges.enumerated() {
      // Short pieces, so that what lies behind the camera drops out and distorted edges bend.
      let (a, b) = (c[from], c[to]), pieces = 12
      var previous = projector.project(a)
      for step in 1...pieces {
        let next = projector.project(a + (b - a) * (Double(step) / Double(pieces)))
        if let p = previous, let q = next {
          canvas.line(
            p, q, color ?? Palette.truth, width: color == nil ? 1 : k < 4 ? 1.8 : 1.2,
            alpha: color == nil ? 0.8 : 0.95)
        }
        previous = next
      }
    }
  }

  /// A box's edges by its corners' numbers; the first four are those of the face that it heads with.
  private static let edges = [
    (0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7),
  ]
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
