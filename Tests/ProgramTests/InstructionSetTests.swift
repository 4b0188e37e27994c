import Foundation
import Results
import Testing

/// `APUS_ISA`: the program at every instruction set that this machine has.
@Suite(.serialized) struct InstructionSetTests {
  /// What run.json names each set.
  static let descriptions = [
    "sse4.2": "SSE4.2", "avx2": "AVX2", "avx512": "AVX-512", "avx512_vnni": "AVX-512 with VNNI",
    "avx512_bf16": "AVX-512 with VNNI and bf16",
  ]

  /// The sets of this machine, as the program lists them to one who asks for none of them.
  static func available() throws -> [String] {
    let outcome = try Apus.run(["inspect", "nothing"], environment: ["APUS_ISA": "mmx"])
    #expect(outcome.status == 1 && outcome.standardError.split(separator: "\n").count == 1)
    let line = outcome.lastLine
    let start = try #require(line.range(of: "APUS_ISA: mmx (expected "), "\(line)")
    return line[start.upperBound...].dropLast().components(separatedBy: ", ")
  }

  @Test func aSetThatThisMachineLacksIsRefused() throws {
    let sets = try Self.available()
    #expect(!sets.isEmpty && sets.allSatisfy { Self.descriptions[$0] != nil }, "\(sets)")
    for set in Self.descriptions.keys where !sets.contains(set) {
      let outcome = try Apus.run(["inspect", "nothing"], environment: ["APUS_ISA": set])
      #expect(outcome.status == 1 && outcome.lastLine.contains("\(set), which this CPU lacks"))
    }
  }

  /// A network in single precision and in 8 bits; a precision that a set lacks is refused before anything is read.
  @Test func networksReplayAtEverySet() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 3)
    let model = try TinyModel.create(in: folder)
    for set in try Self.available() {
      let environment = ["APUS_ISA": set], small = folder.path("\(set).safetensors")
      let quantised = try Apus.run(
        ["model", "quantize", model, "--from", drive.root.path, "--frames", "2", "--out", small],
        environment: environment)
      #expect(quantised.status == 0, "\(set): \(quantised.standardError)")
      for precision in ["f32", "int8"] {
        let run = folder.path("\(set)-\(precision)")
        let outcome = try Apus.run(
          ["replay", drive.root.path, "--model", small, "--precision", precision, "--out", run],
          environment: environment)
        #expect(outcome.status == 0, "\(set), \(precision): \(outcome.standardError)")
        let manifest = try RunManifest(path: run + "/run.json")
        #expect(manifest.count(.ok) == 3)
        let description = try #require(Self.descriptions[set])
        #expect(manifest.cpu.hasSuffix(", " + description), "\(manifest.cpu)")
      }
      guard set != "avx512_bf16" else { continue }
      let refused = try Apus.run(
        ["replay", "nowhere", "--model", "nothing", "--precision", "bf16", "--out", folder.path("none")],
        environment: environment)
      #expect(refused.status == 1 && refused.lastLine.contains("precision: bf16 on a CPU with"))
    }
  }
}
