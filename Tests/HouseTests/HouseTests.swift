import Foundation
import Testing

/// The house as a whole: what modules import, that each explains itself, that files stay readable.
struct HouseTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let freeForAll: Set = ["Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization"]

  /// Module → what ARCHITECTURE.md's table lets it import; nil: everything.
  static func table() throws -> [String: Set<String>?] {
    let text = try String(contentsOf: root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
    return importTable(of: text)
  }

  static func importTable(of text: String) -> [String: Set<String>?] {
    var result: [String: Set<String>?] = [:]
    var inside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("| module | job | may import |") { inside = true }
      guard inside, line.hasPrefix("|"), !line.hasPrefix("|---"), !line.hasPrefix("| module") else {
        if inside, !line.hasPrefix("|") { inside = false }
        continue
      }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 3 else { continue }
      switch cells[2] {
      case "everything": result.updateValue(nil, forKey: cells[0])
      case "-": result.updateValue(Set<String>(), forKey: cells[0])
      default:
        let names = cells[2].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        result.updateValue(
          Set(names), forKey: cells[0])
      }
    }
    return result
  }

  /// The modules that a source imports, in order.
  static func imports(of source: String) -> [String] {
    source.split(separator: "\n").compactMap { line in
      var words = line.split(separator: " ").map(String.init)
      words.removeAll {
        $0.hasPrefix("@") || ["internal", "public", "package", "private", "fileprivate"].contains($0)
      }
      guard words.first == "import", words.count >= 2 else { return nil }
      let kinds: Set = ["struct", "class", "enum", "func", "protocol", "typealias", "var", "let"]
      let path = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
      return String(path.prefix { $0 != "." && $0 != ";" })
    }
  }

  static func forbiddenImports(in source: String, allowed: Set<String>) -> [String] {
    imports(of: source).filter { !freeForAll.contains($0) && !allowed.contains($0) }
  }

  /// What a row grants and no file takes.
  static func unusedGrants(_ sources: [String], allowed: Set<String>) -> [String] {
    allowed.subtracting(sources.flatMap(imports)).sorted()
  }

  static func swiftFiles(under folder: URL) -> [URL] {
    let all =
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects as? [URL]
    return (all ?? []).filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }
  }

  static func modules() throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil
    ).filter(\.hasDirectoryPath).sorted { $0.path < $1.path }
  }

  @Test func everyImportIsInTheTable() throws {
    let table = try Self.table()
    #expect(table.count > 15)
    for module in try Self.modules() {
      let name = module.lastPathComponent
      guard let row = table[name] else {
        Issue.record("ARCHITECTURE.md has no row for Sources/\(name)")
        continue
      }
      guard let allowed = row else { continue }
      let files = Self.swiftFiles(under: module)
      let sources = try files.map { try String(contentsOf: $0, encoding: .utf8) }
      // C modules have no Swift, so nothing to hold their rows against.
      if !files.isEmpty {
        let unused = Self.unusedGrants(sources, allowed: allowed)
        #expect(unused.isEmpty, "\(name)'s row grants \(unused), which no file imports")
      }
      for (file, source) in zip(files, sources) {
        let found = Self.forbiddenImports(in: source, allowed: allowed)
        #expect(
          found.isEmpty, "\(name)/\(file.lastPathComponent) imports \(found), which its row does not list")
      }
    }
    for name in table.keys {
      #expect(
        FileManager.default.fileExists(atPath: Self.root.appendingPathComponent("Sources/\(name)").path),
        "ARCHITECTURE.md lists \(name), which does not exist")
    }
  }

  @Test func aForbiddenImportIsCaught() {
    let source = "import Foundation\n@preconcurrency internal import Pipeline\nimport struct Geometry.Box3D\n"
    #expect(Self.forbiddenImports(in: source, allowed: ["Scenes"]) == ["Pipeline", "Geometry"])
    #expect(Self.forbiddenImports(in: source, allowed: ["Geometry", "Pipeline"]).isEmpty)
  }

  @Test func aGrantThatNobodyTakesIsCaught() {
    let sources = ["import Foundation\nimport Scenes\n", "internal import Files\n"]
    #expect(Self.unusedGrants(sources, allowed: ["Scenes", "Files", "Geometry"]) == ["Geometry"])
    #expect(Self.unusedGrants(sources, allowed: ["Scenes", "Files"]).isEmpty)
  }

  @Test func everyModuleHasAReadme() throws {
    for module in try Self.modules() {
      let readme = module.appendingPathComponent("README.md")
      let text = try String(contentsOf: readme, encoding: .utf8)
      // A C library's page is two lines: what it is, and who uses it.
      let name = module.lastPathComponent
      let isLibrary = name.hasPrefix("C") && name.dropFirst().first?.isUppercase == true
      let least = isLibrary ? 2 : 5
      #expect(text.split(separator: "\n").count >= least, "\(readme.path) says next to nothing")
    }
  }

  @Test func filesCanBeReadInOneSitting() throws {
    for file in Self.swiftFiles(under: Self.root.appendingPathComponent("Sources"))
    where !file.lastPathComponent.hasSuffix(".pb.swift") {
      let lines = try String(contentsOf: file, encoding: .utf8).split(
        separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count <= 500, "\(file.path) has \(lines.count) lines")
    }
  }
}
