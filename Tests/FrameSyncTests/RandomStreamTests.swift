import FrameSync
import Geometry
import Scenes
import Testing

/// Thousands of drives with dropped, jittered, swapped and repeated messages.
@Suite struct RandomStreamTests {
  private func disturbed(_ seed: Int) -> TestDrive {
    var random = SeededGenerator(seed)
    var drive = TestDrive(keyframes: Int.random(in: 1...7, using: &random))
    var kept: [SensorData] = []
    for var measurement in drive.measurements {
      if Int.random(in: 0..<10, using: &random) == 0 { continue }
      if Int.random(in: 0..<4, using: &random) == 0 {
        measurement.timestampMicroseconds += Int64.random(in: -90_000...90_000, using: &random)
      }
      kept.append(measurement)
      if Int.random(in: 0..<20, using: &random) == 0 {
        measurement.token += "-again"
        kept.append(measurement)
      }
    }
    for k in kept.indices.dropLast() where Int.random(in: 0..<8, using: &random) == 0 {
      kept.swapAt(k, k + 1)
    }
    for k in kept.indices { kept[k].sequence = k }
    drive.measurements = kept
    // Poses reach beyond the jitter, at 10 Hz.
    drive.poses = (-3...(5 * drive.keyframes.count + 3)).map {
      let time = TestDrive.start + Int64($0) * 100_000
      return EgoPose(timestampMicroseconds: time, globalFromEgo: TestDrive.pose(time))
    }
    return drive
  }

  @Test func everyPropertyHoldsOverThousandsOfStreams() throws {
    for seed in 0..<3000 {
      let drive = disturbed(seed)
      // A camera of which every message was dropped is known from the policy alone.
      let policy = SyncPolicy(channels: ["CAM_A": .expected, "CAM_B": .expected])
      let synced = try synchronize(drive.scene, policy: policy)
      let report = synced.report
      // Counts add up, one frame a keyframe in order.
      #expect(synced.frames.map(\.keyframe) == drive.keyframes, "seed \(seed)")
      #expect(report.frames == report.ok + report.degraded + report.skipped, "seed \(seed)")
      for channel in report.channels {
        #expect(
          channel.matched + channel.missing + channel.late + channel.withoutPose == drive.keyframes.count,
          "seed \(seed), \(channel.name)")
      }
      // Each measurement once; at most one a channel; within the tolerance; in order of channel.
      let used = synced.frames.flatMap { frame in
        frame.cameras.map(\.token) + (frame.lidar.map { [$0.token] } ?? [])
      }
      #expect(Set(used).count == used.count, "seed \(seed)")
      let offsets = Dictionary(
        uniqueKeysWithValues: report.channels.map { ($0.name, $0.nominalOffsetMicroseconds) })
      for frame in synced.frames {
        let channels = frame.cameras.map(\.sensor.channel)
        #expect(channels == Set(channels).sorted(), "seed \(seed)")
        for camera in frame.cameras {
          let error =
            camera.timestampMicroseconds - frame.timestampMicroseconds - (offsets[camera.sensor.channel] ?? 0)
          #expect(abs(error) <= 50_000, "seed \(seed)")
          let pose = TestDrive.pose(camera.timestampMicroseconds)
          #expect((camera.globalFromEgo.translation - pose.translation).length < 1e-6, "seed \(seed)")
        }
        // What is not there is named.
        let absent = 2 - frame.cameras.count
        #expect(frame.degradations.count == absent, "seed \(seed): \(frame.degradations)")
        #expect((frame.lidar == nil) == (frame.skipReason != nil), "seed \(seed)")
      }
    }
  }

  @Test func theOrderInMemoryDoesNotMatter() throws {
    for seed in 0..<300 {
      let drive = disturbed(seed)
      var shuffled = drive
      var random = SeededGenerator(seed + 1_000_000)
      shuffled.measurements.shuffle(using: &random)
      shuffled.poses.shuffle(using: &random)
      let a = try synchronize(drive.scene)
      let b = try synchronize(shuffled.scene)
      #expect(a.frames.map(\.cameras) == b.frames.map(\.cameras), "seed \(seed)")
      #expect(a.frames.map(\.earlierSweeps) == b.frames.map(\.earlierSweeps), "seed \(seed)")
      #expect(a.frames.map(\.degradations) == b.frames.map(\.degradations), "seed \(seed)")
      #expect(a.report == b.report, "seed \(seed)")
    }
  }
}
