internal import Files
import Scenes

/// The points of a PCD file: text, binary, or columns packed by LZF.
struct PCDFile {
  let header: PCDHeader
  let name: String

  /// Reads the points; non-finite ones are kept.
  /// - Parameter head: the file's first bytes, the header among them.
  /// - Returns: the points, and a sentence where rows of text had to be left out.
  /// - Throws: `RecordingError` where the points are not what the header says.
  func read(
    _ file: borrowing OpenFile, head: [UInt8], reusing spare: consuming PointCloud
  ) throws -> (points: PointCloud, note: String?) {
    let fields = try header.columnsOfCloud()
    switch header.encoding {
    case .binary:
      let points = try PointCloudFile.read(
        fields.map { $0?.number }, stride: header.stride, count: header.count, of: file, name: name,
        from: header.dataOffset, reusing: spare)
      return (points, nil)
    case .compressed: return (try unpack(file, fields, reusing: spare), nil)
    case .ascii: return try parse(file, fields, reusing: spare)
    }
  }

  /// Field after field, each with all points, packed as a whole.
  private func unpack(
    _ file: borrowing OpenFile, _ fields: [PCDHeader.Field?], reusing spare: consuming PointCloud
  ) throws -> PointCloud {
    let start = header.dataOffset, rest = file.size - start
    guard rest >= 8 else { throw fault("\(rest) bytes behind the header", "two sizes, 8 bytes") }
    let sizes = try PointCloudFile.bytes(of: file, name: name, from: start, count: 8)
    let (packed, unpacked) = sizes.withUnsafeBytes {
      (
        Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))),
        Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
      )
    }
    let wanted = header.count * header.stride
    guard unpacked == wanted else {
      throw fault("\(unpacked) bytes unpacked", "\(header.count) points of \(header.stride) bytes: \(wanted)")
    }
    guard packed <= rest - 8, unpacked <= packed * LZF.highestRatio else {
      throw fault(
        "\(packed) packed bytes for \(unpacked), with \(rest - 8) in the file", "sizes that can be true")
    }
    let raw = try LZF.unpack(
      PointCloudFile.bytes(of: file, name: name, from: start + 8, count: packed), count: unpacked
    ) { fault($0, "LZF data of \(unpacked) bytes") }
    var columns = Columns5(spare, count: header.count)
    raw.withUnsafeBytes { bytes in
      for (k, field) in fields.enumerated() {
        // Where a field's column begins: all points of the fields before it.
        let number = field.map {
          StoredNumber(kind: $0.number.kind, offset: $0.number.offset * header.count)
        }
        columns.set(
          k, from: 0, count: header.count, field: number, in: bytes,
          stride: (field?.size ?? 0) * (field?.count ?? 0))
      }
    }
    return columns.cloud()
  }

  /// A line a point. Lines of another number of values are left out and counted; what is no number is an error.
  private func parse(
    _ file: borrowing OpenFile, _ fields: [PCDHeader.Field?], reusing spare: consuming PointCloud
  ) throws -> (points: PointCloud, note: String?) {
    let text = try PointCloudFile.bytes(
      of: file, name: name, from: header.dataOffset, count: file.size - header.dataOffset)
    var columns = Columns5(spare, count: header.count)
    var rows = 0, good = 0
    for line in text.split(separator: 0x0A) where rows < header.count {
      let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
      guard !words.isEmpty else { continue }
      rows += 1
      guard words.count == header.columns else { continue }
      let values = try fields.map { field -> Float in
        guard let field else { return 0 }
        let word = String(decoding: words[field.column], as: UTF8.self)
        guard let value = Float(word) else {
          throw fault("point \(rows - 1): \(field.name) \"\(word.prefix(40))\"", "a number")
        }
        return value
      }
      columns.set(point: good, values)
      good += 1
    }
    guard rows == header.count else {
      throw fault("\(rows) lines of points", "\(header.count), as POINTS says")
    }
    let left = rows - good
    return (
      columns.cloud(count: good),
      left > 0 ? "\(left) of \(rows) lines have not \(header.columns) values and are left out" : nil
    )
  }

  private func fault(_ found: String, _ expected: String) -> RecordingError {
    RecordingError(
      file: name, place: "PCD data (\(header.encoding.rawValue))", found: found, expected: expected)
  }
}

/// LZF, the compression of PCD's `binary_compressed`.
///
/// - Source: the format of Marc Lehmann's LibLZF: a control byte below 32 is followed by one literal byte more than it says;
///   else its upper three bits (and another byte where all are set) are a length less 2, and its lower five with the next
///   byte a distance less 1.
enum LZF {
  /// Three bytes give 264 at most.
  static let highestRatio = 88

  /// Unpacks to exactly `count` bytes.
  /// - Throws: what `fault` makes of a sentence where the data give another number, or refer to what is not there.
  static func unpack(_ packed: [UInt8], count: Int, fault: (String) -> any Error) throws -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(count)
    var k = 0
    while k < packed.count {
      let control = Int(packed[k])
      k += 1
      if control < 32 {
        let length = control + 1
        guard k + length <= packed.count, out.count + length <= count else {
          throw fault("a run of \(length) bytes at byte \(k) that does not fit")
        }
        out.append(contentsOf: packed[k..<k + length])
        k += length
        continue
      }
      var length = control >> 5
      if length == 7 {
        guard k < packed.count else { throw fault("an end within a length") }
        length += Int(packed[k])
        k += 1
      }
      guard k < packed.count else { throw fault("an end within a distance") }
      let distance = (control & 31) << 8 + Int(packed[k]) + 1
      k += 1
      guard distance <= out.count, out.count + length + 2 <= count else {
        throw fault(
          "a repetition of \(length + 2) bytes from \(distance) back at byte \(k) that does not fit")
      }
      // A repetition may reach into what it writes.
      let from = out.count - distance
      for i in 0..<length + 2 { out.append(out[from + i]) }
    }
    guard out.count == count else { throw fault("\(out.count) bytes") }
    return out
  }
}
