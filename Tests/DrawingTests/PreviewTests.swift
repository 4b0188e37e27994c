import Drawing
import Geometry
import Results
import Scenes
import TestKit
import Testing

@Suite struct PreviewTests {
  private func brightness(_ image: Image, _ x: Int, _ y: Int) -> Int {
    (0..<3).reduce(0) { $0 + Int(image.pixels[(y * image.width + x) * 3 + $1]) }
  }

  @Test func forwardIsUpAndLeftIsAtLeft() {
    // Occupied cells ahead at the left: x from 20 to 24 m, y from 20 to 24 m.
    let grid = BEVGrid.standard
    let cells = (0..<10).flatMap { a in (0..<10).map { b in (178 + a, 178 + b) } }
    #expect(abs(grid.center(178, 178).x - 20.2) < 1e-9)
    var prediction = Made.prediction("s", detections: [], layers: Made.layers(occupied: cells))
    prediction.agents = []
    let image = Preview().draw(
      prediction, place: FramePlace(scene: "scene", index: 0, count: 1, seconds: 0), timestampMicroseconds: 0,
      cameras: [], points: PointCloud())
    #expect(image.width == Preview.width && image.height == Preview.height)
    var sum = SIMD2<Double>.zero
    var count = 0.0
    for y in 40..<730 {
      for x in 1220..<1908 where brightness(image, x, y) > 450 {
        // Away from the labels and the ego in the middle.
        guard x < 1510, y < 335 else { continue }
        sum += SIMD2(Double(x), Double(y))
        count += 1
      }
    }
    // The middle of the square is at (22, 22) m: 696 pixels are 102.4 m, the ego's place is the view's middle.
    let scale = 696 / 102.4
    let expected = SIMD2(1216 + (51.2 - 22) * scale, 36 + (51.2 - 22) * scale)
    #expect(count > 300, "the square is drawn")
    #expect((sum / count - expected).length < 3, "\(sum / count) instead of \(expected)")
  }

