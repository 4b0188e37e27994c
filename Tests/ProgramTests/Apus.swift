import Foundation

/// Runs the built program as a user does.
struct Apus {
  struct Outcome {
    let status: Int32
    let standardOutput: String
    let standardError: String
    /// The last line on stderr.
    var lastLine: String { standardError.split(separator: "\n").last.map(String.init) ?? "" }
  }

  /// The program beside the tests' own bundle.
  static let path: String = {
    let own = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    for folder in [own, own.deletingLastPathComponent()] {
      let candidate = folder.appendingPathComponent("apus").path
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(".build/release/apus").path
  }()

  @discardableResult
  static func run(_ arguments: [String], environment: [String: String] = [:], shell: String? = nil) throws
    -> Outcome
  {
    let process = Process()
    if let shell {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", shell, "bash", path] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
    }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "apus-output-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    let files = ["out", "err"].map { folder.appendingPathComponent($0) }
    for file in files { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      standardOutput: String(decoding: try Data(contentsOf: files[0]), as: UTF8.self),
      standardError: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
  }
}

/// A folder of its own for a test, removed at the end.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("apus-test-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { do { try FileManager.default.removeItem(at: url) } catch { print("left behind: \(url.path)") } }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// Every file under a folder with its bytes, by relative path.
func contents(of folder: String) throws -> [String: Data] {
  var result: [String: Data] = [:]
  for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() {
    let path = folder + "/" + name
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
      result[name] = try Data(contentsOf: URL(fileURLWithPath: path))
    }
  }
  return result
}
