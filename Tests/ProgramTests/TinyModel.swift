import Foundation
import Testing

/// A network so small that a frame takes it milliseconds, made by the program from YAML.
enum TinyModel {
  static let yaml = """
    name: tiny
    perception:
      sensors: [camera, lidar]
      grid: {minimumX: -51.2, minimumY: -51.2, cellSize: 1.6, countX: 64, countY: 64}
      resultGrid: {minimumX: -51.2, minimumY: -51.2, cellSize: 1.6, countX: 64, countY: 64}
      camera:
        count: 2
        height: 32
        width: 64
        stem: 4
        stages:
          - {channels: 6}
          - {channels: 6}
          - {block: invertedResidual, channels: 8}
          - {block: invertedResidual, channels: 8}
        neckChannels: 8
        contextChannels: 6
        channels: 5
        depth: {spacing: uniform, minimum: 2, maximum: 42, count: 5}
      lidar: {pointCapacity: 32768, pillarChannels: 5, channels: 4, sweeps: 2}
      memoryChannels: 3
      backbone: {outputs: 12, stages: [{channels: 6, stride: 1}, {channels: 8}]}
      heads: [detection, map, occupancy, volume, trajectories]
      detection: {hidden: 6, maximumCount: 20}
      map: {hidden: 5, lineProbability: 0.1}
      occupancy: {hidden: 4}
      volume: {hidden: 3}
      trajectories: {channels: 4}
    trajectories: {modes: 6, width: 16, blocks: 1, heads: 2, agentsPerChunk: 4, bevChannels: 4}
    """

  /// The configuration with parts replaced, each of which must be there.
  static func configuration(_ replacements: [(String, String)] = []) -> String {
    var text = yaml
    for (old, new) in replacements {
      #expect(text.contains(old), "\(old)")
      text = text.replacingOccurrences(of: old, with: new)
    }
    return text
  }

  /// Lets the program write a model; gives its path.
  static func create(
    in folder: TemporaryFolder, _ replacements: [(String, String)] = [], seed: Int = 1, name: String = "tiny"
  ) throws -> String {
    let path = folder.path("\(name).safetensors"), source = folder.path("\(name).yaml")
    try configuration(replacements).write(toFile: source, atomically: true, encoding: .utf8)
    let outcome = try Apus.run(["model", "create", source, "--seed", "\(seed)", "--out", path])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    return path
  }

  /// Replacements that leave LiDAR alone.
  static let lidarOnly = [("sensors: [camera, lidar]", "sensors: [lidar]")]
  /// Replacements that leave cameras alone.
  static let camerasOnly = [("sensors: [camera, lidar]", "sensors: [camera]")]
}

/// A safetensors file whose header may be changed before it is written again.
struct OpenSafetensors {
  var header: [String: Any]
  var data: Data

  init(_ path: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    header = try #require(
      try JSONSerialization.jsonObject(with: bytes[8..<(8 + length)]) as? [String: Any])
    data = Data(bytes[(8 + length)...])
  }

  /// Names of the arrays in the order of their data.
  var names: [String] {
    header.keys.filter { $0 != "__metadata__" }.sorted { (offsets($0)[0], $0) < (offsets($1)[0], $1) }
  }

  func offsets(_ name: String) -> [Int] { entry(name)["data_offsets"] as? [Int] ?? [0, 0] }

  func entry(_ name: String) -> [String: Any] { header[name] as? [String: Any] ?? [:] }

  mutating func set(_ field: String, of name: String, to value: Any) {
    var changed = entry(name)
    changed[field] = value
    header[name] = changed
  }

  func headerText() throws -> String {
    String(
      decoding: try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys]), as: UTF8.self)
  }

  func bytes() throws -> Data { Self.file(Data(try headerText().utf8), data) }

  static func file(_ header: Data, _ data: Data, length: UInt64? = nil) -> Data {
    var result = Data()
    let length = length ?? UInt64(header.count)
    for k in 0..<8 { result.append(UInt8(truncatingIfNeeded: length >> (8 * UInt64(k)))) }
    return result + header + data
  }
}
