import Foundation
import Testing

@Suite struct CompareTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Two folders with a metrics.json each.
  private func folders(_ a: String, _ b: String) throws -> [String] {
    try [("a", a), ("b", b)].map { name, text in
      let path = folder.path(name)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try text.write(toFile: "\(path)/metrics.json", atomically: true, encoding: .utf8)
      return path
    }
  }

  private let good = "{\"detection\": {\"mean_ap\": 0.5, \"nd_score\": 0.6}}"
  private let worse = "{\"detection\": {\"mean_ap\": 0.48, \"nd_score\": 0.6}}"

  @Test func aNamedFigureThatGetsWorseExitsWith4() throws {
    let runs = try folders(good, worse)
    let named = try Apus.run(["compare"] + runs + ["--metric", "detection.mean_ap=0.01"])
    #expect(named.status == 4 && named.standardError.contains("regressed: detection.mean_ap"))
    let tolerated = try Apus.run(["compare"] + runs + ["--metric", "detection.mean_ap=0.03"])
    #expect(tolerated.status == 0)
    let other = try Apus.run(["compare"] + runs + ["--metric", "detection.nd_score"])
    #expect(other.status == 0)
    // The other way round it is better.
    let reversed = try Apus.run(["compare"] + runs.reversed() + ["--metric", "detection.mean_ap"])
    #expect(reversed.status == 0)
    #expect(try Apus.run(["compare"] + runs).status == 0)
  }

  @Test func anUnknownFigureIsAFault() throws {
    let runs = try folders(good, worse)
    let result = try Apus.run(["compare"] + runs + ["--metric", "detection.map"])
    #expect(result.status == 1 && result.standardError.contains("detection.map: not in both"))
    let absent = try Apus.run(["compare", runs[0], runs[1] + "-absent"])
    #expect(absent.status == 1 && absent.standardError.contains("metrics.json"))
  }

  @Test func markdownIsATable() throws {
    let runs = try folders(good, worse)
    let result = try Apus.run(["compare"] + runs + ["--markdown"])
    #expect(result.standardOutput.contains("| detection.mean_ap | 0.5000 | 0.4800 | -0.0200 |  | worse |"))
  }
}
