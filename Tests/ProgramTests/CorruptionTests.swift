import Corrupters
import Foundation
import Synchronization
import Testing

/// Input broken by seed: the program ends, with 0, 1 or 3, and says in short lines what is wrong.
///
/// `APUS_CORRUPTED` says how many seeds, `APUS_CORRUPTED_FIRST` the first: `make soak` runs 10,000.
@Suite(.serialized) struct CorruptionTests {
  private static let seeds: Range<Int> = {
    let variables = ProcessInfo.processInfo.environment
    let first = variables["APUS_CORRUPTED_FIRST"].flatMap { Int($0) } ?? 0
    return first..<first + (variables["APUS_CORRUPTED"].flatMap { Int($0) } ?? 200)
  }()

  /// Runs every seed, two at a time, and reports those that end otherwise than they may.
  private static func check(
    _ body:
      @escaping @Sendable (_ seed: Int, _ folder: TemporaryFolder) throws -> (
        what: String, arguments: [String]
      )
  ) {
    let faults = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 2) { lane in
      for seed in seeds where seed % 2 == lane {
        do {
          let folder = try TemporaryFolder()
          let (what, arguments) = try body(seed, folder)
          let outcome = try Apus.run(arguments, shell: "exec timeout -s KILL 60 \"$@\"")
          let lines = outcome.standardError.split(separator: "\n")
          let isGood =
            [0, 1, 3].contains(outcome.status) && lines.allSatisfy { $0.unicodeScalars.count <= 620 }
            && (outcome.status != 1 || lines.last?.hasPrefix("apus: ") == true)
          if !isGood {
            faults.withLock {
              $0.append(
                "seed \(seed): \(what): \(arguments): \(outcome.status): \(outcome.standardError.suffix(600))"
              )
            }
          }
        } catch {
          faults.withLock { $0.append("seed \(seed): \(error)") }
        }
      }
    }
    let found = faults.withLock { $0 }
    #expect(
      found.isEmpty, "\(found.count) of \(seeds.count) seeds:\n\(found.prefix(10).joined(separator: "\n"))")
  }

  @Test func brokenDataroots() throws {
    let drive = try TestDrive(scenes: 2, keyframes: 2)
    let base = try TemporaryFolder()
    let run = base.path("run"), root = drive.root
    #expect(try Apus.run(["replay", root.path, "--out", run]).status == 0)
    Self.check { seed, folder in
      let copy = folder.path("drive")
      try FileManager.default.copyItem(atPath: root.path, toPath: copy)
      let what = try DatarootCorrupter.corrupt(URL(fileURLWithPath: copy), seed: UInt64(seed))
      let out = ["--out", folder.path("run")]
      let arguments = [
        ["inspect", copy], ["replay", copy, "--threads", "2"] + out, ["evaluate", run, "--truth", copy],
        ["replay", copy, "--given", "truth"] + out, ["replay", copy, "--strict", "--threads", "1"] + out,
      ][seed % 5]
      return (what, arguments)
    }
    withExtendedLifetime((drive, base)) {}
  }

  @Test func brokenNetworksAndModels() throws {
    let base = try TemporaryFolder()
    let model = base.path("tiny.safetensors")
    try Data(TinyModel.configuration().utf8).write(to: URL(fileURLWithPath: base.path("tiny.yaml")))
    #expect(try Apus.run(["model", "create", base.path("tiny.yaml"), "--out", model]).status == 0)
    #expect(try Apus.run(["export", model, "--onnx", base.path("onnx")]).status == 0)
    let networks = try contents(of: base.path("onnx")).filter { $0.key.hasSuffix(".onnx") }.sorted {
      $0.key < $1.key
    }
    .map { Array($0.value) }
    #expect(!networks.isEmpty)
    let models = [Array(try Data(contentsOf: URL(fileURLWithPath: model)))]
    Self.check { seed, folder in
      let isModel = seed % 3 == 0
      let source = isModel ? models[0] : networks[seed % networks.count]
      let broken = ByteCorrupter.corrupt(source, seed: UInt64(seed))
      let file = folder.path(isModel ? "broken.safetensors" : "broken.onnx")
      try Data(broken.bytes).write(to: URL(fileURLWithPath: file))
      let arguments = seed % 2 == 0 ? ["inspect", file] : ["export", file, "--onnx", folder.path("out")]
      return (broken.what, arguments)
    }
    withExtendedLifetime(base) {}
  }
}
