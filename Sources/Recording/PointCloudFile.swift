internal import Files
import Foundation
import Scenes

/// Sweeps on disk: nuScenes' `.pcd.bin`, rows of other widths, and PCD. What a file is, its content says, not its name.
enum PointCloudFile {
  /// The most bytes that a file may have: 1 GiB.
  static let limit = 1 << 30
  /// Bytes that are read at once, about.
  private static let pieceSize = 60 << 10

  /// The points of an open file, in the sensor's frame, of age 0; non-finite ones are kept.
  ///
  /// Rows go through a small buffer, so that no memory of the file's size is taken.
  /// - Returns: the points, and a sentence where the file is not what nuScenes writes and had to be told by its content.
  /// - Throws: `RecordingError` where the file is over the limit, neither rows of numbers nor PCD, or shorter than at its
  ///   opening; `FileError` where the system refuses.
  static func read(
    _ file: borrowing OpenFile, name: String, reusing spare: consuming PointCloud
  ) throws -> (points: PointCloud, note: String?) {
    guard file.size <= limit else {
      throw RecordingError(
        .unreadable, file: name, place: "size", found: "\(file.size) bytes", expected: "at most \(limit)")
    }
    let head = try bytes(of: file, name: name, from: 0, count: min(file.size, PCDHeader.limit))
    if PCDHeader.begins(head) {
      return try PCDFile(header: PCDHeader(head, fileSize: file.size, name: name), name: name).read(
        file, head: head, reusing: spare)
    }
    let layout = try PointRows.recognize(file, head: head, name: name)
    let points = try rows(layout, of: file, name: name, reusing: spare)
    return (points, layout == .nuScenes ? nil : "read as \(layout)")
  }

  /// Bytes of a file.
  /// - Throws: `RecordingError` where there are fewer.
  static func bytes(
    of file: borrowing OpenFile, name: String, from start: Int, count: Int
  ) throws -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: count)
    try fill(&piece, count: count, of: file, name: name, from: start)
    return piece
  }

  /// Fills the beginning of a buffer with bytes of a file.
  static func fill(
    _ piece: inout [UInt8], count: Int, of file: borrowing OpenFile, name: String, from start: Int
  ) throws {
    let found = try piece.withUnsafeMutableBytes {
      try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), at: start)
    }
    guard found == count else {
      throw RecordingError(
        .unreadable, file: name, place: "size", found: "\(start + found) bytes could be read",
        expected: "\(file.size) as at its opening")
    }
  }

  /// Rows of one width, from the file's first byte to its last.
  private static func rows(
    _ layout: PointRows, of file: borrowing OpenFile, name: String, reusing spare: consuming PointCloud
  ) throws -> PointCloud {
    let fields = (0..<5).map { k in
      k < layout.columns
        ? StoredNumber(
          kind: layout.isDouble ? .float64 : .float32, offset: k * (layout.isDouble ? 8 : 4)) : nil
    }
    return try read(
      fields, stride: layout.stride, count: file.size / layout.stride, of: file, name: name, from: 0,
      reusing: spare)
  }

  /// Points that stand row by row.
  /// - Parameters:
  ///   - fields: where a row has x, y, z, intensity and ring; nil: 0.
  ///   - stride: bytes of a row.
  ///   - start: where the first row begins.
  static func read(
    _ fields: [StoredNumber?], stride: Int, count: Int, of file: borrowing OpenFile, name: String,
    from start: Int, reusing spare: consuming PointCloud
  ) throws -> PointCloud {
    var columns = Columns5(spare, count: count)
    let pieceCount = max(1, pieceSize / stride)
    var piece = [UInt8](repeating: 0, count: min(count, pieceCount) * stride)
    for first in Swift.stride(from: 0, to: count, by: pieceCount) {
      let rows = min(pieceCount, count - first)
      try fill(&piece, count: rows * stride, of: file, name: name, from: start + first * stride)
      piece.withUnsafeBytes { bytes in
        for (k, field) in fields.enumerated() {
          columns.set(k, from: first, count: rows, field: field, in: bytes, stride: stride)
        }
      }
    }
    return columns.cloud()
  }

  /// The file's bytes for a cloud; ages are not stored.
  static func encode(_ cloud: PointCloud) -> [UInt8] {
    let stride = PointRows.nuScenes.stride
    return [UInt8](unsafeUninitializedCapacity: cloud.count * stride) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for k in 0..<cloud.count {
        let values = (cloud.x[k], cloud.y[k], cloud.z[k], cloud.intensity[k], cloud.ring[k])
        var offset = k * stride
        for value in [values.0, values.1, values.2, values.3, values.4] {
          raw.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: offset, as: UInt32.self)
          offset += 4
        }
      }
      initialized = cloud.count * stride
    }
  }
}

