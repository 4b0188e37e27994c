internal import CTurboJPEG
import Scenes

/// Decodes JPEGs and PNGs, one after another, into reused memory. One decoder serves one thread at a time.
///
/// Which of the two a file is, its first bytes say, not its name. A warning of libjpeg-turbo is a failure: it warns and
/// fills with grey where a file is cut short. Grey images become RGB, 16 bits become 8, and opacity is left out; an EXIF
/// orientation is ignored, as calibrations are for the image as it is stored.
public struct ImageDecoder: ~Copyable, @unchecked Sendable {
  // The handle has one owner, and every use of it is through a mutating function: so it may move between threads.
  private let handle: tjhandle
  private var pixels: [UInt8] = []
  private var row: [Float] = []
  private var resampler: (plan: ImagePlan, resampler: Resampler)?

  /// A decoder.
  /// - Throws: `ImageError` where the library has no memory.
  public init() throws {
    guard let handle = tjInitDecompress() else {
      throw ImageError(
        file: "libjpeg-turbo", field: "decoder", found: "no memory", expected: "a few kilobytes")
    }
    self.handle = handle
  }

  deinit { tjDestroy(handle) }

  /// The image's size in pixels, from its header alone.
  /// - Throws: `ImageError` for what is not an image that `decode` would take.
  public mutating func size(of bytes: [UInt8], file: String) throws -> (width: Int, height: Int) {
    if PNGInput.begins(bytes) { return try PNGInput.size(of: bytes, file: file) }
    let structure = try bytes.withUnsafeBufferPointer { try checkJPEG($0, file: file) }
    return (structure.width, structure.height)
  }

