import CameraInput
import Files
import Foundation
import Testing

/// Rows F41 to F45: each by injecting its fault.
@Suite struct BrokenImageTests {
  private func failure(_ bytes: [UInt8]) throws -> String? {
    var decoder = try ImageDecoder()
    do {
      _ = try decoder.decode(bytes, file: "samples/CAM_X/a.jpg")
      return nil
    } catch let error as ImageError {
      return error.description
    }
  }

  @Test func aWholeImageDoesNotFail() throws {
    #expect(try failure(Golden.colour) == nil)
  }

  @Test(arguments: [Golden.colour, Golden.progressive, Golden.grey])
  func aFileCutAnywhereFailsAndNamesIt(_ whole: [UInt8]) throws {
    for sixteenth in 0..<16 {
      let message = try #require(try failure(Array(whole.prefix(whole.count * sixteenth / 16))))
      #expect(message.hasPrefix("samples/CAM_X/a.jpg: "))
    }
    // Even the last two bytes, the end marker, are missed.
    #expect(try failure(Array(whole.dropLast(2))) != nil)
  }

  @Test func aHugeSizeIsRefusedBeforeAllocation() throws {
    let sizes: [(UInt8, UInt8, UInt8, UInt8)] = [
      (0xFF, 0xDC, 0xFF, 0xDC), (0, 0, 0, 41), (0xFF, 0xFF, 0xFF, 0xFF),
    ]
    for (a, b, c, d) in sizes {
      var bytes = Golden.colour
      let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
      bytes.replaceSubrange(frame + 5..<frame + 9, with: [a, b, c, d])
      let before = peakMemory()
      let message = try #require(try failure(bytes))
      #expect(message.contains("megapixels at most"))
      #expect(peakMemory() - before < 50_000_000)
    }
  }

  @Test func tenThousandScansAreRefusedAtOnce() throws {
    var bytes = Golden.progressive
    let scan = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA })
    let next = try #require(
      bytes.indices.dropFirst(scan + 2).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC4 })
    let one = Array(bytes[scan..<next])
    bytes.replaceSubrange(scan..<next, with: Array(repeating: one, count: 10_000).joined())
    let clock = ContinuousClock()
    let start = clock.now
    let message = try #require(try failure(bytes))
    #expect(clock.now - start < .seconds(1))
    #expect(message.contains("scans: more than 64 (expected 64 at most)"))
  }

  @Test func aPNGUnderAnotherNameIsToldByItsFirstBytes() throws {
    #expect(try failure(Golden.png) == nil)
    var decoder = try ImageDecoder()
    let size = try decoder.size(of: Golden.png, file: "a.jpg")
    #expect(size.width == 41 && size.height == 30)
    // Cut anywhere it is refused, and a size that no camera has before anything is allocated.
    for length in [0, 8, 20, 33, 60, Golden.png.count - 12, Golden.png.count - 1] {
      #expect(try failure(Array(Golden.png.prefix(length))) != nil, "\(length) bytes")
    }
    var huge = Golden.png
    huge.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    #expect(try #require(try failure(huge)).contains("size: 2147483647x2147483647"))
  }

  @Test func aPNGIsShrunkByMeans() throws {
    // 3 x 3 grey pixels of 16 bits would be 8; here 8: means of 2 x 2, 1 x 2, 2 x 1 and 1 pixels, halves upwards.
    let grey = PNGPicture(width: 3, height: 3, channels: 1, pixels: [10, 20, 30, 40, 51, 60, 70, 80, 90])
    var decoder = try ImageDecoder()
    let image = try decoder.decode(PNGFile.encode(grey), file: "a.png", scale: .half)
    #expect(image.width == 2 && image.height == 2 && image.channels == 3)
    #expect(stride(from: 0, to: 12, by: 3).map { image.pixels[$0] } == [30, 45, 75, 90])
    #expect(stride(from: 2, to: 12, by: 3).map { image.pixels[$0] } == [30, 45, 75, 90])
    // Opacity is left out.
    let clear = PNGPicture(width: 1, height: 1, channels: 4, pixels: [1, 2, 3, 0])
    #expect(try decoder.decode(PNGFile.encode(clear), file: "a.png").pixels == [1, 2, 3])
    // Into planes as the same picture at the decoder's own scale.
    let plan = try ImagePlan(sourceWidth: 3, sourceHeight: 3, width: 3, height: 3)
    var planes = [Float](repeating: 0, count: 27)
    try decoder.load(
      PNGFile.encode(grey), file: "a.png", plan: plan, normalization: .none, into: &planes)
    #expect(Array(planes.prefix(9)) == [10, 20, 30, 40, 51, 60, 70, 80, 90])
  }

  @Test func cmykIsRefused() throws {
    #expect(try #require(try failure(Golden.cmyk)).contains("4 (CMYK)"))
  }

  @Test func emptyAndForeignFilesAreRefused() throws {
    #expect(try #require(try failure([])).contains("an empty file"))
    #expect(try #require(try failure(Array("<html>".utf8))).contains("text"))
    #expect(try failure([0xFF, 0xD8, 0xFF]) != nil)
    #expect(try failure([0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF]) != nil)
  }

  @Test func flippedBitsDecodeOrFailButNeverCrash() throws {
    var decoder = try ImageDecoder()
    var decoded = 0
    for seed in 0..<1000 {
      var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
      var bytes = seed % 2 == 0 ? Golden.colour : Golden.progressive
      for _ in 0...seed % 8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let bit = Int(state >> 33) % (bytes.count * 8)
        bytes[bit / 8] ^= 1 << (bit % 8)
      }
      if let image = try? decoder.decode(bytes, file: "a.jpg") {
        #expect(image.pixels.count == image.width * image.height * 3)
        decoded += 1
      }
    }
    // Both ways occur.
    #expect(decoded > 0 && decoded < 1000)
  }

  private func peakMemory() -> Int {
    var usage = rusage()
    _ = getrusage(0, &usage)
    return usage.ru_maxrss * 1024
  }
}
