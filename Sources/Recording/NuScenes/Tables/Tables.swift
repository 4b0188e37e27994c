import Geometry
import Scenes

/// The tables as columns: what `Dataset` answers from. Rows refer to each other by number; `TokenIndex.noRow` is none.
struct Tables: Sendable {
  var pool = TokenPool()

  var categories: [Category] = []
  var attributes: [String] = []
  var attributeTokens: [TokenKey] = []
  /// Tokens of the visibility levels.
  var visibilities: [String] = []
  var sensors: [Sensor] = []
  var calibratedSensors: [Calibrated] = []
  var logs: [Log] = []
  var maps: [Map] = []
  var scenes: [SceneRecord] = []
  var samples = Samples()
  var instances = Instances()
  var egoPoses = EgoPoses()
  var sampleData = SampleData()
  var annotations = Annotations()
  /// Names of lidarseg files by row of `sample_data`; empty where the dataset has none.
  var lidarLabels: [UInt32: String] = [:]

  struct Category: Sendable, Equatable {
    var token: TokenKey
    var name: String
    var index: Int?
  }

  struct Sensor: Sendable {
    var token: TokenKey
    var channel: String
    var modality: Modality
  }

  struct Calibrated: Sendable {
    var token: TokenKey
    var sensor: UInt32
    var egoFromSensor: RigidTransform
    /// fx, fy, cx, cy; nil for other sensors than cameras.
    var intrinsics: SIMD4<Double>?
    /// The lens; nuScenes' own images have none.
    var distortion = CameraModel.Distortion.none
    /// The recorded images' width and height, from `sample_data`; zero where there is none.
    var imageSize = SIMD2<Int32>(0, 0)
  }

  struct Log: Sendable {
    var token: TokenKey
    var logfile: String
    var vehicle: String
    var dateCaptured: String
    var location: String
  }

  struct Map: Sendable {
    var token: TokenKey
    var logs: [UInt32]
    var category: String
    var filename: String
  }

  struct SceneRecord: Sendable {
    var token: TokenKey
    var name: String
    var description: String
    var log: UInt32
    var sampleCount: Int
    var firstSample: UInt32 = TokenIndex.noRow
    var lastSample: UInt32 = TokenIndex.noRow
  }

  struct Samples: Sendable {
    var tokens: [TokenKey] = []
    var timestamps: [Int64] = []
    var scene: [UInt32] = []
    var previous: [UInt32] = []
    var next: [UInt32] = []
    var index = TokenIndex()
  }

  struct Instances: Sendable {
    var tokens: [TokenKey] = []
    var category: [UInt32] = []
    var annotationCount: [Int32] = []
    var first: [UInt32] = []
    var last: [UInt32] = []
    var index = TokenIndex()
  }

  struct EgoPoses: Sendable {
    /// Dropped once `sample_data` is resolved.
    var tokens: [TokenKey] = []
    var timestamps: [Int64] = []
    /// Seven numbers a row: translation, then rotation w, x, y, z.
    var values: [Double] = []

    func pose(_ row: Int) -> RigidTransform {
      let k = 7 * row
      return RigidTransform(
        rotation: Quaternion(w: values[k + 3], x: values[k + 4], y: values[k + 5], z: values[k + 6]),
        translation: SIMD3(values[k], values[k + 1], values[k + 2]))
    }
  }

  struct SampleData: Sendable {
    var tokens: [TokenKey] = []
    var sample: [UInt32] = []
    var egoPose: [UInt32] = []
    var calibratedSensor: [UInt32] = []
    var timestamps: [Int64] = []
    var isKeyframe: [Bool] = []
    var files = FileNameColumn()
    var previous: [UInt32] = []
    var next: [UInt32] = []
    var index = TokenIndex()
    var bySample = RowGroups(owners: [], count: 0)
  }

  struct Annotations: Sendable {
    var tokens: [TokenKey] = []
    var sample: [UInt32] = []
    var instance: [UInt32] = []
    var visibility: [UInt32] = []
    /// The first attribute.
    var attribute: [UInt32] = []
    /// Ten numbers a row: translation, size (width, length, height), rotation w, x, y, z.
    var boxes: [Double] = []
    var lidarPoints: [Int32] = []
    var radarPoints: [Int32] = []
    var previous: [UInt32] = []
    var next: [UInt32] = []
    var index = TokenIndex()
    var bySample = RowGroups(owners: [], count: 0)

    func box(_ row: Int) -> Box3D {
      let k = 10 * row
      return Box3D(
        center: SIMD3(boxes[k], boxes[k + 1], boxes[k + 2]),
        size: SIMD3(boxes[k + 3], boxes[k + 4], boxes[k + 5]),
        rotation: Quaternion(w: boxes[k + 6], x: boxes[k + 7], y: boxes[k + 8], z: boxes[k + 9]))
    }
  }
}

/// A token in one table that another table does not have.
public struct DanglingKey: Error, Sendable, Hashable, CustomStringConvertible {
  /// The table and field, `sample_data.ego_pose_token`.
  public let field: String
  /// The record's index in its table.
  public let record: Int
  /// The token that leads nowhere.
  public let token: String
  /// The table that should have it.
  public let target: String

  /// One line: `<table>.<field>: record <index> names token <token> (expected in <target>)`.
  public var description: String {
    "\(field): record \(record) names token \"\(token)\" (expected one of table \(target))"
  }
}
