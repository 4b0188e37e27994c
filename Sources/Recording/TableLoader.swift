import Foundation
import Geometry
import Scenes

/// Reads the thirteen tables (and lidarseg's) into columns, the referenced ones first.
struct TableLoader {
  /// The tables that every dataset has.
  static let required = [
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample",
    "sample_annotation", "sample_data", "scene", "sensor", "visibility",
  ]

  let folder: String
  var tables = Tables()
  /// Every key that leads nowhere, in order of table, record and field as they are read.
  var dangling: [DanglingKey] = []

  init(folder: String) { self.folder = folder }

  /// Reads everything.
  /// - Throws: `RecordingError`; keys that lead nowhere are only collected.
  mutating func load() throws {
    try loadNames()
    try loadSensors()
    try loadLogs()
    try loadScenes()
    let poseIndex = try loadEgoPoses()
    try loadSampleData(poseIndex)
    try loadInstances()
    try loadAnnotations()
    try loadLidarLabels()
  }

  private func path(_ table: String) -> String { "\(folder)/\(table).json" }

  private func index(_ tokens: [TokenKey], _ table: String) throws -> TokenIndex {
    do {
      return try TokenIndex(tokens)
    } catch {
      throw RecordingError(
        file: path(table), place: "record \(error.second): token",
        found: "\(tables.pool.text(tokens[error.second])), as in record \(error.first)",
        expected: "each token once")
    }
  }

  /// The row that a key names, or none, which is noted unless the key is empty and may be.
  private mutating func row(
    _ key: TokenKey, _ index: TokenIndex, _ tokens: [TokenKey], field: String, record: Int, target: String,
    emptyAllowed: Bool = false
  ) -> UInt32 {
    let row = index.row(key, in: tokens)
    if row == TokenIndex.noRow, !(emptyAllowed && key == .none) {
      dangling.append(
        DanglingKey(field: field, record: record, token: tables.pool.text(key), target: target))
    }
    return row
  }

  /// Keys of a table's own or a later table, resolved once that one is there.
  private mutating func rows(
    _ keys: [TokenKey], _ index: TokenIndex, _ tokens: [TokenKey], field: String, target: String,
    emptyAllowed: Bool
  ) -> [UInt32] {
    var result = [UInt32](repeating: TokenIndex.noRow, count: keys.count)
    for k in keys.indices {
      result[k] = row(
        keys[k], index, tokens, field: field, record: k, target: target, emptyAllowed: emptyAllowed)
    }
    return result
  }

  /// Calls `body` for each record of a table.
  private func forEach(
    _ table: String, _ names: [StaticString], _ body: (inout RecordFields, Int) throws -> Void
  ) throws {
    var fields = RecordFields(file: path(table), names: names)
    var stream = try RecordStream.open(path(table))
    try stream.forEach { record, k in
      try fields.take(record, k)
      try body(&fields, k)
    }
  }

  // MARK: names

  private mutating func loadNames() throws {
    var pool = tables.pool
    var categories: [Tables.Category] = []
    try forEach("category", ["token", "name", "index"]) { fields, _ in
      let index = fields.optional(2) == nil ? nil : Int(try fields.integer(2, in: 0...255))
      categories.append(
        .init(token: try fields.token(0, &pool), name: try fields.string(1), index: index))
    }
    var attributes: [(TokenKey, String)] = []
    try forEach("attribute", ["token", "name"]) { fields, _ in
      attributes.append((try fields.token(0, &pool), try fields.string(1)))
    }
    var visibilities: [(TokenKey, String)] = []
    try forEach("visibility", ["token"]) { fields, _ in
      visibilities.append((try fields.token(0, &pool), try fields.string(0)))
    }
    tables.pool = pool
    tables.categories = categories
    tables.attributes = attributes.map(\.1)
    tables.attributeTokens = attributes.map(\.0)
    tables.visibilities = visibilities.map(\.1)
    visibilityTokens = visibilities.map(\.0)
    categoryIndex = try index(categories.map(\.token), "category")
    attributeIndex = try index(tables.attributeTokens, "attribute")
    visibilityIndex = try index(visibilityTokens, "visibility")
  }

  private var visibilityTokens: [TokenKey] = []
  private var categoryIndex = TokenIndex()
  private var attributeIndex = TokenIndex()
  private var visibilityIndex = TokenIndex()
  private var sensorIndex = TokenIndex()
  private var calibratedIndex = TokenIndex()
  private var logIndex = TokenIndex()
  private var sceneIndex = TokenIndex()

  // MARK: sensors

