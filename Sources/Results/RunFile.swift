import Files
import Foundation

/// Files inside a run's folder, reached by names that cannot lead out of it and without following a link.
public enum RunFile {
  /// Whether there is a regular file: below the folder each name is a plain one, and none is a link.
  public static func isThere(_ names: [String], in folder: String) -> Bool {
    var path = folder, status = stat()
    for (k, name) in names.enumerated() {
      guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.utf8.contains(0) else {
        return false
      }
      path += "/\(name)"
      let wanted = k == names.count - 1 ? S_IFREG : S_IFDIR
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT == wanted else { return false }
    }
    return true
  }

  /// The bytes of a file that `isThere`.
  /// - Throws: `ResultsError` where it is not there, `FileError` where the system refuses.
  public static func read(_ names: [String], in folder: String) throws -> [UInt8] {
    let path = ([folder] + names).joined(separator: "/")
    guard isThere(names, in: folder) else {
      throw ResultsError(
        file: path, place: "file", found: "a link, a name that leads out, or none",
        expected: "a regular file of the run")
    }
    return try RegularFile.read(path)
  }

  /// Refuses a link where a run has a file or a folder of its own.
  /// - Throws: `ResultsError`.
  static func refuseLink(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
    throw ResultsError(
      file: path, place: "type", found: "a symbolic link",
      expected: "a file or folder of the run's own, or nothing")
  }
}
