internal import Files
import Foundation
import Scenes

/// nuScenes' `.pcd.bin`: five little-endian Float32 a point, x, y, z, intensity and ring, without a header.
enum PointCloudFile {
  /// Bytes a point.
  static let pointSize = 20

  /// The most bytes that a file may have: 1 GiB.
  private static let limit = 1 << 30
  /// Points that are read at once: 60 KiB.
  private static let pieceCount = 3072

  /// The points of an open file, in the sensor's frame, of age 0; non-finite ones are kept.
  ///
  /// The file goes through a small buffer, so that no memory of its size is taken.
  /// - Throws: `RecordingError` where the size is no multiple of 20 bytes or over the limit, or the file is shorter than
  ///   at its opening; `FileError` where the system refuses.
  static func read(
    _ file: borrowing OpenFile, name: String, reusing spare: consuming PointCloud
  ) throws -> PointCloud {
    guard file.size <= limit else {
      throw RecordingError(
        .unreadable, file: name, place: "size", found: "\(file.size) bytes", expected: "at most \(limit)")
    }
    let remainder = file.size % pointSize
    guard remainder == 0 else {
      throw RecordingError(
        file: name, place: "size", found: "\(file.size) bytes, a remainder of \(remainder)",
        expected: "a multiple of \(pointSize)")
    }
    let count = file.size / pointSize
    spare.resize(to: count)
    var columns = [spare.x, spare.y, spare.z, spare.intensity, spare.ring, spare.age]
    spare = PointCloud()
    columns[5].withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    var piece = [UInt8](repeating: 0, count: min(count, pieceCount) * pointSize)
    for first in stride(from: 0, to: count, by: pieceCount) {
      let length = min(pieceCount, count - first) * pointSize, start = first * pointSize
      let found = try piece.withUnsafeMutableBytes {
        try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<length]), at: start)
      }
      guard found == length else {
        throw RecordingError(
          .unreadable, file: name, place: "size", found: "\(start + found) bytes could be read",
          expected: "\(file.size) as at its opening")
      }
      piece.withUnsafeBytes { bytes in
        for field in 0..<5 {
          columns[field].withUnsafeMutableBufferPointer {
            copy(
              field, of: bytes,
              to: UnsafeMutableBufferPointer(rebasing: $0[first..<first + length / pointSize]))
          }
        }
      }
    }
    return PointCloud(
      x: columns[0], y: columns[1], z: columns[2], intensity: columns[3], ring: columns[4], age: columns[5])
  }

  /// One field of the points in these bytes.
  private static func copy(
    _ field: Int, of bytes: UnsafeRawBufferPointer, to column: UnsafeMutableBufferPointer<Float>
  ) {
    for k in column.indices {
      let word = bytes.loadUnaligned(fromByteOffset: k * pointSize + 4 * field, as: UInt32.self)
      column[k] = Float(bitPattern: UInt32(littleEndian: word))
    }
  }

  /// The file's bytes for a cloud; ages are not stored.
  static func encode(_ cloud: PointCloud) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: cloud.count * pointSize) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for k in 0..<cloud.count {
        let values = (cloud.x[k], cloud.y[k], cloud.z[k], cloud.intensity[k], cloud.ring[k])
        var offset = k * pointSize
        for value in [values.0, values.1, values.2, values.3, values.4] {
          raw.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: offset, as: UInt32.self)
          offset += 4
        }
      }
      initialized = cloud.count * pointSize
    }
  }
}

extension Dataset {
  /// A LiDAR sweep as it was recorded: sensor frame, metres, age 0; non-finite points are kept, and there may be none.
  /// - Parameter spare: a cloud that is no longer needed, whose memory is used again.
  /// - Throws: `RecordingError`: kind `.missing` where the file is not there, `.unreadable` where the system refuses,
  ///   `.invalid` where its size is no multiple of 20 bytes or it lies outside the dataroot.
  public func pointCloud(
    _ data: SensorData, reusing spare: consuming PointCloud = PointCloud()
  ) throws -> PointCloud {
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
