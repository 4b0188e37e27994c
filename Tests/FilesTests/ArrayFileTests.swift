import Files
import Foundation
import Testing

func temporaryPath(_ ending: String) -> String {
  FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString).\(ending)").path
}

/// The error's line that `body` throws, or nil.
func errorLine(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}

/// An npy file with this header and data, format version 1.
func npy(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let text = Array((header + "\n").utf8)
  let length = [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version > 1 ? [0, 0] : [])
  return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + data
}

@Test func arraysOfEveryTypeAreReadBack() throws {
  let arrays: [NpyArray] = [
    NpyArray([1.5, -2, .infinity] as [Double], shape: [3]),
    NpyArray([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]),
    NpyArray([-1, 2] as [Int64], shape: [2, 1]), NpyArray([-3] as [Int32], shape: []),
    NpyArray([-3, 4] as [Int16], shape: [1, 2]), NpyArray([-3, 4] as [Int8], shape: [2]),
    NpyArray([.max] as [UInt64], shape: [1]), NpyArray([7] as [UInt32], shape: [1]),
    NpyArray([7, 8] as [UInt16], shape: [2]), NpyArray([] as [UInt8], shape: [0, 4]),
    NpyArray([true, false], shape: [2]),
  ]
  for array in arrays {
    let bytes = try NpyFile.encode(array)
    #expect((bytes.count - array.bytes.count) % 64 == 0)
    #expect(try NpyFile.parse(bytes, name: "x") == array)
  }
  #expect(try arrays[1].values(as: Float.self) == [1, 2, 3, 4, 5, 6])
  #expect(try arrays[10].booleans() == [true, false])
  #expect(throws: ArrayFileError.self) { try arrays[1].values(as: Int32.self) }
  #expect(throws: ArrayFileError.self) {
    try NpyFile.encode(NpyArray(elementType: .bfloat16, shape: [1], bytes: [0, 0]))
  }
}

@Test func fortranOrderAndBigEndianAreConverted() throws {
  // [[1, 2, 3], [4, 5, 6]] by columns, big-endian.
  let data: [UInt8] = [0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6]
  let file = npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", data)
  #expect(try NpyFile.parse(file, name: "x") == NpyArray([1, 2, 3, 4, 5, 6] as [Int16], shape: [2, 3]))
  for version: UInt8 in [2, 3] {
    let same = npy("{'shape': (2, 3), 'fortran_order': True, 'descr': '>i2'}", data, version: version)
    #expect(try NpyFile.parse(same, name: "x").values(as: Int16.self) == [1, 2, 3, 4, 5, 6])
  }
}

@Test(arguments: [
  ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "8 bytes of data (expected 12"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "8 bytes of data (expected 4"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "within 63 bits"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296), }", "within 63 bits"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "no dictionary"),
  ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "no dictionary"),
  ("{'descr': '<f4', 'fortran_order': False}", "shape: missing"),
  ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "no dictionary"),
  ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "no dictionary"),
  ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "'<c8'"),
  ("__import__('os').system('true')", "no dictionary"),
])
func lyingHeadersAreRefused(_ header: String, _ found: String) throws {
  let line = try #require(
    errorLine { _ = try NpyFile.parse(npy(header, [0, 0, 0, 0, 0, 0, 0, 0]), name: "x.npy") })
  #expect(line.hasPrefix("x.npy: ") && line.contains(found), "\(line)")
}

@Test func headerBeyondTheFileOrTheLimitIsRefused() throws {
  let huge: [UInt8] = [0x93] + Array("NUMPY".utf8) + [2, 0, 0, 0, 0, 0x40] + [0]
  #expect(
    errorLine { _ = try NpyFile.parse(huge, name: "x") }?.contains("a header of 1073741824 bytes") == true)
  let long: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, 0xff, 0xff, 0]
  #expect(errorLine { _ = try NpyFile.parse(long, name: "x") } != nil)
  let whole = try NpyFile.encode(NpyArray([1, 2] as [Float], shape: [2]))
  for cut in 0..<whole.count {
    #expect(throws: ArrayFileError.self) { try NpyFile.parse(Array(whole[..<cut]), name: "x") }
  }
}

