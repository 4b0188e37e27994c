import Foundation

/// Named arrays in one file, with text beside them: the safetensors format. Nothing in it is ever executed.
///
/// - Source: the format's description in huggingface/safetensors, README: 8 bytes of header length, a JSON header, data
///   without holes.
public struct SafetensorsFile: Sendable {
  /// One array.
  public struct Tensor: Sendable, Hashable {
    /// The name, unique in the file.
    public let name: String
    /// The elements' type.
    public let elementType: StoredType
    /// The dimensions; empty for a single number.
    public let shape: [Int]
    /// Where its bytes lie in the file's data.
    public let range: Range<Int>

    /// The number of elements.
    public var count: Int { range.count / elementType.size }
  }

  /// The longest header that is read, in bytes, as the reference has it.
  public static let headerLimit = 100_000_000

  /// The name that errors give.
  public let name: String
  /// The `__metadata__` entries, in order of the file.
  public let metadata: [(key: String, value: String)]
  /// The arrays, in order of their data.
  public let tensors: [Tensor]
  private let data: ArraySlice<UInt8>
  private let indexOfName: [String: Int]

  /// The metadata of this key, or nil.
  public func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

  /// The array of this name, or nil.
  public subscript(_ name: String) -> Tensor? { indexOfName[name].map { tensors[$0] } }

  /// Reads a file.
  /// - Throws: `ArrayFileError` naming the tensor or the place, `FileError` where the system refuses.
  public static func read(_ path: String, limit: Int = RegularFile.defaultLimit) throws -> SafetensorsFile {
    try SafetensorsFile(RegularFile.read(path, limit: limit), name: path)
  }

  /// The arrays in these bytes, which `name` stands for in errors.
  /// - Throws: `ArrayFileError`.
  public init(_ bytes: [UInt8], name: String) throws {
    self.name = name
    let headerEnd = try Self.headerEnd(bytes, name)
    let header: StrictJSON.Value
    do {
      header = try bytes.withUnsafeBytes {
        try StrictJSON.parse(UnsafeRawBufferPointer(rebasing: $0[8..<headerEnd]), depthLimit: 8)
      }
    } catch let fault as StrictJSON.Fault {
      throw ArrayFileError(
        file: name, place: "header, byte \(8 + fault.offset)", found: fault.found, expected: fault.expected)
    }
    guard case .object(let entries) = header else {
      throw ArrayFileError(file: name, place: "header", found: "no object", expected: "{..}")
    }
    data = bytes[headerEnd...]
    var metadata: [(key: String, value: String)] = []
    var tensors: [Tensor] = []
    for (key, value) in entries {
      if key == "__metadata__" {
        metadata = try Self.metadata(value, name)
      } else {
        tensors.append(try Self.tensor(key, value, name))
      }
    }
    self.metadata = metadata
    self.tensors = try Self.checked(tensors, dataCount: data.count, name)
    var index: [String: Int] = [:]
    for (k, tensor) in self.tensors.enumerated() { index[tensor.name] = k }
    indexOfName = index
  }

  /// The tensor's bytes, little-endian, C order.
  /// - Precondition: the tensor is one of this file's.
  public func bytes(_ tensor: Tensor) -> ArraySlice<UInt8> {
    data[(data.startIndex + tensor.range.lowerBound)..<(data.startIndex + tensor.range.upperBound)]
  }

  /// The tensor as an array of its own.
  public func array(_ tensor: Tensor) -> NpyArray {
    NpyArray(elementType: tensor.elementType, shape: tensor.shape, bytes: Array(bytes(tensor)))
  }

