internal import Files

/// Rows of numbers without a header: how many columns, and of which width.
///
/// nuScenes writes five float32 columns (x, y, z, intensity, ring). Files of three, four or six columns or of float64 often
/// have a size that fits five as well, so the size alone tells nothing: the content does. In rows of the right length each
/// column has its own distribution (heights lie below the sensor, intensities are not negative, rings are whole); in rows
/// of any other length all columns hold the same mixture. The share of the numbers' variance that lies between the columns
/// is therefore near 0 for every length but the right one.
struct PointRows: Hashable, CustomStringConvertible {
  var columns: Int
  var isDouble: Bool

  /// Five float32: nuScenes' own.
  static let nuScenes = PointRows(columns: 5, isDouble: false)
  /// What is told apart, nuScenes' own first.
  private static let known = [5, 3, 4, 6].map { PointRows(columns: $0, isDouble: false) }
  private static let knownDouble = [5, 3, 4, 6].map { PointRows(columns: $0, isDouble: true) }

  /// Bytes a point.
  var stride: Int { columns * (isDouble ? 8 : 4) }

  var description: String {
    let names = ["x", "y", "z", "intensity", "ring", "one that is not read"]
    return "\(columns) \(isDouble ? "float64" : "float32") columns a point "
      + "(\(names.prefix(columns).joined(separator: ", ")))"
  }

  /// Bytes of each of the three places of a file that are looked at: whole rows of all that is known.
  private static let sampleSize = 480 * 12

  /// What a file without a header holds.
  /// - Parameter head: the file's first bytes.
  /// - Throws: `RecordingError` where it is another format, or its size fits no width that its content has.
  static func recognize(_ file: borrowing OpenFile, head: [UInt8], name: String) throws -> PointRows {
    if let other = otherFormat(head) {
      throw RecordingError(
        file: name, place: "content", found: other, expected: "a PCD file, or \(nuScenes)")
    }
    var sample = Array(head.prefix(sampleSize))
    for part in [1, 2] where file.size > 6 * sampleSize {
      let start = (file.size - sampleSize) / 2 * part / 480 * 480
      sample += try PointCloudFile.bytes(of: file, name: name, from: start, count: sampleSize)
    }
    let found = likeliest(sample)
    let layout = found ?? nuScenes
    guard file.size % layout.stride == 0 else {
      let looks = found.map { "; its content looks like \($0)" } ?? ""
      throw RecordingError(
        file: name, place: "size",
        found: "\(file.size) bytes, a remainder of \(file.size % layout.stride)\(looks)",
        expected: "a multiple of \(layout.stride): \(layout)")
    }
    return layout
  }

  /// What the content tells; nil where it does not tell, as in a file of a few points.
  static func likeliest(_ sample: [UInt8]) -> PointRows? {
    let singles = numbers(sample, UInt32.self) { Double(Float(bitPattern: $0)) }
    let doubles = numbers(sample, UInt64.self) { Double(bitPattern: $0) }
    guard doubles.count >= 128 else { return nil }
    // Half of the words of doubles are the low bits of their fractions: as floats they are of any size.
    let isDouble = plausible(doubles) > 0.98 && plausible(singles) < 0.9
    let values = isDouble ? doubles : singles
    let candidates = isDouble ? knownDouble : known
    let shares = candidates.map { betweenColumns(values, columns: $0.columns) }
    guard let highest = shares.max(), highest > 0.15 else { return isDouble ? nil : nuScenes }
    // nuScenes' own unless another tells far more; then the narrowest that tells as much.
    if !isDouble, shares[0] > 0.3 * highest { return nuScenes }
    return zip(candidates, shares).filter { $0.1 > 0.95 * highest }.map(\.0).min { $0.columns < $1.columns }
  }

  private static func numbers<Word: FixedWidthInteger>(
    _ bytes: [UInt8], _ type: Word.Type, _ value: (Word) -> Double
  ) -> [Double] {
    bytes.withUnsafeBytes { raw in
      Swift.stride(
        from: 0, to: raw.count / MemoryLayout<Word>.size * MemoryLayout<Word>.size,
        by: MemoryLayout<Word>.size
      )
      .map { value(Word(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: Word.self))) }
    }
  }

  /// The share of the numbers that a sensor may give: 0, or of a magnitude of 1e-9 to 1e6. What is not finite does not count.
  private static func plausible(_ values: [Double]) -> Double {
    let finite = values.filter(\.isFinite)
    let good = finite.count { $0 == 0 || ($0.magnitude > 1e-9 && $0.magnitude < 1e6) }
    return finite.isEmpty ? 0 : Double(good) / Double(finite.count)
  }

  /// The share of variance that lies between the columns, of three properties of the numbers: their size with sign, whether
  /// they are whole, and whether they are negative. The largest of the three.
  private static func betweenColumns(_ values: [Double], columns: Int) -> Double {
    let properties: [(Double) -> Double] = [
      { $0 / (4 + $0.magnitude) }, { $0 == $0.rounded() ? 1 : 0 }, { $0 < 0 ? 1 : 0 },
    ]
    return properties.map { property in
      var sums = [Double](repeating: 0, count: columns), counts = sums
      var total = 0.0, squares = 0.0, count = 0.0
      for (k, value) in values.enumerated() where value.isFinite && value.magnitude < 1e6 {
        let p = property(value)
        sums[k % columns] += p
        counts[k % columns] += 1
        total += p
        squares += p * p
        count += 1
      }
      guard count > 0 else { return 0 }
      let mean = total / count, variance = squares - total * mean
      guard variance > 1e-9 * count else { return 0 }
      let between = zip(sums, counts).reduce(0) {
        $1.1 > 0 ? $0 + $1.1 * ($1.0 / $1.1 - mean) * ($1.0 / $1.1 - mean) : $0
      }
      return between / variance
    }.max() ?? 0
  }

  /// The name of a format that is told by its first bytes, and is no point cloud of ours.
  private static func otherFormat(_ head: [UInt8]) -> String? {
    let known: [(magic: [UInt8], name: String)] = [
      (Array("ply\n".utf8), "a PLY file"), (Array("ply\r\n".utf8), "a PLY file"),
      (Array("LASF".utf8), "a LAS file"),
      ([0x93] + Array("NUMPY".utf8), "an npy file"), ([0x1F, 0x8B, 0x08], "a gzip file"),
      (Array("PK".utf8) + [3, 4], "a zip file"), ([0x28, 0xB5, 0x2F, 0xFD], "a zstd file"),
      ([0xFF, 0xD8, 0xFF], "a JPEG"), ([0x89] + Array("PNG".utf8), "a PNG"),
      (Array("version https://git-lfs".utf8), "a Git LFS pointer without its file"),
      (Array("<!DOCTYPE".utf8), "an HTML page"), (Array("<html".utf8), "an HTML page"),
    ]
    return known.first { head.starts(with: $0.magic) }?.name
  }
}
