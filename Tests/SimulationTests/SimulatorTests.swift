import Algorithms
import Calibration
import Foundation
import Geometry
import Recording
import Scenes
import Simulation
import Testing

@Suite struct FaultPlanTests {
  let channels = ["LIDAR_TOP", "CAM_FRONT", "CAM_BACK"]

  @Test func readsEachKindOfFault() throws {
    let plan = try FaultPlan(
      "drop-camera=CAM_BACK@3..5,drop-lidar@7,jitter=8ms,offset=CAM_FRONT:40ms,skew=CAM_BACK:-500us",
      channels: channels, lidar: "LIDAR_TOP")
    #expect(plan.drops.map(\.channel) == ["CAM_BACK", "LIDAR_TOP"])
    #expect(plan.drops.map(\.keyframes) == [3...5, 7...7])
    #expect(plan.jitterMicroseconds == 8000)
    #expect(plan.offsets == ["CAM_FRONT": 40_000])
    #expect(plan.skews == ["CAM_BACK": -500])
  }

  @Test(arguments: [
    "", "jitter", "jitter=8", "jitter=1e9s", "drop-camera=CAM_SIDE@1", "drop-camera=CAM_BACK@5..3",
    "offset=CAM_BACK",
    "drop-lidar@-1", "melt=CAM_BACK", "jitter=nanms",
  ])
  func refusesWhatItCannotRead(_ text: String) {
    #expect(throws: SimulationError.self) { try FaultPlan(text, channels: channels, lidar: "LIDAR_TOP") }
  }
}

@Suite struct VoxelMaskTests {
  /// A camera at the ego's origin 1.2 m up that looks ahead.
  let camera = (
    model: CameraModel(fx: 100, fy: 100, cx: 99.5, cy: 59.5, width: 200, height: 120),
    egoFromCamera: RigidTransform(
      rotation: Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5), translation: SIMD3(0, 0, 1.2))
  )

  func index(_ x: Double, _ y: Double, _ z: Double) -> Int {
    (Int((x + 40) / 0.4) * 200 + Int((y + 40) / 0.4)) * 16 + Int((z + 1) / 0.4)
  }

  @Test func aWallHidesWhatIsBehindIt() {
    var semantics = [UInt8](repeating: 17, count: 200 * 200 * 16)
    for y in stride(from: -39.8, to: 40, by: 0.4) {
      for z in stride(from: -0.8, to: 5.4, by: 0.4) { semantics[index(10.2, y, z)] = 15 }
    }
    let mask = VoxelMasks([camera]).cameras(semantics: semantics)
    #expect(mask[index(5, 0.2, 1.2)] == 1)
    #expect(mask[index(10.2, 0.2, 1.2)] == 1)
    #expect(mask[index(11, 0.2, 1.2)] == 0)
    #expect(mask[index(20, 0.2, 1.2)] == 0)
    // Behind the camera nothing is seen.
    #expect(mask[index(-5, 0.2, 1.2)] == 0)
  }

  @Test func levelGroundIsSeenWithoutGaps() {
    var semantics = [UInt8](repeating: 17, count: 200 * 200 * 16)
    for i in 0..<200 { for j in 0..<200 { semantics[(i * 200 + j) * 16 + 2] = 11 } }
    let mask = VoxelMasks([camera]).cameras(semantics: semantics)
    for x in stride(from: 6.0, to: 38, by: 0.4) { #expect(mask[index(x, 0.2, 0)] == 1, "\(x)") }
  }

  @Test func aBeamMarksItsVoxelsAlone() {
    // Along x at y 0.2, z 0.4 from 0.2 to 3.9: the cells from 0 to 3.6.
    let mask = VoxelMasks([]).lidar(origin: SIMD3(0.2, 0.2, 0.5), ends: [SIMD3(3.9, 0.2, 0.5)])
    var expected = [UInt8](repeating: 0, count: mask.count)
    for k in 0..<10 { expected[index(0.2 + 0.4 * Double(k), 0.2, 0.5)] = 1 }
    #expect(mask == expected)
  }
}

@Suite struct PointCountTests {
  @Test func countsAgreeWithTheBoxItself() {
    var random = RandomSource(seed: 5)
    var cloud = PointCloud()
    for _ in 0..<4000 {
      cloud.append(
        SIMD3(Float(random.uniform(-9, 9)), Float(random.uniform(-9, 9)), Float(random.uniform(-2, 2))),
        intensity: 0, ring: 0, age: 0)
    }
    let boxes = (0..<20).map { _ in
      Box3D(
        center: SIMD3(random.uniform(-5, 5), random.uniform(-5, 5), 0), size: SIMD3(2, 4.5, 1.7),
        rotation: Quaternion(yaw: random.uniform(-3, 3)))
    }
    let expected = boxes.map { box in
      (0..<cloud.count).count {
        box.contains(SIMD3(Double(cloud.x[$0]), Double(cloud.y[$0]), Double(cloud.z[$0])))
      }
    }
    #expect(PointCount.inside(boxes, cloud) == expected)
    #expect(expected.contains { $0 > 0 })
  }
}

