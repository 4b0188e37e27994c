internal import Files
import Foundation
import Geometry
import Scenes

/// All that is recorded of one scene, ready to be written: what a reader gives, or a `SceneBuilder` makes.
public struct SceneRecording: Sendable {
  /// Where and when a drive was recorded: nuScenes' `log`.
  public struct Log: Sendable, Hashable {
    /// The log file's name.
    public var logfile: String
    /// The vehicle's name.
    public var vehicle: String
    /// The day, `2018-07-24`.
    public var dateCaptured: String
    /// The place, which names the map.
    public var location: String

    /// The log with these properties.
    public init(logfile: String, vehicle: String, dateCaptured: String, location: String) {
      self.logfile = logfile
      self.vehicle = vehicle
      self.dateCaptured = dateCaptured
      self.location = location
    }
  }

  /// Keyframes, measurements and poses; `location` is the log's.
  public var scene: Scene
  /// A sentence about the scene.
  public var description: String
  /// The log.
  public var log: Log
  /// The boxes; their order by keyframe links an instance's boxes, whatever their `previousToken` and `nextToken` say.
  public var annotations: [Annotation]
  /// lidarseg files by the token of their measurement, relative to the dataroot.
  public var lidarLabelFiles: [String: String]

  /// The recording with these parts.
  public init(
    scene: Scene, description: String = "", log: Log, annotations: [Annotation],
    lidarLabelFiles: [String: String] = [:]
  ) {
    self.scene = scene
    self.description = description
    self.log = log
    self.annotations = annotations
    self.lidarLabelFiles = lidarLabelFiles
  }
}

extension Dataset {
  /// A scene with everything that the tables say of it, so that it can be written again.
  /// - Throws: `RecordingError` as `scene(named:)` does.
  public func recording(sceneNamed name: String) throws -> SceneRecording {
    let record = tables.scenes[try sceneRow(name)]
    let log = tables.logs[Int(record.log)]
    let scene = try scene(named: name)
    var labels: [String: String] = [:]
    for data in scene.measurements {
      if let file = tables.lidarLabels[UInt32(data.sequence)] { labels[data.token] = file }
    }
    return SceneRecording(
      scene: scene, description: record.description,
      log: .init(
        logfile: log.logfile, vehicle: log.vehicle, dateCaptured: log.dateCaptured, location: log.location),
      annotations: try scene.keyframes.flatMap { try annotations(sample: $0.token) }, lidarLabelFiles: labels)
  }

  /// The categories of the dataset with their lidarseg indices, in order of the table.
  public var categories: [StandardNames.Category] {
    tables.categories.map { StandardNames.Category(name: $0.name, index: $0.index) }
  }
}

/// Files of a scene that is being made: they lie in a folder of their own until the scene is added to its dataset.
public struct SceneStage: Sendable {
  /// The scene's name.
  public let name: String
  let folder: String

  /// Writes a file; `relative` is the name that the tables will have, such as `samples/CAM_FRONT/x.jpg`.
  /// - Throws: `RecordingError` for a name that leads out, `FileError` text and errno where the system refuses.
  public func write(_ relative: String, _ bytes: [UInt8]) throws {
    guard !relative.isEmpty, !relative.hasPrefix("/"), !relative.split(separator: "/").contains(".."),
      !relative.utf8.contains(0)
    else {
      throw RecordingError(
        file: relative, place: "filename", found: "a name that leads out",
        expected: "a path inside the dataroot")
    }
    let path = "\(folder)/\(relative)"
    try Folders.make(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    try AtomicFile.write(path, bytes)
  }

  /// Removes all files of the scene.
  public func discard() { try? FileManager.default.removeItem(atPath: folder) }
}

/// Makes a `SceneRecording` a step at a time, with tokens that depend on names alone.
///
/// Add sensors, then keyframes in order of time, then measurements and annotations in any order.
public struct SceneBuilder: Sendable {
  private let name: String
  private let stage: SceneStage?
  private var recording: SceneRecording
  private var annotationTokens = Set<String>()

  /// A builder for a scene of this name.
  /// - Parameter stage: Where measurements' bytes go (`DatasetWriter.stage(scene:)`); nil where there are no files.
  public init(name: String, description: String = "", log: SceneRecording.Log, stage: SceneStage? = nil) {
    self.name = name
    self.stage = stage
    recording = SceneRecording(
      scene: Scene(
        token: StableToken.make("scene/\(name)"), name: name, location: log.location, keyframes: [],
        measurements: [], egoPoses: []), description: description, log: log, annotations: [])
  }

  /// A sensor of this scene.
  public func sensor(
    channel: String, modality: Modality, egoFromSensor: RigidTransform, camera: CameraModel? = nil
  ) -> CalibratedSensor {
    CalibratedSensor(
      token: StableToken.make("\(name)/calibrated_sensor/\(channel)"), channel: channel, modality: modality,
      egoFromSensor: egoFromSensor, camera: camera)
  }

