import Foundation
import Testing

/// `docs/formats.md` says what a run's files hold: its readers are run on a fresh run.
@Suite(.serialized) struct FormatsTests {
  static let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("docs/formats.md")

  /// The blocks of Python with the heading above each.
  static func blocks() throws -> [(heading: String, code: String)] {
    var result: [(heading: String, code: String)] = []
    var heading = "", code: [Substring]?
    for line in try String(contentsOf: document, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    {
      if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
      if line == "```python" {
        code = []
      } else if line == "```", let finished = code {
        result.append((heading, finished.joined(separator: "\n")))
        code = nil
      } else {
        code?.append(line)
      }
    }
    return result
  }

  /// Runs a program with Python, and says how it ended.
  static func python(_ code: String) throws -> (status: Int32, output: String) {
    let process = Process(), pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", code]
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  static var hasNumpy: Bool {
    do { return try python("import numpy").status == 0 } catch { return false }
  }

  @Test(.enabled(if: hasNumpy, "python3 with numpy is not here"))
  func readersOfTheDocumentReadARun() throws {
    let drive = try TestDrive()
    let folder = try TemporaryFolder()
    let run = folder.path("run"), forecasts = folder.path("forecasts")
    #expect(try Apus.run(["replay", drive.root.path, "--out", run]).status == 0)
    #expect(try Apus.run(["evaluate", run, "--truth", drive.root.path]).status == 0)
    #expect(try Apus.run(["replay", drive.root.path, "--given", "truth", "--out", forecasts]).status == 0)
    let blocks = try Self.blocks()
    #expect(blocks.count >= 9)
    for block in blocks {
      let source = block.heading.hasPrefix("forecasts") ? forecasts : run
      let lines = block.code.split(separator: "\n").count
      #expect(lines <= 16, "\(block.heading): \(lines) lines")
      let outcome = try Self.python("run = '\(source)'\n\(block.code)")
      #expect(outcome.status == 0, "\(block.heading): \(outcome.output)")
    }
    // A reader must notice what is not as the document says.
    try FileManager.default.removeItem(atPath: "\(run)/bev/grid.json")
    let grid = try #require(blocks.first { $0.heading.hasPrefix("bev") })
    #expect(try Self.python("run = '\(run)'\n\(grid.code)").status != 0)
  }

  @Test func everyFileOfARunHasItsSection() throws {
    let headings = try String(contentsOf: Self.document, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("## ") }.joined(separator: " ")
    for name in [
      "run.json", "detections.json", "tracks.json", "trajectories/", "lanes/", "bev/", "grid.json",
      "occupancy/",
      "preview/", "forecasts.json", "metrics.json",
    ] { #expect(headings.contains(name), "\(name)") }
  }
}
