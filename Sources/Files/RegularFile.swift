import Foundation

/// Reads regular files, and nothing else: a FIFO or a device is refused without waiting for it.
public enum RegularFile {
  /// The most bytes that are read unless the caller says otherwise: 4 GiB.
  public static let defaultLimit = 1 << 32

  /// All bytes of a regular file.
  ///
  /// The file is opened with `O_NONBLOCK` and checked by `fstat`; nothing is mapped, so that a file that shrinks
  /// meanwhile gives an error and no signal.
  /// - Parameters:
  ///   - path: The file.
  ///   - limit: The most bytes that the file may have.
  /// - Throws: `FileError` with errno where the system refuses, `ArrayFileError` where it is no regular file, larger
  ///   than `limit`, or changes while it is read.
  public static func read(_ path: String, limit: Int = defaultLimit) throws -> [UInt8] {
    let descriptor = try OpenFile(path)
    let size = descriptor.size
    guard size <= limit else {
      throw ArrayFileError(file: path, place: "size", found: "\(size) bytes", expected: "at most \(limit)")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    let count = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0, at: 0) }
    guard count == size else {
      throw ArrayFileError(
        file: path, place: "size", found: "\(count) bytes could be read",
        expected: "\(size) as at its opening")
    }
    return bytes
  }
}

/// A regular file that is open for reading; closed at the end of its life.
public struct OpenFile: ~Copyable, Sendable {
  /// The file's path.
  public let path: String
  /// The file's size in bytes when it was opened.
  public let size: Int
  private let descriptor: Int32

  /// Opens a regular file without ever waiting for it.
  /// - Throws: `FileError` where the system refuses, `ArrayFileError` where it is no regular file.
  public init(_ path: String) throws {
    self.path = path
    guard !path.utf8.contains(0) else {
      throw ArrayFileError(
        file: path.replacingOccurrences(of: "\0", with: "\\0"), place: "path", found: "a NUL byte",
        expected: "a path without one")
    }
    let opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard opened >= 0 else { throw FileError(path: path, operation: "opening", code: errno) }
    var status = stat()
    guard fstat(opened, &status) == 0 else {
      let code = errno
      close(opened)
      throw FileError(path: path, operation: "reading its status", code: code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(opened)
      throw ArrayFileError(
        file: path, place: "type", found: Self.kind(status.st_mode), expected: "a regular file")
    }
    descriptor = opened
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills the buffer from `offset` on and returns how many bytes there were: fewer only at the end of the file.
  public borrowing func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let count = pread(descriptor, base + done, min(buffer.count - done, 1 << 30), off_t(offset + done))
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: path, operation: "reading at byte \(offset + done)", code: errno)
      }
      done += count
    }
    return done
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a FIFO"
    case S_IFCHR, S_IFBLK: "a device"
    case S_IFSOCK: "a socket"
    default: "no file"
    }
  }
}
