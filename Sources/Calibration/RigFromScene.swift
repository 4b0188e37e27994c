import Geometry
import Scenes

extension Rig {
  /// The rig that recorded a scene: every channel's sensor, and its median time after the keyframes' LiDAR sweep.
  ///
  /// LiDARs come first, then cameras, then radars, each by channel.
  /// - Parameters:
  ///   - lidars: beam tables by channel, which no recording holds.
  ///   - body: the car's shape, which none holds either.
  ///   - file: what errors name: the table or scene.
  /// - Throws: `CalibrationError` as `init(name:summary:sensors:file:)`.
  public init(
    name: String, summary: String = "", scene: Scene, lidars: [String: LidarModel] = [:], body: Body? = nil,
    file: String
  ) throws {
    var sensors: [String: CalibratedSensor] = [:]
    for measurement in scene.measurements where sensors[measurement.sensor.channel] == nil {
      sensors[measurement.sensor.channel] = measurement.sensor
    }
    let offsets = medianOffsets(of: scene)
    let rank: [Modality: Int] = [.lidar: 0, .camera: 1, .radar: 2]
    let order = sensors.values.sorted {
      (rank[$0.modality] ?? 3, $0.channel) < (rank[$1.modality] ?? 3, $1.channel)
    }
    try self.init(
      name: name, summary: summary,
      sensors: order.map {
        RigSensor(
          channel: $0.channel, modality: $0.modality, egoFromSensor: $0.egoFromSensor,
          timeOffsetMicroseconds: offsets[$0.channel], camera: $0.camera, lidar: lidars[$0.channel])
      }, body: body, file: file)
  }
}

/// For each channel the median, over keyframes, of its keyframe measurement's time after the LiDAR's; of an even number
/// the lower one.
private func medianOffsets(of scene: Scene) -> [String: Int64] {
  var times: [String: [String: Int64]] = [:]
  var lidars: Set<String> = []
  for measurement in scene.measurements where measurement.isKeyframe {
    let channel = measurement.sensor.channel
    times[channel, default: [:]][measurement.sampleToken] = measurement.timestampMicroseconds
    if measurement.sensor.modality == .lidar { lidars.insert(channel) }
  }
  guard let lidar = lidars.contains(Scene.usualLidar) ? Scene.usualLidar : lidars.min() else { return [:] }
  var offsets: [String: Int64] = [:]
  for (channel, own) in times {
    let differences = scene.keyframes.compactMap { keyframe -> Int64? in
      guard let time = own[keyframe.token], let reference = times[lidar]?[keyframe.token] else { return nil }
      let difference = time.subtractingReportingOverflow(reference)
      return difference.overflow ? nil : difference.partialValue
    }.sorted()
    if !differences.isEmpty { offsets[channel] = differences[(differences.count - 1) / 2] }
  }
  return offsets
}
