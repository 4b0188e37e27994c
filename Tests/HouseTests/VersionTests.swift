import Foundation
import Testing

@Suite struct VersionTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func read(_ name: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
  }

  @Test func newestEntryOfTheChangelogIsTheProgramsVersion() throws {
    let source = try Self.read("Sources/apus/Version.swift")
    let version = try #require(
      source.split(separator: "\n").first { $0.hasPrefix("let programVersion = ") }?
        .split(separator: "\"").dropFirst().first)
    let newest = try #require(
      try Self.read("CHANGELOG.md").split(separator: "\n").first { $0.hasPrefix("## ") })
    #expect(newest == "## \(version)")
    #expect(version.split(separator: ".").compactMap { Int($0) }.count == 3, "MAJOR.MINOR.PATCH")
  }
}
