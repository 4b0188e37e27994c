import Files
import Foundation
import NeuralEngine
import Testing

@Suite struct RunCommandTests {
  /// Multiples of x, 1 to the number of names, as outputs of these names.
  private func run(_ names: [String], in folder: URL) throws -> Apus.Outcome {
    var graph = Graph()
    let x = graph.addInput("x", [3])
    for k in names.indices {
      graph.markOutput(try graph.apply(.unary(.init(.linear(alpha: Float(k + 1), beta: 0))), x))
    }
    try Data(try ONNXExport.bytes(graph, outputNames: names)).write(to: folder.appendingPathComponent("m.onnx"))
    try NpyFile.write(folder.path + "/x.npy", NpyArray([1, 2, 3] as [Float], shape: [3]))
    return try Apus.run([
      "run", folder.path + "/m.onnx", "--input", "x=\(folder.path)/x.npy", "--output", folder.path + "/out",
      "--json",
    ])
  }

  @Test func outputsWhoseNamesAreNoFilesGetSafeOnes() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    let names = ["/a/b", "a/b", "a_b", "../c", "plain"]
    let outcome = try run(names, in: folder)
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
    let files = try #require(report["outputs"] as? [String: String])
    #expect(files["a_b"] == "a_b.npy" && files["plain"] == "plain.npy")
    #expect(Set(files.values).count == names.count)
    for (k, name) in names.enumerated() {
      let file = try #require(files[name])
      #expect(outcome.standardError.contains("output \(name): ") && outcome.standardError.contains(file))
      let values = try NpyFile.read(folder.path + "/out/" + file).floats()
      #expect(values == [1, 2, 3].map { $0 * Float(k + 1) })
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["m.onnx", "out", "x.npy"])
  }
}