  /// The tensor's values as Float32, from F32, F16, BF16 or F64 (rounded).
  /// - Throws: `ArrayFileError` naming the tensor where it is of another type or a value is NaN or infinite.
  public func finiteFloats(_ tensor: Tensor) throws -> [Float] {
    guard let values = bytes(tensor).withUnsafeBytes({ FloatConversion.floats($0, tensor.elementType) })
    else {
      throw ArrayFileError(
        file: name, place: tensor.name, found: tensor.elementType.safetensorsCode,
        expected: "F32, F16, BF16 or F64")
    }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw ArrayFileError(
        file: name, place: tensor.name, found: "\(values[bad]) at element \(bad)", expected: "finite numbers")
    }
    return values
  }

  /// Writes a file, whole or not at all.
  /// - Throws: `FileError`.
  public static func write(
    _ path: String, tensors: [(name: String, array: NpyArray)], metadata: [(key: String, value: String)] = []
  ) throws {
    try AtomicFile.write(path, encode(tensors: tensors, metadata: metadata))
  }

  /// The file's bytes: wider types first, then by name, so that every tensor is aligned to its type.
  /// - Precondition: names differ, and none is `__metadata__`.
  public static func encode(
    tensors: [(name: String, array: NpyArray)], metadata: [(key: String, value: String)] = []
  ) -> [UInt8] {
    precondition(
      Set(tensors.map(\.name)).count == tensors.count && !tensors.contains { $0.name == "__metadata__" },
      "tensor names are not unique")
    let sorted = tensors.sorted {
      ($1.array.elementType.size, $0.name) < ($0.array.elementType.size, $1.name)
    }
    var entries: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.map { "\(StrictJSON.quoted($0.key)):\(StrictJSON.quoted($0.value))" }
      entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for (name, array) in sorted {
      let end = offset + array.bytes.count
      let shape = array.shape.map(String.init).joined(separator: ",")
      entries.append(
        "\(StrictJSON.quoted(name)):{\"dtype\":\"\(array.elementType.safetensorsCode)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    bytes.reserveCapacity(8 + header.count + offset)
    bytes += header
    for (_, array) in sorted { bytes += array.bytes }
    return bytes
  }
}

extension SafetensorsFile {
  /// Where the header ends and the data begin, after sniffing for what is no safetensors file at all.
  private static func headerEnd(_ bytes: [UInt8], _ name: String) throws -> Int {
    if bytes.starts(with: [0x50, 0x4b, 0x03, 0x04]) || bytes.starts(with: [0x80, 0x02])
      || bytes.starts(with: [0x80, 0x03]) || bytes.starts(with: [0x80, 0x04])
      || bytes.starts(with: [0x80, 0x05])
    {
      // A safetensors header of such a length would have to follow with '{'.
      if bytes.count < 9 || bytes[8] != 0x7b {
        throw ArrayFileError(
          file: name, place: "byte 0", found: "a pickle or zip archive: pickle is never executed",
          expected: "safetensors; convert with safetensors.torch.save_file")
      }
    }
    guard bytes.count >= 8 else {
      throw ArrayFileError(
        file: name, place: "header length", found: "HeaderTooSmall: a file of \(bytes.count) bytes",
        expected: "8 bytes of length")
    }
    let length = bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(headerLimit) else {
      throw ArrayFileError(
        file: name, place: "header length", found: "HeaderTooLarge: \(length) bytes",
        expected: "at most \(headerLimit)")
    }
    guard Int(length) <= bytes.count - 8 else {
      throw ArrayFileError(
        file: name, place: "header length",
        found: "InvalidHeaderLength: \(length) bytes in a file of \(bytes.count)",
        expected: "a header within the file")
    }
    guard length > 0, bytes[8] == 0x7b else {
      throw ArrayFileError(
        file: name, place: "header", found: length == 0 ? "no bytes" : "InvalidHeaderStart: byte \(bytes[8])",
        expected: "'{'")
    }
    return 8 + Int(length)
  }

  private static func metadata(
    _ value: StrictJSON.Value, _ name: String
  ) throws -> [(key: String, value: String)] {
    guard case .object(let entries) = value else {
      throw ArrayFileError(file: name, place: "__metadata__", found: "no object", expected: "texts by name")
    }
    return try entries.map { key, value in
      guard case .string(let text) = value else {
        throw ArrayFileError(file: name, place: "__metadata__.\(key)", found: "no text", expected: "a text")
      }
      return (key, text)
    }
  }

  private static func tensor(_ key: String, _ value: StrictJSON.Value, _ file: String) throws -> Tensor {
    func fail(_ field: String, _ found: String, _ expected: String) -> ArrayFileError {
      ArrayFileError(file: file, place: "\(key): \(field)", found: found, expected: expected)
    }
    guard case .object(let fields) = value, fields.count == 3 else {
      throw fail("entry", "other than three fields", "dtype, shape and data_offsets")
    }
    func integers(_ field: String) throws -> [Int] {
      guard case .array(let values)? = fields.first(where: { $0.key == field })?.value else {
        throw fail(field, "missing or no list", "a list of numbers")
      }
      return try values.map {
        guard case .number(let text) = $0, let number = Int(text), number >= 0 else {
          throw fail(field, "an entry that is negative or no integer", "integers from 0")
        }
        return number
      }
    }
    guard case .string(let code)? = fields.first(where: { $0.key == "dtype" })?.value,
      let type = StoredType.allCases.first(where: { $0.safetensorsCode == code })
    else {
      throw fail(
        "dtype", "missing or unknown", StoredType.allCases.map(\.safetensorsCode).joined(separator: ", "))
    }
    let shape = try integers("shape")
    let offsets = try integers("data_offsets")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw fail("data_offsets", "\(offsets)", "begin and end in order")
    }
    guard let size = type.byteCount(shape: shape) else {
      throw fail("shape", "\(shape)", "a product within 63 bits")
    }
    guard size == offsets[1] - offsets[0] else {
      throw fail("data_offsets", "\(offsets[1] - offsets[0]) bytes", "\(size) for \(code) \(shape)")
    }
    return Tensor(name: key, elementType: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// The tensors in order of their data, which they fill without a hole or an overlap.
  private static func checked(_ tensors: [Tensor], dataCount: Int, _ file: String) throws -> [Tensor] {
    let sorted = tensors.sorted {
      ($0.range.lowerBound, $0.range.upperBound, $0.name) < (
        $1.range.lowerBound, $1.range.upperBound, $1.name
      )
    }
    var end = 0
    for tensor in sorted {
      guard tensor.range.upperBound <= dataCount else {
        throw ArrayFileError(
          file: file, place: "\(tensor.name): data_offsets", found: "end \(tensor.range.upperBound)",
          expected: "at most the \(dataCount) bytes of data")
      }
      guard tensor.range.lowerBound == end else {
        let what = tensor.range.lowerBound < end ? "overlap" : "hole"
        throw ArrayFileError(
          file: file, place: "\(tensor.name): data_offsets",
          found: "begin \(tensor.range.lowerBound) (\(what))",
          expected: "\(end), where the data before it end")
      }
      end = tensor.range.upperBound
    }
    guard end == dataCount else {
      throw ArrayFileError(
        file: file, place: "data", found: "\(dataCount - end) bytes that no tensor has", expected: "none")
    }
    return sorted
  }
}
