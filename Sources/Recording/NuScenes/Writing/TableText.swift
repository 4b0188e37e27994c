internal import Files
import Foundation
import Geometry
import Scenes

/// JSON text of one value, built by hand: numbers as Swift prints them, which read back equal.
struct TableJSON {
  static func quoted(_ text: String) -> String { StrictJSON.quoted(text) }

  static func number(_ value: Double) -> String { "\(value)" }

  static func list(_ values: [Double]) -> String { "[\(values.map(number).joined(separator: ", "))]" }

  static func list(texts: [String]) -> String { "[\(texts.map(quoted).joined(separator: ", "))]" }

  static func vector(_ v: SIMD3<Double>) -> String { list([v.x, v.y, v.z]) }

  static func object(_ fields: [(String, String)]) -> String {
    "{\(fields.map { "\"\($0)\": \($1)" }.joined(separator: ", "))}"
  }

  /// Records in a list, one a line.
  static func table(_ records: [String]) -> [UInt8] {
    records.isEmpty ? Array("[]\n".utf8) : Array("[\n\(records.joined(separator: ",\n"))\n]\n".utf8)
  }
}

/// The tables of some scenes as files.
struct TableText {
  private let recordings: [SceneRecording]
  private let categories: [StandardNames.Category]
  private let splits: [(String, [String])]
  private let file: String

  init(
    _ recordings: [SceneRecording], categories: [StandardNames.Category], splits: [(String, [String])],
    file: String
  ) {
    self.recordings = recordings
    self.categories = categories
    self.splits = splits
    self.file = file
  }

  private func token(_ text: String) -> (String, String) { ("token", TableJSON.quoted(text)) }

  private func categoryToken(_ name: String) -> String { StableToken.make("category/\(name)") }
  private func attributeToken(_ name: String) -> String { StableToken.make("attribute/\(name)") }
  private func sensorToken(_ channel: String) -> String { StableToken.make("sensor/\(channel)") }
  private func logToken(_ log: SceneRecording.Log) -> String {
    StableToken.make("log/\(log.logfile)/\(log.vehicle)/\(log.dateCaptured)/\(log.location)")
  }

  /// Every file of the version folder.
  /// - Throws: `RecordingError` for records that contradict each other.
  func files() throws -> [(name: String, bytes: [UInt8])] {
    var files: [(name: String, bytes: [UInt8])] = names()
    files += try sensors()
    files += logsAndMaps()
    files += try scenes()
    files.append(("ego_pose.json", TableJSON.table(egoPoses())))
    files.append(("sample_data.json", TableJSON.table(try sampleData())))
    files += try annotations()
    let labels = lidarLabels()
    if !labels.isEmpty { files.append(("lidarseg.json", TableJSON.table(labels))) }
    let lists = splits.map { "\(TableJSON.quoted($0.0)): \(TableJSON.list(texts: $0.1))" }
    files.append(("splits.json", Array("{\(lists.joined(separator: ",\n"))}\n".utf8)))
    return files
  }

  private func names() -> [(name: String, bytes: [UInt8])] {
    let categoryRecords = categories.map { category in
      var fields = [
        token(categoryToken(category.name)), ("name", TableJSON.quoted(category.name)),
        ("description", "\"\""),
      ]
      if let index = category.index { fields.append(("index", "\(index)")) }
      return TableJSON.object(fields)
    }
    let attributeRecords = StandardNames.attributes.map {
      TableJSON.object([token(attributeToken($0)), ("name", TableJSON.quoted($0)), ("description", "\"\"")])
    }
    let visibilityRecords = StandardNames.visibilities.enumerated().map { k, level in
      TableJSON.object([
        token("\(k + 1)"), ("level", TableJSON.quoted(level)), ("description", TableJSON.quoted(level)),
      ])
    }
    return [
      ("category.json", TableJSON.table(categoryRecords)),
      ("attribute.json", TableJSON.table(attributeRecords)),
      ("visibility.json", TableJSON.table(visibilityRecords)),
    ]
  }

  /// Each sensor of any scene once, in order of first use.
  /// - Throws: `RecordingError` where one token stands for two calibrations, or one channel for two modalities.
  private func sensors() throws -> [(name: String, bytes: [UInt8])] {
    var known: [String: CalibratedSensor] = [:]
    var modalities: [String: Modality] = [:]
    var sensorRecords: [String] = []
    var calibratedRecords: [String] = []
    for data in recordings.lazy.flatMap(\.scene.measurements) {
      let sensor = data.sensor
      if let other = known[sensor.token] {
        guard other == sensor else {
          throw RecordingError(
            file: file, place: "calibrated sensor \(sensor.token)", found: "two calibrations",
            expected: "one a token")
        }
        continue
      }
      known[sensor.token] = sensor
      if let modality = modalities[sensor.channel] {
        guard modality == sensor.modality else {
          throw RecordingError(
            file: file, place: "sensor \(sensor.channel)", found: "two modalities", expected: "one a channel")
        }
      } else {
        modalities[sensor.channel] = sensor.modality
        sensorRecords.append(
          TableJSON.object([
            token(sensorToken(sensor.channel)), ("channel", TableJSON.quoted(sensor.channel)),
            ("modality", TableJSON.quoted(sensor.modality.rawValue)),
          ]))
      }
      calibratedRecords.append(calibrated(sensor))
    }
    return [
      ("sensor.json", TableJSON.table(sensorRecords)),
      ("calibrated_sensor.json", TableJSON.table(calibratedRecords)),
    ]
  }

