import Foundation
import Geometry
import Results
import Scenes

/// A keyframe as a person wants to see it: the cameras with boxes in the order of a panorama beside the bird's-eye view
/// (forward up, left at left), and the nearest objects below them.
public struct Preview: Sendable {
  /// The picture's size in pixels.
  public static let width = 1920, height = 740
  /// Detections and tracks below this score are not drawn.
  public var minimumScore = 0.3

  /// The bird's-eye view's place.
  private static let view = BEVView(left: 1216, top: 36, side: 696, halfRange: 51.2)
  /// The cameras' place.
  private static let cameras = PictureCell(x: 4, y: 36, width: 1206, height: 454)

  /// A preview with the default threshold.
  public init() {}

  /// Draws one keyframe.
  ///
  /// - Parameters:
  ///   - prediction: What was perceived.
  ///   - place: Where the frame is in its drive, for the title.
  ///   - timestampMicroseconds: The boxes' time (the LiDAR's); moving boxes are carried on to each camera's own time.
  ///   - cameras: Pictures, in any order.
  ///   - points: The LiDAR's points in the ego frame.
  ///   - truth: Annotated boxes in the global frame, drawn in white.
  public func draw(
    _ prediction: FramePrediction, place: FramePlace, timestampMicroseconds: Int64, cameras: [PreviewCamera],
    points: PointCloud, truth: [Box3D] = []
  ) -> Image {
    var canvas = Canvas(width: Self.width, height: Self.height, background: Palette.background)
    let objects = LabelledDetection.all(in: prediction, minimumScore: minimumScore)
    drawTitle(prediction, place, objects.count, &canvas)
    let cells = Self.cells(count: cameras.count)
    for (camera, cell) in zip(Self.arranged(cameras), cells) {
      CameraView(cell: cell, camera: camera)
        .draw(objects, truth: truth, at: timestampMicroseconds, on: &canvas)
    }
    Self.view.draw(
      prediction, objects: objects, truth: truth, points: points, minimumScore: minimumScore, on: &canvas)
    canvas.unclip()
    ObjectTable(x: 8, y: 500, rows: 12, columns: 4, columnWidth: 302)
      .draw(objects, egoFromGlobal: prediction.globalFromEgo.inverse, on: &canvas)
    drawLegend(hasTruth: !truth.isEmpty, &canvas)
    return canvas.image
  }

  private func drawTitle(
    _ prediction: FramePrediction, _ place: FramePlace, _ objects: Int, _ canvas: inout Canvas
  ) {
    let x = canvas.text(place.scene, x: 8, y: 10, Palette.text, scale: 2)
    let moment = Date(
      timeIntervalSince1970: Double(prediction.keyframe.timestampMicroseconds) / 1e6)
    let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space, includingFractionalSeconds: true)
    canvas.text(
      "\(place.clock)   keyframe \(place.index + 1) of \(place.count)   \(objects) objects   "
        + "sample \(prediction.keyframe.token)   \(style.format(moment))",
      x: x + 24, y: 14, Palette.dimText)
    canvas.text(
      "bird's-eye view: forward up, left at left, rings each 10 m", x: Self.view.left, y: 14, Palette.dimText)
  }

  private func drawLegend(hasTruth: Bool, _ canvas: inout Canvas) {
    var x = 8
    for name in DetectionClass.allCases {
      let label = name.rawValue.replacing("_", with: " ")
      canvas.fill(x: x..<x + 10, y: 678..<688, Palette.color(of: name))
      x = canvas.text(label, x: x + 15, y: 680, Palette.text) + 14
    }
    canvas.text(
      "table: track, class, score, distance, speed   boxes: track and score, from \(minimumScore) on",
      x: 8, y: 698, Palette.dimText)
    canvas.text(
      "light cells: occupied   grey: free   dark: not seen   dots: lidar by height   curves: next 6 s"
        + (hasTruth ? "   white boxes: annotated" : ""), x: 8, y: 714, Palette.dimText)
  }

  /// Where the pictures go: one row of up to three, else two rows.
  private static func cells(count: Int) -> [PictureCell] {
    guard count > 0 else { return [] }
    let rows = count <= 3 ? 1 : 2, columns = (count + rows - 1) / rows
    let width = cameras.width / columns, height = cameras.height / rows
    return (0..<count).map {
      PictureCell(
        x: cameras.x + $0 % columns * width, y: cameras.y + $0 / columns * height, width: width - 2,
        height: height - 2)
    }
  }

  /// The order of a panorama: the half that looks ahead from left to right, then the half that looks back, its left ones
  /// at the left too.
  package static func arranged(_ cameras: [PreviewCamera]) -> [PreviewCamera] {
    // Radians to the left of straight ahead.
    let headings = cameras.map { camera -> Double in
      let forward = camera.data.sensor.egoFromSensor.rotation.rotate(SIMD3(0, 0, 1))
      return atan2(forward.y, forward.x)
    }
    let ahead = cameras.indices.sorted { (abs(headings[$0]), $0) < (abs(headings[$1]), $1) }
    let upper = ahead.prefix(cameras.count <= 3 ? cameras.count : (cameras.count + 1) / 2)
    let lower = ahead.dropFirst(upper.count)
    return
      (upper.sorted { (-headings[$0], $0) < (-headings[$1], $1) }
      + lower.sorted { (Self.turn(headings[$0]), $0) < (Self.turn(headings[$1]), $1) }).map { cameras[$0] }
  }

  /// A heading as a turn to the left from 0 on.
  private static func turn(_ heading: Double) -> Double { heading < 0 ? heading + 2 * .pi : heading }
}

/// The colours of previews.
enum Palette {
  static let background = Color(0x0f1216)
  static let unknown = Color(0x15191f)
  static let free = Color(0x2a3038)
  static let occupied = Color(0xd9dee6)
  static let drivable = Color(0x2f4a3c)
  static let divider = Color(0x8a96a8)
  static let crossing = Color(0x4f6aa8)
  static let ring = Color(0x8a96a8)
  static let text = Color(0xe6eaf0)
  static let dimText = Color(0x95a1b2)
  static let ego = Color(0x46e08a)
  static let truth = Color(0xffffff)

  /// Each class's own colour.
  static func color(of name: DetectionClass) -> Color {
    switch name {
    case .car: Color(0xffb000)
    case .truck: Color(0xfe6100)
    case .bus: Color(0xe0459b)
    case .trailer: Color(0xb07cff)
    case .constructionVehicle: Color(0xc9a36a)
    case .pedestrian: Color(0x48b8ff)
    case .motorcycle: Color(0x8af07a)
    case .bicycle: Color(0x2fd6b3)
    case .trafficCone: Color(0xfff0a0)
    case .barrier: Color(0x9aa7b8)
    }
  }
}

/// A rectangle of the preview.
struct PictureCell {
  let x: Int, y: Int, width: Int, height: Int
}
