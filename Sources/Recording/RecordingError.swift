internal import Files

/// What is wrong with a recording: the file, the place in it, what was found and what was expected.
public struct RecordingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of fault it is, for those who go on without the file.
  public enum Kind: Sendable, Hashable {
    /// The file is not there: a partial download.
    case missing
    /// The system refuses, or it is no regular file.
    case unreadable
    /// The content is wrong.
    case invalid
  }

  /// The kind.
  public let kind: Kind
  /// The file.
  public let file: String
  /// The field, record or byte offset.
  public let place: String
  /// What is there.
  public let found: String
  /// What should be there.
  public let expected: String

  /// The error with these parts.
  public init(_ kind: Kind = .invalid, file: String, place: String, found: String, expected: String) {
    self.kind = kind
    self.file = file
    self.place = place
    self.found = found
    self.expected = expected
  }

  /// One line: `<file>: <place>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(place): \(found) (expected \(expected))" }

  /// The error that a reader of files gave, as one of a recording.
  init(_ error: any Error, file: String) {
    switch error {
    case let error as RecordingError: self = error
    case let error as FileError:
      let missing = error.code == 2  // ENOENT
      self.init(
        missing ? .missing : .unreadable, file: file, place: error.operation,
        found: "\(FileError.text(error.code)) (errno \(error.code))", expected: "a file that can be read")
    case let error as ArrayFileError:
      self.init(.unreadable, file: file, place: error.place, found: error.found, expected: error.expected)
    default: self.init(file: file, place: "file", found: "\(error)", expected: "a file that can be read")
    }
  }
}
