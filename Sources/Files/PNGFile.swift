internal import CSpng
import Foundation

/// A picture of 8 bits a channel: rows from the top, `[row, column, channel]`.
public struct PNGPicture: Sendable, Equatable {
  /// Width and height in pixels.
  public let width: Int, height: Int
  /// 1 (grey), 3 (RGB) or 4 (RGB and opacity).
  public let channels: Int
  /// `height * width * channels` values.
  public let pixels: [UInt8]

  /// The picture with these pixels.
  /// - Precondition: 1, 3 or 4 channels, at least one pixel, and `width * height * channels` values.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition([1, 3, 4].contains(channels), "\(channels) channels")
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * channels,
      "\(pixels.count) bytes for \(width) x \(height) x \(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}

/// PNG pictures, read with limits and written as the same bytes every time.
public enum PNGFile {
  /// zlib's `Z_RLE`.
  private static let zlibRunLengths: Int32 = 3

  /// The longest side that is read, in pixels.
  public static let sideLimit = 32_768
  /// The most bytes that a picture may unpack to.
  public static let pixelLimit = 1 << 29

  /// Reads a picture: grey stays grey, palettes become RGB, and 16 bits become 8.
  /// - Throws: `ArrayFileError`, `FileError` where the system refuses.
  public static func read(_ path: String) throws -> PNGPicture {
    try parse(RegularFile.read(path, limit: 1 << 30), name: path)
  }

  /// The picture in these bytes, which `name` stands for in errors.
  /// - Throws: `ArrayFileError`.
  public static func parse(_ bytes: [UInt8], name: String) throws -> PNGPicture {
    guard let context = spng_ctx_new(0) else { throw fail(name, "memory", "none", "some") }
    defer { spng_ctx_free(context) }
    return try bytes.withUnsafeBytes { raw in
      try check(spng_set_image_limits(context, UInt32(sideLimit), UInt32(sideLimit)), name, "limits")
      try check(spng_set_chunk_limits(context, 1 << 24, 1 << 26), name, "limits")
      try check(spng_set_png_buffer(context, raw.baseAddress, raw.count), name, "file")
      var header = spng_ihdr()
      try check(spng_get_ihdr(context, &header), name, "header")
      let (format, channels) = layout(context, header)
      let (width, height) = (Int(header.width), Int(header.height))
      guard width * height * channels <= pixelLimit else {
        throw fail(name, "header", "\(width) x \(height) pixels", "at most \(pixelLimit) bytes")
      }
      // A row costs at least a bit of deflate for 129 bytes: a file this short cannot hold so many pixels.
      let packed = (width * bitsPerPixel(header) + 7) / 8 * height
      guard packed / 1040 <= bytes.count else {
        throw fail(name, "header", "\(width) x \(height) pixels in \(bytes.count) bytes", "more data")
      }
      var size = 0
      try check(spng_decoded_image_size(context, format, &size), name, "header")
      let samples =
        format == Int32(SPNG_FMT_RGB8.rawValue) ? 3 : format == Int32(SPNG_FMT_RGBA8.rawValue) ? 4 : 1
      guard size == width * height * samples else {
        throw fail(name, "header", "\(size) bytes decoded", "\(width * height * samples)")
      }
      var pixels = [UInt8](repeating: 0, count: size)
      let result = pixels.withUnsafeMutableBytes {
        spng_decode_image(context, $0.baseAddress, $0.count, format, 0)
      }
      try check(result, name, "pixels")
      // Up to the end: a file that is cut behind its pixels is still cut.
      try check(spng_decode_chunks(context), name, "end")
      if samples == 3, channels == 1 { pixels = stride(from: 0, to: size, by: 3).map { pixels[$0] } }
      return PNGPicture(width: width, height: height, channels: channels, pixels: pixels)
    }
  }

  /// Writes a picture, whole or not at all.
  /// - Throws: `FileError`, `ArrayFileError` where libspng refuses.
  public static func write(_ path: String, _ picture: PNGPicture) throws {
    try AtomicFile.write(path, encode(picture, name: path))
  }

