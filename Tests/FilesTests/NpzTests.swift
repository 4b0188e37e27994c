import Files
import Foundation
import Testing

/// A zip archive built by hand: stored entries whose fields may lie.
private struct Archive {
  struct Entry {
    var name: String
    var data: [UInt8]
    var localName: String?
    var statedSize: UInt32?
    var method: UInt16 = 0
    var flags: UInt16 = 0
  }

  static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  static func bytes(_ entries: [Entry]) -> [UInt8] {
    var out: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = UInt32(out.count)
      let sum = crc32(entry.data)
      let size = entry.statedSize ?? UInt32(entry.data.count)
      let name = Array(entry.name.utf8)
      let local = Array((entry.localName ?? entry.name).utf8)
      let middle =
        little(entry.flags) + little(entry.method) + little(UInt16(0)) + little(UInt16(33)) + little(sum)
        + little(UInt32(entry.data.count)) + little(size)
      out +=
        [0x50, 0x4b, 3, 4] + little(UInt16(20)) + middle + little(UInt16(local.count)) + little(UInt16(0))
        + local
      out += entry.data
      directory +=
        [0x50, 0x4b, 1, 2] + little(UInt16(20)) + little(UInt16(20)) + middle + little(UInt16(name.count))
      directory += [UInt8](repeating: 0, count: 12) + little(offset) + name
    }
    let count = little(UInt16(entries.count))
    return out + directory + [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + count + count + little(UInt32(directory.count))
      + little(UInt32(out.count)) + [0, 0]
  }
}

private func array() throws -> [UInt8] { try NpyFile.encode(NpyArray([1, 2, 3] as [UInt8], shape: [3])) }

@Test func archiveOfArraysIsReadBackAndAlwaysTheSameBytes() throws {
  let a = NpyArray([Float](repeating: 1, count: 60_000), shape: [200, 300])
  let b = NpyArray([7] as [UInt8], shape: [])
  let bytes = try NpzFile.encode([("layers/a", a), ("b", b)])
  #expect(bytes.count < 4096)
  #expect(try NpzFile.encode([("layers/a", a), ("b", b)]) == bytes)
  let back = try NpzFile.parse(bytes, name: "test")
  #expect(back.map(\.name) == ["layers/a", "b"])
  #expect(back.map(\.array) == [a, b])
  // The date of the first entry: 1980-01-01 00:00.
  #expect(Array(bytes[10..<14]) == [0, 0, 33, 0])
  #expect(try NpzFile.parse(NpzFile.encode([]), name: "test").isEmpty)
}

@Test func handMadeArchiveIsRead() throws {
  let bytes = Archive.bytes([.init(name: "a.npy", data: try array())])
  #expect(try NpzFile.parse(bytes, name: "x")[0].array.values(as: UInt8.self) == [1, 2, 3])
}

@Test(arguments: ["../a.npy", "/a.npy", "a/../b.npy", "a\\b.npy", "a.txt", ".npy", "a//b.npy", "./a.npy"])
func entryNamesThatLeadOutAreRefused(_ name: String) throws {
  let bytes = Archive.bytes([.init(name: name, data: try array())])
  let line = try #require(errorLine { _ = try NpzFile.parse(bytes, name: "x.npz") })
  #expect(line.contains("a relative name that ends with .npy"), "\(line)")
}

@Test func lyingArchivesAreRefused() throws {
  let data = try array()
  let good = Archive.Entry(name: "a.npy", data: data)
  func line(_ entries: [Archive.Entry]) -> String? {
    errorLine { _ = try NpzFile.parse(Archive.bytes(entries), name: "x") }
  }
  var lying = good
  lying.statedSize = 0xffff_fff0
  #expect(line([lying])?.contains("(expected a size that is equal)") == true)
  lying.method = 8
  #expect(line([lying])?.contains("(expected a size that deflate can reach)") == true)
  var renamed = good
  renamed.localName = "b.npy"
  #expect(line([renamed]) != nil)
  var encrypted = good
  encrypted.flags = 1
  #expect(line([encrypted]) != nil)
  var method = good
  method.method = 12
  #expect(line([method]) != nil)
  #expect(line([good, good]) != nil)
  var wrong = Archive.bytes([good])
  wrong[30 + 5 + data.count - 1] ^= 1
  #expect(errorLine { _ = try NpzFile.parse(wrong, name: "x") } != nil)
}

@Test func bombIsRefusedByItsSize() throws {
  // 64 MiB of zeros in 64 KiB: possible, but more than the limit given.
  let zeros = NpyArray([UInt8](repeating: 0, count: 1 << 26), shape: [1 << 26])
  let bytes = try NpzFile.encode([("zeros", zeros)])
  #expect(bytes.count < 1 << 17)
  let line = errorLine { _ = try NpzFile.parse(bytes, name: "x", limit: 1 << 25) }
  #expect(line?.contains("zeros.npy: 67108992 bytes (expected at most 33554432") == true)
  #expect(try NpzFile.parse(bytes, name: "x")[0].array == zeros)
}

@Test func archiveCutOrDamagedAnywhereNeverCrashes() throws {
  let bytes = try NpzFile.encode([("a", NpyArray([1, 2, 3] as [Float], shape: [3]))])
  for cut in 0..<bytes.count {
    #expect(throws: ArrayFileError.self) { try NpzFile.parse(Array(bytes[..<cut]), name: "x") }
  }
  for k in bytes.indices {
    for flip: UInt8 in [1, 0x80, 0xff] {
      var damaged = bytes
      damaged[k] ^= flip
      _ = try? NpzFile.parse(damaged, name: "x")
    }
  }
}
