import FrameSync
import Geometry
import Scenes
import Testing

/// A drive made for a test: 2 Hz keyframes, 10 Hz LiDAR, two cameras, poses at every measurement.
struct TestDrive {
  static let start: Int64 = 1_600_000_000_000_000
  var keyframes: [Keyframe] = []
  var measurements: [SensorData] = []
  var poses: [EgoPose] = []

  /// Cameras precede the LiDAR by 60 and 20 ms.
  static let offsets: [(String, Int64)] = [("CAM_A", -60_000), ("CAM_B", -20_000)]

  init(keyframes count: Int = 8) {
    for k in 0..<count {
      let time = Self.start + Int64(k) * 500_000
      keyframes.append(Keyframe(token: "s\(k)", timestampMicroseconds: time))
      for sweep in 0..<5 {
        add("LIDAR_TOP", .lidar, time + Int64(sweep) * 100_000, sample: k, isKeyframe: sweep == 0)
      }
      for (channel, offset) in Self.offsets {
        add(channel, .camera, time + offset, sample: k, isKeyframe: true)
      }
    }
    poses = Set(measurements.map(\.timestampMicroseconds)).sorted().map {
      EgoPose(timestampMicroseconds: $0, globalFromEgo: Self.pose($0))
    }
  }

  static func pose(_ time: Int64) -> RigidTransform {
    let t = Double(time - start) / 1e6
    return RigidTransform(rotation: Quaternion(yaw: 0.1 * t), translation: SIMD3(5 * t, 0, 0))
  }

  private mutating func add(
    _ channel: String, _ modality: Modality, _ time: Int64, sample: Int, isKeyframe: Bool
  ) {
    let sensor = CalibratedSensor(
      token: channel, channel: channel, modality: modality, egoFromSensor: .identity)
    measurements.append(
      SensorData(
        token: "\(channel)-\(measurements.count)", sampleToken: "s\(sample)", sensor: sensor,
        timestampMicroseconds: time, globalFromEgo: Self.pose(time), file: "x", isKeyframe: isKeyframe,
        sequence: measurements.count))
  }

  var scene: Scene {
    Scene(
      token: "scene", name: "scene-test", location: "nowhere", keyframes: keyframes,
      measurements: measurements,
      egoPoses: poses)
  }

  /// The places of a channel's measurements.
  func indices(_ channel: String) -> [Int] {
    measurements.indices.filter { measurements[$0].sensor.channel == channel }
  }
}

@Suite struct FrameSyncTests {
  @Test func aWholeDriveIsWhole() throws {
    let synced = try synchronize(TestDrive().scene)
    #expect(synced.frames.count == 8)
    #expect(synced.report.ok == 8 && synced.report.degraded == 0 && synced.report.skipped == 0)
    #expect(synced.report.warnings.isEmpty)
    #expect(synced.report.channels.map(\.name) == ["CAM_A", "CAM_B", "LIDAR_TOP"])
    #expect(synced.report.channels.map(\.nominalOffsetMicroseconds) == [-60_000, -20_000, 0])
    for (k, frame) in synced.frames.enumerated() {
      #expect(frame.keyframe.token == "s\(k)")
      #expect(frame.cameras.map(\.sensor.channel) == ["CAM_A", "CAM_B"])
      #expect(frame.timestampMicroseconds == frame.lidar?.timestampMicroseconds)
      #expect(frame.globalFromEgo == TestDrive.pose(frame.timestampMicroseconds))
      #expect(frame.earlierSweeps.count == (k == 0 ? 0 : k == 1 ? 5 : 9))
      let times = frame.earlierSweeps.map(\.timestampMicroseconds)
      #expect(times == times.sorted(by: >))
      #expect(times.allSatisfy { $0 < frame.timestampMicroseconds })
    }
  }