  private func calibrated(_ sensor: CalibratedSensor) -> String {
    var fields = [
      token(sensor.token), ("sensor_token", TableJSON.quoted(sensorToken(sensor.channel))),
      ("translation", TableJSON.vector(sensor.egoFromSensor.translation)),
      ("rotation", TableJSON.list(sensor.egoFromSensor.rotation.wxyz)),
    ]
    guard let camera = sensor.camera else {
      return TableJSON.object(fields + [("camera_intrinsic", "[]")])
    }
    let rows = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    fields.append(("camera_intrinsic", "[\(rows.map(TableJSON.list).joined(separator: ", "))]"))
    // nuScenes knows pinholes alone: these two fields are ours, and others pass over them.
    switch camera.distortion {
    case .none: break
    case .plumbBob(let k1, let k2, let p1, let p2, let k3):
      fields.append(("distortion_model", "\"plumb_bob\""))
      fields.append(("distortion", TableJSON.list([k1, k2, p1, p2, k3])))
    case .equidistant(let k1, let k2, let k3, let k4):
      fields.append(("distortion_model", "\"equidistant\""))
      fields.append(("distortion", TableJSON.list([k1, k2, k3, k4])))
    }
    return TableJSON.object(fields)
  }

  private func logsAndMaps() -> [(name: String, bytes: [UInt8])] {
    var logs: [SceneRecording.Log] = []
    for recording in recordings where !logs.contains(recording.log) { logs.append(recording.log) }
    let logRecords = logs.map { log in
      TableJSON.object([
        token(logToken(log)), ("logfile", TableJSON.quoted(log.logfile)),
        ("vehicle", TableJSON.quoted(log.vehicle)),
        ("date_captured", TableJSON.quoted(log.dateCaptured)), ("location", TableJSON.quoted(log.location)),
      ])
    }
    var locations: [String] = []
    for log in logs where !locations.contains(log.location) { locations.append(log.location) }
    let mapRecords = locations.map { location in
      TableJSON.object([
        token(StableToken.make("map/\(location)")),
        ("log_tokens", TableJSON.list(texts: logs.filter { $0.location == location }.map(logToken))),
        ("category", "\"semantic_prior\""), ("filename", "\"maps/none.png\""),
      ])
    }
    return [("log.json", TableJSON.table(logRecords)), ("map.json", TableJSON.table(mapRecords))]
  }

  private func scenes() throws -> [(name: String, bytes: [UInt8])] {
    var sceneRecords: [String] = []
    var sampleRecords: [String] = []
    for recording in recordings {
      let frames = recording.scene.keyframes
      guard let first = frames.first, let last = frames.last else { continue }
      sceneRecords.append(
        TableJSON.object([
          token(recording.scene.token), ("log_token", TableJSON.quoted(logToken(recording.log))),
          ("nbr_samples", "\(frames.count)"), ("first_sample_token", TableJSON.quoted(first.token)),
          ("last_sample_token", TableJSON.quoted(last.token)),
          ("name", TableJSON.quoted(recording.scene.name)),
          ("description", TableJSON.quoted(recording.description)),
        ]))
      for (k, frame) in frames.enumerated() {
        sampleRecords.append(
          TableJSON.object([
            token(frame.token), ("timestamp", "\(frame.timestampMicroseconds)"),
            ("scene_token", TableJSON.quoted(recording.scene.token)),
            ("prev", TableJSON.quoted(k > 0 ? frames[k - 1].token : "")),
            ("next", TableJSON.quoted(k + 1 < frames.count ? frames[k + 1].token : "")),
          ]))
      }
    }
    return [("scene.json", TableJSON.table(sceneRecords)), ("sample.json", TableJSON.table(sampleRecords))]
  }

  /// A pose a measurement, under the measurement's token, as nuScenes has it.
  private func egoPoses() -> [String] {
    recordings.flatMap(\.scene.measurements).map { data in
      TableJSON.object([
        token(data.token), ("timestamp", "\(data.timestampMicroseconds)"),
        ("rotation", TableJSON.list(data.globalFromEgo.rotation.wxyz)),
        ("translation", TableJSON.vector(data.globalFromEgo.translation)),
      ])
    }
  }

