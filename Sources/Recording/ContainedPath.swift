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
  ///
  /// What the data say is held inside the root; what the owner of the dataroot did is followed: a link at the root's top
  /// (`samples` on another disk) leads to a folder that belongs to the root, and an absolute name may lie inside it.
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
    let inside = relative.hasPrefix("/") ? within([root, canonicalRoot], relative) : relative
    guard let inside else { throw fail("an absolute path elsewhere") }
    let parts = inside.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else { throw fail("a path with ..") }
    let path = "\(canonicalRoot)/\(inside)"
    let resolved: String
    do {
      resolved = try canonical(path)
    } catch let error as RecordingError {
      throw RecordingError(
        error.kind, file: "\(root)/\(relative)", place: "file", found: error.found, expected: error.expected)
    }
    if within([canonicalRoot], resolved) != nil { return resolved }
    guard parts.count > 1, let top = parts.first,
      within([try canonical("\(canonicalRoot)/\(top)")], resolved) != nil
    else { throw fail("a symbolic link to \(resolved)") }
    return resolved
  }

  /// A path relative to the first of these folders that it lies in; nil where it lies in none.
  private static func within(_ folders: [String], _ path: String) -> String? {
    folders.lazy.map { $0.hasSuffix("/") ? $0 : $0 + "/" }.first { path.hasPrefix($0) }
      .map { String(path.dropFirst($0.count)) }
  }
}

extension Dataset {
  /// The path of a file that the tables name, without symbolic links; it exists and lies inside the dataroot.
  /// - Throws: `RecordingError`: kind `.missing` where there is no such file, `.unreadable` where the system refuses,
  ///   `.invalid` where the name is absolute and lies elsewhere, has `..` or a NUL, or a symbolic link below the root's top
  ///   leads out.
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

  /// The size in bytes of a file that the tables name; nil where there is none or it lies outside the dataroot.
  public func fileSize(_ relative: String) throws -> Int? {
    var status = stat()
    do {
      return stat(try filePath(relative), &status) == 0 ? Int(status.st_size) : nil
    } catch is RecordingError { return nil }
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
