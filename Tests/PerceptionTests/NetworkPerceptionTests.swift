import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Perception
import PointClouds
import References
import Scenes
import Testing

/// The frame loop of a small network: sensors that come and go, memory, determinism.
struct NetworkPerceptionTests {
  private static let start: Int64 = 1_600_000_000_000_000

  private static func perception(
    _ change: (inout NetworkConfiguration) -> Void = { _ in }, threads: Int = 2, seed: UInt64 = 7
  ) throws -> NetworkPerception {
    var configuration = try NetworkGraphTests.small()
    change(&configuration)
    let network = try PerceptionNetwork(configuration)
    return try NetworkPerception(network, graph: network.graph(seed: seed), options: .init(threads: threads))
  }

  private static func camera(_ yaw: Double) -> LiftCamera {
    // x right, y down, z forward, turned to the ego's axes.
    let forward = RigidTransform(
      rotation: Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5), translation: SIMD3(1.5, 0, 1.6))
    return LiftCamera(
      camera: CameraModel(fx: 40, fy: 40, cx: 31.5, cy: 15.5, width: 64, height: 32),
      egoFromCamera: RigidTransform(rotation: Quaternion(yaw: yaw), translation: .zero) * forward)
  }

  /// Sweeps of points on circles, the newest first.
  private static func cloud(
    _ name: String = "points", counts: [Int] = [300], pose: RigidTransform = .identity, time: Int64 = start
  ) -> AccumulatedCloud {
    let sweeps = counts.enumerated().map { k, count in
      let u = NetworkGoldens.units("\(name) \(k)", 4 * count)
      var points = PointCloud()
      for p in 0..<count {
        points.append(
          SIMD3(u[p] * 90 - 45, u[count + p] * 90 - 45, u[2 * count + p] * 3 - 1),
          intensity: u[3 * count + p] * 255,
          ring: 0, age: 0)
      }
      return Sweep(
        points: points, egoFromSensor: .identity, globalFromEgo: pose,
        timestampMicroseconds: time - Int64(k) * 100_000)
    }
    return AccumulatedCloud(sweeps: sweeps, globalFromEgo: pose, timestampMicroseconds: time)
  }

  private static func picture(_ camera: Int, _ planes: UnsafeMutableBufferPointer<Float>) {
    for (k, value) in NetworkGoldens.units("picture \(camera)", planes.count).enumerated() {
      planes[k] = value
    }
  }

  private static func frame(
    _ perception: inout NetworkPerception, cameras: [LiftCamera?] = [camera(0), camera(2)],
    cloud: AccumulatedCloud? = cloud(), pose: RigidTransform = .identity, time: Int64 = start
  ) throws -> NetworkFrame {
    try perception.perceive(
      cameras: cameras, cloud: cloud, globalFromEgo: pose, timestampMicroseconds: time, writeImage: picture)
  }

  private func features(_ perception: NetworkPerception) throws -> [Float] {
    let view = try #require(perception.trajectoryFeatures)
    return Array(UnsafeBufferPointer(start: view.floats, count: view.count))
  }

  @Test func theFrameLoopIsImagesLiftSplatPillarsAndGridGraphs() throws {
    var perception = try Self.perception()
    _ = try Self.frame(&perception)
    let network = perception.network, inputs = perception.inputValues()
    // The parts one by one: image graph, explicit pooling and pillars, then the grid's graph.
    var image = try network.imageGraph(), grid = try network.bevGraph()
    let whole = try network.graph(seed: 7)
    try image.takeWeights(from: whole)
    try grid.takeWeights(from: whole)
    let lifted = try Interpreter.run(image, ["images": try #require(inputs["images"])])
    let depth = try #require(lifted[0].floats), context = try #require(lifted[1].floats)
    let points = try #require(inputs["pool.points"]?.integers),
      starts = try #require(inputs["pool.starts"]?.integers)
    let layout = network.frustums, channels = network.configuration.camera.contextChannels
    let pixels = layout.pixelsPerCamera, cells = layout.grid.count
    var bev = [Float](repeating: 0, count: channels * cells)
    for cell in 0..<cells {
      for entry in Int(starts[cell])..<Int(starts[cell + 1]) {
        let point = Int(points[entry])
        let camera = point / (layout.bins.count * pixels), pixel = point % pixels
        for c in 0..<channels {
          bev[c * cells + cell] += depth[point] * context[(camera * channels + c) * pixels + pixel]
        }
      }
    }
    #expect(starts[cells] > 30)
    let pillarGrid = network.configuration.lidar.pillarGrid(over: network.configuration.grid)
    let pillars = try self.pillars(
      whole, inputs, pillarGrid, outputs: network.configuration.lidar.pillarChannels)
    let expected = try Interpreter.run(
      grid,
      [
        "camera_bev": TensorValue([1, channels, 64, 64], bev), "lidar_bev": pillars,
        "warped_bev": TensorValue(zeros: TensorType([1, 3, 64, 64])),
      ])
    let golden = try #require(expected.last?.floats)
    NetworkGoldens.expect(try features(perception), golden, tolerance: 2e-5, "trajectory features")
    #expect(golden.contains { abs($0) > 0.01 })
  }

  /// Pillar features by plain loops from both kinds of features.
  private func pillars(
    _ graph: Graph, _ inputs: [String: TensorValue], _ grid: BEVGrid, outputs: Int
  ) throws -> TensorValue {
    let points = try #require(inputs["pillars.points"]?.floats),
      cells = try #require(inputs["pillars.cells"]?.integers)
    let starts = try #require(inputs["pillars.starts"]?.integers),
      shared = try #require(inputs["pillars.shared"]?.floats)
    let weight = try #require(graph.tensor(named: "lidar.pillars.weight").flatMap(graph.value)?.floats)
    let bias = try #require(graph.tensor(named: "lidar.pillars.bias").flatMap(graph.value)?.floats)
    var result = [Float](repeating: 0, count: outputs * grid.count)
    for (v, cell) in cells.enumerated() where cell >= 0 {
      for o in 0..<outputs {
        for p in Int(starts[v])..<Int(starts[v + 1]) {
          var sum = bias[o]
          for f in 0..<5 { sum += weight[o * 10 + f] * points[p * 5 + f] }
          for f in 0..<5 { sum += weight[o * 10 + 5 + f] * shared[v * 5 + f] }
          result[o * grid.count + Int(cell)] = max(result[o * grid.count + Int(cell)], sum)
        }
      }
    }
    return TensorValue([1, outputs, grid.countX, grid.countY], result)
  }

  @Test func anySensorMayBeMissing() throws {
    var perception = try Self.perception()
    let whole = try Self.frame(&perception), all = try features(perception)
    perception.reset()
    _ = try Self.frame(&perception, cameras: [Self.camera(0), nil])
    let oneCamera = try features(perception)
    perception.reset()
    _ = try Self.frame(&perception, cloud: nil)
    let noLidar = try features(perception)
    perception.reset()
    let nothing = try Self.frame(&perception, cameras: [nil, nil], cloud: nil)
    let blind = try features(perception)
    let different = [all, oneCamera, noLidar, blind]
    for a in 0..<4 { for b in 0..<a { #expect(different[a] != different[b], "\(a) and \(b)") } }
    #expect(nothing.volume.semantics.allSatisfy { $0 == OccupancyVolume.free })
    #expect(whole.bev.mapLayers.map(\.name) == MapLayerName.allCases.map(\.rawValue))
    // An empty cloud sees what no cloud sees, and all is as before once everything is back.
    perception.reset()
    _ = try Self.frame(&perception, cameras: [nil, nil], cloud: Self.cloud(counts: [0]))
    #expect(try features(perception) == blind)
    perception.reset()
    _ = try Self.frame(&perception)
    #expect(try features(perception) == all)
    #expect(throws: NetworkError.self) { _ = try Self.frame(&perception, cameras: [Self.camera(0)]) }
  }

  @Test func theSameFramesGiveTheSameBytes() throws {
    func run() throws -> [NetworkFrame] {
      var perception = try Self.perception()
      return try (0..<4).map { k in
        let pose = RigidTransform(
          rotation: Quaternion(yaw: 0.05 * Double(k)), translation: SIMD3(Double(k), 0, 0))
        let time = Self.start + Int64(k) * 500_000
        return try Self.frame(
          &perception, cloud: Self.cloud("frame \(k)", pose: pose, time: time), pose: pose, time: time)
      }
    }
    let first = try run(), second = try run()
    for (a, b) in zip(first, second) {
      #expect(a.detections == b.detections && a.bev == b.bev && a.volume == b.volume && a.lines == b.lines)
      #expect(a.milliseconds.map(\.stage) == b.milliseconds.map(\.stage))
    }
    #expect(
      first[0].milliseconds.map(\.stage) == [
        "images", "plan", "pillars", "network", "boxes", "map", "occupancy", "volume",
      ])
  }

  @Test func aFrameRemembersTheOneBeforeUntilTheSceneEnds() throws {
    var perception = try Self.perception()
    _ = try Self.frame(&perception)
    let first = try features(perception)
    _ = try Self.frame(&perception, time: Self.start + 500_000)
    let second = try features(perception)
    #expect(first != second)
    perception.reset()
    _ = try Self.frame(&perception)
    #expect(try features(perception) == first)
    // Driven off the grid, nothing of the frame before is left: as at the start of a scene.
    _ = try Self.frame(
      &perception, pose: RigidTransform(rotation: .identity, translation: SIMD3(500, 0, 0)),
      time: Self.start + 500_000)
    #expect(try features(perception) == first)
  }

  @Test func ofTooManyPointsTheOldestAreLeftOut() throws {
    var perception = try Self.perception()
    let cloud = Self.cloud(counts: [200, 500, 400])
    let total = cloud.points.count
    let frame = try Self.frame(&perception, cloud: cloud)
    #expect(
      frame.notes == [
        "LiDAR: \(total - 512) of \(total) points left out, the oldest first (at most 512)"
      ])
    let values = perception.inputValues()
    let starts = try #require(values["pillars.starts"]?.integers),
      cells = try #require(values["pillars.cells"]?.integers)
    let used = cells.prefix { $0 >= 0 }.count
    #expect(cells.dropFirst(used).allSatisfy { $0 == -1 } && starts[used] == 512)
    let points = try #require(values["pillars.points"]?.floats)
    let ages = (0..<512).map { points[$0 * 5 + 4] }
    let newest = cloud.sources[0].range.count
    #expect(ages.filter { $0 == 0 }.count == newest)
    #expect(ages.filter { abs($0 - 0.2) < 1e-6 }.count == 512 - newest)
    // And the frame after with fewer points leaves no pillar behind.
    _ = try Self.frame(&perception, cloud: Self.cloud(counts: [20]), time: Self.start + 100_000)
    let fewer = try #require(perception.inputValues()["pillars.cells"]?.integers)
    #expect(fewer.filter { $0 >= 0 }.count <= 20)
  }

  @Test func pillarsAreThePapersScaled() throws {
    var perception = try Self.perception()
    let cloud = Self.cloud(counts: [400])
    _ = try Self.frame(&perception, cloud: cloud)
    let branch = perception.network.configuration.lidar
    let grid = branch.pillarGrid(over: perception.network.configuration.grid)
    let layout = try VoxelLayout.pillars(over: grid, z: branch.minimumHeight...branch.maximumHeight)
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: cloud.points, layout: layout)
    let paper = PillarFeatures.decorate(cloud.points, voxels: voxels)
    let values = perception.inputValues()
    let points = try #require(values["pillars.points"]?.floats),
      shared = try #require(values["pillars.shared"]?.floats)
    for v in 0..<voxels.count {
      let g = Array(shared[v * 5..<v * 5 + 5])
      for p in Int(voxels.starts[v])..<Int(voxels.starts[v + 1]) {
        let f = Array(points[p * 5..<p * 5 + 5])
        // The paper's nine features of both kinds, in metres.
        let decorated: [Float] = [
          g[0] * 51.2 + f[0] * 0.8, g[1] * 51.2 + f[1] * 0.8, f[2] * 4, f[3] * 255, (f[0] - g[2]) * 0.8,
          (f[1] - g[3]) * 0.8, (f[2] - g[4]) * 4, f[0] * 0.8, f[1] * 0.8,
        ]
        for k in 0..<9 { #expect(abs(decorated[k] - paper[p * 9 + k]) < (k == 3 ? 1e-4 : 2e-5)) }
        #expect(abs(f[4] - cloud.points.age[Int(voxels.points[p])] * 2) < 1e-6)
      }
    }
    let cells = try #require(values["pillars.cells"]?.integers),
      starts = try #require(values["pillars.starts"]?.integers)
    #expect(cells.prefix(voxels.count).elementsEqual(voxels.cells.map { Int64($0) }))
    #expect(starts.prefix(voxels.count + 1).elementsEqual(voxels.starts.map { Int64($0) }))
  }

  /// Cells are `VoxelLayout`'s to the last bit of a coordinate, whatever the grid, and the same at any number of threads.
  @Test(arguments: [(1, -51.2, 0.8, 128), (2, -50.0, 0.1, 1000), (3, 3000.7, 0.35, 40), (4, -1e6, 0.5, 64)])
  func pillarsFallIntoTheLatticesCells(seed: Int, low: Double, side: Double, count: Int) throws {
    print("pillars' cells: seed \(seed)")
    var random = SeededGenerator(seed: UInt64(seed))
    let grid = BEVGrid(minimumX: low, minimumY: low, cellSize: side, countX: count, countY: count)
    var branch = NetworkConfiguration.LidarBranch()
    branch.pillarsPerCell = 1
    branch.pointCapacity = 20_000
    let layout = try VoxelLayout.pillars(over: grid, z: branch.minimumHeight...branch.maximumHeight)
    func coordinate(_ low: Double, _ side: Double, _ count: Int) -> Float {
      // Half of them on a border or a bit beside it.
      let border = Float(low + side * Double(Int(random.next() % UInt64(count + 3)) - 1))
      switch random.next() % 6 {
      case 0: return border
      case 1: return border.nextUp
      case 2: return border.nextDown
      default: return Float(low + side * Double(count) * (Double(random.next() % 1000) / 900 - 0.05))
      }
    }
    var points = PointCloud()
    for _ in 0..<12_000 {
      points.append(
        SIMD3(coordinate(low, side, count), coordinate(low, side, count), coordinate(-3, 8, 1)),
        intensity: 1, ring: 0, age: 0)
    }
    for bad in [Float.nan, .infinity, -.infinity, 1e30, -1e30] {
      points.append(SIMD3(bad, Float(low), 0), intensity: 1, ring: 0, age: 0)
      points.append(SIMD3(Float(low), Float(low), bad), intensity: 1, ring: 0, age: 0)
    }
    var cloud = AccumulatedCloud(sweeps: [], globalFromEgo: .identity, timestampMicroseconds: 0)
    cloud.points = points
    var voxelizer = Voxelizer()
    let voxels = voxelizer.voxels(of: points, layout: layout)
    var first: [TensorValue] = []
    for threads in [1, 2, 5] {
      var inputs = try PillarInputs(branch, grid: grid)
      let written = PillarTensors(points: 20_000, pillars: count * count)
      let summary = inputs.write(cloud, to: written.target, threads: threads)
      #expect(summary.points == voxels.points.count && summary.pillars == voxels.count)
      #expect(Array(written.cells.prefix(voxels.count)) == voxels.cells.map { Int64($0) })
      #expect(Array(written.starts.prefix(voxels.count + 1)) == voxels.starts.map { Int64($0) })
      let values = [written.points, written.shared]
      if first.isEmpty { first = values }
      #expect(values == first)
    }
    #expect(voxels.count > 100 && voxels.points.count < points.count)
  }

  @Test func imagesLookedAtAheadGiveTheSameFrame() throws {
    var whole = try Self.perception()
    let expected = try Self.frame(&whole)
    let network = whole.network
    let images = try ImageBranch(network.imageGraph(seed: 7), options: .init(threads: 2))
    let planes = try #require(whole.inputValues()["images"]?.floats)
    var apart = try NetworkPerception(
      network, graph: network.frameGraph(seed: 7), options: .init(threads: 2))
    let found = try apart.perceive(
      features: images.run(planes),
      cameras: [Self.camera(0), Self.camera(2)], cloud: Self.cloud(), globalFromEgo: .identity,
      timestampMicroseconds: Self.start)
    NetworkGoldens.expect(try features(apart), try features(whole), tolerance: 1e-5, "features")
    #expect(found.detections.count == expected.detections.count)
  }

  @Test func anyPartOfTheNetworkRuns() throws {
    var cameras = try Self.perception {
      $0.sensors = [.camera]
      $0.camera.bilinear = true
      $0.heads = [.detection]
      $0.memoryChannels = 0
      $0.fusion = .gated
    }
    let frame = try Self.frame(&cameras)
    #expect(frame.bev.mapLayers.isEmpty && frame.bev.observed.allSatisfy { $0 == 0 } && frame.lines.isEmpty)
    var lidar = try Self.perception {
      $0.sensors = [.lidar]
      $0.heads = [.occupancy, .map]
      $0.lidar.pillarsPerCell = 4
    }
    let seen = try Self.frame(&lidar, cameras: [])
    #expect(seen.detections.isEmpty && lidar.trajectoryFeatures == nil && seen.bev.grid.countX == 128)
  }
}

/// Memory for pillars' inputs, as a plan would own it; begins as zeros, with no pillar.
private final class PillarTensors {
  private let memory: [UnsafeMutableRawPointer]
  let target: PillarInputs.Target
  private let views: [MutableTensorView]

  init(points: Int, pillars: Int) {
    let types = [
      TensorType([points, PillarInputs.pointFeatures]), TensorType([pillars, PillarInputs.sharedFeatures]),
      TensorType([pillars + 1], .int64), TensorType([pillars], .int64),
    ]
    memory = types.map {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: $0.count * 8, alignment: 64)
      bytes.initializeMemory(as: UInt8.self, repeating: 0, count: $0.count * 8)
      return bytes
    }
    views = zip(types, memory).map { MutableTensorView($0, $1) }
    views[3].integers.update(repeating: -1, count: pillars)
    target = PillarInputs.Target(points: views[0], shared: views[1], starts: views[2], cells: views[3])
  }

  deinit { for block in memory { block.deallocate() } }

  var points: TensorValue { TensorValue(type: views[0].type, copying: views[0].base) }
  var shared: TensorValue { TensorValue(type: views[1].type, copying: views[1].base) }
  var starts: [Int64] { Array(UnsafeBufferPointer(start: views[2].integers, count: views[2].count)) }
  var cells: [Int64] { Array(UnsafeBufferPointer(start: views[3].integers, count: views[3].count)) }
}
