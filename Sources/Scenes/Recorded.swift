import Geometry

/// A sensor as it was mounted during one log: nuScenes' `calibrated_sensor` with its channel.
///
/// A class, as all measurements of a drive share a few of them; it does not change.
public final class CalibratedSensor: Sendable, Hashable {
  /// The record's token.
  public let token: String
  /// The channel, `CAM_FRONT` or `LIDAR_TOP`.
  public let channel: String
  /// Camera, LiDAR or radar.
  public let modality: Modality
  /// Where the sensor sits: `egoFromSensor`.
  public let egoFromSensor: RigidTransform
  /// The camera's model at the recorded image's size; nil for other sensors.
  public let camera: CameraModel?

  /// The sensor with these measures.
  public init(
    token: String, channel: String, modality: Modality, egoFromSensor: RigidTransform,
    camera: CameraModel? = nil
  ) {
    self.token = token
    self.channel = channel
    self.modality = modality
    self.egoFromSensor = egoFromSensor
    self.camera = camera
  }

  /// Whether all properties are equal.
  public static func == (a: CalibratedSensor, b: CalibratedSensor) -> Bool {
    a === b
      || a.token == b.token && a.channel == b.channel && a.modality == b.modality
        && a.egoFromSensor == b.egoFromSensor && a.camera == b.camera
  }

  /// Feeds the record's token, which tells sensors apart.
  public func hash(into hasher: inout Hasher) { hasher.combine(token) }
}

/// Where the ego vehicle was at one moment.
public struct EgoPose: Sendable, Hashable {
  /// The moment, in microseconds.
  public var timestampMicroseconds: Int64
  /// The vehicle's pose.
  public var globalFromEgo: RigidTransform

  /// The pose at this moment.
  public init(timestampMicroseconds: Int64, globalFromEgo: RigidTransform) {
    self.timestampMicroseconds = timestampMicroseconds
    self.globalFromEgo = globalFromEgo
  }
}

/// One measurement of one sensor: an image or a sweep on disk, with its own time and ego pose.
public struct SensorData: Sendable, Hashable {
  /// The record's token.
  public var token: String
  /// The keyframe that the record names as its own.
  public var sampleToken: String
  /// The sensor.
  public var sensor: CalibratedSensor
  /// When it was captured, in microseconds.
  public var timestampMicroseconds: Int64
  /// The ego pose recorded for this very measurement.
  public var globalFromEgo: RigidTransform
  /// The file, relative to the dataroot.
  public var file: String
  /// Whether the measurement belongs to a keyframe.
  public var isKeyframe: Bool
  /// The record's place in its table: the last tie-break in synchronisation.
  public var sequence: Int

  /// The measurement with these properties.
  public init(
    token: String, sampleToken: String, sensor: CalibratedSensor, timestampMicroseconds: Int64,
    globalFromEgo: RigidTransform, file: String, isKeyframe: Bool, sequence: Int
  ) {
    self.token = token
    self.sampleToken = sampleToken
    self.sensor = sensor
    self.timestampMicroseconds = timestampMicroseconds
    self.globalFromEgo = globalFromEgo
    self.file = file
    self.isKeyframe = isKeyframe
    self.sequence = sequence
  }

  /// The sensor's pose at its own moment.
  public var globalFromSensor: RigidTransform { globalFromEgo * sensor.egoFromSensor }
}

/// A keyframe: the moment at which a scene is annotated.
public struct Keyframe: Sendable, Hashable {
  /// The sample's token.
  public var token: String
  /// Its time, in microseconds.
  public var timestampMicroseconds: Int64

  /// The keyframe with this token and time.
  public init(token: String, timestampMicroseconds: Int64) {
    self.token = token
    self.timestampMicroseconds = timestampMicroseconds
  }
}

/// One recorded drive, typically 20 s: what was measured, when and from where. Annotations and maps are read apart.
public struct Scene: Sendable {
  /// The record's token.
  public var token: String
  /// The name, `scene-0061`.
  public var name: String
  /// The place, which names the map: `singapore-onenorth`.
  public var location: String
  /// The keyframes in order.
  public var keyframes: [Keyframe]
  /// All measurements, keyframes and sweeps, in the order of the table.
  public var measurements: [SensorData]
  /// Every recorded ego pose of the scene in order of time, one a timestamp.
  public var egoPoses: [EgoPose]

