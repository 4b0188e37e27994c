import ArgumentParser
import Evaluation
import Files
import Foundation
import Results

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Prints how the figures of two evaluated runs differ.",
    discussion: """
      Example: apus compare runs/main runs/change --metric detection.nd_score=0.005 --markdown
      Each folder holds the metrics.json of `apus evaluate`. Where both were scored on the same scenes, two or more, a
      difference comes with the interval of 95 % over resampled scenes. With --metric the exit code is 4 where RUN_B is
      worse than RUN_A by more than the tolerance (0 where none is given).
      """)

  @Argument(help: "The run's folder that is compared with.") var runA: String
  @Argument(help: "The run's folder that is compared.") var runB: String
  @Option(
    help: "NAME[=TOLERANCE] of a figure that must not get worse, as `detection.nd_score=0.005`; repeatable.")
  var metric: [String] = []
  @Flag(help: "Print every figure, those of single classes too.") var all = false
  @Flag(help: "Print a Markdown table.") var markdown = false
  @Flag(help: "Print the comparison as one JSON value.") var json = false

  /// A figure that must not get worse by more than the tolerance.
  private struct Guarded {
    let name: String
    let tolerance: Double
  }

  func validate() throws {
    if json, markdown { throw ValidationError("--json and --markdown exclude each other") }
    _ = try guarded()
  }

  private func guarded() throws -> [Guarded] {
    try metric.map { text in
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return Guarded(name: text, tolerance: 0) }
      guard let tolerance = Double(parts[1]), tolerance.isFinite, tolerance >= 0 else {
        throw ValidationError(
          "--metric \(text): the tolerance is \(parts[1]) (expected a number of at least 0)")
      }
      return Guarded(name: String(parts[0]), tolerance: tolerance)
    }
  }

  func run() throws {
    let comparison = RunComparison(
      try JSONValue.read("\(runA)/metrics.json"), try JSONValue.read("\(runB)/metrics.json"))
    var regressed: [String] = []
    for figure in try guarded() {
      guard let row = comparison.row(figure.name) else {
        throw ResultsError(
          file: "\(runA)/metrics.json, \(runB)/metrics.json", place: figure.name, found: "not in both",
          expected: "a figure of both runs")
      }
      guard RunComparison.direction(of: row.name) != .neither else {
        throw ResultsError(
          file: "--metric", place: figure.name, found: "a count", expected: "a figure that is better or worse"
        )
      }
      if row.regression > figure.tolerance {
        regressed.append("\(row.name): \(row.a) became \(row.b) (at most \(figure.tolerance) worse)")
      }
    }
    try Output.result(
      json
        ? comparison.json.text.trimmingCharacters(in: .whitespacesAndNewlines)
        : ComparisonTable(comparison, all: all).text(markdown: markdown, a: runA, b: runB))
    for line in regressed { Output.note("regressed: \(line)") }
    if !regressed.isEmpty { throw ExitStatus.regressed }
  }
}

/// A comparison as a table for people.
struct ComparisonTable {
  private let rows: [RunComparison.Row]
  private let missing: [String]

  init(_ comparison: RunComparison, all: Bool) {
    rows = comparison.rows.filter { row in
      row.direction != .neither && (all || row.interval != nil || Self.isHeadline(row.name))
    }
    missing = comparison.onlyInA + comparison.onlyInB
  }

  /// Whether a figure is not one class's or one layer's.
  private static func isHeadline(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    return !parts.contains { $0.hasPrefix("label_") || $0 == "mean_dist_aps" }
      && !(parts.first == "volume" && parts.count > 2)
  }

  /// A verdict in a word: whether the interval leaves out 0, and to which side.
  private static func verdict(_ row: RunComparison.Row) -> String {
    if row.difference == 0 { return "same" }
    let word = row.regression > 0 ? "worse" : "better"
    guard let interval = row.interval else { return word }
    return interval.low > 0 || interval.high < 0 ? word : "\(word), uncertain"
  }

  private static func cells(_ row: RunComparison.Row) -> [String] {
    func text(_ value: Double) -> String { String(format: "%.4f", value) }
    let interval = row.interval.map { "\(text($0.low)) to \(text($0.high))" } ?? ""
    return [row.name, text(row.a), text(row.b), text(row.difference), interval, verdict(row)]
  }

  func text(markdown: Bool, a: String, b: String) -> String {
    let head = ["figure", "A", "B", "B - A", "95 % interval", "B is"]
    let table = [head] + rows.map(Self.cells)
    var lines = ["A: \(a)", "B: \(b)", ""]
    if markdown {
      lines = ["A: `\(a)`  ", "B: `\(b)`", ""]
      lines += table.enumerated().flatMap { k, row in
        ["| " + row.joined(separator: " | ") + " |"] + (k == 0 ? ["|---|---:|---:|---:|---:|---|"] : [])
      }
    } else {
      let widths = head.indices.map { k in table.map { $0[k].count }.max() ?? 0 }
      lines += table.map { row in
        row.enumerated().map { k, cell in
          let space = String(repeating: " ", count: widths[k] - cell.count)
          return k == 0 || k == 5 ? cell + space : space + cell
        }.joined(separator: "  ")
      }
    }
    if !missing.isEmpty {
      lines += ["", "In one of them only: \(missing.count) figures, \(missing[0]) first"]
    }
    return lines.joined(separator: "\n")
  }
}