  @Test func earlierSweepsAreLimitedInNumberAndAge() throws {
    let few = try synchronize(TestDrive().scene, policy: SyncPolicy(earlierSweepCount: 3))
    #expect(few.frames[4].earlierSweeps.count == 3)
    let young = try synchronize(TestDrive().scene, policy: SyncPolicy(earlierSweepMicroseconds: 250_000))
    #expect(young.frames[4].earlierSweeps.count == 2)
  }

  /// F19.
  @Test func aMissingCameraIsNamedAndTheFrameGoesOn() throws {
    var drive = TestDrive()
    let dropped = Set([drive.indices("CAM_A")[2], drive.indices("CAM_B")[2], drive.indices("CAM_B")[5]])
    drive.measurements = drive.measurements.indices.filter { !dropped.contains($0) }.map {
      drive.measurements[$0]
    }
    let synced = try synchronize(drive.scene)
    #expect(synced.frames[2].degradations == ["CAM_A is missing", "CAM_B is missing"])
    #expect(synced.frames[5].degradations == ["CAM_B is missing"])
    #expect(synced.frames[5].cameras.map(\.sensor.channel) == ["CAM_A"])
    #expect(synced.report.degraded == 2 && synced.report.ok == 6 && synced.report.skipped == 0)
    #expect(synced.report.channels.map(\.missing) == [1, 2, 0])
  }

  /// F20.
  @Test func aMissingLidarSkipsTheFrameUnlessCamerasAreEnough() throws {
    var drive = TestDrive()
    let lost = drive.indices("LIDAR_TOP")[15]
    #expect(drive.measurements[lost].isKeyframe)
    drive.measurements.remove(at: lost)
    let synced = try synchronize(drive.scene)
    #expect(synced.frames[3].skipReason == "LIDAR_TOP is missing")
    #expect(synced.report.skipped == 1 && synced.report.ok == 7)
    let cameras = try synchronize(drive.scene, policy: SyncPolicy(channels: ["LIDAR_TOP": .expected]))
    #expect(cameras.frames[3].skipReason == nil)
    #expect(cameras.frames[3].degradations == ["LIDAR_TOP is missing"])
    #expect(cameras.frames[3].cameras.count == 2)
    #expect(cameras.frames[3].timestampMicroseconds == drive.keyframes[3].timestampMicroseconds)
  }

