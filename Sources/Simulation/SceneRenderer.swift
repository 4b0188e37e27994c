import Algorithms
import Files
import Geometry
import Recording
import Scenes

/// What a scene is made of before sensors see it.
struct SceneSource: Sendable {
  var name: String
  var description: String
  var location: String
  var scene: SimulationScene
  /// Times of the keyframes.
  var keyframes: [Int64]
  /// The name of each actor's instance.
  var instances: [String]
  /// At which keyframes each actor is annotated; nil: where it is seen.
  var annotated: [Set<Int>]?
}

/// Runs a rig through a scene and hands everything to a dataset's builder.
struct SceneRenderer: Sendable {
  let source: SceneSource
  let suite: SensorSuite
  let options: SimulationOptions
  private let geometry: SceneGeometry
  private let lidar: LidarSimulator
  private let cameras: [CameraSimulator]
  private let truth: OccupancyTruth
  private let noise: PoseNoise

  /// What is made of the geometry before the first measurement.
  private enum Prepared: Sendable {
    case light(SceneLighting?)
    case truth(OccupancyTruth)
  }

  /// One measurement that is to be made.
  private struct Job: Sendable {
    var keyframe: Int
    /// The place in the rig's cameras; nil: the LiDAR.
    var camera: Int?
    var captured: Int64
    var stamp: Int64
    var isKeyframe: Bool
  }

  /// What a job gave.
  private enum Product: Sendable {
    case sweep(LidarSweep, counts: [Int])
    case image(CameraView, jpeg: [UInt8])
  }

  /// Makes meshes, hierarchies and light.
  init(_ source: SceneSource, suite: SensorSuite, options: SimulationOptions) {
    self.source = source
    self.suite = suite
    self.options = options
    let drawing = CameraSimulator.Options(
      givesTruth: options.savesImageTruth, motionBlurSamples: options.motionBlurSamples)
    let focal = suite.cameras.map { $0.model.fx * Double(drawing.rays($0.model)) }.max() ?? 0
    let geometry = SceneGeometry(source.scene, focalLength: focal, threads: options.threads)
    self.geometry = geometry
    // Two things that need the geometry alone, side by side.
    let prepared = parallel(2, threads: options.threads) { k -> Prepared in
      k == 0
        ? .light(suite.cameras.isEmpty ? nil : SceneLighting(geometry)) : .truth(OccupancyTruth(geometry))
    }
    var lighting: SceneLighting?
    var truth: OccupancyTruth?
    for part in prepared {
      switch part {
      case .light(let value): lighting = value
      case .truth(let value): truth = value
      }
    }
    self.truth = truth ?? OccupancyTruth(geometry)
    lidar = LidarSimulator(
      geometry, sensor: suite.lidar, egoFromSensor: suite.egoFromLidar, body: suite.body)
    noise = PoseNoise(metres: options.poseNoise, seed: source.scene.seed)
    cameras = suite.cameras.compactMap { camera in
      lighting.map {
        CameraSimulator(
          geometry, lighting: $0, camera: camera.model, egoFromCamera: camera.egoFromSensor, options: drawing)
      }
    }
  }

