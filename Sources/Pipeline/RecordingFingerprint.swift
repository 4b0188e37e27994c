import Files
import Geometry
import Recording
import Scenes

/// What tells a recording from another with the same names of scenes: its tokens, times, poses, calibrations, file names,
/// the sizes of its keyframes' files, and its annotations. Not the bytes of sensor files, which would have to be read.
struct RecordingFingerprint {
  private var scenes: [String] = []

  /// The fingerprint: 32 hexadecimal digits.
  var digest: String { String(SHA256.hexadecimal(Array(scenes.joined().utf8)).prefix(32)) }

  /// Adds a scene.
  /// - Parameter withFiles: whether sensor files belong to what is replayed.
  /// - Throws: `RecordingError` where annotations cannot be read.
  /// - Complexity: O(measurements + annotations), and a look at each keyframe's files.
  mutating func add(_ scene: Scene, of dataset: Dataset, withFiles: Bool) throws {
    var bytes: [UInt8] = []
    func add(_ text: String) {
      bytes += text.utf8
      bytes.append(0)
    }
    func add(_ number: Double) { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 } }
    func add(_ number: Int64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    func add(_ pose: RigidTransform) {
      let t = pose.translation
      for value in [t.x, t.y, t.z] + pose.rotation.wxyz { add(value) }
    }
    add(scene.name)
    add(scene.location)
    var sensors: Set<String> = []
    for data in scene.measurements {
      add(data.token)
      add(data.timestampMicroseconds)
      add(data.globalFromEgo)
      add(data.file)
      if sensors.insert(data.sensor.token).inserted {
        add(data.sensor.channel)
        add(data.sensor.egoFromSensor)
        if let camera = data.sensor.camera {
          for value in [camera.fx, camera.fy, camera.cx, camera.cy] { add(value) }
          add(Int64(camera.width))
          add(Int64(camera.height))
        }
      }
      if withFiles, data.isKeyframe { add(Int64(try dataset.fileSize(data.file) ?? -1)) }
    }
    for keyframe in scene.keyframes {
      add(keyframe.token)
      add(keyframe.timestampMicroseconds)
      for annotation in try dataset.annotations(sample: keyframe.token) {
        add(annotation.token)
        add(annotation.category)
        let (c, s) = (annotation.box.center, annotation.box.size)
        for value in [c.x, c.y, c.z, s.x, s.y, s.z] + annotation.box.rotation.wxyz { add(value) }
      }
    }
    scenes.append(SHA256.hexadecimal(bytes))
  }
}
