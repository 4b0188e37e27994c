import Foundation

/// Folders made, moved and removed, with errors that name them.
package enum Folders {
  package enum Kind { case absent, folder, other }

  /// What a path is.
  package static func kind(_ path: String) throws -> Kind {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { return .absent }
      throw FileError(path: shown(path), operation: "opening", code: errno)
    }
    return status.st_mode & S_IFMT == S_IFDIR ? .folder : .other
  }

  /// Makes a folder and those above it.
  package static func make(_ path: String) throws {
    if mkdir(path, 0o755) == 0 { return }
    if errno == ENOENT {
      let parent = (path as NSString).deletingLastPathComponent
      if !parent.isEmpty, parent != path {
        try make(parent)
        if mkdir(path, 0o755) == 0 { return }
      }
    }
    let code = errno
    if code == EEXIST, try kind(path) == .folder { return }
    throw FileError(path: shown(path), operation: "making a folder", code: code)
  }

  /// Moves a file or a folder whole. What was there gives way.
  package static func move(_ source: String, to destination: String) throws {
    if try kind(destination) == .folder { try remove(destination) }
    guard rename(source, destination) == 0 else {
      throw FileError(path: shown(destination), operation: "moving \(source) here", code: errno)
    }
  }

  /// Removes a file or a folder with all that is in it; one that is absent is no fault.
  package static func remove(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw FileError(path: shown(path), operation: "removing", code: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      for name in try names(path) { try remove("\(path)/\(name)") }
      guard rmdir(path) == 0 else { throw FileError(path: shown(path), operation: "removing", code: errno) }
    } else {
      guard unlink(path) == 0 else { throw FileError(path: shown(path), operation: "removing", code: errno) }
    }
  }

  /// The names in a folder, sorted by bytes.
  package static func names(_ path: String) throws -> [String] {
    guard let folder = opendir(path) else {
      throw FileError(path: shown(path), operation: "listing", code: errno)
    }
    defer { closedir(folder) }
    var result: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { result.append(name) }
    }
    return result.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// A path as an error shows it: a very long one is cut.
  package static func shown(_ path: String) -> String {
    path.utf8.count <= 400 ? path : "\(path.prefix(200))... (\(path.utf8.count) bytes)"
  }
}

/// A lock on a file that goes with its process, so that a killed one leaves none behind.
package final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Locks `path`, writing who holds it into it.
  /// - Throws: `ArrayFileError` naming the holder where another process has it.
  package init(_ path: String) throws {
    let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard opened >= 0 else { throw FileError(path: path, operation: "opening", code: errno) }
    var own = stat()
    var named = stat()
    // A lock file that was removed between opening and locking locks nothing: its name then means another file.
    guard flock(opened, LOCK_EX | LOCK_NB) == 0, fstat(opened, &own) == 0, stat(path, &named) == 0,
      own.st_ino == named.st_ino
    else {
      var buffer = [UInt8](repeating: 0, count: 200)
      let count = max(0, read(opened, &buffer, buffer.count))
      close(opened)
      let holder = String(decoding: buffer[..<count], as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      throw ArrayFileError(
        file: path, place: "lock", found: "locked by \(holder.isEmpty ? "another process" : holder)",
        expected: "no other run writing to this folder")
    }
    descriptor = opened
    let text = Array("pid \(getpid()) on host \(ProcessInfo.processInfo.hostName)\n".utf8)
    guard ftruncate(opened, 0) == 0, pwrite(opened, text, text.count, 0) == text.count else {
      let code = errno
      close(opened)
      throw FileError(path: path, operation: "writing \(text.count) bytes", code: code)
    }
  }

  deinit { close(descriptor) }
}
