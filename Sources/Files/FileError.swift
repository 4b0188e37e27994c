import Foundation

/// What the operating system refused: the path, what was being done, and errno.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The path.
  public let path: String
  /// What was being done, with its bytes where there are any: `writing 4096 bytes`.
  public let operation: String
  /// The system's error number.
  public let code: Int32

  /// The error with these parts.
  public init(path: String, operation: String, code: Int32) {
    self.path = path
    self.operation = operation
    self.code = code
  }

  /// One line: `<path>: <operation>: <the system's text> (errno <code>)`.
  public var description: String { "\(path): \(operation): \(Self.text(code)) (errno \(code))" }

  /// The system's text for an error number, in the C locale's words.
  public static func text(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