  /// The picture's bytes; the same for the same picture. Rows are stored as differences to the row above and packed by
  /// run lengths: a third of the time that libspng's own choice of filters takes, and a tenth larger.
  /// - Throws: `ArrayFileError` where libspng refuses.
  public static func encode(_ picture: PNGPicture, name: String = "picture") throws -> [UInt8] {
    guard let context = spng_ctx_new(Int32(SPNG_CTX_ENCODER.rawValue)) else {
      throw fail(name, "memory", "none", "some")
    }
    defer { spng_ctx_free(context) }
    try check(spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1), name, "options")
    try check(spng_set_option(context, SPNG_IMG_COMPRESSION_LEVEL, 1), name, "options")
    try check(spng_set_option(context, SPNG_IMG_COMPRESSION_STRATEGY, zlibRunLengths), name, "options")
    try check(
      spng_set_option(context, SPNG_FILTER_CHOICE, Int32(SPNG_FILTER_CHOICE_UP.rawValue)), name, "options")
    let color =
      switch picture.channels {
      case 1: SPNG_COLOR_TYPE_GRAYSCALE
      case 3: SPNG_COLOR_TYPE_TRUECOLOR
      default: SPNG_COLOR_TYPE_TRUECOLOR_ALPHA
      }
    guard let width = UInt32(exactly: picture.width), let height = UInt32(exactly: picture.height) else {
      throw fail(name, "size", "\(picture.width) x \(picture.height)", "at most 2^32 - 1 pixels a side")
    }
    var header = spng_ihdr(
      width: width, height: height, bit_depth: 8, color_type: UInt8(color.rawValue), compression_method: 0,
      filter_method: 0, interlace_method: 0)
    try check(spng_set_ihdr(context, &header), name, "header")
    let result = picture.pixels.withUnsafeBytes {
      spng_encode_image(
        context, $0.baseAddress, $0.count, Int32(SPNG_FMT_PNG.rawValue), Int32(SPNG_ENCODE_FINALIZE.rawValue))
    }
    try check(result, name, "pixels")
    var length = 0
    var code: Int32 = 0
    guard let buffer = spng_get_png_buffer(context, &length, &code) else {
      try check(code == 0 ? 1 : code, name, "pixels")
      return []
    }
    defer { free(buffer) }
    return Array(UnsafeRawBufferPointer(start: buffer, count: length))
  }

  /// The format to decode to, and the channels that the picture then has.
  private static func layout(_ context: OpaquePointer, _ header: spng_ihdr) -> (Int32, Int) {
    switch UInt32(header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE.rawValue:
      // libspng has grey of 16 bits as 8 only by way of RGB.
      return header.bit_depth <= 8
        ? (Int32(SPNG_FMT_G8.rawValue), 1) : (Int32(SPNG_FMT_RGB8.rawValue), 1)
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA.rawValue, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA.rawValue:
      return (Int32(SPNG_FMT_RGBA8.rawValue), 4)
    default:
      return (Int32(SPNG_FMT_RGB8.rawValue), 3)
    }
  }

  private static func bitsPerPixel(_ header: spng_ihdr) -> Int {
    let samples =
      switch UInt32(header.color_type) {
      case SPNG_COLOR_TYPE_TRUECOLOR.rawValue: 3
      case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA.rawValue: 2
      case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA.rawValue: 4
      default: 1
      }
    return samples * Int(header.bit_depth)
  }

  private static func check(_ code: Int32, _ name: String, _ place: String) throws {
    guard code == 0 else {
      throw fail(name, place, String(cString: spng_strerror(code)), "a PNG picture")
    }
  }

  private static func fail(_ name: String, _ place: String, _ found: String, _ expected: String)
    -> ArrayFileError
  {
    ArrayFileError(file: name, place: place, found: found, expected: expected)
  }
}
