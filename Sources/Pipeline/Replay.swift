import Foundation
import FrameInput
import FrameSync
import Geometry
import Models
import NeuralEngine
import Recording
import Results
import Scenes

/// Replays the scenes of a dataroot into a run's folder, scene by scene.
///
/// Reading and decoding run ahead of perception, writing runs behind it, with at most `flightDepth` frames in between,
/// so memory does not grow with the length of a drive. All files but run.json are the same bytes at any thread count,
/// after kills and `--resume`, and for merged shards.
public struct Replay: Sendable {
  /// Frames in flight between reading and writing.
  static let flightDepth = 3

  let dataset: Dataset
  let options: ReplayOptions
  /// The scenes of the selection before sharding, in order.
  let selection: [String]
  /// The scenes to replay.
  let scenes: [String]

  /// Prepares a replay.
  /// - Throws: `RecordingError` for a scene or split that the dataroot does not have.
  public init(_ dataset: Dataset, options: ReplayOptions) throws {
    self.dataset = dataset
    self.options = options
    let chosen: [String]
    switch options.selection {
    case .all: chosen = dataset.sceneNames
    case .split(let name): chosen = try dataset.sceneNames(split: name)
    case .scene(let name):
      _ = try dataset.keyframeCount(ofScene: name)
      chosen = [name]
    }
    selection = chosen
    let shard = options.shard ?? (1, 1)
    scenes = chosen.indices.filter { $0 % shard.count == shard.index - 1 }.map { chosen[$0] }
  }

  /// Runs it.
  /// - Parameters:
  ///   - shouldStop: Asked between frames; once it says yes the scene at work is discarded.
  ///   - report: Told of progress and warnings.
  /// - Returns: The manifest, as run.json has it.
  /// - Throws: `ReplayInterrupted`, `StrictnessError`, and what reading the tables or writing the run throws.
  public func run(
    shouldStop: @escaping @Sendable () -> Bool = { false }, report: (ReplayEvent) -> Void = { _ in }
  ) throws -> RunManifest {
    let start = ContinuousClock.now
    // Before anything is written: a model may lack the precision.
    let stages = try options.model.map {
      try NetworkStages($0, precision: options.precision, threads: options.threads)
    }
    let network = try options.network.map { try DescribedNetwork($0, threads: max(1, options.threads / 2)) }
    let configuration = options.configuration(version: dataset.version, scenes: selection)
    let directory = try RunDirectory(
      path: options.out, kind: options.givenTruth ? .forecasting : .perception,
      configuration: configuration, resume: options.resume)
    if directory.isComplete { return try RunManifest(path: "\(options.out)/run.json") }
    var split: String?
    if case .split(let name) = options.selection { split = name }
    let counts = try scenes.map { try dataset.keyframeCount(ofScene: $0) }
    let total = counts.reduce(0, +)
    var done = 0
    for (scene, count) in zip(scenes, counts) {
      if try directory.finishedScene(scene) == nil {
        report(.progress(done: done, total: total, scene: scene))
        let before = done
        try replay(scene, with: stages, network, into: directory, shouldStop: shouldStop) { event in
          if case .progress(let inScene, _, _) = event {
            report(.progress(done: before + inScene, total: total, scene: scene))
          } else {
            report(event)
          }
        }
      }
      done += count
      report(.progress(done: done, total: total, scene: scene))
    }
    return try directory.assemble(
      scenes: scenes, grid: .standard,
      manifest: RunManifest(
        version: options.programVersion, command: options.command, modelName: options.modelName,
        modelSHA256: options.model?.sha256 ?? options.network?.sha256, precision: options.precision.rawValue, threads: options.threads,
        cpu: Machine.processor,
        configuration: configuration,
        versionFolder: dataset.version, split: split, scenes: selection,
        shard: options.shard.map { "\($0.index)/\($0.count)" },
        seconds: (ContinuousClock.now - start) / .seconds(1),
        peakMemoryBytes: Machine.peakMemoryBytes))
  }

  private func replay(
    _ name: String, with stages: NetworkStages?, _ network: DescribedNetwork?, into directory: RunDirectory,
    shouldStop: @escaping @Sendable () -> Bool,
    report: (ReplayEvent) -> Void
  ) throws {
    let scene = try dataset.scene(named: name)
    let writer = try directory.beginScene(name)
    if options.givenTruth {
      try forecast(scene, with: stages, writer: writer, shouldStop: shouldStop, report: report)
      return
    }
    let synced = try synchronize(scene, policy: stages?.policy(for: scene) ?? Self.policy(network))
    for channel in stages?.camerasLeftOut(of: scene) ?? [] {
      report(.warning("\(name): \(channel) is left out: the model has no place for another camera"))
    }
    for warning in synced.report.warnings {
      if options.strict { throw StrictnessError(place: name, reason: warning) }
      report(.warning("\(name): \(warning)"))
    }
    try perceive(
      synced.frames, of: scene, with: stages, network, writer: writer, shouldStop: shouldStop, report: report)
  }

  /// Sweeps as far back as a network looks.
  private static func policy(_ network: DescribedNetwork?) -> SyncPolicy {
    guard let network else { return SyncPolicy() }
    return SyncPolicy(
      earlierSweepCount: network.earlierSweeps, earlierSweepMicroseconds: 10_000_000)
  }

  /// A frame's record: how it ended and why, and an error for a loss under `--strict`.
  func record(
    _ frame: Frame, scene: String, flags: [String] = [], notes: [String] = [], clock: StageClock
  ) throws -> FrameRecord {
    let losses = [frame.skipReason].compactMap { $0 } + frame.degradations + flags
    if options.strict, let loss = losses.first {
      throw StrictnessError(place: "\(scene): frame \(frame.keyframe.token)", reason: loss)
    }
    let status: FrameRecord.Status = frame.skipReason != nil ? .skipped : losses.isEmpty ? .ok : .degraded
    return FrameRecord(
      scene: scene, sample: frame.keyframe.token, status: status, reasons: losses + notes,
      milliseconds: status == .skipped ? [] : clock.stages)
  }
}