  /// F21.
  @Test func aCameraFarOffItsOffsetIsLeftOutByName() throws {
    var drive = TestDrive()
    let late = drive.indices("CAM_A")[4]
    drive.measurements[late].timestampMicroseconds += 150_000
    let synced = try synchronize(drive.scene)
    #expect(synced.frames[4].degradations == ["CAM_A is 150.0 ms off (at most 50.0)"])
    #expect(synced.report.channels[0].late == 1 && synced.report.channels[0].matched == 7)
    // A little off is not late: it takes a pose between its neighbours'.
    var slight = TestDrive()
    slight.measurements[late].timestampMicroseconds += 50_000
    let whole = try synchronize(slight.scene)
    #expect(whole.report.ok == 8)
    #expect(whole.report.channels[0].posesInterpolated == 1)
    let camera = whole.frames[4].cameras[0]
    #expect(
      (camera.globalFromEgo.translation - TestDrive.pose(camera.timestampMicroseconds).translation).length
        < 1e-9)
  }

  @Test func theRigsOffsetComesBeforeTheMedian() throws {
    let policy = SyncPolicy(nominalOffsetsMicroseconds: ["CAM_A": 0])
    let synced = try synchronize(TestDrive().scene, policy: policy)
    #expect(synced.frames[0].degradations == ["CAM_A is 60.0 ms off (at most 50.0)"])
    #expect(synced.report.degraded == 8)
  }

  @Test func requiredAndOptionalChannelsAndOnesTheRecordingLacks() throws {
    var drive = TestDrive()
    drive.measurements.remove(at: drive.indices("CAM_A")[1])
    let required = try synchronize(drive.scene, policy: SyncPolicy(channels: ["CAM_A": .required]))
    #expect(required.frames[1].skipReason == "CAM_A is missing")
    let optional = try synchronize(drive.scene, policy: SyncPolicy(channels: ["CAM_A": .optional]))
    #expect(optional.report.ok == 8)
    let absent = try synchronize(TestDrive().scene, policy: SyncPolicy(channels: ["CAM_C": .expected]))
    #expect(absent.frames.allSatisfy { $0.degradations == ["CAM_C is missing"] })
  }

  /// F17 and F18.
  @Test func disorderAndDuplicatesAreCountedAndHarmless() throws {
    var drive = TestDrive()
    let a = drive.indices("CAM_B")
    let (second, third) = (drive.measurements[a[1]], drive.measurements[a[2]])
    drive.measurements[a[1]].timestampMicroseconds = third.timestampMicroseconds
    drive.measurements[a[2]].timestampMicroseconds = second.timestampMicroseconds
    var copy = drive.measurements[a[6]]
    copy.token = "copy"
    copy.sequence = 10_000
    drive.measurements.append(copy)
    let synced = try synchronize(drive.scene)
    #expect(synced.report.ok == 8)
    let channel = synced.report.channels[1]
    #expect(channel.outOfOrder == 1 && channel.duplicates == 1)
    #expect(synced.frames[6].cameras[1].token != "copy")
    #expect(synced.report.warnings.count == 2)
    #expect(synced.report.warnings[0] == "CAM_B: 1 measurement earlier than the one before it")
  }

  /// F17: a clock set back inside a scene.
  @Test func aBackwardJumpFailsOrSplitsAsAsked() throws {
    var drive = TestDrive()
    for k in drive.keyframes.indices where k >= 4 { drive.keyframes[k].timestampMicroseconds -= 10_000_000 }
    for k in drive.measurements.indices where Int(drive.measurements[k].sampleToken.dropFirst()) ?? 0 >= 4 {
      drive.measurements[k].timestampMicroseconds -= 10_000_000
    }
    drive.poses = drive.measurements.map {
      EgoPose(timestampMicroseconds: $0.timestampMicroseconds, globalFromEgo: $0.globalFromEgo)
    }
    do {
      _ = try synchronize(drive.scene)
      Issue.record("a jump of 10 s was taken")
    } catch let error as SyncError {
      #expect(error.description.contains("s before the measurement recorded before it"))
      #expect(error.description.contains("sample_data.json: scene-test, CAM_A"))
    }
    let split = try synchronize(drive.scene, policy: SyncPolicy(backwardJump: .split))
    #expect(split.report.ok == 8)
    #expect(split.report.channels.map(\.backwardJumps) == [1, 1, 1])
    #expect(split.frames[4].earlierSweeps.isEmpty)
    #expect(split.frames[4].cameras.map(\.sampleToken) == ["s4", "s4"])
  }

  @Test func theTablesOrderIsNoOrderOfTime() throws {
    var drive = TestDrive()
    for k in drive.measurements.indices { drive.measurements[k].sequence = (k * 37) % 101 }
    let synced = try synchronize(drive.scene)
    #expect(synced.report.ok == 8 && synced.report.warnings.isEmpty)
    // Where no keyframe is named, it is all there is.
    for k in drive.measurements.indices { drive.measurements[k].sampleToken = "" }
    #expect(throws: SyncError.self) { try synchronize(drive.scene) }
    for k in drive.measurements.indices { drive.measurements[k].sequence = k }
    #expect(try synchronize(drive.scene).report.ok == 8)
  }

  /// F22 and F23.
  @Test(arguments: [
    (Int64(1_000_000), "seconds"), (1_000, "milliseconds"),
  ])
  func stampsInAnotherUnitAreRefused(_ divisor: Int64, _ unit: String) throws {
    let drive = rescaled { $0 / divisor }
    let message = try #require(failure(drive))
    #expect(message.contains("look like \(unit)"))
  }

  @Test func nanosecondsAreRefused() throws {
    #expect(try #require(failure(rescaled { $0 * 1000 })).contains("look like nanoseconds"))
    #expect(failure(rescaled { $0 - TestDrive.start + 1_000_000 }) == nil)
  }

  @Test(arguments: [Int64(0), -5, .max, .min, .max - 1])
  func impossibleStampsAreRefused(_ stamp: Int64) throws {
    var drive = TestDrive()
    drive.measurements[9].timestampMicroseconds = stamp
    let message = try #require(failure(drive))
    #expect(message.hasPrefix("sample_data.json: \(drive.measurements[9].token).timestamp: \(stamp) "))
    var keyframe = TestDrive()
    keyframe.keyframes[2].timestampMicroseconds = stamp
    #expect(try #require(failure(keyframe)).hasPrefix("sample.json: s2.timestamp: \(stamp) "))
  }

  private func rescaled(_ change: (Int64) -> Int64) -> TestDrive {
    var drive = TestDrive()
    for k in drive.keyframes.indices {
      drive.keyframes[k].timestampMicroseconds = change(drive.keyframes[k].timestampMicroseconds)
    }
    for k in drive.measurements.indices {
      drive.measurements[k].timestampMicroseconds = change(drive.measurements[k].timestampMicroseconds)
    }
    for k in drive.poses.indices {
      drive.poses[k].timestampMicroseconds = change(drive.poses[k].timestampMicroseconds)
    }
    return drive
  }

  private func failure(_ drive: TestDrive) -> String? {
    do {
      _ = try synchronize(drive.scene)
      return nil
    } catch { return "\(error)" }
  }
}

