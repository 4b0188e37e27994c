import Foundation

/// What the program says: results to stdout, everything else to stderr. A write that fails is an error, not a silence.
enum Output {
  /// A result that could not be written.
  struct WriteError: Error, CustomStringConvertible {
    let code: Int32
    var description: String {
      "standard output: \(String(cString: strerror(code))) (expected to be writable)"
    }
  }

  /// Writes a result and a line end to stdout.
  static func result(_ text: String) throws {
    try write(Array((text + "\n").utf8), to: STDOUT_FILENO)
  }

  /// Writes one short line to stderr, whatever the text holds; where stderr is closed nobody is left to tell.
  static func note(_ text: String) {
    do { try write(Array((OneLine.of(text) + "\n").utf8), to: STDERR_FILENO) } catch {}
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset)
      }
      if written < 0 {
        if errno == EINTR { continue }
        throw WriteError(code: errno)
      }
      offset += written
    }
  }
}
