import ArgumentParser
import Evaluation
import Foundation
import NeuralEngine
import Pipeline

/// Exit codes beyond argument-parser's own (64: usage).
enum ExitStatus {
  static let finishedWithLosses = ExitCode(3)
  static let regressed = ExitCode(4)
}

struct Program: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "Replays recorded drives: cameras and LiDAR in, bird's-eye view out.",
    discussion: """
      Results go to stdout (--json gives exactly one JSON value), everything else to stderr.
      The environment variable APUS_ISA holds the program to an instruction set that the CPU has: sse4.2, avx2, avx512,
      avx512_vnni or avx512_bf16. Precision f32 and int8 run on all of them, bf16 needs avx512_bf16.
      Exit codes: 0 ok, 1 error, 3 finished with losses, 4 a compared metric regressed, 64 usage, 130 and 143 interrupted.
      """,
    version: programVersion,
    subcommands: [
      ReplayCommand.self, MergeCommand.self, EvaluateCommand.self, CompareCommand.self, InspectCommand.self,
      SimulateCommand.self, RunCommand.self, TrainCommand.self, ExportCommand.self, ModelCommand.self,
      BenchCommand.self,
    ])
}

/// `--version NAME` chose the version folder up to version 0.1; now it would print the version and do nothing.
private func refuseVersionFolder(_ arguments: [String]) throws {
  for (option, value) in zip(arguments.dropFirst(), arguments.dropFirst(2))
  where option == "--version" && !value.hasPrefix("-") {
    throw ValidationError(
      "--version prints the program's version; a dataroot's is chosen by --version-folder \(value).")
  }
}

@main
enum Main {
  static func main() {
    Machine.keepMemoryCompact()
    Interruption.install()
    do {
      try refuseVersionFolder(CommandLine.arguments)
      try ResourceLimits.prepareOpenFiles()
      var command = try Program.parseAsRoot()
      _ = try InstructionSet.inUse()
      try command.run()
    } catch let error as Output.WriteError where error.code == EPIPE {
      exit(0)
    } catch {
      // Usage, help and exit codes are argument-parser's own errors; all else is data's fault and says so in one line.
      if String(reflecting: type(of: error)).hasPrefix("ArgumentParser.") { Program.exit(withError: error) }
      for line in lines(of: error) { Output.note("apus: \(line)") }
      exit(error is ConfigurationFault ? ExitCode.validationFailure.rawValue : 1)
    }
  }

  /// An error's lines: one, but for those that gather many.
  private static func lines(of error: any Error) -> [String] {
    switch error {
    case let error as EvaluationError: error.lines
    case let error as ReplayFaults: error.problems
    default: ["\(error)"]
    }
  }
}