  private mutating func loadSensors() throws {
    var pool = tables.pool
    var sensors: [Tables.Sensor] = []
    try forEach("sensor", ["token", "channel", "modality"]) { fields, _ in
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
    try forEach(
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
  private static func intrinsics(_ fields: RecordFields, channel: String) throws -> SIMD4<Double> {
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
  private static func distortion(_ fields: RecordFields) throws -> CameraModel.Distortion {
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

  // MARK: logs, maps, scenes, samples

  private mutating func loadLogs() throws {
    var pool = tables.pool
    var logs: [Tables.Log] = []
    try forEach("log", ["token", "logfile", "vehicle", "date_captured", "location"]) { fields, _ in
      func text(_ slot: Int) throws -> String { fields.optional(slot) == nil ? "" : try fields.string(slot) }
      logs.append(
        .init(
          token: try fields.token(0, &pool), logfile: try text(1), vehicle: try text(2),
          dateCaptured: try text(3), location: try fields.string(4)))
    }
    let logTokens = logs.map(\.token)
    tables.logs = logs
    logIndex = try index(logTokens, "log")
    var maps: [(Tables.Map, [TokenKey])] = []
    try forEach("map", ["token", "log_tokens", "category", "filename"]) { fields, _ in
      let keys = try fields.references(1, &pool)
      maps.append(
        (
          .init(
            token: try fields.token(0, &pool), logs: [], category: try fields.string(2),
            filename: try fields.string(3)), keys
        ))
    }
    tables.pool = pool
    for (k, (map, keys)) in maps.enumerated() {
      var map = map
      for key in keys {
        map.logs.append(
          row(key, logIndex, logTokens, field: "map.log_tokens", record: k, target: "log"))
      }
      tables.maps.append(map)
    }
    _ = try index(tables.maps.map(\.token), "map")
  }

  private mutating func loadScenes() throws {
    var pool = tables.pool
    var scenes: [Tables.SceneRecord] = []
    var keys: (log: [TokenKey], first: [TokenKey], last: [TokenKey]) = ([], [], [])
    try forEach(
      "scene",
      ["token", "name", "log_token", "nbr_samples", "first_sample_token", "last_sample_token", "description"]
    ) { fields, _ in
      keys.log.append(try fields.reference(2, &pool))
      keys.first.append(try fields.reference(4, &pool))
      keys.last.append(try fields.reference(5, &pool))
      let description = fields.optional(6) == nil ? "" : try fields.string(6)
      scenes.append(
        .init(
          token: try fields.token(0, &pool), name: try fields.string(1), description: description,
          log: TokenIndex.noRow, sampleCount: Int(try fields.integer(3, in: 0...1_000_000_000))))
    }
    let sceneTokens = scenes.map(\.token)
    sceneIndex = try index(sceneTokens, "scene")
    var samples = Tables.Samples()
    var sampleKeys: (scene: [TokenKey], previous: [TokenKey], next: [TokenKey]) = ([], [], [])
    try forEach("sample", ["token", "timestamp", "scene_token", "prev", "next"]) { fields, _ in
      samples.tokens.append(try fields.token(0, &pool))
      samples.timestamps.append(try fields.timestamp(1))
      sampleKeys.scene.append(try fields.reference(2, &pool))
      sampleKeys.previous.append(try fields.reference(3, &pool))
      sampleKeys.next.append(try fields.reference(4, &pool))
    }
    tables.pool = pool
    samples.index = try index(samples.tokens, "sample")
    let logTokens = tables.logs.map(\.token)
    for k in scenes.indices {
      scenes[k].log = row(
        keys.log[k], logIndex, logTokens, field: "scene.log_token", record: k, target: "log")
      scenes[k].firstSample = row(
        keys.first[k], samples.index, samples.tokens, field: "scene.first_sample_token", record: k,
        target: "sample")
      scenes[k].lastSample = row(
        keys.last[k], samples.index, samples.tokens, field: "scene.last_sample_token", record: k,
        target: "sample")
    }
    samples.scene = rows(
      sampleKeys.scene, sceneIndex, sceneTokens, field: "sample.scene_token", target: "scene",
      emptyAllowed: false)
    samples.previous = rows(
      sampleKeys.previous, samples.index, samples.tokens, field: "sample.prev", target: "sample",
      emptyAllowed: true)
    samples.next = rows(
      sampleKeys.next, samples.index, samples.tokens, field: "sample.next", target: "sample",
      emptyAllowed: true)
    tables.scenes = scenes
    tables.samples = samples
  }

  // MARK: measurements

  private mutating func loadEgoPoses() throws -> TokenIndex {
    var pool = tables.pool
    var poses = Tables.EgoPoses()
    try forEach("ego_pose", ["token", "timestamp", "translation", "rotation"]) { fields, _ in
      poses.tokens.append(try fields.token(0, &pool))
      poses.timestamps.append(try fields.timestamp(1))
      try fields.numbers(2, count: 3, into: &poses.values)
      try fields.rotation(3, into: &poses.values)
    }
    tables.pool = pool
    tables.egoPoses = poses
    return try index(poses.tokens, "ego_pose")
  }

  private mutating func loadSampleData(_ poseIndex: TokenIndex) throws {
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
    try forEach(
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
  private func noteImageSize(
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

  // MARK: annotations

  private mutating func loadInstances() throws {
    var pool = tables.pool
    var instances = Tables.Instances()
    var keys: [TokenKey] = []
    try forEach(
      "instance",
      ["token", "category_token", "nbr_annotations", "first_annotation_token", "last_annotation_token"]
    ) { fields, _ in
      instances.tokens.append(try fields.token(0, &pool))
      keys.append(try fields.reference(1, &pool))
      instances.annotationCount.append(Int32(try fields.integer(2, in: 0...Int64(Int32.max))))
      firstAnnotations.append(try fields.reference(3, &pool))
      lastAnnotations.append(try fields.reference(4, &pool))
    }
    tables.pool = pool
    instances.index = try index(instances.tokens, "instance")
    instances.category = rows(
      keys, categoryIndex, tables.categories.map(\.token), field: "instance.category_token",
      target: "category", emptyAllowed: false)
    tables.instances = instances
  }

  private var firstAnnotations: [TokenKey] = []
  private var lastAnnotations: [TokenKey] = []

  private mutating func loadAnnotations() throws {
    var pool = tables.pool
    tables.pool = TokenPool()
    var annotations = Tables.Annotations()
    var keys: (sample: [TokenKey], instance: [TokenKey], visibility: [TokenKey]) = ([], [], [])
    var attributes: [(record: Int, key: TokenKey)] = []
    var previous: [TokenKey] = []
    var next: [TokenKey] = []
    try forEach(
      "sample_annotation",
      [
        "token", "sample_token", "instance_token", "visibility_token", "attribute_tokens", "translation",
        "size",
        "rotation", "num_lidar_pts", "num_radar_pts", "prev", "next",
      ]
    ) { fields, k in
      annotations.tokens.append(try fields.token(0, &pool))
      keys.sample.append(try fields.reference(1, &pool))
      keys.instance.append(try fields.reference(2, &pool))
      keys.visibility.append(fields.optional(3) == nil ? .none : try fields.reference(3, &pool))
      for key in try fields.references(4, &pool) { attributes.append((k, key)) }
      try fields.numbers(5, count: 3, into: &annotations.boxes)
      try fields.numbers(6, count: 3, into: &annotations.boxes)
      for value in annotations.boxes.suffix(3) where value < 0 {
        throw fields.error(6, "\(value)", "0 or more")
      }
      try fields.rotation(7, into: &annotations.boxes)
      annotations.lidarPoints.append(Int32(try fields.integer(8, in: 0...Int64(Int32.max))))
      annotations.radarPoints.append(Int32(try fields.integer(9, in: 0...Int64(Int32.max))))
      previous.append(try fields.reference(10, &pool))
      next.append(try fields.reference(11, &pool))
    }
    tables.pool = pool
    annotations.index = try index(annotations.tokens, "sample_annotation")
    annotations.sample = rows(
      keys.sample, tables.samples.index, tables.samples.tokens, field: "sample_annotation.sample_token",
      target: "sample", emptyAllowed: false)
    annotations.instance = rows(
      keys.instance, tables.instances.index, tables.instances.tokens,
      field: "sample_annotation.instance_token",
      target: "instance", emptyAllowed: false)
    annotations.visibility = rows(
      keys.visibility, visibilityIndex, visibilityTokens, field: "sample_annotation.visibility_token",
      target: "visibility", emptyAllowed: true)
    annotations.attribute = Array(repeating: TokenIndex.noRow, count: annotations.tokens.count)
    for (record, key) in attributes {
      let row = row(
        key, attributeIndex, tables.attributeTokens, field: "sample_annotation.attribute_tokens",
        record: record,
        target: "attribute")
      if annotations.attribute[record] == TokenIndex.noRow { annotations.attribute[record] = row }
    }
    try linkAnnotations(&annotations, previous, next)
    tables.annotations = annotations
  }

  private mutating func linkAnnotations(
    _ annotations: inout Tables.Annotations, _ previous: [TokenKey], _ next: [TokenKey]
  ) throws {
    annotations.previous = rows(
      previous, annotations.index, annotations.tokens, field: "sample_annotation.prev",
      target: "sample_annotation", emptyAllowed: true)
    annotations.next = rows(
      next, annotations.index, annotations.tokens, field: "sample_annotation.next",
      target: "sample_annotation", emptyAllowed: true)
    tables.instances.first = rows(
      firstAnnotations, annotations.index, annotations.tokens, field: "instance.first_annotation_token",
      target: "sample_annotation", emptyAllowed: false)
    tables.instances.last = rows(
      lastAnnotations, annotations.index, annotations.tokens, field: "instance.last_annotation_token",
      target: "sample_annotation", emptyAllowed: false)
    firstAnnotations = []
    lastAnnotations = []
    annotations.bySample = RowGroups(owners: annotations.sample, count: tables.samples.tokens.count)
  }

  // MARK: lidarseg

  private mutating func loadLidarLabels() throws {
    guard FileManager.default.fileExists(atPath: path("lidarseg")) else { return }
    var pool = tables.pool
    var entries: [(TokenKey, String)] = []
    try forEach("lidarseg", ["token", "sample_data_token", "filename"]) { fields, _ in
      entries.append((try fields.reference(1, &pool), try fields.string(2)))
    }
    tables.pool = pool
    for (k, (key, name)) in entries.enumerated() {
      let row = row(
        key, tables.sampleData.index, tables.sampleData.tokens, field: "lidarseg.sample_data_token",
        record: k,
        target: "sample_data")
      if row != TokenIndex.noRow { tables.lidarLabels[row] = name }
    }
  }
}
