import Foundation
import NeuralEngine
import Testing

@Suite struct ONNXOperatorListTests {
  @Test func listNamesExactlyTheOperatorsThatAreRead() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("docs/onnx-operators.md"), encoding: .utf8)
    let listed = text.split(separator: "\n").filter { $0.hasPrefix("- `") }.map {
      String($0.dropFirst(3).prefix { $0 != "`" })
    }
    #expect(listed.count == Set(listed).count)
    #expect(Set(listed).subtracting(ONNXNetwork.operators).sorted() == [])
    #expect(Set(ONNXNetwork.operators).subtracting(listed).sorted() == [])
  }
}
