import Geometry
import Scenes

/// Sensors, their calibrations, ego poses and measurements.
extension TableLoader {
  mutating func loadSensors() throws {
    var pool = tables.pool
    var sensors: [Tables.Sensor] = []
    try eachRecord("sensor", ["token", "channel", "modality"]) { fields, _ in
      guard let modality = Modality(rawValue: try fields.string(2)) else {
        throw fields.error(2, "\"\(try fields.string(2))\"", "camera, lidar or radar")
      }
      sensors.append(
        .init(token: try fields.token(0, &pool), channel: try fields.string(1), modality: modality))
    }
    tables.sensors = sensors
    sensorIndex = try index(sensors.map(\.token), "sensor")
    let sensorTokens = sensors.map(\.token)
    var calibrated: [Tables.Calibrated] = []
    var keys: [TokenKey] = []
    let sensorRows = sensorIndex
    try eachRecord(
      "calibrated_sensor",
      [
        "token", "sensor_token", "translation", "rotation", "camera_intrinsic", "distortion_model",
        "distortion",
      ]
    ) { fields, _ in
      let token = try fields.token(0, &pool)
      let key = try fields.reference(1, &pool)
      var values: [Double] = []
      try fields.numbers(2, count: 3, into: &values)
      try fields.rotation(3, into: &values)
      let row = sensorRows.row(key, in: sensorTokens)
      let isCamera = row != TokenIndex.noRow && sensors[Int(row)].modality == .camera
      let pose = RigidTransform(
        rotation: Quaternion(w: values[3], x: values[4], y: values[5], z: values[6]),
        translation: SIMD3(values[0], values[1], values[2]))
      keys.append(key)
      calibrated.append(
        .init(
          token: token, sensor: row, egoFromSensor: pose,
          intrinsics: isCamera ? try Self.intrinsics(fields, channel: sensors[Int(row)].channel) : nil,
          distortion: isCamera ? try Self.distortion(fields) : .none))
    }
    tables.pool = pool
    for k in calibrated.indices {
      calibrated[k].sensor = row(
        keys[k], sensorIndex, sensorTokens, field: "calibrated_sensor.sensor_token", record: k,
        target: "sensor")
    }
    tables.calibratedSensors = calibrated
    calibratedIndex = try index(calibrated.map(\.token), "calibrated_sensor")
  }

  /// fx, fy, cx, cy out of a camera's 3 x 3 matrix, which is upper triangular without skew.
  static func intrinsics(_ fields: RecordFields, channel: String) throws -> SIMD4<Double> {
    func fail(_ element: String, _ found: String, _ expected: String) -> RecordingError {
      fields.error("camera_intrinsic\(element) of \(channel)", found, expected)
    }
    guard let matrix = fields.optional(4), matrix.kind == .array else {
      throw fail("", fields.optional(4)?.words ?? "missing", "a 3 x 3 matrix")
    }
    var m: [[Double?]] = []
    matrix.forEachElement { row in
      var values: [Double?] = []
      if row.kind == .array { row.forEachElement { values.append($0.double) } }
      m.append(values)
    }
    guard m.count == 3, m.allSatisfy({ $0.count == 3 }) else {
      let columns = m.map { String($0.count) }.joined(separator: ", ")
      throw fail("", m.isEmpty ? "an empty matrix" : "rows of \(columns) numbers", "a 3 x 3 matrix")
    }
    var values = [Double](repeating: 0, count: 9)
    for i in 0..<3 {
      for j in 0..<3 {
        guard let value = m[i][j], value.isFinite else { throw fail("[\(i)][\(j)]", "no number", "a number") }
        values[3 * i + j] = value
      }
    }
    for k in [0, 4] where values[k] <= 0 {
      throw fail("[\(k / 3)][\(k % 3)]", "\(values[k])", "above 0")
    }
    for (k, wanted) in [(1, 0.0), (3, 0.0), (6, 0.0), (7, 0.0), (8, 1.0)] where values[k] != wanted {
      throw fail("[\(k / 3)][\(k % 3)]", "\(values[k])", "\(wanted)")
    }
    return SIMD4(values[0], values[4], values[2], values[5])
  }

  /// The lens: `DatasetWriter`'s own fields, which nuScenes does not have; a pinhole without them.
  static func distortion(_ fields: RecordFields) throws -> CameraModel.Distortion {
    guard fields.optional(5) != nil else { return .none }
    var k: [Double] = []
    switch try fields.string(5) {
    case "plumb_bob":
      try fields.numbers(6, count: 5, into: &k)
      return .plumbBob(k1: k[0], k2: k[1], p1: k[2], p2: k[3], k3: k[4])
    case "equidistant":
      try fields.numbers(6, count: 4, into: &k)
      return .equidistant(k1: k[0], k2: k[1], k3: k[2], k4: k[3])
    default: throw fields.error(5, try fields.string(5), "plumb_bob or equidistant")
    }
  }

