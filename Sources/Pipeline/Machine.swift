internal import CMalloc
import Foundation
import NeuralEngine

/// What the machine is, for run.json: the only facts of a run that are not the same everywhere.
public enum Machine {
  /// The processor's name and the instruction set in use (`APUS_ISA`, or the widest it has).
  public static var processor: String {
    guard let text = procFile("/proc/cpuinfo") else { return "unknown" }
    let field = { (name: String) -> String? in
      text.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: ":").last.map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    return (field("model name") ?? "unknown") + ", " + InstructionSet.description
  }

  /// The most memory that this process has held at once, in bytes (`VmHWM`); 0 where the system does not say.
  public static var peakMemoryBytes: Int {
    guard let text = procFile("/proc/self/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = line.split(separator: " ").compactMap({ Int($0) }).first
    else { return 0 }
    return kilobytes * 1024
  }

  /// Makes `peakMemoryBytes` begin anew at what is held now, where the system can.
  static func resetPeakMemory() {
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return }
    file.write(Data("5".utf8))
    file.closeFile()
  }

  /// Has the C library give memory back, so that a long drive holds no more than a short one.
  ///
  /// Left alone, glibc raises the size from which a buffer is the system's own with each one that is freed (to 32 MiB after
  /// large tables), and keeps a heap for each thread: buffers of different frames then lie scattered, and what is held
  /// depends on chance. Call it before the first allocation of any size.
  public static func keepMemoryCompact() {
    _ = mallopt(M_MMAP_THRESHOLD, 256 << 10)
    _ = mallopt(M_ARENA_MAX, 2)
  }

  static func procFile(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
