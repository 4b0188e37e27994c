internal import Files
import Foundation

/// Files that tables name, held inside the dataroot.
enum ContainedPath {
  /// A path without symbolic links.
  /// - Throws: `RecordingError` with the system's text.
  static func canonical(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else {
      throw RecordingError(FileError(path: path, operation: "resolving", code: errno), file: path)
    }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The canonical path of a file that a table names.
  /// - Throws: `RecordingError`: `.invalid` where the name leads out of the root, `.missing` where there is no such
  ///   file, `.unreadable` where the system refuses. Nothing is opened.
  static func resolve(_ relative: String, in root: String, canonicalRoot: String) throws -> String {
    func fail(_ found: String) -> RecordingError {
      RecordingError(
        file: relative.replacingOccurrences(of: "\0", with: "\\0"), place: "filename", found: found,
        expected: "a path inside \(root)")
    }
    guard !relative.isEmpty else { throw fail("an empty name") }
    guard !relative.utf8.contains(0) else { throw fail("a NUL byte") }
    guard !relative.hasPrefix("/") else { throw fail("an absolute path") }
    guard !relative.split(separator: "/").contains("..") else { throw fail("a path with ..") }
    let path = "\(canonicalRoot)/\(relative)"
    let resolved: String
    do {
      resolved = try canonical(path)
    } catch let error as RecordingError {
      throw RecordingError(
        error.kind, file: "\(root)/\(relative)", place: "file", found: error.found, expected: error.expected)
    }
    let prefix = canonicalRoot == "/" ? "/" : canonicalRoot + "/"
    guard resolved.hasPrefix(prefix) else { throw fail("a symbolic link to \(resolved)") }
    return resolved
  }
}

extension Dataset {
  /// The path of a file that the tables name, without symbolic links; it exists and lies inside the dataroot.
  /// - Throws: `RecordingError`: kind `.missing` where there is no such file, `.unreadable` where the system refuses,
  ///   `.invalid` where the name is absolute, has `..` or a NUL, or a symbolic link leads out.
  public func filePath(_ relative: String) throws -> String {
    try ContainedPath.resolve(relative, in: root, canonicalRoot: canonicalRoot)
  }

  /// Whether a file that the tables name is there (and lies inside the dataroot).
  /// - Throws: `RecordingError` as `filePath(_:)` does, but not for a missing file.
  public func fileExists(_ relative: String) throws -> Bool {
    do {
      _ = try filePath(relative)
      return true
    } catch let error as RecordingError where error.kind == .missing {
      return false
    }
  }

  /// The bytes of a file that the tables name: regular files only, never waiting for a FIFO.
  /// - Parameters:
  ///   - relative: The file's name as in the tables.
  ///   - limit: The most bytes that it may have.
  /// - Throws: `RecordingError` as `filePath(_:)` does, and with errno's text where reading fails.
  public func readFile(_ relative: String, limit: Int = 1 << 30) throws -> [UInt8] {
    let path = try filePath(relative)
    do {
      return try RegularFile.read(path, limit: limit)
    } catch {
      throw RecordingError(error, file: "\(root)/\(relative)")
    }
  }
}