  /// The scene with these parts.
  public init(
    token: String, name: String, location: String, keyframes: [Keyframe], measurements: [SensorData],
    egoPoses: [EgoPose]
  ) {
    self.token = token
    self.name = name
    self.location = location
    self.keyframes = keyframes
    self.measurements = measurements
    self.egoPoses = egoPoses
  }
}

/// The measurements that belong to one moment, and what is missing from it.
public struct Frame: Sendable {
  /// The keyframe.
  public var keyframe: Keyframe
  /// The keyframe's LiDAR sweep, or nil where the recording has none.
  public var lidar: SensorData?
  /// The LiDAR sweeps before the keyframe, newest first.
  public var earlierSweeps: [SensorData]
  /// At most one image a camera, in order of channel.
  public var cameras: [SensorData]
  /// The reference pose: the ego at the LiDAR's time (the keyframe's where there is no LiDAR).
  public var globalFromEgo: RigidTransform
  /// The reference time: the LiDAR's, in microseconds.
  public var timestampMicroseconds: Int64
  /// Why the frame is not whole, a sentence each, naming the channel; empty for a whole frame.
  public var degradations: [String]
  /// Why the frame cannot be used at all; nil where it can.
  public var skipReason: String?

  /// The frame with these parts.
  public init(
    keyframe: Keyframe, lidar: SensorData?, earlierSweeps: [SensorData], cameras: [SensorData],
    globalFromEgo: RigidTransform, timestampMicroseconds: Int64, degradations: [String] = [],
    skipReason: String? = nil
  ) {
    self.keyframe = keyframe
    self.lidar = lidar
    self.earlierSweeps = earlierSweeps
    self.cameras = cameras
    self.globalFromEgo = globalFromEgo
    self.timestampMicroseconds = timestampMicroseconds
    self.degradations = degradations
    self.skipReason = skipReason
  }
}

/// A box that a person (or the simulator) drew: nuScenes' `sample_annotation` with its instance and category.
public struct Annotation: Sendable, Hashable {
  /// The record's token.
  public var token: String
  /// The keyframe.
  public var sampleToken: String
  /// The object, the same through the scene.
  public var instanceToken: String
  /// The category, `vehicle.car`.
  public var category: String
  /// The attribute's name, `vehicle.moving`, where the annotation has one.
  public var attribute: String?
  /// The visibility level's token, "1" to "4", or empty.
  public var visibility: String
  /// The box in the global frame.
  public var box: Box3D
  /// LiDAR points inside the box.
  public var lidarPointCount: Int
  /// Radar points inside the box.
  public var radarPointCount: Int
  /// The same object's annotation in the keyframe before, where it has one.
  public var previousToken: String?
  /// The same object's annotation in the keyframe after, where it has one.
  public var nextToken: String?

  /// The annotation with these properties.
  public init(
    token: String, sampleToken: String, instanceToken: String, category: String, attribute: String?,
    visibility: String, box: Box3D, lidarPointCount: Int, radarPointCount: Int, previousToken: String?,
    nextToken: String?
  ) {
    self.token = token
    self.sampleToken = sampleToken
    self.instanceToken = instanceToken
    self.category = category
    self.attribute = attribute
    self.visibility = visibility
    self.box = box
    self.lidarPointCount = lidarPointCount
    self.radarPointCount = radarPointCount
    self.previousToken = previousToken
    self.nextToken = nextToken
  }
}

/// One layer of a map in the global frame: areas, or lines.
public struct MapLayer: Sendable, Hashable {
  /// The layer's name as in nuScenes: `drivable_area`, `lane_divider`, `ped_crossing`, ...
  public var name: String
  /// Areas: an outline and its holes.
  public var areas: [Area]
  /// Lines, in metres.
  public var lines: [[SIMD2<Double>]]

  /// An outline and its holes.
  public struct Area: Sendable, Hashable {
    /// The outer border.
    public var outline: Polygon
    /// The holes.
    public var holes: [Polygon]
    /// The area with this outline and these holes.
    public init(outline: Polygon, holes: [Polygon] = []) {
      self.outline = outline
      self.holes = holes
    }
  }

  /// The layer with these areas and lines.
  public init(name: String, areas: [Area] = [], lines: [[SIMD2<Double>]] = []) {
    self.name = name
    self.areas = areas
    self.lines = lines
  }
}
