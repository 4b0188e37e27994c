/// Reads a file line by line in constant memory.
package struct LineReader: ~Copyable {
  private let file: OpenFile
  private var buffer: [UInt8] = []
  private var begin = 0
  private var offset = 0
  private let limit: Int

  /// - Parameter limit: the most bytes that a line may have.
  package init(_ path: String, limit: Int = 1 << 26) throws {
    file = try OpenFile(path)
    self.limit = limit
  }

  /// The file's path.
  package var path: String { file.path }

  /// The next line without its newline, or nil at the end.
  package mutating func next() throws -> ArraySlice<UInt8>? {
    var searched = begin
    while true {
      if let end = buffer[searched...].firstIndex(of: 0x0a) {
        let line = buffer[begin..<end]
        begin = end + 1
        return line
      }
      searched = buffer.count - begin
      guard searched <= limit else {
        throw ArrayFileError(
          file: file.path, place: "byte \(offset - searched)", found: "a line of more than \(limit) bytes",
          expected: "shorter lines")
      }
      buffer.removeFirst(begin)
      begin = 0
      var chunk = [UInt8](repeating: 0, count: 1 << 20)
      let at = offset
      let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0, at: at) }
      offset += count
      if count == 0 {
        guard !buffer.isEmpty else { return nil }
        let line = buffer[...]
        begin = buffer.count
        return line
      }
      buffer.append(contentsOf: chunk[..<count])
    }
  }
}
