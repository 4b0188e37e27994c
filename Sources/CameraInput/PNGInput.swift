internal import Files
import Scenes

/// PNG pictures of cameras.
enum PNGInput {
  private static let magic: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Whether a file is a PNG.
  static func begins(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

  /// The picture's size in pixels, from its header alone.
  /// - Throws: `ImageError` where there is no header, or the size is 0 or above the limit.
  static func size(of bytes: [UInt8], file: String) throws -> (width: Int, height: Int) {
    guard bytes.count >= 33, bytes[12..<16].elementsEqual(Array("IHDR".utf8)) else {
      throw ImageError(
        file: file, field: "PNG header", found: "none in \(bytes.count) bytes", expected: "a whole PNG")
    }
    func number(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    let (width, height) = (number(16), number(20))
    guard width > 0, height > 0, width * height <= maximumPixels else {
      throw ImageError(
        file: file, field: "size", found: "\(width)x\(height)",
        expected: "above 0 and \(maximumPixels / 1_000_000) megapixels at most")
    }
    return (width, height)
  }

  /// Whether the chunks lead to a whole `IEND`: libspng decodes what was cut behind the last pixels.
  /// - Complexity: O(chunks).
  private static func isWhole(_ bytes: [UInt8]) -> Bool {
    // A chunk is its length, its type, so many bytes, and four of checksum.
    var at = magic.count
    while at + 12 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      if bytes[at + 4..<at + 8].elementsEqual("IEND".utf8) { return true }
      at += 12 + length
    }
    return false
  }

  /// The picture as RGB, each pixel the mean of `scale` x `scale` of the source's (of fewer at the right and lower edge).
  /// - Throws: `ImageError` for anything but a whole PNG.
  static func decode(_ bytes: [UInt8], file: String, scale: DecodeScale) throws -> Image {
    _ = try size(of: bytes, file: file)
    guard isWhole(bytes) else {
      throw ImageError(
        file: file, field: "PNG chunks", found: "no end in \(bytes.count) bytes", expected: "a whole PNG")
    }
    let picture: PNGPicture
    do {
      picture = try PNGFile.parse(bytes, name: file)
    } catch let error as ArrayFileError {
      throw ImageError(
        file: file, field: "PNG \(error.place)", found: error.found, expected: error.expected)
    }
    let width = scale.decodedLength(picture.width), height = scale.decodedLength(picture.height)
    let channels = picture.channels, step = scale.rawValue
    let source: [Int] = channels == 1 ? [0, 0, 0] : [0, 1, 2]
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { target, count in
      picture.pixels.withUnsafeBufferPointer { pixels in
        for y in 0..<height {
          let rows = y * step..<min((y + 1) * step, picture.height)
          for x in 0..<width {
            let columns = x * step..<min((x + 1) * step, picture.width)
            let area = rows.count * columns.count
            for c in 0..<3 {
              var sum = area / 2
              for row in rows {
                for column in columns {
                  sum += Int(pixels[(row * picture.width + column) * channels + source[c]])
                }
              }
              target[(y * width + x) * 3 + c] = UInt8(sum / area)
            }
          }
        }
      }
      count = width * height * 3
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }
}
