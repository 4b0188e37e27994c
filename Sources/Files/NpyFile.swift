/// Numpy's array files, format versions 1 to 3.
/// - Source: numpy, `numpy/lib/format.py` (the format's description).
public enum NpyFile {
  /// The longest header that is read, in bytes; numpy itself stops at 10,000.
  public static let headerLimit = 65_536

  /// Reads an array; big-endian and Fortran-ordered arrays are converted.
  /// - Parameters:
  ///   - path: The file.
  ///   - limit: The most bytes that the file may have.
  /// - Throws: `ArrayFileError` naming the place, `FileError` where the system refuses.
  public static func read(_ path: String, limit: Int = RegularFile.defaultLimit) throws -> NpyArray {
    try parse(RegularFile.read(path, limit: limit), name: path)
  }

  /// The array in these bytes, which `name` stands for in errors.
  /// - Throws: `ArrayFileError`.
  public static func parse(_ bytes: [UInt8], name: String) throws -> NpyArray {
    let header = try NpyHeader(bytes, name: name)
    guard let size = header.elementType.byteCount(shape: header.shape) else {
      throw ArrayFileError(
        file: name, place: "shape", found: "\(header.shape)", expected: "a product within 63 bits")
    }
    let available = bytes.count - header.dataOffset
    guard size == available else {
      throw ArrayFileError(
        file: name, place: "byte \(header.dataOffset)", found: "\(available) bytes of data",
        expected: "\(size) for \(header.elementType.rawValue) \(header.shape)")
    }
    var data = Array(bytes[header.dataOffset...])
    if header.bigEndian { reverseBytes(&data, elementSize: header.elementType.size) }
    if header.fortranOrder { data = cOrder(data, shape: header.shape, elementSize: header.elementType.size) }
    return NpyArray(elementType: header.elementType, shape: header.shape, bytes: data)
  }

  /// Writes an array as format version 1, whole or not at all.
  /// - Throws: `FileError`; `ArrayFileError` for bfloat16, which numpy does not have.
  public static func write(_ path: String, _ array: NpyArray) throws {
    try AtomicFile.write(path, encode(array, name: path))
  }

  /// The array's bytes as format version 1; the same for the same array.
  /// - Throws: `ArrayFileError` for bfloat16, which numpy does not have.
  public static func encode(_ array: NpyArray, name: String = "array") throws -> [UInt8] {
    guard let code = array.elementType.numpyCode else {
      throw ArrayFileError(
        file: name, place: "descr", found: array.elementType.rawValue, expected: "a type that numpy has")
    }
    let order = array.elementType.size == 1 ? "|" : "<"
    let list = array.shape.map(String.init).joined(separator: ", ")
    let shape = array.shape.count == 1 ? "(\(list),)" : "(\(list))"
    var header = Array("{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': \(shape), }".utf8)
    // Magic, version and length take 10 bytes; numpy pads so that the data begin at a multiple of 64.
    header += [UInt8](repeating: 0x20, count: (64 - (10 + header.count + 1) % 64) % 64)
    header.append(0x0a)
    guard header.count <= 0xffff else {
      throw ArrayFileError(
        file: name, place: "shape", found: "\(array.shape.count) dimensions", expected: "fewer dimensions")
    }
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.count & 0xff), UInt8(header.count >> 8)]
    bytes += header
    bytes += array.bytes
    return bytes
  }

  private static func reverseBytes(_ data: inout [UInt8], elementSize: Int) {
    guard elementSize > 1 else { return }
    for start in stride(from: 0, to: data.count, by: elementSize) {
      data[start..<start + elementSize].reverse()
    }
  }

  /// Elements whose first dimension runs fastest, so that the last does.
  private static func cOrder(_ data: [UInt8], shape: [Int], elementSize: Int) -> [UInt8] {
    guard shape.count > 1, !data.isEmpty else { return data }
    var strides = [Int](repeating: elementSize, count: shape.count)
    for d in 1..<shape.count { strides[d] = strides[d - 1] * shape[d - 1] }
    var result = [UInt8](repeating: 0, count: data.count)
    var index = [Int](repeating: 0, count: shape.count)
    var source = 0
    for target in stride(from: 0, to: data.count, by: elementSize) {
      for b in 0..<elementSize { result[target + b] = data[source + b] }
      var d = shape.count - 1
      while d >= 0 {
        index[d] += 1
        source += strides[d]
        if index[d] < shape[d] { break }
        source -= strides[d] * shape[d]
        index[d] = 0
        d -= 1
      }
    }
    return result
  }
}
