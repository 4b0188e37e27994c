internal import CTurboJPEG

/// JPEG pictures, written as the same bytes every time.
public enum JPEGFile {
  /// The bytes of a baseline JPEG file with colour at half the resolution (4:2:0).
  /// - Parameters:
  ///   - pixels: RGB, 8 bits a channel, `[row, column, channel]`, rows from the top.
  ///   - quality: 1 to 100.
  /// - Precondition: `height * width * 3` values.
  /// - Throws: `ArrayFileError` with the library's reason, as for a side above 65,535 pixels.
  /// - Complexity: O(pixels).
  public static func encode(
    width: Int, height: Int, pixels: [UInt8], quality: Int = 90, name: String = "picture"
  ) throws -> [UInt8] {
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width) x \(height) x 3")
    func fail(_ found: String) -> ArrayFileError {
      ArrayFileError(
        file: name, place: "JPEG, \(width) x \(height)", found: found,
        expected: "an RGB picture that JPEG can hold")
    }
    guard let handle = tjInitCompress() else { throw fail("no compressor") }
    defer { tjDestroy(handle) }
    guard let columns = Int32(exactly: width), let rows = Int32(exactly: height) else {
      throw fail("its size")
    }
    var buffer: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    let status = pixels.withUnsafeBufferPointer { pixels in
      tjCompress2(
        handle, pixels.baseAddress, columns, 0, rows, Int32(TJPF_RGB.rawValue), &buffer, &size,
        Int32(TJSAMP_420.rawValue), Int32(quality), 0)
    }
    defer { tjFree(buffer) }
    guard status == 0, let buffer else { throw fail(String(cString: tjGetErrorStr2(handle))) }
    return Array(UnsafeBufferPointer(start: buffer, count: Int(size)))
  }
}
