import ArrayFiles
import Foundation
import Testing

@Test func archiveOfArraysIsReadBack() throws {
  let a = NpyArray([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
  let b = NpyArray([7] as [UInt8], shape: [])
  let bytes = try NpzFile.encode([("a", a), ("b", b)])
  let back = try NpzFile.parse(bytes, name: "test")
  #expect(back.map(\.name) == ["a", "b"])
  #expect(back.map(\.array) == [a, b])
}
