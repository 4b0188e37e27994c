import ArgumentParser
import Files
import Foundation
import Models
import NeuralEngine
import Pipeline
import Recording
import Results

/// `apus bench`: what a frame takes, stage by stage.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times frames of a drive from files to predictions, stage by stage; writes nothing.",
    discussion: """
      Example: apus bench ~/data/nuscenes --model model.safetensors --threads 1,2 --precision f32,int8
      """)

  @Argument(help: "A folder in nuScenes layout.") var dataroot: String
  @Option(help: "The version folder, where there are several: v1.0-mini.") var version: String?
  @Option(help: "One scene, by name; else all.") var scene: String?
  @Option(help: "What perceives: classical (no weights), or a model's file.") var model = "classical"
  @Option(help: "Thread counts, by commas.") var threads = "1,2"
  @Option(help: "Precisions of a model, by commas: f32, bf16, int8.") var precision = "f32"
  @Option(help: "Frames of each run.") var frames = 24
  @Flag(help: "Print one JSON value.") var json = false

  private var threadCounts: [Int?] { threads.split(separator: ",").map { Int($0) } }
  private var precisions: [Plan.Precision?] {
    precision.split(separator: ",").map { Plan.Precision(rawValue: String($0)) }
  }

  func validate() throws {
    guard !threadCounts.isEmpty, threadCounts.allSatisfy({ (1...1024).contains($0 ?? 0) }) else {
      throw ValidationError("--threads is \(threads) (counts of 1 to 1024, by commas).")
    }
    guard !precisions.isEmpty, !precisions.contains(nil) else {
      throw ValidationError("--precision is \(precision) (f32, bf16 or int8, by commas).")
    }
    guard model != "classical" || precision == "f32" else {
      throw ValidationError("--precision is \(precision); classical perception computes in f32 alone.")
    }
    guard (1...1_000_000).contains(frames) else {
      throw ValidationError("--frames is \(frames) (1 to 1000000).")
    }
  }

  /// One run of the table.
  private struct Run {
    var threads: Int, precision: Plan.Precision, times: ReplayTimes
  }

  func run() throws {
    for case let precision? in precisions { try Plan.require(precision) }
    let dataset = try Dataset(root: dataroot, version: version)
    var options = ReplayOptions(programVersion: programVersion, command: CommandLine.arguments)
    if let scene { options.selection = .scene(scene) }
    if model != "classical" { options.model = try Model(contentsOf: model) }
    let cases = precisions.compactMap { $0 }.flatMap { precision in
      threadCounts.compactMap { $0 }.map { (precision, $0) }
    }
    let progress = ProgressReport(label: "frames", total: cases.count * frames)
    var runs: [Run] = []
    for (precision, threads) in cases {
      options.precision = precision
      options.threads = threads
      let before = runs.count * frames
      do {
        let times = try Replay(dataset, options: options).measure(
          frames: frames, shouldStop: { Interruption.isRequested }
        ) { progress.update(done: before + $0, detail: "\(precision.rawValue), \(threads) threads") }
        runs.append(Run(threads: threads, precision: precision, times: times))
      } catch is ReplayInterrupted {
        throw ExitCode(Interruption.exitCode)
      }
    }
    progress.finish()
    try Output.result(json ? document(runs) : table(runs))
  }

  private func document(_ runs: [Run]) -> String {
    JSONValue.members([
      "model": .string(model), "dataroot": .string(dataroot), "cpu": .string(Machine.processor),
      "runs": .array(
        runs.map { run in
          .members([
            "precision": .string(run.precision.rawValue), "threads": .integer(run.threads),
            "frames": .integer(run.times.frames), "seconds": .number(run.times.seconds),
            "frames_per_second": .number(run.times.rate),
            "peak_memory_bytes": .integer(run.times.peakMemoryBytes),
            "milliseconds": .object(
              run.times.stages.map { .init(key: $0.stage, value: .number($0.milliseconds)) }),
          ])
        }),
    ]).text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A column a run, a row a stage.
  private func table(_ runs: [Run]) -> String {
    func row(_ name: String, _ cell: (Run) -> String) -> String {
      name.padding(toLength: 22, withPad: " ", startingAt: 0)
        + runs.map { run in
          let text = cell(run)
          return String(repeating: " ", count: max(1, 18 - text.count)) + text
        }.joined()
    }
    var names: [String] = []
    for stage in runs.flatMap(\.times.stages) where !names.contains(stage.stage) { names.append(stage.stage) }
    var lines = ["\(model) on \(dataroot), \(Machine.processor); milliseconds a frame, share of all stages"]
    lines.append(row("") { "\($0.precision.rawValue) x \($0.threads)" })
    for name in names {
      lines.append(
        row(name) { run in
          let total = run.times.stages.reduce(0) { $0 + $1.milliseconds }
          let own = run.times.stages.first { $0.stage == name }?.milliseconds ?? 0
          return String(format: "%.1f  %4.1f %%", own, 100 * own / max(total, 1e-9))
        })
    }
    lines.append(row("frames a second") { String(format: "%.2f", $0.times.rate) })
    lines.append(row("peak memory, MiB") { "\($0.times.peakMemoryBytes >> 20)" })
    return lines.joined(separator: "\n")
  }
}
