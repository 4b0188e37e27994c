import ArgumentParser
import Results

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Joins the runs of shards into one run, byte for byte the run that an unsharded replay writes.",
    discussion: "Example: apus merge runs/part-1 runs/part-2 --out runs/whole")

  @Argument(help: "The shards' folders.") var runs: [String]
  @Option(help: "The merged run's folder.") var out: String
  @Flag(help: "Print the totals as one JSON value.") var json = false

  func run() throws {
    let manifest = try RunMerger.merge(runs: runs, into: out, command: CommandLine.arguments)
    try RunReport(manifest, path: out).print(json: json)
    if manifest.count(.ok) < manifest.frames.count { throw ExitStatus.finishedWithLosses }
  }
}
