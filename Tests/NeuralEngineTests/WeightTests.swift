import Files
import Foundation
import NeuralEngine
import Testing

/// Weights as files: FAULTS.md's rows F46 to F50 as they reach a graph (ArrayFilesTests hold the format's own).
@Suite struct WeightTests {
  private func network(outputs: Int = 3) throws -> Graph {
    var graph = Graph(name: "net", seed: 9)
    let x = graph.addInput("x", [1, 2, 4, 4])
    let y = try graph.convolution(x, outputs: outputs, kernel: 3, name: "conv")
    graph.markOutput(try graph.batchNormalization(y, name: "norm"))
    return graph
  }

  private func temporary(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-weights-\(UInt64.random(in: 0 ... .max)).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  /// The error of loading these arrays into the network.
  private func fault(_ tensors: [(name: String, array: NpyArray)]) throws -> String {
    var graph = try network()
    let before = graph.weights.map { graph.value($0) }
    let file = try SafetensorsFile(SafetensorsFile.encode(tensors: tensors), name: "model.safetensors")
    do {
      try graph.loadWeights(file)
    } catch {
      #expect(graph.weights.map { graph.value($0) } == before)
      return "\(error)"
    }
    return "no error"
  }

  private func arrays(_ graph: Graph) -> [(name: String, array: NpyArray)] {
    graph.weights.map { (graph[$0].name, NpyArray(graph.value($0)?.floats ?? [], shape: graph.shape($0))) }
  }

  @Test func weightsComeBackAsTheyWere() throws {
    try temporary { path in
      let graph = try network()
      try graph.saveWeights(path, metadata: [("seed", "9")])
      var other = try network()
      try other.setWeights(
        Dictionary(
          uniqueKeysWithValues: other.weights.map { (other[$0].name, TensorValue(zeros: other[$0].type)) }))
      let metadata = try other.loadWeights(path)
      #expect(metadata.map(\.key) == ["seed"] && metadata.map(\.value) == ["9"])
      #expect(other.weights.map { other.value($0) } == graph.weights.map { graph.value($0) })
    }
  }

  @Test func otherFloatTypesAreConverted() throws {
    var graph = try network()
    var tensors = arrays(graph)
    let place = try #require(tensors.firstIndex { $0.name == "norm.bias" })
    tensors[place].array = NpyArray([0.5, -2, 8] as [Double], shape: [3])
    try graph.loadWeights(try SafetensorsFile(SafetensorsFile.encode(tensors: tensors), name: "f64"))
    #expect(graph.tensor(named: "norm.bias").flatMap { graph.value($0) }?.floats == [0.5, -2, 8])
  }

  @Test func everyMismatchIsListedAtOnce() throws {
    var tensors = arrays(try network())
    tensors.removeAll { $0.name == "conv.bias" }
    let place = try #require(tensors.firstIndex { $0.name == "norm.bias" })
    tensors[place].array = NpyArray([1, 2, 3, 4] as [Float], shape: [4])
    let mean = try #require(tensors.firstIndex { $0.name == "norm.running_mean" })
    tensors[mean].array = NpyArray([1, 2, 3] as [Int64], shape: [3])
    tensors.append(("extra", NpyArray([1] as [Float], shape: [1])))
    let text = try fault(tensors)
    #expect(text.hasPrefix("model.safetensors: tensors: "), "\(text)")
    for part in [
      "conv.bias: missing (float32[3])", "norm.bias: float32[4] for float32[3]",
      "norm.running_mean: int64[3] for float32[3]", "extra: not in the network",
      "(expected the network's 6 weights)",
    ] { #expect(text.contains(part), "\(text)") }
  }

  @Test func numbersThatAreNoneAreRefused() throws {
    for bad in [Float.nan, .infinity, -.infinity] {
      var tensors = arrays(try network())
      let place = try #require(tensors.firstIndex { $0.name == "norm.weight" })
      tensors[place].array = NpyArray([1, bad, 1], shape: [3])
      let text = try fault(tensors)
      #expect(text.contains("model.safetensors: norm.weight: ") && text.contains("at element 1"), "\(text)")
    }
  }

  @Test func picklesAndBrokenFilesAreRefusedByName() throws {
    let good = SafetensorsFile.encode(tensors: arrays(try network()))
    let cases: [(bytes: [UInt8], part: String)] = [
      ([0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 40), "pickle is never executed"),
      ([0x80, 2] + [UInt8](repeating: 0, count: 40), "pickle is never executed"),
      (Array(good.dropLast(1)), "data_offsets"), (Array(good.prefix(4)), "HeaderTooSmall"),
      ([UInt8](repeating: 0xff, count: 16), "HeaderTooLarge"),
    ]
    for (bytes, part) in cases {
      try temporary { path in
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        var graph = try network()
        do {
          try graph.loadWeights(path)
          Issue.record("no error for \(part)")
        } catch {
          #expect("\(error)".contains(part) && "\(error)".contains(path), "\(error)")
        }
      }
    }
  }
}
