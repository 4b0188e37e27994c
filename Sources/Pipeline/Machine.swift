import Foundation

/// What the machine is, for run.json: the only facts of a run that are not the same everywhere.
public enum Machine {
  /// The processor's name and the widest vector instructions it has.
  public static var processor: String {
    guard let text = procFile("/proc/cpuinfo") else { return "unknown" }
    let field = { (name: String) -> String? in
      text.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: ":").last.map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    let flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
    let widest = ["avx512_vnni", "avx512f", "avx2", "avx", "sse4_2"].first { flags.contains($0) }
    return [field("model name") ?? "unknown", widest].compactMap { $0 }.joined(separator: ", ")
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

  private static func procFile(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
