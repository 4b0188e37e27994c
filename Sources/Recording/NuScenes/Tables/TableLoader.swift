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

  // What later tables need of earlier ones.
  var visibilityTokens: [TokenKey] = []
  var categoryIndex = TokenIndex()
  var attributeIndex = TokenIndex()
  var visibilityIndex = TokenIndex()
  var sensorIndex = TokenIndex()
  var calibratedIndex = TokenIndex()
  var logIndex = TokenIndex()
  var sceneIndex = TokenIndex()
  var firstAnnotations: [TokenKey] = []
  var lastAnnotations: [TokenKey] = []

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

  func path(_ table: String) -> String { "\(folder)/\(table).json" }

  func index(_ tokens: [TokenKey], _ table: String) throws -> TokenIndex {
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
  mutating func row(
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
  mutating func rows(
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
  func eachRecord(
    _ table: String, _ names: [StaticString], _ body: (inout RecordFields, Int) throws -> Void
  ) throws {
    var fields = RecordFields(file: path(table), names: names)
    var stream = try RecordStream.open(path(table))
    try stream.read { record, k in
      try fields.take(record, k)
      try body(&fields, k)
    }
  }

  // MARK: names

  mutating func loadNames() throws {
    var pool = tables.pool
    var categories: [Tables.Category] = []
    try eachRecord("category", ["token", "name", "index"]) { fields, _ in
      let index = fields.optional(2) == nil ? nil : Int(try fields.integer(2, in: 0...255))
      categories.append(
        .init(token: try fields.token(0, &pool), name: try fields.string(1), index: index))
    }
    var attributes: [(TokenKey, String)] = []
    try eachRecord("attribute", ["token", "name"]) { fields, _ in
      attributes.append((try fields.token(0, &pool), try fields.string(1)))
    }
    var visibilities: [(TokenKey, String)] = []
    try eachRecord("visibility", ["token"]) { fields, _ in
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

  // MARK: logs, maps, scenes, samples

  mutating func loadLogs() throws {
    var pool = tables.pool
    var logs: [Tables.Log] = []
    try eachRecord("log", ["token", "logfile", "vehicle", "date_captured", "location"]) { fields, _ in
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
    try eachRecord("map", ["token", "log_tokens", "category", "filename"]) { fields, _ in
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

  mutating func loadScenes() throws {
    var pool = tables.pool
    var scenes: [Tables.SceneRecord] = []
    var keys: (log: [TokenKey], first: [TokenKey], last: [TokenKey]) = ([], [], [])
    try eachRecord(
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
    try eachRecord("sample", ["token", "timestamp", "scene_token", "prev", "next"]) { fields, _ in
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
}
