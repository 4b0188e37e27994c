import Foundation
import Synchronization

/// Writes files that are there whole or not at all.
public enum AtomicFile {
  private static let counter = Atomic<UInt64>(0)

  /// Writes a file under a unique temporary name beside it, syncs it, renames it, and syncs the folder.
  ///
  /// A reader sees the old file or the new one, also after a crash. The temporary name begins with `.` and ends with
  /// `.partial`; it is removed when writing fails.
  /// - Parameters:
  ///   - path: Where to; its folder must exist.
  ///   - bytes: The whole content.
  /// - Throws: `FileError` with path, bytes and errno.
  /// - Complexity: O(bytes) and two syncs.
  public static func write(_ path: String, _ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write(path, $0) }
  }

  /// Writes a text file in UTF-8 as `write(_:_:)` does.
  public static func write(_ path: String, text: String) throws {
    try write(path, Array(text.utf8))
  }

  /// Writes these bytes as `write(_:_:)` does.
  public static func write(_ path: String, _ bytes: UnsafeRawBufferPointer) throws {
    let url = URL(fileURLWithPath: path)
    let folder = path.contains("/") ? url.deletingLastPathComponent().path : "."
    let name = url.lastPathComponent
    let unique = counter.add(1, ordering: .relaxed).newValue
    let stamp = UInt64(Date().timeIntervalSince1970 * 1e6)
    let temporary = "\(folder)/.\(name.prefix(100)).\(getpid()).\(stamp).\(unique).partial"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path, bytes.count) }
    do {
      defer { close(descriptor) }
      try writeAll(descriptor, bytes, path)
      guard fsync(descriptor) == 0 else { throw failure(path, bytes.count) }
    } catch {
      unlink(temporary)
      throw error
    }
    guard rename(temporary, path) == 0 else {
      let error = failure(path, bytes.count)
      unlink(temporary)
      throw error
    }
    try syncFolder(folder)
  }

  /// Syncs a folder, so that names made or removed in it last.
  /// - Throws: `FileError`.
  public static func syncFolder(_ folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path: folder, operation: "syncing", code: errno) }
    defer { close(descriptor) }
    // Some file systems cannot sync a folder and say so by EINVAL: there is nothing more to do on them.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FileError(path: folder, operation: "syncing", code: errno)
    }
  }

  /// The error of a write of `count` bytes that the system just refused.
  package static func failure(_ path: String, _ count: Int) -> FileError {
    FileError(path: path, operation: "writing \(count) bytes", code: errno)
  }

  /// Writes all bytes, however often the system takes a part of them or is interrupted.
  package static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ path: String) throws {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = Foundation.write(descriptor, base + done, min(bytes.count - done, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw failure(path, bytes.count)
      }
      done += count
    }
  }
}