  mutating func loadEgoPoses() throws -> TokenIndex {
    var pool = tables.pool
    var poses = Tables.EgoPoses()
    try eachRecord("ego_pose", ["token", "timestamp", "translation", "rotation"]) { fields, _ in
      poses.tokens.append(try fields.token(0, &pool))
      poses.timestamps.append(try fields.timestamp(1))
      try fields.numbers(2, count: 3, into: &poses.values)
      try fields.rotation(3, into: &poses.values)
    }
    tables.pool = pool
    tables.egoPoses = poses
    return try index(poses.tokens, "ego_pose")
  }

  mutating func loadSampleData(_ poseIndex: TokenIndex) throws {
    var pool = tables.pool
    tables.pool = TokenPool()  // one owner, so that it grows in place
    var data = Tables.SampleData()
    var previous: [TokenKey] = []
    var next: [TokenKey] = []
    var sensors = tables.calibratedSensors
    let calibratedTokens = sensors.map(\.token)
    let samples = tables.samples
    let poseTokens = tables.egoPoses.tokens
    var lost: [(field: String, record: Int, key: TokenKey, target: String)] = []
    try eachRecord(
      "sample_data",
      [
        "token", "sample_token", "ego_pose_token", "calibrated_sensor_token", "timestamp", "is_key_frame",
        "filename", "prev", "next", "width", "height",
      ]
    ) { fields, k in
      data.tokens.append(try fields.token(0, &pool))
      func find(_ slot: Int, _ index: TokenIndex, _ tokens: [TokenKey], _ target: String) throws -> UInt32 {
        let key = try fields.reference(slot, &pool)
        let row = index.row(key, in: tokens)
        if row == TokenIndex.noRow { lost.append(("sample_data.\(target)_token", k, key, target)) }
        return row
      }
      data.sample.append(try find(1, samples.index, samples.tokens, "sample"))
      data.egoPose.append(try find(2, poseIndex, poseTokens, "ego_pose"))
      let sensor = try find(3, calibratedIndex, calibratedTokens, "calibrated_sensor")
      data.calibratedSensor.append(sensor)
      data.timestamps.append(try fields.timestamp(4))
      data.isKeyframe.append(try fields.bool(5))
      data.files.append(try fields.text(6))
      previous.append(try fields.reference(7, &pool))
      next.append(try fields.reference(8, &pool))
      guard sensor != TokenIndex.noRow, sensors[Int(sensor)].intrinsics != nil else { return }
      let size = SIMD2(
        Int32(try fields.integer(9, in: 1...65_535)), Int32(try fields.integer(10, in: 1...65_535)))
      if sensors[Int(sensor)].imageSize != size { try noteImageSize(size, &sensors[Int(sensor)], fields) }
    }
    tables.pool = pool
    tables.calibratedSensors = sensors
    tables.egoPoses.tokens = []
    for (field, record, key, target) in lost {
      dangling.append(DanglingKey(field: field, record: record, token: pool.text(key), target: target))
    }
    data.index = try index(data.tokens, "sample_data")
    data.previous = rows(
      previous, data.index, data.tokens, field: "sample_data.prev", target: "sample_data", emptyAllowed: true)
    previous = []
    data.next = rows(
      next, data.index, data.tokens, field: "sample_data.next", target: "sample_data", emptyAllowed: true)
    data.files.trim()
    data.bySample = RowGroups(owners: data.sample, count: tables.samples.tokens.count)
    tables.sampleData = data
  }

  /// Takes the size of a camera's images from its first record and holds the others and the principal point to it.
  func noteImageSize(
    _ size: SIMD2<Int32>, _ sensor: inout Tables.Calibrated, _ fields: RecordFields
  ) throws {
    let channel = tables.sensors[Int(sensor.sensor)].channel
    let known = sensor.imageSize
    guard known == SIMD2(0, 0) else {
      throw fields.error(
        "width and height of \(channel)", "\(size.x) x \(size.y)", "\(known.x) x \(known.y) as before")
    }
    guard let intrinsics = sensor.intrinsics else { return }
    for (element, value, limit) in [("[0][2]", intrinsics.z, size.x), ("[1][2]", intrinsics.w, size.y)]
    where value < 0 || value > Double(limit) {
      throw RecordingError(
        file: path("calibrated_sensor"),
        place:
          "record with token \(tables.pool.text(sensor.token)): camera_intrinsic\(element) of \(channel)",
        found: "\(value)", expected: "within the image's 0 to \(limit)")
    }
    sensor.imageSize = size
  }
}
