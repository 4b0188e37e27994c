import Foundation
import Geometry
import Scenes

/// The sensors of a vehicle: where each sits, how it sees, and when it measures.
public struct Rig: Sendable, Hashable {
  /// Shapes of the car that carries the sensors, which a LiDAR on its roof sees.
  public enum Body: String, Sendable, Hashable, CaseIterable {
    /// Nothing of it is seen.
    case none
    /// A small hatchback, as nuScenes' cars.
    case hatchback
    /// A minivan, as PandaSet's.
    case minivan
  }

  /// A name without spaces: `nuscenes`.
  public var name: String
  /// What the rig is and where its numbers are from; may be empty.
  public var summary: String
  /// The sensors, one a channel, in the order of the file.
  public var sensors: [RigSensor]
  /// The car's shape; nil: not known.
  public var body: Body?

  /// The rig with these sensors, checked.
  /// - Parameter file: what errors name: the rig's file.
  /// - Throws: `CalibrationError` for no sensors, a channel twice, or a sensor that `RigSensor.check` refuses.
  public init(name: String, summary: String = "", sensors: [RigSensor], body: Body? = nil, file: String)
    throws
  {
    self.name = name
    self.body = body
    self.summary = summary
    self.sensors = sensors
    guard !name.isEmpty else {
      throw CalibrationError(file: file, field: "name", found: "empty", expected: "a name")
    }
    guard !sensors.isEmpty, sensors.count <= 64 else {
      throw CalibrationError(
        file: file, field: "sensors", found: "\(sensors.count) sensors", expected: "1 to 64")
    }
    var seen: Set<String> = []
    for k in sensors.indices {
      guard seen.insert(sensors[k].channel).inserted else {
        throw CalibrationError(
          file: file, field: sensors[k].channel, found: "the channel a second time", expected: "each once")
      }
      self.sensors[k] = try sensors[k].checked(file: file)
    }
  }

  /// The sensor of a channel, or nil.
  public func sensor(_ channel: String) -> RigSensor? { sensors.first { $0.channel == channel } }

  /// The cameras, in order of channel.
  public var cameras: [RigSensor] {
    sensors.filter { $0.modality == .camera }.sorted { $0.channel < $1.channel }
  }

  /// Each channel's nominal offset from the LiDAR in microseconds, for synchronisation; only those that are known.
  public var nominalOffsetsMicroseconds: [String: Int64] {
    var offsets: [String: Int64] = [:]
    for sensor in sensors { offsets[sensor.channel] = sensor.timeOffsetMicroseconds }
    return offsets
  }
}

/// One sensor of a rig.
public struct RigSensor: Sendable, Hashable {
  /// The channel, `CAM_FRONT` or `LIDAR_TOP`.
  public var channel: String
  /// Camera, LiDAR or radar.
  public var modality: Modality
  /// Where the sensor sits: `egoFromSensor`, in metres.
  public var egoFromSensor: RigidTransform
  /// When it measures, after the LiDAR's reference time, in microseconds; nil where nothing is known of it.
  public var timeOffsetMicroseconds: Int64?
  /// The camera's model; cameras have one, others none.
  public var camera: CameraModel?
  /// The LiDAR's beams, where they are known.
  public var lidar: LidarModel?

  /// The sensor with these values, unchecked: `Rig.init` checks them.
  public init(
    channel: String, modality: Modality, egoFromSensor: RigidTransform, timeOffsetMicroseconds: Int64? = nil,
    camera: CameraModel? = nil, lidar: LidarModel? = nil
  ) {
    self.channel = channel
    self.modality = modality
    self.egoFromSensor = egoFromSensor
    self.timeOffsetMicroseconds = timeOffsetMicroseconds
    self.camera = camera
    self.lidar = lidar
  }

  /// The sensor with its rotation scaled to length 1.
  /// - Throws: `CalibrationError` naming the channel and field.
  func checked(file: String) throws -> RigSensor {
    func fail(_ field: String, _ found: String, _ expected: String) -> CalibrationError {
      CalibrationError(file: file, field: "\(channel).\(field)", found: found, expected: expected)
    }
    guard egoFromSensor.translation.isFinite else {
      throw fail("translation", "\(egoFromSensor.translation)", "three finite numbers, in metres")
    }
    let norm = egoFromSensor.rotation.norm
    // Rounding to three digits after the point moves the norm by less.
    guard abs(norm - 1) <= 1e-3 else {
      throw fail("rotation", "a quaternion of length \(norm)", "length 1, to 0.001")
    }
    if let offset = timeOffsetMicroseconds, abs(offset) > 10_000_000 {
      throw fail("time_offset_ms", "\(Double(offset) / 1000)", "10000 at most, either way")
    }
    switch (modality, camera) {
    case (.camera, nil): throw fail("intrinsics", "none", "fx, fy, cx and cy of a camera")
    case (.camera, let camera?): try checkCamera(camera, fail)
    case (_, .some): throw fail("intrinsics", "a camera model", "none on a \(modality.rawValue)")
    case (_, nil): break
    }
    if let lidar {
      guard modality == .lidar else {
        throw fail("beams", "a beam table", "none on a \(modality.rawValue)")
      }
      try lidar.check(fail)
    }
    var sensor = self
    sensor.egoFromSensor.rotation = egoFromSensor.rotation.normalized
    return sensor
  }

  private func checkCamera(
    _ camera: CameraModel, _ fail: (String, String, String) -> CalibrationError
  ) throws {
    guard (1...65_535).contains(camera.width), (1...65_535).contains(camera.height) else {
      throw fail("image", "\(camera.width) x \(camera.height)", "width and height from 1 to 65535")
    }
    for (name, value) in [("fx", camera.fx), ("fy", camera.fy)] {
      guard value.isFinite, value > 0, value < 1e6 else {
        throw fail("intrinsics.\(name)", "\(value)", "above 0 and below 1e6, in pixels")
      }
    }
    for (name, value, length) in [("cx", camera.cx, camera.width), ("cy", camera.cy, camera.height)] {
      guard value.isFinite, value >= 0, value <= Double(length) else {
        throw fail("intrinsics.\(name)", "\(value)", "0 to \(length), within the image")
      }
    }
    for value in camera.distortion.coefficients where !value.isFinite {
      throw fail("distortion.coefficients", "\(value)", "finite numbers")
    }
  }
}

extension CameraModel.Distortion {
  /// The model's name in rig files.
  public var name: String {
    switch self {
    case .none: "none"
    case .plumbBob: "plumb_bob"
    case .equidistant: "equidistant"
    }
  }

  /// The coefficients in the order of rig files: `k1, k2, p1, p2, k3`, or `k1, k2, k3, k4`.
  public var coefficients: [Double] {
    switch self {
    case .none: []
    case .plumbBob(let k1, let k2, let p1, let p2, let k3): [k1, k2, p1, p2, k3]
    case .equidistant(let k1, let k2, let k3, let k4): [k1, k2, k3, k4]
    }
  }
}
