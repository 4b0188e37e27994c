import Foundation
import Geometry
import Recording
import Scenes
import TestKit
import Testing

@Test(.enabled(if: RealData.has("pandaset-002"), "shared/data/pandaset-002 is not here"))
func realDriveHasItsKeyframesBoxesAndClouds() throws {
  let root = RealData.path("pandaset-002")
  let dataset = try Dataset(root: root)
  #expect(dataset.version == "v1.0-mini")
  #expect(try dataset.sceneNames(split: "drive") == ["pandaset-002"])
  let scene = try dataset.scene(named: "pandaset-002")
  #expect(scene.location == "san-francisco")
  #expect(scene.keyframes.count == 12)
  #expect(scene.measurements.count == 128)
  let boxes = try scene.keyframes.flatMap { try dataset.annotations(sample: $0.token) }
  #expect(boxes.count == 1121)
  #expect(Set(boxes.map(\.instanceToken)).count == 95)
  let sweep = try #require(scene.measurements.first { $0.sensor.channel == "LIDAR_TOP" && $0.isKeyframe })
  let cloud = try dataset.pointCloud(sweep)
  #expect(cloud.count > 10_000)
  #expect(try dataset.lidarLabels(sweep)?.count == cloud.count)
  #expect(try dataset.lidarCategoryNames().contains("static.manmade"))
  let camera = try #require(scene.measurements.first { $0.sensor.modality == .camera }?.sensor.camera)
  #expect((camera.width, camera.height) == (1920, 1080))
  #expect(try dataset.mapLayers(location: scene.location).isEmpty)
}

@Test(.enabled(if: RealData.has("nuscenes-keyframe"), "shared/data/nuscenes-keyframe is not here"))
func realKeyframeHasSixCamerasAndNoVelocities() throws {
  let root = RealData.path("nuscenes-keyframe")
  let dataset = try Dataset(root: root)
  let scene = try dataset.scene(named: "scene-0061")
  #expect(scene.measurements.filter { $0.sensor.modality == .camera }.count == 6)
  let sweep = try #require(scene.measurements.first { $0.sensor.modality == .lidar })
  #expect(try dataset.pointCloud(sweep).count == 34_688)
  let boxes = try dataset.annotations(sample: scene.keyframes[0].token)
  #expect(boxes.count == 68)
  for box in boxes { #expect(try dataset.velocity(ofAnnotation: box.token) == nil) }
  // The official split that this scene belongs to.
  #expect(try dataset.sceneNames(split: "mini_train") == ["scene-0061"])
  #expect(errorLine { _ = try dataset.sceneNames(split: "mini_val") }?.contains("mini_train") == true)
}

@Test(.enabled(if: RealData.has("nuscenes-mini-traffic"), "shared/data/nuscenes-mini-traffic is not here"))
func realTrafficHasItsMapsAndForecastPairs() throws {
  let root = RealData.path("nuscenes-mini-traffic")
  let dataset = try Dataset(root: root)
  #expect(dataset.sceneNames.count == 8)
  #expect(Set(try dataset.sceneNames(split: "mini_train")) == Set(dataset.sceneNames))
  var pairs = 0
  for name in dataset.sceneNames {
    let scene = try dataset.scene(named: name)
    for frame in scene.keyframes {
      pairs += try dataset.annotations(sample: frame.token).filter {
        $0.category.hasPrefix("vehicle") && $0.previousToken != nil
      }.count
    }
    // The tables name sweeps that do not exist: that is a partial download, and no error until one is read.
    let sweep = try #require(scene.measurements.first)
    #expect(try !dataset.fileExists(sweep.file))
    #expect(throws: RecordingError.self) { try dataset.pointCloud(sweep) }
    let layers = try dataset.mapLayers(location: scene.location)
    #expect(layers.count == 11)
    #expect(try #require(layers.first { $0.name == "lane" }).areas.count > 100)
    #expect(try #require(layers.first { $0.name == "lane_divider" }).lines.count > 10)
    #expect(try #require(layers.first { $0.name == "ped_crossing" }).areas.isEmpty)
    let read = try #require(try dataset.mapExpansion(location: scene.location))
    #expect(read.warnings.isEmpty)
  }
  #expect(pairs == 6266)
}

@Test(
  .enabled(if: RealData.has("pandaset-002"), "shared/data is not here"),
  arguments: ["pandaset-002", "nuscenes-mini-traffic", "nuscenes-keyframe"])
func realDataIsWrittenAndReadBackEqual(_ name: String) throws {
  let root = RealData.path(name)
  let original = try Dataset(root: root)
  let copy = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
  defer { try? FileManager.default.removeItem(atPath: copy) }
  var writer = try DatasetWriter(root: copy, categories: original.categories)
  for scene in original.sceneNames { try writer.add(try original.recording(sceneNamed: scene)) }
  let locations = Set(writer.recordings.map(\.log.location)).sorted()
  for location in locations {
    if let map = try original.mapExpansion(location: location)?.map { writer.setMap(map, location: location) }
  }
  for (split, scenes) in try original.customSplits() { writer.setSplit(split, scenes: scenes) }
  try writer.publish()
  let again = try Dataset(root: copy)
  #expect(again.sceneNames == original.sceneNames)
  #expect(try again.customSplits().map(\.name) == original.customSplits().map(\.name))
  #expect(try again.lidarCategoryNames() == original.lidarCategoryNames())
  for scene in original.sceneNames {
    let a = try original.recording(sceneNamed: scene)
    let b = try again.recording(sceneNamed: scene)
    #expect(a.scene.token == b.scene.token)
    #expect(a.scene.keyframes == b.scene.keyframes)
    #expect(a.scene.egoPoses == b.scene.egoPoses)
    #expect(a.scene.measurements.map(Unnumbered.init) == b.scene.measurements.map(Unnumbered.init))
    #expect(a.annotations == b.annotations)
    #expect(a.lidarLabelFiles == b.lidarLabelFiles)
    #expect(a.log == b.log)
  }
  for location in locations {
    #expect(try original.mapLayers(location: location) == again.mapLayers(location: location))
    #expect(
      try original.mapExpansion(location: location)?.map == again.mapExpansion(location: location)?.map)
  }
}

