import Files
import Foundation
import Testing

private func file(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + data
}

private func line(_ bytes: [UInt8]) -> String? {
  errorLine { _ = try SafetensorsFile(bytes, name: "w.safetensors") }
}

@Test func tensorsAndMetadataAreReadBack() throws {
  let tensors: [(name: String, array: NpyArray)] = [
    ("b", NpyArray([1, 2] as [Float], shape: [2, 1])),
    ("a \"quoted\"\n", NpyArray([-1] as [Int64], shape: [])),
    ("c", NpyArray([9, 8, 7] as [UInt8], shape: [3])), ("empty", NpyArray([] as [Float], shape: [0, 5])),
    ("half", NpyArray(elementType: .float16, shape: [1], bytes: [0, 0x3c])),
    ("brain", NpyArray(elementType: .bfloat16, shape: [1], bytes: [0x80, 0x3f])),
    ("flag", NpyArray([true], shape: [1])), ("small", NpyArray([-4] as [Int8], shape: [1])),
    ("i", NpyArray([5] as [Int32], shape: [1])),
  ]
  let bytes = SafetensorsFile.encode(tensors: tensors, metadata: [("format", "pt"), ("größe", "é\u{1}")])
  #expect(
    bytes
      == SafetensorsFile.encode(
        tensors: tensors.reversed(), metadata: [("format", "pt"), ("größe", "é\u{1}")]))
  let read = try SafetensorsFile(bytes, name: "x")
  #expect(read.metadata("größe") == "é\u{1}")
  #expect(read.tensors.count == tensors.count)
  for (name, array) in tensors { #expect(read.array(try #require(read[name])) == array) }
  for name in ["half", "brain"] { #expect(try read.finiteFloats(try #require(read[name])) == [1]) }
  // Every tensor is aligned to its type.
  for tensor in read.tensors { #expect(tensor.range.lowerBound % tensor.elementType.size == 0) }
  for cut in 0..<bytes.count { #expect(line(Array(bytes[..<cut])) != nil) }
}

@Test func headersThatLieAreNamed() throws {
  #expect(line([1, 2])?.contains("HeaderTooSmall") == true)
  #expect(line([0, 0, 0, 0, 0, 0, 0, 0])?.contains("no bytes") == true)
  #expect(line([0, 0xe1, 0xf5, 5, 1, 0, 0, 0, 0x7b])?.contains("HeaderTooLarge") == true)
  #expect(line([0, 1, 0, 0, 0, 0, 0, 0, 0x7b])?.contains("InvalidHeaderLength") == true)
  #expect(line(file("[]"))?.contains("InvalidHeaderStart") == true)
  #expect(line(file("{\"a\u{1}\": 1}"))?.contains("header, byte 11: control byte") == true)
  var invalid = file("{\"abc\": 1}")
  invalid[10] = 0xff
  #expect(line(invalid)?.contains("header, byte 10: invalid UTF-8") == true)
  let entry = "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"
  #expect(line(file("{\"a\":\(entry),\"a\":\(entry)}", [1]))?.contains("key \"a\" twice") == true)
  #expect(line(file("{\"a\":\(entry)}x", [1]))?.contains("more text") == true)
  #expect(line(file("{\"__metadata__\":{\"a\":1}}"))?.contains("__metadata__.a: no text") == true)
  #expect(line(file(String(repeating: "{\"a\":", count: 1000)))?.contains("nesting deeper") == true)
}

@Test(arguments: [
  ("U8", "[2]", "[0,2]", "[1,3]", "overlap"), ("U8", "[0]", "[0,2]", "[3,3]", "hole"),
  ("U8", "[2]", "[0,2]", "[4,2]", "begin and end in order"), ("U8", "[2]", "[0,2]", "[-2,0]", "negative"),
  ("U8", "[2]", "[0,2]", "[2,4]", "at most the 3 bytes of data"),
  ("F32", "[2]", "[0,2]", "[2,4]", "2 bytes (expected 8"),
  ("U8", "[4294967296,4294967296,2]", "[0,2]", "[2,2]", "within 63 bits"),
  ("U8", "[0]", "[0,2]", "[1,1]", "overlap"),
  ("U9", "[2]", "[0,2]", "[2,4]", "dtype"), ("U8", "[1.0]", "[0,2]", "[2,3]", "no integer"),
  ("U8", "[-1]", "[0,2]", "[2,3]", "negative"), ("U8", "2", "[0,2]", "[2,3]", "no list"),
])
func tensorsThatLieAreNamed(
  _ type: String, _ shape: String, _ first: String, _ second: String, _ found: String
) throws {
  let header =
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":\(first)},"
    + "\"bad\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(second)}}"
  let text = try #require(line(file(header, [1, 2, 3])))
  #expect(text.contains(found), "\(text)")
  #expect(text.contains("bad: ") || text.contains("a: "), "\(text)")
}

@Test func picklesAreNeverRead() throws {
  #expect(line([0x50, 0x4b, 3, 4, 0, 0, 0, 0, 8, 0])?.contains("pickle is never executed") == true)
  #expect(line([0x80, 2, 0x63, 1, 2, 3, 4, 5, 6, 7])?.contains("pickle is never executed") == true)
}

@Test func weightsThatAreNotFiniteAreNamed() throws {
  for bad: Float in [.nan, .infinity] {
    let bytes = SafetensorsFile.encode(tensors: [("w", NpyArray([1, bad] as [Float], shape: [2]))])
    let read = try SafetensorsFile(bytes, name: "x")
    let text = errorLine { _ = try read.finiteFloats(try #require(read["w"])) }
    #expect(text?.contains("x: w: ") == true && text?.contains("at element 1") == true)
  }
}