/// A number of each row of a file: its kind, and where it stands in the row. Little-endian.
struct StoredNumber: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    case float32, float64
    case signed(bytes: Int), unsigned(bytes: Int)
  }

  var kind: Kind
  var offset: Int

  /// The number at a byte; an integer that Float does not hold exactly is rounded.
  @inline(__always) func value(in bytes: UnsafeRawBufferPointer, at row: Int) -> Float {
    let at = row + offset
    func load<T: FixedWidthInteger>(_ type: T.Type) -> T {
      T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }
    switch kind {
    case .float32: return Float(bitPattern: load(UInt32.self))
    case .float64: return Float(Double(bitPattern: load(UInt64.self)))
    case .signed(1): return Float(load(Int8.self))
    case .signed(2): return Float(load(Int16.self))
    case .signed(4): return Float(load(Int32.self))
    case .signed: return Float(load(Int64.self))
    case .unsigned(1): return Float(load(UInt8.self))
    case .unsigned(2): return Float(load(UInt16.self))
    case .unsigned(4): return Float(load(UInt32.self))
    case .unsigned: return Float(load(UInt64.self))
    }
  }
}

/// The columns of a cloud while they are filled: x, y, z, intensity, ring; ages are 0.
struct Columns5 {
  private var columns: [[Float]]

  /// - Parameter spare: a cloud whose memory is used again.
  init(_ spare: consuming PointCloud, count: Int) {
    spare.resize(to: count)
    columns = [spare.x, spare.y, spare.z, spare.intensity, spare.ring, spare.age]
    spare = PointCloud()
    columns[5].withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
  }

  /// Sets `count` values of column `k` from `first` on; without a field they are 0.
  mutating func set(
    _ k: Int, from first: Int, count: Int, field: StoredNumber?, in bytes: UnsafeRawBufferPointer, stride: Int
  ) {
    columns[k].withUnsafeMutableBufferPointer { all in
      let column = UnsafeMutableBufferPointer(rebasing: all[first..<first + count])
      guard let field else { return column.update(repeating: 0) }
      if field.kind == .float32 {
        for row in column.indices {
          let word = bytes.loadUnaligned(fromByteOffset: row * stride + field.offset, as: UInt32.self)
          column[row] = Float(bitPattern: UInt32(littleEndian: word))
        }
      } else {
        for row in column.indices { column[row] = field.value(in: bytes, at: row * stride) }
      }
    }
  }

  /// Sets one point, `values` in the order of the columns.
  mutating func set(point: Int, _ values: [Float]) {
    for (k, value) in values.enumerated() { columns[k][point] = value }
  }

  /// The cloud of the first `count` points; all of them where it is nil.
  consuming func cloud(count: Int? = nil) -> PointCloud {
    var cloud = PointCloud(
      x: columns[0], y: columns[1], z: columns[2], intensity: columns[3], ring: columns[4], age: columns[5])
    if let count { cloud.resize(to: count) }
    return cloud
  }
}

extension Dataset {
  /// A LiDAR sweep as it was recorded: sensor frame, metres, age 0; non-finite points are kept, and there may be none.
  /// - Parameter spare: a cloud that is no longer needed, whose memory is used again.
  /// - Throws: `RecordingError`: kind `.missing` where the file is not there, `.unreadable` where the system refuses,
  ///   `.invalid` where it is neither rows of numbers nor PCD, or lies outside the dataroot.
  public func pointCloud(
    _ data: SensorData, reusing spare: consuming PointCloud = PointCloud()
  ) throws -> PointCloud {
    try recognizedPointCloud(data, reusing: spare).points
  }

  /// A LiDAR sweep as `pointCloud(_:reusing:)` reads it, with a sentence where the file is not the five float32 columns of
  /// nuScenes and was told by its content: `read as 4 float32 columns a point (x, y, z, intensity)`.
  /// - Throws: as `pointCloud(_:reusing:)`.
  public func recognizedPointCloud(
    _ data: SensorData, reusing spare: consuming PointCloud = PointCloud()
  ) throws -> (points: PointCloud, note: String?) {
    let name = "\(root)/\(data.file)", path = try filePath(data.file)
    do {
      return try PointCloudFile.read(try OpenFile(path), name: name, reusing: spare)
    } catch {
      throw RecordingError(error, file: name)
    }
  }

  /// The lidarseg class of each point of a sweep, or nil where the dataset has none for it.
  /// - Throws: `RecordingError` where the file that the table names cannot be read.
  public func lidarLabels(_ data: SensorData) throws -> [UInt8]? {
    guard let key = tables.pool.find(data.token) else { return nil }
    let row = tables.sampleData.index.row(key, in: tables.sampleData.tokens)
    guard row != TokenIndex.noRow, let file = tables.lidarLabels[row] else { return nil }
    return try readFile(file)
  }

  /// Category names by lidarseg index; empty text at indices that no category has, and empty without lidarseg.
  /// - Throws: `RecordingError` where two categories have one index.
  public func lidarCategoryNames() throws -> [String] {
    var names: [String] = []
    for (k, category) in tables.categories.enumerated() {
      guard let index = category.index else { continue }
      while names.count <= index { names.append("") }
      guard names[index].isEmpty else {
        throw RecordingError(
          file: tablePath("category"), place: "record \(k): index", found: "\(index), as of \(names[index])",
          expected: "each index once")
      }
      names[index] = category.name
    }
    return names
  }
}
