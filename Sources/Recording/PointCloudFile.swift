import Foundation
import Scenes

/// nuScenes' `.pcd.bin`: five little-endian Float32 a point, x, y, z, intensity and ring, without a header.
enum PointCloudFile {
  /// Bytes a point.
  static let pointSize = 20

  /// The points in these bytes, in the sensor's frame, of age 0; non-finite ones are kept.
  /// - Throws: `RecordingError` where the size is no multiple of 20 bytes.
  static func parse(_ bytes: [UInt8], name: String) throws -> PointCloud {
    let remainder = bytes.count % pointSize
    guard remainder == 0 else {
      throw RecordingError(
        file: name, place: "size", found: "\(bytes.count) bytes, a remainder of \(remainder)",
        expected: "a multiple of \(pointSize)")
    }
    let count = bytes.count / pointSize
    func column(_ field: Int) -> [Float] {
      bytes.withUnsafeBytes { raw in
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
          for k in 0..<count {
            buffer.initializeElement(
              at: k,
              to: Float(
                bitPattern: UInt32(
                  littleEndian: raw.loadUnaligned(fromByteOffset: k * pointSize + 4 * field, as: UInt32.self))
              ))
          }
          initialized = count
        }
      }
    }
    return PointCloud(
      x: column(0), y: column(1), z: column(2), intensity: column(3), ring: column(4),
      age: [Float](repeating: 0, count: count))
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
  /// - Throws: `RecordingError`: kind `.missing` where the file is not there, `.unreadable` where the system refuses,
  ///   `.invalid` where its size is no multiple of 20 bytes or it lies outside the dataroot.
  public func pointCloud(_ data: SensorData) throws -> PointCloud {
    try PointCloudFile.parse(readFile(data.file), name: "\(root)/\(data.file)")
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
