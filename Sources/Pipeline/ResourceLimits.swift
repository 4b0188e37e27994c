import Foundation

/// What the system lets a process have, asked before work begins that would fail for want of it.
public enum ResourceLimits {
  /// Something that there is too little of.
  public struct Shortage: Error, Sendable, Hashable, CustomStringConvertible {
    let resource: String, found: String, expected: String
    /// One line.
    public var description: String { "\(resource): \(found) (expected \(expected))" }
  }

  /// The fewest open files that the program works with: its own streams, a lock, and files in flight.
  public static let leastOpenFiles = 16

  /// Raises the soft limit of open files to the hard one, 1024 at most, and checks that it suffices.
  /// - Throws: `Shortage` naming the limit.
  public static func prepareOpenFiles() throws {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    let wanted = min(limit.rlim_max, 1024)
    if limit.rlim_cur < wanted {
      limit.rlim_cur = wanted
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    guard limit.rlim_cur >= leastOpenFiles else {
      throw Shortage(
        resource: "limit of open files (ulimit -n)", found: "\(limit.rlim_cur)",
        expected: "\(leastOpenFiles) at least")
    }
  }

  /// Checks that the system makes so many threads at once.
  /// - Throws: `ThreadError`.
  public static func requireThreads(_ count: Int) throws { try StageThreads.require(count) }

  /// Checks that so much more memory can be had: address space under `ulimit -v`, and memory under the cgroup's limit.
  /// - Parameters:
  ///   - addressSpace: bytes that will be mapped beside what is mapped now.
  ///   - memory: bytes of them that will be used.
  ///   - work: what needs them, as an error names it.
  /// - Throws: `Shortage` with what there is and what is needed.
  public static func requireMemory(addressSpace: Int, memory: Int, for work: String) throws {
    func megabytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt(Int.max) {
      let left = Int(limit.rlim_cur) - status("VmSize:")
      guard left >= addressSpace else {
        throw Shortage(
          resource: "address space (ulimit -v)",
          found: "\(megabytes(max(0, left))) left of \(megabytes(Int(limit.rlim_cur)))",
          expected: "about \(megabytes(addressSpace)) for \(work)")
      }
    }
    if let most = cgroup("memory.max"), let used = cgroup("memory.current") {
      guard most - used + cgroupCache >= memory else {
        throw Shortage(
          resource: "memory (the cgroup's memory.max)",
          found: "\(megabytes(max(0, most - used))) left of \(megabytes(most))",
          expected: "about \(megabytes(memory)) for \(work)")
      }
    }
  }

  /// Bytes that `/proc/self/status` gives for a field; 0 where it does not.
  private static func status(_ field: String) -> Int {
    guard let text = Machine.procFile("/proc/self/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(field) }),
      let kilobytes = line.split(separator: " ").compactMap({ Int($0) }).first
    else { return 0 }
    return kilobytes * 1024
  }

  private static func cgroup(_ name: String) -> Int? {
    Machine.procFile("/sys/fs/cgroup/\(name)").flatMap {
      Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  /// Pages of files that the cgroup holds and can give back.
  private static var cgroupCache: Int {
    guard let text = Machine.procFile("/sys/fs/cgroup/memory.stat"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("file ") })
    else { return 0 }
    return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }
}