/// A measurement without its place in the table, which scenes of one table share.
private struct Unnumbered: Equatable {
  let data: SensorData
  init(_ data: SensorData) {
    var data = data
    data.sequence = 0
    self.data = data
  }
}

@Test func smallDatasetIsReadAsItWasWritten() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  #expect(try dataset.sceneNames(split: "all") == ["scene-9001"])
  let scene = try dataset.scene(named: "scene-9001")
  let written = try SmallDataset.recording(stage: nilStage())
  #expect(scene.measurements == written.scene.measurements)
  #expect(scene.keyframes == written.scene.keyframes)
  #expect(scene.egoPoses == written.scene.egoPoses)
  let boxes = try scene.keyframes.flatMap { try dataset.annotations(sample: $0.token) }
  #expect(boxes.map(\.box) == written.annotations.map(\.box))
  #expect(boxes.map(\.attribute) == ["vehicle.moving", "vehicle.moving", nil, "vehicle.moving"])
  #expect(boxes.map(\.visibility) == ["4", "4", "", "4"])
  #expect(boxes[2].radarPointCount == 1)
  #expect(boxes[0].previousToken == nil && boxes[0].nextToken == boxes[1].token)
  #expect(
    try dataset.annotations(instance: boxes[0].instanceToken).map(\.token)
      == [0, 1, 3].map { boxes[$0].token })
  #expect(try dataset.annotation(token: boxes[3].token) == boxes[3])
  #expect(try dataset.sceneName(sample: scene.keyframes[1].token) == "scene-9001")
}

/// A stage whose files go nowhere that matters.
private func nilStage() throws -> SceneStage {
  let root = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
  return try DatasetWriter(root: root).stage(scene: "x")
}

@Test func velocityIsTheDevkits() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  let scene = try dataset.scene(named: "scene-9001")
  let boxes = try scene.keyframes.flatMap { try dataset.annotations(sample: $0.token) }
  // 2 m in half a second from the neighbours on one side, 4 m in a second from both.
  for k in [0, 1, 3] {
    let v = try #require(try dataset.velocity(ofAnnotation: boxes[k].token))
    #expect(abs(v.x - 4) < 1e-6 && v.y == 0)
  }
  #expect(try dataset.velocity(ofAnnotation: boxes[2].token) == nil)
}

@Test func cloudsKeepNonFinitePointsAndMayBeEmpty() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  let scene = try dataset.scene(named: "scene-9001")
  let sweeps = scene.measurements.filter { $0.sensor.modality == .lidar }
  let cloud = try dataset.pointCloud(sweeps[0])
  #expect(cloud.x[2].isNaN && cloud.z[2] == .infinity && cloud.z[3] == 1e30)
  #expect(cloud.y == SmallDataset.cloud.y && cloud.ring == SmallDataset.cloud.ring)
  #expect(cloud.intensity == SmallDataset.cloud.intensity)
  #expect(try dataset.lidarLabels(sweeps[0]) == SmallDataset.labels)
  #expect(try dataset.pointCloud(sweeps[1]).isEmpty)
  #expect(try dataset.lidarLabels(sweeps[1]) == nil)
}

@Test func writerKeepsAnExistingDatasetAndPublishesAgain() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  #expect(throws: RecordingError.self) { try DatasetWriter(root: small.root) }
  var writer = try DatasetWriter(root: small.root, replaces: true)
  let stage = try writer.stage(scene: "scene-9001")
  try writer.add(try SmallDataset.recording(stage: stage), stage: stage)
  let before = try small.bytes("sample_data")
  try writer.publish()
  #expect(try small.bytes("sample_data") == before)
  #expect(!FileManager.default.fileExists(atPath: "\(small.root)/.work"))
  #expect(throws: RecordingError.self) { try writer.add(try SmallDataset.recording(stage: nilStage())) }
}

@Test func distortedCamerasAreReadBack() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  try small.edit(
    "calibrated_sensor", "\"camera_intrinsic\": [[",
    "\"distortion_model\": \"equidistant\", \"distortion\": [0.1, 0.2, 0.3, 0.4], \"camera_intrinsic\": [[")
  let scene = try Dataset(root: small.root).scene(named: "scene-9001")
  let camera = try #require(scene.measurements.lazy.compactMap(\.sensor.camera).first)
  #expect(camera.distortion == .equidistant(k1: 0.1, k2: 0.2, k3: 0.3, k4: 0.4))
}