  private func sampleData() throws -> [String] {
    var tokens = Set<String>()
    return try recordings.flatMap { recording in
      let all = recording.scene.measurements
      let links = Self.links(all)
      return try all.indices.map { k in
        let data = all[k]
        guard tokens.insert(data.token).inserted else {
          throw RecordingError(
            file: file, place: "measurement \(data.token)", found: "twice", expected: "each token once")
        }
        return TableJSON.object([
          token(data.token), ("sample_token", TableJSON.quoted(data.sampleToken)),
          ("ego_pose_token", TableJSON.quoted(data.token)),
          ("calibrated_sensor_token", TableJSON.quoted(data.sensor.token)),
          ("timestamp", "\(data.timestampMicroseconds)"),
          ("fileformat", TableJSON.quoted(Self.format(data.file))),
          ("is_key_frame", data.isKeyframe ? "true" : "false"),
          ("height", "\(data.sensor.camera?.height ?? 0)"),
          ("width", "\(data.sensor.camera?.width ?? 0)"), ("filename", TableJSON.quoted(data.file)),
          ("prev", TableJSON.quoted(links[k].previous)), ("next", TableJSON.quoted(links[k].next)),
        ])
      }
    }
  }

  /// The measurements before and after each one in its channel, by time.
  private static func links(_ all: [SensorData]) -> [(previous: String, next: String)] {
    var links = all.map { _ in (previous: "", next: "") }
    var last: [String: Int] = [:]
    let order = all.indices.sorted {
      (all[$0].timestampMicroseconds, $0) < (all[$1].timestampMicroseconds, $1)
    }
    for k in order {
      if let before = last.updateValue(k, forKey: all[k].sensor.channel) {
        links[k].previous = all[before].token
        links[before].next = all[k].token
      }
    }
    return links
  }

  private static func format(_ file: String) -> String {
    file.hasSuffix(".bin") || file.hasSuffix(".pcd") ? "pcd" : URL(fileURLWithPath: file).pathExtension
  }

  /// The annotation and instance tables, boxes of an instance linked in order of their keyframes.
  private func annotations() throws -> [(name: String, bytes: [UInt8])] {
    var instanceRecords: [String] = []
    var annotationRecords: [String] = []
    for recording in recordings {
      let place = Dictionary(
        uniqueKeysWithValues: recording.scene.keyframes.enumerated().map { ($1.token, $0) })
      var chains: [String: [Int]] = [:]
      var order: [String] = []
      for (k, box) in recording.annotations.enumerated() {
        if chains[box.instanceToken] == nil { order.append(box.instanceToken) }
        chains[box.instanceToken, default: []].append(k)
      }
      var links = recording.annotations.map { _ in (previous: "", next: "") }
      for instance in order {
        let chain = (chains[instance] ?? []).sorted {
          place[recording.annotations[$0].sampleToken] ?? 0 < place[recording.annotations[$1].sampleToken]
            ?? 0
        }
        instanceRecords.append(try self.instance(instance, chain.map { recording.annotations[$0] }))
        for (a, b) in zip(chain, chain.dropFirst()) {
          links[a].next = recording.annotations[b].token
          links[b].previous = recording.annotations[a].token
        }
      }
      for (k, box) in recording.annotations.enumerated() {
        annotationRecords.append(annotation(box, links[k]))
      }
    }
    return [
      ("instance.json", TableJSON.table(instanceRecords)),
      ("sample_annotation.json", TableJSON.table(annotationRecords)),
    ]
  }

  private func instance(_ name: String, _ boxes: [Annotation]) throws -> String {
    guard let first = boxes.first, let last = boxes.last else { return "" }
    guard boxes.allSatisfy({ $0.category == first.category }),
      Set(boxes.map(\.sampleToken)).count == boxes.count
    else {
      throw RecordingError(
        file: file, place: "instance \(name)", found: "two categories, or two boxes in a keyframe",
        expected: "one category, and one box a keyframe")
    }
    return TableJSON.object([
      token(name), ("category_token", TableJSON.quoted(categoryToken(first.category))),
      ("nbr_annotations", "\(boxes.count)"), ("first_annotation_token", TableJSON.quoted(first.token)),
      ("last_annotation_token", TableJSON.quoted(last.token)),
    ])
  }

  private func annotation(_ box: Annotation, _ link: (previous: String, next: String)) -> String {
    TableJSON.object([
      token(box.token), ("sample_token", TableJSON.quoted(box.sampleToken)),
      ("instance_token", TableJSON.quoted(box.instanceToken)),
      ("visibility_token", TableJSON.quoted(box.visibility)),
      ("attribute_tokens", TableJSON.list(texts: box.attribute.map { [attributeToken($0)] } ?? [])),
      ("translation", TableJSON.vector(box.box.center)), ("size", TableJSON.vector(box.box.size)),
      ("rotation", TableJSON.list(box.box.rotation.wxyz)), ("prev", TableJSON.quoted(link.previous)),
      ("next", TableJSON.quoted(link.next)), ("num_lidar_pts", "\(box.lidarPointCount)"),
      ("num_radar_pts", "\(box.radarPointCount)"),
    ])
  }

  private func lidarLabels() -> [String] {
    recordings.flatMap { recording in
      recording.scene.measurements.compactMap { data in
        recording.lidarLabelFiles[data.token].map {
          TableJSON.object([
            token(data.token), ("sample_data_token", TableJSON.quoted(data.token)),
            ("filename", TableJSON.quoted($0)),
          ])
        }
      }
    }
  }
}