  /// Adds a keyframe behind those there are, and gives it.
  public mutating func addKeyframe(timestampMicroseconds: Int64) -> Keyframe {
    let keyframe = Keyframe(
      token: StableToken.make("\(name)/sample/\(recording.scene.keyframes.count)"),
      timestampMicroseconds: timestampMicroseconds)
    recording.scene.keyframes.append(keyframe)
    return keyframe
  }

  /// Adds a measurement and writes its file, `<scene>__CHANNEL__<time>.<ending>` in `samples/CHANNEL` or `sweeps/CHANNEL`.
  /// - Parameters:
  ///   - sensor: The sensor.
  ///   - sampleToken: The keyframe that the measurement belongs to: its own, or for a sweep the next one.
  ///   - isKeyframe: Whether it is the keyframe's own measurement.
  ///   - ending: The file's ending: `jpg`, `png` or `pcd.bin`.
  ///   - bytes: The file's bytes; nil where there is none.
  /// - Throws: `RecordingError`, `FileError` where the file cannot be written.
  @discardableResult
  public mutating func addMeasurement(
    sensor: CalibratedSensor, sampleToken: String, timestampMicroseconds: Int64,
    globalFromEgo: RigidTransform,
    isKeyframe: Bool, ending: String, bytes: [UInt8]?
  ) throws -> SensorData {
    let folder = isKeyframe ? "samples" : "sweeps"
    let file = "\(folder)/\(sensor.channel)/\(name)__\(sensor.channel)__\(timestampMicroseconds).\(ending)"
    let data = SensorData(
      token: StableToken.make("\(name)/sample_data/\(sensor.channel)/\(timestampMicroseconds)"),
      sampleToken: sampleToken, sensor: sensor, timestampMicroseconds: timestampMicroseconds,
      globalFromEgo: globalFromEgo, file: file, isKeyframe: isKeyframe,
      sequence: recording.scene.measurements.count)
    if let bytes {
      guard let stage else {
        throw RecordingError(
          file: file, place: "scene \(name)", found: "no stage", expected: "a builder with one")
      }
      try stage.write(file, bytes)
    }
    recording.scene.measurements.append(data)
    return data
  }

  /// Adds a LiDAR sweep, and its labels where there are any.
  /// - Throws: As `addMeasurement`; `RecordingError` where there are not as many labels as points.
  @discardableResult
  public mutating func addSweep(
    sensor: CalibratedSensor, sampleToken: String, timestampMicroseconds: Int64,
    globalFromEgo: RigidTransform,
    isKeyframe: Bool, cloud: PointCloud, labels: [UInt8]? = nil, version: String = "v1.0-mini"
  ) throws -> SensorData {
    let data = try addMeasurement(
      sensor: sensor, sampleToken: sampleToken, timestampMicroseconds: timestampMicroseconds,
      globalFromEgo: globalFromEgo, isKeyframe: isKeyframe, ending: "pcd.bin",
      bytes: PointCloudFile.encode(cloud))
    if let labels {
      let file = "lidarseg/\(version)/\(data.token)_lidarseg.bin"
      guard labels.count == cloud.count else {
        throw RecordingError(
          file: file, place: "labels", found: "\(labels.count)", expected: "\(cloud.count), one a point")
      }
      try stage?.write(file, labels)
      recording.lidarLabelFiles[data.token] = file
    }
    return data
  }

  /// Adds a box; the instance's name is any text that is the object's own in this scene.
  /// - Precondition: an instance has one box a keyframe.
  @discardableResult
  public mutating func addAnnotation(
    sampleToken: String, instance: String, category: String, attribute: String? = nil,
    visibility: String = "4",
    box: Box3D, lidarPointCount: Int, radarPointCount: Int = 0
  ) -> Annotation {
    let token = StableToken.make("\(name)/sample_annotation/\(sampleToken)/\(instance)")
    precondition(annotationTokens.insert(token).inserted, "two boxes of \(instance) in sample \(sampleToken)")
    let annotation = Annotation(
      token: token, sampleToken: sampleToken, instanceToken: StableToken.make("\(name)/instance/\(instance)"),
      category: category, attribute: attribute, visibility: visibility, box: box,
      lidarPointCount: lidarPointCount, radarPointCount: radarPointCount, previousToken: nil, nextToken: nil)
    recording.annotations.append(annotation)
    return annotation
  }

  /// The recording of all that was added, measurements by time and channel.
  public func finish() -> SceneRecording {
    var result = recording
    result.scene.measurements.sort {
      ($0.timestampMicroseconds, $0.sensor.channel) < ($1.timestampMicroseconds, $1.sensor.channel)
    }
    var poses: [EgoPose] = []
    for k in result.scene.measurements.indices {
      result.scene.measurements[k].sequence = k
      let data = result.scene.measurements[k]
      if poses.last?.timestampMicroseconds != data.timestampMicroseconds {
        poses.append(
          EgoPose(timestampMicroseconds: data.timestampMicroseconds, globalFromEgo: data.globalFromEgo))
      }
    }
    result.scene.egoPoses = poses
    return result
  }
}
