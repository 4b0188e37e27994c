/// The header of a PCD file, held against the file's size before anything is allocated.
///
/// A viewpoint is not applied, as PCL's own readers do not.
/// - Source: PCL's documentation, "The PCD (Point Cloud Data) file format", versions 0.6 and 0.7.
struct PCDHeader {
  /// How the points follow.
  enum Encoding: String {
    case ascii, binary
    case compressed = "binary_compressed"
  }

  /// A field of a point: its numbers, and where they stand in a row of bytes and of numbers.
  struct Field: Hashable {
    var name: String
    var number: StoredNumber
    var size: Int
    var count: Int
    /// The numbers of a point before this field's.
    var column: Int
  }

  /// The most bytes of a header.
  static let limit = 64 << 10

  private(set) var fields: [Field] = []
  /// Bytes, and numbers, of a point.
  private(set) var stride = 0, columns = 0
  private(set) var count = 0
  private(set) var encoding = Encoding.binary
  /// Where the points begin.
  private(set) var dataOffset = 0
  private let name: String
  private var lines: [String: [String]] = [:]

  /// Whether a file begins as PCD: with a comment, which no number does, or a header line.
  static func begins(_ head: [UInt8]) -> Bool {
    ["# .PCD", "VERSION ", "FIELDS ", "COLUMNS "].contains { head.starts(with: Array($0.utf8)) }
  }

  /// Reads a header.
  /// - Parameter head: the file's first bytes, `limit` of them where there are as many.
  /// - Throws: `RecordingError` naming the header's line.
  init(_ head: [UInt8], fileSize: Int, name: String) throws {
    self.name = name
    try takeLines(head)
    try takeFields()
    try takeCounts()
    guard let text = lines["DATA"]?.first, let found = Encoding(rawValue: text.lowercased()) else {
      throw fault(
        "DATA", lines["DATA"]?.joined(separator: " ") ?? "none", "ascii, binary or binary_compressed")
    }
    encoding = found
    let rest = fileSize - dataOffset
    // A point in text takes two bytes a number at least.
    let least = encoding == .binary ? stride : encoding == .ascii ? 2 * columns : 0
    let (bytes, overflow) = count.multipliedReportingOverflow(by: least)
    guard !overflow, bytes <= rest + (encoding == .ascii ? 1 : 0) else {
      throw fault(
        "POINTS", "\(count) points of \(least) bytes at least, and \(rest) bytes behind the header",
        "as many as the file holds")
    }
    let (total, tooMany) = count.multipliedReportingOverflow(by: stride)
    guard !tooMany, total <= PointCloudFile.limit else {
      throw fault("POINTS", "\(count) of \(stride) bytes", "at most \(PointCloudFile.limit) bytes")
    }
  }

  /// The field of one of these names, which must hold one number.
  func field(_ names: String...) throws -> Field? {
    guard let field = fields.first(where: { names.contains($0.name.lowercased()) }) else { return nil }
    guard field.count == 1 else {
      throw fault("COUNT", "\(field.count) of field \(field.name)", "1")
    }
    return field
  }

  /// The fields for x, y, z, intensity and ring; the last two may be absent.
  func columnsOfCloud() throws -> [Field?] {
    let position = try ["x", "y", "z"].map { axis -> Field in
      guard let field = try field(axis) else {
        throw fault("FIELDS", "no \(axis) in \(fields.map(\.name).joined(separator: " "))", "x, y and z")
      }
      return field
    }
    return position + [try field("intensity", "i"), try field("ring", "channel", "laser_id")]
  }

  func fault(_ place: String, _ found: String, _ expected: String) -> RecordingError {
    RecordingError(file: name, place: "PCD header: \(place)", found: found, expected: expected)
  }

  private mutating func takeLines(_ head: [UInt8]) throws {
    var start = 0
    while let end = head[start...].firstIndex(of: 0x0A) {
      let line = String(decoding: head[start..<end], as: UTF8.self)
      start = end + 1
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let key = words.first?.uppercased(), !key.hasPrefix("#") else { continue }
      let name = key == "COLUMNS" ? "FIELDS" : key
      let known = [
        "VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA",
      ]
      guard known.contains(name) else {
        throw fault(String(key.prefix(40)), "an unknown line", "one of \(known.joined(separator: ", "))")
      }
      guard lines.updateValue(Array(words.dropFirst()), forKey: name) == nil else {
        throw fault(name, "there twice", "each line once")
      }
      if name == "DATA" {
        dataOffset = start
        return
      }
    }
    throw fault("DATA", "none in the first \(head.count) bytes", "a line that ends the header")
  }

  private mutating func takeFields() throws {
    guard let names = lines["FIELDS"], !names.isEmpty, names.count <= 256 else {
      throw fault("FIELDS", "\(lines["FIELDS"]?.count ?? 0) fields", "1 to 256")
    }
    func list(_ key: String, _ standard: String?) throws -> [String] {
      guard let values = lines[key] ?? standard.map({ Array(repeating: $0, count: names.count) }),
        values.count == names.count
      else {
        throw fault(key, "\(lines[key]?.count ?? 0) values", "\(names.count), one a field")
      }
      return values
    }
    let sizes = try list("SIZE", nil), types = try list("TYPE", nil), counts = try list("COUNT", "1")
    for (k, name) in names.enumerated() {
      guard let size = Int(sizes[k]), [1, 2, 4, 8].contains(size) else {
        throw fault("SIZE", "\(sizes[k].prefix(40)) of field \(name)", "1, 2, 4 or 8")
      }
      guard let count = Int(counts[k]), (1...4096).contains(count) else {
        throw fault("COUNT", "\(counts[k].prefix(40)) of field \(name)", "1 to 4096")
      }
      let kind: StoredNumber.Kind
      switch (types[k].uppercased(), size) {
      case ("F", 4): kind = .float32
      case ("F", 8): kind = .float64
      case ("I", _): kind = .signed(bytes: size)
      case ("U", _): kind = .unsigned(bytes: size)
      default: throw fault("TYPE", "\(types[k].prefix(40)) of \(size) bytes of field \(name)", "F, I or U")
      }
      fields.append(
        Field(
          name: name, number: StoredNumber(kind: kind, offset: stride), size: size, count: count,
          column: columns))
      stride += size * count
      columns += count
    }
  }

  private mutating func takeCounts() throws {
    func number(_ key: String) throws -> Int? {
      guard let words = lines[key] else { return nil }
      guard words.count == 1, let value = Int(words[0]), value >= 0 else {
        throw fault(key, words.joined(separator: " "), "a number from 0 on")
      }
      return value
    }
    let points = try number("POINTS")
    guard let width = try number("WIDTH") else {
      guard let points else { throw fault("POINTS", "none", "WIDTH and HEIGHT, or POINTS") }
      count = points
      return
    }
    let height = try number("HEIGHT") ?? 1
    let (product, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, points == nil || points == product else {
      throw fault("POINTS", "\(points ?? 0), and WIDTH \(width) x HEIGHT \(height)", "their product")
    }
    count = product
  }
}
