import Foundation
import Geometry
import Recording
import Scenes
import Testing

/// The folder of real data beside the repository, or nil (and a line that says so) where it is absent.
func realData(_ name: String) -> String? {
  let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data/\(name)").path
  if FileManager.default.fileExists(atPath: path) { return path }
  print("skipped: there is no \(path)")
  return nil
}

@Test func realDriveHasItsKeyframesBoxesAndClouds() throws {
  guard let root = realData("pandaset-002") else { return }
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
}