@Test func halfAndBrainFloatsAreExact() throws {
  let halves: [(UInt16, Float)] = [
    (0x3c00, 1), (0xc000, -2), (0x7bff, 65504), (0x0001, 0x1p-24), (0x03ff, 0x1.ff8p-15), (0x0400, 0x1p-14),
    (0x7c00, .infinity), (0xfc00, -.infinity), (0x8000, -0.0), (0x3555, 0.33325195),
  ]
  let array = NpyArray(halves.map(\.0), shape: [halves.count])
  let floats = try NpyArray(elementType: .float16, shape: array.shape, bytes: array.bytes).floats()
  #expect(floats.map(\.bitPattern) == halves.map(\.1.bitPattern))
  let brain = NpyArray(elementType: .bfloat16, shape: [2], bytes: [0x80, 0x3f, 0x49, 0xc0])
  #expect(try brain.floats() == [1, -3.140625])
}

@Test func fileIsThereWholeOrNotAtAll() throws {
  let folder = temporaryPath("d")
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try AtomicFile.write("\(folder)/a", [1, 2, 3])
  try AtomicFile.write("\(folder)/a", text: "new")
  #expect(try RegularFile.read("\(folder)/a") == Array("new".utf8))
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
  let gone = "\(folder)/none/b"
  #expect(
    errorLine { try AtomicFile.write(gone, [1, 2]) }
      == "\(gone): writing 2 bytes: No such file or directory (errno \(ENOENT))")
  // A folder in the file's place: the rename fails, and nothing stays behind.
  try FileManager.default.createDirectory(atPath: "\(folder)/b", withIntermediateDirectories: false)
  #expect(throws: FileError.self) { try AtomicFile.write("\(folder)/b", [1]) }
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a", "b"])
}

@Test func fullDeviceIsAnErrorWithTheNumberOfBytes() throws {
  #expect(throws: FileError.self) { try AtomicFile.write("/dev/full/x", [1]) }
  #expect(errorLine { _ = try RegularFile.read("/dev/null") }?.contains("a device") == true)
  #expect(errorLine { _ = try RegularFile.read("/dev") }?.contains("a folder") == true)
  #expect(errorLine { _ = try RegularFile.read("a\0b") }?.contains("a NUL byte") == true)
  let path = temporaryPath("bin")
  defer { try? FileManager.default.removeItem(atPath: path) }
  try AtomicFile.write(path, [UInt8](repeating: 1, count: 100))
  #expect(
    errorLine { _ = try RegularFile.read(path, limit: 99) }?.contains("100 bytes (expected at most 99)")
      == true)
}

@Test func picturesAreReadBackAndAlwaysTheSameBytes() throws {
  for channels in [1, 3, 4] {
    let pixels = (0..<(7 * 5 * channels)).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let picture = PNGPicture(width: 7, height: 5, channels: channels, pixels: pixels)
    let bytes = try PNGFile.encode(picture)
    #expect(try PNGFile.encode(picture) == bytes)
    #expect(try PNGFile.parse(bytes, name: "x") == picture)
    // libspng does not read the last four bytes, the checksum of the empty end mark.
    for cut in 0..<(bytes.count - 4) {
      #expect(throws: ArrayFileError.self) { try PNGFile.parse(Array(bytes[..<cut]), name: "x") }
    }
  }
}

@Test func pictureOfTwoToTheThirtyOnePixelsIsRefusedBeforeAllocation() throws {
  let bytes = try PNGFile.encode(PNGPicture(width: 2, height: 2, channels: 1, pixels: [0, 1, 2, 3]))
  for (width, height): (UInt32, UInt32) in [(0x7fff_ffff, 0x7fff_ffff), (30_000, 30_000), (20_000, 20_000)] {
    var lying = bytes
    for k in 0..<4 {
      lying[16 + k] = UInt8(truncatingIfNeeded: width >> (24 - 8 * UInt32(k)))
      lying[20 + k] = UInt8(truncatingIfNeeded: height >> (24 - 8 * UInt32(k)))
    }
    let sum = crc32(lying[12..<29])
    for k in 0..<4 { lying[29 + k] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32(k))) }
    #expect(throws: ArrayFileError.self) { try PNGFile.parse(lying, name: "x") }
  }
}

/// CRC-32 as zip and PNG have it, bit by bit.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var sum: UInt32 = .max
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
  }
  return ~sum
}
