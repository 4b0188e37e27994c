internal import CFileSystem
import Foundation

/// A file written piece by piece, of any length in constant memory, and there whole or not at all as by `AtomicFile`.
package struct StreamedFile: ~Copyable {
  private let path: String
  private let temporary: String
  private var descriptor: Int32
  private var written = 0

  /// Begins the file under a temporary name beside it.
  /// - Throws: `FileError`.
  package init(_ path: String) throws {
    self.path = path
    let folder = (path as NSString).deletingLastPathComponent
    temporary =
      "\(folder.isEmpty ? "." : folder)/.\((path as NSString).lastPathComponent).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(path: path, operation: "writing", code: errno) }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  /// Adds bytes.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = Foundation.write(descriptor, base + done, bytes.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: path, operation: "writing \(bytes.count) bytes after \(written)", code: errno)
      }
      done += count
      written += count
    }
  }

  /// Adds text.
  package mutating func append(_ text: StaticString) throws {
    try append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Adds all bytes of another file, through a buffer of 1 MiB.
  package mutating func append(file: String) throws {
    let source = try OpenFile(file)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while offset < source.size {
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0, at: offset) }
      guard count > 0 else {
        throw ArrayFileError(
          file: file, place: "size", found: "\(offset) bytes", expected: "\(source.size) as at its opening")
      }
      try buffer.withUnsafeBytes { try append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      offset += count
    }
  }

  /// Gives the file its name without syncing it, as a part of a unit that is synced as a whole.
  package mutating func finishWithinUnit() throws {
    guard rename(temporary, path) == 0 else {
      throw FileError(path: path, operation: "writing \(written) bytes", code: errno)
    }
    close(descriptor)
    descriptor = -1
  }

  /// Syncs the file, gives it its name, and syncs the folder.
  package mutating func finish() throws {
    guard fsync(descriptor) == 0 else {
      throw FileError(path: path, operation: "writing \(written) bytes", code: errno)
    }
    try finishWithinUnit()
    let folder = (path as NSString).deletingLastPathComponent
    try AtomicFile.syncFolder(folder.isEmpty ? "." : folder)
  }
}

/// Writes a file within a folder that becomes visible as a whole later, under its own name and not synced: whoever makes
/// the folder visible syncs its files first, by `syncFiles(besides:)`.
package func writeWithinUnit(_ path: String, _ bytes: [UInt8]) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else { throw AtomicFile.failure(path, bytes.count) }
  defer { close(descriptor) }
  try bytes.withUnsafeBytes { try AtomicFile.writeAll(descriptor, $0, path) }
}

/// Syncs all that was written to the file system of this folder, once for all files: a sync of each waits for the disk
/// each time.
/// - Throws: `FileError`, also where an earlier write failed behind the back of its writer.
package func syncFiles(besides folder: String) throws {
  let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError(path: folder, operation: "syncing", code: errno) }
  defer { close(descriptor) }
  guard syncfs(descriptor) == 0 else { throw FileError(path: folder, operation: "syncing", code: errno) }
}
