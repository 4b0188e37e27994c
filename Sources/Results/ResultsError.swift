import Files

/// What is wrong with a run's files: the file, the place in it, what was found and what was expected.
public typealias ResultsError = ArrayFileError

/// A name from a recording that becomes a file name: a scene's or a sample's.
/// - Throws: `ResultsError` where it could lead outside its folder or hide.
func fileName(_ name: String, field: String, file: String) throws -> String {
  guard !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 200,
    !name.utf8.contains(where: { $0 == 0x2f || $0 < 0x20 || $0 == 0x7f })
  else {
    throw ResultsError(
      file: file, place: field, found: "\"\(name.prefix(80))\"",
      expected: "a name that can be a file's: no '/', no leading '.', 1 to 200 bytes")
  }
  return name
}

extension RunDirectory {
  /// Checks that a scene's name or a sample's token can be a file's name.
  /// - Parameter file: what an error names: the table that has it.
  /// - Throws: `ResultsError`.
  public static func checkName(_ name: String, field: String, file: String) throws {
    _ = try fileName(name, field: field, file: file)
  }
}