  @Test func boxesAreDrawnWhereTheirCameraSeesThem() throws {
    // A camera at the ego's origin looking forward: x right is ego -y, y down is ego -z, z is ego x.
    let egoFromCamera = RigidTransform(
      rotation: Quaternion(rows: (SIMD3(0, 0, 1), SIMD3(-1, 0, 0), SIMD3(0, -1, 0))),
      translation: SIMD3(0, 0, 1.5))
    let model = CameraModel(fx: 400, fy: 400, cx: 399.5, cy: 224.5, width: 800, height: 450)
    let pose = RigidTransform(rotation: Quaternion(yaw: 0.7), translation: SIMD3(500, -300, 2))
    let sensor = CalibratedSensor(
      token: "c", channel: "CAM_FRONT", modality: .camera, egoFromSensor: egoFromCamera, camera: model)
    let data = SensorData(
      token: "d", sampleToken: "s", sensor: sensor, timestampMicroseconds: 500_000, globalFromEgo: pose,
      file: "f",
      isKeyframe: true, sequence: 0)
    // The box moves at 4 m/s to the left; half a second later, at the camera's time, it is 2 m further.
    let now = Box3D(center: SIMD3(15, 1, 1), size: SIMD3(2, 4, 2), rotation: .identity).transformed(by: pose)
    let left = pose.rotation.rotate(SIMD3(0, 4, 0))
    let detection = Detection(name: .bus, box: now, velocity: left.xy, score: 0.9)
    let black = Image(
      width: 400, height: 225, channels: 3, pixels: [UInt8](repeating: 0, count: 400 * 225 * 3))
    var prediction = Made.prediction("s", detections: [detection])
    prediction.globalFromEgo = pose
    let image = Preview().draw(
      prediction, place: FramePlace(scene: "x", index: 0, count: 1, seconds: 0), timestampMicroseconds: 0,
      cameras: [PreviewCamera(data: data, image: black)], points: PointCloud())
    // Where pink (the colour of a bus) is in the camera's part of the picture.
    var low = SIMD2(Double.infinity, .infinity)
    var high = -low
    for y in 36..<488 {
      for x in 4..<1208 {
        let k = (y * image.width + x) * 3
        guard image.pixels[k] > 150, image.pixels[k + 1] < 110, image.pixels[k + 2] > 90 else { continue }
        low = SIMD2(min(low.x, Double(x)), min(low.y, Double(y)))
        high = SIMD2(max(high.x, Double(x)), max(high.y, Double(y)))
      }
    }
    let moved = Box3D(center: SIMD3(15, 3, 1), size: SIMD3(2, 4, 2), rotation: .identity)
    let pixels = moved.transformed(by: egoFromCamera.inverse).corners.compactMap { model.project($0) }
    #expect(pixels.count == 8)
    // The picture is 800 x 450 on the sensor and fitted into a cell of 1204 x 452 at (4, 36), so 804 x 452 of it in the
    // cell's middle.
    let scale = 804.0 / 800
    let xs = pixels.map { 204 + ($0.x + 0.5) * scale - 0.5 }
    let ys = pixels.map { 36 + ($0.y + 0.5) * scale - 0.5 }
    // Two pixels: half a line's width and its smooth edge.
    #expect(abs(low.x - (xs.min() ?? 0)) < 2 && abs(high.x - (xs.max() ?? 0)) < 2, "\(low) \(high) \(xs)")
    // The label, in the box's colour too, begins ten pixels above it.
    #expect(
      abs(low.y - ((ys.min() ?? 0) - 10)) < 2 && abs(high.y - (ys.max() ?? 0)) < 2, "\(low) \(high) \(ys)")
  }

  /// A camera whose heading is so many degrees to the left.
  private func camera(_ channel: String, _ degrees: Double) -> PreviewCamera {
    let looksAhead = Quaternion(rows: (SIMD3(0, 0, 1), SIMD3(-1, 0, 0), SIMD3(0, -1, 0)))
    let turned = Quaternion(yaw: degrees * .pi / 180) * looksAhead
    let sensor = CalibratedSensor(
      token: channel, channel: channel, modality: .camera,
      egoFromSensor: RigidTransform(rotation: turned, translation: .zero),
      camera: CameraModel(fx: 2, fy: 2, cx: 0.5, cy: 0.5, width: 2, height: 2))
    let data = SensorData(
      token: channel, sampleToken: "s", sensor: sensor, timestampMicroseconds: 0, globalFromEgo: .identity,
      file: "f", isKeyframe: true, sequence: 0)
    return PreviewCamera(
      data: data, image: Image(width: 2, height: 2, channels: 3, pixels: [UInt8](repeating: 0, count: 12)))
  }

  @Test func camerasStandAsInAPanorama() {
    let cameras = [
      camera("BACK", 180), camera("FRONT", 0), camera("BACK_RIGHT", -110), camera("FRONT_LEFT", 55),
      camera("BACK_LEFT", 110), camera("FRONT_RIGHT", -55),
    ]
    #expect(
      Preview.arranged(cameras).map(\.data.sensor.channel) == [
        "FRONT_LEFT", "FRONT", "FRONT_RIGHT", "BACK_LEFT", "BACK", "BACK_RIGHT",
      ])
  }

  @Test func namesOfPicturesSortByTime() {
    let names = (0..<12).map {
      FramePlace(scene: "s", index: $0, count: 12, seconds: Double($0) * 0.95).pictureName(
        sample: "\(99 - $0)")
    }
    #expect(names == names.sorted() && names[11] == "0011_010.5s_88.jpg", "\(names)")
  }

  @Test(arguments: [0, 1, 3, 7, 40, 100]) func asManyPicturesAsWanted(wanted: Int) {
    let chosen = (0..<40).filter { RunContents.Previews.perScene(wanted).contains($0, of: 40) }
    #expect(chosen.count == min(wanted, 40))
    #expect(wanted == 0 || chosen.first == 0)
    for (a, b) in zip(chosen, chosen.dropFirst()) { #expect(abs(b - a - 40 / min(wanted, 40)) <= 1) }
  }

  @Test func everyLetterThatNamesNeedHasAGlyph() {
    let letters = (0x20...0x7e).map { Character(UnicodeScalar($0)) }.filter {
      $0.isLetter || $0.isNumber || " .,:-_/()%+=#'".contains($0)
    }
    let box = Glyphs.rows(of: "\u{1}")
    for letter in letters { #expect(Glyphs.rows(of: letter) != box, "\(letter)") }
  }
}
