import CameraInput
import Foundation
import Geometry
import Scenes
import Testing

@Suite struct DecodingTests {
  @Test(arguments: [
    (DecodeScale.full, Golden.colourFull), (.half, Golden.colourHalf), (.quarter, Golden.colourQuarter),
  ])
  func everyByteEqualsPillows(_ scale: DecodeScale, _ golden: [UInt8]) throws {
    var decoder = try ImageDecoder()
    let image = try decoder.decode(Golden.colour, file: "a.jpg", scale: scale)
    #expect(image.width == (41 + scale.rawValue - 1) / scale.rawValue)
    #expect(image.height == (30 + scale.rawValue - 1) / scale.rawValue)
    #expect(image.pixels == golden)
  }

  @Test func progressiveDecodesAsSequential() throws {
    var decoder = try ImageDecoder()
    let image = try decoder.decode(Golden.progressive, file: "a.jpg")
    #expect(image.pixels == Golden.colourFull)
  }

  @Test func greyBecomesRGB() throws {
    var decoder = try ImageDecoder()
    let image = try decoder.decode(Golden.grey, file: "a.jpg")
    #expect(image.channels == 3)
    #expect(image.pixels == Golden.greyFull)
  }

  @Test func exifOrientationIsIgnored() throws {
    var decoder = try ImageDecoder()
    let image = try decoder.decode(Golden.turned, file: "a.jpg")
    #expect((image.width, image.height) == (41, 30))
    #expect(image.pixels == Golden.colourFull)
  }

  @Test func aPreviewHasTheSizeAskedAndAtFullScaleEveryByte() throws {
    var decoder = try ImageDecoder()
    #expect(try decoder.preview(Golden.colour, file: "a.jpg", scale: 1).pixels == Golden.colourFull)
    let image = try decoder.preview(Golden.colour, file: "a.jpg", scale: 0.3)
    #expect((image.width, image.height, image.channels) == (12, 9, 3))
    #expect(throws: ImageError.self) { try previewError(scale: 0) }
    #expect(throws: ImageError.self) { try previewError(scale: .nan) }
  }

  private func previewError(scale: Double) throws {
    var decoder = try ImageDecoder()
    _ = try decoder.preview(Golden.colour, file: "a.jpg", scale: scale)
  }
}

@Suite struct PlaneTests {
  // Pillow sums in Double and stores Float32: values up to 255 differ by a few units in the last place (1.5e-5).
  private let tolerance: Float = 1e-4

  private func compare(_ plan: ImagePlan, _ golden: [UInt8]) throws {
    var decoder = try ImageDecoder()
    let count = 3 * plan.width * plan.height
    var planes = [Float](repeating: -1, count: count + 7)
    try decoder.load(Golden.colour, file: "a.jpg", plan: plan, normalization: .none, into: &planes, at: 5)
    let expected = Golden.floats(golden)
    #expect(expected.count == count)
    for (a, b) in zip(planes[5..<count + 5], expected) { #expect(abs(a - b) <= tolerance) }
    #expect(planes[0..<5].allSatisfy { $0 == -1 } && planes[(count + 5)...].allSatisfy { $0 == -1 })
  }

  @Test func shrunkAndCroppedPlanesEqualPillows() throws {
    let plan = try ImagePlan(sourceWidth: 41, sourceHeight: 30, width: 13, height: 9, scale: 0.4)
    #expect(plan.decodeScale == .half)
    #expect(abs(plan.offsetX - 1.7) < 1e-12 && abs(plan.offsetY - 3) < 1e-12)
    try compare(plan, Golden.colourPlan)
  }

  @Test func planesFromTheFullImageEqualPillows() throws {
    let plan = try ImagePlan(
      sourceWidth: 41, sourceHeight: 30, width: 20, height: 21, scale: 0.7, anchorX: 0, anchorY: 0)
    #expect(plan.decodeScale == .full)
    try compare(plan, Golden.colourPlanFull)
  }

  @Test func normalisationSubtractsAndDividesByChannel() throws {
    let plan = try ImagePlan(sourceWidth: 41, sourceHeight: 30, width: 13, height: 9, scale: 0.4)
    var decoder = try ImageDecoder()
    var plain = [Float](repeating: 0, count: 3 * 13 * 9)
    var normal = plain
    try decoder.load(Golden.colour, file: "a.jpg", plan: plan, normalization: .none, into: &plain)
    try decoder.load(Golden.colour, file: "a.jpg", plan: plan, normalization: .imageNet, into: &normal)
    for k in plain.indices {
      let c = k / (13 * 9)
      let expected = (plain[k] - Normalization.imageNet.mean[c]) / Normalization.imageNet.deviation[c]
      #expect(abs(normal[k] - expected) < 1e-5)
    }
  }

  @Test func aReusedDecoderGivesTheSameBytes() throws {
    let plan = try ImagePlan(sourceWidth: 41, sourceHeight: 30, width: 13, height: 9, scale: 0.4)
    let other = try ImagePlan(sourceWidth: 41, sourceHeight: 30, width: 30, height: 20)
    var reused = try ImageDecoder()
    var first = [Float](repeating: 0, count: 3 * 13 * 9)
    var second = first
    var large = [Float](repeating: 0, count: 3 * 30 * 20)
    try reused.load(Golden.colour, file: "a", plan: plan, normalization: .imageNet, into: &first)
    try reused.load(Golden.grey, file: "b", plan: other, normalization: .imageNet, into: &large)
    _ = try? reused.decode(Array(Golden.colour.dropLast(200)), file: "c")
    try reused.load(Golden.colour, file: "a", plan: plan, normalization: .imageNet, into: &second)
    #expect(first == second)
  }

  @Test func anImageDecodedBeforeGivesTheSamePlanes() throws {
    var decoder = try ImageDecoder()
    let plan = try ImagePlan(sourceWidth: 41, sourceHeight: 30, width: 16, height: 10, scale: 0.4)
    var direct = [Float](repeating: 0, count: 3 * 16 * 10), shared = direct
    try decoder.load(Golden.colour, file: "a", plan: plan, normalization: .imageNet, into: &direct)
    let image = try decoder.decode(Golden.colour, file: "a", scale: plan.decodeScale)
    try decoder.load(image, file: "a", plan: plan, normalization: .imageNet, into: &shared)
    #expect(direct == shared)
    let full = try decoder.decode(Golden.colour, file: "a")
    #expect(throws: ImageError.self) {
      try decoder.load(full, file: "a", plan: plan, normalization: .imageNet, into: &shared)
    }
    #expect(direct == shared)
  }

