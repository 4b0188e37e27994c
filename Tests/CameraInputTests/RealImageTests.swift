import CameraInput
import Foundation
import Geometry
import TestKit
import Testing

private let data = RealData.path("")

/// Recorded images, where the machine has them beside the repository.
@Suite(.enabled(if: RealData.has("pandaset-002"), "shared/data is not here"))
struct RealImageTests {
  private func images(_ root: String) throws -> [(name: String, bytes: [UInt8])] {
    let samples = "\(data)/\(root)/samples"
    return try FileManager.default.contentsOfDirectory(atPath: samples).sorted().filter {
      $0.hasPrefix("CAM_")
    }.map {
      let file = try FileManager.default.contentsOfDirectory(atPath: "\(samples)/\($0)").sorted()[0]
      return ($0, [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(samples)/\($0)/\(file)"))))
    }
  }

  @Test(arguments: [("nuscenes-keyframe", 1600, 900, 0.48), ("pandaset-002", 1920, 1080, 0.4)])
  func everyCameraBecomesPlanes(_ root: String, _ width: Int, _ height: Int, _ scale: Double) throws {
    let plan = try ImagePlan(
      sourceWidth: width, sourceHeight: height, width: 704, height: 256, scale: scale)
    #expect(plan.decodeScale == .half)
    let images = try images(root)
    #expect(images.count == 6)
    let count = 3 * 704 * 256
    var planes = [Float](repeating: .nan, count: images.count * count)
    var decoder = try JPEGDecoder()
    let clock = ContinuousClock()
    var fastest = Duration.seconds(100)
    for _ in 0..<3 {
      let start = clock.now
      for (k, image) in images.enumerated() {
        try decoder.load(
          image.bytes, file: image.name, plan: plan, normalization: .imageNet, into: &planes, at: k * count)
      }
      fastest = min(fastest, clock.now - start)
    }
    print("\(root): six cameras to 704 x 256 planes in \(fastest), one thread")
    #expect(planes.allSatisfy { $0.isFinite && abs($0) < 3 })
  }

  /// What the decoder's own scaling gives is what one gets from all pixels, to the difference between its reduced
  /// transform and an antialiased triangle: a few levels on average.
  @Test func theDecodersScalingDoesNotMoveThePicture() throws {
    let image = try images("nuscenes-keyframe")[0]
    var decoder = try JPEGDecoder()
    let full = try decoder.decode(image.bytes, file: image.name)
    let half = try decoder.decode(image.bytes, file: image.name, scale: .half)
    #expect((half.width, half.height) == (800, 450))
    func difference(shift: Int) -> Double {
      var sum = 0
      for y in stride(from: 10, to: 440, by: 3) {
        for x in stride(from: 10, to: 790, by: 3) {
          let at = { (dx: Int, dy: Int) in
            Int(full.pixels[((2 * y + dy) * 1600 + 2 * x + dx + shift) * 3 + 1])
          }
          sum += abs(
            (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4 - Int(half.pixels[(y * 800 + x) * 3 + 1]))
        }
      }
      return Double(sum) / Double(144 * 260)
    }
    #expect(difference(shift: 0) < 1.5)
    #expect(difference(shift: 0) < difference(shift: 1) && difference(shift: 0) < difference(shift: -1))
  }
}