  /// Renders the scene into a builder.
  /// - Parameter progress: called with the number of measurements done, and all.
  /// - Throws: `SimulationInterrupted` where `isCancelled` says so; errors of writing.
  func render(
    into builder: inout SceneBuilder, stage: SceneStage, clock: inout StageTimes, isCancelled: () -> Bool,
    progress: (Int, Int) -> Void
  ) throws -> SimulationSummary.SceneCounts {
    var counts = SimulationSummary.SceneCounts()
    let keyframes = source.keyframes.map { builder.addKeyframe(timestampMicroseconds: $0) }
    let lidarSensor = builder.sensor(
      channel: suite.lidarChannel, modality: .lidar, egoFromSensor: suite.egoFromLidar)
    let cameraSensors = suite.cameras.map {
      builder.sensor(
        channel: $0.channel, modality: .camera, egoFromSensor: $0.egoFromSensor, camera: $0.model)
    }
    var sightings = [[AnnotationTruth.Sighting]](
      repeating: Array(repeating: .init(), count: source.scene.actors.count), count: keyframes.count)
    var sweeps = [LidarSweep?](repeating: nil, count: keyframes.count)
    let jobs = schedule()
    var done = 0
    while done < jobs.count {
      if isCancelled() { throw SimulationInterrupted() }
      let chunk = Array(jobs[done..<min(done + 8 * options.threads, jobs.count)])
      let products = try clock.measure(\.sensors) {
        try parallelMap(chunk.count, threads: options.threads) { try make(chunk[$0]) }
      }
      try clock.measure(\.writing) {
        for (job, product) in zip(chunk, products) {
          let token = keyframes[job.keyframe].token
          switch product {
          case .sweep(let sweep, let inside):
            try add(sweep, job, lidarSensor, token, &builder)
            counts.sweeps += 1
            counts.points += sweep.cloud.count
            guard job.isKeyframe else { continue }
            sweeps[job.keyframe] = sweep
            for (k, n) in inside.enumerated() { sightings[job.keyframe][k].lidarPoints = n }
          case .image(let view, let jpeg):
            let camera = job.camera ?? 0
            try add(view, jpeg, job, cameraSensors[camera], token, &builder, stage)
            counts.images += 1
            for seen in view.visibility where seen.actor > 0 && Int(seen.actor) <= source.scene.actors.count {
              sightings[job.keyframe][Int(seen.actor) - 1].visiblePixels += seen.visiblePixels
              sightings[job.keyframe][Int(seen.actor) - 1].unoccludedPixels += seen.outlinePixels
            }
          }
        }
      }
      done += chunk.count
      progress(done, jobs.count)
    }
    try clock.measure(\.occupancy) { try writeOccupancy(keyframes, sweeps, stage) }
    counts.annotations = annotate(keyframes, sightings, &builder)
    counts.keyframes = keyframes.count
    return counts
  }

  // MARK: measurements

  /// All measurements in order of time.
  private func schedule() -> [Job] {
    var jobs: [Job] = []
    let faults = options.faults
    for (k, time) in source.keyframes.enumerated() {
      if k > 0 {
        let before = source.keyframes[k - 1]
        for sweep in 1..<max(2, options.sweepsPerKeyframe) where options.sweepsPerKeyframe > 1 {
          let t = before + (time - before) * Int64(sweep) / Int64(options.sweepsPerKeyframe)
          jobs.append(Job(keyframe: k, camera: nil, captured: t, stamp: t, isKeyframe: false))
        }
      }
      if !faults.drops(suite.lidarChannel, keyframe: k) {
        jobs.append(Job(keyframe: k, camera: nil, captured: time, stamp: time, isKeyframe: true))
      }
      for (c, camera) in suite.cameras.enumerated() where !faults.drops(camera.channel, keyframe: k) {
        var random = RandomSource(
          seed: source.scene.seed, stream: RandomSource.seed(ofText: "\(camera.channel)/\(k)"))
        let jitter = Double(faults.jitterMicroseconds) * random.uniform(-1, 1)
        let captured =
          time + camera.offsetMicroseconds + Int64(jitter.rounded()) + (faults.offsets[camera.channel] ?? 0)
        let stamp = captured + (faults.skews[camera.channel] ?? 0)
        jobs.append(Job(keyframe: k, camera: c, captured: captured, stamp: stamp, isKeyframe: true))
      }
    }
    return jobs
  }

  private func make(_ job: Job) throws -> Product {
    if let camera = job.camera {
      let view = cameras[camera].view(at: job.captured)
      let jpeg = try JPEGFile.encode(
        width: view.image.width, height: view.image.height, pixels: view.image.pixels,
        quality: options.jpegQuality)
      return .image(view, jpeg: jpeg)
    }
    let sweep = lidar.sweep(endingAt: job.captured)
    guard job.isKeyframe else { return .sweep(sweep, counts: []) }
    let lidarFromGlobal = (source.scene.ego.pose(at: job.captured) * suite.egoFromLidar).inverse
    let boxes = source.scene.actors.map { actor -> Box3D in
      actor.box(at: job.captured)?.transformed(by: lidarFromGlobal)
        ?? Box3D(center: SIMD3(1e9, 0, 0), size: .zero, rotation: .identity)
    }
    return .sweep(sweep, counts: PointCount.inside(boxes, sweep.cloud))
  }

  private func recordedPose(_ t: Int64) -> RigidTransform {
    noise.recorded(source.scene.ego.pose(at: t), at: t)
  }

