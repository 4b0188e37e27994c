internal import CVectorKernels
import Foundation

/// Instruction sets of x86-64 that oneDNN and the vector loops (`CVectorKernels`) are held to, both by the environment
/// variable `APUS_ISA`; each has what those before it have.
public enum InstructionSet: String, Sendable, CaseIterable {
  /// SSE4.2, and less.
  case sse42 = "sse4.2"
  /// AVX2 with FMA.
  case avx2
  /// AVX-512 F, BW, DQ and VL.
  case avx512
  /// AVX-512 with VNNI.
  case avx512VNNI = "avx512_vnni"
  /// AVX-512 with VNNI and bf16.
  case avx512BFloat16 = "avx512_bf16"

  /// Those that this machine has, the widest last: what `APUS_ISA` can ask for here.
  public static var available: [InstructionSet] { Array(allCases.prefix(Int(apus_machine_set()) + 1)) }

  /// The set that `APUS_ISA` asks for; nil where it does not, or asks for what cannot be had.
  static var held: InstructionSet? {
    guard let name = ProcessInfo.processInfo.environment["APUS_ISA"] else { return nil }
    return available.first { $0.rawValue == name }
  }

  /// The set in use: the one that `APUS_ISA` asks for, else the machine's widest.
  ///
  /// - Throws: `EngineError` where `APUS_ISA` names none, or one that this machine lacks.
  public static func inUse() throws -> InstructionSet {
    let wanted = ProcessInfo.processInfo.environment["APUS_ISA"] ?? ""
    let choices = available
    if wanted.isEmpty { return choices[choices.count - 1] }
    guard let held else {
      let known = allCases.contains { $0.rawValue == wanted }
      throw EngineError(
        field: "APUS_ISA", found: known ? "\(wanted), which this CPU lacks" : wanted,
        expected: choices.map(\.rawValue).joined(separator: ", "))
    }
    return held
  }

  /// What oneDNN uses, in words: `AVX2`, `AVX-512 with VNNI`.
  public static var description: String { Library.instructionSet }
}
