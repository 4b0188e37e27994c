import Foundation
import NeuralEngine
import Testing

/// Just enough of protocol buffers to write models that no library would.
enum Wire {
  static func varint(_ value: Int) -> [UInt8] {
    var rest = UInt64(bitPattern: Int64(value)), bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
  static func int(_ field: Int, _ value: Int) -> [UInt8] { varint(field << 3) + varint(value) }
  static func bytes(_ field: Int, _ content: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(content.count) + content
  }
  static func text(_ field: Int, _ content: String) -> [UInt8] { bytes(field, Array(content.utf8)) }

  static func node(_ kind: String, _ inputs: [String], _ outputs: [String], _ rest: [UInt8] = []) -> [UInt8] {
    bytes(1, inputs.flatMap { text(1, $0) } + outputs.flatMap { text(2, $0) } + text(4, kind) + rest)
  }
  static func ints(_ name: String, _ values: [Int]) -> [UInt8] {
    bytes(5, text(1, name) + values.flatMap { int(8, $0) } + int(20, 7))
  }
  static func graph(_ name: String, _ content: [UInt8]) -> [UInt8] {
    bytes(5, text(1, name) + bytes(6, content) + int(20, 5))
  }
  /// An input or output of a graph (field 11 or 12), of floats unless said otherwise.
  static func info(_ field: Int, _ name: String, _ shape: [Int], element: Int = 1) -> [UInt8] {
    let dims = shape.flatMap { bytes(1, int(1, $0)) }
    return bytes(field, text(1, name) + bytes(2, bytes(1, int(1, element) + bytes(2, dims))))
  }
  static func constant(_ name: String, integers: [Int], shape: [Int]) -> [UInt8] {
    bytes(5, shape.flatMap { int(1, $0) } + int(2, 7) + integers.flatMap { int(7, $0) } + text(8, name))
  }
  static func initializer(_ name: String, _ shape: [Int], _ rest: [UInt8]) -> [UInt8] {
    bytes(5, shape.flatMap { int(1, $0) } + int(2, 1) + text(8, name) + rest)
  }
  static func model(_ graph: [UInt8], opset: Int = 21) -> [UInt8] {
    int(1, 10) + bytes(7, graph) + bytes(8, int(2, opset))
  }
}

/// What reading a model complains of, or nil.
private func complaint(_ bytes: [UInt8], at name: String = "m.onnx") -> String? {
  do {
    _ = try ONNXNetwork(bytes: bytes, name: name)
    return nil
  } catch {
    return "\(error)"
  }
}

@Suite struct HostileONNXTests {
  private let ends = Wire.info(11, "x", [1, 2]) + Wire.info(12, "y", [1, 2])

  @Test func unknownOperatorIsNamed() throws {
    let text = try #require(complaint(Wire.model(Wire.node("Frobnicate", ["x"], ["y"]) + ends)))
    #expect(text.contains("m.onnx: graph: operator Frobnicate (node Frobnicate_0) (expected operators of docs/"))
  }

  @Test func allUnknownOperatorsAreNamedAtOnce() throws {
    let foreign = Wire.node("pool", ["x"], ["a"], Wire.text(3, "n1") + Wire.text(7, "acme"))
    let text = try #require(complaint(Wire.model(foreign + Wire.node("Det", ["a"], ["y"]) + ends)))
    #expect(text.contains("operator pool of domain acme (node n1), operator Det (node Det_1)"))
  }

  @Test(arguments: [0, 25, 99, -1]) func operatorSetOutsideRangeIsRefused(opset: Int) throws {
    let text = try #require(complaint(Wire.model(Wire.node("Relu", ["x"], ["y"]) + ends, opset: opset)))
    #expect(text.contains("opset \(opset)") && text.contains("opset 1 to 24"))
  }

  @Test func cycleIsFound() throws {
    let nodes =
      Wire.node("Add", ["x", "b"], ["a"]) + Wire.node("Relu", ["a"], ["b"]) + Wire.node("Relu", ["b"], ["y"])
    #expect(try #require(complaint(Wire.model(nodes + ends))).contains("a cycle through this node"))
  }

  @Test func nodesOutOfOrderAreSorted() throws {
    let nodes = Wire.node("Relu", ["a"], ["y"]) + Wire.node("Neg", ["x"], ["a"])
    let network = try ONNXNetwork(bytes: Wire.model(nodes + ends), name: "m.onnx")
    let y = try Interpreter.run(network.graph, ["x": TensorValue([1, 2], [-3, 4])])
    #expect(y[0].floats == [3, 0])
  }

  @Test func danglingInputIsNamed() throws {
    let text = try #require(complaint(Wire.model(Wire.node("Relu", ["ghost"], ["y"]) + ends)))
    #expect(text.contains("input ghost, which nothing makes"))
  }

  @Test(arguments: ["../secret.bin", "/etc/passwd", "a/../../b", "", "n\0ul", "absent.bin", "link"])
  func externalDataOutsideTheFolderIsRefused(location: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/link", withDestinationPath: "/etc/passwd")
    let external = Wire.bytes(13, Wire.text(1, "location") + Wire.text(2, location)) + Wire.int(14, 1)
    let graph = Wire.node("Add", ["x", "w"], ["y"]) + ends + Wire.initializer("w", [1, 2], external)
    let text = try #require(complaint(Wire.model(graph), at: folder.path + "/m.onnx"))
    #expect(text.contains("initializer w: external data"))
  }