  @Test func aSizeThatIsNotTheCalibratedOneIsRefused() throws {
    let plan = try ImagePlan(sourceWidth: 40, sourceHeight: 30, width: 20, height: 15)
    var decoder = try ImageDecoder()
    var planes = [Float](repeating: 0, count: 3 * 20 * 15)
    do {
      try decoder.load(Golden.colour, file: "CAM/a.jpg", plan: plan, normalization: .none, into: &planes)
      Issue.record("a 41x30 image was taken for 40x30")
    } catch let error as ImageError {
      #expect(error.description == "CAM/a.jpg: size: 41x30 (expected 40x30 as calibrated)")
    }
  }
}

@Suite struct IntrinsicsTests {
  private let camera = CameraModel(
    fx: 1266.4, fy: 1260.2, cx: 816.3, cy: 491.5, width: 1600, height: 900,
    distortion: .plumbBob(k1: -0.3, k2: 0.1, p1: 1e-3, p2: -2e-3, k3: 0.01))

  @Test(arguments: [
    (704, 256, 0.48, 0.5, 1.0), (352, 128, 0.22, 0.5, 1.0), (800, 450, 0.5, 0.0, 0.0),
    (640, 480, 0.6, 1.0, 0.3),
  ])
  func projectingThroughThePlanEqualsProjectingThenMoving(
    _ width: Int, _ height: Int, _ scale: Double, _ anchorX: Double, _ anchorY: Double
  ) throws {
    let plan = try ImagePlan(
      sourceWidth: 1600, sourceHeight: 900, width: width, height: height, scale: scale, anchorX: anchorX,
      anchorY: anchorY)
    let small = try plan.camera(from: camera, file: "rig.yaml")
    #expect((small.width, small.height) == (width, height))
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let p = SIMD3(
        Double.random(in: -3...3, using: &generator), Double.random(in: -1.5...1.5, using: &generator),
        Double.random(in: 4...60, using: &generator))
      let full = try #require(camera.project(p))
      let direct = try #require(small.project(p))
      #expect((plan.output(fromSource: full) - direct).length < 1e-9)
      #expect((plan.source(fromOutput: direct) - full).length < 1e-9)
      // and back: the output's pixel sees the point's direction
      let ray = try #require(small.unproject(direct))
      #expect((ray - p / p.length).length < 1e-9)
    }
  }

  /// The convention against the pixels themselves: a bright dot's centre of mass moves as the plan says.
  @Test func pixelsMoveAsTheIntrinsicsSay() throws {
    var decoder = try ImageDecoder()
    // A wave's own phase: the picture's red is 127 + 120 sin(x / 5), so its mean over a period is found at known x.
    let plan = try ImagePlan(
      sourceWidth: 41, sourceHeight: 30, width: 16, height: 12, scale: 0.4, anchorX: 0, anchorY: 0)
    var planes = [Float](repeating: 0, count: 3 * 16 * 12)
    try decoder.load(Golden.colour, file: "a.jpg", plan: plan, normalization: .none, into: &planes)
    // Averaging 2.5 source pixels of a wave of length 31.4 shrinks it by about 2 %; noise and JPEG add a few levels.
    for u in 1..<15 {
      let column = (2..<10).map { planes[$0 * 16 + u] }.reduce(0, +) / 8
      let x = plan.source(fromOutput: SIMD2(Double(u), 0)).x
      #expect(abs(Double(column) - (127 + 120 * sin(x / 5))) < 7)
      // Half a source pixel's error would show: 12 levels where the wave is steep.
    }
  }

  @Test func aPlanThatDoesNotFillItsOutputIsRefused() {
    #expect(throws: ImageError.self) {
      try ImagePlan(sourceWidth: 100, sourceHeight: 100, width: 50, height: 50, scale: 0.4)
    }
    #expect(throws: ImageError.self) {
      try ImagePlan(sourceWidth: 0, sourceHeight: 100, width: 50, height: 50)
    }
    #expect(throws: ImageError.self) {
      try ImagePlan(sourceWidth: 100, sourceHeight: 100, width: 50, height: 50, scale: .infinity)
    }
  }
}
