import Algorithms
import Calibration
import Files
import Foundation
import Geometry
import Recording
import Scenes

/// What is to be simulated, and how.
public struct SimulationOptions: Sendable {
  /// Where scenes come from.
  public enum Source: Sendable, Hashable {
    /// Made from a seed.
    case procedural(scenes: Int, seed: UInt64)
    /// The traffic of a recorded dataroot: one scene, or all.
    case recorded(root: String, scene: String?, seed: UInt64)
  }

  /// The dataroot to write.
  public var out: String
  /// Where scenes come from.
  public var source: Source
  /// The sensors; nil: nuScenes'.
  public var rig: Rig?
  /// What errors about the rig name: its file.
  public var rigFile: String
  /// Size of images over the rig's.
  public var scale: Double
  /// LiDAR sweeps recorded a keyframe: 1 is 2 Hz, 5 is 10 Hz.
  public var sweepsPerKeyframe: Int
  /// Seconds a scene; nil: 20, or the recorded scene's own.
  public var seconds: Double?
  /// The faults' specification, or nil for none.
  public var faultText: String?
  /// Faults, read from `faultText`.
  public internal(set) var faults = FaultPlan()
  /// Threads to work on.
  public var threads: Int
  /// Standard deviation of recorded ego poses, in metres.
  public var poseNoise: Double
  /// Whether depth, class and actor of each pixel are written.
  public var savesImageTruth: Bool
  /// Pictures averaged over an exposure; 1: no motion blur.
  public var motionBlurSamples: Int
  /// Quality of JPEGs, 1 to 100.
  public var jpegQuality: Int

  /// The options with these values, unchecked: `Simulator.init` checks them.
  public init(
    out: String, source: Source, rig: Rig? = nil, rigFile: String = "the built-in rig", scale: Double = 1,
    lidarHertz: Double = 10, seconds: Double? = nil, faultText: String? = nil, threads: Int = 1,
    poseNoise: Double = 0, savesImageTruth: Bool = false, motionBlurSamples: Int = 1,
    jpegQuality: Int = 90
  ) throws {
    self.out = out
    self.source = source
    self.rig = rig
    self.rigFile = rigFile
    self.scale = scale
    self.seconds = seconds
    self.faultText = faultText
    self.threads = threads
    self.poseNoise = poseNoise
    self.savesImageTruth = savesImageTruth
    self.motionBlurSamples = motionBlurSamples
    self.jpegQuality = jpegQuality
    let perKeyframe = lidarHertz / 2
    guard perKeyframe >= 1, perKeyframe <= 10, perKeyframe == perKeyframe.rounded() else {
      throw SimulationError(
        file: "--lidar-hz", field: "value", found: "\(lidarHertz)", expected: "a multiple of 2 from 2 to 20")
    }
    sweepsPerKeyframe = Int(perKeyframe)
  }
}

/// A simulation that was asked to stop; scenes that were whole are kept.
public struct SimulationInterrupted: Error, Sendable {}

/// Seconds that the stages of a simulation took.
public struct StageTimes: Sendable, Hashable, Codable {
  /// Maps, traffic and props.
  public var world = 0.0
  /// Meshes, hierarchies, shadows.
  public var geometry = 0.0
  /// Casting, drawing and JPEG.
  public var sensors = 0.0
  /// Occ3D labels.
  public var occupancy = 0.0
  /// Files and tables.
  public var writing = 0.0

  /// No time yet.
  public init() {}

  mutating func measure<Result>(
    _ stage: WritableKeyPath<StageTimes, Double>, _ body: () throws -> Result
  ) rethrows -> Result {
    let start = ContinuousClock.now
    defer { self[keyPath: stage] += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }
}

/// What a simulation wrote.
public struct SimulationSummary: Sendable, Hashable, Codable {
  /// Counts of a scene.
  public struct SceneCounts: Sendable, Hashable, Codable {
    /// The scene's name.
    public var name = ""
    /// How many of each.
    public var keyframes = 0, images = 0, sweeps = 0, points = 0, annotations = 0

    /// Nothing yet.
    public init() {}

    /// The counts of a scene that an earlier run wrote.
    init(_ recording: SceneRecording, root: String) throws {
      name = recording.scene.name
      keyframes = recording.scene.keyframes.count
      annotations = recording.annotations.count
      for data in recording.scene.measurements {
        guard data.sensor.modality == .lidar else {
          images += 1
          continue
        }
        sweeps += 1
        // Five numbers of four bytes a point.
        let file = try FileManager.default.attributesOfItem(atPath: "\(root)/\(data.file)")
        points += (file[.size] as? Int ?? 0) / 20
      }
    }
  }

