import Files
import Foundation
import Results
import TestKit
import Testing

@Suite struct JSONTests {
  @Test func valuesReadBackInOrder() throws {
    let value = JSONValue.members([
      "z": .number(0.1), "a": .array([.integer(3), .null, .bool(true), .string("a\"\\\n\u{1}é😀")]),
      "empty": .array([]), "none": .object([]), "deep": .members(["x": .members(["y": .number(-1e300)])]),
    ])
    #expect(try JSONValue.parse(Array(value.text.utf8), file: "made up") == value)
    #expect(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) is [String: Any])
    #expect(value.text.hasSuffix("}\n"))
  }

  @Test func whatIsNotFiniteIsNull() {
    #expect(
      JSONValue.array([.number(.nan), .number(.infinity), .optional(Double?.none)]).text
        == "[null, null, null]\n")
  }

  @Test func aManifestThatLacksAFieldSaysWhich() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/run.json"
    let manifest = Made.manifest(["a"])
    try manifest.write(path)
    #expect(try RunManifest(path: path) == manifest)
    let text = manifest.json.text
    for field in [
      "schema", "version", "precision", "threads", "cpu", "configuration", "version_folder", "frames",
    ] {
      let changed = text.replacingOccurrences(of: "\n  \"\(field)\":", with: "\n  \"x\":")
      try changed.write(toFile: path, atomically: true, encoding: .utf8)
      let error = #expect(throws: ResultsError.self) { try RunManifest(path: path) }
      #expect(error?.place == field)
    }
  }
}
