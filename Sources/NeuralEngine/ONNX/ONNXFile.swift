import Files
import Foundation
internal import SwiftProtobuf

/// An ONNX model as it lies in its file: read with distrust, not yet a graph.
struct ONNXFile {
  /// Path for errors, and whose folder holds external data.
  let path: String
  let model: ONNXModelProto

  /// Nested messages that are followed before a file is refused.
  static let depthLimit = 100

  /// Reads a model file.
  ///
  /// - Throws: `FileError` or `ArrayFileError` where it cannot be read, `EngineError` where it is no ONNX model.
  init(path: String) throws { try self.init(bytes: RegularFile.read(path), path: path) }

  /// Parses a model's bytes; `path` names them in errors.
  init(bytes: [UInt8], path: String) throws {
    self.path = path
    if bytes.starts(with: [0x50, 0x4b, 0x03, 0x04])
      || (bytes.first == 0x80 && bytes.count > 1 && bytes[1] <= 5)
    {
      throw EngineError(
        file: path, field: "offset 0", found: "a pickle or a zip archive",
        expected: "ONNX; pickle is never executed: convert with torch.onnx.export")
    }
    var options = BinaryDecodingOptions()
    options.messageDepthLimit = Self.depthLimit
    options.discardUnknownFields = true
    do {
      model = try ONNXModelProto(serializedBytes: bytes, options: options)
    } catch BinaryDecodingError.messageDepthLimit {
      throw EngineError(
        file: path, field: "model", found: "messages nested deeper than \(Self.depthLimit)",
        expected: "\(Self.depthLimit) levels at most")
    } catch {
      throw EngineError(
        file: path, field: "model", found: "no valid protocol buffer", expected: "an ONNX model")
    }
    guard model.hasGraph else {
      throw EngineError(file: path, field: "graph", found: "none", expected: "an ONNX model with a graph")
    }
  }

  /// The default domain's operator set version.
  func operatorSet() throws -> Int {
    var version: Int64?
    for set in model.opsetImport where set.domain.isEmpty || set.domain == "ai.onnx" { version = set.version }
    guard let version, (1...24).contains(version) else {
      throw EngineError(
        file: path, field: "opset_import", found: version.map { "opset \($0)" } ?? "no default operator set",
        expected: "opset 1 to 24")
    }
    return Int(version)
  }
}

/// Element types by ONNX's numbers (`TensorProto.DataType`).
enum ONNXElement: Int32 {
  case float = 1, uint8 = 2, int8 = 3, uint16 = 4, int16 = 5, int32 = 6, int64 = 7, bool = 9, float16 = 10
  case double = 11, uint32 = 12, uint64 = 13, bfloat16 = 16

  /// What it becomes in a graph.
  var element: ElementType {
    switch self {
    case .float, .float16, .double, .bfloat16: .float32
    case .bool: .bool
    default: .int64
    }
  }

  /// The type in raw data.
  var stored: StoredType {
    switch self {
    case .float: .float32
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .bool: .bool
    case .float16: .float16
    case .double: .float64
    case .uint32: .uint32
    case .uint64: .uint64
    case .bfloat16: .bfloat16
    }
  }
}

extension TensorValue {
  /// An array read from a file: floating-point numbers become float32, integers int64.
  ///
  /// - Throws: `ArrayFileError` where the array's bytes are of another type than it says.
  public init(_ array: NpyArray) throws {
    guard TensorType.isValid(array.shape) else {
      throw EngineError(
        file: "array", field: "shape", found: "\(array.shape)", expected: "2^40 elements at most")
    }
    switch array.elementType {
    case .float32, .float64, .float16, .bfloat16: self.init(array.shape, try array.floats())
    case .bool: self.init(array.shape, booleans: try array.booleans())
    case .int64: self.init(array.shape, integers: try array.values(as: Int64.self))
    case .int32: self.init(array.shape, integers: try array.values(as: Int32.self).map(Int64.init))
    case .int16: self.init(array.shape, integers: try array.values(as: Int16.self).map(Int64.init))
    case .int8: self.init(array.shape, integers: try array.values(as: Int8.self).map(Int64.init))
    case .uint32: self.init(array.shape, integers: try array.values(as: UInt32.self).map(Int64.init))
    case .uint16: self.init(array.shape, integers: try array.values(as: UInt16.self).map(Int64.init))
    case .uint8: self.init(array.shape, integers: try array.values(as: UInt8.self).map(Int64.init))
    case .uint64:
      self.init(
        array.shape, integers: try array.values(as: UInt64.self).map { Int64(truncatingIfNeeded: $0) })
    }
  }

  /// The elements as an array of a stated type where that is of the same kind (floats, integers, booleans), else as
  /// `array`. Floats are rounded to the nearest; integers outside of the type's range lose their upper bits.
  public func array(as type: StoredType?) -> NpyArray {
    func integers<T: FixedWidthInteger & ArrayElement>(_ e: [Int64], _: T.Type) -> NpyArray {
      NpyArray(e.map { T(truncatingIfNeeded: $0) }, shape: shape)
    }
    switch (elements, type) {
    case (.float32(let e), .float16?):
      let bytes = e.flatMap { value in withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) } }
      return NpyArray(elementType: .float16, shape: shape, bytes: bytes)
    case (.float32(let e), .float64?): return NpyArray(e.map(Double.init), shape: shape)
    case (.int64(let e), .int32?): return integers(e, Int32.self)
    case (.int64(let e), .int16?): return integers(e, Int16.self)
    case (.int64(let e), .int8?): return integers(e, Int8.self)
    case (.int64(let e), .uint64?): return integers(e, UInt64.self)
    case (.int64(let e), .uint32?): return integers(e, UInt32.self)
    case (.int64(let e), .uint16?): return integers(e, UInt16.self)
    case (.int64(let e), .uint8?): return integers(e, UInt8.self)
    default: return array
    }
  }

  /// The elements as an array for a file: float32, int64 or bool.
  public var array: NpyArray {
    switch elements {
    case .float32(let e): NpyArray(e, shape: shape)
    case .int64(let e): NpyArray(e, shape: shape)
    case .bool(let e): NpyArray(e, shape: shape)
    }
  }
}