  /// The scenes, in order.
  public var scenes: [SceneCounts] = []
  /// Where the time went.
  public var times = StageTimes()
  /// Seconds in all.
  public var seconds = 0.0
}

/// How far a simulation is.
public struct SimulationProgress: Sendable, Hashable {
  /// Measurements done and to do, of all scenes (those to come are estimated to be like this one).
  public var done: Int, total: Int
  /// The scene.
  public var scene: String
}

/// Makes dataroots: worlds, traffic, sensors and truth, scene by scene.
public struct Simulator {
  private let options: SimulationOptions
  private let identity: String
  private let suite: SensorSuite
  private let recorded: Dataset?
  private let sceneNames: [String]
  private var records: [String: [String]] = [:]
  private var maps: [String: MapExpansion] = [:]

  /// Checks the options, and opens what is to be re-rendered.
  /// - Throws: `SimulationError`, `RecordingError`, `CalibrationError`: one line each; nothing has been written then.
  public init(_ options: SimulationOptions) throws {
    func check(_ holds: Bool, _ option: String, _ found: Any, _ expected: String) throws {
      if !holds { throw SimulationError(file: option, field: "value", found: "\(found)", expected: expected) }
    }
    try check((1...256).contains(options.threads), "--threads", options.threads, "1 to 256")
    try check(options.scale > 0 && options.scale <= 4, "--scale", options.scale, "above 0, at most 4")
    if let seconds = options.seconds {
      try check(seconds >= 0.5 && seconds <= 120, "--seconds", seconds, "0.5 to 120")
    }
    try check(
      options.poseNoise >= 0 && options.poseNoise <= 5, "--pose-noise", options.poseNoise, "0 to 5 metres")
    try check(
      (1...64).contains(options.motionBlurSamples), "--motion-blur", options.motionBlurSamples, "1 to 64")
    try check((1...100).contains(options.jpegQuality), "--jpeg-quality", options.jpegQuality, "1 to 100")
    try check(!options.out.isEmpty, "--out", "nothing", "a folder's path")
    let rig = try options.rig ?? Rig.nuScenes()
    suite = try SensorSuite(rig, scale: options.scale, file: options.rigFile)
    var checked = options
    if let text = options.faultText {
      checked.faults = try FaultPlan(text, channels: suite.channels, lidar: suite.lidarChannel)
    }
    var keyframes = 0
    switch options.source {
    case .procedural(let scenes, _):
      try check((1...10_000).contains(scenes), "--scenes", scenes, "1 to 10000")
      recorded = nil
      sceneNames = (0..<scenes).map { "simulated-\(String(10_000 + $0).dropFirst())" }
      keyframes = Self.keyframeCount(seconds: options.seconds)
    case .recorded(let root, let scene, _):
      let dataset = try Dataset(root: root)
      recorded = dataset
      if let scene {
        _ = try dataset.scene(named: scene)
        sceneNames = [scene]
      } else {
        sceneNames = dataset.sceneNames
      }
      for name in sceneNames {
        let drive = try RecordedDrive.checked(dataset, sceneNamed: name)
        keyframes = max(keyframes, Self.chosen(drive.keyframes, seconds: options.seconds).count)
      }
    }
    for drop in checked.faults.drops where drop.keyframes.upperBound >= keyframes {
      throw SimulationError(
        file: "--fault", field: drop.channel, found: "keyframe \(drop.keyframes.upperBound)",
        expected: "0 to \(keyframes - 1), the scenes' last")
    }
    identity = try options.identity(rig: rig)
    self.options = checked
  }

  private static func keyframeCount(seconds: Double?) -> Int { max(1, Int(((seconds ?? 20) * 2).rounded())) }

  /// The times within so many seconds of the first.
  private static func chosen(_ times: [Int64], seconds: Double?) -> [Int64] {
    guard let seconds, let first = times.first else { return times }
    return times.filter { $0 - first < Int64((seconds * 1e6).rounded()) }
  }

  /// Writes the dataroot, or what an earlier run of the same options left to do of it.
  /// - Throws: `SimulationInterrupted` where `isCancelled` says so; what was whole by then is kept and readable.
  public mutating func run(
    isCancelled: () -> Bool = { false }, progress: (SimulationProgress) -> Void = { _ in }
  ) throws -> SimulationSummary {
    let start = ContinuousClock.now
    var summary = SimulationSummary()
    let unfinished = UnfinishedDataroot(root: options.out, options: identity)
    var (writer, whole) = try unfinished.open()
    let sceneCount = sceneNames.count
    for (index, name) in sceneNames.enumerated() {
      if let recording = whole.removeValue(forKey: name) {
        _ = try makeSource(index, name)  // its part of the map
        summary.scenes.append(try .init(recording, root: options.out))
        try writer.add(recording)
        if index == sceneNames.count - 1 { try publish(&writer) }
        continue
      }
      do {
        let counts = try simulate(index, name, &writer, &summary.times, isCancelled) { done, total in
          progress(
            .init(done: index * total + done, total: sceneCount * total, scene: name))
        }
        summary.scenes.append(counts)
      } catch let error as SimulationInterrupted {
        if !summary.scenes.isEmpty { try publish(&writer) }
        throw error
      }
      if index % 10 == 9 || index < 4 || index == sceneNames.count - 1 {
        let before = ContinuousClock.now
        try publish(&writer)
        summary.times.writing += (ContinuousClock.now - before) / .seconds(1)
      }
    }
    try unfinished.finish()
    summary.seconds = (ContinuousClock.now - start) / .seconds(1)
    return summary
  }