@Suite(.serialized) struct SimulatorTests {
  /// Two cameras and a coarse LiDAR: a second of it is quick.
  func rig() throws -> Rig {
    let whole = try Rig.nuScenes()
    let sensors = whole.sensors.filter { ["LIDAR_TOP", "CAM_FRONT", "CAM_BACK"].contains($0.channel) }.map {
      var sensor = $0
      sensor.lidar?.azimuthSteps = 120
      return sensor
    }
    return try Rig(name: "small", sensors: sensors, file: "small")
  }

  func options(
    _ out: String, seconds: Double = 1, threads: Int = 2, fault: String? = nil,
    from: SimulationOptions.Source = .procedural(scenes: 2, seed: 3), poseNoise: Double = 0
  ) throws -> SimulationOptions {
    try SimulationOptions(
      out: out, source: from, rig: try rig(), scale: 0.05, lidarHertz: 4, seconds: seconds, faultText: fault,
      threads: threads, poseNoise: poseNoise)
  }

  func folder() -> String { NSTemporaryDirectory() + "simulator-\(UUID().uuidString)" }

  func files(_ root: String) throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder),
        !isFolder.boolValue
      else { continue }
      result[name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(name)")))
    }
    return result
  }

  @Test func sameSeedGivesTheSameBytesAtAnyThreadCount() throws {
    let (a, b) = (folder(), folder())
    defer { for f in [a, b] { try? FileManager.default.removeItem(atPath: f) } }
    var one = try Simulator(options(a, threads: 1))
    var two = try Simulator(options(b, threads: 2))
    _ = try one.run()
    _ = try two.run()
    let (first, second) = (try files(a), try files(b))
    #expect(first.keys.sorted() == second.keys.sorted())
    for (name, bytes) in first { #expect(second[name] == bytes, "\(name)") }
    #expect(first.count > 30)

    let dataset = try Dataset(root: a)
    #expect(dataset.sceneNames == ["simulated-0000", "simulated-0001"])
    let scene = try dataset.scene(named: "simulated-0000")
    #expect(scene.keyframes.count == 2)
    #expect(scene.measurements.count { $0.sensor.modality == .lidar } == 3)
    for data in scene.measurements where data.isKeyframe && data.sensor.modality == .lidar {
      let cloud = try dataset.pointCloud(data)
      #expect(try dataset.lidarLabels(data)?.count == cloud.count)
      for annotation in try dataset.annotations(sample: data.sampleToken) {
        let box = annotation.box.transformed(by: data.globalFromSensor.inverse)
        let inside = PointCount.inside([box], cloud)[0]
        #expect(abs(inside - annotation.lidarPointCount) <= 1, "\(annotation.token)")
      }
    }
    let map = try #require(try dataset.mapExpansion(location: "boston-seaport"))
    #expect(map.warnings.isEmpty)
    #expect(map.map.arclinePaths.count == map.map.lanes.count + map.map.laneConnectors.count)
    #expect(map.map.connectivity.count == map.map.arclinePaths.count)
  }

  @Test func faultsAreWhereTheyWereAskedFor() throws {
    let out = folder()
    defer { try? FileManager.default.removeItem(atPath: out) }
    var simulator = try Simulator(
      options(
        out, seconds: 1.5, fault: "drop-camera=CAM_BACK@1,offset=CAM_FRONT:40ms",
        from: .procedural(scenes: 1, seed: 3)))
    _ = try simulator.run()
    let scene = try Dataset(root: out).scene(named: "simulated-0000")
    let back = scene.measurements.filter { $0.sensor.channel == "CAM_BACK" }.map(\.sampleToken)
    #expect(back == [scene.keyframes[0].token, scene.keyframes[2].token])
    for data in scene.measurements where data.sensor.channel == "CAM_FRONT" {
      let keyframe = scene.keyframes.first { $0.token == data.sampleToken }
      #expect(data.timestampMicroseconds - (keyframe?.timestampMicroseconds ?? 0) == 40_000 - 35_500)
    }
  }

  @Test func rerenderedTrafficKeepsItsBoxesAndKeyframes() throws {
    let (made, again) = (folder(), folder())
    defer { for f in [made, again] { try? FileManager.default.removeItem(atPath: f) } }
    var first = try Simulator(options(made, seconds: 1.5, from: .procedural(scenes: 1, seed: 5)))
    _ = try first.run()
    var second = try Simulator(
      options(again, seconds: 1.5, from: .recorded(root: made, scene: nil, seed: 1)))
    _ = try second.run()
    let (a, b) = (try Dataset(root: made), try Dataset(root: again))
    let scene = try a.scene(named: "simulated-0000")
    let copy = try b.scene(named: "simulated-0000")
    #expect(scene.keyframes.map(\.timestampMicroseconds) == copy.keyframes.map(\.timestampMicroseconds))
    for (k, l) in zip(scene.keyframes, copy.keyframes) {
      let original = try a.annotations(sample: k.token)
      let rendered = try b.annotations(sample: l.token)
      #expect(original.count == rendered.count)
      #expect(!original.isEmpty)
      for box in original {
        #expect(
          rendered.contains {
            ($0.box.center - box.box.center).length < 1e-6 && $0.box.size == box.box.size
              && $0.category == box.category
          })
      }
    }
  }

  @Test func anInterruptedRunLeavesNoHalfScene() throws {
    let out = folder()
    defer { try? FileManager.default.removeItem(atPath: out) }
    var simulator = try Simulator(options(out))
    var steps = 0
    #expect(throws: SimulationInterrupted.self) {
      // The first scene is whole after one chunk of work; the second is stopped.
      _ = try simulator.run(isCancelled: { steps >= 1 }) { step in
        if step.scene == "simulated-0000" { steps = 1 }
      }
    }
    let dataset = try Dataset(root: out)
    #expect(dataset.sceneNames == ["simulated-0000"])
    for data in try dataset.scene(named: "simulated-0000").measurements {
      #expect(FileManager.default.fileExists(atPath: "\(out)/\(data.file)"))
    }
    let names = try FileManager.default.subpathsOfDirectory(atPath: out)
    #expect(!names.contains { $0.contains("simulated-0001") || $0.contains(".work") })
  }

  @Test func impossibleOptionsAreRefusedInOneLine() throws {
    let out = folder()
    func refused(_ make: () throws -> Void) {
      do {
        try make()
        Issue.record("accepted")
      } catch {
        #expect(!"\(error)".contains("\n"))
        #expect("\(error)".contains("expected"))
      }
    }
    refused { _ = try SimulationOptions(out: out, source: .procedural(scenes: 1, seed: 0), lidarHertz: 3) }
    refused { _ = try SimulationOptions(out: out, source: .procedural(scenes: 1, seed: 0), lidarHertz: .nan) }
    refused {
      _ = try Simulator(SimulationOptions(out: out, source: .procedural(scenes: -1, seed: 0)))
    }
    refused {
      _ = try Simulator(SimulationOptions(out: out, source: .procedural(scenes: 1, seed: 0), scale: 1e-4))
    }
    refused {
      _ = try Simulator(SimulationOptions(out: out, source: .procedural(scenes: 1, seed: 0), seconds: .nan))
    }
    refused {
      _ = try Simulator(SimulationOptions(out: out, source: .recorded(root: "/nowhere", scene: nil, seed: 0)))
    }
    refused {
      let cameras = try Rig.nuScenes().cameras
      let blind = try Rig(name: "blind", sensors: cameras, file: "blind.yaml")
      _ = try Simulator(
        SimulationOptions(
          out: out, source: .procedural(scenes: 1, seed: 0), rig: blind, rigFile: "blind.yaml"))
    }
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  @Test func noisyPosesMoveBoxesWithTheLidar() throws {
    let out = folder()
    defer { try? FileManager.default.removeItem(atPath: out) }
    var simulator = try Simulator(options(out, from: .procedural(scenes: 1, seed: 3), poseNoise: 0.5))
    _ = try simulator.run()
    let dataset = try Dataset(root: out)
    let scene = try dataset.scene(named: "simulated-0000")
    var boxes = 0
    for data in scene.measurements where data.isKeyframe && data.sensor.modality == .lidar {
      let cloud = try dataset.pointCloud(data)
      for annotation in try dataset.annotations(sample: data.sampleToken) where annotation.lidarPointCount > 5
      {
        let box = annotation.box.transformed(by: data.globalFromSensor.inverse)
        #expect(abs(PointCount.inside([box], cloud)[0] - annotation.lidarPointCount) <= 1)
        boxes += 1
      }
    }
    #expect(boxes > 0)
  }
}