extension ONNXFile {
  /// The elements of a tensor, from its typed fields, raw bytes or external file.
  ///
  /// - Throws: `EngineError` where shape, type and data do not agree.
  func value(_ tensor: ONNXTensorProto, field: String) throws -> TensorValue {
    func fault(_ found: String, _ expected: String) -> EngineError {
      EngineError(file: path, field: field, found: found, expected: expected)
    }
    guard let type = ONNXElement(rawValue: tensor.dataType) else {
      throw fault("element type \(tensor.dataType)", "a number or boolean type")
    }
    let shape = tensor.dims.map { Int($0) }
    guard TensorType.isValid(shape), let byteCount = type.stored.byteCount(shape: shape) else {
      throw fault("shape \(shape)", "extents of 0 or more, 2^40 elements at most")
    }
    let count = TensorType(shape).count
    let value: TensorValue
    if tensor.dataLocation == 1 {
      let bytes = try externalBytes(tensor, byteCount: byteCount, field: field)
      value = try TensorValue(
        NpyArray(elementType: type.stored, shape: shape, bytes: bytes))
    } else if tensor.hasRawData {
      guard tensor.rawData.count == byteCount else {
        throw fault("\(tensor.rawData.count) bytes of data", "\(byteCount) for \(type)\(shape)")
      }
      value = try TensorValue(
        NpyArray(elementType: type.stored, shape: shape, bytes: Array(tensor.rawData)))
    } else {
      value = try typedValue(tensor, type, shape, count, fault)
    }
    if let floats = value.floats, let bad = floats.firstIndex(where: \.isNaN) {
      throw fault("NaN at element \(bad)", "numbers")
    }
    return value
  }

  private func typedValue(
    _ tensor: ONNXTensorProto, _ type: ONNXElement, _ shape: [Int], _ count: Int,
    _ fault: (String, String) -> EngineError
  ) throws -> TensorValue {
    func check(_ found: Int) throws {
      if found != count { throw fault("\(found) elements", "\(count) for \(type)\(shape)") }
    }
    switch type {
    case .float:
      try check(tensor.floatData.count)
      return TensorValue(shape, tensor.floatData)
    case .double:
      try check(tensor.doubleData.count)
      return TensorValue(shape, tensor.doubleData.map { Float($0) })
    case .int64:
      try check(tensor.int64Data.count)
      return TensorValue(shape, integers: tensor.int64Data)
    case .uint32, .uint64:
      try check(tensor.uint64Data.count)
      return TensorValue(shape, integers: tensor.uint64Data.map { Int64(truncatingIfNeeded: $0) })
    case .bool:
      try check(tensor.int32Data.count)
      return TensorValue(shape, booleans: tensor.int32Data.map { $0 != 0 })
    case .float16, .bfloat16:
      try check(tensor.int32Data.count)
      let bytes = tensor.int32Data.flatMap {
        [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
      }
      return TensorValue(shape, try NpyArray(elementType: type.stored, shape: shape, bytes: bytes).floats())
    default:
      try check(tensor.int32Data.count)
      return TensorValue(shape, integers: tensor.int32Data.map { Int64($0) })
    }
  }

  /// Bytes of a tensor kept in a file beside the model: a relative path that stays within the model's folder.
  private func externalBytes(_ tensor: ONNXTensorProto, byteCount: Int, field: String) throws -> [UInt8] {
    var location = "", offset = 0, length = byteCount
    for entry in tensor.externalData {
      let number = Int(entry.value)
      switch entry.key {
      case "location": location = entry.value
      case "offset": offset = number ?? -1
      case "length": length = number ?? -1
      default: break
      }
    }
    func fault(_ found: String, _ expected: String) -> EngineError {
      EngineError(file: path, field: "\(field): external data", found: found, expected: expected)
    }
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !parts.contains(".."), !location.utf8.contains(0)
    else {
      throw fault("location \(location.debugDescription)", "a path within the model's folder")
    }
    let folder = (path as NSString).deletingLastPathComponent
    let full = (folder.isEmpty ? "." : folder) + "/" + location
    guard let root = canonicalPath(folder.isEmpty ? "." : folder), let real = canonicalPath(full) else {
      throw fault("no file \(full)", "a file within the model's folder")
    }
    guard real.hasPrefix(root == "/" ? "/" : root + "/") else {
      throw fault(
        "location \(location.debugDescription) leads to \(real)", "a path within the model's folder")
    }
    guard length == byteCount, offset >= 0 else {
      throw fault("\(length) bytes at \(offset)", "\(byteCount) bytes at 0 or more")
    }
    let file = try OpenFile(real)
    guard offset <= file.size, length <= file.size - offset else {
      throw fault("\(length) bytes at \(offset) in a file of \(file.size)", "data within the file")
    }
    var bytes = [UInt8](repeating: 0, count: length)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    guard count == length else { throw fault("\(count) bytes could be read", "\(length)") }
    return bytes
  }
}

/// The path without links and dots, or nil where there is nothing.
private func canonicalPath(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}