  private mutating func simulate(
    _ index: Int, _ name: String, _ writer: inout DatasetWriter, _ times: inout StageTimes,
    _ isCancelled: () -> Bool, _ progress: (Int, Int) -> Void
  ) throws -> SimulationSummary.SceneCounts {
    if isCancelled() { throw SimulationInterrupted() }
    let before = ContinuousClock.now
    let source = try makeSource(index, name)
    times.world += (ContinuousClock.now - before) / .seconds(1)
    let renderer = times.measure(\.geometry) { SceneRenderer(source, suite: suite, options: options) }
    let stage = try writer.stage(scene: name)
    var builder = SceneBuilder(
      name: name, description: source.description,
      log: .init(
        logfile: name, vehicle: "apus-simulator", dateCaptured: "2024-01-01", location: source.location),
      stage: stage)
    do {
      var counts = try renderer.render(
        into: &builder, stage: stage, clock: &times, isCancelled: isCancelled, progress: progress)
      counts.name = name
      try times.measure(\.writing) { try writer.add(builder.finish(), stage: stage) }
      return counts
    } catch {
      stage.discard()
      throw error
    }
  }

  /// A scene's world. Even scenes keep right in boston-seaport, odd ones keep left in singapore-onenorth; each has a
  /// square of 800 m of its own on the location's map.
  private mutating func makeSource(_ index: Int, _ name: String) throws -> SceneSource {
    switch options.source {
    case .recorded(_, _, let seed):
      return try makeRecorded(name, seed: seed)
    case .procedural(_, let seed):
      let keepsRight = index % 2 == 0
      let location = keepsRight ? "boston-seaport" : "singapore-onenorth"
      let place = index / 2
      let origin = SIMD2(400 + 800 * Double(place % 8), 400 + 800 * Double(place / 8))
      var random = RandomSource(seed: seed, stream: UInt64(index) &+ 100)
      let seconds = options.seconds ?? 20
      let start: Int64 = 1_700_000_000_000_000 + Int64(index) * 1_000_000_000
      let drive = ProceduralDrive(
        .init(
          seed: random.next(), origin: origin, keepsRight: keepsRight, startMicroseconds: start,
          seconds: seconds))
      var map = maps[location] ?? MapExpansion(canvasEdge: .zero)
      MapExport(drive.network, name: "\(location)/\(name)").add(to: &map)
      maps[location] = map
      records[location, default: []] += RoadPoints.records(
        drive.network, heights: drive.scene.ground.heights, name: "\(location)/\(name)")
      let count = Self.keyframeCount(seconds: seconds)
      return SceneSource(
        name: name, description: "simulated from seed \(seed), scene \(index)", location: location,
        scene: drive.scene, keyframes: (0..<count).map { start + Int64($0) * 500_000 },
        instances: drive.scene.actors.map { "actor-\($0.id)" }, annotated: nil)
    }
  }

  private mutating func makeRecorded(_ name: String, seed: UInt64) throws -> SceneSource {
    guard let dataset = recorded else { preconditionFailure("no dataset for scene \(name)") }
    let scene = try dataset.scene(named: name)
    let drive = try RecordedDrive(
      dataset, sceneNamed: name, seed: seed ^ RandomSource.seed(ofText: name))
    if maps[scene.location] == nil, let found = try dataset.mapExpansion(location: scene.location) {
      maps[scene.location] = found.map
    }
    let keyframes = Self.chosen(drive.keyframes, seconds: options.seconds)
    return SceneSource(
      name: name, description: "recorded traffic with simulated sensors", location: scene.location,
      scene: drive.scene, keyframes: keyframes, instances: drive.instances,
      annotated: drive.annotatedKeyframes)
  }

  private mutating func publish(_ writer: inout DatasetWriter) throws {
    for (location, map) in maps.sorted(by: { $0.key < $1.key }) { writer.setMap(map, location: location) }
    try writer.publish()
    for (location, texts) in records.sorted(by: { $0.key < $1.key }) {
      try AtomicFile.write(
        "\(options.out)/maps/expansion/\(location).roads.json",
        RoadPoints.file(location: location, records: texts))
    }
  }
}
