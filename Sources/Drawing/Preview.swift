import Foundation
import Geometry
import Scenes

/// A keyframe as a person wants to see it: the cameras with boxes beside the bird's-eye view (forward up, left at left).
public struct Preview: Sendable {
  /// The picture's size in pixels.
  public static let width = 1600, height = 820
  /// Detections and tracks below this score are not drawn.
  public var minimumScore = 0.3

  /// A preview with the default threshold.
  public init() {}

  /// Draws one keyframe.
  ///
  /// - Parameters:
  ///   - prediction: What was perceived.
  ///   - scene: The scene's name, for the title.
  ///   - timestampMicroseconds: The boxes' time (the LiDAR's); moving boxes are carried on to each camera's own time.
  ///   - cameras: Pictures; the front and the back one come first, then left and right ones in pairs.
  ///   - points: The LiDAR's points in the ego frame.
  public func draw(
    _ prediction: FramePrediction, scene: String, timestampMicroseconds: Int64, cameras: [PreviewCamera],
    points: PointCloud
  ) -> Image {
    var canvas = Canvas(width: Self.width, height: Self.height, background: Palette.background)
    let view = BEVView(left: 884, top: 40, side: 708, halfRange: 51.2)
    drawTitle(prediction, scene, &canvas)
    let cells = Self.cells(count: cameras.count)
    for (camera, cell) in zip(Self.arranged(cameras), cells) {
      CameraView(cell: cell, camera: camera, minimumScore: minimumScore)
        .draw(prediction.detections, at: timestampMicroseconds, on: &canvas)
    }
    view.draw(prediction, points: points, minimumScore: minimumScore, on: &canvas)
    canvas.clip = (0..<Self.width, 0..<Self.height)
    drawLegend(&canvas)
    return canvas.image
  }

  private func drawTitle(_ prediction: FramePrediction, _ scene: String, _ canvas: inout Canvas) {
    let seconds = Double(prediction.keyframe.timestampMicroseconds % 1_000_000_000) / 1e6
    let objects = prediction.detections.filter { $0.score >= minimumScore }.count
    let x = canvas.text(scene, x: 8, y: 12, Palette.text, scale: 2)
    canvas.text(
      "t \((seconds * 100).rounded() / 100) s   \(objects) objects   sample \(prediction.keyframe.token.prefix(8))",
      x: x + 24, y: 16, Palette.dimText)
    canvas.text(
      "bird's-eye view: forward up, left at left, rings each 10 m", x: 884, y: 16, Palette.dimText)
  }

  private func drawLegend(_ canvas: inout Canvas) {
    let left = 884
    var x = left
    var y = 762
    for name in DetectionClass.allCases {
      let label = name.rawValue.replacing("_", with: " ")
      if x + 16 + 6 * label.count > Self.width - 8 {
        x = left
        y += 18
      }
      canvas.fill(x: x..<x + 10, y: y..<y + 10, Palette.color(of: name))
      x = canvas.text(label, x: x + 16, y: y + 2, Palette.text) + 14
    }
    canvas.text(
      "light cells: occupied   grey: free   dark: not seen   dots: lidar by height   curves: next 6 s",
      x: left,
      y: y + 24, Palette.dimText)
  }

  /// Where the pictures go: two columns for up to six, three beyond.
  private static func cells(count: Int) -> [PictureCell] {
    guard count > 0 else { return [] }
    let columns = count <= 6 ? 2 : 3
    let rows = (count + columns - 1) / columns
    let width = 876 / columns
    let height = 774 / max(rows, 3)
    return (0..<count).map {
      PictureCell(
        x: 4 + $0 % columns * width, y: 40 + $0 / columns * height, width: width - 6, height: height - 6)
    }
  }

  /// The front and the back camera, then left and right ones in pairs from the front on.
  static func arranged(_ cameras: [PreviewCamera]) -> [PreviewCamera] {
    let headings = cameras.map { camera -> Double in
      let forward = camera.data.sensor.egoFromSensor.rotation.rotate(SIMD3(0, 0, 1))
      return atan2(forward.y, forward.x)
    }
    var rest = cameras.indices.sorted { (abs(headings[$0]), $0) < (abs(headings[$1]), $1) }
    guard rest.count > 2 else { return rest.map { cameras[$0] } }
    var order = [rest.removeFirst(), rest.removeLast()]
    var left = rest.filter { headings[$0] > 0 }[...]
    var right = rest.filter { headings[$0] <= 0 }[...]
    while !left.isEmpty || !right.isEmpty {
      if let next = left.popFirst() { order.append(next) }
      if let next = right.popFirst() { order.append(next) }
    }
    return order.map { cameras[$0] }
  }
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
