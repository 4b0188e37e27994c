import Foundation
import FrameSync
import Recording
import TestKit
import Testing

/// Recorded drives, where the machine has them beside the repository.
private let data = RealData.path("")

@Suite(.enabled(if: RealData.has("pandaset-002"), "shared/data is not here"))
struct RealDriveTests {
  @Test func noFrameOfThePandaSetDriveIsDegraded() throws {
    let dataset = try Dataset(root: "\(data)/pandaset-002")
    let synced = try synchronize(dataset.scene(named: "pandaset-002"))
    #expect(synced.frames.count == 12)
    #expect(synced.report.ok == 12 && synced.report.warnings.isEmpty)
    for frame in synced.frames {
      #expect(frame.cameras.count == 6)
      for camera in frame.cameras {
        let offset = frame.timestampMicroseconds - camera.timestampMicroseconds
        #expect((18_500...100_500).contains(offset))
      }
    }
    #expect(synced.frames.map(\.earlierSweeps.count) == [0, 5, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9])
  }

  @Test func theNuScenesKeyframeIsWhole() throws {
    let dataset = try Dataset(root: "\(data)/nuscenes-keyframe")
    let synced = try synchronize(dataset.scene(named: "scene-0061"))
    #expect(synced.frames.count == 1 && synced.report.ok == 1)
    #expect(synced.frames[0].cameras.count == 6)
    #expect(synced.frames[0].lidar?.sensor.channel == "LIDAR_TOP")
  }

  @Test func theTrafficsScenesHaveAFrameAKeyframe() throws {
    let dataset = try Dataset(root: "\(data)/nuscenes-mini-traffic")
    for name in dataset.sceneNames {
      let scene = try dataset.scene(named: name)
      let synced = try synchronize(scene)
      #expect(synced.frames.count == scene.keyframes.count)
      #expect(synced.report.ok == scene.keyframes.count, "\(name)")
    }
  }
}