  @Test func externalDataIsRead() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    try Data([0, 0, 0, 0] + [Float(1), 2].flatMap { withUnsafeBytes(of: $0) { Array($0) } })
      .write(to: folder.appendingPathComponent("w.bin"))
    for (offset, isRight) in [(4, true), (8, false), (-1, false)] {
      let external =
        Wire.bytes(13, Wire.text(1, "location") + Wire.text(2, "w.bin"))
        + Wire.bytes(13, Wire.text(1, "offset") + Wire.text(2, "\(offset)")) + Wire.int(14, 1)
      let graph = Wire.node("Add", ["x", "w"], ["y"]) + ends + Wire.initializer("w", [1, 2], external)
      #expect((complaint(Wire.model(graph), at: folder.path + "/m.onnx") == nil) == isRight)
    }
  }

  @Test(arguments: [[1, 2], [1 << 40, 1 << 40], [-1, 2], [1 << 62, 4]])
  func initializerBiggerThanItsDataIsRefused(shape: [Int]) throws {
    let graph =
      Wire.node("Add", ["x", "w"], ["y"]) + ends + Wire.initializer("w", shape, Wire.bytes(9, [0, 0, 0, 0]))
    #expect(try #require(complaint(Wire.model(graph))).contains("initializer w"))
  }

  @Test func deepNestingIsRefused() throws {
    // A node (field 1 of a graph) with an attribute (5) with a graph (6), ten thousand times; written from the inside
    // out and from the end to the beginning, so that it takes no time.
    var reversed: [UInt8] = []
    for level in 0..<9_999 {
      let head = Wire.varint([6, 5, 1][level % 3] << 3 | 2) + Wire.varint(reversed.count)
      reversed += head.reversed()
    }
    let content = Array(reversed.reversed())
    #expect(try #require(complaint(Wire.model(content))).contains("messages nested deeper than 100"))
  }

  @Test func pickleIsNeverRead() throws {
    for start: [UInt8] in [[0x50, 0x4b, 3, 4], [0x80, 2, 0x63]] {
      #expect(try #require(complaint(start)).contains("pickle is never executed"))
    }
  }

  @Test func truncationAtEveryByteIsAnError() throws {
    var graph = Graph()
    let x = graph.addInput("x", [1, 3, 8, 8])
    let y = try graph.convolution(x, outputs: 4, kernel: 3, name: "c")
    graph.markOutput(try graph.relu(y))
    let bytes = try ONNXExport.bytes(graph)
    #expect(complaint(bytes) == nil)
    for count in 0..<bytes.count { _ = complaint(Array(bytes[..<count])) }
    #expect(complaint(Array(bytes[..<(bytes.count / 2)])) != nil)
  }

  @Test func hugeExtentsAreAnError() throws {
    let attributes = Wire.ints("strides", [1 << 40, 1 << 40])
    let graph =
      Wire.node("Conv", ["x", "w"], ["y"], attributes) + Wire.info(11, "x", [1, 1, 1 << 20, 1 << 9])
      + Wire.info(11, "w", [1, 1, 1 << 20, 1 << 9]) + Wire.info(12, "y", [1])
    #expect(complaint(Wire.model(graph)) != nil)
  }
}

@Suite struct ONNXExportTests {
  /// Values through a graph, and through the graph read back from its own ONNX.
  private func roundTrip(_ graph: Graph, _ inputs: [String: TensorValue]) throws -> (
    [TensorValue], [TensorValue]
  ) {
    let back = try ONNXNetwork(bytes: try ONNXExport.bytes(graph), name: "back.onnx")
    return (try Interpreter.run(graph, inputs), try Interpreter.run(back.graph, inputs))
  }

  @Test func networksComeBackTheSame() throws {
    var random = TestRandom(6)
    let camera = try LiftSplatNetworks.camera(batch: 1, height: 32, width: 64)
    let (a, b) = try roundTrip(camera, ["image": random.tensor([1, 3, 32, 64])])
    for (x, y) in zip(a, b) { #expect(relativeDifference(y, x) < 1e-6) }
    let bev = try LiftSplatNetworks.birdsEyeView(size: 24)
    let (c, d) = try roundTrip(bev, ["bev": random.tensor([1, 64, 24, 24])])
    for (x, y) in zip(c, d) { #expect(relativeDifference(y, x) < 1e-6) }
  }

  @Test func symmetricPaddingComesBackThoughONNXHasNone() throws {
    var graph = Graph()
    let x = graph.addInput("x", [1, 1, 2, 3])
    graph.markOutput(
      try graph.apply(.pad(.init(Padding(before: [0, 0, 1, 2], after: [0, 0, 3, 1]), mode: .symmetric)), x))
    let (a, b) = try roundTrip(graph, ["x": TensorValue([1, 1, 2, 3], [1, 2, 3, 4, 5, 6])])
    #expect(a[0] == b[0])
    #expect(a[0].floats?.prefix(6) == [2, 1, 1, 2, 3, 3])
  }
}
