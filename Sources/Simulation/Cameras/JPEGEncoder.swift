internal import CTurboJPEG
import Scenes

/// An image that cannot be encoded.
public struct ImageEncodingError: Error, CustomStringConvertible, Hashable {
  /// What the library says.
  public let reason: String
  /// One line.
  public var description: String { "image: \(reason) (expected an RGB image that JPEG can hold)" }
}

/// Writes RGB images as JPEG, through TurboJPEG.
public enum JPEGEncoder {
  /// The bytes of a JPEG file (baseline, 4:2:0), the same every time.
  /// - Precondition: three channels.
  /// - Throws: `ImageEncodingError` with the library's reason.
  public static func encode(_ image: Image, quality: Int = 90) throws -> [UInt8] {
    precondition(image.channels == 3, "\(image.channels) channels")
    guard let handle = tjInitCompress() else { throw ImageEncodingError(reason: "no compressor") }
    defer { tjDestroy(handle) }
    var buffer: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    let status = image.pixels.withUnsafeBufferPointer { pixels in
      tjCompress2(
        handle, pixels.baseAddress, Int32(image.width), 0, Int32(image.height), Int32(TJPF_RGB.rawValue),
        &buffer, &size,
        Int32(TJSAMP_420.rawValue), Int32(quality), 0)
    }
    defer { tjFree(buffer) }
    guard status == 0, let buffer else {
      throw ImageEncodingError(reason: String(cString: tjGetErrorStr2(handle)))
    }
    return Array(UnsafeBufferPointer(start: buffer, count: Int(size)))
  }
}
