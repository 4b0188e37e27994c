import ArgumentParser
import Foundation
import Models
import NeuralEngine
import Pipeline
import Recording
import Results

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replays a recorded drive into detections, tracks, BEV occupancy, trajectories and pictures.",
    discussion: """
      Example: apus replay ~/data/nuscenes --version v1.0-mini --split mini_val --out runs/mini --threads 2
               apus replay ~/data/nuscenes --model models/first.safetensors --out runs/network
      Then:    apus evaluate runs/mini --truth ~/data/nuscenes
      """)

  @Argument(help: "A folder in nuScenes layout.") var dataroot: String
  @Option(help: "The run's folder: new, or with --resume one that was begun.") var out: String
  @Option(help: "The version folder, where there are several: v1.0-mini.") var version: String?
  @Option(help: "One scene, by name.") var scene: String?
  @Option(help: "The scenes of a split: mini_val, or one of splits.json.") var split: String?
  @Option(help: "What perceives: classical (no weights), a model's file, or a description of a network (.yaml).") var model = "classical"
  @Option(help: "What a model computes in: f32, bf16 or int8.") var precision: Plan.Precision = .float32
  @Option(help: "Threads.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Take tracks and map from the annotations up to the present ('truth'): forecasts alone.")
  var given: Given?
  @Flag(help: "Occupancy from earlier sweeps alone, for evaluation.") var withholdKeyframeSweep = false
  @Flag(help: "Go on with a run that was begun; finished scenes are kept.") var resume = false
  @Option(help: "Replay part I of N of the scenes: 1/2. Join the parts with apus merge.") var shard: Shard?
  @Flag(help: "Any frame that is not whole, and any warning, is an error.") var strict = false
  @Flag(help: "Print the totals as one JSON value.") var json = false

  enum Given: String, ExpressibleByArgument { case truth }

  struct Shard: ExpressibleByArgument {
    let index: Int
    let count: Int
    init?(argument: String) {
      let parts = argument.split(separator: "/").map { Int($0) }
      guard parts.count == 2, let index = parts[0], let count = parts[1], index >= 1, index <= count else {
        return nil
      }
      self.index = index
      self.count = count
    }
  }

  func validate() throws {
    guard scene == nil || split == nil else {
      throw ValidationError("--scene and --split exclude each other.")
    }
    guard threads >= 1, threads <= 1024 else { throw ValidationError("--threads is \(threads) (1 to 1024).") }
    guard model != "classical" || precision == .float32 else {
      throw ValidationError(
        "--precision is \(precision.rawValue); classical perception computes in f32 alone.")
    }
    guard given == nil || !withholdKeyframeSweep else {
      throw ValidationError("--withhold-keyframe-sweep has no meaning with --given truth: no sweep is read.")
    }
  }

  func run() throws {
    try Plan.require(precision)
    let dataset = try Dataset(root: dataroot, version: version)
    var options = ReplayOptions(out: out, programVersion: programVersion, command: CommandLine.arguments)
    if let scene { options.selection = .scene(scene) }
    if let split { options.selection = .split(split) }
    if model != "classical" {
      if model.hasSuffix(".yaml") || model.hasSuffix(".yml") {
        guard precision == .float32 else {
          throw ValidationError("--precision is \(precision.rawValue); described networks compute in f32 alone.")
        }
        options.network = try NetworkDescription(contentsOf: model)
      } else {
        options.model = try Model(contentsOf: model)
      }
      options.modelName = URL(fileURLWithPath: model).lastPathComponent
    }
    options.precision = precision
    options.shard = shard.map { ($0.index, $0.count) }
    options.threads = threads
    options.resume = resume
    options.strict = strict
    options.givenTruth = given == .truth
    options.withholdKeyframeSweep = withholdKeyframeSweep
    let replay = try Replay(dataset, options: options)
    var progress: ProgressReport?
    let manifest: RunManifest
    do {
      manifest = try replay.run(shouldStop: { Interruption.isRequested }) { event in
        switch event {
        case .warning(let text): Output.note("apus: \(text)")
        case .progress(let done, let total, let scene):
          if progress == nil { progress = ProgressReport(label: "frames", total: total) }
          progress?.update(done: done, detail: scene)
        }
      }
    } catch let error as ReplayInterrupted {
      progress?.finish()
      Output.note("apus: \(out): \(error)")
      throw ExitCode(Interruption.exitCode)
    }
    progress?.finish()
    for line in LossSummary(manifest.frames).lines { Output.note("apus: \(line)") }
    try RunReport(manifest, path: out).print(json: json)
    if manifest.count(.ok) < manifest.frames.count { throw ExitStatus.finishedWithLosses }
  }
}