@Suite struct EgoPoseTests {
  private let track = EgoPoseTrack(
    [
      EgoPose(timestampMicroseconds: 2_000_000, globalFromEgo: TestDrive.pose(TestDrive.start + 2_000_000)),
      EgoPose(timestampMicroseconds: 1_000_000, globalFromEgo: TestDrive.pose(TestDrive.start + 1_000_000)),
      EgoPose(timestampMicroseconds: 4_500_000, globalFromEgo: TestDrive.pose(TestDrive.start + 4_500_000)),
    ], maximumGapMicroseconds: 1_000_000)

  @Test func posesBetweenAreLinearAndSpherical() throws {
    let pose = try #require(track.lookup(1_250_000).pose)
    #expect((pose.translation - SIMD3(6.25, 0, 0)).length < 1e-12)
    #expect(abs(pose.rotation.yaw - 0.125) < 1e-12)
    #expect(track.lookup(2_000_000) == .recorded(TestDrive.pose(TestDrive.start + 2_000_000)))
  }

  /// F25.
  @Test func gapsAndEndsAreSaidAndNotFilled() {
    #expect(track.lookup(3_000_000) == .gap(2_500_000))
    #expect(track.lookup(999_999) == .outside(1))
    #expect(track.lookup(4_600_000) == .outside(100_000))
    #expect(EgoPoseTrack([], maximumGapMicroseconds: 1).lookup(5) == .none)
  }

  @Test func aFrameInAGapIsDegradedOrSkippedWithTheReason() throws {
    var drive = TestDrive()
    let low = drive.keyframes[3].timestampMicroseconds - 70_000
    let high = drive.keyframes[5].timestampMicroseconds + 70_000
    drive.poses.removeAll { $0.timestampMicroseconds > low && $0.timestampMicroseconds < high }
    let synced = try synchronize(drive.scene)
    #expect(synced.frames[3].skipReason?.contains("LIDAR_TOP lies in a gap of 1.") == true)
    #expect(synced.frames[4].skipReason != nil && synced.frames[5].skipReason != nil)
    #expect(synced.report.skipped == 3 && synced.report.ok == 5)
    #expect(synced.frames[3].degradations.count == 2)
    var early = TestDrive()
    early.poses.removeAll { $0.timestampMicroseconds < TestDrive.start }
    let first = try synchronize(early.scene).frames[0]
    #expect(first.skipReason == nil)
    #expect(first.degradations.first == "CAM_A lies 60.0 ms outside the ego poses")
  }
}