  private func add(
    _ sweep: LidarSweep, _ job: Job, _ sensor: CalibratedSensor, _ token: String,
    _ builder: inout SceneBuilder
  ) throws {
    try builder.addSweep(
      sensor: sensor, sampleToken: token, timestampMicroseconds: job.stamp,
      globalFromEgo: recordedPose(job.stamp), isKeyframe: job.isKeyframe, cloud: sweep.cloud,
      labels: job.isKeyframe ? sweep.classes : nil)
  }

  private func add(
    _ view: CameraView, _ jpeg: [UInt8], _ job: Job, _ sensor: CalibratedSensor, _ token: String,
    _ builder: inout SceneBuilder, _ stage: SceneStage
  ) throws {
    let data = try builder.addMeasurement(
      sensor: sensor, sampleToken: token, timestampMicroseconds: job.stamp,
      globalFromEgo: recordedPose(job.stamp), isKeyframe: true, ending: "jpg", bytes: jpeg)
    guard let depth = view.depth, let classes = view.classes, let actors = view.actors else { return }
    let shape = [view.image.height, view.image.width]
    let archive = try NpzFile.encode([
      (name: "depth", array: NpyArray(depth, shape: shape)),
      (name: "classes", array: NpyArray(classes, shape: shape)),
      (name: "actors", array: NpyArray(actors, shape: shape)),
    ])
    try stage.write("image_truth/\(sensor.channel)/\(data.token).npz", archive)
  }

  // MARK: truth

  private func writeOccupancy(_ keyframes: [Keyframe], _ sweeps: [LidarSweep?], _ stage: SceneStage) throws {
    let masks = VoxelMasks(suite.cameras.map { ($0.model, $0.egoFromSensor) })
    let archives = try parallelMap(keyframes.count, threads: options.threads) { k -> [UInt8] in
      let time = source.keyframes[k]
      let semantics = truth.semantics(globalFromEgo: source.scene.ego.pose(at: time), at: time)
      var ends: [SIMD3<Float>] = []
      if let sweep = sweeps[k] {
        let (place, cloud) = (suite.egoFromLidar.affine, sweep.cloud)
        for i in 0..<cloud.count where sweep.isReturn(i) {
          ends.append(place.apply(cloud.x[i], cloud.y[i], cloud.z[i]))
        }
      }
      let lidarMask = masks.lidar(origin: suite.egoFromLidar.translation, ends: ends)
      let cameraMask = masks.cameras(semantics: semantics)
      let shape = [OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z]
      return try NpzFile.encode([
        (name: "semantics", array: NpyArray(semantics, shape: shape)),
        (name: "mask_lidar", array: NpyArray(lidarMask, shape: shape)),
        (name: "mask_camera", array: NpyArray(cameraMask, shape: shape)),
      ])
    }
    for (keyframe, archive) in zip(keyframes, archives) {
      try stage.write("gts/\(source.name)/\(keyframe.token)/labels.npz", archive)
    }
  }

  private func annotate(
    _ keyframes: [Keyframe], _ sightings: [[AnnotationTruth.Sighting]], _ builder: inout SceneBuilder
  ) -> Int {
    let truth = AnnotationTruth(
      source.scene, times: source.keyframes, sightings: sightings, hasCameras: !suite.cameras.isEmpty)
    let annotated = source.scene.actors.indices.map { a -> [Bool] in
      guard let given = source.annotated?[a] else { return truth.annotated(actor: a) }
      return keyframes.indices.map { given.contains($0) }
    }
    var count = 0
    for (k, keyframe) in keyframes.enumerated() {
      let time = source.keyframes[k]
      let pose = source.scene.ego.pose(at: time)
      let recordedFromTrue = noise.recorded(pose, at: time) * pose.inverse
      for (a, actor) in source.scene.actors.enumerated() where annotated[a][k] {
        guard let box = actor.box(at: time) else { continue }
        builder.addAnnotation(
          sampleToken: keyframe.token, instance: source.instances[a], category: actor.category,
          attribute: truth.attribute(actor: a, keyframe: k),
          visibility: truth.visibility(actor: a, keyframe: k),
          box: options.poseNoise > 0 ? box.transformed(by: recordedFromTrue) : box,
          lidarPointCount: truth.lidarPoints(actor: a, keyframe: k))
        count += 1
      }
    }
    return count
  }
}
