/// What a JPEG's markers say before anything is decoded or allocated.
struct JPEGStructure {
  /// The frame header's size in pixels.
  var width = 0, height = 0
  /// Components of the frame: 1 grey, 3 colour, 4 CMYK.
  var components = 0
  /// Scans that begin in the file.
  var scans = 0
}

/// The most pixels of an image: four times the largest automotive cameras'.
let maximumPixels = 32_000_000
/// The most scans of a progressive image: encoders write about ten; each one costs a pass over the whole image.
let maximumScans = 64

/// Walks the markers, and refuses what is no JPEG or would cost too much.
///
/// - Throws: `ImageError` for other formats (told by their first bytes, not the name), for a size of 0 or above the
///   limit, for CMYK and for too many scans.
/// - Complexity: O(bytes).
/// - Source: ITU-T T.81, annex B.
func checkJPEG(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws -> JPEGStructure {
  try checkMagic(bytes, file: file)
  var structure = JPEGStructure()
  var at = 2
  walk: while let marker = nextMarker(bytes, &at) {
    switch marker {
    case 0x01, 0xD0...0xD8: continue  // no length follows
    case 0xD9: break walk
    default: break
    }
    guard at + 2 <= bytes.count else { break }
    let length = Int(bytes[at]) << 8 | Int(bytes[at + 1])
    guard length >= 2, at + length <= bytes.count else {
      throw ImageError(
        file: file, field: "offset \(at)", found: "a segment of \(length) bytes in a file of \(bytes.count)",
        expected: "segments that end within the file")
    }
    switch marker {
    case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
      guard length >= 8 else { break }
      structure.height = Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])
      structure.width = Int(bytes[at + 5]) << 8 | Int(bytes[at + 6])
      structure.components = Int(bytes[at + 7])
      try checkSize(structure, file: file)
    case 0xDA:
      structure.scans += 1
      guard structure.scans <= maximumScans else {
        throw ImageError(
          file: file, field: "scans", found: "more than \(maximumScans)", expected: "\(maximumScans) at most")
      }
    default: break
    }
    at += length
  }
  guard structure.components > 0, structure.scans > 0 else {
    throw ImageError(
      file: file, field: "markers", found: structure.scans > 0 ? "no frame header" : "no scan",
      expected: "a whole JPEG")
  }
  return structure
}

/// The next marker's code, with `at` moved behind it; in a scan, stuffed bytes and restart markers are passed over.
private func nextMarker(_ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> UInt8? {
  while at + 1 < bytes.count {
    if bytes[at] == 0xFF, bytes[at + 1] != 0, bytes[at + 1] != 0xFF, !(0xD0...0xD7).contains(bytes[at + 1]) {
      at += 2
      return bytes[at - 1]
    }
    at += 1
  }
  return nil
}

private func checkSize(_ structure: JPEGStructure, file: String) throws {
  let (width, height) = (structure.width, structure.height)
  guard width > 0, height > 0, width * height <= maximumPixels else {
    throw ImageError(
      file: file, field: "size", found: "\(width)x\(height)",
      expected: "above 0 and \(maximumPixels / 1_000_000) megapixels at most")
  }
  guard structure.components == 1 || structure.components == 3 else {
    throw ImageError(
      file: file, field: "components",
      found: structure.components == 4 ? "4 (CMYK)" : "\(structure.components)",
      expected: "1 (grey) or 3 (colour)")
  }
}

private func checkMagic(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws {
  guard !bytes.starts(with: [0xFF, 0xD8, 0xFF]) else { return }
  let known: [(magic: [UInt8], name: String)] = [
    ([0x47, 0x49, 0x46, 0x38], "a GIF"), ([0x42, 0x4D], "a BMP"),
    ([0x52, 0x49, 0x46, 0x46], "a RIFF file (WebP?)"), ([0x49, 0x49, 0x2A, 0x00], "a TIFF"),
    ([0x4D, 0x4D, 0x00, 0x2A], "a TIFF"), ([0x3C], "text (HTML or XML?)"),
  ]
  let name = known.first { bytes.starts(with: $0.magic) }?.name
  throw ImageError(
    file: file, field: "offset 0",
    found: name ?? (bytes.isEmpty ? "an empty file" : "\(bytes.prefix(4).map { Int($0) })"),
    expected: "a JPEG or PNG")
}
