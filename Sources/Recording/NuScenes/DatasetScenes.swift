import Geometry
import Scenes

extension Dataset {
  /// A scene with its keyframes, measurements and ego poses.
  /// - Throws: `RecordingError` where there is no such scene, its chain of samples is broken, or a camera has no image
  ///   size.
  /// - Complexity: O(measurements log measurements).
  public func scene(named name: String) throws -> Scene {
    let row = try sceneRow(name)
    let record = tables.scenes[row]
    let sampleRows = try chain(ofScene: row)
    var dataRows: [UInt32] = []
    for sample in sampleRows { dataRows += tables.sampleData.bySample.rows(of: Int(sample)) }
    dataRows.sort()
    let keyframes = sampleRows.map {
      Keyframe(
        token: tables.pool.text(tables.samples.tokens[Int($0)]),
        timestampMicroseconds: tables.samples.timestamps[Int($0)])
    }
    let sensors = try calibratedSensors(dataRows)
    // Measurements share their sensors and the text of their sample's token.
    let tokens = Dictionary(uniqueKeysWithValues: zip(sampleRows, keyframes.map(\.token)))
    var measurements: [SensorData] = []
    measurements.reserveCapacity(dataRows.count)
    for dataRow in dataRows {
      let k = Int(dataRow)
      guard let sensor = sensors[tables.sampleData.calibratedSensor[k]],
        let sample = tokens[tables.sampleData.sample[k]]
      else { continue }
      measurements.append(measurement(k, sensor: sensor, sampleToken: sample))
    }
    return Scene(
      token: tables.pool.text(record.token), name: record.name,
      location: tables.logs[Int(record.log)].location,
      keyframes: keyframes, measurements: measurements, egoPoses: egoPoses(dataRows))
  }

  /// How many keyframes a scene has, without reading anything else of it.
  /// - Throws: `RecordingError` where there is no such scene.
  public func keyframeCount(ofScene name: String) throws -> Int {
    Int(tables.scenes[try sceneRow(name)].sampleCount)
  }

  private func measurement(_ k: Int, sensor: CalibratedSensor, sampleToken: String) -> SensorData {
    let data = tables.sampleData
    return SensorData(
      token: tables.pool.text(data.tokens[k]), sampleToken: sampleToken, sensor: sensor,
      timestampMicroseconds: data.timestamps[k],
      globalFromEgo: tables.egoPoses.pose(Int(data.egoPose[k])), file: data.files[k],
      isKeyframe: data.isKeyframe[k], sequence: k)
  }

  /// The calibrated sensors that these measurements name, by row.
  private func calibratedSensors(_ dataRows: [UInt32]) throws -> [UInt32: CalibratedSensor] {
    var result: [UInt32: CalibratedSensor] = [:]
    for row in Set(dataRows.map { tables.sampleData.calibratedSensor[Int($0)] }) {
      result[row] = calibratedSensor(Int(row))
    }
    return result
  }

  func calibratedSensor(_ row: Int) -> CalibratedSensor {
    let record = tables.calibratedSensors[row]
    let sensor = tables.sensors[Int(record.sensor)]
    let camera = record.intrinsics.map {
      CameraModel(
        fx: $0.x, fy: $0.y, cx: $0.z, cy: $0.w, width: Int(record.imageSize.x),
        height: Int(record.imageSize.y),
        distortion: record.distortion)
    }
    return CalibratedSensor(
      token: tables.pool.text(record.token), channel: sensor.channel, modality: sensor.modality,
      egoFromSensor: record.egoFromSensor, camera: camera)
  }

  /// The poses that these measurements name in order of time, one a timestamp: the first of the table.
  private func egoPoses(_ dataRows: [UInt32]) -> [EgoPose] {
    let poses = tables.egoPoses
    let rows = Set(dataRows.map { tables.sampleData.egoPose[Int($0)] }).sorted {
      (poses.timestamps[Int($0)], $0) < (poses.timestamps[Int($1)], $1)
    }
    var result: [EgoPose] = []
    for row in rows where result.last?.timestampMicroseconds != poses.timestamps[Int(row)] {
      result.append(
        EgoPose(
          timestampMicroseconds: poses.timestamps[Int(row)], globalFromEgo: poses.pose(Int(row))))
    }
    return result
  }

  /// The rows of a scene's samples from the first to the last, after checking that they are one chain.
  private func chain(ofScene row: Int) throws -> [UInt32] {
    let record = tables.scenes[row]
    let samples = tables.samples
    func fail(_ sample: UInt32, _ field: String, _ found: String, _ expected: String) -> RecordingError {
      RecordingError(
        file: tablePath("sample"),
        place: "scene \(record.name), sample \(tables.pool.text(samples.tokens[Int(sample)])): \(field)",
        found: found, expected: expected)
    }
    var rows: [UInt32] = []
    var previous = TokenIndex.noRow
    var current = record.firstSample
    while current != TokenIndex.noRow {
      let k = Int(current)
      guard rows.count < record.sampleCount else {
        throw fail(
          current, "next", "a chain of more than \(record.sampleCount) samples, or a cycle",
          "nbr_samples of them")
      }
      guard samples.scene[k] == UInt32(row) else {
        throw fail(current, "scene_token", "another scene", "the scene's own sample")
      }
      guard samples.previous[k] == previous else {
        throw fail(current, "prev", "another sample than the one before it", "a chain")
      }
      rows.append(current)
      previous = current
      current = samples.next[k]
    }
    guard previous == record.lastSample else {
      throw fail(previous, "next", "the chain's end", "the scene's last sample")
    }
    guard rows.count == record.sampleCount else {
      throw fail(previous, "next", "a chain of \(rows.count) samples", "nbr_samples \(record.sampleCount)")
    }
    return rows
  }
}