  /// The image as RGB, shrunk by the decoder.
  ///
  /// Decoded pixel `v` covers source pixels `s v` to `s v + s - 1`, whose mean it is in a PNG.
  /// - Throws: `ImageError` for anything but a whole grey or colour JPEG, or PNG, of at most 32 megapixels.
  public mutating func decode(_ bytes: [UInt8], file: String, scale: DecodeScale = .full) throws -> Image {
    if PNGInput.begins(bytes) { return try PNGInput.decode(bytes, file: file, scale: scale) }
    let structure = try bytes.withUnsafeBufferPointer { try checkJPEG($0, file: file) }
    let width = scale.decodedLength(structure.width)
    let height = scale.decodedLength(structure.height)
    let pixels = try [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
      try decompress(bytes, file: file, width: width, height: height, into: buffer)
      count = width * height * 3
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  /// The image at any scale up to 1, antialiased: for previews.
  ///
  /// The output's size is the source's times `scale`, rounded down, at least 1.
  /// - Throws: `ImageError` as `decode`, and for a scale outside (0, 1].
  public mutating func preview(_ bytes: [UInt8], file: String, scale: Double) throws -> Image {
    guard scale > 0, scale <= 1 else {
      throw ImageError(file: file, field: "preview scale", found: "\(scale)", expected: "above 0, at most 1")
    }
    let source = try size(of: bytes, file: file)
    let width = max(Int(Double(source.width) * scale), 1)
    let height = max(Int(Double(source.height) * scale), 1)
    let plan = try ImagePlan(
      sourceWidth: source.width, sourceHeight: source.height, width: width, height: height, anchorY: 0.5)
    var planes = [Float](repeating: 0, count: 3 * width * height)
    try load(bytes, file: file, plan: plan, normalization: .none, into: &planes)
    let area = width * height
    let result = [UInt8](unsafeUninitializedCapacity: 3 * area) { buffer, count in
      for k in 0..<area {
        for c in 0..<3 { buffer[3 * k + c] = UInt8(min(max(planes[c * area + k].rounded(), 0), 255)) }
      }
      count = 3 * area
    }
    return Image(width: width, height: height, channels: 3, pixels: result)
  }

  /// Decodes, resizes, crops and normalises an image into planes.
  ///
  /// - Parameters:
  ///   - planes: an array whose `[3, height, width]` values from `offset` on are overwritten (red first): six cameras
  ///     fill one array.
  /// - Throws: `ImageError` as `decode`, and where the image's size is not the plan's source; `planes` is then as
  ///   before.
  /// - Precondition: `planes.count >= offset + 3 * plan.width * plan.height`.
  /// - Complexity: O(decoded pixels + output pixels); no allocation once the plan and the sizes have been seen.
  public mutating func load(
    _ bytes: [UInt8], file: String, plan: ImagePlan, normalization: Normalization, into planes: inout [Float],
    at offset: Int = 0
  ) throws {
    let source = try size(of: bytes, file: file)
    guard source.width == plan.sourceWidth, source.height == plan.sourceHeight else {
      throw ImageError(
        file: file, field: "size", found: "\(source.width)x\(source.height)",
        expected: "\(plan.sourceWidth)x\(plan.sourceHeight) as calibrated")
    }
    if PNGInput.begins(bytes) {
      let image = try PNGInput.decode(bytes, file: file, scale: plan.decodeScale)
      return try load(
        image, file: file, plan: plan, normalization: normalization, into: &planes, at: offset)
    }
    let width = plan.decodeScale.decodedLength(plan.sourceWidth)
    let height = plan.decodeScale.decodedLength(plan.sourceHeight)
    if pixels.count < width * height * 3 { pixels = [UInt8](repeating: 0, count: width * height * 3) }
    var buffer: [UInt8] = []
    swap(&buffer, &pixels)
    defer { swap(&buffer, &pixels) }
    try buffer.withUnsafeMutableBufferPointer {
      try decompress(bytes, file: file, width: width, height: height, into: $0)
    }
    resample(buffer, rowLength: width, plan: plan, normalization: normalization, into: &planes, at: offset)
  }

  /// Resizes, crops and normalises an image that `decode` made at the plan's `decodeScale`: what `load` does, for a
  /// caller who needs the decoded image as well.
  ///
  /// - Throws: `ImageError` where the image's size is not that of the plan's source at its `decodeScale`.
  /// - Precondition: as `load`; the image is RGB.
  public mutating func load(
    _ image: Image, file: String, plan: ImagePlan, normalization: Normalization, into planes: inout [Float],
    at offset: Int = 0
  ) throws {
    let width = plan.decodeScale.decodedLength(plan.sourceWidth)
    let height = plan.decodeScale.decodedLength(plan.sourceHeight)
    guard image.width == width, image.height == height, image.channels == 3 else {
      throw ImageError(
        file: file, field: "decoded size", found: "\(image.width)x\(image.height)x\(image.channels)",
        expected: "\(width)x\(height)x3")
    }
    resample(
      image.pixels, rowLength: width, plan: plan, normalization: normalization, into: &planes, at: offset)
  }

  private mutating func resample(
    _ pixels: [UInt8], rowLength: Int, plan: ImagePlan, normalization: Normalization,
    into planes: inout [Float], at offset: Int
  ) {
    let count = 3 * plan.width * plan.height
    precondition(
      offset >= 0 && planes.count >= offset + count, "\(planes.count) values for \(count) from \(offset) on")
    let current = resampler.flatMap { $0.plan == plan ? $0.resampler : nil } ?? Resampler(plan: plan)
    resampler = (plan, current)
    if row.count < 3 * plan.width { row = [Float](repeating: 0, count: 3 * plan.width) }
    pixels.withUnsafeBufferPointer { source in
      planes.withUnsafeMutableBufferPointer { target in
        guard let start = source.baseAddress else { return }
        current.run(
          start, rowLength: rowLength, normalization: normalization, row: &row,
          planes: UnsafeMutableBufferPointer(rebasing: target[offset..<offset + count]))
      }
    }
  }

  private func decompress(
    _ bytes: [UInt8], file: String, width: Int, height: Int, into buffer: UnsafeMutableBufferPointer<UInt8>
  ) throws {
    let flags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS
    let status = bytes.withUnsafeBufferPointer { source in
      tjDecompress2(
        handle, source.baseAddress, UInt(source.count), buffer.baseAddress, Int32(width), 0, Int32(height),
        Int32(TJPF_RGB.rawValue), flags)
    }
    guard status == 0 else {
      let message = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
      throw ImageError(
        file: file, field: "image data", found: message.replacing("\n", with: " "), expected: "a whole JPEG")
    }
  }
}
